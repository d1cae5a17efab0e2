// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "policy_heirs.h"

#include <errno.h>
#include <string.h>

#define OLD_FIRST 64
#define GIVEN_MAX (1024 * 1024)

int policy_heirs_add(struct policy_heirs *heirs, uint32_t number, uint64_t name_hash)
{
	size_t capacity = heirs->old_capacity ? 2 * heirs->old_capacity : OLD_FIRST;
	struct policy_old_grant *old;

	if (heirs->old_count == heirs->old_capacity) {
		old = reallocarray(heirs->old, capacity, sizeof(*old));
		if (!old)
			return -ENOMEM;
		heirs->old = old;
		heirs->old_capacity = capacity;
	}
	heirs->old[heirs->old_count++] = (struct policy_old_grant){
		.name_hash = name_hash,
		.number = number,
	};
	return 0;
}

void policy_heirs_finish(struct policy_heirs *heirs)
{
	free(TAKE_PTR(heirs->old));
	free(TAKE_PTR(heirs->candidates));
}

static int compare_numbers(const void *a, const void *b)
{
	const struct policy_old_grant *first = a, *second = b;

	return first->number < second->number ? -1 : first->number > second->number;
}

static struct policy_old_grant *find_old(const struct policy_heirs *heirs, uint32_t number)
{
	const struct policy_old_grant wanted = { .number = number };

	return heirs->old_count ? bsearch(&wanted, heirs->old, heirs->old_count, sizeof(wanted),
					  compare_numbers)
				: NULL;
}

void policy_heirs_sort(struct policy_heirs *heirs)
{
	if (heirs->old_count)
		qsort(heirs->old, heirs->old_count, sizeof(*heirs->old), compare_numbers);
}

void policy_heirs_use(struct policy_heirs *heirs, uint32_t number)
{
	struct policy_old_grant *old = find_old(heirs, number);

	if (old)
		old->users++;
}

bool policy_heirs_had_one_user(const struct policy_heirs *heirs, uint32_t number)
{
	const struct policy_old_grant *old = find_old(heirs, number);

	return old && old->users == 1;
}

/* --- candidates ------------------------------------------------------------------------------ */

/* Each name once, and once for each domain above it, and for what libc makes it of in the first. */
static size_t count_all(const struct policy_name *names)
{
	const struct policy_name *name;
	const char *dot;
	size_t count = 0;

	for (name = names; name; name = name->hh.next) {
		dot = strchr(name->text, '.');
		for (count += dot ? 2 : 1; dot; dot = strchr(dot + 1, '.'))
			count++;
	}
	return count;
}

static void add_candidate(struct policy_heirs *heirs, struct policy_candidate candidate)
{
	heirs->candidates[heirs->candidate_count++] = candidate;
}

static uint64_t hash_label(const char *text)
{
	char label[CGF_NAME_BYTES_MAX + 1];

	snprintf(label, sizeof(label), "%.*s", (int)strcspn(text, "."), text);
	return policy_name_hash(label, false);
}

static void add_all(struct policy_heirs *heirs, struct policy_name *names, bool below)
{
	struct policy_candidate candidate = { .below = below };
	const char *dot;

	for (candidate.name = names; candidate.name; candidate.name = candidate.name->hh.next) {
		candidate.name->was_named = false;
		candidate.own = true;
		candidate.hash = policy_name_hash(candidate.name->text, below);
		add_candidate(heirs, candidate);
		candidate.own = false;
		dot = strchr(candidate.name->text, '.');
		candidate.hash = hash_label(candidate.name->text);
		if (dot && !below)
			add_candidate(heirs, candidate);
		for (; dot; dot = strchr(dot + 1, '.')) {
			candidate.hash = policy_name_hash(dot + 1, true);
			add_candidate(heirs, candidate);
		}
	}
}

static int compare_hashes(const void *a, const void *b)
{
	const struct policy_candidate *first = a, *second = b;

	return first->hash < second->hash ? -1 : first->hash > second->hash;
}

static int make_candidates(struct policy_heirs *heirs)
{
	struct policy *policy = heirs->policy;
	size_t count = count_all(policy->names) + count_all(policy->wildcards);

	heirs->candidates = calloc(count + 1, sizeof(*heirs->candidates));
	if (!heirs->candidates)
		return -ENOMEM;
	add_all(heirs, policy->names, false);
	add_all(heirs, policy->wildcards, true);
	qsort(heirs->candidates, heirs->candidate_count, sizeof(*heirs->candidates),
	      compare_hashes);
	return 0;
}

/* The first that has no lesser hash. */
static const struct policy_candidate *first_of(const struct policy_heirs *heirs, uint64_t hash)
{
	const struct policy_candidate wanted = { .hash = hash };

	return heirs->candidates + lower_bound(&wanted, heirs->candidates, heirs->candidate_count,
					       sizeof(wanted), compare_hashes);
}

static bool is_of(const struct policy_heirs *heirs, const struct policy_candidate *candidate,
		  uint64_t hash)
{
	return candidate < heirs->candidates + heirs->candidate_count && candidate->hash == hash;
}

/* --- heirs ----------------------------------------------------------------------------------- */

