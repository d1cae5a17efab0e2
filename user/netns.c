// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "descriptors.h"
#include "util.h"

struct netns {
	dev_t device;
	ino_t inode;
	int fd;
};

static bool has(const struct netns_set *set, const struct stat *st)
{
	size_t i;

	for (i = 0; i < set->count; i++)
		if (set->items[i].device == st->st_dev && set->items[i].inode == st->st_ino)
			return true;
	return false;
}

/* Takes over `fd`, whether or not the set has it already. */
static int add(struct netns_set *set, int own_fd)
{
	_cleanup_close_ int fd = own_fd;
	struct netns *larger;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (has(set, &st))
		return 0;
	larger = reallocarray(set->items, set->count + 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	set->items = larger;
	larger[set->count++] = (struct netns){ .device = st.st_dev,
					       .inode = st.st_ino,
					       .fd = TAKE_FD(fd) };
	return 0;
}

/* A thread that is gone, or has ended and not been waited for, has none. */
static int add_of_path(struct netns_set *set, const char *path)
{
	struct stat st;
	int fd;

	if (stat(path, &st) == 0 && has(set, &st))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	return add(set, fd);
}

static int add_of_socket(const struct descriptor *descriptor, void *data)
{
	int fd = descriptor->fd < 0 ? -1 : ioctl(descriptor->fd, SIOCGSKNS);

	if (fd >= 0)
		return add(data, fd);
	/* There is none left for it; else it is of a kind that is in no namespace. */
	return descriptor->fd >= 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		       ? -errno
		       : 0;
}

int netns_of_tree(const struct tree *tree, struct netns_set *ret_set, pid_t *ret_pid)
{
	_cleanup_(netns_finish) struct netns_set set = {};
	int r = add_of_path(&set, "/proc/thread-self/ns/net");
	char path[64];
	size_t i;

	for (i = 0; !r && i < tree->thread_count; i++) {
		*ret_pid = tree->threads[i];
		snprintf(path, sizeof(path), "/proc/%d/ns/net", tree->threads[i]);
		r = add_of_path(&set, path);
	}
	if (!r)
		r = descriptors_each(tree, add_of_socket, &set, ret_pid);
	if (!r)
		*ret_set = TAKE(set, (struct netns_set){});
	return r;
}

void netns_finish(struct netns_set *set)
{
	size_t i;

	for (i = 0; i < set->count; i++)
		close_fd(&set->items[i].fd);
	free(TAKE_PTR(set->items));
	set->count = 0;
}

struct tour {
	const struct netns_set *set;
	netns_fn visit;
	void *data;
	int result;
};

static void *go_round(void *data)
{
	struct tour *tour = data;
	size_t i;

	for (i = 0; !tour->result && i < tour->set->count; i++)
		tour->result = setns(tour->set->items[i].fd, CLONE_NEWNET)
				       ? -errno
				       : tour->visit(tour->data);
	return NULL;
}

int netns_visit(int fd, netns_fn visit, void *data)
{
	struct netns one = { .fd = fd };
	const struct netns_set set = { .items = &one, .count = 1 };

	return netns_each(&set, visit, data);
}

int netns_each(const struct netns_set *set, netns_fn visit, void *data)
{
	struct tour tour = { .set = set, .visit = visit, .data = data };
	pthread_t thread;
	int r = pthread_create(&thread, NULL, go_round, &tour);

	if (r)
		return -r;
	pthread_join(thread, NULL);
	return tour.result;
}
