/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names to addresses, kept fresh: every name is asked for A and AAAA again when its answer has run
 * out. Runs on the caller's event loop and never blocks.
 *
 * /etc/hosts comes before DNS, as for the command. A name without a dot goes through the search
 * list of resolv.conf; any other name is absolute.
 */
#ifndef CGFENCE_RESOLVER_H
#define CGFENCE_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "failure.h"

/*
 * Refresh: a question is asked again after 80 to 95 % of its TTL, at random, so that names that
 * were added together do not stay together; never before RESOLVER_TTL_FLOOR_S. If the new answer
 * runs out with the one before it, a cache gave it, which has nothing newer until then: so the next
 * time is after all of the TTL (and up to a second), rather than at 80 % of ever less.
 */

struct event_base;
struct resolver;

/* A record's TTL is taken as at least 1 s and at most a day (RFC 8767 §4 caps at 7 days). */
#define RESOLVER_TTL_FLOOR_S 1
#define RESOLVER_TTL_CEILING_S 86400
/* After a failure: first retry, and the most that the doubled waits grow to. */
#define RESOLVER_RETRY_S 1
#define RESOLVER_RETRY_MAX_S 60
/* An answer of no address, or that there is no such name, is taken to last as long as this. */
#define RESOLVER_NEGATIVE_S 30
/*
 * Queries in flight, all of them to the first upstream until it fails: 256 overran the socket
 * buffer of a resolver, 64 did not.
 */
#define RESOLVER_WINDOW 64
/* What is denied once may be denied a thousand times. */
#define RESOLVER_AGAIN_MS 1000
/* The first time-out of a query; doubled for each further try. */
#define RESOLVER_TIMEOUT_MS 200
#define RESOLVER_TRIES 4

enum resolver_status {
	RESOLVER_OK,	    /* `count` addresses, possibly 0: the name exists without this family */
	RESOLVER_NOT_FOUND, /* the server says there is no such name */
	RESOLVER_FAILED	    /* no usable answer: time-out, refusal, nonsense; `error` says which */
};

struct resolver_answer {
	const char *name;
	void *name_data; /* as given to resolver_add() */
	bool ipv6;	 /* which of the two questions */
	bool first;	 /* the first answer to this question, good or bad */
	enum resolver_status status;
	const char *error;		 /* words, for RESOLVER_FAILED */
	const struct address *addresses; /* valid during the call */
	size_t count;
	bool cut;	/* there were more than CGF_NAME_ADDRESSES_MAX, and the rest is not here */
	uint32_t ttl_s; /* smallest of the answer's, CNAMEs included, floored and capped */
	bool fixed;	/* from /etc/hosts: does not run out */
};

typedef void (*resolver_answer_fn)(const struct resolver_answer *answer, void *data);

struct resolver_options {
	struct event_base *base;
	const struct address *servers; /* not needed afterwards */
	size_t server_count;
	resolver_answer_fn answer; /* called from the loop, never from within resolver_add() */
	void *answer_data;
};

/*
 * -ENOMEM; -EINVAL for 0 or more than CGF_RESOLVERS_MAX servers; -errno if /etc/hosts is there and
 * cannot be read. `failure` says what, and may be NULL.
 */
int resolver_init(struct resolver **ret_resolver, const struct resolver_options *options,
		  struct failure *failure);
/* Not from within `answer`. No more answers. */
void resolver_finish(struct resolver **resolver);

/* The servers in use; the array belongs to the resolver. */
size_t resolver_servers(const struct resolver *resolver, const struct address **ret_servers);

/* Keeps `name` fresh from now on. The name is copied. -ENOMEM; -EINVAL if it cannot be one. */
int resolver_add(struct resolver *resolver, const char *name, void *name_data);

/*
 * Asks no more for the names of which `goes` is true, and answers nothing more of them. Not from
 * within `answer`.
 */
void resolver_drop(struct resolver *resolver, bool (*goes)(const void *name_data));

/*
 * Asks other servers from now on, or the same by what resolv.conf says now of its search list;
 * every name at once, and what is in flight once more. Not from within `answer`. On failure nothing
 * changes: errors as of resolver_init().
 */
int resolver_use_servers(struct resolver *resolver, const struct address *servers, size_t count);
/*
 * Reads /etc/hosts again: names that it has or had are answered anew. Not from within `answer`. On
 * failure nothing changes: -errno.
 */
int resolver_reread_hosts(struct resolver *resolver);
/*
 * Asks for the name now and not when its answer has run out; false within RESOLVER_AGAIN_MS of the
 * last time that this was done for it.
 */
bool resolver_ask_again(struct resolver *resolver, const void *name_data);

/* True once each name has had its first answer, good or bad, to both questions. */
bool resolver_settled(const struct resolver *resolver);

#endif
