// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Other rules for a policy that is in force. They are compiled by themselves first, which finds all
 * that is wrong with them and what the target is to be; then what is new is added to the live
 * policy, and what is not there any more goes.
 */
#include <errno.h>
#include <string.h>

#include "policy_plan.h"

static struct cgf_target both(struct cgf_target before, const struct cgf_target *after)
{
	/* In audit mode nothing is denied, so the mode is that of before until all is in force. */
	before.allow_wide_port_mask |= after->allow_wide_port_mask;
	before.deny_prefix_port_mask |= after->deny_prefix_port_mask;
	before.allow_prefix_port_mask |= after->allow_prefix_port_mask;
	before.listen_port_mask |= after->listen_port_mask;
	before.flags |= after->flags;
	return before;
}

struct cgf_target policy_target_between(const struct policy *policy)
{
	struct cgf_target between = policy->between;

	between.deny_prefix_port_mask |= policy->kept_port_mask;
	return between;
}

static int add_rules(struct policy *policy, struct rules *wanted, struct policy_plan *plan)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < wanted->count; i++) {
		if (plan->numbers[i] != CGF_RULE_NONE)
			continue;
		plan->numbers[i] = policy_order_take(policy, &wanted->rules[i]);
		plan->is_new[plan->numbers[i]] = true;
		r = policy_compile_rule(policy, plan->numbers[i]);
	}
	return r;
}

/* What was given is taken back, as if it had never been. */
static void undo(struct policy *policy, const struct policy_plan *plan)
{
	uint32_t i;

	policy->left = true;
	policy_release_rules(policy, plan->is_new);
	for (i = 0; i < policy->rules.count; i++)
		if (plan->is_new[i])
			policy->leaving[policy->leaving_count++] = i;
}

/* Their numbers are had again when the maps have nothing of them. */
static void remove_rules(struct policy *policy, const struct policy_plan *plan)
{
	uint32_t i;

	if (!plan->removed)
		return;
	for (i = 0; i < policy->rules.count; i++)
		if (plan->gone[i])
			policy->leaving[policy->leaving_count++] = i;
	policy->left = true;
	policy_release_rules(policy, plan->gone);
}

/* By such a rule special addresses of names may be allowed that were not, or the other way. */
static bool opens_special(const struct rule *rule)
{
	return rule->verb == RULE_ALLOW &&
	       (rule->private_addresses || (rule->destination != DESTINATION_NAME &&
					    rule->destination != DESTINATION_WILDCARD));
}

static struct policy_changes describe(const struct policy *policy, const struct policy_plan *plan,
				      bool *ret_special)
{
	struct policy_changes changes = { .added = plan->added, .removed = plan->removed };
	const struct rule *rule;
	size_t i;

	*ret_special = false;
	for (i = 0; i < policy->rules.count; i++) {
		rule = &policy->rules.rules[i];
		if (!plan->gone[i] && !plan->is_new[i])
			continue;
		changes.resolvers |= rule->verb == RULE_DNS;
		*ret_special |= opens_special(rule);
	}
	return changes;
}

static int change(struct policy *policy, struct policy *wanted, struct policy_plan *plan,
		  struct policy_changes *ret_changes)
{
	const struct cgf_target before = policy->target;
	bool special;
	int r;

	policy_order_forget(policy);
	r = add_rules(policy, &wanted->rules, plan);
	policy->target = r ? before : wanted->target;
	if (r) {
		undo(policy, plan);
		return r;
	}
	remove_rules(policy, plan);
	*ret_changes = describe(policy, plan, &special);
	memcpy(policy->order, plan->numbers, wanted->rules.count * sizeof(*policy->order));
	policy->order_count = wanted->rules.count;
	policy->between = both(policy->between, &policy->target);
	policy->name_keys = wanted->name_keys;
	policy_names_lost(policy);
	if (special)
		policy_names_judge(policy, false);
	/* What there is no memory for is done by the next flush. */
	policy_questions_decide(policy);
	return 0;
}

int policy_become(struct policy *policy, struct policy **rules, struct policy_changes *ret_changes)
{
	_cleanup_(policy_finish) struct policy *wanted = TAKE_PTR(*rules);
	_cleanup_(policy_plan_finish) struct policy_plan plan = {};
	struct policy_changes changes = {};
	int r = policy_plan_make(&plan, policy, &wanted->rules);

	if (!r)
		r = policy_order_reserve(policy, plan.added);
	if (!r)
		r = change(policy, wanted, &plan, &changes);
	if (r)
		return r;
	*ret_changes = changes;
	return 0;
}

int policy_apply(struct policy *policy, struct rules *rules, struct policy_changes *ret_changes,
		 struct failure *failure)
{
	struct policy *wanted;
	int r = policy_init(&wanted, rules, failure);

	if (r)
		return r;
	r = policy_become(policy, &wanted, ret_changes);
	return r ? failure_set(failure, -r, "cannot change the rules") : 0;
}
