// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How every fence stands: what `status` reads of the kernel, and what the daemon that keeps some of
 * them knows beside.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json_api_internal.h"
#include "util.h"

struct status {
	struct policies *policies;
	const struct standings *standings;
	uint64_t began_ns, now_ns;
	json_t *kept; /* by name, objects */
	json_t *fences, *problems;
	bool whole;
};

/* --- what the daemon knows ------------------------------------------------------------------- */

struct overdue {
	bool any;
	uint64_t since_ns; /* the first of their last good answers; 0: one never had any */
};

static void take_name(const struct policies_name *name, void *data)
{
	struct overdue *overdue = data;

	if (!name->overdue)
		return;
	if (!overdue->any || name->answered_ns < overdue->since_ns)
		overdue->since_ns = name->answered_ns;
	overdue->any = true;
}

/* --- what does not hold ---------------------------------------------------------------------- */

static uint64_t seconds_since(const struct status *status, uint64_t since_ns)
{
	return since_ns && since_ns < status->now_ns ? (status->now_ns - since_ns) / NSEC_PER_SEC
						     : 0;
}

static void add_problem(json_t **problems, const struct standing_problem *problem, uint64_t since_s,
			bool repaired)
{
	json_t *object = json_problem(problem);

	if (object && (json_object_set_new(object, "since_s", json_api_count(since_s)) ||
		       json_object_set_new(object, "repaired", json_boolean(repaired))))
		json_decref(TAKE_PTR(object));
	json_append(problems, object);
}

static bool is_same(const struct standing_problem *a, const struct standing_problem *b)
{
	return a->fault == b->fault && !strcmp(a->of ? a->of : "", b->of ? b->of : "");
}

static bool is_known(const struct policies_fence *fence, const struct standing_problem *problem)
{
	size_t i;

	for (i = 0; i < fence->problem_count; i++)
		if (is_same(&fence->problems[i], problem))
			return true;
	return false;
}

/* What was found by the proof that was asked for, and holds again by now. */
static void add_repaired(const struct status *status, const struct policies_fence *fence,
			 json_t **problems)
{
	size_t i;

	if (fence->repaired_ns < status->began_ns)
		return;
	for (i = 0; i < fence->repaired_count; i++)
		add_problem(problems, &fence->repaired[i], 0, true);
}

/* A name that never had a good answer is overdue for as long as the fence stands, or less. */
static void add_overdue(const struct status *status, const struct policies_fence *fence,
			json_t **problems)
{
	struct overdue names = {};
	const struct standing_problem problem = { STANDING_NAMES_OVERDUE, NULL };
	int64_t stands_s = (int64_t)time(NULL) - fence->since;

	if (!fence->names_overdue)
		return;
	policies_each_name(status->policies, fence->policy, take_name, &names);
	add_problem(problems, &problem,
		    names.since_ns ? seconds_since(status, names.since_ns)
				   : (uint64_t)(stands_s > 0 ? stands_s : 0),
		    false);
}

/* The daemon's, and what has been broken since it looked. */
static void add_broken(const struct status *status, const struct policies_fence *fence,
		       const struct standing *standing, json_t **problems)
{
	const struct standing_problem missing = { STANDING_UNATTACHED, NULL };
	size_t i;

	for (i = 0; i < fence->problem_count; i++)
		add_problem(problems, &fence->problems[i],
			    seconds_since(status, fence->problems_since_ns[i]), false);
	for (i = 0; standing && i < standing->problem_count; i++)
		if (!is_known(fence, &standing->problems[i]))
			add_problem(problems, &standing->problems[i], 0, false);
	if (!standing && !is_known(fence, &missing))
		add_problem(problems, &missing, 0, false);
}

/* What is wrong in files, or with the target. */
static void add_trouble(const struct status *status, const char *name, const char *text,
			uint64_t since_ns, json_t **problems)
{
	if (!text)
		return;
	json_append(problems,
		    json_pack("{s:s, s:n, s:o, s:o, s:b}", "problem", name, "of", "message",
			      json_api_text(text), "since_s",
			      json_api_count(seconds_since(status, since_ns)), "repaired", 0));
}

/*
 * Of one whose target is not there nothing has to stand: it is whole as it is. How one of another
 * version should stand is not known.
 */
static json_t *problems_of(const struct status *status, const struct policies_fence *fence)
{
	json_t *problems = json_array();

	add_trouble(status, "policy_unusable", fence->policy_problem, fence->policy_problem_ns,
		    &problems);
	add_trouble(status, fence->state == FENCE_UNREPLACED ? "not_replaced" : "not_fenced",
		    fence->obstacle, fence->obstacle_ns, &problems);
	if (fence->state != FENCE_STANDING)
		return problems;
	add_broken(status, fence, standings_find(status->standings, fence->name), &problems);
	add_repaired(status, fence, &problems);
	add_overdue(status, fence, &problems);
	return problems;
}

