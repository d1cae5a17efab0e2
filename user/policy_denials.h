/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ports that rules deny to names, for what is found denied in a map. Not for other modules. */
#ifndef CGFENCE_POLICY_DENIALS_H
#define CGFENCE_POLICY_DENIALS_H

#include "policy_internal.h"

/* Zeroed, or found. */
struct policy_denials {
	uint8_t *nodes; /* owned; a tree of port blocks for each protocol */
	bool below;	/* there is a denied wildcard */
};

/* -ENOMEM */
int policy_denials_find(struct policy_denials *denials, const struct policy *policy);
/* Whether a rule denies one of the key's ports to names. */
bool policy_denials_meet(const struct policy_denials *denials, const struct cgf_prefix_key *key);
void policy_denials_finish(struct policy_denials *denials);

#endif
