// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "policy_internal.h"

struct policy_name *policy_name_find(struct policy_name *names, const char *text, size_t length)
{
	struct policy_name *name;

	HASH_FIND(hh, names, text, length, name);
	return name;
}

struct policy_name *policy_name_find_or_add(struct policy_name **names, const char *text)
{
	size_t length = strlen(text);
	struct policy_name *name = policy_name_find(*names, text, length);

	if (name)
		return name;
	name = calloc(1, sizeof(*name) + length + 1);
	if (!name)
		return NULL;
	memcpy(name->text, text, length);
	HASH_ADD_KEYPTR(hh, *names, name->text, length, name);
	if (!name->hh.tbl) {
		free(name);
		return NULL;
	}
	return name;
}

void policy_name_drop(struct policy *policy, struct policy_name *name)
{
	size_t i;

	for (i = 0; i < name->address_count; i++)
		policy_names_at_remove(policy, name, &name->addresses[i].address);
	if (name->grant)
		name->grant->users--;
	if (name->deny_grant)
		name->deny_grant->users--;
	free(name->rules);
	free(name->addresses);
	free(name);
}

void policy_name_free(struct policy *policy, struct policy_name **names, struct policy_name *name)
{
	HASH_DEL(*names, name);
	policy_name_drop(policy, name);
}

void policy_name_free_all(struct policy *policy, struct policy_name **names)
{
	struct policy_name *name, *next;

	HASH_ITER (hh, *names, name, next)
		policy_name_free(policy, names, name);
}

int policy_each_name(struct policy *policy, policy_name_fn call, void *data)
{
	struct policy_name *name;
	int r = 0;

	for (name = policy->names; !r && name; name = name->hh.next)
		if (!name->searched && !name->lost)
			r = call(name, name->text, data);
	return r;
}

bool policy_rule_is_of_several(const struct rule *rule)
{
	return rule->destination == DESTINATION_WILDCARD || !strchr(rule->name, '.');
}

/* What they give by that rule is given anew. */
static void others_undecided(struct policy *policy, const struct policy_name *but, uint32_t rule,
			     const struct address *address)
{
	const struct policy_names_at *at = policy_names_at(policy, address);
	uint32_t i;

	for (i = 0; at && i < at->count; i++)
		if (at->names[i] != but && policy_name_has_rule(at->names[i], rule))
			policy_name_undecided(policy, at->names[i]);
}

/*
 * Holds one address of a name for each of the name's rules, or lets go of it: what is allowed has
 * run out by then, and may be in use; what is denied may be another name's by the same rule. One
 * that is not asked for has it for its time.
 */
int policy_name_give_by_rule(struct policy *policy, const struct policy_name *name, uint32_t rule,
			     const struct name_address *address, enum gift_way way)
{
	const struct rule *said = &policy->rules.rules[rule];
	const bool denied = said->verb == RULE_DENY;
	const struct grant *grant = denied ? name->deny_grant : name->grant;
	const struct gift gift = {
		.rule = rule,
		.grant = grant ? grant->number : CGF_GRANT_NONE,
		.prefix = { .address = address->address, .bits = 128 },
		.whole = true,
		.way = way,
		.expires_ns = denied ? name_address_ends_ns(address) : address->expires_ns,
	};

	if (denied && (way == GIFT_RUN_OUT || way == GIFT_RELEASE) &&
	    policy_rule_is_of_several(said) &&
	    policy_names_share(policy, name, rule, &address->address))
		return 0;
	if (!denied && way == GIFT_RELEASE && address->allowed && policy_rule_is_of_several(said))
		others_undecided(policy, name, rule, &address->address);
	return denied || address->allowed ? policy_give(policy, &gift) : 0;
}

int policy_name_give(struct policy *policy, const struct policy_name *name,
		     const struct name_address *address, enum gift_way way)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < name->rule_count; i++)
		r = policy_name_give_by_rule(policy, name, name->rules[i], address, way);
	return r;
}