static json_t *last_repair_of(const struct status *status, const struct policies_fence *fence)
{
	json_t *problems;
	size_t i;

	if (!fence->repaired_ns)
		return json_null();
	problems = json_array();
	for (i = 0; i < fence->repaired_count; i++)
		json_append(&problems, json_problem(&fence->repaired[i]));
	return json_pack("{s:o, s:o}", "age_s",
			 json_api_count(seconds_since(status, fence->repaired_ns)), "problems",
			 problems);
}

static json_t *kept_object(const struct status *status, const struct policies_fence *fence)
{
	json_t *problems = problems_of(status, fence);
	bool whole = problems && !json_array_size(problems);
	struct policies_fence details = *fence;

	/* It is among the problems, and so no warning. */
	details.obstacle = NULL;

	return json_pack("{s:o, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "target",
			 json_api_text(fence->target), "kept", 1, "proved",
			 whole && fence->state == FENCE_STANDING, "whole", whole, "problems",
			 problems, "names_overdue", json_api_count(fence->names_overdue),
			 "generation", json_api_count(fence->generation), "repairs",
			 json_api_count(fence->repairs), "last_repair",
			 last_repair_of(status, fence), "details", json_api_fence_object(&details));
}

static void take_fence(const struct policies_fence *fence, void *data)
{
	struct status *status = data;
	json_t *object = kept_object(status, fence);

	status->whole &= json_is_true(json_object_get(object, "whole"));
	if (json_object_set_new(status->kept, fence->name, object))
		json_decref(TAKE_PTR(status->fences));
}

/* --- together -------------------------------------------------------------------------------- */

/* `kept` has "details", which the standing lacks: state, persistent, since, places, warnings. */
static int merge(json_t *fence, json_t *kept)
{
	json_t *details = json_object_get(kept, "details");
	static const char *const wanted[] = { "state", "persistent", "since", "places",
					      "warnings" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		if (json_object_set(fence, wanted[i], json_object_get(details, wanted[i])))
			return -1;
	json_object_del(kept, "details");
	return json_object_update(fence, kept);
}

static void add_standing(struct status *status, const struct standing *standing)
{
	json_t *fence = json_standing(standing);
	json_t *kept = json_object_get(status->kept, standing->name);
	int error;

	if (kept)
		error = merge(fence, kept);
	else
		error = json_object_update_new(fence, json_pack("{s:b, s:b}", "kept", 0, "proved",
								standing_is_whole(standing)));
	if (!kept)
		status->whole &= standing_is_whole(standing);
	if (error)
		json_decref(TAKE_PTR(fence));
	json_append(&status->fences, fence);
}

/* Those that are not pinned, such as those that wait for their target. */
static void add_unpinned(const struct policies_fence *fence, void *data)
{
	struct status *status = data;
	json_t *kept = json_object_get(status->kept, fence->name), *object;

	if (!kept || standings_find(status->standings, fence->name))
		return;
	object = json_pack("{s:o, s:o, s:o}", "fence", json_api_text(fence->name), "policy",
			   json_api_text(fence->policy), "cgroup", json_api_text(fence->cgroup));
	if (merge(object, kept))
		json_decref(TAKE_PTR(object));
	json_append(&status->fences, object);
}

/* A line of targets that is none has no fence that it could be said of. */
static void take_policy(const struct policies_policy *policy, void *data)
{
	struct status *status = data;

	if (!policy->targets_problem)
		return;
	status->whole = false;
	json_append(&status->problems,
		    json_pack("{s:s, s:o, s:o, s:o}", "problem", "targets", "policy",
			      json_api_text(policy->name), "message",
			      json_api_text(policy->targets_problem), "since_s",
			      json_api_count(seconds_since(status, policy->targets_problem_ns))));
}

char *json_api_of_status(struct policies *policies, const struct standings *standings,
			 const struct standing_kernel *kernel, uint64_t began_ns)
{
	struct status status = {
		.policies = policies,
		.standings = standings,
		.began_ns = began_ns,
		.now_ns = monotonic_ns(),
		.kept = json_object(),
		.fences = json_array(),
		.problems = json_array(),
		.whole = true,
	};
	json_auto_t *kept = status.kept;
	size_t i;

	if (!kept) {
		json_decref(status.fences);
		json_decref(status.problems);
		return NULL;
	}
	policies_each_fence(policies, NULL, take_fence, &status);
	for (i = 0; i < standings->count; i++)
		add_standing(&status, &standings->items[i]);
	policies_each_fence(policies, NULL, add_unpinned, &status);
	policies_each(policies, take_policy, &status);
	return json_dump(json_pack("{s:s, s:b, s:o, s:o, s:o}", "event", "status", "whole",
				   status.whole, "kernel_lacks", json_lacks(kernel), "problems",
				   status.problems, "fences", status.fences));
}
