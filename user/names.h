/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The names of a policy, kept in force: from the resolver's answers to the policy, and from there
 * to the datapath, many answers at a time. /etc/hosts is followed when it becomes another.
 */
#ifndef CGFENCE_NAMES_H
#define CGFENCE_NAMES_H

#include <stdbool.h>
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
	/* For /etc/hosts. It ends before the names are stopped, unless it is shared with others. */
	struct watch *watch;
	bool watch_is_shared;
	struct output *output; /* for what is to be said of names; NULL: to `note` */
	void (*note)(const char *text, void *data);
	const struct address *servers; /* to ask; not needed afterwards */
	size_t server_count;
	/*
	 * Adopts what the kernel has learned and told of: called before anything is made of what
	 * is known of names.
	 */
	void (*catch_up)(void *data);
	void *catch_up_data;
	names_ready_fn ready;
	/* May be NULL. False: nothing may be written now, and somebody else does when it may be. */
	bool (*may_flush)(void *data);
	/* Called, while the command runs, if the fence cannot be kept up: it must be shut. */
	void (*broken)(const struct failure *failure, void *data);
	/* Called, while the command runs, if there may be flows that are not allowed any more. */
	void (*narrowed)(void *data);
	/* May be NULL. Called when entries have no room: they wait for a flush that finds some. */
	void (*full)(size_t refused, void *data);
	void *data; /* for these, and `note` */
};

/* Starts to resolve. The options' objects stay in use. */
int names_start(struct names **ret_names, const struct names_options *options,
		struct failure *failure);
void names_stop(struct names **names);

/* Writes what has changed of the policy, in the next turn of the loop. */
void names_flush(struct names *names);
/*
 * After policy_apply(), before the loop turns: new names are asked for at once, and those that no
 * rule says any more are not. `settled` is called once, from the loop, when each name that is new
 * by this call has had its first answers, good or bad, and what they gave is in force; it may be
 * NULL, and then `ret_wait` too. -ENOMEM: some are not asked for, and nothing is waited for.
 */
struct names_wait;
typedef void (*names_settled_fn)(void *data);
int names_sync(struct names *names, names_settled_fn settled, void *data,
	       struct names_wait **ret_wait);
/* `settled` is not called any more. Only before it was. */
void names_wait_cancel(struct names *names, struct names_wait **wait);

/*
 * Whether a denied name has more addresses than can be denied, which was told as an error: so it is
 * until the rules change.
 */
bool names_overflow(const struct names *names);
/* All is written, by somebody else: what cannot be the next time is told again. */
void names_written(struct names *names);
/* Whether each denied name has had a good answer: that it is nowhere is one. */
bool names_know_denied(const struct names *names);

/* What is known of one name; by both of its questions, for A and for AAAA. */
struct names_state {
	const char *name;
	size_t addresses;
	bool settled;	       /* each question has had an answer, good or bad */
	bool overdue;	       /* it fails now, or was not answered for several times its TTL */
	uint64_t answered_ns;  /* the last good answer of the one that waits longest; 0: none */
	unsigned int failures; /* in a row */
	const char *error;     /* of the last one, in words; NULL if none fails */
	const char *unusable;  /* why nothing is allowed, or not all denied, by it now; or NULL */
};
typedef void (*names_state_fn)(const struct names_state *state, void *data);
void names_each(const struct names *names, names_state_fn state, void *data);
/*
 * Why a name allows nothing now, or not all that it has been answered: in words that begin with
 * "NAME has", "NAME is" or "cannot resolve NAME". False if there is nothing to say of it.
 */
#define NAMES_WHY_BYTES 1024
bool names_explain(const struct names *names, const char *name, char text[NAMES_WHY_BYTES]);
struct names_totals {
	size_t names, overdue;
	size_t refused;	   /* entries that wait for room */
	uint64_t failures; /* answers that were none, since the beginning */
};
struct names_totals names_totals(const struct names *names);

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
