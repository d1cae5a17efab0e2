// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "util.h"

#define LOCK_NS NSEC_PER_SEC
#define LOCK_STEP_MS 20

int file_read(const char *path, size_t size_max, char **ret_text, size_t *ret_length)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	ssize_t count = 1;

	if (fd < 0)
		return -errno;
	text = malloc(size_max + 2);
	if (!text)
		return -ENOMEM;
	while (count && length <= size_max) {
		count = read(fd, text + length, size_max + 1 - length);
		if (count < 0 && errno != EINTR)
			return -errno;
		length += count > 0 ? (size_t)count : 0;
	}
	text[length] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_length = length;
	return 0;
}

int file_lock(int fd)
{
	uint64_t end_ns = monotonic_ns() + LOCK_NS;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EINTR && (errno != EWOULDBLOCK || monotonic_ns() >= end_ns))
			return -errno;
		poll(NULL, 0, LOCK_STEP_MS);
	}
	return 0;
}

pid_t file_lock_holder(int fd)
{
	_cleanup_fclose_ FILE *locks = fopen("/proc/locks", "re");
	unsigned int major_of, minor_of;
	struct stat stat;
	char line[256];
	uint64_t inode;
	int pid;

	if (!locks || fstat(fd, &stat))
		return 0;
	/* "1: FLOCK  ADVISORY  WRITE 123 00:1f:5678 0 EOF", see proc_locks(5). */
	while (fgets(line, sizeof(line), locks))
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%" SCNu64, &pid, &major_of, &minor_of,
			   &inode) == 4 &&
		    inode == stat.st_ino && major_of == major(stat.st_dev) &&
		    minor_of == minor(stat.st_dev) && pid > 0)
			return pid;
	return 0;
}
