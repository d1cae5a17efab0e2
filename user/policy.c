// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "policy_internal.h"

/* Resolvers, and room for names that have more addresses than is expected of each. */
#define CAPACITY_BASE (2 * CGF_RESOLVERS_MAX)
#define CAPACITY_NAMES 4096

static const uint8_t protocol_numbers[] = { IPPROTO_TCP, IPPROTO_UDP };
static const uint8_t protocol_flags[] = { RULE_TCP, RULE_UDP };

const struct rule *policy_rule(const struct policy *policy, uint32_t rule)
{
	return rule < policy->rules.count ? &policy->rules.rules[rule] : NULL;
}

struct cgf_target policy_target(const struct policy *policy)
{
	return policy->target;
}

uint32_t policy_capacity(const struct policy *policy)
{
	uint64_t capacity = CAPACITY_BASE + entries_count(policy->allow) +
			    (policy->names ? CAPACITY_NAMES + policy->name_entries : 0);

	return capacity < CGF_ENTRIES_MAX ? (uint32_t)capacity : CGF_ENTRIES_MAX;
}

static int give(struct entries *entries, const void *key, const struct gift *gift)
{
	if (gift->hold)
		return entries_hold(entries, key, gift->rule, gift->expires_ns);
	entries_release(entries, key, gift->rule);
	return 0;
}

static int give_allow(struct policy *policy, const struct gift *gift, struct port_block block,
		      uint8_t protocol)
{
	struct cgf_key key = {
		.port = block.port,
		.protocol = protocol,
		.port_bits = block.bits,
	};

	memcpy(key.address, gift->prefix.address.bytes, sizeof(key.address));
	return give(policy->allow, &key, gift);
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
	return give(policy->prefixes, &key, gift);
}

static uint32_t *port_mask_of(struct cgf_target *target, enum rule_verb verb, bool whole)
{
	if (verb == RULE_DENY)
		return &target->deny_prefix_port_mask;
	return whole ? &target->allow_wide_port_mask : &target->allow_prefix_port_mask;
}

/*
 * Which widths of port blocks the rule has keys of, now or when its name is answered: a width that
 * the target lacks is not looked up.
 */
static void add_port_mask(struct policy *policy, const struct rule *rule, bool whole)
{
	uint32_t *mask = port_mask_of(&policy->target, rule->verb, whole);
	struct port_block blocks[CGF_RULE_PORTS_MAX * RULE_BLOCKS_MAX];
	size_t i, count = rule_blocks(rule, blocks);

	for (i = 0; i < count; i++)
		*mask |= 1U << blocks[i].bits;
	policy->target.allow_wide_port_mask &= (1U << CGF_PORT_BITS_ONE) - 1;
}

int policy_give(struct policy *policy, const struct gift *gift)
{
	const struct rule *rule = &policy->rules.rules[gift->rule];
	struct port_block blocks[CGF_RULE_PORTS_MAX * RULE_BLOCKS_MAX];
	size_t i, p, count = rule_blocks(rule, blocks);
	int r = 0;

	for (i = 0; !r && i < count; i++) {
		for (p = 0; !r && p < ARRAY_SIZE(protocol_numbers); p++) {
			if (!(rule->protocols & protocol_flags[p]))
				continue;
			if (rule->verb == RULE_ALLOW && gift->whole)
				r = give_allow(policy, gift, blocks[i], protocol_numbers[p]);
			else
				r = give_prefix(policy, gift,
						rule->verb == RULE_ALLOW ? CGF_ALLOW : CGF_DENY,
						blocks[i], protocol_numbers[p]);
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
		.hold = true,
		.expires_ns = CGF_NEVER_EXPIRES,
	};

	add_port_mask(policy, &policy->rules.rules[rule], gift.whole);
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
		add_port_mask(policy, said, true);
		return policy_name_add_rule(policy, rule);
	case DESTINATION_PREFIX:
		return give_fixed(policy, rule, &said->prefix);
	case DESTINATION_WORD:
		return compile_word(policy, rule);
	case DESTINATION_WILDCARD:
	case DESTINATION_NONE:
		break;
	}
	return 0;
}

static int compile(struct policy *policy, uint32_t rule)
{
	const struct rule *said = &policy->rules.rules[rule];

	switch (said->verb) {
	case RULE_ALLOW:
	case RULE_DENY:
		return compile_destination(policy, rule);
	case RULE_MODE:
		policy->target.mode = said->mode;
		return 0;
	case RULE_LISTEN:
	case RULE_DNS:
	case RULE_VERB_COUNT:
		break;
	}
	return 0;
}

