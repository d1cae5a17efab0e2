// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* getaddrinfo() of glibc or musl. */
#include <netdb.h>
#include <string.h>

#include "connects.h"

int resolve(const char *name, const char *port, struct sockaddr_storage *ret, size_t *ret_count,
	    const char **ret_error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int error = getaddrinfo(name, port, &hints, &list);

	if (error) {
		*ret_error = gai_strerror(error);
		return -1;
	}
	*ret_count = 0;
	for (struct addrinfo *i = list; i && *ret_count < ADDRESSES_MAX; i = i->ai_next)
		memcpy(&ret[(*ret_count)++], i->ai_addr, i->ai_addrlen);
	freeaddrinfo(list);
	return 0;
}
