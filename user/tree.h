/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A cgroup and all below it, as it is at one moment: the ids of the cgroups, which are the inodes
 * of their directories and what the kernel calls them by, and the threads inside. Threads, not
 * processes: each may have network namespace and descriptors of its own, and in a threaded cgroup
 * processes cannot be listed.
 *
 * What is made or moved meanwhile may be missing, so whoever acts on it reads it again.
 */
#ifndef CGFENCE_TREE_H
#define CGFENCE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tree {
	uint64_t *ids; /* sorted, owned */
	size_t id_count;
	pid_t *threads; /* sorted, owned; as our PID namespace numbers them */
	size_t thread_count;
};

/*
 * Opens the directory of a cgroup of version 2: -EINVAL if it is a directory of something else,
 * -ENOTDIR and so on if it is none.
 */
int tree_open(const char *path, int *ret_fd);

/* Whether what is open was removed: not if that cannot be said. */
bool tree_is_gone(int cgroup_fd);

/* More levels than that are an error: each takes a descriptor, and stack. */
#define TREE_DEPTH_MAX 256

/*
 * -EXDEV if there is a process inside that our PID namespace does not have, -ELOOP if it is deeper
 * than TREE_DEPTH_MAX.
 */
int tree_read(int cgroup_fd, struct tree *ret_tree);
/* What is in any of them. */
int tree_read_several(const int *cgroup_fds, size_t count, struct tree *ret_tree);
void tree_finish(struct tree *tree);

/*
 * The directory of the cgroup with that id, as the mount that `cgroup_fd` is in shows it: -ENOENT
 * if it is gone, -EXDEV if it is not below that mount's root; anything else says neither.
 */
int tree_find_path(int cgroup_fd, uint64_t id, char **ret_path);

bool tree_has_id(const struct tree *tree, uint64_t id);
bool tree_has_thread(const struct tree *tree, pid_t tid);

#endif
