/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What policies*.c share. Not for other modules. */
#ifndef CGFENCE_POLICIES_INTERNAL_H
#define CGFENCE_POLICIES_INTERNAL_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "arrivals.h"
#include "datapath.h"
#include "output.h"
#include "places.h"
#include "policies.h"
#include "policies_texts.h"
#include "target_name.h"
#include "timer.h"

struct decisions;
struct names;
struct names_wait;
struct watch;

/* Names of policies that runs have. */
#define RUN_PREFIX "run-"
/* Resolvers of which a line tells. */
#define LISTED_MAX 3
#define PROOF_MS 750
/* Rounds of the proof between tries of what is there and cannot be fenced, which may take long. */
#define REST_ROUNDS 4

/* What does not hold, and could not be put right. */
struct problems {
	struct standing_problem items[STANDING_PROBLEMS_MAX];
	uint64_t since_ns[STANDING_PROBLEMS_MAX];
	size_t count;
};

/* Someone who waits until a change is in force. */
struct waiter {
	struct waiter *next;
	struct kept_policy *kept;
	struct names_wait *wait; /* NULL: for the first answers of all names */
	policies_changed_fn done;
	void *data;
	bool created, changed;
	struct texts added, removed, warnings;
	uint64_t deadline_ns;
};

/* Which rules come and go, in canonical form and sorted; `before` may be NULL. */
int waiter_compare(struct waiter *waiter, const struct policy *before, const struct policy *after);

/* A policy that is kept in force. */
struct kept_policy {
	UT_hash_handle hh;
	struct policies *policies;
	char name[CGF_POLICY_NAME_MAX + 1];
	/*
	 * NULL: there is no file that says what it is, or that cannot be put in force; what is
	 * pinned stays as it is, and what comes is as that is, or shut.
	 */
	struct policy *policy;
	struct datapath_policy *datapath; /* or NULL: its maps cannot be used; see `problem` */
	struct names *names;
	struct decisions *decisions;
	struct output output;
	struct output_sink sink;
	struct trouble problem, targets_problem; /* of its files */
	struct trouble why_shut, why_half, unread;
	struct trouble beside; /* what is, see policies_upgrade.c */
	uint64_t generation;
	size_t fence_count;
	uint64_t unlearned;	   /* for want of room, when that was last counted */
	bool has_stale;		   /* fences that are of another contract still */
	bool has_aside;		   /* there may be such beside its own */
	bool has_file;		   /* be it usable or not */
	bool to_take_up;	   /* its maps were in force before, and are not taken up yet */
	bool ready;		   /* all names have had their first answers */
	bool narrowed;		   /* there may be flows that are not allowed any more */
	bool unproved;		   /* its maps cannot be read, which was said: see `unread` */
	bool unsure;		   /* what was found may be foreign: see policy_verify() */
	struct problems unwritten; /* what is not as written, and could not be put right */
	bool no_room;		   /* for what is to be denied: its fences that enforce are shut; */
	bool had_no_room;	   /* so they are if that was found, until it is known */
	bool half_written;	   /* the last flush failed, see `why_half` */
	bool lacks_fence;	   /* some of its fences are `untaken` */
	bool tries_file;	   /* what is half written is what its file says */
	unsigned int rest;	   /* in rounds of the proof, of what could not be replaced */
	bool stands_in;		   /* it has no rules, or is none, as its own cannot be used */
	struct problems problems;  /* of its maps */
	struct waiter *waiters;
};

/* A policy on a target. */
struct kept_fence {
	UT_hash_handle hh;
	struct kept_policy *policy;
	char name[TARGET_FENCE_BYTES];
	char *target;
	char *cgroup; /* NULL: it is not there */
	int cgroup_fd;
	uint64_t cgroup_id;
	enum policies_fence_state state;
	bool persistent;
	bool untaken; /* unreplaced, as it could not be taken up: its policy is not live */
	struct cgf_target in_force; /* that of its cgroup, as it was read or written last */
	int64_t since;
	uint64_t repairs;
	struct problems repaired; /* the last time that something was put right, */
	uint64_t repaired_ns;	  /* which was then */
	struct datapath_fence *datapath;
	struct arrival *arrival;
	struct place_set places;
	uint64_t looked_ns;	  /* for places */
	bool unseen;		  /* that could not be done, which was said */
	uint64_t checked_ns;	  /* whether its name is still its own */
	bool look_again;	  /* in the next round of the proof */
	unsigned int seeks, rest; /* in rounds of the proof */
	bool refused;		  /* that it cannot be attached was said */
	bool missed;		  /* its target was not there, when it was sought */
	struct problems own, all; /* of its links; and those of its policy and the programs */
	struct texts warnings;
	size_t strangers;	 /* sockets that it does not judge, when it was attached */
	bool strangers_unknown;	 /* and they could not be counted */
	struct trouble obstacle; /* its target is there, or may be, or could never be */
};

