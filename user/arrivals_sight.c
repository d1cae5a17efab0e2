// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A directory of cgroupfs that is removed has no event of its own, and its watch stays: its parent
 * tells of it, so every directory on the way is watched. cgroup.events is watched as a file,
 * because the kernel tells its directory only as long as it happens to have the file's inode in
 * memory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <utlist.h>

#include "arrivals_internal.h"
#include "tree.h"
#include "util.h"

/* The same of every directory: a watch has one set of them. */
#define DIRECTORY_EVENTS (IN_CREATE | IN_DELETE | IN_MOVE | IN_ONLYDIR)

/* What is seen now, as it is put together. */
struct seeing {
	struct arrival *arrival;
	struct sight *sights;
	struct view view;
	size_t left; /* so many more cgroups may be seen */
	int result;  /* of watching; -ENOSPC, and the first other error */
};

/* --- marks ----------------------------------------------------------------------------------- */

static struct mark *find_or_add(struct arrivals *arrivals, int id)
{
	struct mark *mark;

	HASH_FIND_INT(arrivals->marks, &id, mark);
	if (mark)
		return mark;
	mark = calloc(1, sizeof(*mark));
	if (!mark)
		return NULL;
	mark->id = id;
	HASH_ADD_INT(arrivals->marks, id, mark);
	return mark;
}

static void drop_if_unused(struct arrivals *arrivals, struct mark *mark)
{
	if (mark->sights)
		return;
	inotify_rm_watch(arrivals->fd, mark->id);
	HASH_DEL(arrivals->marks, mark);
	free(mark);
}

static struct sight *add_sight(struct seeing *seeing, int id)
{
	struct mark *mark = find_or_add(seeing->arrival->arrivals, id);
	struct sight *sight = mark ? calloc(1, sizeof(*sight)) : NULL;

	if (!sight) {
		if (mark)
			drop_if_unused(seeing->arrival->arrivals, mark);
		return NULL;
	}
	sight->mark = mark;
	sight->arrival = seeing->arrival;
	DL_APPEND(mark->sights, sight);
	LL_PREPEND2(seeing->sights, sight, next_of_same);
	return sight;
}

static void drop_sights(struct arrivals *arrivals, struct sight *sights)
{
	struct sight *sight, *next;

	for (sight = sights; sight; sight = next) {
		next = sight->next_of_same;
		DL_DELETE(sight->mark->sights, sight);
		drop_if_unused(arrivals, sight->mark);
		free(sight);
	}
}

/* What is not there is no failure: NULL then. */
static struct sight *watch(struct seeing *seeing, const char *path, uint32_t events)
{
	int id = inotify_add_watch(seeing->arrival->arrivals->fd, path, events);
	struct sight *sight = id < 0 ? NULL : add_sight(seeing, id);

	if (id < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENODEV))
		return NULL;
	if (!sight && !seeing->result)
		seeing->result = id < 0 ? -errno : -ENOMEM;
	return sight;
}

/* --- the way --------------------------------------------------------------------------------- */

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* The directory that `path` begins with, of so many bytes, and what is next in it. */
static void watch_way(struct seeing *seeing, const char *path, size_t length)
{
	char directory[CGROUP_PATH_BYTES];
	struct sight *sight;

	snprintf(directory, sizeof(directory), "%.*s", length ? (int)length : 1, path);
	sight = watch(seeing, directory, DIRECTORY_EVENTS);
	if (!sight)
		return;
	sight->entry = path + length + 1;
	sight->entry_length = strcspn(sight->entry, "/");
}

/* Those of cgroupfs; where there is none, the last that is there. */
static void watch_ways(struct seeing *seeing)
{
	const char *path = seeing->arrival->path, *slash;
	char directory[CGROUP_PATH_BYTES];
	size_t length, last = 0;
	bool any = false;

	for (slash = path; slash; slash = strchr(slash + 1, '/')) {
		length = (size_t)(slash - path);
		snprintf(directory, sizeof(directory), "%.*s", length ? (int)length : 1, path);
		if (access(directory, F_OK))
			break;
		last = length;
		if (!is_cgroup2(directory))
			continue;
		any = true;
		watch_way(seeing, path, length);
	}
	if (!any)
		watch_way(seeing, path, last);
}

/* --- the tree -------------------------------------------------------------------------------- */

/* The root has no such file, and always processes. */
static bool read_populated(int directory_fd)
{
	_cleanup_close_ int fd = openat(directory_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd < 0)
		return errno == ENOENT && !faccessat(directory_fd, "cgroup.procs", F_OK, 0);
	text[length > 0 ? length : 0] = '\0';
	return strstr(text, "populated 1") != NULL;
}

/* Spreads what is alike; see splitmix64. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* By its descriptor, as the path of what is nested deep may be too long. */
static void see_one(struct seeing *seeing, int fd)
{
	char path[64];
	struct stat st;
	bool populated;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	watch(seeing, path, DIRECTORY_EVENTS);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/cgroup.events", fd);
	watch(seeing, path, IN_MODIFY);
	if (fstat(fd, &st))
		return;
	populated = read_populated(fd);
	if (!seeing->view.inode) {
		seeing->view.inode = st.st_ino;
		seeing->view.populated = populated;
	}
	seeing->left--;
	seeing->view.of_ids += mix(st.st_ino);
	seeing->view.of_populated += mix(2 * st.st_ino + populated);
}

/* Whoever was given a cgroup can fill it with others, which is no reason to do nothing else here.
 */
static void see_tree(struct seeing *seeing, int own_fd, unsigned int depth)
{
	_cleanup_close_ int fd = own_fd;
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	int below;

	if (!seeing->left || depth == ARRIVALS_DEPTH_MAX) {
		seeing->view.partial = true;
		return;
	}
	see_one(seeing, fd);
	dir = fdopendir(fd);
	if (!dir)
		return;
	fd = -1; /* the directory's now */
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		below = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (below >= 0)
			see_tree(seeing, below, depth + 1);
	}
}

/* --- all of it ------------------------------------------------------------------------------- */

/* There is none, or something else. */
static bool is_absent(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -ENODEV || error == -EINVAL;
}

/* The new before the old go, so that what is in both stays. */
int arrivals_see(struct arrival *arrival, struct view *ret_view)
{
	struct seeing seeing = { .arrival = arrival, .left = ARRIVALS_TREE_MAX };
	int fd, r;

	watch_ways(&seeing);
	r = tree_open(arrival->path, &fd);
	if (!r)
		see_tree(&seeing, fd, 0);
	/* Who has no descriptor left does not know that it went. */
	else if (!is_absent(r))
		seeing.view = arrival->view;
	arrivals_forget(arrival);
	arrival->sights = seeing.sights;
	*ret_view = seeing.view;
	if (!seeing.result && r && !is_absent(r))
		return r;
	return !seeing.result && seeing.view.partial ? -ENOSPC : seeing.result;
}

void arrivals_forget(struct arrival *arrival)
{
	drop_sights(arrival->arrivals, TAKE_PTR(arrival->sights));
}
