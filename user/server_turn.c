// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Whose turn it is: what some requests take is a good part of a second, and there may be 64 at a
 * time. What else is on the loop comes between them.
 */
#include <utlist.h>

#include "server_internal.h"
#include "util.h"

/* After that much of a turn of the loop the rest of it is for others. */
#define TURN_NS (20 * NSEC_PER_MSEC)

static void pass(struct server_connection *connection)
{
	const struct server_options *options = &connection->server->options;

	connection_enter(connection, CONNECTION_PENDING);
	options->requested(connection->request, options->data);
}

static bool is_over(const struct server *server)
{
	return server->turn_ns && monotonic_ns() - server->turn_ns > TURN_NS;
}

static void begin_turn(struct server *server)
{
	const struct timeval soon = { 0, 0 };

	if (server->turn_ns)
		return;
	server->turn_ns = monotonic_ns();
	event_add(server->turn, &soon);
}

/* Root first, so that nobody can keep it waiting; then who waits for longest. */
static bool is_before(const struct server_connection *a, const struct server_connection *b)
{
	if (!a->peer.uid != !b->peer.uid)
		return !a->peer.uid;
	return a->since_ns < b->since_ns;
}

static struct server_connection *next_of(const struct server *server)
{
	struct server_connection *connection, *first = NULL;

	DL_FOREACH (server->connections, connection)
		if (connection->state == CONNECTION_READY &&
		    (!first || is_before(connection, first)))
			first = connection;
	return first;
}

void server_take_turn(struct server_connection *connection)
{
	if (is_over(connection->server)) {
		connection_enter(connection, CONNECTION_READY);
		return;
	}
	begin_turn(connection->server);
	pass(connection);
}

/* It is the loop's next turn. */
void server_on_turn(int fd, short what, void *data)
{
	struct server_connection *connection;
	struct server *server = data;

	(void)fd;
	(void)what;
	server->turn_ns = 0;
	while (!is_over(server) && (connection = next_of(server))) {
		begin_turn(server);
		pass(connection);
	}
}
