/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The entries of one map as they should be, each held by the rules that give it, and what of that
 * the kernel does not have yet. One table is for keys of one size: struct cgf_key or
 * struct cgf_prefix_key.
 */
#ifndef CGFENCE_ENTRIES_H
#define CGFENCE_ENTRIES_H

#include "cgfence.h"
#include "util.h"

struct entries;
struct datapath_policy;

int entries_init(struct entries **ret_entries, size_t key_bytes);
void entries_finish(struct entries **entries);

/*
 * Which grants are of a name still. To the `allow` map the kernel writes too, by grants: what it
 * has learned by one that lives counts until it runs out; what it has by another does not.
 */
typedef bool (*entries_grant_fn)(uint32_t grant, const void *data);
void entries_use_grants(struct entries *entries, entries_grant_fn lives, const void *data);

/*
 * A rule gives this entry until then. A second call renews it, and cuts nothing short: below a
 * wildcard several names may have it by one rule. -ENOMEM leaves all as it was.
 */
int entries_hold(struct entries *entries, const void *key, uint32_t rule, uint64_t expires_ns);
/* The same, by a name that has the address: by this grant. */
int entries_hold_named(struct entries *entries, const void *key, uint32_t rule, uint32_t grant,
		       uint64_t expires_ns);
/* By no rule, but until a time, whoever else has it. -ENOMEM. */
int entries_keep(struct entries *entries, const void *key, uint32_t grant, uint64_t until_ns);
/* Those whose time is over; returns the first time of those that are left, or 0. */
uint64_t entries_let_kept_go(struct entries *entries, uint64_t now_ns);
/* The rule gives it until then, which may be sooner than it was. */
void entries_shorten(struct entries *entries, const void *key, uint32_t rule, uint32_t grant,
		     uint64_t expires_ns);
/* The rule gives it no more, but see entries_leave(); the entry goes with its last rule. */
void entries_release(struct entries *entries, const void *key, uint32_t rule);
/*
 * The rule gives it until then, though the name by which it does is forgotten: it is not released
 * before. Then it is, unless `gives` says that the rule gives it to another.
 */
void entries_leave(struct entries *entries, const void *key, uint32_t rule, uint64_t until_ns);
typedef bool (*entries_gives_fn)(const void *key, uint32_t rule, const void *data);
void entries_release_left(struct entries *entries, uint64_t now_ns, entries_gives_fn gives,
			  const void *data);

/*
 * As entries_release(), for what has run out at that time, and was not renewed since: the last to
 * hold an entry leaves it to entries_sweep_allow().
 */
void entries_run_out(struct entries *entries, const void *key, uint32_t rule, uint64_t expires_ns);
/* As entries_release(), for all that these rules give: `gone` has a place for each of them. */
void entries_release_rules(struct entries *entries, const bool *gone, size_t count);

size_t entries_count(const struct entries *entries);

/*
 * Writes what has changed to the policy's `allow`, `prefixes` (of one verdict) or `listens` map,
 * but for what goes: that is removed by a call of its own, so that what takes its place is there
 * first. What does not fit stays changed, for the next call, and is counted.
 */
int entries_write_allow(struct entries *entries, struct datapath_policy *policy,
			size_t *ret_refused);
int entries_write_prefixes(struct entries *entries, struct datapath_policy *policy,
			   enum cgf_verdict verdict, size_t *ret_refused);
int entries_write_listens(struct entries *entries, struct datapath_policy *policy,
			  size_t *ret_refused);
int entries_remove_allow(struct entries *entries, struct datapath_policy *policy);
int entries_remove_prefixes(struct entries *entries, struct datapath_policy *policy,
			    enum cgf_verdict verdict);
int entries_remove_listens(struct entries *entries, struct datapath_policy *policy);
/*
 * Whether flushing has added keys to the map or taken any away since
 * the last call.
 */
void entries_take_changes(struct entries *entries, bool *ret_added, bool *ret_removed);
/* How many keys flushing has added so far. */
uint64_t entries_additions(const struct entries *entries);
/*
 * Removes what has run out and is idle from the `allow` map, whoever holds it: see CGF_IDLE_NS.
 * Also what the kernel has learned and the table does not know.
 */
int entries_sweep_allow(struct entries *entries, struct datapath_policy *policy, uint64_t now_ns);
/*
 * The kernel has this, written by another process, or by nobody of ours: the next flush makes of it
 * what it is to be. `shared` as of struct cgf_prefix. -ENOMEM.
 */
int entries_take_up(struct entries *entries, const void *key, const struct cgf_entry *there,
		    bool shared);
typedef int (*entries_entry_fn)(const void *key, const struct cgf_entry *there, void *data);
/* What was taken up, and all else that the kernel has as far as is known. The call may hold. */
int entries_each_taken(struct entries *entries, entries_entry_fn entry, void *data);

/*
 * Whether the kernel has what was written: a round of it begins, and each that it has is looked at,
 * and what was not met is asked about at the end. What differs is written by the next flush.
 */
enum entries_finding {
	ENTRIES_AS_WRITTEN,
	ENTRIES_CHANGED,
	ENTRIES_FOREIGN,
	ENTRIES_MISSING,
	ENTRIES_UNSURE, /* learned, and not told of yet; foreign if it is met so a second time */
	ENTRIES_UNTOLD	/* the same, where what was told is not all: it can be held as it is */
};
void entries_round_begin(struct entries *entries);
/* -ENOMEM */
int entries_compare(struct entries *entries, const void *key, const struct cgf_entry *there,
		    bool untold);
/* The same for `prefixes` and `listens`, of which rule and grant count, and `shared`. */
int entries_compare_value(struct entries *entries, const void *key, const struct cgf_entry *there,
			  bool shared);
/* `is_there` says whether the kernel has it after all. */
typedef bool (*entries_there_fn)(const void *key, const void *data);
typedef void (*entries_missing_fn)(const void *key, void *data);
void entries_round_end(struct entries *entries, entries_there_fn is_there,
		       entries_missing_fn missing, void *data);
/* Removes what the kernel has learned by grants that are no more, and no rule gives. */
int entries_drop_stale_allow(struct entries *entries, struct datapath_policy *policy);

#endif
