// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which names have an address. */
#include <errno.h>
#include <string.h>

#include "policy_internal.h"

static struct policy_names_at *find(const struct policy *policy, const struct address *address)
{
	struct policy_names_at *at;

	HASH_FIND(hh, policy->names_at, address, sizeof(*address), at);
	return at;
}

static struct policy_names_at *find_or_add(struct policy *policy, const struct address *address)
{
	struct policy_names_at *at = find(policy, address);

	if (at)
		return at;
	at = calloc(1, sizeof(*at));
	if (!at)
		return NULL;
	at->address = *address;
	HASH_ADD(hh, policy->names_at, address, sizeof(at->address), at);
	if (at->hh.tbl)
		return at;
	free(at);
	return NULL;
}

static void drop(struct policy *policy, struct policy_names_at *at)
{
	HASH_DEL(policy->names_at, at);
	free(at->names);
	free(at);
}

int policy_names_at_add(struct policy *policy, struct policy_name *name,
			const struct address *address)
{
	struct policy_names_at *at = find_or_add(policy, address);
	uint32_t capacity = at && at->capacity ? 2 * at->capacity : 1;
	struct policy_name **names;

	if (!at)
		return -ENOMEM;
	if (at->count == at->capacity) {
		names = reallocarray(at->names, capacity, sizeof(struct policy_name *));
		if (!names && !at->count)
			drop(policy, at);
		if (!names)
			return -ENOMEM;
		at->names = names;
		at->capacity = capacity;
	}
	at->names[at->count++] = name;
	return 0;
}

void policy_names_at_remove(struct policy *policy, const struct policy_name *name,
			    const struct address *address)
{
	struct policy_names_at *at = find(policy, address);
	uint32_t i;

	for (i = 0; at && i < at->count; i++) {
		if (at->names[i] != name)
			continue;
		at->names[i] = at->names[--at->count];
		break;
	}
	if (at && !at->count)
		drop(policy, at);
}

const struct policy_names_at *policy_names_at(const struct policy *policy,
					      const struct address *address)
{
	return find(policy, address);
}

/* Rather one that a rule says than one below a wildcard. */
const char *policy_name_of(const struct policy *policy, const struct address *address)
{
	const struct policy_names_at *at = find(policy, address);
	uint32_t i;

	for (i = 0; at && i < at->count; i++)
		if (at->names[i]->own_count)
			return at->names[i]->text;
	return at ? at->names[0]->text : NULL;
}

bool policy_name_has_rule(const struct policy_name *name, uint32_t rule)
{
	size_t i;

	for (i = 0; i < name->rule_count; i++)
		if (name->rules[i] == rule)
			return true;
	return false;
}

bool policy_names_share(const struct policy *policy, const struct policy_name *but, uint32_t rule,
			const struct address *address)
{
	const struct policy_names_at *at = find(policy, address);
	uint32_t i;

	for (i = 0; at && i < at->count; i++)
		if (at->names[i] != but && policy_name_has_rule(at->names[i], rule))
			return true;
	return false;
}