struct policies {
	struct policies_options options;
	struct datapath *datapath;
	struct watch *watch;
	struct places *places;
	struct arrivals *arrivals;
	struct kept_policy *policies;
	struct kept_fence *fences;
	struct timer proof, answers;
	struct datapath_notice *notice; /* NULL: the kernel has none */
	struct event *notice_event, *mounts_event;
	int mounts_fd;
	struct problems problems;			   /* of the programs */
	uint64_t round_ns;				   /* when the last proof began */
	uint64_t engines_rest_ns, checks_rest_ns;	   /* until when they are not asked, */
	struct failure silence;				   /* which is why */
	char asked[LISTED_MAX * (ADDRESS_TEXT_BYTES + 2)]; /* the host's resolvers, as told */
	struct texts last; /* words of the fence that was detached last */
	int claim_fd;	   /* nobody else keeps these policies */
	int cgroup2_fd;	   /* where it is mounted */
	bool started;
	bool superseded; /* and it was said */
};

void policies_tell(const struct policies *policies, enum policies_level level, const char *format,
		   ...) _printf_(3, 4);
/* After so much text was made a policy. */
void policies_trim(size_t bytes);
/* Sets the code and no place; returns `r`, or -EINVAL if that is 0. */
int policies_fail(struct policies_error *error, enum policies_code code, int r);

/* --- policies_policy.c: one of them ---------------------------------------------------------- */

struct kept_policy *kept_policy_find(const struct policies *policies, const char *name);
/* It can be in force: neither a file nor maps are missing. */
static inline bool kept_policy_is_live(const struct kept_policy *kept)
{
	return kept->policy && kept->datapath;
}
/* Into the table; NULL: no memory. Neither rules nor maps yet. */
struct kept_policy *kept_policy_new(struct policies *policies, const char *name);
/*
 * Opens its maps, or makes them for rules that are known; what is in force stays. The lock must be
 * held.
 */
int kept_policy_open(struct kept_policy *kept, struct failure *failure);
/* The same in two steps: between them it is to be said in which domains its targets search. */
int kept_policy_open_maps(struct kept_policy *kept, struct failure *failure);
int kept_policy_take_up(struct kept_policy *kept, struct failure *failure);
/* Names are looked up and decisions told from now on; what is to be in force is when it returns. */
int kept_policy_start(struct kept_policy *kept, struct failure *failure);
/* Out of the table; what is in force stays. */
void kept_policy_free(struct kept_policy *kept);
/* With all that is pinned. The lock must be held. */
void kept_policy_destroy(struct kept_policy *kept);
/* The same, if it has no file and was kept for its fences alone. */
void kept_policy_drop_if_unused(struct kept_policy *kept);
void kept_policy_set_problem(struct kept_policy *kept, const char *problem);
/* The same, with the place in its file. */
void kept_policy_set_error(struct kept_policy *kept, const struct policies_error *error);
/* Writes what differs; what was half written before is in force then. */
int kept_policy_flush(struct kept_policy *kept, struct failure *failure);
/* -errno if that cannot be written on one of its fences, which is told, and tried again. */
int kept_policy_retarget(struct kept_policy *kept, const struct cgf_target *target);
/*
 * Before what differs is written: its fences look up what the rules that were needed and what those
 * that are to be do, and else are as they were. -errno: nothing may be written yet.
 */
int kept_policy_widen(struct kept_policy *kept);
struct cgf_target kept_policy_target(const struct kept_policy *kept);
/* The same if all is written, or it is shut; or what its fences have, nothing if there is none. */
struct cgf_target kept_policy_target_now(const struct kept_policy *kept);
/* Ends flows of its fences that are not allowed any more, if there may be some. */
void kept_policy_cut(struct kept_policy *kept);
/* Room for at least so many entries. */
int kept_policy_grow(struct kept_policy *kept, uint32_t entries, struct failure *failure);
/* Twice as much room; -ENOSPC if that would be too much. */
int kept_policy_enlarge(struct kept_policy *kept);
/* As struct output_sink has it. */
void kept_policy_note(const char *text, bool alarm, void *kept);
/* If answers had no room for entries: now there is. */
void kept_policy_make_room(struct kept_policy *kept);

/* --- policies_shut.c: closed rather than without what a rule denies -------------------------- */

