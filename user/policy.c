// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "policy_internal.h"

/* Resolvers, and room for names that have more addresses than is expected of each. */
#define CAPACITY_BASE (2 * CGF_RESOLVERS_MAX)
#define CAPACITY_NAMES 4096
#define CAPACITY_MIN 1024
/* What wildcards have is not known before. A spare may have as many. */
#define CAPACITY_WILDCARDS 16384
#define ADDRESSES_MIN 4
#define ADDRESSES_MAX 64

const struct rule *policy_rule(const struct policy *policy, uint32_t rule)
{
	const struct rule *said = rule < policy->rules.count ? &policy->rules.rules[rule] : NULL;

	return said && said->verb != RULE_VERB_COUNT ? said : NULL;
}

struct cgf_target policy_target(const struct policy *policy)
{
	struct cgf_target target = policy->target;

	target.deny_prefix_port_mask |= policy->kept_port_mask;
	return target;
}

/* A power of two, so that what one run leaves as a spare fits many. */
static uint32_t round_up(uint64_t entries)
{
	uint32_t capacity = CAPACITY_MIN;

	while (capacity < entries && capacity < CGF_ENTRIES_MAX)
		capacity *= 2;
	return capacity;
}

/* Of each name: many of a few, as one of them may be a large network's; fewer of many. */
static uint64_t addresses_expected(const struct policy *policy)
{
	uint64_t each = CAPACITY_NAMES / HASH_COUNT(policy->names);

	return each < ADDRESSES_MIN ? ADDRESSES_MIN : each < ADDRESSES_MAX ? each : ADDRESSES_MAX;
}

uint32_t policy_capacity(const struct policy *policy)
{
	uint64_t capacity = CAPACITY_BASE + entries_count(policy->allow);

	if (policy->names)
		capacity += CAPACITY_NAMES + policy->name_keys * addresses_expected(policy);
	if (policy->wildcards && capacity < CAPACITY_WILDCARDS)
		capacity = CAPACITY_WILDCARDS;
	return round_up(capacity);
}

int policy_init(struct policy **ret_policy, struct rules *rules, struct failure *failure)
{
	_cleanup_(policy_finish) struct policy *policy = calloc(1, sizeof(*policy));
	int r;

	if (!policy)
		return failure_set(failure, ENOMEM, "cannot read the rules");
	policy->rules = TAKE(*rules, (struct rules){});
	policy->grant_last = policy_grant_last(0);
	r = policy_order_init(policy);
	if (!r)
		r = policy_compile(policy);
	if (r)
		return failure_set(failure, -r, "cannot read the rules");
	r = policy_deny_wildcards(policy, failure);
	if (!r)
		r = policy_check_questions(policy, failure);
	if (!r)
		r = policy_check_limits(policy, failure);
	if (r)
		return r;
	policy->between = policy->target;
	*ret_policy = TAKE_PTR(policy);
	return 0;
}

void policy_finish(struct policy **policy)
{
	size_t i;

	if (!*policy)
		return;
	policy_name_free_all(*policy, &(*policy)->names);
	policy_name_free_all(*policy, &(*policy)->wildcards);
	policy_name_free_all(*policy, &(*policy)->learned);
	policy_grants_free(*policy);
	policy_resolvers_free(*policy);
	for (i = 0; i < (*policy)->search_count; i++)
		free((*policy)->searches[i]);
	policy_strays_free(*policy);
	free((*policy)->order);
	free((*policy)->free);
	free((*policy)->leaving);
	entries_finish(&(*policy)->allow);
	entries_finish(&(*policy)->prefixes);
	entries_finish(&(*policy)->listens);
	rules_finish(&(*policy)->rules);
	free(TAKE_PTR(*policy));
}

size_t policy_dns(const struct policy *policy, struct address ret_servers[CGF_RESOLVERS_MAX])
{
	const struct rule *rule;
	size_t i, count = 0;

	for (i = 0; i < policy->order_count && count < CGF_RESOLVERS_MAX; i++) {
		rule = &policy->rules.rules[policy->order[i]];
		if (rule->verb == RULE_DNS)
			ret_servers[count++] = rule->prefix.address;
	}
	return count;
}

bool policy_has_names(const struct policy *policy)
{
	return policy->names;
}

bool policy_take_narrowed(struct policy *policy)
{
	bool allow_added, denied, allow_removed, prefixes_removed, listens_added, listens_removed;

	entries_take_changes(policy->allow, &allow_added, &allow_removed);
	entries_take_changes(policy->prefixes, &denied, &prefixes_removed);
	entries_take_changes(policy->listens, &listens_added, &listens_removed);
	return allow_removed || denied || prefixes_removed || listens_removed;
}

bool policy_let_kept_go(struct policy *policy)
{
	const uint64_t now_ns = monotonic_ns();

	if (!policy->keeps_denied_ns || policy->keeps_denied_ns > now_ns)
		return false;
	policy->keeps_denied_ns = entries_let_kept_go(policy->prefixes, now_ns);
	/* They are looked up until the target is written again. */
	if (!policy->keeps_denied_ns)
		policy->kept_port_mask = 0;
	return true;
}

int policy_sweep(struct policy *policy, struct datapath_policy *datapath, uint64_t now_ns)
{
	policy_learned_forget(policy, now_ns);
	return entries_sweep_allow(policy->allow, datapath, now_ns);
}
