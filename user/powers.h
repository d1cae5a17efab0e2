/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The capabilities that processes of a cgroup tree have in the user namespace of this one: those of
 * another count for networks that were made there, and not for this host.
 */
#ifndef CGFENCE_POWERS_H
#define CGFENCE_POWERS_H

#include <stdint.h>

/*
 * All of them together, one bit each, as they may be used now. Who becomes root later by a program
 * has none yet. A process that ends meanwhile is no error. CAP_SYS_PTRACE is needed.
 */
int powers_find(int cgroup_fd, uint64_t *ret_capabilities);

#endif
