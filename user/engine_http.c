// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * As much of HTTP as one question needs: of version 1.0, so that the answer ends with the
 * connection, and is in one piece (RFC 9112).
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "engine_internal.h"
#include "util.h"

#define READ_BYTES 65536

struct reply {
	char *text; /* owned, NUL after it */
	size_t length, room;
};

static void reply_finish(struct reply *reply)
{
	free(reply->text);
}

static int wait_for(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd one = { .fd = fd, .events = events };
	uint64_t now_ns = monotonic_ns();
	int r;

	if (now_ns >= deadline_ns)
		return -ETIMEDOUT;
	r = poll(&one, 1, (int)((deadline_ns - now_ns) / NSEC_PER_MSEC) + 1);
	return r < 0 && errno != EINTR ? -errno : 0;
}

/* A listener whose queue is full says EAGAIN, and there is nothing to wait by. */
static int open_connection(const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (fd < 0)
		return -errno;
	if ((size_t)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int send_all(int fd, const char *text, uint64_t deadline_ns)
{
	size_t length = strlen(text), sent = 0;
	ssize_t count;
	int r = 0;

	while (!r && sent < length) {
		count = send(fd, text + sent, length - sent, MSG_NOSIGNAL);
		if (count >= 0)
			sent += (size_t)count;
		else
			r = errno == EAGAIN ? wait_for(fd, POLLOUT, deadline_ns) : -errno;
	}
	return r;
}

static int make_room(struct reply *reply)
{
	char *larger;

	if (reply->length + READ_BYTES < reply->room)
		return 0;
	if (reply->room > ENGINE_TEXT_BYTES_MAX)
		return -EFBIG;
	larger = realloc(reply->text, 2 * reply->room + 2 * READ_BYTES);
	if (!larger)
		return -ENOMEM;
	reply->text = larger;
	reply->room = 2 * reply->room + 2 * READ_BYTES;
	return 0;
}

static int receive_all(int fd, struct reply *reply, uint64_t deadline_ns)
{
	ssize_t count = 1;
	int r = 0;

	while (!r && count) {
		r = make_room(reply);
		count = r ? 0 : recv(fd, reply->text + reply->length, READ_BYTES, 0);
		if (count >= 0)
			reply->length += (size_t)count;
		else
			r = errno == EAGAIN ? wait_for(fd, POLLIN, deadline_ns) : -errno;
	}
	if (!r)
		reply->text[reply->length] = '\0';
	return r;
}

/* The body is moved to the beginning. */
static int split(struct reply *reply, unsigned int *ret_status)
{
	const char *body = strstr(reply->text, "\r\n\r\n");

	if (!body || sscanf(reply->text, "HTTP/1.%*1u %3u", ret_status) != 1)
		return -EPROTO;
	body += strlen("\r\n\r\n");
	reply->length -= (size_t)(body - reply->text);
	memmove(reply->text, body, reply->length + 1);
	return 0;
}

int engine_get(const char *socket_path, const char *path, unsigned int *ret_status, char **ret_body,
	       size_t *ret_length)
{
	const uint64_t deadline_ns = monotonic_ns() + ENGINE_TIMEOUT_MS * NSEC_PER_MSEC;
	_cleanup_(reply_finish) struct reply reply = {};
	_cleanup_close_ int fd = -1;
	char question[512];
	int r = open_connection(socket_path, &fd);

	if ((size_t)snprintf(question, sizeof(question),
			     "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n",
			     path) >= sizeof(question))
		return -ENAMETOOLONG;
	if (!r)
		r = send_all(fd, question, deadline_ns);
	if (!r)
		r = receive_all(fd, &reply, deadline_ns);
	if (!r)
		r = split(&reply, ret_status);
	if (r)
		return r;
	*ret_length = reply.length;
	*ret_body = TAKE_PTR(reply.text);
	return 0;
}