static inline bool kept_policy_is_shut(const struct kept_policy *kept)
{
	return kept->no_room || kept->had_no_room;
}
/* What is to be denied has no room. */
void kept_policy_shut(struct kept_policy *kept, const struct failure *why);
/* It was found so. What is to be denied is not known yet, so that it can be is not either. */
void kept_policy_stay_shut(struct kept_policy *kept);
/* All names that it denies have been answered, and none has too many addresses. */
bool kept_policy_knows_denied(const struct kept_policy *kept);
/* All is written: opens its fences, if that is all that is to be denied. */
void kept_policy_unshut(struct kept_policy *kept);
/* Tries to write what is to be denied, if its fences are shut and all of that is known now. */
void kept_policy_reopen(struct kept_policy *kept);

/* --- policies_place.c: whom they ask --------------------------------------------------------- */

/* Whom the daemon itself asks for it; returns how many. */
size_t kept_policy_servers(const struct kept_policy *kept,
			   struct address ret_servers[CGF_RESOLVERS_MAX]);
/* These have changed. */
void kept_policy_ask_others(struct kept_policy *kept);
/* The places of its fences say who is trusted; in force at the next flush. */
void kept_policy_use_places(struct kept_policy *kept);
/* Only where libc searches: by that names are known again whose rules are of two names. */
void kept_policy_use_domains(struct kept_policy *kept);
/* Looks where the processes of the fence are: true if that has changed. */
bool kept_fence_look(struct kept_fence *fence);
/* The same, and who is trusted then is in force. */
void kept_fence_look_now(struct kept_fence *fence);
/* At once or, within a second of the last time, in a round of the proof. */
void kept_fence_look_soon(struct kept_fence *fence);
void policies_on_place(struct place *place, void *policies);

/* --- policies_warn.c ------------------------------------------------------------------------- */

/* Looks what its warnings are now. */
void kept_fence_warn(struct kept_fence *fence);
/* That takes a while: once, when it is attached. */
void kept_fence_count_strangers(struct kept_fence *fence);

/* --- policies_change.c ----------------------------------------------------------------------- */

void waiter_free(struct waiter *waiter);
/* The answer, and its end. */
void waiter_answer(struct waiter *waiter, const struct policies_error *error);
void waiter_enqueue(struct waiter *waiter);
void waiter_settled(void *waiter);

/* A text that is to be a policy; without `write` it is that of the file. */
struct change {
	struct policies *policies;
	const char *name;
	struct kept_policy *kept; /* NULL: it is new */
	struct policy *tried;
	const char *text;
	size_t length;
	struct rules *rules; /* of the text, which are taken, or NULL */
	bool write;
	bool kept_file; /* the old one, until all is in force */
	struct waiter *waiter;
};
void policies_change(struct change *change, policies_changed_fn done, void *data);
/*
 * policies_begin.c: its maps are made, or what is pinned of a policy that had no file is taken up.
 * On failure what was stays, or, where the policy is live then, is tried on.
 */
int change_begin(struct change *change, struct failure *failure);
int policies_check_name(const char *name, struct policies_error *error);
/* Answers who waits for the first answers of all names, or with an error all. */
void kept_policy_answer_all(struct kept_policy *kept, const struct policies_error *error);
void policies_answer_late(void *policies);

/* --- policies_fence.c, policies_adopt.c, policies_target.c, policies_seek.c ------------------ */

/* Be it one of another contract. */
static inline bool kept_fence_stands(const struct kept_fence *fence)
{
	return fence->state == FENCE_STANDING || fence->state == FENCE_UNREPLACED;
}
struct kept_fence *kept_fence_find(const struct policies *policies, const char *name);
struct kept_fence *kept_fence_by_cgroup(const struct policies *policies, uint64_t cgroup_id);
struct kept_fence *kept_fence_new(struct kept_policy *kept, const char *name, const char *target);
void kept_fence_free(struct kept_fence *fence);
/* One that was taken up by its pin is called by that, if its name was cut: this is its target. */
int kept_fence_rename(struct kept_fence *fence, const char *target);
/* What it is to be under now. */
struct cgf_target kept_fence_target(const struct kept_fence *fence);
/* Puts that in force. -ENOENT: the cgroup is gone, or has no fence yet. */
int kept_fence_retarget(struct kept_fence *fence, const struct cgf_target *target);
int kept_fence_open_cgroup(struct kept_fence *fence, const char *path, struct failure *failure);
/* Attaches it to the cgroup at `path`. The lock must be held. */
int kept_fence_attach(struct kept_fence *fence, const char *path, struct failure *failure);
/*
 * Takes up one that is pinned; what cannot be is as it was, and known as unreplaced. -ENOLINK: its
 * cgroup is gone. The lock must be held.
 */
