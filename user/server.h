/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An HTTP server on a Unix socket: who asks, and what; answers, at once or later, and streams. What
 * is asked for is not known here. All of it runs on the caller's loop.
 *
 * evhttp of libevent 2.1 is not used: it answers what is malformed with pages of HTML, notices
 * nobody who leaves while an answer is awaited, limits neither clients nor how long a request may
 * take, and ends the process if something arrives at a moment that it does not expect.
 */
#ifndef CGFENCE_SERVER_H
#define CGFENCE_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgfence.h"
#include "failure.h"
#include "http.h"

struct event_base;
struct server;
struct server_request;
struct server_stream;

#define SERVER_BODY_BYTES_MAX CGF_POLICY_FILE_BYTES_MAX
/* One more is answered with 503, unless one of them waits for nothing. */
#define SERVER_CLIENTS_MAX 64
/* Users other than root have no more, so that they cannot keep root from asking. */
#define SERVER_OTHERS_MAX 48
/* Of a user: requests in a second, and at once. */
#define SERVER_RATE 200
#define SERVER_BURST 400
/*
 * Of answers that are on their way, all together. While there are some, a large one to GET that
 * would make it more is refused with 503: who asks and does not read must not take all memory.
 */
#define SERVER_UNSENT_BYTES_MAX (64 * 1024 * 1024)
/* For a request to come whole, for the next to begin, and for an answer to be taken. */
#define SERVER_IDLE_S 30
/* What a reader has not taken of a stream: what does not fit is not written. */
#define SERVER_STREAM_BYTES (256 * 1024)

/* Who connected, as the kernel says. */
struct server_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

struct server_options {
	struct event_base *base;
	const char *path;     /* of the socket; not needed afterwards */
	const char *group;    /* that may connect; not if there is no such group, or it is NULL */
	unsigned int idle_ms; /* 0: SERVER_IDLE_S */
	/* A request came whole. It is answered by server_answer() or server_stream(), once. */
	void (*requested)(struct server_request *request, void *data);
	/*
	 * One is refused, for these words: it is to be answered with the status, and has neither
	 * method nor path, if these are what is wrong.
	 */
	void (*refused)(struct server_request *request, unsigned int status, const char *wrong,
			void *data);
	void *data;
};

/*
 * Makes the directory of the socket, 0755, if only that is missing, and the socket, 0660 for root
 * and the group or 0600, in place of one that is dead. -EADDRINUSE if somebody else serves there:
 * who does holds a lock on PATH.lock. SIGPIPE is ignored from now on.
 */
int server_init(struct server **ret_server, const struct server_options *options,
		struct failure *failure);
/* Whoever waits for an answer is left alone; each request is to be answered all the same. */
void server_finish(struct server **server);
/* How many are connected. */
size_t server_clients(const struct server *server);

const struct http_request *server_request_http(const struct server_request *request);
const struct server_peer *server_request_peer(const struct server_request *request);
/* With a NUL after its end. */
const char *server_request_body(const struct server_request *request, size_t *ret_length);

struct server_answer {
	unsigned int status;
	const char *type;   /* "application/json" */
	const char *header; /* a further line, "Allow: GET", or NULL */
	const char *body;
	size_t length;
};
/* The request is gone then; who asked may be, too. */
void server_answer(struct server_request *request, const struct server_answer *answer);

struct server_stream_options {
	const char *type;
	/* There is room again, after there was not. */
	void (*ready)(struct server_stream *stream, void *data);
	/* The reader has left; the stream is gone when this returns. */
	void (*left)(struct server_stream *stream, void *data);
	void *data;
};
/*
 * Answers with what is written from now on, until the end. NULL if there is nobody to read it, or
 * only the head was asked for; the request is gone then, too.
 */
struct server_stream *server_stream(struct server_request *request,
				    const struct server_stream_options *options);
/* All of it or, if there is no room, -ENOBUFS. Calls nothing. */
int server_stream_write(struct server_stream *stream, const char *text, size_t length);
void server_stream_end(struct server_stream *stream);

#endif
