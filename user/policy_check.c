// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What rules say beside each other: what covers what, and what cannot be kept. */
#include <errno.h>
#include <string.h>

#include "name_key.h"
#include "policy_internal.h"

bool policy_rule_is_loopback(const struct rule *rule)
{
	const char *special = address_special(&rule->prefix.address);

	if (rule->destination == DESTINATION_WORD)
		return rule->word == WORD_LOCALHOST;
	return special && !strcmp(special, "loopback") && rule->prefix.bits >= 96 + 8;
}

/* An address that may have any name; but no public name has a loopback address. */
static bool allows_unnamed(const struct rule *rule)
{
	return rule->verb == RULE_ALLOW &&
	       (rule->destination == DESTINATION_PREFIX || rule->destination == DESTINATION_WORD) &&
	       !policy_rule_is_loopback(rule);
}

int policy_deny_wildcards(const struct policy *policy, struct failure *failure)
{
	const struct rule *denied = NULL, *unnamed = NULL, *said;
	char text[2][CGF_LINE_BYTES_MAX];
	size_t i;

	for (i = 0; i < policy->order_count; i++) {
		said = &policy->rules.rules[policy->order[i]];
		if (allows_unnamed(said))
			unnamed = said;
		if (said->verb == RULE_DENY && said->destination == DESTINATION_WILDCARD)
			denied = said;
	}
	if (!denied || !unnamed)
		return 0;
	if (rule_format(denied, text[0], sizeof(text[0])) < 0 ||
	    rule_format(unnamed, text[1], sizeof(text[1])) < 0)
		return -ENOSPC;
	failure_set(failure, 0, "the rule '%.200s' cannot be kept beside '%.200s'", text[0],
		    text[1]);
	failure_hint(failure, "an address has any number of names, and need not be looked up");
	return -ENOTSUP;
}

static int refuse_rule(const struct policy *policy, uint32_t rule, const char *why,
		       struct failure *failure)
{
	char text[CGF_LINE_BYTES_MAX];

	if (rule_format(&policy->rules.rules[rule], text, sizeof(text)) < 0)
		return -ENOSPC;
	failure_set(failure, 0, "the rule '%.200s' cannot be kept", text);
	failure_hint(failure, "%s", why);
	return -ENOTSUP;
}

static int check_wildcard(const struct policy *policy, const struct policy_name *name,
			  struct failure *failure)
{
	struct cgf_port_block blocks[CGF_GRANT_BLOCKS_MAX];
	size_t count;
	int r;

	if (!name_key_fits(name->text))
		return refuse_rule(policy, name->rules[0],
				   "the name of a wildcard has at most 239 bytes", failure);
	if (!policy_name_has(policy, name, RULE_ALLOW))
		return 0;
	r = policy_grant_blocks(policy, name->rules, name->rule_count, blocks, &count);
	return r ? refuse_rule(policy, name->rules[0],
			       "the rules of a wildcard, and of those above it, come to at most 32 "
			       "blocks of ports: allow or deny fewer, or whole ranges",
			       failure)
		 : 0;
}

/* It is too long to be told from others, and a wildcard lets them be asked for. */
static int check_name(const struct policy *policy, const struct policy_name *name,
		      struct failure *failure)
{
	if (name_key_fits(name->text) || !policy_name_is_denied(policy, name) ||
	    name->own_count == name->rule_count)
		return 0;
	return refuse_rule(policy, name->rules[0],
			   "of a name below a wildcard at most 239 bytes are looked at", failure);
}

int policy_check_questions(const struct policy *policy, struct failure *failure)
{
	const struct policy_name *name;
	int r = 0;

	for (name = policy->wildcards; !r && name; name = name->hh.next)
		r = check_wildcard(policy, name, failure);
	for (name = policy->names; !r && name; name = name->hh.next)
		r = check_name(policy, name, failure);
	return r;
}

/* A group, some groups, or all there is. */
static bool is_multicast(const struct rule *rule)
{
	const char *special = address_special(&rule->prefix.address);

	if (rule->destination == DESTINATION_WORD)
		return rule->word == WORD_MULTICAST || rule->word == WORD_ANY;
	if (rule->destination != DESTINATION_PREFIX)
		return false;
	return prefix_bits_shown(&rule->prefix) == 0 || (special && !strcmp(special, "multicast"));
}

void policy_add_flags(struct policy *policy, const struct rule *rule)
{
	if (rule->verb != RULE_ALLOW)
		return;
	if (rule->protocols & RULE_ICMP)
		policy->target.flags |= CGF_TARGET_ICMP;
	if (is_multicast(rule) && rule->protocols & RULE_UDP)
		policy->target.flags |= CGF_TARGET_MULTICAST;
}

