// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cgroup_search.h"

#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <sys/stat.h>

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

/* What goes while it is looked at is no error; what cannot be looked at may be what is meant. */
static int error_of(const FTSENT *entry)
{
	bool failed = entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR ||
		      entry->fts_info == FTS_NS;

	if (!failed || entry->fts_errno == ENOENT || entry->fts_errno == ENODEV)
		return 0;
	return -entry->fts_errno;
}

static int look_at_all(const struct search *search, FTS *fts)
{
	FTSENT *entry;
	int r = 0;

	while (!r && (errno = 0, entry = fts_read(fts))) {
		if (entry->fts_level > CGROUP_DEPTH_MAX)
			return -ELOOP;
		r = error_of(entry);
		if (entry->fts_info == FTS_D && entry->fts_level > 0)
			look_at(search, fts, entry);
	}
	return r ? r : -errno;
}

int cgroup_search(const char *root, enum cgroup_trust trust, cgroup_judge_fn judge,
		  const void *data, struct cgroup_found *ret_found)
{
	struct search search = { judge, data, trust, 0, ret_found };
	char *const roots[] = { (char *)root, NULL };
	_cleanup_(close_fts)
		FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	struct stat st;

	if (!fts || stat(root, &st))
		return -errno;
	search.owner = st.st_uid;
	ret_found->count = 0;
	return look_at_all(&search, fts);
}
