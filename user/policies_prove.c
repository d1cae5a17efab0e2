// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is wanted against what the kernel has: compared while there is a fence, and put right. What
 * was found is told once; what cannot be put right is kept with the time since when.
 */
#include <errno.h>
#include <string.h>

#include "decisions.h"
#include "policies_internal.h"

/*
 * Where the kernel tells of changes by others: for what it does not tell, as what a program of
 * somebody else's writes into a map.
 */
#define PROOF_REST_MS 30000

/* --- what is found --------------------------------------------------------------------------- */

struct proof {
	struct policies *policies;
	const char *policy, *target; /* of what is looked at; `target` may be NULL */
	struct problems found;
};

static bool is_same(const struct standing_problem *left, const struct standing_problem *right)
{
	return left->fault == right->fault &&
	       (left->of == right->of || (left->of && right->of && !strcmp(left->of, right->of)));
}

static const uint64_t *since(const struct problems *problems,
			     const struct standing_problem *problem)
{
	size_t i;

	for (i = 0; i < problems->count; i++)
		if (is_same(&problems->items[i], problem))
			return &problems->since_ns[i];
	return NULL;
}

static void add_problem(struct problems *problems, const struct standing_problem *problem,
			uint64_t since_ns)
{
	if (problems->count == STANDING_PROBLEMS_MAX || since(problems, problem))
		return;
	problems->items[problems->count] = *problem;
	problems->since_ns[problems->count++] = since_ns;
}

static void on_problem(const struct standing_problem *problem, void *data)
{
	struct proof *proof = data;

	add_problem(&proof->found, problem, monotonic_ns());
}

static void tell_problem(const struct proof *proof, const struct standing_problem *problem, int r)
{
	char text[STANDING_PROBLEM_BYTES];

	standing_problem_format(problem, text);
	policies_tell(proof->policies, r ? POLICIES_ALARM : POLICIES_REPAIR, "%s%s%s: %s%s%s",
		      proof->policy, proof->target ? " on " : "",
		      proof->target ? proof->target : "", text,
		      r ? ", and cannot be put right: " : "; put right", r ? strerror(-r) : "");
}

/* What cannot be put right is told once, and again when it can. */
static void settle(struct proof *proof, struct problems *known, int r)
{
	struct problems *found = &proof->found;
	const struct standing_problem unproved = { STANDING_UNPROVED, NULL };
	const uint64_t *since_ns;
	size_t i;

	/* It ended before anything was found: nothing is known. */
	if (r && !found->count)
		add_problem(found, &unproved, monotonic_ns());
	for (i = 0; i < found->count; i++) {
		since_ns = since(known, &found->items[i]);
		if (!r || !since_ns)
			tell_problem(proof, &found->items[i], r);
		if (since_ns)
			found->since_ns[i] = *since_ns;
	}
	if (r)
		*known = *found;
	else
		known->count = 0;
}

/* What one proof finds is one repair. */
static void note_repair(struct kept_fence *fence, const struct standing_problem *problem)
{
	if (fence->repaired_ns < fence->policy->policies->round_ns)
		fence->repaired.count = 0;
	fence->repaired_ns = monotonic_ns();
	fence->repairs++;
	add_problem(&fence->repaired, problem, fence->repaired_ns);
}

static void note_repairs(struct kept_fence *fence, const struct problems *found)
{
	size_t i;

	for (i = 0; i < found->count; i++)
		note_repair(fence, &found->items[i]);
}

/* --- one fence ------------------------------------------------------------------------------- */

/* While a link was not there nothing was refused. */
static void cut_strays(struct kept_fence *fence)
{
	if (!kept_policy_is_live(fence->policy))
		return;
	fence->policy->narrowed = true;
	kept_policy_cut(fence->policy);
}

static void merge(struct problems *all, const struct problems *more)
{
	size_t i;

	for (i = 0; i < more->count; i++)
		add_problem(all, &more->items[i], more->since_ns[i]);
}

