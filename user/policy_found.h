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

struct policy_founds {
	struct policy_found *list; /* owned */
	size_t count, capacity;
};

/* Only if the grant lives. -ENOMEM. */
int policy_founds_add(const struct policy *policy, struct policy_founds *founds, uint32_t grant,
		      const struct policy_found *found);
/*
 * To the name that a rule of the grant says, or else to one that stands for all below the wildcard.
 * What is denied stays until the name's first answer, or for long where no name is asked for. The
 * list is sorted. -ENOMEM.
 */
int policy_founds_give(struct policy *policy, struct policy_founds *founds);
void policy_founds_finish(struct policy_founds *founds);

#endif