/* Where no rule allows the name any more its addresses are what is denied. */
static int find_heir(struct policy_heirs *heirs, const struct policy_old_grant *old)
{
	const struct policy_candidate *candidate = first_of(heirs, old->name_hash);
	const struct grant *grant;
	int r = 0;

	for (; !r && is_of(heirs, candidate, old->name_hash); candidate++) {
		grant = candidate->name->grant ? candidate->name->grant
					       : candidate->name->deny_grant;
		if (!candidate->own)
			continue;
		candidate->name->was_named = true;
		if (grant && !policy_founds_has_heir(heirs->founds, old->number))
			r = policy_founds_inherit(heirs->founds, old->number, grant);
	}
	return r;
}

int policy_heirs_find(struct policy_heirs *heirs)
{
	size_t i;
	int r;

	r = make_candidates(heirs);
	for (i = 0; !r && i < heirs->old_count; i++)
		r = find_heir(heirs, &heirs->old[i]);
	return r;
}

/* --- what may be denied ---------------------------------------------------------------------- */

/* Many names have the same. */
static int give(struct policy_heirs *heirs, struct grant *denial, const struct policy_found *found)
{
	const struct policy_found denied = { .address = found->address, .denied = true };

	if (!denial || denial->round == heirs->round)
		return 0;
	denial->round = heirs->round;
	if (heirs->given++ == GIVEN_MAX)
		return -E2BIG;
	return policy_founds_add(heirs->policy, heirs->founds, denial->number, &denied);
}

/* One that had a name of its own has what was its own. */
int policy_heirs_allowed(struct policy_heirs *heirs, uint32_t number,
			 const struct policy_found *found)
{
	const struct policy_old_grant *old = find_old(heirs, number);
	const struct policy_candidate *candidate;
	int r = 0;

	if (!old)
		return 0;
	heirs->round++;
	candidate = first_of(heirs, old->name_hash);
	for (; !r && is_of(heirs, candidate, old->name_hash); candidate++)
		if (!candidate->own && !candidate->name->was_named)
			r = give(heirs, candidate->name->deny_grant, found);
	return r;
}

static const struct policy_candidate *find_own(const struct policy_heirs *heirs, uint64_t hash)
{
	const struct policy_candidate *candidate = first_of(heirs, hash);

	for (; is_of(heirs, candidate, hash); candidate++)
		if (candidate->own)
			return candidate;
	return NULL;
}

/* One below the wildcard, or of what libc makes of the name without a dot. */
static bool may_be_anothers(const struct policy_heirs *heirs, const struct policy_old_grant *old)
{
	const struct policy_candidate *candidate = first_of(heirs, old->name_hash);

	for (; is_of(heirs, candidate, old->name_hash); candidate++)
		if (!candidate->own && candidate->name->deny_grant)
			return true;
	return false;
}

/*
 * What no rule says any more a wildcard above it may; and so it may of one that libc makes of a
 * name without a dot, by a grant of the rules of both.
 */
static enum policy_whose find_whose(const struct policy_heirs *heirs,
				    const struct policy_old_grant *old)
{
	const struct policy_candidate *own = find_own(heirs, old->name_hash);

	if (may_be_anothers(heirs, old))
		return POLICY_WHOSE_UNKNOWN;
	return own && (own->below || strchr(own->name->text, '.')) ? POLICY_WHOSE_KNOWN
								   : POLICY_WHOSE_BELOW;
}

/*
 * By a set that is there still, of a name without a dot, it was denied too to what libc makes of
 * that, which may have another set now.
 */
static bool was_of_another_set(const struct policy_heirs *heirs, const struct grant *grant)
{
	const struct rule *nearest = policy_grant_nearest(heirs->policy, grant);
	const struct policy_candidate *candidate;
	uint64_t hash;

	if (nearest->destination == DESTINATION_WILDCARD || strchr(nearest->name, '.'))
		return false;
	hash = policy_name_hash(nearest->name, false);
	for (candidate = first_of(heirs, hash); is_of(heirs, candidate, hash); candidate++)
		if (!candidate->own && candidate->name->deny_grant &&
		    !candidate->name->deny_grant->in_map &&
		    policy_name_has_rule(candidate->name, grant->rules[0]))
			return true;
	return false;
}

int policy_heirs_denied(struct policy_heirs *heirs, uint32_t number,
			const struct policy_found *found, enum policy_whose *ret_whose)
{
	struct policy_old_grant *old = find_old(heirs, number);
	const struct policy_candidate *own = old ? find_own(heirs, old->name_hash) : NULL;
	const struct grant *grant = policy_grant_find(heirs->policy, number);

	*ret_whose = POLICY_WHOSE_KNOWN;
	if (grant && grant->users) {
		if (was_of_another_set(heirs, grant))
			*ret_whose = POLICY_WHOSE_UNKNOWN;
		return policy_founds_add(heirs->policy, heirs->founds, number, found);
	}
	if (old && !old->is_decided)
		old->whose = find_whose(heirs, old);
	if (old)
		old->is_decided = true;
	*ret_whose = old ? old->whose : POLICY_WHOSE_UNKNOWN;
	if (!own || !own->name->deny_grant)
		return 0;
	return policy_founds_add(heirs->policy, heirs->founds, own->name->deny_grant->number,
				 found);
}
