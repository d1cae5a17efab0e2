// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What rules say beside each other: what covers what, and what cannot be kept. */
#include <errno.h>
#include <string.h>

#include "policy_internal.h"

static bool is_below(const char *name, const char *suffix)
{
	size_t length = strlen(name), suffix_length = strlen(suffix);

	return length > suffix_length && name[length - suffix_length - 1] == '.' &&
	       !strcmp(name + length - suffix_length, suffix);
}

/* Of the names that a denied wildcard denies, those that other rules have are known. */
static int deny_below(struct policy *policy, uint32_t rule)
{
	const struct rule *said = &policy->rules.rules[rule];
	struct policy_name *name;
	int r = 0;

	policy_add_port_mask(policy, said, true);
	for (name = policy->names; !r && name; name = name->hh.next)
		if (is_below(name->text, said->name))
			r = policy_name_hold_rule(name, rule);
	return r;
}

static bool is_loopback(const struct rule *rule)
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
	       !is_loopback(rule);
}

int policy_deny_wildcards(struct policy *policy, struct failure *failure)
{
	const struct rule *denied = NULL, *unnamed = NULL, *said;
	char text[2][CGF_LINE_BYTES_MAX];
	uint32_t i;
	int r = 0;

	for (i = 0; !r && (said = policy_rule(policy, i)); i++) {
		if (allows_unnamed(said))
			unnamed = said;
		if (said->verb != RULE_DENY || said->destination != DESTINATION_WILDCARD)
			continue;
		denied = said;
		r = deny_below(policy, i);
	}
	if (r || !denied || !unnamed)
		return r;
	if (rule_format(denied, text[0], sizeof(text[0])) < 0 ||
	    rule_format(unnamed, text[1], sizeof(text[1])) < 0)
		return -ENOSPC;
	failure_set(failure, 0, "the rule '%.200s' cannot be kept beside '%.200s'", text[0],
		    text[1]);
	failure_hint(failure, "this version does not see which names the command looks up");
	return -ENOTSUP;
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

	for (i = 0; i < policy->rules.count; i++)
		count += policy->rules.rules[i].verb == RULE_DNS;
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
	size_t i;

	for (i = 0; i < policy->rules.count; i++)
		if (policy->rules.rules[i].verb == RULE_ALLOW &&
		    policy->rules.rules[i].protocols != RULE_ICMP &&
		    is_inside(&policy->rules.rules[i]) &&
		    rule_covers_address(&policy->rules.rules[i], address))
			return true;
	return false;
}
