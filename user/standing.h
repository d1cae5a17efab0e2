/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A fence as it stands at one moment, as the kernel tells it: what holds of it and what does not,
 * and how its names are kept. What is judged of that, and the words for it, are here. Pure.
 */
#ifndef CGFENCE_STANDING_H
#define CGFENCE_STANDING_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "cgfence.h"

/* Names of files, which is what fences, policies and builds are pinned by. */
#define STANDING_NAME_BYTES 256
/*
 * Of what was moved aside, with a number behind it, as its successor has its name. No other name
 * has it: '%' is there before two digits of base 16 only.
 */
#define STANDING_ASIDE "%old"
#define STANDING_RESOLVERS_MAX (8 * CGF_RESOLVERS_MAX)
#define STANDING_PROBLEMS_MAX 32

/* What does not hold. */
enum standing_fault {
	STANDING_UNATTACHED,	/* no link is on a cgroup */
	STANDING_LINK_MISSING,	/* it is not pinned */
	STANDING_LINK_DETACHED, /* it is pinned, and on no cgroup */
	STANDING_LINK_ASTRAY,	/* it is on another cgroup than the first */
	STANDING_LINK_FOREIGN,	/* it is of another hook or program, or uses other maps */
	STANDING_UNREADABLE,	/* the maps are not as this build knows them */
	STANDING_SHUT,		/* no policy, or no room for what it denies: everything is denied */
	STANDING_SLOT_EMPTY,	/* the programs find no map of the policy */
	STANDING_SLOT_UNPINNED, /* they find one that is not pinned */
	/* What only who keeps it can say: it is not as it was made. */
	STANDING_SLOT_FOREIGN,	   /* the programs find a map that is not the policy's */
	STANDING_PROGRAM_REPLACED, /* the link has a program of nobody's build */
	STANDING_PIN_REMOVED,	   /* of a link or a map */
	STANDING_PIN_FOREIGN,	   /* something else is pinned in its place */
	STANDING_TARGET_CHANGED,
	STANDING_ENTRY_MISSING, /* of a map */
	STANDING_ENTRY_FOREIGN,
	STANDING_ENTRY_CHANGED,
	STANDING_UNPROVED,	/* whether all is as it should be cannot be known */
	STANDING_NOT_KEPT,	/* there is no daemon that would */
	STANDING_NAMES_OVERDUE, /* names have not been looked up for too long */
	STANDING_FAULT_COUNT
};

struct standing_problem {
	enum standing_fault fault;
	const char *of; /* the program or the map, a constant; or NULL */
};

struct standing_resolver {
	struct address address;
	uint64_t netns_cookie;	  /* that it is asked in; 0: the fence's own */
	uint32_t ifindex;	  /* as of struct cgf_resolver */
	char device[IF_NAMESIZE]; /* "" if it is in another network namespace */
	uint64_t answers;	  /* learned from, roughly */
	uint64_t answered_ns;	  /* the last of these */
	bool denied;		  /* a deny rule shuts its port 53 */
};

struct standing {
	char name[STANDING_NAME_BYTES];
	char policy[STANDING_NAME_BYTES]; /* "" if it is not pinned */
	char build[STANDING_NAME_BYTES];  /* of the programs; "" if they are not pinned any more */
	uint64_t now_ns;		  /* when it was read */
	uint64_t cgroup_id;		  /* 0: none */
	char *cgroup;			  /* owned; NULL if it is gone or out of sight */
	bool gone;			  /* it is */
	bool of_daemon;			  /* and not of a run */
	char *target_text;    /* owned, as a person writes it; NULL: a run's, or not known */
	size_t policy_fences; /* those of its policy, itself included */
	bool counted;	      /* what is in it */
	bool populated;	      /* by processes, or by what was not waited for */
	size_t processes;
	bool families; /* AF_PACKET and the like are refused by the fence itself */
	bool learns;   /* the programs do */
	struct standing_problem problems[STANDING_PROBLEMS_MAX];
	size_t problem_count;
	/* The rest is known only if `readable`. */
	bool readable;
	struct cgf_target target;
	bool has_keeper;
	uint32_t entries, capacity; /* of `allow` */
	uint32_t learned, expired;  /* of the entries */
	uint32_t names;
	struct cgf_counters counters;
	struct standing_resolver resolvers[STANDING_RESOLVERS_MAX];
	size_t resolver_count;
};

