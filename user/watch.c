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

/* The rest stays watched, which costs a look now and then. */
#define MARKS_MAX 256

struct file {
	struct file *next;
	watch_fn changed;
	void *data;
	struct stat seen; /* all zero: there was no such file */
	char path[];
};

/* Watch descriptors, each once: files may share a directory. */
struct marks {
	int ids[MARKS_MAX];
	size_t count;
};

struct watch {
	struct event_base *base;
	struct file *files;
	int fd; /* -1: not yet */
	struct event *event;
	struct timer settle; /* at first until it begins */
	struct marks marks;
};

static bool is_marked(const struct marks *marks, int id)
{
	size_t i;

	for (i = 0; i < marks->count; i++)
		if (marks->ids[i] == id)
			return true;
	return false;
}

static int mark(struct watch *watch, const char *path)
{
	struct marks *marks = &watch->marks;
	int id = inotify_add_watch(watch->fd, path, EVENTS);

	if (id < 0)
		return -errno;
	if (marks->count < MARKS_MAX && !is_marked(marks, id))
		marks->ids[marks->count++] = id;
	return 0;
}

/* Of `path`, or where there is none, of what it would be in. */
static int mark_directory_of(struct watch *watch, const char *path)
{
	char directory[PATH_MAX];
	char *slash;
	int r;

	snprintf(directory, sizeof(directory), "%s", path);
	while ((slash = strrchr(directory, '/'))) {
		slash[slash == directory] = '\0';
		r = mark(watch, directory);
		if (slash == directory || (r != -ENOENT && r != -ENOTDIR))
			return r;
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

static int mark_file(struct watch *watch, const struct file *file)
{
	char path[PATH_MAX];
	int i, r = 0;
	bool more = true;

	snprintf(path, sizeof(path), "%s", file->path);
	for (i = 0; !r && more && i < LINKS_MAX; i++) {
		r = mark_directory_of(watch, path);
		more = follow(path);
	}
	/* It may not be there. */
	if (!r)
		mark(watch, file->path);
	return r;
}

/* What is on no way any more is let go, without closing: that waits, see WATCH_AFTER_MS. */
static int mark_all(struct watch *watch)
{
	const struct marks before = watch->marks;
	const struct file *file;
	size_t i;
	int r = 0;

	watch->marks.count = 0;
	for (file = watch->files; !r && file; file = file->next)
		r = mark_file(watch, file);
	for (i = 0; i < before.count; i++)
		if (!is_marked(&watch->marks, before.ids[i]))
			inotify_rm_watch(watch->fd, before.ids[i]);
	return r;
}

static bool is_same(const struct stat *left, const struct stat *right)
{
	return left->st_dev == right->st_dev && left->st_ino == right->st_ino &&
	       left->st_size == right->st_size &&
	       !memcmp(&left->st_mtim, &right->st_mtim, sizeof(left->st_mtim)) &&
	       !memcmp(&left->st_ctim, &right->st_ctim, sizeof(left->st_ctim));
}

static bool look(struct file *file)
{
	struct stat now;

	if (stat(file->path, &now))
		now = (struct stat){};
	if (is_same(&now, &file->seen))
		return false;
	file->seen = now;
	return true;
}

static void on_event(evutil_socket_t fd, short what, void *data)
{
	struct watch *watch = data;
	uint64_t now_ns = monotonic_ns();

	(void)fd;
	(void)what;
	timer_set(&watch->settle, now_ns, now_ns + WATCH_SETTLE_MS * NSEC_PER_MSEC);
}

static int open_queue(struct watch *watch)
{
	if (watch->fd < 0)
		watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->fd < 0)
		return -errno;
	if (!watch->event)
		watch->event = event_new(watch->base, watch->fd, EV_READ, on_event, watch);
	return watch->event ? 0 : -ENOMEM;
}

static void drain(const struct watch *watch)
{
	char events[4096];

	while (read(watch->fd, events, sizeof(events)) > 0)
		;
}

/* Anew, because links and directories may be others. */
static int mark_anew(struct watch *watch)
{
	int r = open_queue(watch);

	if (r)
		return r;
	/* First this: what happens from here on is told again. */
	drain(watch);
	r = mark_all(watch);
	return event_add(watch->event, NULL) ? -ENOMEM : r;
}

/* Marked before it is looked at, so that nothing happens unseen. If that fails, it is looked at. */
static void on_settled(void *data)
{
	struct watch *watch = data;
	uint64_t now_ns = monotonic_ns();
	struct file *file;

	if (mark_anew(watch))
		timer_set(&watch->settle, now_ns, now_ns + NSEC_PER_SEC);
	for (file = watch->files; file; file = file->next)
		if (look(file))
			file->changed(file->data);
}

int watch_init(struct watch **ret_watch, struct event_base *base)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->base = base;
	watch->fd = -1;
	if (timer_init(&watch->settle, base, on_settled, watch)) {
		free(watch);
		return -ENOMEM;
	}
	*ret_watch = watch;
	return 0;
}

int watch_add(struct watch *watch, const char *path, watch_fn changed, void *data)
{
	struct file *file = calloc(1, sizeof(*file) + strlen(path) + 1);
	uint64_t now_ns = monotonic_ns();

	if (!file)
		return -ENOMEM;
	file->changed = changed;
	file->data = data;
	strcpy(file->path, path);
	file->next = watch->files;
	watch->files = file;
	look(file);
	timer_set(&watch->settle, now_ns, now_ns + WATCH_AFTER_MS * NSEC_PER_MSEC);
	return 0;
}

void watch_remove(struct watch *watch, const void *data)
{
	struct file *file, **at = &watch->files;

	while (*at) {
		file = *at;
		if (file->data != data) {
			at = &file->next;
			continue;
		}
		*at = file->next;
		free(file);
	}
}

void watch_finish(struct watch **watch)
{
	struct file *file, *next;

	if (!*watch)
		return;
	for (file = (*watch)->files; file; file = next) {
		next = file->next;
		free(file);
	}
	if ((*watch)->event)
		event_free((*watch)->event);
	close_fd(&(*watch)->fd);
	timer_finish(&(*watch)->settle);
	free(TAKE_PTR(*watch));
}
