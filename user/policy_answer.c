// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What an answer makes of a name's addresses: which may be allowed, and for how long they last. */
#include <errno.h>
#include <string.h>

#include "policy_internal.h"

/* A public name that points into the inside is rebinding, unless the address is allowed as such. */
static bool is_allowed(const struct policy *policy, const struct policy_name *name,
		       const struct address *address)
{
	return !address_special(address) ||
	       policy_grant_is_private(policy, name->rules, name->rule_count) ||
	       policy_allows_by_address(policy, address);
}

static bool may_allow(const struct policy *policy, const struct policy_name *name,
		      const struct address *address, struct policy_learned *learned)
{
	if (is_allowed(policy, name, address))
		return true;
	if (policy_name_is_allowed(policy, name) && !learned->special++)
		learned->first_special = *address;
	return false;
}

void policy_name_judge(struct policy *policy, const struct policy_name *name,
		       struct name_address *address)
{
	bool allowed = address->expires_ns && is_allowed(policy, name, &address->address);

	if (address->allowed && !allowed)
		policy_name_give(policy, name, address, GIFT_RELEASE);
	address->allowed = allowed;
}

static uint64_t add_seconds(uint64_t time_ns, uint64_t seconds)
{
	return time_ns == CGF_NEVER_EXPIRES ? time_ns : time_ns + seconds * NSEC_PER_SEC;
}

static uint64_t answer_base_ns(const struct policy *policy, const struct policy_name *name,
			       const struct policy_answer *answer)
{
	uint32_t floor_s = policy_grant_ttl_floor_s(policy, name->rules, name->rule_count);
	uint32_t ttl_s = answer->ttl_s < CGF_TTL_CEILING_S ? answer->ttl_s : CGF_TTL_CEILING_S;

	return answer->fixed ? CGF_NEVER_EXPIRES
			     : add_seconds(answer->now_ns, ttl_s < floor_s ? floor_s : ttl_s);
}

static void renew(struct name_address *address, uint64_t base_ns, uint64_t grace_s)
{
	uint64_t expires_ns = add_seconds(base_ns, grace_s);

	if (base_ns > address->base_ns)
		address->base_ns = base_ns;
	if (expires_ns > address->expires_ns)
		address->expires_ns = expires_ns;
}

/* Those that answers have said. */
static size_t count_answered(const struct policy_name *name)
{
	size_t i, count = 0;

	if (name->address_count < CGF_NAME_ADDRESSES_MAX)
		return name->address_count;
	for (i = 0; i < name->address_count; i++)
		count += name->addresses[i].expires_ns > 0;
	return count;
}

static int learn_one(struct policy *policy, struct policy_name *name, const struct address *address,
		     uint64_t base_ns, struct policy_learned *learned)
{
	struct name_address *known = policy_name_find_address(name, address);

	if (!known && count_answered(name) >= CGF_NAME_ADDRESSES_MAX) {
		learned->refused++;
		return 0;
	}
	if (!known) {
		known = policy_name_add_address(policy, name, address);
		if (!known)
			return -ENOMEM;
	}
	if (!known->expires_ns) {
		known->allowed = may_allow(policy, name, address, learned);
		learned->added += known->allowed;
	}
	renew(known, base_ns, POLICY_GRACE_S);
	if (known->denied_until_ns <= monotonic_ns())
		known->denied_until_ns = 0;
	return policy_name_give(policy, name, known, GIFT_HOLD);
}

static bool is_in(const struct policy_answer *answer, const struct address *address)
{
	size_t i;

	for (i = 0; i < answer->count; i++)
		if (!memcmp(&answer->addresses[i], address, sizeof(*address)))
			return true;
	return false;
}

/* Who has it for the longest time by that rule. */
static const struct policy_name *find_longest(const struct policy *policy,
					      const struct policy_name *name, uint32_t rule,
					      const struct name_address **address)
{
	const struct policy_names_at *at = policy_names_at(policy, &(*address)->address);
	const struct policy_name *longest = name;
	const struct name_address *other;
	uint32_t i;

	for (i = 0; at && i < at->count; i++) {
		if (at->names[i] == name || !policy_name_has_rule(at->names[i], rule))
			continue;
		other = policy_name_find_address(at->names[i], &(*address)->address);
		if (!other->allowed || other->expires_ns <= (*address)->expires_ns)
			continue;
		longest = at->names[i];
		*address = other;
	}
	return longest;
}

/* What has no end would keep none; other names may have it by the same rule, for their time. */
static void shorten(struct policy *policy, const struct policy_name *name, uint32_t rule,
		    const struct name_address *address)
{
	const struct rule *said = &policy->rules.rules[rule];

	/* No time is written of what is denied. */
	if (said->verb == RULE_DENY)
		return;
	if (policy_rule_is_of_several(said))
		name = find_longest(policy, name, rule, &address);
	policy_name_give_by_rule(policy, name, rule, address, GIFT_SHORTEN);
}

static void end_fixed(struct policy *policy, const struct policy_name *name,
		      struct name_address *address, uint64_t now_ns)
{
	size_t i;

	if (address->base_ns != CGF_NEVER_EXPIRES)
		return;
	address->base_ns = 0;
	address->expires_ns = add_seconds(now_ns, POLICY_GRACE_S);
	for (i = 0; i < name->rule_count; i++)
		shorten(policy, name, name->rules[i], address);
}

void policy_unfix(struct policy *policy, struct policy_name *name,
		  const struct policy_answer *answer)
{
	struct name_address *address;
	size_t i;

	for (i = 0; i < name->address_count; i++) {
		address = &name->addresses[i];
		if (address_is_ipv4(&address->address) != answer->ipv6 &&
		    !(answer->fixed && is_in(answer, &address->address)))
			end_fixed(policy, name, address, answer->now_ns);
	}
}

void policy_name_let_run_out(struct policy *policy, struct policy_name *name)
{
	const uint64_t now_ns = monotonic_ns();
	struct name_address *address;
	size_t i;

	for (i = 0; i < name->address_count; i++) {
		address = &name->addresses[i];
		end_fixed(policy, name, address, now_ns);
		if (address->denied_until_ns)
			address->denied_until_ns = now_ns + CGF_TTL_CEILING_S * NSEC_PER_SEC;
	}
}

int policy_learn(struct policy *policy, struct policy_name *name,
		 const struct policy_answer *answer, struct policy_learned *ret_learned)
{
	uint64_t base_ns = answer_base_ns(policy, name, answer);
	struct policy_learned learned = {};
	size_t i;
	int r = 0;

	policy_name_forget(policy, name, answer->ipv6, answer->now_ns);
	for (i = 0; !r && i < answer->count; i++)
		r = learn_one(policy, name, &answer->addresses[i], base_ns, &learned);
	*ret_learned = learned;
	return r;
}

void policy_resolver_failed(struct policy *policy, struct policy_name *name, bool ipv6)
{
	const uint64_t now_ns = monotonic_ns();
	struct name_address *address;
	size_t i;

	/* What is denied stays so: only an answer can say that the name has left an address. */
	if (!policy_name_is_denied(policy, name))
		policy_name_forget(policy, name, ipv6, now_ns);
	for (i = 0; i < name->address_count; i++) {
		address = &name->addresses[i];
		if (address_is_ipv4(&address->address) == ipv6 || address->expires_ns <= now_ns ||
		    !address->base_ns)
			continue;
		renew(address, address->base_ns, POLICY_FAILURE_GRACE_S);
		policy_name_give(policy, name, address, GIFT_HOLD);
	}
}