struct standings {
	struct standing *items; /* owned */
	size_t count;
};

void standings_finish(struct standings *standings);
/* By name, numbers in it by their value. */
void standings_sort(struct standings *standings);
/* The one of that name, or NULL. They must be sorted. */
const struct standing *standings_find(const struct standings *standings, const char *name);

/* What is beyond STANDING_PROBLEMS_MAX is left out. */
void standing_add_problem(struct standing *standing, enum standing_fault fault, const char *of);
static inline bool standing_is_whole(const struct standing *standing)
{
	return standing->problem_count == 0;
}

/* A run's, that nobody is left in, nor to take it down. */
bool standing_is_left(const struct standing *standing);

/* "link_missing" */
const char *standing_fault_to_string(enum standing_fault fault);
/* "the egress program is detached"; returns `text`. */
#define STANDING_PROBLEM_BYTES 160
const char *standing_problem_format(const struct standing_problem *problem,
				    char text[STANDING_PROBLEM_BYTES]);

/* How the names come that are looked up with a resolver. */
enum standing_source {
	STANDING_LEARNED,    /* from its answers, in the kernel */
	STANDING_UNANSWERED, /* so they will be */
	STANDING_POLLED,     /* only by the keeper's own look-ups */
	STANDING_NOT_AT_ALL, /* there is no keeper either */
	STANDING_SOURCE_COUNT
};

/* Why they are not learned, the first that holds. */
enum standing_cause {
	STANDING_NO_CAUSE, /* they are */
	STANDING_CAUSE_DENIED,
	STANDING_CAUSE_PROGRAMS,
	STANDING_CAUSE_LINKS,
	STANDING_CAUSE_NETNS,
	STANDING_CAUSE_COUNT
};

/* A network namespace is known in which answers are learned. */
bool standing_knows_netns(const struct standing *standing);

enum standing_source standing_source(const struct standing *standing,
				     const struct standing_resolver *resolver,
				     enum standing_cause *ret_cause);
/* "learned", "unanswered", "polled", "not_at_all" */
const char *standing_source_to_string(enum standing_source source);
/* "denied", "programs", "links", "netns"; NULL if there is none. */
const char *standing_cause_to_string(enum standing_cause cause);
/* The same for a person, by these names: "learned, no answer yet"; what is not known as it is. */
const char *standing_source_text(const char *source);
const char *standing_cause_text(const char *cause);
const char *standing_lack_name_text(const char *lack);
/* "polled: a deny rule shuts it"; returns `text`. */
#define STANDING_SOURCE_BYTES 128
const char *standing_source_format(const struct standing *standing,
				   const struct standing_resolver *resolver,
				   char text[STANDING_SOURCE_BYTES]);

/* "eth0", "loopback", "any", "number 7"; returns `text`. */
#define STANDING_DEVICE_BYTES 32
const char *standing_device(const struct standing_resolver *resolver,
			    char text[STANDING_DEVICE_BYTES]);
/* "3 s ago", "2 h ago", "-" for never; returns `text`. */
#define STANDING_AGO_BYTES 32
const char *standing_ago(const struct standing *standing, const struct standing_resolver *resolver,
			 char text[STANDING_AGO_BYTES]);

const char *cgf_mode_to_string(uint32_t mode);

/* What an older kernel has not; names are learned on all. */
enum standing_lack {
	STANDING_LACK_SET_RETVAL,
	STANDING_LACK_COARSE_CLOCK,
	STANDING_LACK_SOCKOPT_TASK,
	STANDING_LACK_LSM,
	STANDING_LACK_COUNT
};

struct standing_kernel {
	bool lacks[STANDING_LACK_COUNT];
};

/* "set_retval" */
const char *standing_lack_to_string(enum standing_lack lack);
/* What that comes to, for a person. */
const char *standing_lack_text(enum standing_lack lack);

#endif
