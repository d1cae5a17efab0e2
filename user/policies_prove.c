// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is wanted against what the kernel has: compared while there is a fence, and put right. What
 * was found is told once; what cannot be put right is kept with the time since when.
 */
#include <errno.h>
#include <string.h>

#include "decisions.h"
#include "policies_internal.h"

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
	const uint64_t *since_ns;
	size_t i;

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
	merge(&fence->all, &policies->problems);
	if (r || !proof.found.count)
		return;
	fence->repairs += proof.found.count;
	cut_strays(fence);
}

/* --- one policy ------------------------------------------------------------------------------ */

static void count_repairs(const struct kept_policy *kept, size_t count)
{
	struct kept_fence *fence, *next;

	if (!count)
		return;
	HASH_ITER (hh, kept->policies->fences, fence, next)
		if (fence->policy == kept)
			fence->repairs += count;
}

static void prove_maps(struct kept_policy *kept)
{
	struct proof proof = { kept->policies, kept->name, NULL, {} };
	int r = datapath_policy_mend(kept->policies->datapath, kept->datapath, on_problem, &proof);

	settle(&proof, &kept->problems, r);
	if (!r)
		count_repairs(kept, proof.found.count);
}

static void prove_entries(struct kept_policy *kept)
{
	struct policy_differences differences = {};
	struct failure failure;
	int r;

	decisions_catch_up(kept->decisions);
	r = policy_verify(kept->policy, kept->datapath, &differences);
	if (r || !(differences.missing + differences.foreign + differences.changed))
		return;
	r = kept_policy_flush(kept, &failure);
	policies_tell(kept->policies, r ? POLICIES_ALARM : POLICIES_REPAIR,
		      "%s: its maps were not as written: %s (%zu missing, %zu foreign, %zu "
		      "changed)%s%s",
		      kept->name, differences.first, differences.missing, differences.foreign,
		      differences.changed, r ? ", and cannot be put right: " : "; put right",
		      r ? failure.text : "");
	count_repairs(kept, 1);
	kept->narrowed |= differences.foreign || differences.changed;
	kept_policy_cut(kept);
}

static void prove_policy(struct kept_policy *kept)
{
	if (!kept->datapath || !kept->fence_count)
		return;
	prove_maps(kept);
	if (!kept->names)
		return;
	prove_entries(kept);
	kept_policy_make_room(kept);
}

/* --- all ------------------------------------------------------------------------------------- */

static void look_after(struct kept_fence *fence)
{
	if (fence->state == FENCE_WAITING && fence->seeks) {
		fence->seeks--;
		kept_fence_seek(fence);
	} else if (fence->state == FENCE_STANDING && fence->look_again) {
		kept_fence_look_soon(fence);
	}
}

static void prove_programs(struct policies *policies)
{
	struct proof proof = { policies, "programs", NULL, {} };
	int r = datapath_mend(policies->datapath, on_problem, &proof);

	if (r == -ESTALE && !policies->superseded)
		policies_tell(policies, POLICIES_ALARM,
			      "another version of cgfence has put its programs in place: restart "
			      "this one, of that version");
	policies->superseded |= r == -ESTALE;
	if (r != -ESTALE)
		settle(&proof, &policies->problems, r);
}

int policies_prove(struct policies *policies, struct failure *failure)
{
	struct kept_policy *kept, *next;
	struct kept_fence *fence, *next_fence;

	(void)failure;
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
		if (fence->state == FENCE_STANDING || fence->seeks)
			return true;
	return false;
}

void policies_prove_soon(struct policies *policies)
{
	uint64_t now_ns = monotonic_ns();

	if (policies->started && has_work(policies))
		timer_set(&policies->proof, now_ns, now_ns + PROOF_MS * NSEC_PER_MSEC);
}

void policies_on_proof(void *data)
{
	struct policies *policies = data;
	struct kept_fence *fence, *next;
	struct failure failure;

	policies_prove(policies, &failure);
	HASH_ITER (hh, policies->fences, fence, next)
		look_after(fence);
	policies_prove_soon(policies);
}
