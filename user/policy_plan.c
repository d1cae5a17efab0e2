// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which rules of a text are in force already. */
#include "policy_plan.h"

#include <errno.h>
#include <string.h>

/* Equal for what is the same. */
static uint64_t hash_rule(const struct rule *rule)
{
	const uint32_t numbers[] = { rule->verb, rule->destination, rule->word,
				     rule->mode, rule->protocols,   rule->prefix.bits };
	uint64_t hash = policy_hash_bytes(POLICY_HASH_BEGIN, numbers, sizeof(numbers));

	if (rule->name)
		return policy_hash_bytes(hash, rule->name, strlen(rule->name));
	return policy_hash_bytes(hash, rule->prefix.address.bytes,
				 sizeof(rule->prefix.address.bytes));
}

/* Rules that are to be found, each by its number; open addressing, at most half full. */
struct finder {
	uint32_t *slots; /* numbers + 1 */
	size_t mask;
};

static size_t first_slot(const struct finder *finder, const struct rule *rule)
{
	uint64_t hash = hash_rule(rule);

	return (size_t)(hash ^ hash >> 32) & finder->mask;
}

static int finder_init(struct finder *finder, size_t count)
{
	size_t size = 4;

	while (size < 2 * count)
		size *= 2;
	finder->mask = size - 1;
	finder->slots = calloc(size, sizeof(*finder->slots));
	return finder->slots ? 0 : -ENOMEM;
}

static void finder_add(struct finder *finder, const struct rules *rules, uint32_t number)
{
	size_t slot = first_slot(finder, &rules->rules[number]);

	while (finder->slots[slot])
		slot = (slot + 1) & finder->mask;
	finder->slots[slot] = number + 1;
}

/* One that no rule of the text has been found to be yet. */
static uint32_t finder_find(const struct finder *finder, const struct rules *rules,
			    const bool *gone, const struct rule *rule)
{
	size_t slot = first_slot(finder, rule);
	uint32_t number;

	for (; finder->slots[slot]; slot = (slot + 1) & finder->mask) {
		number = finder->slots[slot] - 1;
		if (gone[number] && rule_is_same(&rules->rules[number], rule))
			return number;
	}
	return CGF_RULE_NONE;
}

static void keep(struct policy_plan *plan, size_t place, uint32_t number)
{
	plan->numbers[place] = number;
	plan->gone[number] = false;
	plan->removed--;
	plan->added--;
}

/* Most of a text is as it was: what is in its place is not searched for. */
static size_t keep_in_place(struct policy_plan *plan, const struct policy *policy,
			    const struct rules *wanted)
{
	size_t i;

	for (i = 0; i < wanted->count && i < policy->order_count; i++) {
		if (!rule_is_same(&wanted->rules[i], &policy->rules.rules[policy->order[i]]))
			break;
		keep(plan, i, policy->order[i]);
	}
	return i;
}

static size_t keep_at_end(struct policy_plan *plan, const struct policy *policy,
			  const struct rules *wanted, size_t begin)
{
	size_t i, place = wanted->count, old = policy->order_count;

	for (i = 0; place > begin && old > begin; i++) {
		if (!rule_is_same(&wanted->rules[place - 1],
				  &policy->rules.rules[policy->order[old - 1]]))
			break;
		keep(plan, --place, policy->order[--old]);
	}
	return i;
}

static int keep_moved(struct policy_plan *plan, const struct policy *policy,
		      const struct rules *wanted, size_t begin, size_t end)
{
	struct finder finder = {};
	uint32_t number;
	size_t i;
	int r = finder_init(&finder, policy->order_count - begin - end);

	if (r)
		return r;
	for (i = begin; i < policy->order_count - end; i++)
		finder_add(&finder, &policy->rules, policy->order[i]);
	for (i = begin; i < wanted->count - end; i++) {
		number = finder_find(&finder, &policy->rules, plan->gone, &wanted->rules[i]);
		if (number != CGF_RULE_NONE)
			keep(plan, i, number);
	}
	free(finder.slots);
	return 0;
}

static bool is_mode(const struct rule *rule)
{
	return rule->verb == RULE_MODE;
}

static bool same_modes(const struct policy *policy, const struct rules *wanted)
{
	const struct rule *rules = policy->rules.rules;
	size_t i, j;

	for (i = j = 0;; i++, j++) {
		while (i < policy->order_count && !is_mode(&rules[policy->order[i]]))
			i++;
		while (j < wanted->count && !is_mode(&wanted->rules[j]))
			j++;
		if (i == policy->order_count || j == wanted->count)
			return i == policy->order_count && j == wanted->count;
		if (!rule_is_same(&rules[policy->order[i]], &wanted->rules[j]))
			return false;
	}
}

/* Of these the last one counts: in another order they are others. */
static void part_modes(struct policy_plan *plan, const struct rules *wanted)
{
	size_t i;

	for (i = 0; i < wanted->count; i++) {
		if (!is_mode(&wanted->rules[i]) || plan->numbers[i] == CGF_RULE_NONE)
			continue;
		plan->gone[plan->numbers[i]] = true;
		plan->numbers[i] = CGF_RULE_NONE;
		plan->removed++;
		plan->added++;
	}
}

int policy_plan_make(struct policy_plan *plan, const struct policy *policy,
		     const struct rules *wanted)
{
	size_t i, begin, end;
	int r;

	plan->numbers = calloc(wanted->count + 1, sizeof(*plan->numbers));
	plan->gone = calloc(policy->rules.count + wanted->count + 1, sizeof(*plan->gone));
	plan->is_new = calloc(policy->rules.count + wanted->count + 1, sizeof(*plan->is_new));
	if (!plan->numbers || !plan->gone || !plan->is_new)
		return -ENOMEM;
	for (i = 0; i < wanted->count; i++)
		plan->numbers[i] = CGF_RULE_NONE;
	for (i = 0; i < policy->order_count; i++)
		plan->gone[policy->order[i]] = true;
	plan->added = wanted->count;
	plan->removed = policy->order_count;
	begin = keep_in_place(plan, policy, wanted);
	end = keep_at_end(plan, policy, wanted, begin);
	r = keep_moved(plan, policy, wanted, begin, end);
	if (!r && !same_modes(policy, wanted))
		part_modes(plan, wanted);
	return r;
}

int policy_compare(const struct policy *policy, const struct policy *wanted, policy_rule_fn added,
		   policy_rule_fn removed, void *data)
{
	_cleanup_(policy_plan_finish) struct policy_plan plan = {};
	int r = policy_plan_make(&plan, policy, &wanted->rules);
	uint32_t number;
	size_t i;

	for (i = 0; !r && i < wanted->order_count; i++)
		if (plan.numbers[i] == CGF_RULE_NONE)
			r = added(&wanted->rules.rules[i], (uint32_t)i, data);
	for (i = 0; !r && i < policy->order_count; i++) {
		number = policy->order[i];
		if (plan.gone[number])
			r = removed(&policy->rules.rules[number], number, data);
	}
	return r;
}

void policy_plan_finish(struct policy_plan *plan)
{
	free(plan->numbers);
	free(plan->gone);
	free(plan->is_new);
}