int kept_fence_adopt(struct kept_fence *fence, struct failure *failure);
/* `failure` is why; then it is what is to be said. */
void kept_fence_say_untaken(const struct kept_fence *fence, struct failure *failure);
/* Tries that again of those that could not be; -errno if one cannot yet. Takes the lock. */
int kept_policy_adopt_again(struct kept_policy *kept, struct failure *failure);
/* What it holds of the cgroup goes; with `pins` the fence as well. */
void kept_fence_let_go(struct kept_fence *fence, bool pins);
void kept_fence_describe(const struct kept_fence *fence, struct policies_fence *ret_fence);
/* The same of one that is to go, valid all the same until the next goes. -ENOMEM */
int kept_fence_describe_last(struct kept_fence *fence, struct policies_fence *ret_fence);
/* Watches for what becomes of the target. */
void kept_fence_watch(struct kept_fence *fence, const char *path);
/*
 * As target_name_find(). An engine that does not answer is not asked for those who wait, until some
 * time has passed; here it is.
 */
int policies_find_target(struct policies *policies, const struct target_name *target,
			 char path[CGROUP_PATH_BYTES], struct failure *failure);
/* It waits for its target from now on, which may be there. */
void kept_fence_wait(struct kept_fence *fence);
/* Looks for its target, and attaches the fence if it is there. */
void kept_fence_seek(struct kept_fence *fence);
/* The same, and for a while again, as an engine may know later of what has come. */
void kept_fence_seek_on(struct kept_fence *fence);
/* The same in a round of the proof, as long as `seeks` says so. */
void kept_fence_seek_again(struct kept_fence *fence);
/* Whether what stands is still what its name means, of one of them. */
void policies_check_names(struct policies *policies);
/* Its cgroup is not there any more: it waits for another, or is freed. */
void kept_fence_lost(struct kept_fence *fence);
/* Those that are in the file; new ones are attached, or waited for. */
void kept_policy_read_targets(struct kept_policy *kept);

/* --- policies_upgrade.c ---------------------------------------------------------------------- */

/* Maps of this contract beside those of another, which hold as long as its fences stand. */
int kept_policy_open_anew(struct kept_policy *kept, struct failure *failure);
/* Its names are known: its fences of another contract get what is of this one. */
void kept_policy_replace_stale(struct kept_policy *kept);
/* It is of another contract, and not replaced yet: `failure`, if not NULL, says why. */
void kept_fence_be_stale(struct kept_fence *fence, const struct failure *failure);
/* As datapath_fence_is_orphan(), of what was moved aside too. */
bool kept_fence_is_orphan(const struct kept_fence *fence, int cgroup_fd);
/* One that is unreplaced and whose cgroup is gone is as any other that is lost. */
void kept_fence_check_stale(struct kept_fence *fence);
/* That such stand beside its own still. */
void kept_policy_say_who_is_beside(struct kept_policy *kept);
/* What stands beside its own goes, if all that it may deny is denied by these. */
void kept_policy_let_asides_go(struct kept_policy *kept);
/* What stands beside this one, which ends. The lock must be held. */
void kept_fence_end_asides(const struct kept_fence *fence);
/* Policies of other contracts that no fence has any more. The lock must be held. */
void policies_collect_asides(struct policies *policies);

/* --- policies_stand_in.c: targets of a policy that cannot be read ------------------------------
 */

/* A policy of a file that is there and cannot be used, into the table. */
struct kept_policy *kept_policy_new_broken(struct policies *policies, const char *name,
					   const struct policies_error *error);
/*
 * Into the table come policies that have targets and no file. Then each that has targets and
 * nothing that could be put in force is one that denies everything.
 */
void policies_stand_in(struct policies *policies);
/* Adds to its problem what is in force in spite of that. */
void kept_policy_say_what_stays(struct kept_policy *kept);

/* --- policies_notice.c ----------------------------------------------------------------------- */

/* From now on a proof follows what others change, or may have. Where nobody tells, it is said. */
void policies_notice_open(struct policies *policies);
/* Before a proof. Whether what is changed from now on will be told. */
bool policies_notice_take(struct policies *policies);
void policies_notice_close(struct policies *policies);

/* --- policies_start.c, policies_prove.c ------------------------------------------------------ */

int policies_read_rules(struct policies *policies, const char *name, struct rules *ret_rules,
			struct policies_error *error);
int policies_parse(const char *text, size_t length, struct rules *ret_rules,
		   struct policies_error *error);
int policies_start(struct policies *policies, struct failure *failure);
/* Goes on while there is something to prove. */
void policies_prove_soon(struct policies *policies);
/* At once or, within PROOF_MS of the last one, after these. */
void policies_prove_now(struct policies *policies);
void policies_on_proof(void *policies);

#endif
