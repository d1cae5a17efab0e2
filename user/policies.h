/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The policies of the daemon and the fences they are in force on: read from a directory, taken up
 * again after a restart, changed while they are in force, proved and mended. All of it runs on the
 * caller's loop. What a request changes is in force, and in the files, when it is answered.
 */
#ifndef CGFENCE_POLICIES_H
#define CGFENCE_POLICIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decision.h"
#include "failure.h"
#include "policy.h"
#include "policyfile.h"
#include "standing.h"

struct event_base;
struct place;
struct policies;
struct policydir;

/* What a request was answered with: as the API's error codes. */
enum policies_code {
	POLICIES_OK,
	POLICIES_INVALID_NAME,
	POLICIES_INVALID_POLICY, /* the text as a whole, or a line of it: see the place */
	POLICIES_INVALID_RULE,	 /* of a request: `index` says which */
	POLICIES_INVALID_TARGET,
	POLICIES_INVALID_DESTINATION, /* to check */
	POLICIES_NOT_FOUND,	      /* policy, rule or fence */
	POLICIES_NO_SUCH_TARGET,
	POLICIES_EXISTS,
	POLICIES_IN_USE,
	POLICIES_STORAGE, /* a file cannot be written */
	POLICIES_CAPACITY,
	POLICIES_KERNEL,
	POLICIES_INTERNAL,
	POLICIES_CODE_COUNT
};
/* "invalid_name" */
const char *policies_code_to_string(enum policies_code code);

struct policies_error {
	enum policies_code code;
	struct failure failure;
	size_t index;	     /* of the rule in the request, from 0: those to add, then the others */
	size_t line, column; /* in the text, from 1; 0: no place */
};

/* Something that is told while the daemon runs: `text` is one line. */
enum policies_level {
	POLICIES_NOTE,
	POLICIES_REPAIR,
	POLICIES_ALARM
};

struct policies_options {
	struct event_base *base;
	struct policydir *dir;
	void (*told)(enum policies_level level, const char *text, void *data);
	/* `fence` may be NULL, of a packet whose fence is gone. */
	void (*decided)(const char *policy, const char *fence, const struct cgf_decision *decision,
			const struct decision_context *context, void *data);
	void *data;
};

/*
 * Opens the datapath, reads the directory and takes up what is in force: when this returns all of
 * that is as the files say, but for names that were not known, which are being resolved. A file
 * that cannot be used is told, and its policy stays as it is in force; if it was not, its targets
 * are shut.
 */
int policies_init(struct policies **ret_policies, const struct policies_options *options,
		  struct failure *failure);
/* Fences stay as they are. */
void policies_finish(struct policies **policies);

/* --- changes --------------------------------------------------------------------------------- */

/* What came of a change; valid during the call. */
struct policies_changed {
	const char *name;
	bool created, changed;
	const char *const *added, *const *removed; /* rules, in canonical form */
	size_t added_count, removed_count;
	const char *const *warnings;
	size_t warning_count;
	uint64_t generation; /* of the policy: counts its changes since the daemon began */
};
/*
 * Called once: at once with an error (other than POLICIES_OK), or from the loop when the change is
 * in force and names that are new have had their first answers, or POLICIES_ANSWER_S have passed.
 * `error` is NULL if there is none; beside one `changed` is NULL, but of a reload has the name.
 */
#define POLICIES_ANSWER_S 5
typedef void (*policies_changed_fn)(const struct policies_error *error,
				    const struct policies_changed *changed, void *data);

void policies_put(struct policies *policies, const char *name, const char *text, size_t length,
		  policies_changed_fn done, void *data);
/* Rules as lines, "allow github.com:22"; all are added and removed, or none. */
struct policies_edit {
	const char *const *add, *const *remove;
	size_t add_count, remove_count;
};
void policies_edit(struct policies *policies, const char *name, const struct policies_edit *edit,
		   policies_changed_fn done, void *data);
/* With `force` its fences are detached; `detached` is called for each. */
int policies_delete(struct policies *policies, const char *name, bool force,
		    void (*detached)(const char *fence, void *data), void *data,
		    struct policies_error *error);
/*
 * Reads the directory again: `done` once for each policy, then `finished`, with an error if the
 * directory could not be read: nothing has changed then.
 */
typedef void (*policies_reloaded_fn)(const struct policies_error *error, void *data);
void policies_reload(struct policies *policies, policies_changed_fn done,
		     policies_reloaded_fn finished, void *data);

/* --- fences ---------------------------------------------------------------------------------- */

enum policies_fence_state {
	FENCE_STANDING,
	FENCE_WAITING,	  /* persistent, and the target is not there */
	FENCE_UNREPLACED, /* what is on the target is of another version, or cannot be taken up */
	FENCE_STATE_COUNT
};

