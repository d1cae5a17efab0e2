// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cgroup_search.h"

#include <errno.h>
#include <fts.h>

static void close_fts(FTS **fts)
{
	if (*fts)
		fts_close(*fts);
}

static void add(struct cgroup_found *found, const FTSENT *entry)
{
	if (found->count < ARRAY_SIZE(found->paths))
		snprintf(found->paths[found->count], sizeof(found->paths[0]), "%s",
			 entry->fts_path);
	found->count++;
}

static void look_at(FTS *fts, FTSENT *entry, enum cgroup_judged judged, struct cgroup_found *found)
{
	switch (judged) {
	case CGROUP_ENTER:
		return;
	case CGROUP_FOUND:
		add(found, entry);
		break;
	case CGROUP_PASS:
		break;
	}
	fts_set(fts, entry, FTS_SKIP);
}

int cgroup_search(const char *root, cgroup_judge_fn judge, const void *data,
		  struct cgroup_found *ret_found)
{
	char *const roots[] = { (char *)root, NULL };
	_cleanup_(close_fts)
		FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	FTSENT *entry;

	if (!fts)
		return -errno;
	ret_found->count = 0;
	while ((entry = fts_read(fts)))
		if (entry->fts_info == FTS_D && entry->fts_level > 0)
			look_at(fts, entry, judge(entry->fts_name, data), ret_found);
	return 0;
}