static void prove_fence(struct kept_fence *fence)
{
	struct policies *policies = fence->policy->policies;
	struct proof proof = { policies, fence->policy->name, fence->target, {} };
	const struct cgf_target target = kept_fence_target(fence);
	int r = datapath_fence_mend(policies->datapath, fence->datapath, fence->cgroup_fd, &target,
				    on_problem, &proof);

	if (r == -ENOLINK) {
		kept_fence_lost(fence);
		return;
	}
	settle(&proof, &fence->own, r);
	fence->all = fence->own;
	merge(&fence->all, &fence->policy->problems);
	merge(&fence->all, &fence->policy->unwritten);
	merge(&fence->all, &policies->problems);
	if (r || !proof.found.count)
		return;
	note_repairs(fence, &proof.found);
	cut_strays(fence);
}

/* --- one policy ------------------------------------------------------------------------------ */

static void note_of_policy(const struct kept_policy *kept, const struct problems *found)
{
	struct kept_fence *fence, *next;

	if (!found->count)
		return;
	HASH_ITER (hh, kept->policies->fences, fence, next)
		if (fence->policy == kept)
			note_repairs(fence, found);
}

static void prove_maps(struct kept_policy *kept)
{
	struct proof proof = { kept->policies, kept->name, NULL, {} };
	int r = datapath_policy_mend(kept->policies->datapath, kept->datapath, on_problem, &proof);

	settle(&proof, &kept->problems, r);
	if (!r)
		note_of_policy(kept, &proof.found);
}

/* The first of them, which begins with the name of its map. */
static struct standing_problem problem_of(const struct policy_differences *differences)
{
	static const char *const maps[] = { "allow", "prefixes", "listens",
					    "names", "grants",	 "resolvers" };
	static const enum standing_fault faults[] = {
		[POLICY_MISSING] = STANDING_ENTRY_MISSING,
		[POLICY_FOREIGN] = STANDING_ENTRY_FOREIGN,
		[POLICY_CHANGED] = STANDING_ENTRY_CHANGED,
	};
	struct standing_problem problem = { faults[differences->first_is], maps[0] };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(maps); i++)
		if (!strncmp(differences->first, maps[i], strlen(maps[i])))
			problem.of = maps[i];
	return problem;
}

/* Once; what cannot be read is not proved. */
static void tell_unproved(struct kept_policy *kept, int r)
{
	if (r && !kept->unproved) {
		policies_tell(kept->policies, POLICIES_ALARM, "%s: its maps cannot be read: %s",
			      kept->name, strerror(-r));
		trouble_set(&kept->unread, "its maps cannot be read");
	}
	if (!r)
		trouble_set(&kept->unread, NULL);
	kept->unproved = r != 0;
}

static void tell_entries(const struct kept_policy *kept,
			 const struct policy_differences *differences, int r,
			 const struct failure *why)
{
	policies_tell(kept->policies, r ? POLICIES_ALARM : POLICIES_REPAIR,
		      "%s: its maps were not as written: %s (%zu missing, %zu foreign, %zu "
		      "changed)%s%s",
		      kept->name, differences->first, differences->missing, differences->foreign,
		      differences->changed, r ? ", and cannot be put right: " : "; put right",
		      r ? why->text : "");
}

/* As settle(): what cannot be put right is told once. */
static void mend_entries(struct kept_policy *kept, const struct policy_differences *differences)
{
	struct problems found = { .count = 1, .items = { problem_of(differences) } };
	const uint64_t *since_ns = since(&kept->unwritten, &found.items[0]);
	struct failure failure;
	int r = kept_policy_flush(kept, &failure);

	found.since_ns[0] = since_ns ? *since_ns : monotonic_ns();
	if (!r || !since_ns)
		tell_entries(kept, differences, r, &failure);
	if (!r)
		note_of_policy(kept, &found);
	found.count = r ? 1 : 0;
	kept->unwritten = found;
	kept->narrowed |= differences->foreign || differences->changed;
	kept_policy_cut(kept);
}

static void prove_entries(struct kept_policy *kept)
{
	struct policy_differences differences = {};
	int r;

	decisions_catch_up(kept->decisions);
	r = policy_verify(kept->policy, kept->datapath, &differences);
	tell_unproved(kept, r);
	if (r)
		return;
	kept->unsure = differences.unsure;
	if (differences.missing + differences.foreign + differences.changed)
		mend_entries(kept, &differences);
	else
		kept->unwritten.count = 0;
}

static void prove_policy(struct kept_policy *kept)
{
	if (!kept->datapath || !kept->fence_count)
		return;
	prove_maps(kept);
	if (!kept->names)
		return;
	prove_entries(kept);
	kept_policy_reopen(kept);
	if (kept->ready)
		kept_policy_replace_stale(kept);
	if (kept->has_aside && kept_policy_knows_denied(kept))
		kept_policy_let_asides_go(kept);
	kept_policy_make_room(kept);
}