struct policies_fence {
	const char *name, *policy, *target;
	const char *cgroup; /* or NULL */
	uint64_t cgroup_id;
	enum policies_fence_state state;
	bool persistent;
	int64_t since; /* unix time, seconds, when this daemon attached or took it up */
	size_t processes;
	bool uncounted; /* there are too many cgroups below it to count them */
	struct place *const *places;
	size_t place_count;
	uint64_t repairs;
	uint64_t generation, names_overdue; /* of the policy */
	/* What was put right last, and when (CLOCK_MONOTONIC, ns; 0: nothing was). */
	const struct standing_problem *repaired;
	size_t repaired_count;
	uint64_t repaired_ns;
	/* What does not hold now, and since when. */
	const struct standing_problem *problems;
	const uint64_t *problems_since_ns;
	size_t problem_count;
	const char *const *warnings; /* such as resolvers that are not trusted */
	size_t warning_count;
	/* Of the policy's file, and why it cannot be attached; NULL: nothing is wrong. */
	const char *policy_problem, *obstacle;
	uint64_t policy_problem_ns, obstacle_ns; /* since when */
	bool unchanged;				 /* of policies_attach(): it was so before */
};

/*
 * In force when it returns, flows that are not allowed are cut; once more is no error. The fence is
 * valid until the loop turns.
 */
int policies_attach(struct policies *policies, const char *policy, const char *target,
		    bool persistent, struct policies_fence *ret_fence,
		    struct policies_error *error);
int policies_detach(struct policies *policies, const char *target, struct policies_fence *ret_fence,
		    struct policies_error *error);
typedef void (*policies_fence_fn)(const struct policies_fence *fence, void *data);
/* `policy` may be NULL: of all. */
void policies_each_fence(const struct policies *policies, const char *policy,
			 policies_fence_fn fence, void *data);

/* --- what there is --------------------------------------------------------------------------- */

struct policies_policy {
	const char *name;
	char *file;		     /* or NULL; valid during the call */
	const struct policy *policy; /* NULL: only what is pinned is known */
	enum cgf_mode mode;
	size_t rules, names, addresses, fences;
	uint32_t entries, capacity;
	struct cgf_counters counters;
	uint64_t generation, names_overdue, resolver_failures;
	const char *problem;	     /* or NULL */
	const char *targets_problem; /* of its file of targets; or NULL */
	uint64_t targets_problem_ns; /* since when */
};
typedef void (*policies_policy_fn)(const struct policies_policy *policy, void *data);
void policies_each(struct policies *policies, policies_policy_fn policy, void *data);
/* Without a look at what it has in force. */
bool policies_has(const struct policies *policies, const char *name);
void policies_count(const struct policies *policies, size_t *ret_policies, size_t *ret_fences);
/* -ENOENT */
int policies_get(struct policies *policies, const char *name, policies_policy_fn policy,
		 void *data);
/* Its file as it is now, owned by the caller; -ENOENT if it has none. */
int policies_text(struct policies *policies, const char *name, char **ret_text, size_t *ret_length,
		  struct failure *failure);

enum policies_source {
	POLICIES_FROM_RULE,   /* the rule has the address itself */
	POLICIES_FROM_ANSWER, /* the kernel learned it */
	POLICIES_FROM_POLL,   /* looked up by the daemon */
	POLICIES_SOURCE_COUNT
};

struct policies_address {
	struct prefix prefix;
	enum policies_source source;
	uint64_t expires_ns; /* CLOCK_MONOTONIC, or CGF_NEVER_EXPIRES */
	uint64_t used_ns;    /* the last packet; 0: none yet, or not counted */
	uint64_t flows;	     /* as of struct cgf_entry */
};

struct policies_rule {
	const char *text; /* in canonical form */
	uint64_t flows;
	const struct policies_address *addresses;
	size_t address_count;
	const char *warning; /* or NULL */
};
typedef void (*policies_rule_fn)(const struct policies_rule *rule, void *data);
/* In the order of the text, with what the maps have for each; -ENOENT. */
int policies_each_rule(struct policies *policies, const char *name, policies_rule_fn rule,
		       void *data);

struct policies_name {
	const char *name;
	size_t addresses;
	uint64_t answered_ns; /* the last good answer, CLOCK_MONOTONIC; 0: none yet */
	bool overdue;	      /* it should have been answered anew by now */
};
typedef void (*policies_name_fn)(const struct policies_name *name, void *data);
/* Those that are looked up; -ENOENT. */
int policies_each_name(struct policies *policies, const char *policy, policies_name_fn name,
		       void *data);

struct policies_answer {
	struct address address;
	bool allowed;
};
struct policies_verdict {
	bool allowed;
	char rule[CGF_LINE_BYTES_MAX]; /* or "" */
	const char *reason;
	enum cgf_mode mode;   /* of audit what is denied is let through */
	char explained[1024]; /* a reason that is made of names and addresses */
	struct policies_answer answers[CGF_NAME_ADDRESSES_MAX];
	size_t answer_count;
};
/* "HOST:PORT[/PROTO]", or "HOST/icmp", as the kernel would decide now, by the same maps. */
int policies_check(struct policies *policies, const char *name, const char *destination,
		   struct policies_verdict *ret_verdict, struct policies_error *error);

/* Proves every fence now, and mends: the fences' problems are then those that are left. */
int policies_prove(struct policies *policies, struct failure *failure);
/*
 * All that is pinned, those of runs too, as `status` shows it: datapath_standings() with the paths
 * of cgroups and the names of devices.
 */
int policies_standings(struct policies *policies, struct standings *ret_standings,
		       struct standing_kernel *ret_kernel, struct failure *failure);
/* A decision's fence, for its name; NULL. */
const char *policies_fence_name(const struct policies *policies, uint64_t cgroup_id);

#endif
