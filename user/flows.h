/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The live flows of a cgroup tree, in whatever network namespace, and how they are cut: the
 * application gets ECONNABORTED at once, also in a call that waits. Flows are those of the sockets
 * that were made in the tree, by cgroup id, whoever holds them now.
 *
 * What is cut: TCP connections, listeners, and UDP sockets that are connected, which become
 * unconnected by that. Not: what is not connected, connections in TIME_WAIT, which carry nothing,
 * and sockets of cgroups that were removed. In which namespaces is looked: see netns.h.
 *
 * Root's capabilities are needed: CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_PTRACE.
 */
#ifndef CGFENCE_FLOWS_H
#define CGFENCE_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

struct flow {
	uint8_t protocol;		  /* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_UDPLITE */
	uint8_t state;			  /* TCP_LISTEN: `remote` and its port are all zero */
	uint16_t local_port, remote_port; /* host order */
	struct address local, remote;
	uint64_t socket_cookie;
	bool connected; /* it is in the map of struct flows_query */
};

/* Whether to cut it. Called in another thread, while the caller waits. */
typedef bool (*flows_predicate_fn)(const struct flow *flow, void *data);

/* Passes until none may be found: processes that open new flows meanwhile cannot hold us for ever.
 */
#define FLOWS_PASSES_MAX 16

/*
 * Cuts what `predicate` is true for, and looks again until there is no more of it. `ret_count` is
 * how many were cut. -EOPNOTSUPP if the kernel cannot destroy sockets (CONFIG_INET_DIAG_DESTROY) or
 * not list them; -EBUSY if there are always new ones.
 */
int flows_cut(int cgroup_fd, flows_predicate_fn predicate, void *data, size_t *ret_count);
/*
 * The same of several trees, which takes hardly more than of one: the kernel goes through all
 * sockets of a namespace each time.
 */
struct flows_query {
	const int *cgroup_fds;
	size_t cgroup_count;
	const int *connected_fd; /* a BPF map of sockets (BPF_MAP_TYPE_SK_STORAGE), or NULL */
};
int flows_cut_several(const struct flows_query *query, flows_predicate_fn predicate, void *data,
		      size_t *ret_count);
int flows_cut_all(int cgroup_fd, size_t *ret_count);

/*
 * What a fence has refused to send over TCP, though the connection is allowed, stays in its queue,
 * and is sent when nobody refuses it any more, also for a process that has ended: questions to a
 * resolver. To be called before a fence is taken down.
 */
int flows_cut_questions(int cgroup_fd);
bool flow_may_hold_questions(const struct flow *flow);

#endif
