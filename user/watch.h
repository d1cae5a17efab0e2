/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A file that others replace, by rename or by a symlink that is changed, or write to: told of once
 * it is another. See inotify(7). A directory on the way that is not there yet is waited for.
 */
#ifndef CGFENCE_WATCH_H
#define CGFENCE_WATCH_H

struct event_base;
struct watch;

/* So that several changes in a row are one, and what is being written is whole. */
#define WATCH_SETTLE_MS 50

typedef void (*watch_fn)(void *data);

/* `path` is absolute. From now on `changed` is called from the loop. -errno of inotify; -ENOMEM. */
int watch_init(struct watch **ret_watch, struct event_base *base, const char *path,
	       watch_fn changed, void *data);
void watch_finish(struct watch **watch);

#endif
