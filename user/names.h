/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The names of a policy, kept in force: from the resolver's answers to the policy, and from there
 * to the datapath, many answers at a time.
 */
#ifndef CGFENCE_NAMES_H
#define CGFENCE_NAMES_H

#include "failure.h"

struct datapath_policy;
struct event_base;
struct names;
struct output;
struct policy;

/*
 * Called once, from the loop: with error 0 when every name has had its first answer and all that is
 * allowed is in force; or with -errno and why not, when a name has no address.
 */
typedef void (*names_ready_fn)(int error, const struct failure *failure, void *data);

struct names_options {
	struct event_base *base;
	struct policy *policy;
	struct datapath_policy *datapath;
	struct output *output; /* for what is to be said of names while the command runs */
	names_ready_fn ready;
	/* Called, while the command runs, if the fence cannot be kept up: it must be shut. */
	void (*broken)(const struct failure *failure, void *data);
	/* Called, while the command runs, if there may be flows that are not allowed any more. */
	void (*narrowed)(void *data);
	void *data; /* for all */
};

/* Lets the command ask its resolvers, and starts to resolve. The options' objects stay in use. */
int names_start(struct names **ret_names, const struct names_options *options,
		struct failure *failure);
void names_stop(struct names **names);

#endif
