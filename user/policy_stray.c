// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names and grants in the maps that are nothing of the policy's. */
#include <errno.h>

#include "datapath.h"
#include "policy_internal.h"

static struct policy_stray *add(struct policy *policy)
{
	struct policy_stray *stray = calloc(1, sizeof(*stray));

	if (!stray)
		return NULL;
	stray->next = policy->strays;
	policy->strays = stray;
	policy->questions_unwritten = true;
	return stray;
}

int policy_stray_name(struct policy *policy, const struct cgf_name_key *key)
{
	struct policy_stray *stray = add(policy);

	if (!stray)
		return -ENOMEM;
	stray->is_name = true;
	stray->name = *key;
	return 0;
}

int policy_stray_grant(struct policy *policy, uint32_t number, bool teaches)
{
	struct policy_stray *stray = add(policy);

	if (!stray)
		return -ENOMEM;
	stray->grant = number;
	stray->teaches = teaches;
	return 0;
}

/* It has become the policy's since it was met: what is there now is what was written. */
static bool is_ours(const struct policy *policy, const struct policy_stray *stray)
{
	const struct policy_name *name;
	const struct grant *grant;

	if (!stray->is_name) {
		grant = policy_grant_find(policy, stray->grant);
		return grant && grant->in_map;
	}
	name = policy_name_of_key(policy, &stray->name);
	return name && name->question.in_map;
}

static int remove_grants(struct policy *policy, struct datapath_policy *datapath, bool teaching)
{
	const struct policy_stray *stray;
	int r = 0;

	for (stray = policy->strays; !r && stray; stray = stray->next)
		if (!stray->is_name && stray->teaches == teaching && !is_ours(policy, stray))
			r = datapath_grant_delete(datapath, stray->grant);
	return r;
}

/* First the names, which lead to the grants. */
int policy_strays_remove(struct policy *policy, struct datapath_policy *datapath, bool teaching)
{
	const struct policy_stray *stray;
	int r = 0;

	for (stray = teaching ? policy->strays : NULL; !r && stray; stray = stray->next)
		if (stray->is_name && !is_ours(policy, stray))
			r = datapath_name_delete(datapath, &stray->name);
	return r ? r : remove_grants(policy, datapath, teaching);
}

void policy_strays_free(struct policy *policy)
{
	struct policy_stray *stray;

	while (policy->strays) {
		stray = policy->strays;
		policy->strays = stray->next;
		free(stray);
	}
}
