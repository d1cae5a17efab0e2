/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Clients of a server in the same process: both ends turn in one loop, with a deadline. */
#ifndef TESTS_UNIT_HTTP_CLIENT_H
#define TESTS_UNIT_HTTP_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "util.h"

#define CLIENT_DEADLINE_NS (5 * NSEC_PER_SEC)

struct client {
	struct event_base *base;
	struct event *event;
	int fd;
	char *data; /* what came, with a NUL */
	size_t length;
	bool closed, deaf; /* deaf: nothing is read */
};

static inline void client_on_read(int fd, short what, void *data)
{
	struct client *client = data;
	char piece[65536];
	ssize_t length = recv(fd, piece, sizeof(piece), 0);

	(void)what;
	if (length < 0 && errno == EAGAIN)
		return;
	if (length <= 0) {
		client->closed = true;
		event_del(client->event);
		return;
	}
	client->data = realloc(client->data, client->length + (size_t)length + 1);
	memcpy(client->data + client->length, piece, (size_t)length);
	client->length += (size_t)length;
	client->data[client->length] = '\0';
}

static inline void client_listen(struct client *client)
{
	client->deaf = false;
	event_add(client->event, NULL);
}

static inline struct client *client_open(struct event_base *base, const char *path)
{
	struct client *client = calloc(1, sizeof(*client));
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, path);
	client->base = base;
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	fcntl(client->fd, F_SETFL, O_NONBLOCK);
	client->event = event_new(base, client->fd, EV_READ | EV_PERSIST, client_on_read, client);
	client->data = calloc(1, 1);
	client_listen(client);
	return client;
}

/* As another user, who may reach the socket. */
static inline struct client *client_open_as(struct event_base *base, const char *path, uid_t uid)
{
	struct client *client;

	assert_int_equal(seteuid(uid), 0);
	client = client_open(base, path);
	assert_int_equal(seteuid(0), 0);
	return client;
}

static inline void client_close(struct client **client)
{
	if (!*client)
		return;
	event_free((*client)->event);
	close((*client)->fd);
	free((*client)->data);
	free(*client);
	*client = NULL;
}

static inline void client_on_tick(int fd, short what, void *data)
{
	(void)fd;
	(void)what;
	(void)data;
}

/* Until `is_done` says so; false when it is late. */
static inline bool turn_until(struct event_base *base, bool (*is_done)(void *data), void *data)
{
	const struct timeval step = { 0, 20000 };
	uint64_t end_ns = monotonic_ns() + CLIENT_DEADLINE_NS;
	struct event *tick = event_new(base, -1, EV_PERSIST, client_on_tick, NULL);
	bool done;

	event_add(tick, &step);
	while (!(done = is_done(data)) && monotonic_ns() < end_ns)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(tick);
	return done;
}

static inline void client_send_bytes(struct client *client, const char *text, size_t length)
{
	while (length) {
		ssize_t sent = send(client->fd, text, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EPIPE)
			return;
		if (sent < 0 && errno == EAGAIN) {
			event_base_loop(client->base, EVLOOP_ONCE);
			continue;
		}
		assert_true(sent > 0);
		text += sent;
		length -= (size_t)sent;
	}
}

static inline void client_send(struct client *client, const char *text)
{
	client_send_bytes(client, text, strlen(text));
}

struct client_wanted {
	struct client *client;
	const char *text;
	size_t times;
};

static inline bool client_has(void *data)
{
	const struct client_wanted *wanted = data;
	const char *at = wanted->client->data;
	size_t times = 0;

	while ((at = strstr(at, wanted->text))) {
		at += strlen(wanted->text);
		times++;
	}
	return times >= wanted->times;
}

/* Until this has come so often. */
static inline void client_wait(struct client *client, const char *text, size_t times)
{
	struct client_wanted wanted = { client, text, times };

	if (!turn_until(client->base, client_has, &wanted))
		fail_msg("no '%s' %zu times in: %s", text, times, client->data);
}

static inline bool client_is_closed(void *client)
{
	return ((struct client *)client)->closed;
}

static inline void client_wait_closed(struct client *client)
{
	if (!turn_until(client->base, client_is_closed, client))
		fail_msg("still open after: %s", client->data);
}

#endif
