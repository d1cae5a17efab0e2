/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Grants of rules that are no more, and the names that may have what was theirs. Such a grant tells
 * the name that it was about, or the wildcard, by a hash: see struct cgf_grant. Not for other
 * modules.
 */
#ifndef CGFENCE_POLICY_HEIRS_H
#define CGFENCE_POLICY_HEIRS_H

#include "policy_found.h"

/*
 * A name or a wildcard, by its own hash or by that of a wildcard above it; or by that of the name
 * without a dot of which libc makes it in a domain.
 */
struct policy_candidate {
	uint64_t hash;
	struct policy_name *name;
	bool own, below; /* below: it is a wildcard */
};

enum policy_whose {
	POLICY_WHOSE_KNOWN,
	POLICY_WHOSE_BELOW, /* maybe of a name that no rule says, below a wildcard */
	POLICY_WHOSE_UNKNOWN
};

struct policy_old_grant {
	uint64_t name_hash;
	uint32_t number;
	uint32_t users;		 /* names and wildcards in the map */
	enum policy_whose whose; /* what was denied by it; once it is decided */
	bool is_decided;
};

/* Zeroed, or with what was added. */
struct policy_heirs {
	struct policy *policy;
	struct policy_founds *founds;
	struct policy_old_grant *old; /* owned; by number, once they are sorted */
	size_t old_count, old_capacity;
	struct policy_candidate *candidates; /* owned; by hash */
	size_t candidate_count;
	uint64_t round; /* see struct grant */
	size_t given;
};

/* A grant that no set of rules makes. -ENOMEM. */
int policy_heirs_add(struct policy_heirs *heirs, uint32_t number, uint64_t name_hash);
/* All are added. */
void policy_heirs_sort(struct policy_heirs *heirs);
/* A name or a wildcard had grant `number`; whether it was the only one, and the grant is no more.
 */
void policy_heirs_use(struct policy_heirs *heirs, uint32_t number);
bool policy_heirs_had_one_user(const struct policy_heirs *heirs, uint32_t number);
/* Of all that were added, unless the founds know one. -ENOMEM. */
int policy_heirs_find(struct policy_heirs *heirs);
/*
 * Beside the heir of grant `number`, that may be denied what it allowed: those below the wildcard.
 * -ENOMEM; -E2BIG: too many may be, and nothing is to be changed.
 */
int policy_heirs_allowed(struct policy_heirs *heirs, uint32_t number,
			 const struct policy_found *found);
/* To the name that grant `number` denied it to, whose rules may be others now. -ENOMEM. */
int policy_heirs_denied(struct policy_heirs *heirs, uint32_t number,
			const struct policy_found *found, enum policy_whose *ret_whose);
void policy_heirs_finish(struct policy_heirs *heirs);

#endif
