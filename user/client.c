// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "client.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "client_internal.h"
#include "span.h"

/* What is received at once, at least, if it is there. */
#define ROOM_BYTES_MIN 4096

static void connection_finish(struct connection *connection)
{
	close_fd(&connection->fd);
	free(TAKE_PTR(connection->text));
}

static int fail_to_connect(const char *path, int error, struct failure *failure)
{
	failure_set(failure, 0, "cannot connect to %s: %s", path, strerror(error));
	if (error == ENOENT || error == ECONNREFUSED)
		failure_set(failure, 0, "cannot connect to %s: %s; is `cgfence daemon` running?",
			    path, strerror(error));
	if (error == EACCES)
		failure_hint(failure,
			     "only root and members of the group cgfence may; use sudo(8)");
	return -error;
}

static int connect_to(const char *path, struct connection *connection, struct failure *failure)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval timeout = { .tv_sec = CLIENT_TIMEOUT_S };

	if (strlen(path) >= sizeof(address.sun_path))
		return fail_to_connect(path, ENAMETOOLONG, failure);
	strcpy(address.sun_path, path);
	connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0)
		return failure_set(failure, errno, "cannot make a socket");
	if (setsockopt(connection->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(connection->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)))
		return failure_set(failure, errno, "cannot set the timeout of a socket");
	if (connect(connection->fd, (struct sockaddr *)&address, sizeof(address)))
		return fail_to_connect(path, errno, failure);
	return 0;
}

static int send_all(struct connection *connection, const char *text, size_t length)
{
	size_t sent = 0;
	ssize_t count;

	while (sent < length) {
		count = send(connection->fd, text + sent, length - sent, MSG_NOSIGNAL);
		if (count < 0 && errno != EINTR)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		sent += count > 0 ? (size_t)count : 0;
	}
	return 0;
}

