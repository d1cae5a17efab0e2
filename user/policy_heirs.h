/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Grants of rules that are no more, and the names that may have what was theirs. Such a grant tells
 * the name that it was about, or the wildcard, by a hash: see struct cgf_grant. Not for other
 * modules.
 */
#ifndef CGFENCE_POLICY_HEIRS_H
#define CGFENCE_POLICY_HEIRS_H

#include "policy_found.h"

/* A name or a wildcard, by its own hash or by that of a wildcard above it. */
struct policy_candidate {
	uint64_t hash;
	struct policy_name *name;
	bool own;
};

struct policy_old_grant {
	uint64_t name_hash;
	uint32_t number;
};

/* Zeroed, or with what was added. */
struct policy_heirs {
	struct policy *policy;
	struct policy_founds *founds;
	struct policy_old_grant *old; /* owned; by number, once they are found */
	size_t old_count, old_capacity;
	bool denied;			     /* one of them may have denied */
	struct policy_candidate *candidates; /* owned; by hash */
	size_t candidate_count;
	uint64_t round; /* see struct grant */
	size_t given;
};

/* A grant that no set of rules makes. -ENOMEM. */
int policy_heirs_add(struct policy_heirs *heirs, uint32_t number, uint64_t name_hash);
/* Of all that were added, unless the founds know one. -ENOMEM. */
int policy_heirs_find(struct policy_heirs *heirs);
/*
 * Beside the heir of grant `number`, that may be denied what it allowed: those below the wildcard.
 * -ENOMEM; -E2BIG: too many may be, and nothing is to be changed.
 */
int policy_heirs_allowed(struct policy_heirs *heirs, uint32_t number,
			 const struct policy_found *found);
enum policy_whose {
	POLICY_WHOSE_KNOWN,
	POLICY_WHOSE_GONE, /* no rule says that name or wildcard; one may say a wildcard above it */
	POLICY_WHOSE_UNKNOWN
};
/* To the name that grant `number` denied it to, whose rules may be others now. -ENOMEM. */
int policy_heirs_denied(struct policy_heirs *heirs, uint32_t number,
			const struct policy_found *found, enum policy_whose *ret_whose);
void policy_heirs_finish(struct policy_heirs *heirs);

#endif
