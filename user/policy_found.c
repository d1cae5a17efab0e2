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

/* By grant, then by address. */
static int compare(const void *a, const void *b)
{
	const struct policy_found *first = a, *second = b;

	if (first->grant->number != second->grant->number)
		return first->grant->number < second->grant->number ? -1 : 1;
	return memcmp(&first->address, &second->address, sizeof(first->address));
}

/* --- to whom they are given ------------------------------------------------------------------ */

struct owner {
	uint32_t number;
	struct policy_name *name;
};

struct owners {
	struct owner *list; /* owned; by grant */
	size_t count;
};

static void owners_finish(struct owners *owners)
{
	free(owners->list);
}

static int compare_owners(const void *a, const void *b)
{
	const struct owner *first = a, *second = b;

	return first->number < second->number ? -1 : first->number > second->number;
}

static int find_owners(const struct policy *policy, struct owners *owners)
{
	struct policy_name *name;

	owners->list = calloc(2 * HASH_COUNT(policy->names) + 1, sizeof(*owners->list));
	if (!owners->list)
		return -ENOMEM;
	for (name = policy->names; name; name = name->hh.next) {
		if (name->grant)
			owners->list[owners->count++] = (struct owner){ name->grant->number, name };
		if (name->deny_grant && name->deny_grant != name->grant)
			owners->list[owners->count++] = (struct owner){ name->deny_grant->number,
									name };
	}
	qsort(owners->list, owners->count, sizeof(*owners->list), compare_owners);
	return 0;
}

static struct policy_name *find_below(struct policy *policy, const char *domain)
{
	char text[CGF_NAME_BYTES_MAX + sizeof("*.")];
	struct policy_name *name;

	snprintf(text, sizeof(text), "*.%s", domain);
	name = policy_name_find(policy->learned, text, strlen(text));
	return name ? name : policy_learned_add(policy, text);
}

/* --- what they are given --------------------------------------------------------------------- */

/* All that was found of one address, of one grant. */
struct finds {
	const struct policy_found *first;
	size_t count;
	uint64_t allowed_until_ns; /* 0: nothing of it is allowed */
	bool denied;
};

static bool same_address(const struct policy_found *a, const struct policy_found *b)
{
	return a->grant == b->grant && !memcmp(&a->address, &b->address, sizeof(a->address));
}

static struct finds next_finds(const struct policy_founds *founds, size_t begin, uint64_t now_ns)
{
	struct finds finds = { .first = &founds->list[begin] };
	const struct policy_found *found = finds.first;
	uint64_t until_ns;

	for (; begin < founds->count && same_address(finds.first, found); begin++, found++) {
		finds.count++;
		finds.denied |= found->denied;
		/* A file said it: it is read again soon. */
		until_ns = found->expires_ns == CGF_NEVER_EXPIRES
				   ? now_ns + POLICY_FAILURE_GRACE_S * NSEC_PER_SEC
				   : found->expires_ns;
		if (!found->denied && until_ns > finds.allowed_until_ns)
			finds.allowed_until_ns = until_ns;
	}
	return finds;
}

/*
 * When its TTL ends is not known, as a resolver that failed may have added to it. What one adds
 * from now on lasts no longer than if it ended now, however often there is a restart.
 */
static void allow_until(struct name_address *address, uint64_t until_ns)
{
	const uint64_t grace_ns = POLICY_GRACE_S * NSEC_PER_SEC, now_ns = monotonic_ns();

	if (until_ns <= address->expires_ns)
		return;
	address->expires_ns = until_ns;
	address->base_ns = until_ns > grace_ns ? until_ns - grace_ns : 0;
	if (address->base_ns > now_ns)
		address->base_ns = now_ns;
}

/* How long it was to be is not known: until an answer says so, or for long. */
static void deny_until(struct name_address *address, uint64_t until_ns)
{
	if (until_ns > address->denied_until_ns)
		address->denied_until_ns = until_ns;
}

static int compare_addresses(const void *a, const void *b)
{
	const struct name_address *first = a, *second = b;

	return memcmp(&first->address, &second->address, sizeof(first->address));
}

/* Those before `known` are in order, and those from there on are of the same grant: none twice. */
static struct name_address *find_or_add(struct policy *policy, struct policy_name *name,
					size_t known, const struct address *address)
{
	const struct name_address wanted = { .address = *address };
	struct name_address *there = NULL;

	if (known)
		there = bsearch(&wanted, name->addresses, known, sizeof(wanted), compare_addresses);
	return there ? there : policy_name_add_address(policy, name, address);
}

/* By a grant of denials, that of a name that was allowed, others may be denied it as well. */
static int give_one(struct policy *policy, struct policy_name *name, size_t known,
		    const struct finds *finds)
{
	struct name_address *address = find_or_add(policy, name, known, &finds->first->address);
	const uint64_t now_ns = monotonic_ns();
	const bool allows = finds->allowed_until_ns && name->grant == finds->first->grant;

	if (!address)
		return -ENOMEM;
	if (allows)
		allow_until(address, finds->allowed_until_ns);
	else
		deny_until(address, finds->allowed_until_ns);
	if (finds->denied)
		deny_until(address,
			   name->own_count ? now_ns : now_ns + CGF_TTL_CEILING_S * NSEC_PER_SEC);
	policy_name_judge(policy, name, address);
	return policy_name_give(policy, name, address, GIFT_HOLD);
}

static int give_to(struct policy *policy, struct policy_name *name,
		   const struct policy_founds *founds, size_t begin, size_t end)
{
	const uint64_t now_ns = monotonic_ns();
	size_t known = name ? name->address_count : 0;
	struct finds finds;
	int r = name ? 0 : -ENOMEM;

	if (known)
		qsort(name->addresses, known, sizeof(*name->addresses), compare_addresses);
	for (; !r && begin < end; begin += finds.count) {
		finds = next_finds(founds, begin, now_ns);
		r = give_one(policy, name, known, &finds);
	}
	return r;
}

/*
 * The names that the set is about are said by a rule of it: one, or those that libc makes of it in
 * domains as well. Else it is below the longest wildcard.
 */
static int give_some(struct policy *policy, const struct policy_founds *founds,
		     const struct owners *owners, size_t begin, size_t end)
{
	const struct grant *grant = founds->list[begin].grant;
	const struct rule *nearest = policy_grant_nearest(policy, grant);
	const struct owner first = { .number = grant->number };
	size_t i = lower_bound(&first, owners->list, owners->count, sizeof(first), compare_owners);
	int r = 0;

	if (nearest->destination == DESTINATION_WILDCARD)
		return give_to(policy, find_below(policy, nearest->name), founds, begin, end);
	for (; !r && i < owners->count && owners->list[i].number == grant->number; i++)
		r = give_to(policy, owners->list[i].name, founds, begin, end);
	return r;
}

int policy_founds_give(struct policy *policy, struct policy_founds *founds)
{
	_cleanup_(owners_finish) struct owners owners = {};
	size_t begin, end;
	int r = find_owners(policy, &owners);

	if (founds->count)
		qsort(founds->list, founds->count, sizeof(*founds->list), compare);
	for (begin = end = 0; !r && begin < founds->count; begin = end) {
		while (end < founds->count && founds->list[end].grant == founds->list[begin].grant)
			end++;
		r = give_some(policy, founds, &owners, begin, end);
	}
	return r;
}