/* --- all ------------------------------------------------------------------------------------- */

static void look_after(struct kept_fence *fence)
{
	if (fence->untaken)
		return;
	if (fence->state == FENCE_UNREPLACED) {
		kept_fence_check_stale(fence);
	} else if (fence->state == FENCE_WAITING && fence->seeks) {
		kept_fence_seek_again(fence);
	} else if (fence->state == FENCE_STANDING && fence->look_again) {
		kept_fence_look_soon(fence);
	}
}

static void prove_programs(struct policies *policies)
{
	struct proof proof = { policies, "programs", NULL, {} };
	struct kept_fence *fence, *next;
	int r = datapath_mend(policies->datapath, on_problem, &proof);

	if (r == -ESTALE && !policies->superseded)
		policies_tell(policies, POLICIES_ALARM,
			      "another version of cgfence has put its programs in place: restart "
			      "this one, of that version");
	policies->superseded |= r == -ESTALE;
	if (r == -ESTALE)
		return;
	settle(&proof, &policies->problems, r);
	HASH_ITER (hh, policies->fences, fence, next)
		if (!r)
			note_repairs(fence, &proof.found);
}

int policies_prove(struct policies *policies, struct failure *failure)
{
	struct kept_policy *kept, *next;
	struct kept_fence *fence, *next_fence;

	(void)failure;
	policies->round_ns = monotonic_ns();
	prove_programs(policies);
	HASH_ITER (hh, policies->policies, kept, next)
		prove_policy(kept);
	HASH_ITER (hh, policies->fences, fence, next_fence)
		if (fence->state == FENCE_STANDING)
			prove_fence(fence);
	return 0;
}

static bool has_work(const struct policies *policies)
{
	struct kept_fence *fence, *next;

	HASH_ITER (hh, policies->fences, fence, next)
		if (kept_fence_stands(fence) || fence->seeks)
			return true;
	return false;
}

/* What nobody will tell of: what is tried again. */
static bool is_restless(const struct policies *policies)
{
	struct kept_policy *kept, *next;
	struct kept_fence *fence, *next_fence;

	if (policies->problems.count)
		return true;
	HASH_ITER (hh, policies->policies, kept, next)
		if (kept->problems.count || kept->unwritten.count || kept->unproved ||
		    kept->unsure || kept->has_aside ||
		    (kept->names && (kept->half_written || kept_policy_is_shut(kept))) ||
		    (kept->has_stale && kept->ready))
			return true;
	HASH_ITER (hh, policies->fences, fence, next_fence)
		if (fence->own.count || fence->look_again || fence->seeks)
			return true;
	return false;
}

static void prove_at(struct policies *policies, uint64_t now_ns, uint64_t when_ns)
{
	if (policies->started && has_work(policies))
		timer_set(&policies->proof, now_ns, when_ns);
}

void policies_prove_soon(struct policies *policies)
{
	uint64_t now_ns = monotonic_ns();

	prove_at(policies, now_ns, now_ns + PROOF_MS * NSEC_PER_MSEC);
}

void policies_prove_now(struct policies *policies)
{
	uint64_t now_ns = monotonic_ns();
	uint64_t due_ns = policies->round_ns + PROOF_MS * NSEC_PER_MSEC;

	prove_at(policies, now_ns, due_ns > now_ns ? due_ns : now_ns);
}

void policies_on_proof(void *data)
{
	struct policies *policies = data;
	bool told = policies_notice_take(policies);
	struct kept_policy *kept, *next_kept;
	struct kept_fence *fence, *next;
	struct failure failure;
	uint64_t now_ns;

	policies_prove(policies, &failure);
	HASH_ITER (hh, policies->policies, kept, next_kept)
		kept_policy_adopt_again(kept, &failure);
	HASH_ITER (hh, policies->fences, fence, next)
		look_after(fence);
	policies_check_names(policies);
	if (!told || is_restless(policies)) {
		policies_prove_soon(policies);
		return;
	}
	now_ns = monotonic_ns();
	prove_at(policies, now_ns, now_ns + PROOF_REST_MS * NSEC_PER_MSEC);
}
