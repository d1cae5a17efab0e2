// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <netinet/in.h>
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

static const struct {
	uint8_t flag, number;
} protocols[] = {
	{ RULE_TCP, IPPROTO_TCP },
	{ RULE_UDP, IPPROTO_UDP },
	{ RULE_ICMP, IPPROTO_ICMP }, /* of both IP versions */
};

const struct rule *policy_rule(const struct policy *policy, uint32_t rule)
{
	return rule < policy->rules.count ? &policy->rules.rules[rule] : NULL;
}

struct cgf_target policy_target(const struct policy *policy)
{
	return policy->target;
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

static int give_allow(struct policy *policy, const struct gift *gift, struct port_block block,
		      uint8_t protocol)
{
	struct cgf_key key = {
		.port = block.port,
		.protocol = protocol,
		.port_bits = block.bits,
	};

	memcpy(key.address, gift->prefix.address.bytes, sizeof(key.address));
	if (gift->hold)
		return entries_hold(policy->allow, &key, gift->rule, gift->expires_ns);
	entries_run_out(policy->allow, &key, gift->rule);
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
	if (gift->hold)
		return entries_hold(policy->prefixes, &key, gift->rule, gift->expires_ns);
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

	for (p = 0; p < ARRAY_SIZE(protocols); p++) {
		count = rule_blocks(rule, protocols[p].flag, blocks);
		for (i = 0; i < count; i++)
			*mask |= 1U << blocks[i].bits;
	}
	policy->target.allow_wide_port_mask &= (1U << CGF_PORT_BITS_ONE) - 1;
}

size_t policy_rule_keys(const struct rule *rule)
{
	struct port_block blocks[RULE_BLOCKS_ALL];
	size_t p, count = 0;

	for (p = 0; p < ARRAY_SIZE(protocols); p++)
		count += rule_blocks(rule, protocols[p].flag, blocks);
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

	for (p = 0; !r && p < ARRAY_SIZE(protocols); p++) {
		count = rule_blocks(rule, protocols[p].flag, blocks);
		for (i = 0; !r && i < count; i++)
			r = give_block(policy, gift, blocks[i], protocols[p].number);
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

	for (p = 0; p < ARRAY_SIZE(protocols); p++) {
		count = rule_blocks(said, protocols[p].flag, blocks);
		key.protocol = protocols[p].number;
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
		.hold = true,
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

static int compile(struct policy *policy, uint32_t rule)
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
				policy->name_keys += policy_rule_keys(
					&policy->rules.rules[name->rules[i]]);
	}
	policy->questions_changed = true;
	if (!r)
		r = policy_questions_decide(policy);
	add_grant_masks(policy);
	return r;
}

static int compile_all(struct policy *policy)
{
	size_t i;
	int r = entries_init(&policy->allow, sizeof(struct cgf_key));

	if (!r)
		r = entries_init(&policy->prefixes, sizeof(struct cgf_prefix_key));
	if (!r)
		r = entries_init(&policy->listens, sizeof(struct cgf_listen_key));
	for (i = 0; !r && i < policy->rules.count; i++)
		r = compile(policy, (uint32_t)i);
	if (r)
		return r;
	entries_share(policy->allow, policy_grant_lives, policy);
	return compile_names(policy);
}

int policy_init(struct policy **ret_policy, struct rules *rules, struct failure *failure)
{
	_cleanup_(policy_finish) struct policy *policy = calloc(1, sizeof(*policy));
	int r;

	if (!policy)
		return failure_set(failure, ENOMEM, "cannot read the rules");
	policy->rules = TAKE(*rules, (struct rules){});
	r = compile_all(policy);
	if (r)
		return failure_set(failure, -r, "cannot read the rules");
	r = policy_deny_wildcards(policy, failure);
	if (!r)
		r = policy_check_questions(policy, failure);
	if (!r)
		r = policy_check_limits(policy, failure);
	if (!r)
		*ret_policy = TAKE_PTR(policy);
	return r;
}

void policy_finish(struct policy **policy)
{
	size_t i;

	if (!*policy)
		return;
	policy_name_free_all(&(*policy)->names);
	policy_name_free_all(&(*policy)->wildcards);
	policy_name_free_all(&(*policy)->learned);
	policy_grants_free(*policy);
	for (i = 0; i < (*policy)->search_count; i++)
		free((*policy)->searches[i]);
	free((*policy)->searches);
	entries_finish(&(*policy)->allow);
	entries_finish(&(*policy)->prefixes);
	entries_finish(&(*policy)->listens);
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

void policy_each_wildcard(const struct policy *policy, policy_rule_fn wildcard, void *data)
{
	size_t i;

	for (i = 0; i < policy->rules.count; i++)
		if (policy->rules.rules[i].destination == DESTINATION_WILDCARD)
			wildcard(&policy->rules.rules[i], data);
}

/* What gives no more takes with it what the kernel has learned by it. */
static int flush_allow(struct policy *policy, struct datapath_policy *datapath, size_t *ret_refused)
{
	int r = policy->allow_has_stale ? entries_drop_stale_allow(policy->allow, datapath) : 0;

	if (r)
		return r;
	policy->allow_has_stale = false;
	return entries_flush_allow(policy->allow, datapath, ret_refused);
}

/*
 * Prefixes first: what a rule denies is in force before what another allows. A resolver is known
 * before it may be asked, as what is sent to it is not looked at otherwise.
 */
int policy_flush(struct policy *policy, struct datapath_policy *datapath, size_t *ret_refused)
{
	size_t refused = 0, names_refused = 0;
	int r = entries_flush_prefixes(policy->prefixes, datapath, &refused);

	if (!r && refused)
		return -EOVERFLOW;
	if (!r)
		r = entries_flush_listens(policy->listens, datapath, &refused);
	if (!r)
		r = policy_resolvers_write(policy, datapath);
	if (!r)
		r = policy_flush_questions(policy, datapath, &names_refused);
	if (!r)
		r = flush_allow(policy, datapath, &refused);
	if (!r)
		r = policy_resolvers_remove(policy, datapath);
	if (r)
		return r;
	*ret_refused = refused + names_refused;
	return *ret_refused ? -ENOSPC : 0;
}

bool policy_take_narrowed(struct policy *policy)
{
	bool allow_added, denied, allow_removed, prefixes_removed, listens_added, listens_removed;

	entries_take_changes(policy->allow, &allow_added, &allow_removed);
	entries_take_changes(policy->prefixes, &denied, &prefixes_removed);
	entries_take_changes(policy->listens, &listens_added, &listens_removed);
	return allow_removed || denied || prefixes_removed || listens_removed;
}

int policy_sweep(struct policy *policy, struct datapath_policy *datapath, uint64_t now_ns)
{
	policy_learned_forget(policy, now_ns);
	return entries_sweep_allow(policy->allow, datapath, now_ns);
}

void policy_remove_rule(struct policy *policy, uint32_t rule)
{
	entries_release_rule(policy->allow, rule);
	entries_release_rule(policy->prefixes, rule);
	entries_release_rule(policy->listens, rule);
	policy_name_release_rule(policy, rule);
}
