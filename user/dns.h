/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Questions to DNS servers and their answers, on the caller's event loop, by way of c-ares. It
 * remembers nothing but what is in flight; resolver.c does.
 *
 * A name with a dot is absolute; one without goes through the search list of resolv.conf.
 */
#ifndef CGFENCE_DNS_H
#define CGFENCE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "dns_reply.h"

struct dns;
struct event_base;

struct dns_options {
	struct event_base *base;
	const struct address *servers; /* 1 to CGF_RESOLVERS_MAX; not needed afterwards */
	size_t server_count;
	/*
	 * Called once for each dns_ask(); from within it if nothing can be sent. The reply is valid
	 * during the call.
	 */
	void (*reply)(const struct dns_reply *reply, void *question, void *data);
	/* Called after the replies of a turn of the loop: ask more here, not within `reply`. */
	void (*room)(void *data);
	void *data;
};

/* -ENOMEM; -EINVAL for too few or too many servers. */
int dns_init(struct dns **ret_dns, const struct dns_options *options);
/* Not from within a callback. What is in flight gets no reply. */
void dns_finish(struct dns **dns);

/* The servers in use; the array belongs to `dns`. */
size_t dns_servers(const struct dns *dns, const struct address **ret_servers);

/* False while RESOLVER_WINDOW questions are in flight, or the source port is to change. */
bool dns_has_room(const struct dns *dns);
/* Only if there is room. `name` is not needed afterwards. */
void dns_ask(struct dns *dns, const char *name, bool ipv6, void *question);

#endif
