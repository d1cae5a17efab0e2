// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "cgroup_internal.h"

#define PARENT_NAME "cgfence"

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/*
 * Pure cgroup2 first, then where hybrid systems mount it, then anywhere. There may be other mounts
 * of it, so the first in the list is not good enough.
 */
static int find_mount(char *ret_path, size_t size)
{
	static const char *const usual[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char line[2 * CGROUP_PATH_BYTES];
	struct mntent entry;
	FILE *mounts;
	size_t i;
	int r = -ENODEV;

	for (i = 0; i < ARRAY_SIZE(usual); i++)
		if (is_cgroup2(usual[i]))
			return (size_t)snprintf(ret_path, size, "%s", usual[i]) < size ? 0 : -E2BIG;
	mounts = setmntent("/proc/self/mounts", "re");
	while (mounts && r && getmntent_r(mounts, &entry, line, sizeof(line)))
		if (!strcmp(entry.mnt_type, "cgroup2") && is_cgroup2(entry.mnt_dir) &&
		    (size_t)snprintf(ret_path, size, "%s", entry.mnt_dir) < size)
			r = 0;
	if (mounts)
		endmntent(mounts);
	return r;
}

/* The caller's own cgroup of version 2, as seen from its cgroup namespace. */
static int own_cgroup(char *ret_path, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/cgroup", "re");
	char line[CGROUP_PATH_BYTES];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::/", 4))
			return (size_t)snprintf(ret_path, size, "%s", line + 3) < size ? 0 : -E2BIG;
	}
	return -ENOENT;
}

/* Inside a fence of `run`: its cgroup is the parent. Otherwise the host's. */
static const char *parent_below(const char *own)
{
	return strncmp(own, "/" PARENT_NAME "/", sizeof("/" PARENT_NAME)) ? "/" PARENT_NAME : own;
}

/* Whoever may write to it may take processes out. */
static int require_roots(const char *path, struct failure *failure)
{
	struct stat st;

	if (stat(path, &st))
		return failure_set(failure, errno, "%s", path);
	if (st.st_uid == 0 && !(st.st_mode & 022))
		return 0;
	failure_set(failure, 0, "the cgroup %s is not root's alone: uid %u, mode %03o", path,
		    st.st_uid, st.st_mode & 0777);
	return -EPERM;
}

int cgroup_mount(char ret_path[static CGROUP_PATH_BYTES], struct failure *failure)
{
	if (!find_mount(ret_path, CGROUP_PATH_BYTES))
		return 0;
	failure_set(failure, 0, "no cgroup2 file system is mounted");
	failure_hint(failure, "mount it: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	return -ENODEV;
}

int cgroup_parent(char ret_path[static CGROUP_PATH_BYTES], struct failure *failure)
{
	char mount[CGROUP_PATH_BYTES], own[CGROUP_PATH_BYTES] = "";
	int r = cgroup_mount(mount, failure);

	if (r)
		return r;
	own_cgroup(own, sizeof(own));
	if (snprintf(ret_path, CGROUP_PATH_BYTES, "%s%s", mount, parent_below(own)) >=
	    CGROUP_PATH_BYTES)
		return failure_set(failure, ENAMETOOLONG, "%s%s", mount, own);
	if (mkdir(ret_path, 0755) && errno != EEXIST)
		return failure_set(failure, errno, "cannot make the cgroup %s", ret_path);
	return require_roots(ret_path, failure);
}

static int cgroup_open(const char *parent, const char *name, struct cgroup *cgroup)
{
	*cgroup = (struct cgroup){ .fd = -1 };
	if ((size_t)snprintf(cgroup->name, sizeof(cgroup->name), "%s", name) >=
		    sizeof(cgroup->name) ||
	    (size_t)snprintf(cgroup->path, sizeof(cgroup->path), "%s/%s", parent, name) >=
		    sizeof(cgroup->path))
		return -ENAMETOOLONG;
	cgroup->fd = open(cgroup->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup->fd < 0)
		return -errno;
	return flock(cgroup->fd, LOCK_EX | LOCK_NB) ? -EBUSY : 0;
}

int cgroup_create(const char *parent, const char *name, struct cgroup *ret_cgroup,
		  struct failure *failure)
{
	char path[CGROUP_PATH_BYTES];
	struct cgroup cgroup;
	int r;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", parent, name) >= sizeof(path))
		return failure_set(failure, ENAMETOOLONG, "%s/%s", parent, name);
	/*
	 * The command may read its files by name, as programs do to learn their limits. But whoever
	 * can open the directory can take its lock.
	 */
	if (mkdir(path, 0711))
		return failure_set(failure, errno, "cannot make the cgroup %s", path);
	r = cgroup_open(parent, name, &cgroup);
	if (r) {
		cgroup_close(&cgroup);
		rmdir(path);
		return failure_set(failure, -r, "cannot open the cgroup %s", path);
	}
	*ret_cgroup = cgroup;
	return 0;
}

int cgroup_adopt(const char *parent, const char *name, struct cgroup *ret_cgroup)
{
	struct cgroup cgroup;
	int r = cgroup_open(parent, name, &cgroup);

	if (r)
		cgroup_close(&cgroup);
	else
		*ret_cgroup = cgroup;
	return r;
}

/* kernfs files report size 0, so they are read to their end. */
static FILE *open_file(int directory_fd, const char *name)
{
	int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "re");

	if (fd >= 0 && !file)
		close(fd);
	return file;
}

