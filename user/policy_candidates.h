/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names and wildcards that a grant of other rules may have been of, by the hash of the name that it
 * was about: see struct cgf_grant. Not for other modules.
 */
#ifndef CGFENCE_POLICY_CANDIDATES_H
#define CGFENCE_POLICY_CANDIDATES_H

#include "policy_internal.h"

struct policy_candidate {
	uint64_t hash;
	const struct policy_name *name;
	bool own; /* the hash is its own, and not that of a wildcard above it */
};

/* Zeroed, or made. */
struct policy_candidates {
	struct policy_candidate *list; /* owned, by hash */
	size_t count;
};

/* Of all that rules of the policy name. -ENOMEM. */
int policy_candidates_make(struct policy_candidates *candidates, const struct policy *policy);
void policy_candidates_finish(struct policy_candidates *candidates);

/* A result other than 0 ends it, and is returned. */
typedef int (*policy_candidate_fn)(const struct policy_candidate *candidate, void *data);
int policy_candidates_each(const struct policy_candidates *candidates, uint64_t hash,
			   policy_candidate_fn call, void *data);

#endif
