/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cgroups of version 2: where they are mounted, and those that `run` makes below <cgroup2>/cgfence.
 */
#ifndef CGFENCE_CGROUP_H
#define CGFENCE_CGROUP_H

#include "failure.h"

#define CGROUP_NAME_BYTES 64
#define CGROUP_PATH_BYTES 4096

/* Where it is mounted, at its usual place if it is there; -ENODEV. */
int cgroup_mount(char ret_path[static CGROUP_PATH_BYTES], struct failure *failure);

/*
 * The directory below which `run` makes its cgroups: "<cgroup2>/cgfence", made if it is missing. If
 * the caller is itself inside such a cgroup, that one's own directory, so that the outer fence
 * decides as well. The parent belongs to root: whoever may write to a cgroup's parent may leave it.
 * -ENODEV if no cgroup2 is mounted.
 */
int cgroup_parent(char ret_path[static CGROUP_PATH_BYTES], struct failure *failure);

/*
 * A cgroup that someone is responsible for: as long as `fd` is open the directory is locked, so
 * that nobody collects it.
 */
struct cgroup {
	char name[CGROUP_NAME_BYTES];
	char path[CGROUP_PATH_BYTES];
	int fd;
};

/* Makes "<parent>/<name>" and takes its lock; -EEXIST. */
int cgroup_create(const char *parent, const char *name, struct cgroup *ret_cgroup,
		  struct failure *failure);
/* Opens it if nobody is responsible for it: -EBUSY if someone is. */
int cgroup_adopt(const char *parent, const char *name, struct cgroup *ret_cgroup);

/* Whether any process is in it or below it. */
int cgroup_populated(const struct cgroup *cgroup, bool *ret_populated);
/*
 * Also of those below it. One that has ended and was not waited for populates it, and is no process
 * any more. Whoever was given a cgroup can make others in it without end: -E2BIG if there are more
 * than CGROUP_COUNT_MAX, -ENAMETOOLONG if they are nested too deep.
 */
#define CGROUP_COUNT_MAX 4096
int cgroup_count(const char *path, size_t *ret_processes, bool *ret_populated);
/*
 * Ends what is left in it: SIGTERM, and SIGKILL to what is still there CGROUP_TERM_MS later.
 * Returns when it is empty; -ETIMEDOUT if SIGKILL does not help.
 */
#define CGROUP_TERM_MS 2000
#define CGROUP_KILL_MS 5000
int cgroup_empty(const struct cgroup *cgroup);
/* Removes it and what is below it; all must be empty. */
int cgroup_remove(struct cgroup *cgroup);
void cgroup_close(struct cgroup *cgroup);

/* Calls `found` for each directory below `parent`. */
int cgroup_each(const char *parent, void (*found)(const char *name, void *data), void *data);

#endif
