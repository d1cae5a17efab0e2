// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "util.h"

/* From <linux/exportfs.h>, which userspace does not have: a cgroup by its id, since Linux 5.5. */
#define FILEID_KERNFS 0xfe

int tree_open(const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs))
		return -errno;
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return -EINVAL;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Room for one more in an array of `count`, which doubles when it is full. */
static int make_room(void **array, size_t count, size_t size)
{
	void *larger;

	if (count & (count - 1) || count == 1)
		return 0;
	larger = reallocarray(*array, count ? 2 * count : 2, size);
	if (!larger)
		return -ENOMEM;
	*array = larger;
	return 0;
}

static int add_id(struct tree *tree, uint64_t id)
{
	int r = make_room((void **)&tree->ids, tree->id_count, sizeof(*tree->ids));

	if (!r)
		tree->ids[tree->id_count++] = id;
	return r;
}

static int add_thread(struct tree *tree, pid_t tid)
{
	int r = make_room((void **)&tree->threads, tree->thread_count, sizeof(*tree->threads));

	/* What the kernel writes for a process that has no number here. */
	if (tid == 0)
		return -EXDEV;
	if (!r)
		tree->threads[tree->thread_count++] = tid;
	return r;
}

/* A cgroup that was removed meanwhile has no threads. */
static bool is_gone(int error)
{
	return error == ENOENT || error == ENODEV;
}

static int add_threads(struct tree *tree, int cgroup_fd)
{
	_cleanup_close_ int fd = openat(cgroup_fd, "cgroup.threads", O_RDONLY | O_CLOEXEC);
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	int tid, r = 0;

	if (!file)
		return is_gone(errno) ? 0 : -errno;
	fd = -1; /* the stream's now */
	while (!r && fscanf(file, "%d", &tid) == 1)
		r = add_thread(tree, tid);
	return r || !ferror(file) || is_gone(errno) ? r : -errno;
}

/*
 * By descriptors rather than paths, which have a longest length that a tree need not keep to: what
 * is nested too deep for us is an error, and not overlooked.
 */
static int add_cgroup(struct tree *tree, int cgroup_fd, unsigned int depth)
{
	_cleanup_close_ int copy = openat(cgroup_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	struct stat st;
	int fd, r;

	if (!dir)
		return is_gone(errno) ? 0 : -errno;
	copy = -1; /* the directory's now */
	if (depth == TREE_DEPTH_MAX)
		return -ELOOP;
	if (fstat(dirfd(dir), &st))
		return -errno;
	r = add_id(tree, st.st_ino);
	if (!r)
		r = add_threads(tree, dirfd(dir));
	while (!r && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			r = add_cgroup(tree, fd, depth + 1);
		else if (!is_gone(errno))
			r = -errno;
		close_fd(&fd);
	}
	return r;
}

static int compare_ids(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static int compare_threads(const void *left, const void *right)
{
	pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;

	return (a > b) - (a < b);
}

int tree_read_several(const int *cgroup_fds, size_t count, struct tree *ret_tree)
{
	_cleanup_(tree_finish) struct tree tree = {};
	size_t i;
	int r = 0;

	for (i = 0; !r && i < count; i++)
		r = add_cgroup(&tree, cgroup_fds[i], 0);
	if (r)
		return r;
	if (tree.id_count)
		qsort(tree.ids, tree.id_count, sizeof(*tree.ids), compare_ids);
	if (tree.thread_count)
		qsort(tree.threads, tree.thread_count, sizeof(*tree.threads), compare_threads);
	*ret_tree = TAKE(tree, (struct tree){});
	return 0;
}

int tree_read(int cgroup_fd, struct tree *ret_tree)
{
	return tree_read_several(&cgroup_fd, 1, ret_tree);
}

void tree_finish(struct tree *tree)
{
	free(TAKE_PTR(tree->ids));
	free(TAKE_PTR(tree->threads));
}

bool tree_has_id(const struct tree *tree, uint64_t id)
{
	return tree->id_count &&
	       bsearch(&id, tree->ids, tree->id_count, sizeof(id), compare_ids) != NULL;
}

bool tree_has_thread(const struct tree *tree, pid_t tid)
{
	return tree->thread_count &&
	       bsearch(&tid, tree->threads, tree->thread_count, sizeof(tid), compare_threads);
}

bool tree_is_gone(int cgroup_fd)
{
	return faccessat(cgroup_fd, "cgroup.procs", F_OK, 0) && is_gone(errno);
}

/* What is above the root of the mount has a path all the same, which is that of something else. */
static bool is_path_of(const char *path, uint64_t id)
{
	struct statfs fs;
	struct stat st;

	return !stat(path, &st) && st.st_ino == id && !statfs(path, &fs) &&
	       fs.f_type == CGROUP2_SUPER_MAGIC;
}

int tree_find_path(int cgroup_fd, uint64_t id, char **ret_path)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + sizeof(id)];
	} of = { .handle = { .handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS } };
	char link[64], path[PATH_MAX] = "", *copy;
	_cleanup_close_ int fd = -1;

	memcpy(of.handle.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(cgroup_fd, &of.handle, O_PATH | O_CLOEXEC);
	/* Only this says that it is gone; who has no descriptor left, or may not, knows nothing. */
	if (fd < 0)
		return errno == ESTALE ? -ENOENT : -errno;
	/* Old kernels still open what was removed, but there is nothing in it. */
	if (tree_is_gone(fd))
		return -ENOENT;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) <= 0 || !is_path_of(path, id))
		return -EXDEV;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	*ret_path = copy;
	return 0;
}
