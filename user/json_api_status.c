// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How every fence stands: what `status` reads of the kernel, and what the daemon that keeps some of
 * them knows beside.
 */
#include <string.h>

#include "json_api_internal.h"
#include "util.h"

struct status {
	const struct standings *standings;
	uint64_t now_ns;
	json_t *kept; /* by name, objects */
	json_t *fences;
	bool whole;
};

/* --- what the daemon knows ------------------------------------------------------------------- */

static uint64_t since_s(const struct policies_fence *fence, size_t problem, uint64_t now_ns)
{
	uint64_t since_ns = fence->problems_since_ns ? fence->problems_since_ns[problem] : 0;

	return since_ns && since_ns < now_ns ? (now_ns - since_ns) / NSEC_PER_SEC : 0;
}

static json_t *problem_since(const struct standing_problem *problem, uint64_t seconds)
{
	json_t *object = json_problem(problem);

	if (object && json_object_set_new(object, "since_s", json_api_count(seconds)))
		json_decref(TAKE_PTR(object));
	return object;
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

/* The daemon's, and what has been broken since it looked. */
static json_t *problems_of(const struct status *status, const struct policies_fence *fence,
			   const struct standing *standing)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < fence->problem_count; i++)
		json_append(&array,
			    problem_since(&fence->problems[i], since_s(fence, i, status->now_ns)));
	for (i = 0; standing && i < standing->problem_count; i++)
		if (!is_known(fence, &standing->problems[i]))
			json_append(&array, problem_since(&standing->problems[i], 0));
	return array;
}

static bool is_proved(const struct policies_fence *fence, const struct standing *standing)
{
	return fence->state == FENCE_STANDING && standing && standing_is_whole(standing) &&
	       !fence->problem_count && !fence->names_overdue;
}

static json_t *kept_object(const struct status *status, const struct policies_fence *fence,
			   bool proved)
{
	const struct standing *standing = standings_find(status->standings, fence->name);

	return json_pack("{s:o, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o}", "target",
			 json_api_text(fence->target), "kept", 1, "proved", proved, "whole",
			 standing && standing_is_whole(standing) && !fence->problem_count,
			 "problems", problems_of(status, fence, standing), "names_overdue",
			 json_api_count(fence->names_overdue), "generation",
			 json_api_count(fence->generation), "repairs",
			 json_api_count(fence->repairs), "details", json_api_fence_object(fence));
}

/* A target that is not there needs no fence yet. */
static void take_fence(const struct policies_fence *fence, void *data)
{
	struct status *status = data;
	const struct standing *standing = standings_find(status->standings, fence->name);
	bool proved = is_proved(fence, standing);

	status->whole &= proved || fence->state == FENCE_WAITING;
	if (json_object_set_new(status->kept, fence->name, kept_object(status, fence, proved)))
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

char *json_api_of_status(struct policies *policies, const struct standings *standings,
			 const struct standing_kernel *kernel)
{
	struct status status = { standings, monotonic_ns(), json_object(), json_array(), true };
	json_auto_t *kept = status.kept;
	size_t i;

	if (!kept) {
		json_decref(status.fences);
		return NULL;
	}
	policies_each_fence(policies, NULL, take_fence, &status);
	for (i = 0; i < standings->count; i++)
		add_standing(&status, &standings->items[i]);
	policies_each_fence(policies, NULL, add_unpinned, &status);
	return json_dump(json_pack("{s:s, s:b, s:o, s:o}", "event", "status", "whole", status.whole,
				   "kernel_lacks", json_lacks(kernel), "fences", status.fences));
}