/* A daemon that refuses what it has not read whole closes; its answer is there all the same. */
static int send_request(struct connection *connection, const struct client_request *request)
{
	_cleanup_free_ char *head = NULL;
	int r, length;

	if (request->type)
		length = asprintf(&head,
				  "%s %s HTTP/1.0\r\nHost: cgfence\r\nContent-Type: %s\r\n"
				  "Content-Length: %zu\r\n\r\n",
				  request->method, request->path, request->type, request->length);
	else
		length = asprintf(&head, "%s %s HTTP/1.0\r\nHost: cgfence\r\n\r\n", request->method,
				  request->path);
	if (length < 0)
		return -ENOMEM;
	r = send_all(connection, head, (size_t)length);
	if (!r && request->type)
		r = send_all(connection, request->body, request->length);
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

int connection_receive(struct connection *connection, size_t limit)
{
	size_t capacity = connection->capacity ? connection->capacity : 2 * ROOM_BYTES_MIN;
	ssize_t count;
	char *grown;

	if (connection->length >= limit)
		return -EMSGSIZE;
	while (capacity < connection->length + ROOM_BYTES_MIN)
		capacity *= 2;
	if (capacity != connection->capacity) {
		grown = realloc(connection->text, capacity);
		if (!grown)
			return -ENOMEM;
		connection->text = grown;
		connection->capacity = capacity;
	}
	do
		count = recv(connection->fd, connection->text + connection->length,
			     capacity - connection->length - 1, 0);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	connection->length += (size_t)count;
	connection->text[connection->length] = '\0';
	return count > 0;
}

void connection_drop(struct connection *connection, size_t count)
{
	connection->length -= count;
	memmove(connection->text, connection->text + count, connection->length + 1);
}

/* Where the head ends, with its blank line; 0: not yet. */
static size_t end_of_head(const struct connection *connection)
{
	const char *end = connection->length ? strstr(connection->text, "\r\n\r\n") : NULL;

	return end ? (size_t)(end - connection->text) + 4 : 0;
}

/* "HTTP/1.1 200 OK" */
static int read_status(const char *head, int *ret_status)
{
	static const char version[] = "HTTP/1.";
	const char *digits = head + strlen(version) + 2;

	if (strncmp(head, version, strlen(version)) || !ascii_is_digit(head[strlen(version)]) ||
	    digits[-1] != ' ' || strspn(digits, "0123456789") != 3)
		return -EBADMSG;
	*ret_status = (int)span_to_number((struct span){ digits, 0, 3 });
	return 0;
}

/* -1 if it is not said; -EBADMSG is another number below that. */
static ssize_t read_length(const char *head, const char *end)
{
	static const char name[] = "\r\nContent-Length:";
	const char *line;
	struct span value;

	for (line = strchr(head, '\r'); line && line < end; line = strchr(line + 2, '\r')) {
		if (strncasecmp(line, name, strlen(name)))
			continue;
		value = (struct span){ line, strlen(name), 0 };
		value.begin += strspn(line + value.begin, " \t");
		value.end = value.begin + strspn(line + value.begin, "0123456789");
		return span_is_digits(value) ? (ssize_t)span_to_number(value) : -EBADMSG;
	}
	return -1;
}

/* Reads the head and drops it; the length is -1 if the answer ends where the connection does. */
static int receive_head(struct connection *connection, int *ret_status, ssize_t *ret_length)
{
	size_t end = 0;
	int r;

	while (!(end = end_of_head(connection))) {
		r = connection_receive(connection, CLIENT_HEAD_BYTES_MAX);
		if (r <= 0)
			return r < 0 ? r : -ECONNRESET;
	}
	r = read_status(connection->text, ret_status);
	if (r)
		return r;
	*ret_length = read_length(connection->text, connection->text + end - 2);
	if (*ret_length < -1)
		return -EBADMSG;
	connection_drop(connection, end);
	return 0;
}

static int receive_body(struct connection *connection, ssize_t length, struct client_answer *answer)
{
	int r = 1;

	while (r > 0 && (length < 0 || connection->length < (size_t)length))
		r = connection_receive(connection, CLIENT_BODY_BYTES_MAX);
	if (r < 0)
		return r;
	if (length >= 0 && connection->length < (size_t)length)
		return -ECONNRESET;
	answer->length = length < 0 ? connection->length : (size_t)length;
	connection->text[answer->length] = '\0';
	answer->body = TAKE_PTR(connection->text);
	return 0;
}

static int say(int r, const char *path, const struct client_request *request,
	       struct failure *failure)
{
	switch (r) {
	case 0:
		return 0;
	case -ECONNRESET:
		failure_set(failure, 0, "the daemon at %s ended before it had answered", path);
		break;
	case -ETIMEDOUT:
		failure_set(failure, 0, "the daemon at %s has not answered for %d s", path,
			    CLIENT_TIMEOUT_S);
		break;
	case -EBADMSG:
		failure_set(failure, 0, "what answers at %s is no cgfence daemon", path);
		break;
	default:
		failure_set(failure, -r, "cannot talk to the daemon at %s", path);
	}
	if (strcmp(request->method, "GET"))
		failure_hint(failure, "it may have done what was asked of it: see `cgfence show`");
	return r;
}

/* Connects, asks, and reads the head of the answer. */
static int ask(const char *path, const struct client_request *request,
	       struct connection *connection, struct client_answer *answer, ssize_t *ret_length,
	       struct failure *failure)
{
	int r = connect_to(path, connection, failure);

	if (r)
		return r;
	r = send_request(connection, request);
	if (!r)
		r = receive_head(connection, &answer->status, ret_length);
	return say(r, path, request, failure);
}

int client_ask(const char *socket_path, const struct client_request *request,
	       struct client_answer *ret_answer, struct failure *failure)
{
	_cleanup_(connection_finish) struct connection connection = { .fd = -1 };
	struct client_answer answer = {};
	ssize_t length;
	int r = ask(socket_path, request, &connection, &answer, &length, failure);

	if (r)
		return r;
	r = receive_body(&connection, length, &answer);
	if (!r)
		*ret_answer = answer;
	return say(r, socket_path, request, failure);
}

void client_answer_finish(struct client_answer *answer)
{
	free(TAKE_PTR(answer->body));
}

int client_follow(const char *socket_path, const char *path, client_line_fn found, void *data,
		  struct client_answer *ret_answer, struct failure *failure)
{
	_cleanup_(connection_finish) struct connection connection = { .fd = -1 };
	const struct client_request request = { .method = "GET", .path = path };
	const struct timeval for_ever = {};
	struct client_answer answer = {};
	bool ended = false;
	ssize_t length;
	int r = ask(socket_path, &request, &connection, &answer, &length, failure);

	if (r)
		return r;
	if (answer.status != 200) {
		r = receive_body(&connection, length, &answer);
	} else {
		/* Nothing may happen for days. */
		setsockopt(connection.fd, SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof(for_ever));
		r = client_lines(&connection, found, data, &ended);
		/* What `found` returned is the caller's. */
		if (ended)
			return r;
	}
	if (!r)
		*ret_answer = answer;
	return say(r, socket_path, &request, failure);
}
