// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What becomes of names when the rules are others. */
#include <string.h>

#include "policy_internal.h"

/* --- addresses that a name alone does not allow ---------------------------------------------- */

static void judge(struct policy *policy, struct policy_name *names, bool undecided_only)
{
	struct policy_name *name;
	struct name_address *address;
	size_t i;

	for (name = names; name; name = name->hh.next) {
		if (undecided_only && !name->undecided)
			continue;
		for (i = 0; i < name->address_count; i++) {
			address = &name->addresses[i];
			if (!address_special(&address->address))
				continue;
			policy_name_judge(policy, name, address);
			policy_name_undecided(policy, name);
		}
	}
}

/* What one name gives no more another may give by the same rule: those are given anew. */
void policy_names_judge(struct policy *policy, bool undecided_only)
{
	judge(policy, policy->names, undecided_only);
	judge(policy, policy->learned, undecided_only);
}

/* --- names that no rule says any more -------------------------------------------------------- */

void policy_names_lost(struct policy *policy)
{
	struct policy_name *name;

	if (!policy->left)
		return;
	for (name = policy->names; name; name = name->hh.next) {
		if (name->own_count || name->searched)
			continue;
		name->data = NULL;
		name->lost = true;
		policy_name_let_run_out(policy, name);
		name->searched = policy_is_made_of_another(policy, name);
		policy_name_undecided(policy, name);
	}
}

/* It is below a wildcard: as if it had been learned there. */
static void demote(struct policy *policy, struct policy_name *name)
{
	HASH_DEL(policy->names, name);
	name->searched = name->lost = false;
	HASH_ADD_KEYPTR(hh, policy->learned, name->text, strlen(name->text), name);
	if (name->hh.tbl)
		return;
	policy_name_leave(policy, name);
	policy_name_drop(policy, name);
}

static bool is_needed(const struct policy *policy, const struct policy_name *name)
{
	return name->own_count || name->question.in_map || name->undecided ||
	       (name->searched && policy_is_made_of_another(policy, name));
}

static void collect_names(struct policy *policy)
{
	struct policy_name *name, *next;

	HASH_ITER (hh, policy->names, name, next) {
		if (is_needed(policy, name))
			continue;
		if (name->rule_count && name->address_count)
			demote(policy, name);
		else
			policy_name_free(policy, &policy->names, name);
	}
}

void policy_names_collect(struct policy *policy)
{
	struct policy_name *name, *next;

	if (!policy->left)
		return;
	policy->left = false;
	collect_names(policy);
	HASH_ITER (hh, policy->wildcards, name, next) {
		if (!name->own_count && !name->question.in_map)
			policy_name_free(policy, &policy->wildcards, name);
	}
	HASH_ITER (hh, policy->learned, name, next) {
		if (!name->rule_count)
			policy_name_free(policy, &policy->learned, name);
	}
}
