/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Between the client that connects by name and the resolver library that it is built with. */
#ifndef CONNECTS_H
#define CONNECTS_H

#include <stddef.h>
#include <sys/socket.h>

#define ADDRESSES_MAX 1024

/*
 * Resolves as an application with that library would, both families at once. Returns 0 with at
 * least one address, or -1 with why in `ret_error`.
 */
int resolve(const char *name, const char *port, struct sockaddr_storage *ret, size_t *ret_count,
	    const char **ret_error);

#endif
