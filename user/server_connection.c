// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A client's connection: in which state it is, how long it may be, and what becomes of it when the
 * client is slow, has said all, or is gone.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>
#include <utlist.h>

#include "server_internal.h"
#include "util.h"

/* What is read ahead of a request that is not due yet. */
#define AHEAD_BYTES_MAX (64 * 1024)
/* Long enough for a client to read why it was refused while it still sends. */
#define LINGER_MS 2000
/* How often it is looked whether a reader that sends nothing more still reads. */
#define LOOK_MS 2000
/* A new client may take the place of one that was idle for so long. */
#define IDLE_NS NSEC_PER_SEC

static void set_deadline(struct server_connection *connection, unsigned int ms)
{
	const struct timeval wait = { ms / 1000, ms % 1000 * 1000 };

	event_add(connection->deadline, &wait);
}

static unsigned int idle_ms(const struct server_connection *connection)
{
	return connection->server->options.idle_ms;
}

static size_t unsent_of(const struct server_connection *connection)
{
	return evbuffer_get_length(bufferevent_get_output(connection->buffer));
}

/* What comes while an answer is awaited stays with the kernel, but for a little. */
static void limit_input(struct server_connection *connection)
{
	bool reading = connection->state == CONNECTION_HEAD ||
		       connection->state == CONNECTION_BODY ||
		       connection->state == CONNECTION_LINGER;

	bufferevent_setwatermark(connection->buffer, EV_READ, 0, reading ? 0 : AHEAD_BYTES_MAX);
}

void connection_enter(struct server_connection *connection, enum connection_state state)
{
	connection->state = state;
	connection->since_ns = monotonic_ns();
	limit_input(connection);
	switch (state) {
	case CONNECTION_HEAD:
		connection->begun = false;
		set_deadline(connection, idle_ms(connection));
		break;
	case CONNECTION_BODY: /* in the time that the head had */
		break;
	case CONNECTION_ANSWER:
		connection->unsent = unsent_of(connection);
		set_deadline(connection, idle_ms(connection));
		break;
	case CONNECTION_LINGER:
		set_deadline(connection, LINGER_MS);
		break;
	case CONNECTION_READY:
	case CONNECTION_PENDING:
		event_del(connection->deadline);
		break;
	case CONNECTION_STREAM:
		event_del(connection->deadline);
		/* Who said its end before will not be heard of again. */
		if (connection->ended)
			set_deadline(connection, LOOK_MS);
		break;
	}
}

bool connection_is_idle(const struct server_connection *connection, uint64_t now_ns)
{
	return connection->state == CONNECTION_HEAD && !connection->begun &&
	       now_ns - connection->since_ns >= IDLE_NS;
}

/* All that it asked for has been said. */
static void finish_answer(struct server_connection *connection)
{
	if (connection->keep) {
		connection_enter(connection, CONNECTION_HEAD);
		connection_read(connection);
		return;
	}
	if (connection->ended) {
		connection_close(connection);
		return;
	}
	/* With bytes unread, to close it now would make the kernel reset it under the answer. */
	shutdown(bufferevent_getfd(connection->buffer), SHUT_WR);
	connection_enter(connection, CONNECTION_LINGER);
	connection_read(connection);
}

static void on_read(struct bufferevent *buffer, void *data)
{
	(void)buffer;
	connection_read(data);
}

/* Called when all is written. */
static void on_written(struct bufferevent *buffer, void *data)
{
	struct server_connection *connection = data;
	struct server_stream *stream = connection->stream;

	(void)buffer;
	if (connection->state == CONNECTION_ANSWER) {
		finish_answer(connection);
	} else if (connection->state == CONNECTION_STREAM && stream->full) {
		stream->full = false;
		stream->options.ready(stream, stream->options.data);
	}
}

/* Nobody is at the other end, neither to send nor to read. */
static bool is_hung_up(const struct server_connection *connection)
{
	struct pollfd fd = { .fd = bufferevent_getfd(connection->buffer) };

	return poll(&fd, 1, 0) == 1 && fd.revents & (POLLHUP | POLLERR);
}

