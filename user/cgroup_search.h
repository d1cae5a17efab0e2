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

/* Looks at every cgroup below `root`. What goes meanwhile is no error. -errno. */
int cgroup_search(const char *root, cgroup_judge_fn judge, const void *data,
		  struct cgroup_found *ret_found);

#endif
