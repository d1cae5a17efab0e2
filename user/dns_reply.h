/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a DNS server sent, as addresses. Pure. With dns.c all that knows c-ares. */
#ifndef CGFENCE_DNS_REPLY_H
#define CGFENCE_DNS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "cgfence.h"
#include "resolver.h"

struct dns_reply {
	enum resolver_status status;
	const char *error; /* static words, for RESOLVER_FAILED */
	size_t count;
	bool cut;	/* there were more addresses than fit */
	uint32_t ttl_s; /* smallest of the addresses' and the CNAMEs'; 0 without an address */
	struct address addresses[CGF_NAME_ADDRESSES_MAX];
};

/*
 * `status` is that of a c-ares callback, with its message or NULL. The message is one that c-ares
 * has matched to a question for that family; it may be changed here. Writes all of `ret_reply` but
 * the addresses beyond `count`.
 */
void dns_reply_read(struct dns_reply *ret_reply, int status, bool ipv6, unsigned char *message,
		    int length);

#endif