/* Who has said all may still read. */
static void on_end(struct server_connection *connection)
{
	connection->ended = true;
	switch (connection->state) {
	case CONNECTION_HEAD:
	case CONNECTION_BODY:
		if (connection->begun && !is_hung_up(connection))
			connection_refuse(connection, 400, "the request ends too early");
		else
			connection_close(connection);
		break;
	case CONNECTION_STREAM:
		if (is_hung_up(connection))
			connection_close(connection);
		else
			set_deadline(connection, LOOK_MS);
		break;
	case CONNECTION_LINGER:
		connection_close(connection);
		break;
	case CONNECTION_READY:
	case CONNECTION_PENDING:
	case CONNECTION_ANSWER:
		break;
	}
}

static void on_event(struct bufferevent *buffer, short what, void *data)
{
	struct server_connection *connection = data;

	(void)buffer;
	if (what & BEV_EVENT_EOF && what & BEV_EVENT_READING)
		on_end(connection);
	else
		connection_close(connection);
}

static void on_deadline(int fd, short what, void *data)
{
	struct server_connection *connection = data;

	(void)fd;
	(void)what;
	if (connection->state == CONNECTION_STREAM) {
		on_end(connection);
		return;
	}
	if (connection->state == CONNECTION_ANSWER && unsent_of(connection) < connection->unsent) {
		connection_enter(connection, CONNECTION_ANSWER);
		return;
	}
	if (connection->begun &&
	    (connection->state == CONNECTION_HEAD || connection->state == CONNECTION_BODY))
		connection_refuse(connection, 408, "the request took too long to come");
	else
		connection_close(connection);
}

struct server_peer connection_peer(int fd)
{
	struct ucred credentials = { 0, (uid_t)-1, (gid_t)-1 };
	socklen_t size = sizeof(credentials);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
	return (struct server_peer){ credentials.pid, credentials.uid, credentials.gid };
}

int connection_open(struct server *server, int fd, bool excess)
{
	struct server_connection *connection = calloc(1, sizeof(*connection));

	if (!connection) {
		close(fd);
		return -ENOMEM;
	}
	connection->server = server;
	connection->peer = connection_peer(fd);
	DL_APPEND2(server->connections, connection, previous, next);
	server->count++;
	connection->deadline = evtimer_new(server->base, on_deadline, connection);
	connection->buffer = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!connection->buffer)
		close(fd);
	if (!connection->buffer || !connection->deadline) {
		connection_close(connection);
		return -ENOMEM;
	}
	bufferevent_setcb(connection->buffer, on_read, on_written, on_event, connection);
	connection_enter(connection, CONNECTION_HEAD);
	bufferevent_enable(connection->buffer, EV_READ | EV_WRITE);
	if (excess)
		connection_refuse(connection, 503, "too many clients are connected");
	return 0;
}

static void leave_stream(struct server_connection *connection)
{
	struct server_stream *stream = TAKE_PTR(connection->stream);

	if (!stream)
		return;
	stream->options.left(stream, stream->options.data);
	free(stream);
}

/* A request that the caller has is the caller's. */
static void leave_request(struct server_connection *connection)
{
	struct server_request *request = TAKE_PTR(connection->request);

	if (!request)
		return;
	request->connection = NULL;
	if (connection->state != CONNECTION_PENDING)
		request_free(request);
}

void connection_close(struct server_connection *connection)
{
	struct server *server = connection->server;
	bool large = connection->large;

	DL_DELETE2(server->connections, connection, previous, next);
	server->count--;
	leave_request(connection);
	leave_stream(connection);
	if (connection->deadline)
		event_free(connection->deadline);
	if (connection->buffer)
		bufferevent_free(connection->buffer);
	free(connection);
	/* What was made of it, or it of, is many times as large, and the heap would keep it. */
	if (large)
		malloc_trim(0);
}
