// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What there is, as it is now. */
#include <errno.h>
#include <string.h>

#include "decisions.h"
#include "names.h"
#include "policies_internal.h"
#include "policydir.h"
#include "standings.h"

/* --- fences ---------------------------------------------------------------------------------- */

static const struct trouble *trouble_of(const struct kept_policy *kept)
{
	const struct trouble *const troubles[] = { &kept->problem, &kept->why_shut, &kept->why_half,
						   &kept->unread };
	size_t i;

	/* What is wrong with its file is not why. */
	if (kept->no_room && !kept->policy)
		return &kept->why_shut;
	for (i = 0; i < ARRAY_SIZE(troubles); i++)
		if (troubles[i]->text)
			return troubles[i];
	return &kept->beside;
}

void kept_fence_describe(const struct kept_fence *fence, struct policies_fence *ret_fence)
{
	const struct trouble *trouble = trouble_of(fence->policy);
	bool populated;

	*ret_fence = (struct policies_fence){
		.name = fence->name,
		.policy = fence->policy->name,
		.target = fence->target,
		.cgroup = fence->cgroup,
		.cgroup_id = fence->cgroup_id,
		.state = fence->state,
		.persistent = fence->persistent,
		.since = fence->since,
		.places = fence->places.items,
		.place_count = fence->places.count,
		.repairs = fence->repairs,
		.generation = fence->policy->generation,
		.repaired = fence->repaired.items,
		.repaired_count = fence->repaired.count,
		.repaired_ns = fence->repaired_ns,
		.problems = fence->all.items,
		.problems_since_ns = fence->all.since_ns,
		.problem_count = fence->all.count,
		.warnings = (const char *const *)fence->warnings.items,
		.warning_count = fence->warnings.count,
		.policy_problem = trouble->text,
		.policy_problem_ns = trouble->since_ns,
		.obstacle = fence->obstacle.text,
		.obstacle_ns = fence->obstacle.since_ns,
	};
	if (fence->policy->names)
		ret_fence->names_overdue = names_totals(fence->policy->names).overdue;
	if (fence->cgroup)
		ret_fence->uncounted = cgroup_count(fence->cgroup, &ret_fence->processes,
						    &populated) != 0;
}

int kept_fence_describe_last(struct kept_fence *fence, struct policies_fence *ret_fence)
{
	struct texts *last = &fence->policy->policies->last;

	texts_finish(last);
	if (texts_add(last, fence->name) || texts_add(last, fence->policy->name) ||
	    texts_add(last, fence->target) || texts_add(last, fence->cgroup ? fence->cgroup : ""))
		return -ENOMEM;
	kept_fence_describe(fence, ret_fence);
	ret_fence->name = last->items[0];
	ret_fence->policy = last->items[1];
	ret_fence->target = last->items[2];
	ret_fence->cgroup = fence->cgroup ? last->items[3] : NULL;
	ret_fence->places = NULL;
	ret_fence->problems = ret_fence->repaired = NULL;
	ret_fence->warnings = NULL;
	ret_fence->place_count = ret_fence->problem_count = ret_fence->warning_count = 0;
	ret_fence->repaired_count = 0;
	ret_fence->policy_problem = ret_fence->obstacle = NULL;
	return 0;
}

void policies_each_fence(const struct policies *policies, const char *policy,
			 policies_fence_fn found, void *data)
{
	struct policies_fence described;
	struct kept_fence *fence, *next;

	HASH_ITER (hh, policies->fences, fence, next) {
		if (policy && strcmp(policy, fence->policy->name) != 0)
			continue;
		kept_fence_describe(fence, &described);
		found(&described, data);
	}
}

/* --- policies -------------------------------------------------------------------------------- */

static int count_entry(const struct cgf_key *key, const struct cgf_entry *entry, void *data)
{
	uint32_t *count = data;

	(void)key;
	(void)entry;
	(*count)++;
	return 0;
}

static void describe_rules(const struct kept_policy *kept, struct policies_policy *described)
{
	struct names_totals totals;

	described->rules = policy_rule_count(kept->policy);
	described->mode = policy_target(kept->policy).mode;
	policy_count_names(kept->policy, &described->names, &described->addresses);
	if (!kept->names)
		return;
	totals = names_totals(kept->names);
	described->names_overdue = totals.overdue;
	described->resolver_failures = totals.failures;
}

static void describe(struct kept_policy *kept, policies_policy_fn found, void *data)
{
	const struct trouble *trouble = trouble_of(kept);
	_cleanup_free_ char *file = NULL;
	struct policies_policy described = {
		.name = kept->name,
		.policy = kept->policy,
		.fences = kept->fence_count,
		.generation = kept->generation,
		.problem = trouble->text ? trouble->text : kept->targets_problem.text,
		.targets_problem = kept->targets_problem.text,
		.targets_problem_ns = kept->targets_problem.since_ns,
	};

	if (kept->has_file)
		file = policydir_path(kept->policies->options.dir, kept->name);
	described.file = file;
	if (kept->datapath) {
		described.capacity = datapath_policy_capacity(kept->datapath);
		datapath_counters(kept->datapath, &described.counters);
		datapath_allow_each(kept->datapath, count_entry, &described.entries);
	}
	if (kept->policy)
		describe_rules(kept, &described);
	found(&described, data);
}

static int by_name(const struct kept_policy *left, const struct kept_policy *right)
{
	return strcmp(left->name, right->name);
}

void policies_each(struct policies *policies, policies_policy_fn found, void *data)
{
	struct kept_policy *kept, *next;

	HASH_SORT(policies->policies, by_name);
	HASH_ITER (hh, policies->policies, kept, next)
		describe(kept, found, data);
}

bool policies_has(const struct policies *policies, const char *name)
{
	return kept_policy_find(policies, name);
}

void policies_count(const struct policies *policies, size_t *ret_policies, size_t *ret_fences)
{
	*ret_policies = HASH_COUNT(policies->policies);
	*ret_fences = HASH_COUNT(policies->fences);
}

int policies_get(struct policies *policies, const char *name, policies_policy_fn found, void *data)
{
	struct kept_policy *kept = kept_policy_find(policies, name);

	if (!kept)
		return -ENOENT;
	describe(kept, found, data);
	return 0;
}

int policies_text(struct policies *policies, const char *name, char **ret_text, size_t *ret_length,
		  struct failure *failure)
{
	if (!kept_policy_find(policies, name))
		return failure_set(failure, ENOENT, "there is no policy '%.100s'", name);
	return policydir_read(policies->options.dir, name, ret_text, ret_length, failure);
}

int policies_standings(struct policies *policies, struct standings *ret_standings,
		       struct standing_kernel *ret_kernel, struct failure *failure)
{
	(void)policies;
	return standings_read(ret_standings, ret_kernel, failure);
}

/* --- names ----------------------------------------------------------------------------------- */

struct names_walk {
	policies_name_fn found;
	void *data;
};

static void on_name(const struct names_state *state, void *data)
{
	const struct names_walk *walk = data;
	const struct policies_name name = {
		.name = state->name,
		.addresses = state->addresses,
		.answered_ns = state->answered_ns,
		.overdue = state->overdue,
	};

	walk->found(&name, walk->data);
}

int policies_each_name(struct policies *policies, const char *policy, policies_name_fn found,
		       void *data)
{
	const struct kept_policy *kept = kept_policy_find(policies, policy);
	struct names_walk walk = { found, data };

	if (!kept)
		return -ENOENT;
	if (kept->names)
		names_each(kept->names, on_name, &walk);
	return 0;
}
