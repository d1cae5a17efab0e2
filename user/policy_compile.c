// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Each rule to the entries that it gives, and to the names that it is about. */
#include <netinet/in.h>
#include <string.h>

#include "policy_internal.h"

const struct policy_protocol policy_protocols[POLICY_PROTOCOLS] = {
	{ RULE_TCP, IPPROTO_TCP },
	{ RULE_UDP, IPPROTO_UDP },
	{ RULE_ICMP, IPPROTO_ICMP }, /* of both IP versions */
};

static int give_allow(struct policy *policy, const struct gift *gift, struct port_block block,
		      uint8_t protocol)
{
	struct cgf_key key = {
		.port = block.port,
		.protocol = protocol,
		.port_bits = block.bits,
	};

	memcpy(key.address, gift->prefix.address.bytes, sizeof(key.address));
	switch (gift->way) {
	case GIFT_HOLD:
		return entries_hold_named(policy->allow, &key, gift->rule, gift->grant,
					  gift->expires_ns);
	case GIFT_SHORTEN:
		entries_shorten(policy->allow, &key, gift->rule, gift->grant, gift->expires_ns);
		break;
	case GIFT_RUN_OUT:
		entries_run_out(policy->allow, &key, gift->rule, gift->expires_ns);
		break;
	case GIFT_RELEASE:
		entries_release(policy->allow, &key, gift->rule);
		break;
	case GIFT_LEAVE:
		break;
	}
	return 0;
}

static int give_prefix(struct policy *policy, const struct gift *gift, enum cgf_verdict verdict,
		       struct port_block block, uint8_t protocol)
{
	struct cgf_prefix_key key = {
		.prefix_bits = CGF_PREFIX_HEADER_BITS + gift->prefix.bits,
		.verdict = verdict,
		.ip_version = address_is_ipv4(&gift->prefix.address) ? 4 : 6,
		.protocol = protocol,
		.port_bits = block.bits,
		.port = block.port,
	};

	memcpy(key.address, gift->prefix.address.bytes, sizeof(key.address));
	if (gift->way == GIFT_HOLD)
		return entries_hold_named(policy->prefixes, &key, gift->rule, gift->grant,
					  gift->expires_ns);
	if (gift->way == GIFT_LEAVE)
		entries_leave(policy->prefixes, &key, gift->rule, gift->expires_ns);
	else
		entries_release(policy->prefixes, &key, gift->rule);
	return 0;
}

static uint32_t *port_mask_of(struct cgf_target *target, enum rule_verb verb, bool whole)
{
	if (verb == RULE_DENY)
		return &target->deny_prefix_port_mask;
	return whole ? &target->allow_wide_port_mask : &target->allow_prefix_port_mask;
}

void policy_add_port_mask(struct policy *policy, const struct rule *rule, bool whole)
{
	uint32_t *mask = port_mask_of(&policy->target, rule->verb, whole);
	struct port_block blocks[RULE_BLOCKS_ALL];
	size_t i, p, count;

	for (p = 0; p < POLICY_PROTOCOLS; p++) {
		count = rule_blocks(rule, policy_protocols[p].flag, blocks);
		for (i = 0; i < count; i++)
			*mask |= 1U << blocks[i].bits;
	}
	policy->target.allow_wide_port_mask &= (1U << CGF_PORT_BITS_ONE) - 1;
}

/* How many keys the rule has for one address. */
static size_t count_keys(const struct rule *rule)
{
	struct port_block blocks[RULE_BLOCKS_ALL];
	size_t p, count = 0;

	for (p = 0; p < POLICY_PROTOCOLS; p++)
		count += rule_blocks(rule, policy_protocols[p].flag, blocks);
	return count;
}

static int give_block(struct policy *policy, const struct gift *gift, struct port_block block,
		      uint8_t protocol)
{
	enum rule_verb verb = policy->rules.rules[gift->rule].verb;

	if (verb == RULE_ALLOW && gift->whole)
		return give_allow(policy, gift, block, protocol);
	return give_prefix(policy, gift, verb == RULE_ALLOW ? CGF_ALLOW : CGF_DENY, block,
			   protocol);
}

int policy_give(struct policy *policy, const struct gift *gift)
{
	const struct rule *rule = &policy->rules.rules[gift->rule];
	struct port_block blocks[RULE_BLOCKS_ALL];
	size_t i, p, count;
	int r = 0;

	for (p = 0; !r && p < POLICY_PROTOCOLS; p++) {
		count = rule_blocks(rule, policy_protocols[p].flag, blocks);
		for (i = 0; !r && i < count; i++)
			r = give_block(policy, gift, blocks[i], policy_protocols[p].number);
	}
	return r;
}

