// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The numbers of rules: which are in force, in which order the text has them, which are free. */
#include <errno.h>
#include <string.h>

#include "policy_internal.h"

int policy_order_init(struct policy *policy)
{
	size_t i;

	policy->order = calloc(policy->rules.count + 1, sizeof(*policy->order));
	if (!policy->order)
		return -ENOMEM;
	for (i = 0; i < policy->rules.count; i++)
		policy->order[i] = (uint32_t)i;
	policy->order_count = policy->rules.count;
	return 0;
}

size_t policy_rule_count(const struct policy *policy)
{
	return policy->order_count;
}

int policy_each_rule(const struct policy *policy, policy_rule_fn call, void *data)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < policy->order_count; i++)
		r = call(&policy->rules.rules[policy->order[i]], policy->order[i], data);
	return r;
}

static bool is_in_order(const struct policy *policy, uint32_t rule)
{
	size_t i;

	for (i = 0; i < policy->order_count; i++)
		if (policy->order[i] == rule)
			return true;
	return false;
}

void policy_release_rules(struct policy *policy, const bool *gone)
{
	size_t i, kept = 0;

	entries_release_rules(policy->allow, gone, policy->rules.count);
	entries_release_rules(policy->prefixes, gone, policy->rules.count);
	entries_release_rules(policy->listens, gone, policy->rules.count);
	policy_name_release_rules(policy, gone);
	for (i = 0; i < policy->order_count; i++)
		if (!gone[policy->order[i]])
			policy->order[kept++] = policy->order[i];
	policy->order_count = kept;
}

int policy_remove_rule(struct policy *policy, uint32_t rule)
{
	_cleanup_free_ bool *gone = NULL;

	if (!is_in_order(policy, rule))
		return 0;
	gone = calloc(policy->rules.count, sizeof(*gone));
	if (!gone)
		return -ENOMEM;
	gone[rule] = true;
	policy_release_rules(policy, gone);
	return 0;
}

static int reserve_rules(struct rules *rules, size_t count)
{
	struct rule *grown;

	if (count <= rules->capacity)
		return 0;
	grown = reallocarray(rules->rules, count, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	rules->rules = grown;
	rules->capacity = count;
	return 0;
}

/* Room for numbers that come, and for those that go, so that nothing is needed when they do. */
int policy_order_reserve(struct policy *policy, size_t added)
{
	size_t i, count = policy->rules.count + added;
	uint32_t **lists[] = { &policy->order, &policy->free, &policy->leaving };
	uint32_t *list;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		list = reallocarray(*lists[i], count + 1, sizeof(*list));
		if (!list)
			return -ENOMEM;
		*lists[i] = list;
	}
	return reserve_rules(&policy->rules, count);
}

/* What they said is known until now, for what was decided by them. */
void policy_order_forget(struct policy *policy)
{
	size_t i;
	struct rule *rule;

	for (i = 0; i < policy->free_count; i++) {
		rule = &policy->rules.rules[policy->free[i]];
		rule_finish(rule);
		*rule = (struct rule){ .verb = RULE_VERB_COUNT };
	}
}

uint32_t policy_order_take(struct policy *policy, struct rule *rule)
{
	uint32_t number = policy->free_count ? policy->free[--policy->free_count]
					     : (uint32_t)policy->rules.count++;

	policy->rules.rules[number] = TAKE(*rule, (struct rule){});
	return number;
}

void policy_flushed(struct policy *policy)
{
	size_t i;

	for (i = 0; i < policy->leaving_count; i++)
		policy->free[policy->free_count++] = policy->leaving[i];
	policy->leaving_count = 0;
	policy->in_force = true;
	policy->taken_up = false;
	policy->between = policy->target;
	policy_strays_free(policy);
	policy_names_collect(policy);
}
