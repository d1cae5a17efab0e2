// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <string.h>
#include <sys/syscall.h>

#include "util.h"

/* From <linux/pidfd.h> of Linux 6.9. */
#define OPEN_THREAD O_EXCL

static bool is_gone(int error)
{
	return error == ENOENT || error == ESRCH;
}

static pid_t process_of(pid_t tid)
{
	char path[64], line[256];
	_cleanup_fclose_ FILE *file = NULL;
	int pid;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Tgid: %d", &pid) == 1)
			return pid;
	return tid;
}

/* Without CONFIG_KCMP nothing is known to be shared, and is looked at more often. */
static bool shares_table(pid_t pid, pid_t tid)
{
	return pid == tid || syscall(SYS_kcmp, pid, tid, KCMP_FILES, 0, 0) == 0;
}

/* What a link below /proc/PID/fd says: "socket:[1234]" or "anon_inode:[io_uring]". */
static bool parse_link(const char *target, struct descriptor *descriptor)
{
	descriptor->ring = !strcmp(target, "anon_inode:[io_uring]");
	descriptor->inode = 0;
	return descriptor->ring || sscanf(target, "socket:[%" SCNu64 "]", &descriptor->inode) == 1;
}

static bool read_link(int directory_fd, const char *name, struct descriptor *descriptor)
{
	char target[64];
	ssize_t length = readlinkat(directory_fd, name, target, sizeof(target) - 1);

	if (length < 0)
		return false;
	target[length] = '\0';
	return parse_link(target, descriptor);
}

bool descriptor_is_there(const struct descriptor *descriptor)
{
	struct descriptor now = *descriptor;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", descriptor->tid, descriptor->number);
	return read_link(AT_FDCWD, path, &now) && now.ring == descriptor->ring &&
	       now.inode == descriptor->inode;
}

/* The table of one thread. */
struct table {
	pid_t pid, tid;
	int pidfd; /* -1: its descriptors cannot be duplicated */
};

static int open_pidfd(struct table *table)
{
	bool shared = shares_table(table->pid, table->tid);

	table->pidfd = (int)syscall(SYS_pidfd_open, shared ? table->pid : table->tid,
				    shared ? 0 : OPEN_THREAD);
	/* Before Linux 6.9 only whole processes can be opened. */
	return table->pidfd >= 0 || (!shared && errno == EINVAL) ? 0 : -errno;
}

static int look_at(const struct table *table, int directory_fd, const char *name,
		   descriptor_fn found, void *data)
{
	_cleanup_close_ int fd = -1;
	struct descriptor descriptor = {
		.pid = table->pid, .tid = table->tid, .number = atoi(name), .fd = -1
	};

	if (!read_link(directory_fd, name, &descriptor))
		return 0;
	if (!descriptor.ring && table->pidfd >= 0) {
		fd = (int)syscall(SYS_pidfd_getfd, table->pidfd, descriptor.number, 0);
		if (fd < 0)
			return is_gone(errno) || errno == EBADF ? 0 : -errno;
		descriptor.fd = fd;
	}
	return found(&descriptor, data);
}

static int each_in_table(struct table *table, descriptor_fn found, void *data)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[64];
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", table->tid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!r && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = look_at(table, dirfd(dir), entry->d_name, found, data);
	return r;
}

static int each_of_thread(const struct tree *tree, pid_t tid, descriptor_fn found, void *data)
{
	struct table table = { .pid = process_of(tid), .tid = tid, .pidfd = -1 };
	int r;

	if (table.pid != tid && tree_has_thread(tree, table.pid) && shares_table(table.pid, tid))
		return 0;
	r = open_pidfd(&table);
	if (!r)
		r = each_in_table(&table, found, data);
	close_fd(&table.pidfd);
	return is_gone(-r) ? 0 : r;
}

int descriptors_each(const struct tree *tree, descriptor_fn found, void *data, pid_t *ret_pid)
{
	size_t i;
	int r;

	for (i = 0; i < tree->thread_count; i++) {
		r = each_of_thread(tree, tree->threads[i], found, data);
		if (r) {
			*ret_pid = tree->threads[i];
			return r;
		}
	}
	return 0;
}
