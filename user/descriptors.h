/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sockets and io_uring rings among the descriptors of the threads of a cgroup tree. A process
 * or descriptor that vanishes meanwhile is no error.
 *
 * Not seen, because the kernel shows it nowhere: descriptors on their way in a message on a Unix
 * domain socket (SCM_RIGHTS), and those that another kernel object keeps, such as files registered
 * with an io_uring ring.
 */
#ifndef CGFENCE_DESCRIPTORS_H
#define CGFENCE_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tree.h"

struct descriptor {
	pid_t pid; /* the process */
	pid_t tid; /* the thread: differs only if it has a table of its own */
	int number;
	/*
	 * A duplicate, open during the call; for a ring, or before Linux 6.9 if the thread has a
	 * table of its own, -1.
	 */
	int fd;
	bool ring;	/* io_uring, not a socket */
	uint64_t inode; /* of a socket; 0 for a ring */
};

/* Anything but 0 stops, and is returned. */
typedef int (*descriptor_fn)(const struct descriptor *descriptor, void *data);

/*
 * Threads that share a table are asked once. -EPERM or -EACCES if some process may not be looked
 * into (CAP_SYS_PTRACE), whose number is in `ret_pid` then.
 */
int descriptors_each(const struct tree *tree, descriptor_fn found, void *data, pid_t *ret_pid);

/* Whether that process still has the same socket or a ring there. */
bool descriptor_is_there(const struct descriptor *descriptor);

#endif
