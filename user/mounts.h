/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the command shall not see, write to or ask although it may be root: which mounts are covered
 * is found out before the command's process exists, and that process covers them.
 */
#ifndef CGFENCE_MOUNTS_H
#define CGFENCE_MOUNTS_H

#include "failure.h"

enum mounts_cover {
	MOUNTS_PRIVATE,	  /* what is mounted below is nobody else's concern */
	MOUNTS_SLAVE,	  /* the same, but what others mount there is seen as before */
	MOUNTS_CGROUP2,	  /* a new cgroup2, with the cgroup namespace's root for its own */
	MOUNTS_EMPTY,	  /* an empty directory */
	MOUNTS_NULL,	  /* over a socket: what nobody listens at, for connect(2) to fail */
	MOUNTS_READ_ONLY, /* the mount that is there */
	MOUNTS_PART	  /* of a mount: a mount of its own, without those below, read-only */
};

struct mounts_step {
	enum mounts_cover cover;
	char *path;
	unsigned long flags; /* MS_NOSUID and the like, which are to stay */
};

struct mounts {
	struct mounts_step *steps;
	size_t count, room;
	/* Later mounts of the host are not to be seen: whoever is root could use them. */
	bool separate;
	char *directory; /* to be entered again, as what it is in may be covered; or NULL */
};

struct mounts_needs {
	bool bpf;	/* the BPF file system stays */
	bool resolvers; /* the Unix sockets of resolvers stay */
	bool root;	/* root without CAP_SYS_ADMIN: what root may write to by file permissions */
};

/* Reads /proc/self/mountinfo. */
int mounts_find(const struct mounts_needs *needs, struct mounts *ret_mounts);
void mounts_finish(struct mounts *mounts);

/*
 * In the process that is to become the command, with CAP_SYS_ADMIN: system calls only. Gives it
 * mount and cgroup namespaces, and covers. -errno; `ret_step` says which step failed, or that none
 * has: `count`.
 */
int mounts_unshare(const struct mounts *mounts);
/* Whether there is more above the root directory: who may chroot(2) gets there, and none of it is
 * covered. */
int mounts_is_chroot(bool *ret_chroot);
int mounts_cover(const struct mounts *mounts, size_t *ret_step);
int mounts_enter_directory(const struct mounts *mounts);

#endif
