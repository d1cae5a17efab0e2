/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What client*.c share, and no one else. */
#ifndef CGFENCE_CLIENT_INTERNAL_H
#define CGFENCE_CLIENT_INTERNAL_H

#include <stdbool.h>

#include "client.h"

/* What has come and was not taken yet, NUL after its end. */
struct connection {
	int fd;
	char *text; /* owned */
	size_t length, capacity;
};

/* Waits for more: 1, or 0 at the end, or -errno; -EMSGSIZE if there are `limit` bytes already. */
int connection_receive(struct connection *connection, size_t limit);
/* Takes so many bytes from the front. */
void connection_drop(struct connection *connection, size_t count);

/* Until the daemon ends it, 0; or what `found` returned, if `ret_ended`. */
int client_lines(struct connection *connection, client_line_fn found, void *data, bool *ret_ended);

#endif
