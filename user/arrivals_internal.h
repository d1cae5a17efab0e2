/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the module share: directories and files that are watched, and for whom. */
#ifndef CGFENCE_ARRIVALS_INTERNAL_H
#define CGFENCE_ARRIVALS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <uthash.h>

#include "arrivals.h"
#include "cgroup.h"
#include "timer.h"

struct sight;

/* An inotify watch; several may want the same. */
struct mark {
	int id;
	struct sight *sights; /* a list */
	UT_hash_handle hh;
};

/* What an arrival wants of a mark. */
struct sight {
	struct mark *mark;
	struct arrival *arrival;
	/* Of a directory on the way, which entry of it matters; NULL: it is of the tree. */
	const char *entry;
	size_t entry_length;
	struct sight *prev, *next;  /* of the mark */
	struct sight *next_of_same; /* of the arrival */
};

/* A cgroup and all below it, as it was seen. */
struct view {
	ino_t inode; /* 0: it is not there */
	bool populated;
	bool partial; /* there are more than were looked at */
	/* Sums over all cgroups of it, which differ if they do, but for accidents. */
	uint64_t of_ids, of_populated;
};

enum arrival_dirt {
	DIRT_WAY = 1,  /* it may have come or gone */
	DIRT_TREE = 2, /* cgroups below it may have */
	DIRT_FILL = 4  /* processes may have come or gone */
};

struct arrival {
	struct arrival *prev, *next;
	struct arrivals *arrivals;
	arrival_fn told;
	void *data;
	struct sight *sights;
	struct view view;
	unsigned int dirt;
	unsigned int again; /* how many more times it is told */
	uint64_t came_ns;   /* when processes did */
	char path[];
};

struct arrivals {
	struct event_base *base;
	struct event *event;
	int fd;
	struct mark *marks; /* by id */
	struct arrival *all;
	struct arrival *telling; /* NULL if it removed itself */
	struct timer settle, look, again;
	uint64_t cost_ns; /* of the last that was settled */
};

/*
 * Watches what matters to it now, in place of what did before, and looks: what changes from then on
 * is an event. Without watches left only the look is good, and the result is -ENOSPC.
 */
int arrivals_see(struct arrival *arrival, struct view *ret_view);
void arrivals_forget(struct arrival *arrival);

#endif
