// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cgroup_search.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "cgroup_internal.h"

static void add(struct cgroup_found *found, const FTSENT *entry)
{
	if (found->count < ARRAY_SIZE(found->paths))
		snprintf(found->paths[found->count], sizeof(found->paths[0]), "%s",
			 entry->fts_path);
	found->count++;
}

struct search {
	cgroup_judge_fn judge;
	const void *data;
	enum cgroup_trust trust;
	uid_t owner;
	struct cgroup_found *found;
};

/* Whoever owns a cgroup can make others in it, of any name. */
static bool is_trusted(const struct search *search, const char *path)
{
	struct stat st;

	return search->trust == CGROUP_ANYONES ||
	       (!lstat(path, &st) && st.st_uid == search->owner && !(st.st_mode & 022));
}

static void look_at(const struct search *search, FTS *fts, FTSENT *entry)
{
	switch (search->judge(entry->fts_name, search->data)) {
	case CGROUP_ENTER:
		if (is_trusted(search, entry->fts_path))
			return;
		break;
	case CGROUP_FOUND:
		add(search->found, entry);
		break;
	case CGROUP_PASS:
		break;
	}
	fts_set(fts, entry, FTS_SKIP);
}

/* What cannot be looked at may be what is meant. */
static int look_at_all(const struct search *search, FTS *fts)
{
	FTSENT *entry;
	int r = 0;

	while (!r && (errno = 0, entry = fts_read(fts))) {
		if (entry->fts_level > CGROUP_DEPTH_MAX)
			return -ELOOP;
		r = cgroup_walk_error(entry);
		if (entry->fts_info == FTS_D && entry->fts_level > 0)
			look_at(search, fts, entry);
	}
	return r ? r : -errno;
}

int cgroup_search(const char *root, enum cgroup_trust trust, cgroup_judge_fn judge,
		  const void *data, struct cgroup_found *ret_found)
{
	struct search search = { judge, data, trust, 0, ret_found };
	_cleanup_(cgroup_walk_end) FTS *fts = cgroup_walk(root);
	struct stat st;

	if (!fts || stat(root, &st))
		return -errno;
	search.owner = st.st_uid;
	ret_found->count = 0;
	return look_at_all(&search, fts);
}
