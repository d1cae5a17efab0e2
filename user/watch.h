/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files that others replace, by rename or by a symlink that is changed, or write to: told of once
 * they are others. See inotify(7). A directory on the way that is not there yet is waited for.
 */
#ifndef CGFENCE_WATCH_H
#define CGFENCE_WATCH_H

struct event_base;
struct watch;

/* So that several changes in a row are one, and what is being written is whole. */
#define WATCH_SETTLE_MS 50
/*
 * Whoever closes an inotify descriptor, or ends with one, waits for the kernel to forget what it
 * watched: 10 to 30 ms. So there is none before this time; then it is looked at what has changed.
 */
#define WATCH_AFTER_MS 1000

typedef void (*watch_fn)(void *data);

/* Of no file yet, which costs nothing. -ENOMEM. */
int watch_init(struct watch **ret_watch, struct event_base *base);
/*
 * `path` is absolute. `changed` is called from the loop if it is another than now, so it is to be
 * read after this. Where the kernel has no watches left it is looked at every second. -ENOMEM.
 */
int watch_add(struct watch *watch, const char *path, watch_fn changed, void *data);
/* Nothing that was added with this `data` is told any more. Not from within `changed`. */
void watch_remove(struct watch *watch, const void *data);
void watch_finish(struct watch **watch);

#endif
