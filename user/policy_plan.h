/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a text changes of the rules in force. Not for other modules. */
#ifndef CGFENCE_POLICY_PLAN_H
#define CGFENCE_POLICY_PLAN_H

#include "policy_internal.h"

struct policy_plan {
	uint32_t *numbers;   /* of the text's rules, in its order; CGF_RULE_NONE: it is new */
	bool *gone, *is_new; /* by number, with room for those that are new */
	size_t added, removed;
};

/* -ENOMEM. policy_plan_finish() in any case. */
int policy_plan_make(struct policy_plan *plan, const struct policy *policy,
		     const struct rules *wanted);
void policy_plan_finish(struct policy_plan *plan);

#endif
