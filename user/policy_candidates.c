// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "policy_candidates.h"

#include <errno.h>
#include <string.h>

/* Each name once, and once for each domain above it. */
static size_t count_all(const struct policy_name *names)
{
	const struct policy_name *name;
	const char *dot;
	size_t count = 0;

	for (name = names; name; name = name->hh.next)
		for (count++, dot = strchr(name->text, '.'); dot; dot = strchr(dot + 1, '.'))
			count++;
	return count;
}

static void add(struct policy_candidates *candidates, uint64_t hash, const struct policy_name *name,
		bool own)
{
	candidates->list[candidates->count++] = (struct policy_candidate){ hash, name, own };
}

static void add_all(struct policy_candidates *candidates, const struct policy_name *names,
		    bool below)
{
	const struct policy_name *name;
	const char *dot;

	for (name = names; name; name = name->hh.next) {
		add(candidates, policy_name_hash(name->text, below), name, true);
		for (dot = strchr(name->text, '.'); dot; dot = strchr(dot + 1, '.'))
			add(candidates, policy_name_hash(dot + 1, true), name, false);
	}
}

static int compare(const void *a, const void *b)
{
	const struct policy_candidate *first = a, *second = b;

	return first->hash < second->hash ? -1 : first->hash > second->hash;
}

int policy_candidates_make(struct policy_candidates *candidates, const struct policy *policy)
{
	size_t count = count_all(policy->names) + count_all(policy->wildcards);

	candidates->list = calloc(count + 1, sizeof(*candidates->list));
	if (!candidates->list)
		return -ENOMEM;
	add_all(candidates, policy->names, false);
	add_all(candidates, policy->wildcards, true);
	qsort(candidates->list, count, sizeof(*candidates->list), compare);
	return 0;
}

void policy_candidates_finish(struct policy_candidates *candidates)
{
	free(TAKE_PTR(candidates->list));
	candidates->count = 0;
}

/* The first that has no lesser hash. */
static size_t find(const struct policy_candidates *candidates, uint64_t hash)
{
	size_t begin = 0, end = candidates->count, middle;

	while (begin < end) {
		middle = begin + (end - begin) / 2;
		if (candidates->list[middle].hash < hash)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

int policy_candidates_each(const struct policy_candidates *candidates, uint64_t hash,
			   policy_candidate_fn call, void *data)
{
	size_t i;
	int r = 0;

	for (i = find(candidates, hash); !r && i < candidates->count; i++) {
		if (candidates->list[i].hash != hash)
			break;
		r = call(&candidates->list[i], data);
	}
	return r;
}
