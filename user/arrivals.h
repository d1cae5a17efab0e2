/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cgroups that come, go, fill and empty: told from the loop, by inotify on their directories and on
 * cgroup.events; see cgroups(7). Without inotify watches left they are looked at every second.
 */
#ifndef CGFENCE_ARRIVALS_H
#define CGFENCE_ARRIVALS_H

#include <stdbool.h>

struct arrival;
struct arrivals;
struct event_base;

enum arrival_event {
	ARRIVAL_CAME,	/* a cgroup is there now that was not */
	ARRIVAL_WENT,	/* it was removed; another of the same path is ARRIVAL_CAME again */
	ARRIVAL_CHANGED /* processes came into it when there were none, or a cgroup below came or went */
};

typedef void (*arrival_fn)(enum arrival_event event, void *data);

int arrivals_init(struct arrivals **ret_arrivals, struct event_base *base);
void arrivals_finish(struct arrivals **arrivals);

/*
 * Watches the path, whether it is there or not, and what is below it. Directories on the way that
 * are not there are waited for. What is there already is not told. -ENOMEM.
 */
int arrivals_add(struct arrivals *arrivals, const char *path, arrival_fn told, void *data,
		 struct arrival **ret_arrival);
void arrival_remove(struct arrival **arrival);

#endif
