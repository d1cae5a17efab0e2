// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From targets to cgroups. Whatever is asked for, it never becomes the root cgroup. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "engine.h"
#include "target_internal.h"
#include "tree.h"

static int refuse_root(struct failure *failure)
{
	failure_set(failure, 0, "the root cgroup is the whole machine, and is not fenced");
	return -EINVAL;
}

/* The root has no such file, and what stands for it in a cgroup namespace is where the mount is. */
static bool is_root(const char *mount, int fd)
{
	struct stat root, own;

	if (faccessat(fd, "cgroup.events", F_OK, 0))
		return true;
	return fstat(fd, &own) || stat(mount, &root) ||
	       (own.st_dev == root.st_dev && own.st_ino == root.st_ino);
}

static int refuse_other(const char *mount, const char *path, struct failure *failure)
{
	struct statfs fs;

	if (!statfs(path, &fs) && fs.f_type == CGROUP_SUPER_MAGIC)
		failure_set(failure, 0, "%.300s is a cgroup of version 1", path);
	else
		failure_set(failure, 0, "%.300s is not the directory of a cgroup", path);
	failure_hint(failure, "cgroups of version 2 are below %.100s", mount);
	return -EINVAL;
}

/* Where nothing is, what would come there: the next directory above says which kind it is of. */
static bool is_below_cgroup2(const char *path)
{
	char above[CGROUP_PATH_BYTES];
	struct statfs fs;
	char *slash;

	snprintf(above, sizeof(above), "%s", path);
	while (statfs(above, &fs)) {
		slash = strrchr(above, '/');
		if (errno != ENOENT || !slash || slash == above)
			return false;
		*slash = '\0';
	}
	return fs.f_type == CGROUP2_SUPER_MAGIC;
}

static int refuse_missing(const char *mount, const char *path, struct failure *failure)
{
	if (is_below_cgroup2(path)) {
		failure_set(failure, 0, "there is no cgroup %.400s", path);
		return -ENOENT;
	}
	failure_set(failure, 0, "%.400s is not there, and could be no cgroup", path);
	failure_hint(failure, "cgroups of version 2 are below %.100s", mount);
	return -EINVAL;
}

/* As the usual mount shows it, for what was found by another. */
static int usual_path(const char *mount, int fd, const char *path, char ret_path[CGROUP_PATH_BYTES],
		      struct failure *failure)
{
	_cleanup_close_ int mount_fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *usual = NULL;
	struct stat st;

	if (mount_fd < 0 || fstat(fd, &st))
		return failure_set(failure, errno, "%.300s", path);
	if (tree_find_path(mount_fd, st.st_ino, &usual) || strlen(usual) >= CGROUP_PATH_BYTES)
		snprintf(ret_path, CGROUP_PATH_BYTES, "%s", path);
	else
		strcpy(ret_path, usual);
	return 0;
}

static int find_cgroup(const char *mount, const char *path, char ret_path[CGROUP_PATH_BYTES],
		       struct failure *failure)
{
	_cleanup_close_ int fd = -1;
	int r = tree_open(path, &fd);

	if (r == -ENOENT)
		return refuse_missing(mount, path, failure);
	if (r == -EINVAL || r == -ENOTDIR)
		return refuse_other(mount, path, failure);
	if (r)
		return failure_set(failure, -r, "cannot open the cgroup %.400s", path);
	return is_root(mount, fd) ? refuse_root(failure)
				  : usual_path(mount, fd, path, ret_path, failure);
}

/* --- processes ------------------------------------------------------------------------------- */

static FILE *open_proc(const char *pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.16s/%s", pid, name);
	return fopen(path, "re");
}

/* What has ended and was not waited for is no process that could be fenced. */
static bool is_alive(const char *pid)
{
	_cleanup_fclose_ FILE *file = open_proc(pid, "stat");
	char text[256] = "";
	const char *after;

	if (!file || !fgets(text, sizeof(text), file))
		return false;
	after = strrchr(text, ')');
	return after && strlen(after) > 2 && !strchr("ZXx", after[2]);
}

/* The line of version 2: "0::/a/b". */
static int read_cgroup(const char *pid, char ret_path[CGROUP_PATH_BYTES])
{
	_cleanup_fclose_ FILE *file = open_proc(pid, "cgroup");
	char line[CGROUP_PATH_BYTES];

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::/", 4) || !strchr(line, '\n'))
			continue;
		line[strcspn(line, "\n")] = '\0';
		strcpy(ret_path, line + 3);
		return 0;
	}
	return -ENOENT;
}

int target_find_process(const char *mount, const char *pid, char ret_path[CGROUP_PATH_BYTES],
			struct failure *failure)
{
	char own[CGROUP_PATH_BYTES] = "", path[2 * CGROUP_PATH_BYTES];
	int r = read_cgroup(pid, own);

	if (r || !is_alive(pid)) {
		failure_set(failure, 0, "there is no process %s", pid);
		return -ENOENT;
	}
	/* Of what is outside of our cgroup namespace the kernel says "/..". */
	if (!own[1])
		return refuse_root(failure);
	if (!strncmp(own, "/..", 3) && (!own[3] || own[3] == '/')) {
		failure_set(failure, 0, "process %s is in a cgroup that is not shown here: %.300s",
			    pid, own);
		return -EINVAL;
	}
	snprintf(path, sizeof(path), "%s%s", mount, own);
	if (strlen(path) >= CGROUP_PATH_BYTES)
		return failure_set(failure, ENAMETOOLONG, "the cgroup of process %s", pid);
	return find_cgroup(mount, path, ret_path, failure);
}

int target_name_find(const struct target_name *name, char ret_path[CGROUP_PATH_BYTES],
		     struct failure *failure)
{
	char mount[CGROUP_PATH_BYTES], path[CGROUP_PATH_BYTES];
	int r = cgroup_mount(mount, failure);

	if (r)
		return r;
	switch (name->kind) {
	case TARGET_CGROUP:
		return find_cgroup(mount, name->text, ret_path, failure);
	case TARGET_PID:
		return target_find_process(mount, name->text, ret_path, failure);
	case TARGET_UNIT:
		r = target_find_unit(mount, name->text, path, failure);
		break;
	case TARGET_CONTAINER:
		r = engine_find(&(struct engine_paths)ENGINE_PATHS, mount, name->text, path,
				failure);
		break;
	case TARGET_KIND_COUNT:
		return -EINVAL;
	}
	return r ? r : find_cgroup(mount, path, ret_path, failure);
}
