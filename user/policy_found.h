/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses that names have in the maps, known by grant and not by name. Not for other modules.
 */
#ifndef CGFENCE_POLICY_FOUND_H
#define CGFENCE_POLICY_FOUND_H

#include "policy_internal.h"

struct policy_found {
	const struct grant *grant;
	struct address address;
	uint64_t expires_ns;
	bool denied; /* it is a deny prefix's */
};

/* A grant that is no more, and the one that its name has now. */
struct policy_found_heir {
	UT_hash_handle hh;
	uint32_t number;
	const struct grant *grant; /* NULL: several names had it, and they have different ones */
};

struct policy_founds {
	struct policy_found *list; /* owned */
	size_t count, capacity;
	struct policy_found_heir *heirs; /* owned, by number */
};

/*
 * The name had grant `number` and has `grant` now, as its rules have changed: its addresses are its
 * addresses still. -ENOMEM.
 */
int policy_founds_inherit(struct policy_founds *founds, uint32_t number, const struct grant *grant);
bool policy_founds_has_heir(const struct policy_founds *founds, uint32_t number);
/* Only if the grant lives, or has an heir. -ENOMEM. */
int policy_founds_add(const struct policy *policy, struct policy_founds *founds, uint32_t grant,
		      const struct policy_found *found);
/*
 * To all names that have the grant and that its rules say, or else to one that stands for all below
 * the wildcard. What is denied stays until the name's first answer, or for long where no name is
 * asked for; both at least as long as it was allowed. The list is sorted. -ENOMEM.
 */
int policy_founds_give(struct policy *policy, struct policy_founds *founds);
void policy_founds_finish(struct policy_founds *founds);

#endif
