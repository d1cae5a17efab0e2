/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The network namespaces that a cgroup tree has to do with: those of its threads, those of the
 * sockets they hold, which may be others, and the caller's own. A namespace is told from others by
 * device and inode of its file.
 *
 * Not found: one that has no thread of the tree any more and no socket in their hands; its sockets
 * have then been given to processes outside.
 */
#ifndef CGFENCE_NETNS_H
#define CGFENCE_NETNS_H

#include <stddef.h>

#include "tree.h"

struct netns;

struct netns_set {
	struct netns *items; /* owned, each open */
	size_t count;
};

/*
 * -EPERM or -EACCES if some process may not be looked into (CAP_SYS_PTRACE), whose number is in
 * `ret_pid` then.
 */
int netns_of_tree(const struct tree *tree, struct netns_set *ret_set, pid_t *ret_pid);
void netns_finish(struct netns_set *set);

/* Anything but 0 stops, and is returned. */
typedef int (*netns_fn)(void *data);

/*
 * Calls `visit` once inside each, in a thread of its own, so that the caller's stays where it is.
 * CAP_SYS_ADMIN is needed.
 */
int netns_each(const struct netns_set *set, netns_fn visit, void *data);
/* The same inside the one that `fd` is of. */
int netns_visit(int fd, netns_fn visit, void *data);

#endif
