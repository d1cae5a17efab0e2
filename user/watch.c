// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Directories are watched, because an inotify watch of a file is one of its inode, which a rename
 * leaves behind; and the inode too, because what is bind-mounted over a file is written to in place
 * and has its directory elsewhere (/etc/resolv.conf in a container). What an event says is not
 * looked at: the file is another if stat(2) says so.
 */
#include "watch.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "timer.h"
#include "util.h"

/* As the kernel follows, see path_resolution(7). */
#define LINKS_MAX 40
#define EVENTS                                                                                     \
	(IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVE | IN_MOVE_SELF | \
	 IN_DELETE_SELF)

struct watch {
	struct event_base *base;
	watch_fn changed;
	void *data;
	int fd;
	struct event *event;
	struct timer settle;
	struct stat seen; /* all zero: there was no such file */
	char path[];
};

/* Of `path`, or where there is none, of what it would be in. */
static int watch_directory_of(const struct watch *watch, const char *path)
{
	char directory[PATH_MAX];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	while ((slash = strrchr(directory, '/'))) {
		slash[slash == directory] = '\0';
		if (inotify_add_watch(watch->fd, directory, EVENTS) >= 0)
			return 0;
		if (slash == directory || (errno != ENOENT && errno != ENOTDIR))
			return -errno;
	}
	return -ENOENT;
}

/* What the link at `path` says, in place of it; false if it is none. */
static bool follow(char path[PATH_MAX])
{
	char target[PATH_MAX], whole[2 * PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);
	const char *slash = strrchr(path, '/');

	if (length <= 0)
		return false;
	target[length] = '\0';
	if (target[0] == '/')
		snprintf(whole, sizeof(whole), "%s", target);
	else
		snprintf(whole, sizeof(whole), "%.*s/%s", (int)(slash - path), path, target);
	if (strlen(whole) >= PATH_MAX)
		return false;
	strcpy(path, whole);
	return true;
}

static int watch_all(const struct watch *watch)
{
	char path[PATH_MAX];
	int i, r = 0;
	bool more = true;

	snprintf(path, sizeof(path), "%s", watch->path);
	for (i = 0; !r && more && i < LINKS_MAX; i++) {
		r = watch_directory_of(watch, path);
		more = follow(path);
	}
	/* It may not be there. */
	if (!r)
		inotify_add_watch(watch->fd, watch->path, EVENTS);
	return r;
}

static bool is_same(const struct stat *left, const struct stat *right)
{
	return left->st_dev == right->st_dev && left->st_ino == right->st_ino &&
	       left->st_size == right->st_size &&
	       !memcmp(&left->st_mtim, &right->st_mtim, sizeof(left->st_mtim)) &&
	       !memcmp(&left->st_ctim, &right->st_ctim, sizeof(left->st_ctim));
}

static bool look(struct watch *watch)
{
	struct stat now;

	if (stat(watch->path, &now))
		now = (struct stat){};
	if (is_same(&now, &watch->seen))
		return false;
	watch->seen = now;
	return true;
}

static void on_event(evutil_socket_t fd, short what, void *data)
{
	struct watch *watch = data;
	uint64_t now_ns = monotonic_ns();

	(void)fd;
	(void)what;
	event_del(watch->event);
	timer_set(&watch->settle, now_ns, now_ns + WATCH_SETTLE_MS * NSEC_PER_MSEC);
}

/* Before the file is looked at, so that nothing happens unseen. */
static int begin(struct watch *watch)
{
	int r;

	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->fd < 0)
		return -errno;
	watch->event = event_new(watch->base, watch->fd, EV_READ, on_event, watch);
	if (!watch->event)
		return -ENOMEM;
	r = watch_all(watch);
	if (!r && event_add(watch->event, NULL))
		r = -ENOMEM;
	return r;
}

static void end(struct watch *watch)
{
	if (watch->event)
		event_free(TAKE_PTR(watch->event));
	close_fd(&watch->fd);
}

/* Anew, because links and directories may be others. If that fails, it is tried again. */
static void on_settled(void *data)
{
	struct watch *watch = data;
	uint64_t now_ns = monotonic_ns();

	end(watch);
	if (begin(watch)) {
		end(watch);
		timer_set(&watch->settle, now_ns, now_ns + NSEC_PER_SEC);
	}
	if (look(watch))
		watch->changed(watch->data);
}

int watch_init(struct watch **ret_watch, struct event_base *base, const char *path,
	       watch_fn changed, void *data)
{
	_cleanup_(watch_finish) struct watch *watch = calloc(1, sizeof(*watch) + strlen(path) + 1);
	int r;

	if (!watch)
		return -ENOMEM;
	watch->base = base;
	watch->changed = changed;
	watch->data = data;
	watch->fd = -1;
	strcpy(watch->path, path);
	r = timer_init(&watch->settle, base, on_settled, watch);
	if (!r)
		r = begin(watch);
	if (r)
		return r;
	look(watch);
	*ret_watch = TAKE_PTR(watch);
	return 0;
}

void watch_finish(struct watch **watch)
{
	if (!*watch)
		return;
	end(*watch);
	timer_finish(&(*watch)->settle);
	free(TAKE_PTR(*watch));
}