static size_t count_dns(const struct policy *policy)
{
	size_t i, count = 0;

	for (i = 0; i < policy->order_count; i++)
		count += policy->rules.rules[policy->order[i]].verb == RULE_DNS;
	return count;
}

int policy_check_limits(const struct policy *policy, struct failure *failure)
{
	if (count_dns(policy) > CGF_RESOLVERS_MAX) {
		failure_set(failure, 0, "more than %d resolvers", CGF_RESOLVERS_MAX);
		return -E2BIG;
	}
	if (entries_count(policy->listens) > CGF_LISTENS_MAX) {
		failure_set(failure, 0, "the listen rules come to more than %d blocks of ports",
			    CGF_LISTENS_MAX);
		return -E2BIG;
	}
	if (HASH_COUNT(policy->names) + HASH_COUNT(policy->wildcards) > CGF_NAMES_MAX ||
	    HASH_COUNT(policy->grants) > CGF_GRANTS_MAX) {
		failure_set(failure, 0, "the rules have more than %d names, or %d sets of ports",
			    CGF_NAMES_MAX, CGF_GRANTS_MAX);
		return -E2BIG;
	}
	if (entries_count(policy->allow) <= CGF_ENTRIES_MAX &&
	    entries_count(policy->prefixes) <= CGF_PREFIXES_MAX)
		return 0;
	failure_set(failure, 0, "the rules come to more than %d addresses or %d prefixes",
		    CGF_ENTRIES_MAX, CGF_PREFIXES_MAX);
	failure_hint(failure, "each counts for each protocol, and for each block of ports");
	return -E2BIG;
}

/* Of TCP or UDP: ICMP has none. */
static bool rule_covers_port(const struct rule *rule, uint16_t port)
{
	size_t i;

	if (!(rule->protocols & (RULE_TCP | RULE_UDP)))
		return false;
	for (i = 0; i < rule->port_count; i++)
		if (rule->ports[i].first <= port && port <= rule->ports[i].last)
			return true;
	return rule->port_count == 0;
}

/* Whether a rule says this address without a name. */
bool policy_rule_covers(const struct rule *rule, const struct address *address)
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
	const struct rule *rule;
	size_t i;

	for (i = 0; i < policy->order_count; i++) {
		rule = &policy->rules.rules[policy->order[i]];
		if (rule->verb == RULE_DENY && policy_rule_covers(rule, address) &&
		    rule_covers_port(rule, port))
			return policy->order[i];
	}
	return CGF_RULE_NONE;
}

static bool rule_has_port(const struct rule *rule, uint16_t protocol, uint16_t port)
{
	uint8_t wanted = protocol == IPPROTO_TCP   ? RULE_TCP
			 : protocol == IPPROTO_UDP ? RULE_UDP
						   : 0;
	size_t i;

	if (rule->verb != RULE_ALLOW || !(rule->protocols & wanted))
		return false;
	for (i = 0; i < rule->port_count; i++)
		if (port >= rule->ports[i].first && port <= rule->ports[i].last)
			return true;
	return !rule->port_count;
}

bool policy_name_has_port(const struct policy *policy, const struct policy_name *name,
			  uint16_t protocol, uint16_t port)
{
	size_t i;

	for (i = 0; i < name->own_count; i++)
		if (rule_has_port(&policy->rules.rules[name->rules[i]], protocol, port))
			return true;
	return false;
}

/*
 * Whether a rule means addresses inside, and not merely all there are: "allow any:443" does not say
 * that a name may lead to this machine's port 80.
 */
static bool is_inside(const struct rule *rule)
{
	struct address last = rule->prefix.address;
	unsigned int bit;

	if (rule->destination == DESTINATION_WORD)
		return rule->word != WORD_ANY;
	for (bit = rule->prefix.bits; bit < 128; bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return prefix_bits_shown(&rule->prefix) >= 4 && address_special(&rule->prefix.address) &&
	       address_special(&last);
}

/* To ping what is inside is not to mean that a name may open it. */
bool policy_allows_by_address(const struct policy *policy, const struct address *address)
{
	const struct rule *rule;
	size_t i;

	for (i = 0; i < policy->order_count; i++) {
		rule = &policy->rules.rules[policy->order[i]];
		if (rule->verb == RULE_ALLOW && rule->protocols != RULE_ICMP && is_inside(rule) &&
		    policy_rule_covers(rule, address))
			return true;
	}
	return false;
}
