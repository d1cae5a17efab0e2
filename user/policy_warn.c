// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What rules say that whoever wrote them may not have meant. */
#include "policy_internal.h"

/* Of rules that allow nothing; the rest is counted. */
#define TOLD_MAX 16

struct warnings {
	void (*warning)(const char *text, void *data);
	void *data;
	size_t count;
};

/* Port 53 by itself: whoever is there can be asked, and for any name. */
static bool names_dns(const struct rule *rule)
{
	size_t i;

	for (i = 0; i < rule->port_count; i++)
		if (rule->ports[i].first == CGF_DNS_PORT && rule->ports[i].last == CGF_DNS_PORT)
			return true;
	return false;
}

bool policy_allows_dns(const struct policy *policy, const struct address *address)
{
	const struct rule *rule;
	size_t i;

	for (i = 0; i < policy->order_count; i++) {
		rule = &policy->rules.rules[policy->order[i]];
		if (rule->verb == RULE_ALLOW && names_dns(rule) &&
		    policy_rule_covers(rule, address))
			return true;
	}
	return false;
}

/* Rules that lead away from this host, and none by which a name could be looked up. */
static bool looks_nothing_up(const struct policy *policy)
{
	const struct rule *rule;
	bool leads_away = false;
	size_t i;

	for (i = 0; i < policy->order_count; i++) {
		rule = &policy->rules.rules[policy->order[i]];
		if (rule->verb != RULE_ALLOW)
			continue;
		if (rule->destination == DESTINATION_NAME ||
		    rule->destination == DESTINATION_WILDCARD || names_dns(rule))
			return false;
		leads_away |= !policy_rule_is_loopback(rule);
	}
	return leads_away;
}

static const struct rule *first_rule(const struct policy *policy, const struct policy_name *name,
				     size_t count, enum rule_verb verb)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (policy->rules.rules[name->rules[i]].verb == verb)
			return &policy->rules.rules[name->rules[i]];
	return NULL;
}

static void warn_of_rule(const struct rule *allow, const struct rule *deny,
			 struct warnings *warnings)
{
	char text[2 * CGF_LINE_BYTES_MAX + 64], said[2][CGF_LINE_BYTES_MAX];

	if (rule_format(allow, said[0], sizeof(said[0])) < 0 ||
	    rule_format(deny, said[1], sizeof(said[1])) < 0)
		return;
	snprintf(text, sizeof(text), "the rule '%s' allows nothing: '%s' wins", said[0], said[1]);
	warnings->warning(text, warnings->data);
}

/* A name of which deny rules leave no port is not even asked for. */
static void warn_of_name(const struct policy *policy, const struct policy_name *name,
			 struct warnings *warnings)
{
	struct cgf_port_block blocks[CGF_GRANT_BLOCKS_MAX];
	const struct rule *allow = first_rule(policy, name, name->own_count, RULE_ALLOW);
	const struct rule *deny = first_rule(policy, name, name->rule_count, RULE_DENY);
	size_t count;

	if (!allow || !deny ||
	    policy_grant_blocks(policy, name->rules, name->rule_count, blocks, &count) || count)
		return;
	if (warnings->count++ < TOLD_MAX)
		warn_of_rule(allow, deny, warnings);
}

void policy_each_warning(const struct policy *policy, bool any_question,
			 void (*warning)(const char *text, void *data), void *data)
{
	struct warnings warnings = { .warning = warning, .data = data };
	const struct policy_name *name;
	char text[64];

	if (!any_question && policy->target.mode == CGF_MODE_ENFORCE && looks_nothing_up(policy))
		warning("no rule has a name, so none can be looked up: allow the names too", data);
	for (name = policy->wildcards; name; name = name->hh.next)
		warn_of_name(policy, name, &warnings);
	for (name = policy->names; name; name = name->hh.next)
		warn_of_name(policy, name, &warnings);
	if (warnings.count <= TOLD_MAX)
		return;
	snprintf(text, sizeof(text), "%zu more rules allow nothing", warnings.count - TOLD_MAX);
	warning(text, data);
}