/* Beside its own a name has rules of wildcards, and these. */
static bool is_meant(const struct policy *policy, const struct policy_name *name, size_t i)
{
	return i >= name->own_count &&
	       policy->rules.rules[name->rules[i]].destination == DESTINATION_NAME;
}

void policy_name_release_meant(struct policy *policy, struct policy_name *name)
{
	size_t i, j, kept = 0;

	for (i = 0; i < name->rule_count; i++) {
		if (!is_meant(policy, name, i)) {
			name->rules[kept++] = name->rules[i];
			continue;
		}
		for (j = 0; j < name->address_count; j++)
			policy_name_give_by_rule(policy, name, name->rules[i], &name->addresses[j],
						 GIFT_RELEASE);
	}
	name->rule_count = kept;
	policy_name_undecided(policy, name);
}

int policy_name_give_all(struct policy *policy, const struct policy_name *name)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < name->address_count; i++)
		r = policy_name_give(policy, name, &name->addresses[i], GIFT_HOLD);
	return r;
}

/* What is denied stays. */
static void end_allowed(struct policy *policy, const struct policy_name *name,
			struct name_address *address)
{
	size_t i;

	for (i = 0; i < name->rule_count; i++)
		if (policy->rules.rules[name->rules[i]].verb == RULE_ALLOW)
			policy_name_give_by_rule(policy, name, name->rules[i], address,
						 GIFT_RUN_OUT);
	address->allowed = false;
	address->base_ns = address->expires_ns = 0;
}

/* Of the family that was asked for: an answer about one says nothing of the other. */
void policy_name_forget(struct policy *policy, struct policy_name *name, bool ipv6, uint64_t now_ns)
{
	size_t i = 0;

	while (i < name->address_count) {
		if (address_is_ipv4(&name->addresses[i].address) == ipv6) {
			i++;
			continue;
		}
		if (name_address_ends_ns(&name->addresses[i]) > now_ns) {
			if (name->addresses[i].allowed && name->addresses[i].expires_ns <= now_ns)
				end_allowed(policy, name, &name->addresses[i]);
			i++;
			continue;
		}
		policy_name_give(policy, name, &name->addresses[i], GIFT_RUN_OUT);
		policy_names_at_remove(policy, name, &name->addresses[i].address);
		name->addresses[i] = name->addresses[--name->address_count];
	}
}

void policy_name_leave(struct policy *policy, const struct policy_name *name)
{
	size_t i;

	for (i = 0; i < name->address_count; i++)
		policy_name_give(policy, name, &name->addresses[i], GIFT_LEAVE);
}

struct name_address *policy_name_find_address(const struct policy_name *name,
					      const struct address *address)
{
	size_t i;

	for (i = 0; i < name->address_count; i++)
		if (!memcmp(&name->addresses[i].address, address, sizeof(*address)))
			return &name->addresses[i];
	return NULL;
}

/* Most names have one or two addresses; a table of 10,000 names must not cost more. */
static int make_room(struct policy_name *name)
{
	size_t capacity = name->address_capacity ? 2 * name->address_capacity : 2;
	struct name_address *addresses;

	if (name->address_count < name->address_capacity)
		return 0;
	addresses = reallocarray(name->addresses, capacity, sizeof(*addresses));
	if (!addresses)
		return -ENOMEM;
	name->addresses = addresses;
	name->address_capacity = capacity;
	return 0;
}

struct name_address *policy_name_add_address(struct policy *policy, struct policy_name *name,
					     const struct address *address)
{
	struct name_address *added;

	if (make_room(name) || policy_names_at_add(policy, name, address))
		return NULL;
	added = &name->addresses[name->address_count++];
	*added = (struct name_address){ .address = *address };
	return added;
}

void policy_name_set_data(struct policy_name *name, void *data)
{
	name->data = data;
}

void *policy_name_data(const struct policy_name *name)
{
	return name->data;
}

const char *policy_name_text(const struct policy_name *name)
{
	return name->text;
}
