/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Cgroups below another, by the names of their directories. */
#ifndef CGFENCE_CGROUP_SEARCH_H
#define CGFENCE_CGROUP_SEARCH_H

#include "cgroup.h"

enum cgroup_judged {
	CGROUP_PASS,  /* nor what is below it */
	CGROUP_ENTER, /* not this one, but what is below it */
	CGROUP_FOUND
};

typedef enum cgroup_judged (*cgroup_judge_fn)(const char *name, const void *data);

struct cgroup_found {
	size_t count;
	char paths[2][CGROUP_PATH_BYTES]; /* of the first two */
};

/*
 * What is made by others than the owner of `root`, in cgroups that they were given, can have any
 * name. A cgroup that they own may be found, but what is below it is not looked at.
 */
enum cgroup_trust {
	CGROUP_OWNERS,
	CGROUP_ANYONES
};

/* More levels than that are an error. */
#define CGROUP_DEPTH_MAX 256

/*
 * Looks at every cgroup below `root`. What goes meanwhile is no error, and all else is, because it
 * may be what is looked for: -ELOOP if they are too deep, -errno.
 */
int cgroup_search(const char *root, enum cgroup_trust trust, cgroup_judge_fn judge,
		  const void *data, struct cgroup_found *ret_found);

#endif
