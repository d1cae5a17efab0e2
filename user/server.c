// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <utlist.h>

#include "server_internal.h"
#include "util.h"

/* Who comes when there are too many is told so, if not too many come. */
#define EXCESS_MAX 8
_Static_assert(SERVER_OTHERS_MAX + EXCESS_MAX < SERVER_CLIENTS_MAX, "there is room for root");
/* After that many a turn of the loop is for others. */
#define ACCEPTS_MAX 16
/* Before it is tried again to take a client for whom there was no descriptor. */
#define RESUME_MS 500

size_t server_clients(const struct server *server)
{
	return server->count;
}

/* Of those that wait for nothing the one that has for longest. */
static bool make_room(struct server *server)
{
	struct server_connection *connection, *oldest = NULL;
	uint64_t now_ns = monotonic_ns();

	DL_FOREACH (server->connections, connection)
		if (connection_is_idle(connection, now_ns) &&
		    (!oldest || connection->since_ns < oldest->since_ns))
			oldest = connection;
	if (oldest)
		connection_close(oldest);
	return oldest;
}

static void admit(struct server *server, int fd)
{
	size_t most = connection_peer(fd).uid ? SERVER_OTHERS_MAX : SERVER_CLIENTS_MAX;
	bool excess = server->count >= most && !make_room(server);

	if (server->count >= most + EXCESS_MAX)
		close(fd);
	else
		connection_open(server, fd, excess);
}

/* Without a descriptor the client would be announced for ever. */
static void pause_listening(struct server *server)
{
	const struct timeval wait = { 0, RESUME_MS * 1000 };

	event_del(server->listening);
	event_add(server->resume, &wait);
}

static void on_resume(int fd, short what, void *data)
{
	struct server *server = data;

	(void)fd;
	(void)what;
	event_add(server->listening, NULL);
}

static void on_client(int fd, short what, void *data)
{
	struct server *server = data;
	int i;

	(void)what;
	for (i = 0; i < ACCEPTS_MAX; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client >= 0) {
			admit(server, client);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_listening(server);
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

int server_init(struct server **ret_server, const struct server_options *options,
		struct failure *failure)
{
	_cleanup_(server_finish) struct server *server = calloc(1, sizeof(*server));
	int error;

	if (!server)
		return failure_set(failure, ENOMEM, "no memory");
	server->socket = (struct server_socket)SERVER_NO_SOCKET;
	server->base = options->base;
	server->options = *options;
	server->options.path = NULL;
	if (!server->options.idle_ms)
		server->options.idle_ms = SERVER_IDLE_S * 1000;
	signal(SIGPIPE, SIG_IGN);
	error = server_socket_open(&server->socket, options->path, options->group, failure);
	if (error)
		return error;
	server->listening = event_new(server->base, server->socket.fd, EV_READ | EV_PERSIST,
				      on_client, server);
	server->resume = evtimer_new(server->base, on_resume, server);
	server->turn = evtimer_new(server->base, server_on_turn, server);
	if (!server->listening || !server->resume || !server->turn ||
	    event_add(server->listening, NULL))
		return failure_set(failure, ENOMEM, "no memory");
	*ret_server = TAKE_PTR(server);
	return 0;
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

void server_finish(struct server **server_)
{
	struct server *server = TAKE_PTR(*server_);

	if (!server)
		return;
	while (server->connections)
		connection_close(server->connections);
	free_event(server->listening);
	free_event(server->resume);
	free_event(server->turn);
	server_socket_close(&server->socket);
	free(server);
}
