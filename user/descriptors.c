// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "util.h"

/* From <linux/pidfd.h> of Linux 6.9. */
#define OPEN_THREAD O_EXCL

#define CLOSED_AT_ONCE 256

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

/*
 * Who has the last descriptor of a socket that lingers waits in close() for its peer, which may be
 * the process that is looked at; and what is no socket any more may be a file whose server never
 * answers. So none of them is closed here, but by a thread that may wait as long as it likes.
 */
struct closing {
	size_t count;
	int fds[CLOSED_AT_ONCE];
};

static void *close_all(void *data)
{
	struct closing *closing = data;
	size_t i;

	for (i = 0; i < closing->count; i++)
		close(closing->fds[i]);
	free(closing);
	return NULL;
}

static void closing_finish(struct closing **closing)
{
	struct closing *all = TAKE_PTR(*closing);
	pthread_attr_t attributes;
	pthread_t thread;

	if (!all)
		return;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attributes, close_all, all))
		close_all(all);
	pthread_attr_destroy(&attributes);
}

static void close_elsewhere(struct closing **closing, int fd)
{
	if (!*closing)
		*closing = calloc(1, sizeof(**closing));
	if (!*closing) {
		close(fd);
		return;
	}
	(*closing)->fds[(*closing)->count++] = fd;
	if ((*closing)->count == CLOSED_AT_ONCE)
		closing_finish(closing);
}

/* The table of one thread. */
struct table {
	pid_t pid, tid;
	int pidfd; /* -1: its descriptors cannot be duplicated */
	struct closing **closing;
};

static int open_pidfd(struct table *table)
{
	bool shared = shares_table(table->pid, table->tid);

	table->pidfd = (int)syscall(SYS_pidfd_open, shared ? table->pid : table->tid,
				    shared ? 0 : OPEN_THREAD);
	/* Before Linux 6.9 only whole processes can be opened. */
	return table->pidfd >= 0 || (!shared && errno == EINVAL) ? 0 : -errno;
}

/* Another may have been put in its place since. Only a socket is asked what it is. */
static bool is_socket(int fd, uint64_t inode)
{
	socklen_t length = sizeof(int);
	struct stat st;
	int type;

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) && !fstat(fd, &st) &&
	       st.st_ino == inode;
}

static int look_at(const struct table *table, int directory_fd, const char *name,
		   descriptor_fn found, void *data)
{
	struct descriptor descriptor = {
		.pid = table->pid, .tid = table->tid, .number = atoi(name), .fd = -1
	};
	int r = 0;

	if (!read_link(directory_fd, name, &descriptor))
		return 0;
	if (descriptor.ring || table->pidfd < 0)
		return found(&descriptor, data);
	descriptor.fd = (int)syscall(SYS_pidfd_getfd, table->pidfd, descriptor.number, 0);
	if (descriptor.fd < 0)
		return is_gone(errno) || errno == EBADF ? 0 : -errno;
	if (is_socket(descriptor.fd, descriptor.inode))
		r = found(&descriptor, data);
	close_elsewhere(table->closing, descriptor.fd);
	return r;
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

static int each_of_thread(const struct tree *tree, pid_t tid, struct closing **closing,
			  descriptor_fn found, void *data)
{
	struct table table = { process_of(tid), tid, -1, closing };
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
	_cleanup_(closing_finish) struct closing *closing = NULL;
	size_t i;
	int r;

	for (i = 0; i < tree->thread_count; i++) {
		r = each_of_thread(tree, tree->threads[i], &closing, found, data);
		if (r) {
			*ret_pid = tree->threads[i];
			return r;
		}
	}
	return 0;
}
