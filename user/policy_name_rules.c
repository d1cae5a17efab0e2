// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which rules apply to a name: its own, and those of the wildcards above it, the nearest first. */
#include <errno.h>
#include <string.h>

#include "policy_internal.h"

void policy_name_undecided(struct policy *policy, struct policy_name *name)
{
	name->undecided = true;
	policy->questions_changed = true;
}

static bool has_rule(const struct policy *policy, const struct policy_name *name, size_t count,
		     enum rule_verb verb)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (policy->rules.rules[name->rules[i]].verb == verb)
			return true;
	return false;
}

bool policy_name_has(const struct policy *policy, const struct policy_name *name,
		     enum rule_verb verb)
{
	return has_rule(policy, name, name->rule_count, verb);
}

bool policy_name_is_allowed(const struct policy *policy, const struct policy_name *name)
{
	return has_rule(policy, name, name->own_count ? name->own_count : name->rule_count,
			RULE_ALLOW);
}

bool policy_name_is_denied(const struct policy *policy, const struct policy_name *name)
{
	return policy_name_has(policy, name, RULE_DENY);
}

/* Those from `at` on move up. */
static int insert_rules(struct policy_name *name, size_t at, const uint32_t *added, size_t count)
{
	uint32_t *rules;

	if (!count)
		return 0;
	rules = reallocarray(name->rules, name->rule_count + count, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	memmove(rules + at + count, rules + at, (name->rule_count - at) * sizeof(*rules));
	memcpy(rules + at, added, count * sizeof(*rules));
	name->rules = rules;
	name->rule_count += count;
	return 0;
}

int policy_name_append_rules(struct policy_name *name, const uint32_t *added, size_t count)
{
	return insert_rules(name, name->rule_count, added, count);
}

/* After those of wildcards that are nearer, or as near. */
static int inherit_rule(const struct policy *policy, struct policy_name *name, uint32_t rule)
{
	size_t length = strlen(policy->rules.rules[rule].name), i = name->own_count;

	while (i < name->rule_count && strlen(policy->rules.rules[name->rules[i]].name) >= length)
		i++;
	return insert_rules(name, i, &rule, 1);
}

static bool is_below(const char *text, const char *domain)
{
	size_t length = strlen(text), domain_length = strlen(domain);

	return length > domain_length && text[length - domain_length - 1] == '.' &&
	       !strcmp(text + length - domain_length, domain);
}

static int inherit_below(struct policy *policy, struct policy_name *names, uint32_t rule)
{
	struct policy_name *name;
	int r = 0;

	for (name = names; !r && name; name = name->hh.next) {
		if (!is_below(name->text, policy->rules.rules[rule].name))
			continue;
		r = inherit_rule(policy, name, rule);
		policy_name_undecided(policy, name);
	}
	return r;
}

int policy_name_inherit(const struct policy *policy, struct policy_name *name)
{
	const char *dot = policy->wildcards ? strchr(name->text, '.') : NULL;
	const struct policy_name *above;
	int r = 0;

	for (; !r && dot; dot = strchr(dot + 1, '.')) {
		above = policy_name_find(policy->wildcards, dot + 1, strlen(dot + 1));
		if (above)
			r = policy_name_append_rules(name, above->rules, above->own_count);
	}
	return r;
}

struct policy_name *policy_name_promote(struct policy *policy, const char *text)
{
	size_t length = strlen(text);
	struct policy_name *name = policy_name_find(policy->learned, text, length);

	if (!name)
		return NULL;
	HASH_DEL(policy->learned, name);
	HASH_ADD_KEYPTR(hh, policy->names, name->text, length, name);
	if (name->hh.tbl)
		return name;
	policy_name_leave(policy, name);
	policy_name_drop(policy, name);
	return NULL;
}

static struct policy_name *find_or_add(struct policy *policy, const struct rule *said)
{
	bool below = said->destination == DESTINATION_WILDCARD;
	struct policy_name **names = below ? &policy->wildcards : &policy->names;
	struct policy_name *name = policy_name_find(*names, said->name, strlen(said->name));

	if (!name && policy->live && !below)
		name = policy_name_promote(policy, said->name);
	if (name)
		return name;
	name = policy_name_find_or_add(names, said->name);
	if (name && policy->live && policy_name_inherit(policy, name)) {
		policy_name_free(policy, names, name);
		return NULL;
	}
	return name;
}

/* It is asked for from now on: what was kept denied as nobody did is until an answer. */
static void deny_until_answer(struct policy_name *name)
{
	const uint64_t now_ns = monotonic_ns();
	size_t i;

	for (i = 0; i < name->address_count; i++)
		if (name->addresses[i].denied_until_ns > now_ns)
			name->addresses[i].denied_until_ns = now_ns;
}

int policy_name_add_rule(struct policy *policy, uint32_t rule)
{
	const struct rule *said = &policy->rules.rules[rule];
	struct policy_name *name = find_or_add(policy, said);
	int r = name ? insert_rules(name, name->own_count, &rule, 1) : -ENOMEM;

	if (r)
		return r;
	if (!name->own_count++)
		deny_until_answer(name);
	name->searched = name->lost = false;
	policy_name_undecided(policy, name);
	if (!policy->live)
		return 0;
	if (said->destination == DESTINATION_NAME)
		return policy_name_search(policy, name) == -ENOMEM ? -ENOMEM : 0;
	r = inherit_below(policy, policy->wildcards, rule);
	if (!r)
		r = inherit_below(policy, policy->names, rule);
	return r ? r : inherit_below(policy, policy->learned, rule);
}

static void release_rules(struct policy *policy, struct policy_name *names, const bool *gone)
{
	struct policy_name *name;
	size_t i, kept, own;

	for (name = names; name; name = name->hh.next) {
		own = name->own_count;
		for (i = kept = 0; i < name->rule_count; i++) {
			if (!gone[name->rules[i]])
				name->rules[kept++] = name->rules[i];
			else if (i < own)
				name->own_count--;
		}
		if (kept == name->rule_count)
			continue;
		name->rule_count = kept;
		policy_name_undecided(policy, name);
	}
}

void policy_name_release_rules(struct policy *policy, const bool *gone)
{
	release_rules(policy, policy->names, gone);
	release_rules(policy, policy->wildcards, gone);
	release_rules(policy, policy->learned, gone);
	policy->questions_changed = true;
}
