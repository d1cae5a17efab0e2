/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which addresses the kernel rewrites (NAT), as its connection tracking has it. With diag.c and
 * routes.c all that knows libmnl.
 */
#ifndef CGFENCE_CONNTRACK_H
#define CGFENCE_CONNTRACK_H

#include <netinet/in.h>
#include <stdint.h>

struct conntrack;

/* In the network namespace of the calling thread, and to be used by that thread only. */
int conntrack_open(struct conntrack **ret_conntrack);
void conntrack_close(struct conntrack **conntrack);

/* Of UDP over IPv4; ports in host order. */
struct conntrack_datagram {
	struct in_addr from, to;
	uint16_t from_port, to_port;
};

/*
 * 1 if the kernel would write another address for `to` into it, as it is the answer to a datagram
 * whose sender's address it has rewritten; 0 if not. -errno if that cannot be known: -EPERM without
 * CAP_NET_ADMIN. Nothing is loaded: a kernel that tracks nothing rewrites nothing.
 */
int conntrack_rewrites(struct conntrack *conntrack, const struct conntrack_datagram *datagram);

#endif
