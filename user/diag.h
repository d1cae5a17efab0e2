/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sockets of one network namespace as the kernel lists them, with the cgroup that each belongs
 * to, and the means to destroy one. With routes.c and conntrack.c all that knows libmnl; see
 * sock_diag(7).
 *
 * Not listed: sockets that are neither bound nor connected (the kernel has no table of them), raw,
 * ping and SCTP sockets. The subflows of an MPTCP socket are listed as TCP, with its inode.
 */
#ifndef CGFENCE_DIAG_H
#define CGFENCE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

struct diag;

struct diag_socket {
	uint8_t family;	  /* AF_INET or AF_INET6 */
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_UDPLITE */
	uint8_t state;	  /* TCP_ESTABLISHED and so on; of UDP, it means connected */
	uint16_t local_port, remote_port; /* host order */
	struct address local, remote;
	uint32_t interface; /* that it is bound to; 0: none */
	uint32_t inode;	    /* 0: no process has it any more, or not yet */
	uint64_t cookie;
	bool stored;	    /* it has a place in the map of the query */
	uint64_t cgroup_id; /* 0: not said, as for what is no whole socket (TIME_WAIT, requests) */
};

/* In the network namespace of the calling thread, and to be used by that thread only. */
int diag_open(struct diag **ret_diag);
void diag_close(struct diag **diag);

/* Anything but 0 stops, and is returned. Must not use the `diag` that calls it. */
typedef int (*diag_fn)(const struct diag_socket *socket, void *data);

struct diag_query {
	uint8_t family;
	uint8_t protocol;
	uint32_t states; /* bits: 1 << TCP_ESTABLISHED, … */
	bool any_cgroup;
	const uint64_t *cgroup_ids; /* sorted; without any, there are no such sockets */
	size_t cgroup_count;
	const int *storage_fd; /* a BPF map of sockets: which of them have a place in it; or NULL */
};

/*
 * Without `any_cgroup`, only sockets of the `cgroup_ids`. The kernel picks them out itself unless
 * there are very many (INET_DIAG_BC_CGROUP_COND, Linux 5.8). -ENOENT if the kernel cannot list the
 * protocol.
 */
int diag_each(struct diag *diag, const struct diag_query *query, diag_fn found, void *data);

/*
 * The application gets ECONNABORTED at once; a TCP peer gets a reset, if that may pass. -ENOENT if
 * the socket is not there any more, -EOPNOTSUPP if the kernel has no CONFIG_INET_DIAG_DESTROY.
 */
int diag_destroy(struct diag *diag, const struct diag_socket *socket);

#endif
