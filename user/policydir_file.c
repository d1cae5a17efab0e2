// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One file of the directory: read whole, replaced whole. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "policydir_internal.h"

/* How often a file is read that somebody writes to meanwhile. */
#define TRIES 5

/* The new file until it has its name. Hidden; what a loss of power left is replaced. */
#define NEW_PREFIX "."
#define NEW_SUFFIX ".new"
#define NEW_BYTES (POLICYDIR_FILE_BYTES + sizeof(NEW_PREFIX NEW_SUFFIX))

static int check(const struct stat *status, const struct policydir *dir, const char *file,
		 struct failure *failure)
{
	if (!S_ISREG(status->st_mode))
		return failure_set(failure, EINVAL, "'%s/%s' is no regular file", dir->path, file);
	if (status->st_size > CGF_POLICY_FILE_BYTES_MAX)
		return failure_set(failure, E2BIG, "'%s/%s' has more than %d bytes", dir->path,
				   file, CGF_POLICY_FILE_BYTES_MAX);
	if ((status->st_uid == 0 || status->st_uid == geteuid()) &&
	    !(status->st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	failure_set(failure, 0, "others than root may write to '%s/%s'", dir->path, file);
	failure_hint(failure, "chown root '%s/%s' && chmod go-w '%s/%s'", dir->path, file,
		     dir->path, file);
	return -EPERM;
}

/* Up to `size` bytes; how many there are, or -errno. */
static ssize_t read_whole(int fd, char *text, size_t size)
{
	size_t length = 0;
	ssize_t count = 1;

	while (count && length < size) {
		count = pread(fd, text + length, size - length, (off_t)length);
		if (count < 0 && errno != EINTR)
			return -errno;
		length += count > 0 ? (size_t)count : 0;
	}
	return (ssize_t)length;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/*
 * An editor may write into the file instead of replacing it: half of it could be a policy, too.
 * -EAGAIN if it did.
 */
static int read_still(int fd, const struct stat *before, char **ret_text, size_t *ret_length)
{
	size_t size = (size_t)before->st_size;
	_cleanup_free_ char *text = malloc(size + 1);
	struct stat after;
	ssize_t length;

	if (!text)
		return -ENOMEM;
	length = read_whole(fd, text, size + 1);
	if (length < 0)
		return (int)length;
	if (fstat(fd, &after))
		return -errno;
	if ((size_t)length != size || !is_same(before, &after))
		return -EAGAIN;
	text[size] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_length = size;
	return 0;
}

int policydir_file_read(const struct policydir *dir, const char *file, char **ret_text,
			size_t *ret_length, struct failure *failure)
{
	_cleanup_close_ int dir_fd = -1, fd = -1;
	struct stat status;
	int tries, r = policydir_open_fd(dir, &dir_fd, failure);

	if (r)
		return r;
	/* Without waiting for who writes, if it is a FIFO. */
	fd = openat(dir_fd, file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return failure_set(failure, errno, "cannot open '%s/%s'", dir->path, file);
	for (r = -EAGAIN, tries = 0; r == -EAGAIN && tries < TRIES; tries++) {
		if (fstat(fd, &status))
			return failure_set(failure, errno, "cannot look at '%s/%s'", dir->path,
					   file);
		r = check(&status, dir, file, failure);
		if (r)
			return r;
		r = read_still(fd, &status, ret_text, ret_length);
	}
	if (r == -EAGAIN)
		return failure_set(failure, EAGAIN, "'%s/%s' is being written to", dir->path, file);
	return r ? failure_set(failure, -r, "cannot read '%s/%s'", dir->path, file) : 0;
}

static int write_whole(int fd, const char *text, size_t length)
{
	size_t written = 0;
	ssize_t count;

	while (written < length) {
		count = write(fd, text + written, length - written);
		if (count < 0 && errno != EINTR)
			return -errno;
		written += count > 0 ? (size_t)count : 0;
	}
	return fsync(fd) ? -errno : 0;
}

/* Owner and mode of the old file, but that others than the owner do not write. */
static int take_over(int fd, int dir_fd, const char *file)
{
	struct stat old;

	if (fstatat(dir_fd, file, &old, AT_SYMLINK_NOFOLLOW))
		return errno != ENOENT || fchmod(fd, 0644) ? -errno : 0;
	if (S_ISLNK(old.st_mode))
		return -ELOOP;
	if (!S_ISREG(old.st_mode))
		return -EINVAL;
	/* Who may not give files away leaves it the caller's, which is more than was asked for. */
	if ((old.st_uid != geteuid() || old.st_gid != getegid()) &&
	    fchown(fd, old.st_uid, old.st_gid) && errno != EPERM)
		return -errno;
	return fchmod(fd, old.st_mode & 0755) ? -errno : 0;
}

static int write_new(int dir_fd, const char *new, const char *file, const char *text, size_t length)
{
	_cleanup_close_ int fd = openat(dir_fd, new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = take_over(fd, dir_fd, file);
	if (!r)
		r = write_whole(fd, text, length);
	if (!r && renameat(dir_fd, new, dir_fd, file))
		r = -errno;
	if (r)
		unlinkat(dir_fd, new, 0);
	return r;
}

int policydir_file_write(const struct policydir *dir, const char *file, const char *text,
			 size_t length, struct failure *failure)
{
	_cleanup_close_ int dir_fd = -1;
	char new[NEW_BYTES];
	int r = policydir_open_fd(dir, &dir_fd, failure);

	if (r)
		return r;
	if (length > CGF_POLICY_FILE_BYTES_MAX)
		return failure_set(failure, E2BIG, "'%s/%s' would have more than %d bytes",
				   dir->path, file, CGF_POLICY_FILE_BYTES_MAX);
	snprintf(new, sizeof(new), NEW_PREFIX "%s" NEW_SUFFIX, file);
	if (unlinkat(dir_fd, new, 0) && errno != ENOENT)
		return failure_set(failure, errno, "cannot remove '%s/%s'", dir->path, new);
	r = write_new(dir_fd, new, file, text, length);
	if (r) {
		r = failure_set(failure, -r, "cannot write '%s/%s'", dir->path, file);
		if (r == -ELOOP)
			failure_hint(failure, "it is a symbolic link; change what it leads to");
		return r;
	}
	/* It has its name; what cannot be synced now may be the old file again after a loss of
	 * power. */
	fsync(dir_fd);
	return 0;
}

int policydir_file_link(const struct policydir *dir, const char *file, const char *to,
			bool *ret_linked, struct failure *failure)
{
	_cleanup_close_ int dir_fd = -1;
	struct stat status;
	int r = policydir_open_fd(dir, &dir_fd, failure);

	if (r)
		return r;
	*ret_linked = false;
	/* What is none, or cannot be looked at, cannot be replaced, and nothing is lost. */
	if (fstatat(dir_fd, file, &status, AT_SYMLINK_NOFOLLOW) || !S_ISREG(status.st_mode))
		return 0;
	if ((unlinkat(dir_fd, to, 0) && errno != ENOENT) || linkat(dir_fd, file, dir_fd, to, 0))
		return failure_set(failure, errno, "cannot keep '%s/%s' for if the change fails",
				   dir->path, file);
	*ret_linked = true;
	return 0;
}

int policydir_file_rename(const struct policydir *dir, const char *from, const char *to,
			  struct failure *failure)
{
	_cleanup_close_ int dir_fd = -1;
	int r = policydir_open_fd(dir, &dir_fd, failure);

	if (r)
		return r;
	if (!renameat(dir_fd, from, dir_fd, to))
		fsync(dir_fd);
	else if (errno != ENOENT)
		return failure_set(failure, errno, "cannot rename '%s/%s'", dir->path, from);
	return 0;
}

int policydir_file_remove(const struct policydir *dir, const char *file, struct failure *failure)
{
	_cleanup_close_ int dir_fd = -1;
	int r = policydir_open_fd(dir, &dir_fd, failure);

	if (r)
		return r;
	if (!unlinkat(dir_fd, file, 0))
		fsync(dir_fd);
	else if (errno != ENOENT)
		return failure_set(failure, errno, "cannot remove '%s/%s'", dir->path, file);
	return 0;
}