static int give_listen(struct policy *policy, uint32_t rule)
{
	const struct rule *said = &policy->rules.rules[rule];
	struct port_block blocks[RULE_BLOCKS_ALL];
	struct cgf_listen_key key = {};
	size_t i, p, count;
	int r = 0;

	for (p = 0; p < POLICY_PROTOCOLS; p++) {
		count = rule_blocks(said, policy_protocols[p].flag, blocks);
		key.protocol = policy_protocols[p].number;
		for (i = 0; !r && i < count; i++) {
			key.port = blocks[i].port;
			key.port_bits = blocks[i].bits;
			policy->target.listen_port_mask |= 1U << key.port_bits;
			r = entries_hold(policy->listens, &key, rule, CGF_NEVER_EXPIRES);
		}
	}
	return r;
}

static int give_fixed(struct policy *policy, uint32_t rule, const struct prefix *prefix)
{
	const struct gift gift = {
		.rule = rule,
		.prefix = *prefix,
		.whole = prefix->bits == 128,
		.way = GIFT_HOLD,
		.expires_ns = CGF_NEVER_EXPIRES,
	};

	policy_add_port_mask(policy, &policy->rules.rules[rule], gift.whole);
	return policy_give(policy, &gift);
}

static int compile_word(struct policy *policy, uint32_t rule)
{
	const struct prefix *prefixes;
	size_t i, count = rule_word_prefixes(policy->rules.rules[rule].word, &prefixes);
	int r = 0;

	for (i = 0; !r && i < count; i++)
		r = give_fixed(policy, rule, &prefixes[i]);
	return r;
}

static int compile_destination(struct policy *policy, uint32_t rule)
{
	const struct rule *said = &policy->rules.rules[rule];

	switch (said->destination) {
	case DESTINATION_NAME:
	case DESTINATION_WILDCARD:
		policy_add_port_mask(policy, said, true);
		return policy_name_add_rule(policy, rule);
	case DESTINATION_PREFIX:
		return give_fixed(policy, rule, &said->prefix);
	case DESTINATION_WORD:
		return compile_word(policy, rule);
	case DESTINATION_NONE:
		break;
	}
	return 0;
}

int policy_compile_rule(struct policy *policy, uint32_t rule)
{
	const struct rule *said = &policy->rules.rules[rule];

	switch (said->verb) {
	case RULE_ALLOW:
	case RULE_DENY:
		policy_add_flags(policy, said);
		return compile_destination(policy, rule);
	case RULE_MODE:
		policy->target.mode = said->mode;
		return 0;
	case RULE_LISTEN:
		return give_listen(policy, rule);
	case RULE_DNS:
	case RULE_VERB_COUNT:
		break;
	}
	return 0;
}

static void add_grant_masks(struct policy *policy)
{
	struct cgf_port_block blocks[CGF_GRANT_BLOCKS_MAX];
	const struct grant *grant;
	size_t i, count;

	for (grant = policy->grants; grant; grant = grant->hh.next) {
		if (policy_grant_blocks(policy, grant->rules, grant->rule_count, blocks, &count))
			continue;
		for (i = 0; i < count; i++)
			if (blocks[i].port_bits < CGF_PORT_BITS_ONE)
				policy->target.allow_wide_port_mask |= 1U << blocks[i].port_bits;
	}
}

static int compile_names(struct policy *policy)
{
	struct policy_name *name;
	size_t i;
	int r = 0;

	for (name = policy->wildcards; !r && name; name = name->hh.next)
		r = policy_name_inherit(policy, name);
	for (name = policy->names; !r && name; name = name->hh.next) {
		r = policy_name_inherit(policy, name);
		for (i = 0; !r && i < name->rule_count; i++)
			if (policy->rules.rules[name->rules[i]].verb == RULE_ALLOW)
				policy->name_keys += count_keys(
					&policy->rules.rules[name->rules[i]]);
	}
	if (!r)
		r = policy_questions_decide(policy);
	policy->live = true;
	add_grant_masks(policy);
	return r;
}

int policy_compile(struct policy *policy)
{
	size_t i;
	int r = entries_init(&policy->allow, sizeof(struct cgf_key));

	if (!r)
		r = entries_init(&policy->prefixes, sizeof(struct cgf_prefix_key));
	if (!r)
		r = entries_init(&policy->listens, sizeof(struct cgf_listen_key));
	for (i = 0; !r && i < policy->order_count; i++)
		r = policy_compile_rule(policy, policy->order[i]);
	if (r)
		return r;
	entries_use_grants(policy->allow, policy_grant_lives, policy);
	entries_use_grants(policy->prefixes, policy_grant_lives, policy);
	return compile_names(policy);
}
