/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The names of a policy, kept in force: from the resolver's answers to the policy, and from there
 * to the datapath, many answers at a time. /etc/hosts is followed when it becomes another.
 */
#ifndef CGFENCE_NAMES_H
#define CGFENCE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"

struct address;
struct answer;
struct cgf_decision;
struct datapath_policy;
struct event_base;
struct names;
struct output;
struct policy;
struct watch;

/*
 * Called once, from the loop: with error 0 when every name has had its first answer and all that is
 * allowed is in force; or with -errno and why not, when a name has no address.
 */
typedef void (*names_ready_fn)(int error, const struct failure *failure, void *data);

struct names_options {
	struct event_base *base;
	struct policy *policy;
	struct datapath_policy *datapath;
	struct watch *watch;	       /* for /etc/hosts; it ends before the names are stopped */
	struct output *output;	       /* for what is to be said of names while the command runs */
	const struct address *servers; /* to ask; not needed afterwards */
	size_t server_count;
	/*
	 * Adopts what the kernel has learned and told of: called before anything is made of what
	 * is known of names.
	 */
	void (*catch_up)(void *data);
	void *catch_up_data;
	names_ready_fn ready;
	/* Called, while the command runs, if the fence cannot be kept up: it must be shut. */
	void (*broken)(const struct failure *failure, void *data);
	/* Called, while the command runs, if there may be flows that are not allowed any more. */
	void (*narrowed)(void *data);
	void *data; /* for these three */
};

/* Starts to resolve. The options' objects stay in use. */
int names_start(struct names **ret_names, const struct names_options *options,
		struct failure *failure);
void names_stop(struct names **names);

/* Writes what has changed of the policy, in the next turn of the loop. */
void names_flush(struct names *names);
/* Asks these from now on. -errno: those before. */
int names_use_servers(struct names *names, const struct address *servers, size_t count);

/* What the kernel learned from an answer to the command, by this grant. */
void names_adopt(struct names *names, const struct answer *answer, uint32_t grant,
		 uint64_t time_ns);
/*
 * A denial that may be of an address that a name has got since it was last asked for: names with a
 * rule for its port are asked for at once, so many in a second.
 */
void names_denied(struct names *names, const struct cgf_decision *decision);

#endif