static int read_populated(int directory_fd, bool *ret_populated)
{
	_cleanup_fclose_ FILE *file = open_file(directory_fd, "cgroup.events");
	char line[64];
	int populated;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "populated %d", &populated) == 1) {
			*ret_populated = populated != 0;
			return 0;
		}
	return file ? -EPROTO : -errno;
}

int cgroup_populated(const struct cgroup *cgroup, bool *ret_populated)
{
	return read_populated(cgroup->fd, ret_populated);
}

static size_t count_processes(const char *directory)
{
	_cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : open_file(fd, "cgroup.procs");
	size_t count = 0;
	int pid;

	while (file && fscanf(file, "%d", &pid) == 1)
		count++;
	return count;
}

int cgroup_count(const char *path, size_t *ret_processes, bool *ret_populated)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : read_populated(fd, ret_populated);
	_cleanup_(cgroup_walk_end) FTS *tree = r ? NULL : cgroup_walk(path);
	size_t cgroups = 0, processes = 0;
	const FTSENT *entry;

	if (!tree)
		return r ? r : -errno;
	while (!r && (errno = 0, entry = fts_read(tree))) {
		if (cgroups++ > 2 * CGROUP_COUNT_MAX)
			return -E2BIG;
		if (entry->fts_info == FTS_D)
			processes += count_processes(entry->fts_path);
		r = cgroup_walk_error(entry);
	}
	if (!r && !errno)
		*ret_processes = processes;
	return r ? r : -errno;
}

/* A process that forks while the list is read is met in the next round: see cgroup_empty(). */
static void signal_processes(const char *directory, int number)
{
	_cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : open_file(fd, "cgroup.procs");
	int pid;

	while (file && fscanf(file, "%d", &pid) == 1)
		if (pid > 0)
			kill(pid, number);
}

static int signal_all(const struct cgroup *cgroup, int number)
{
	_cleanup_(cgroup_walk_end) FTS *tree = cgroup_walk(cgroup->path);
	const FTSENT *entry;

	if (!tree)
		return -errno;
	while ((entry = fts_read(tree)))
		if (entry->fts_info == FTS_D)
			signal_processes(entry->fts_path, number);
	return 0;
}

/* Since 5.14 the kernel ends a whole tree at once, forks included. */
static void kill_all(const struct cgroup *cgroup)
{
	_cleanup_close_ int fd = openat(cgroup->fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1", 1) != 1)
		signal_all(cgroup, SIGKILL);
}

/* cgroup.events signals POLLPRI when it changes; the short time-out is for what forks away. */
static int wait_until_empty(const struct cgroup *cgroup, int timeout_ms, bool kill_again)
{
	uint64_t deadline_ns = monotonic_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
	_cleanup_close_ int fd = openat(cgroup->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	struct pollfd changed = { .fd = fd, .events = POLLPRI };
	bool populated;
	char seen[64];
	int r;

	if (fd < 0)
		return -errno;
	while (!(r = cgroup_populated(cgroup, &populated)) && populated) {
		/* What this fd has not read would be news to poll(). */
		if (pread(fd, seen, sizeof(seen), 0) < 0)
			return -errno;
		if (monotonic_ns() > deadline_ns)
			return -ETIMEDOUT;
		if (kill_again)
			kill_all(cgroup);
		poll(&changed, 1, 20);
	}
	return r;
}

int cgroup_empty(const struct cgroup *cgroup)
{
	bool populated;
	int r = cgroup_populated(cgroup, &populated);

	if (r || !populated)
		return r;
	signal_all(cgroup, SIGTERM);
	/* What is stopped cannot take a signal. */
	signal_all(cgroup, SIGCONT);
	r = wait_until_empty(cgroup, CGROUP_TERM_MS, false);
	return r == -ETIMEDOUT ? wait_until_empty(cgroup, CGROUP_KILL_MS, true) : r;
}

int cgroup_remove(struct cgroup *cgroup)
{
	_cleanup_(cgroup_walk_end) FTS *tree = cgroup_walk(cgroup->path);
	const FTSENT *entry;
	int r = 0;

	if (!tree)
		return -errno;
	while ((entry = fts_read(tree)))
		if (entry->fts_info == FTS_DP && rmdir(entry->fts_accpath))
			r = -errno;
	cgroup_close(cgroup);
	return r;
}

void cgroup_close(struct cgroup *cgroup)
{
	close_fd(&cgroup->fd);
}

int cgroup_each(const char *parent, void (*found)(const char *name, void *data), void *data)
{
	_cleanup_closedir_ DIR *dir = opendir(parent);
	const struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			found(entry->d_name, data);
	return 0;
}
