// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* c-ares, with one channel for all questions, as curl and node have it. */
#include <ares.h>
#include <string.h>
#include <sys/select.h>

#include "connects.h"

struct found {
	struct sockaddr_storage *addresses;
	size_t count;
	int status;
};

static void take(void *context, int status, int timeouts, struct ares_addrinfo *info)
{
	struct found *found = context;

	(void)timeouts;
	found->status = status;
	if (!info)
		return;
	for (struct ares_addrinfo_node *i = info->nodes; i; i = i->ai_next)
		if (found->count < ADDRESSES_MAX)
			memcpy(&found->addresses[found->count++], i->ai_addr, i->ai_addrlen);
	ares_freeaddrinfo(info);
}

static void wait_for_answers(ares_channel channel)
{
	struct timeval time, *timeout;
	fd_set readable, writable;
	int count;

	for (;;) {
		FD_ZERO(&readable);
		FD_ZERO(&writable);
		count = ares_fds(channel, &readable, &writable);
		if (!count)
			return;
		timeout = ares_timeout(channel, NULL, &time);
		select(count, &readable, &writable, NULL, timeout);
		ares_process(channel, &readable, &writable);
	}
}

int resolve(const char *name, const char *port, struct sockaddr_storage *ret, size_t *ret_count,
	    const char **ret_error)
{
	static ares_channel channel;
	struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct found found = { .addresses = ret };

	if (!channel && ares_init(&channel) != ARES_SUCCESS) {
		*ret_error = "ares_init";
		return -1;
	}
	ares_getaddrinfo(channel, name, port, &hints, take, &found);
	wait_for_answers(channel);
	*ret_error = ares_strerror(found.status);
	*ret_count = found.count;
	return found.status == ARES_SUCCESS && found.count ? 0 : -1;
}
