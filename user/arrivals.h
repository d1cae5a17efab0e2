/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cgroups that come, go, fill and empty: told from the loop, by inotify on their directories and on
 * cgroup.events; see cgroups(7). Without inotify watches left they are looked at every second.
 */
#ifndef CGFENCE_ARRIVALS_H
#define CGFENCE_ARRIVALS_H

struct arrival;
struct arrivals;
struct event_base;

/* So that several changes below a cgroup are one; what comes or goes is told at once. */
#define ARRIVALS_SETTLE_MS 10
/*
 * After processes came it is told again and again for a second, after so much, or a sixteenth of
 * the time since they came if that is more: they go on to the namespaces and the root that a
 * container's runtime makes for them. Measured, that is 5 to 250 ms later, and the first
 * instruction of the container is 25 ms after it; on a slow machine, both are more.
 */
#define ARRIVALS_AGAIN_MS 10
#define ARRIVALS_AGAIN_TIMES 47
#define ARRIVALS_AGAIN_LAST_MS 1000
/* How often they are looked at where the kernel does not tell. */
#define ARRIVALS_LOOK_MS 1000

enum arrival_event {
	ARRIVAL_CAME,	/* a cgroup is there now that was not */
	ARRIVAL_WENT,	/* it was removed; another of the same path is ARRIVAL_CAME again */
	ARRIVAL_CHANGED /* processes came into it, or one below, when there were none; or a cgroup
			   below came or went */
};

/* May remove its arrival, and others. */
typedef void (*arrival_fn)(enum arrival_event event, void *data);

int arrivals_init(struct arrivals **ret_arrivals, struct event_base *base);
/* All are to be removed before. */
void arrivals_finish(struct arrivals **arrivals);

/* What is beyond is not watched: then it is told each ARRIVALS_LOOK_MS that it may have changed. */
#define ARRIVALS_TREE_MAX 4096
#define ARRIVALS_DEPTH_MAX 64

/*
 * Watches the path, whether it is there or not, and what is below it. Directories on the way that
 * are not there are waited for. What is there already is not told. The root of the hierarchy may
 * be watched too: then whatever comes or goes anywhere is ARRIVAL_CHANGED. -ENOMEM.
 */
int arrivals_add(struct arrivals *arrivals, const char *path, arrival_fn told, void *data,
		 struct arrival **ret_arrival);
void arrival_remove(struct arrival **arrival);

#endif
