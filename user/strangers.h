/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What processes in a cgroup tree hold and a fence on that cgroup does not judge: sockets that were
 * made outside of the tree, inherited, passed in or kept when a process was moved, as a socket runs
 * the hooks of the cgroup it was made in; sockets of families that no such hook sees; and io_uring
 * rings with a thread outside (SQPOLL), which makes calls in their name. Unix domain and netlink
 * sockets do not count: they reach no network.
 *
 * Where the kernel does not say in which cgroup a socket was made it is listed as unknown: if it is
 * neither bound nor connected, and raw, ping and SCTP sockets. A socket whose cgroup is in the tree
 * but was removed counts as made outside.
 *
 * Not seen: what no process holds at that moment, above all sockets on their way in a message on a
 * Unix domain socket, and what descriptors.h says.
 */
#ifndef CGFENCE_STRANGERS_H
#define CGFENCE_STRANGERS_H

#include "failure.h"
#include "stranger.h"

struct strangers {
	struct stranger *items; /* owned, by number of the first holder */
	size_t count;
};

/* Root's capabilities are needed: CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH. */
int strangers_find(int cgroup_fd, struct strangers *ret_strangers, struct failure *failure);
void strangers_finish(struct strangers *strangers);

#endif
