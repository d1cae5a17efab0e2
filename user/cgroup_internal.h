/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What cgroup*.c share: how a tree of cgroups is walked that changes meanwhile. */
#ifndef CGFENCE_CGROUP_INTERNAL_H
#define CGFENCE_CGROUP_INTERNAL_H

#include <errno.h>
#include <fts.h>
#include <stdbool.h>

/* Nothing is followed out of the tree. NULL with errno. */
static inline FTS *cgroup_walk(const char *path)
{
	char *const roots[] = { (char *)path, NULL };

	return fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
}

static inline void cgroup_walk_end(FTS **walk)
{
	if (*walk)
		fts_close(*walk);
}

/* What goes while it is looked at is no error, all else that cannot be looked at is: -errno. */
static inline int cgroup_walk_error(const FTSENT *entry)
{
	bool failed = entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR ||
		      entry->fts_info == FTS_NS;

	if (!failed || entry->fts_errno == ENOENT || entry->fts_errno == ENODEV)
		return 0;
	return -entry->fts_errno;
}

#endif