int policy_init(struct policy **ret_policy, struct rules *rules)
{
	_cleanup_(policy_finish) struct policy *policy = calloc(1, sizeof(*policy));
	size_t i;
	int r;

	if (!policy)
		return -ENOMEM;
	policy->rules = TAKE(*rules, (struct rules){});
	r = entries_init(&policy->allow, sizeof(struct cgf_key));
	if (!r)
		r = entries_init(&policy->prefixes, sizeof(struct cgf_prefix_key));
	for (i = 0; !r && i < policy->rules.count; i++)
		r = compile(policy, (uint32_t)i);
	if (r)
		return r;
	if (entries_count(policy->allow) > CGF_ENTRIES_MAX ||
	    entries_count(policy->prefixes) > CGF_PREFIXES_MAX)
		return -E2BIG;
	*ret_policy = TAKE_PTR(policy);
	return 0;
}

void policy_finish(struct policy **policy)
{
	if (!*policy)
		return;
	policy_name_free_all(*policy);
	entries_finish(&(*policy)->allow);
	entries_finish(&(*policy)->prefixes);
	rules_finish(&(*policy)->rules);
	free(TAKE_PTR(*policy));
}

size_t policy_dns(const struct policy *policy, struct address ret_servers[CGF_RESOLVERS_MAX])
{
	size_t i, count = 0;

	for (i = 0; i < policy->rules.count && count < CGF_RESOLVERS_MAX; i++)
		if (policy->rules.rules[i].verb == RULE_DNS)
			ret_servers[count++] = policy->rules.rules[i].prefix.address;
	return count;
}

int policy_add_resolver(struct policy *policy, const struct address *address)
{
	struct cgf_key key = { .port = CGF_DNS_PORT, .port_bits = CGF_PORT_BITS_ONE };
	size_t p;
	int r = 0;

	memcpy(key.address, address->bytes, sizeof(key.address));
	for (p = 0; !r && p < ARRAY_SIZE(protocol_numbers); p++) {
		key.protocol = protocol_numbers[p];
		r = entries_hold(policy->allow, &key, CGF_RULE_RESOLVER, CGF_NEVER_EXPIRES);
	}
	return r;
}

static bool rule_covers_port(const struct rule *rule, uint16_t port)
{
	size_t i;

	for (i = 0; i < rule->port_count; i++)
		if (rule->ports[i].first <= port && port <= rule->ports[i].last)
			return true;
	return rule->port_count == 0;
}

/* Whether a rule says this address without a name. */
static bool rule_covers_address(const struct rule *rule, const struct address *address)
{
	const struct prefix *prefixes;
	size_t i, count;

	if (rule->destination == DESTINATION_PREFIX)
		return prefix_contains(&rule->prefix, address);
	if (rule->destination != DESTINATION_WORD)
		return false;
	count = rule_word_prefixes(rule->word, &prefixes);
	for (i = 0; i < count; i++)
		if (prefix_contains(&prefixes[i], address))
			return true;
	return false;
}

uint32_t policy_denied_by(const struct policy *policy, const struct address *address, uint16_t port)
{
	uint32_t i;

	for (i = 0; i < policy->rules.count; i++)
		if (policy->rules.rules[i].verb == RULE_DENY &&
		    rule_covers_address(&policy->rules.rules[i], address) &&
		    rule_covers_port(&policy->rules.rules[i], port))
			return i;
	return CGF_RULE_NONE;
}

bool policy_allows_by_address(const struct policy *policy, const struct address *address)
{
	size_t i;

	for (i = 0; i < policy->rules.count; i++)
		if (policy->rules.rules[i].verb == RULE_ALLOW &&
		    rule_covers_address(&policy->rules.rules[i], address))
			return true;
	return false;
}

void policy_each_wildcard(const struct policy *policy, policy_rule_fn wildcard, void *data)
{
	size_t i;

	for (i = 0; i < policy->rules.count; i++)
		if (policy->rules.rules[i].destination == DESTINATION_WILDCARD)
			wildcard(&policy->rules.rules[i], data);
}

/* Prefixes first: what a rule denies is in force before what another allows. */
int policy_flush(struct policy *policy, struct datapath_policy *datapath, size_t *ret_refused)
{
	size_t refused = 0;
	int r = entries_flush_prefixes(policy->prefixes, datapath, &refused);

	if (!r && refused)
		return -EOVERFLOW;
	if (!r)
		r = entries_flush_allow(policy->allow, datapath, &refused);
	if (r)
		return r;
	*ret_refused = refused;
	return refused ? -ENOSPC : 0;
}
