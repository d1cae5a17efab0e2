/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is done for a fence while it stands: its names and resolvers are kept in force, what it
 * decides is told, what the kernel learns is adopted, and questions that it refuses are answered.
 * Without a keeper the fence holds, and the kernel goes on to learn.
 */
#ifndef CGFENCE_KEEPER_H
#define CGFENCE_KEEPER_H

#include "names.h"

struct fence;
struct keeper;

struct keeper_options {
	struct event_base *base;
	struct policy *policy;
	const struct fence *fence;
	struct output *output;
	/* As of struct names_options. */
	names_ready_fn ready;
	void (*broken)(const struct failure *failure, void *data);
	void (*narrowed)(void *data);
	void *data; /* for all */
};

/* From now on all of it is done from the loop. The options' objects stay in use. -errno. */
int keeper_start(struct keeper **ret_keeper, const struct keeper_options *options,
		 struct failure *failure);
/* Tells what is still to be told, and the summary: nothing runs inside any more. */
void keeper_sum_up(struct keeper *keeper);
/* Before the fence is destroyed. */
void keeper_stop(struct keeper **keeper);

#endif
