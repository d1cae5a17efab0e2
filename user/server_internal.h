/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the server share. */
#ifndef CGFENCE_SERVER_INTERNAL_H
#define CGFENCE_SERVER_INTERNAL_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "server.h"

/* --- the socket: server_socket.c ------------------------------------------------------------- */

struct server_socket {
	int fd, lock;
	char *path; /* owned */
	dev_t device;
	ino_t inode;
};
#define SERVER_NO_SOCKET                                                                           \
	{                                                                                          \
		-1, -1, NULL, 0, 0                                                                 \
	}
int server_socket_open(struct server_socket *ret_socket, const char *path, const char *group,
		       struct failure *failure);
void server_socket_close(struct server_socket *socket);

/* --- how often each user may ask: server_rate.c ---------------------------------------------- */

/* Users beyond this many take the place of the one that was quiet for longest. */
#define SERVER_RATE_USERS 64

struct server_rate {
	struct {
		uid_t uid;
		uint64_t spent_ns; /* what it asked for so far is paid for then; 0: unused */
	} users[SERVER_RATE_USERS];
};
/* Whether the user may ask once more; counts it if so. */
bool server_rate_take(struct server_rate *rate, uid_t uid, uint64_t now_ns);

/* --- connections: server_connection.c -------------------------------------------------------- */

enum connection_state {
	CONNECTION_HEAD, /* one is being read, or awaited */
	CONNECTION_BODY,
	CONNECTION_READY,   /* it is whole, and waits for its turn */
	CONNECTION_PENDING, /* the caller has the request */
	CONNECTION_ANSWER,  /* is on its way */
	CONNECTION_STREAM,
	CONNECTION_LINGER /* all was said; what still comes is thrown away */
};

struct server_connection {
	struct server *server;
	struct server_connection *previous, *next; /* as utlist.h has it */
	struct bufferevent *buffer;
	struct event *deadline;
	struct server_peer peer;
	enum connection_state state;
	bool begun;			/* of the head: some of it is there */
	bool ended;			/* the client sends nothing more */
	bool keep;			/* after the answer */
	bool large;			/* a request or an answer was */
	uint64_t since_ns;		/* in this state */
	size_t unsent;			/* of the answer, when it was last looked at */
	struct server_request *request; /* being read, or pending */
	struct server_stream *stream;
};

struct server_request {
	struct server_connection *connection; /* NULL: it is gone */
	struct server_peer peer;
	struct http_request http;
	struct http_chunks chunks;
	char *head;		/* owned; what `http` points into */
	struct evbuffer *input; /* of the body, while it is read */
	char *body;		/* owned */
	size_t length;
};

struct server_stream {
	struct server_connection *connection;
	struct server_stream_options options;
	bool chunked, full;
};

struct server_peer connection_peer(int fd);
/* Takes over the descriptor, also on failure. */
int connection_open(struct server *server, int fd, bool excess);
void connection_close(struct server_connection *connection);
/* So long in its state, in which it may be closed for a new one. */
bool connection_is_idle(const struct server_connection *connection, uint64_t now_ns);
void connection_enter(struct server_connection *connection, enum connection_state state);

/* --- reading: server_read.c ------------------------------------------------------------------ */

/* Reads requests as far as they have come. May close the connection. */
void connection_read(struct server_connection *connection);
void connection_refuse(struct server_connection *connection, unsigned int status,
		       const char *wrong);
void request_free(struct server_request *request);

/* --- whose turn it is: server_turn.c --------------------------------------------------------- */

/* The request is whole: to the caller with it, now or when the loop has turned. */
void server_take_turn(struct server_connection *connection);
void server_on_turn(int fd, short what, void *server);

struct server {
	struct event_base *base;
	struct event *listening, *resume, *turn;
	uint64_t turn_ns; /* since when the loop has been busy with requests in this turn; or 0 */
	struct server_options options;
	struct server_socket socket;
	struct server_rate rate;
	struct server_connection *connections;
	size_t count;
};

#endif
