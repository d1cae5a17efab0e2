/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The other end of the control API: one request and its answer over the daemon's Unix socket, as
 * HTTP/1.0, one connection each. Blocks. What an answer says is for others to read.
 */
#ifndef CGFENCE_CLIENT_H
#define CGFENCE_CLIENT_H

#include <stddef.h>

#include "failure.h"

#define CLIENT_SOCKET "/run/cgfence/cgfence.sock"

/* How long the daemon may be silent; it answers within 5 s, and after that what it has to write. */
#define CLIENT_TIMEOUT_S 60
#define CLIENT_HEAD_BYTES_MAX (16 * 1024)
/* Of 65,536 rules with their addresses, and of a stream's line. */
#define CLIENT_BODY_BYTES_MAX (64 * 1024 * 1024)
#define CLIENT_LINE_BYTES_MAX (64 * 1024)

struct client_request {
	const char *method, *path; /* the path with its query; see client_encode() */
	const char *type;	   /* of the body; NULL: no body */
	const char *body;
	size_t length;
};

struct client_answer {
	int status;
	char *body; /* owned, NUL after its end */
	size_t length;
};

/*
 * -ENOENT or -ECONNREFUSED if there is no daemon; -EACCES if the caller may not connect;
 * -ECONNRESET if the daemon ended before it had answered; -ETIMEDOUT; -EBADMSG if the answer is no
 * HTTP; -EMSGSIZE if it is too long. Any status is an answer.
 */
int client_ask(const char *socket_path, const struct client_request *request,
	       struct client_answer *ret_answer, struct failure *failure);
void client_answer_finish(struct client_answer *answer);

/*
 * GETs what the daemon writes on and on, and calls for each line as it comes. Anything but 0 ends
 * it and is returned. 0 if the daemon ended it, which is at once if the status is not 200: then
 * the answer has a body. A line that the daemon did not end is none.
 */
typedef int (*client_line_fn)(const char *line, void *data);
int client_follow(const char *socket_path, const char *path, client_line_fn found, void *data,
		  struct client_answer *ret_answer, struct failure *failure);

/* As a part of a path or a value of a query; the caller frees it; NULL without memory. */
char *client_encode(const char *text);

#endif
