// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "policy_found.h"

#include <errno.h>
#include <string.h>

/* How many found ones a list has room for at first. */
#define CAPACITY_FIRST 64

int policy_founds_inherit(struct policy_founds *founds, uint32_t number, const struct grant *grant)
{
	struct policy_found_heir *heir;

	HASH_FIND(hh, founds->heirs, &number, sizeof(number), heir);
	if (heir) {
		if (heir->grant != grant)
			heir->grant = NULL;
		return 0;
	}
	heir = calloc(1, sizeof(*heir));
	if (!heir)
		return -ENOMEM;
	heir->number = number;
	heir->grant = grant;
	HASH_ADD(hh, founds->heirs, number, sizeof(heir->number), heir);
	if (heir->hh.tbl)
		return 0;
	free(heir);
	return -ENOMEM;
}

bool policy_founds_has_heir(const struct policy_founds *founds, uint32_t number)
{
	const struct policy_found_heir *heir;

	HASH_FIND(hh, founds->heirs, &number, sizeof(number), heir);
	return heir != NULL;
}

static const struct grant *find_grant(const struct policy *policy,
				      const struct policy_founds *founds, uint32_t number)
{
	const struct grant *grant = policy_grant_find(policy, number);
	const struct policy_found_heir *heir;

	if (grant)
		return grant;
	HASH_FIND(hh, founds->heirs, &number, sizeof(number), heir);
	return heir ? heir->grant : NULL;
}

int policy_founds_add(const struct policy *policy, struct policy_founds *founds, uint32_t number,
		      const struct policy_found *found)
{
	const struct grant *grant = find_grant(policy, founds, number);
	size_t capacity = founds->capacity ? 2 * founds->capacity : CAPACITY_FIRST;
	struct policy_found *list;

	if (!grant || !grant->users)
		return 0;
	if (founds->count == founds->capacity) {
		list = reallocarray(founds->list, capacity, sizeof(*list));
		if (!list)
			return -ENOMEM;
		founds->list = list;
		founds->capacity = capacity;
	}
	founds->list[founds->count] = *found;
	founds->list[founds->count++].grant = grant;
	return 0;
}

void policy_founds_finish(struct policy_founds *founds)
{
	struct policy_found_heir *heir, *next;

	HASH_ITER (hh, founds->heirs, heir, next) {
		HASH_DEL(founds->heirs, heir);
		free(heir);
	}
	free(founds->list);
}

/* By grant, then by address; of each address the longest time first. */
static int compare(const void *a, const void *b)
{
	const struct policy_found *first = a, *second = b;
	int r;

	if (first->grant->number != second->grant->number)
		return first->grant->number < second->grant->number ? -1 : 1;
	r = memcmp(&first->address, &second->address, sizeof(first->address));
	if (r)
		return r;
	return first->expires_ns > second->expires_ns ? -1 : first->expires_ns < second->expires_ns;
}

static struct policy_name *find_below(struct policy *policy, const char *domain)
{
	char text[CGF_NAME_BYTES_MAX + sizeof("*.")];
	struct policy_name *name;

	snprintf(text, sizeof(text), "*.%s", domain);
	name = policy_name_find(policy->learned, text, strlen(text));
	return name ? name : policy_learned_add(policy, text);
}

/* One that libc makes of the name in a domain, where other rules have something to say of it. */
static struct policy_name *find_searched(struct policy *policy, const struct grant *grant)
{
	struct policy_name *name;

	for (name = policy->names; name; name = name->hh.next)
		if (name->grant == grant || name->deny_grant == grant)
			return name;
	return NULL;
}

static struct policy_name *find_named(struct policy *policy, const char *text,
				      const struct grant *grant)
{
	struct policy_name *name = policy_name_find(policy->names, text, strlen(text));
	struct policy_name *searched = NULL;

	if (!name || (name->grant != grant && name->deny_grant != grant))
		searched = find_searched(policy, grant);
	return searched ? searched : name;
}

/* The name that the set is about is said by a rule of it; else it is below the longest wildcard. */
static struct policy_name *name_of(struct policy *policy, const struct grant *grant)
{
	const struct rule *nearest = policy_grant_nearest(policy, grant);

	if (nearest->destination == DESTINATION_NAME)
		return find_named(policy, nearest->name, grant);
	return find_below(policy, nearest->name);
}

static void set_times(struct name_address *address, const struct policy_found *found,
		      bool is_asked_for, uint64_t now_ns)
{
	const uint64_t grace_ns = POLICY_GRACE_S * NSEC_PER_SEC;
	uint64_t expires_ns = found->expires_ns;

	/* A file said it: it is read again soon. */
	if (expires_ns == CGF_NEVER_EXPIRES)
		expires_ns = now_ns + POLICY_FAILURE_GRACE_S * NSEC_PER_SEC;
	if (found->denied)
		expires_ns = is_asked_for ? now_ns : now_ns + CGF_TTL_CEILING_S * NSEC_PER_SEC;
	if (expires_ns <= address->expires_ns)
		return;
	address->expires_ns = expires_ns;
	address->base_ns = expires_ns > grace_ns ? expires_ns - grace_ns : 0;
}

/* Those from `known` on are of the same grant, and are no others twice. */
static int give_one(struct policy *policy, struct policy_name *name, size_t known,
		    const struct policy_found *found)
{
	struct name_address *address = NULL;
	size_t i;

	for (i = 0; !address && i < known; i++)
		if (!memcmp(&name->addresses[i].address, &found->address, sizeof(found->address)))
			address = &name->addresses[i];
	if (!address) {
		address = policy_name_add_address(policy, name, &found->address);
		if (!address)
			return -ENOMEM;
	}
	set_times(address, found, name->own_count, monotonic_ns());
	if (!found->denied)
		policy_name_judge(policy, name, address);
	return 0;
}

static bool same_address(const struct policy_found *a, const struct policy_found *b)
{
	return a->grant == b->grant && !memcmp(&a->address, &b->address, sizeof(a->address));
}

/* All of one grant; returns how many. */
static int give_some(struct policy *policy, const struct policy_founds *founds, size_t begin,
		     size_t *ret_end)
{
	const struct policy_found *list = founds->list;
	struct policy_name *name = name_of(policy, list[begin].grant);
	size_t i, known = name ? name->address_count : 0;
	int r = 0;

	for (i = begin; !r && i < founds->count && list[i].grant == list[begin].grant; i++)
		if (name && (i == begin || !same_address(&list[i], &list[i - 1])))
			r = give_one(policy, name, known, &list[i]);
	*ret_end = i;
	if (!r && name)
		r = policy_name_give_all(policy, name);
	return name ? r : -ENOMEM;
}

int policy_founds_give(struct policy *policy, struct policy_founds *founds)
{
	size_t i = 0;
	int r = 0;

	if (founds->count)
		qsort(founds->list, founds->count, sizeof(*founds->list), compare);
	while (!r && i < founds->count)
		r = give_some(policy, founds, i, &i);
	return r;
}
