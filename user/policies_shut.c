// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fences that are shut: closed rather than without what a rule denies, because that has no room, or
 * because it had none when somebody else kept them and is not known yet. Both are forgotten only
 * when all is written and was known.
 */
#include "names.h"
#include "policies_internal.h"

static struct cgf_target retarget(struct kept_policy *kept)
{
	struct cgf_target target = kept_policy_target(kept);

	kept_policy_retarget(kept, &target);
	return target;
}

/* Else they stay as they are: another mode is not in force while not all is written. */
static bool shut_fences(struct kept_policy *kept)
{
	struct kept_fence *fence, *next;
	struct cgf_target target = kept_policy_target(kept);
	/* What comes will be. */
	bool shut = !kept->fence_count && target.flags & CGF_TARGET_SHUT;

	HASH_ITER (hh, kept->policies->fences, fence, next) {
		if (fence->policy != kept || fence->state != FENCE_STANDING || !fence->datapath)
			continue;
		target = fence->in_force;
		if (target.mode == CGF_MODE_AUDIT)
			continue;
		target.flags |= CGF_TARGET_SHUT;
		shut = true;
		kept_fence_retarget(fence, &target);
	}
	return shut;
}

void kept_policy_shut(struct kept_policy *kept, const struct failure *why)
{
	bool shut;

	if (kept->no_room)
		return;
	kept->no_room = true;
	trouble_set(&kept->why_shut, why->text);
	policies_prove_soon(kept->policies);
	shut = shut_fences(kept);
	policies_tell(kept->policies, POLICIES_ALARM, "%s: %s%s", kept->name, why->text,
		      shut ? "; its fences are shut: nothing is allowed from now on" : "");
	if (!shut)
		return;
	kept->narrowed = true;
	kept_policy_cut(kept);
}

void kept_policy_stay_shut(struct kept_policy *kept)
{
	kept->had_no_room = true;
	trouble_set(&kept->why_shut, "what it denies had no room, and its fences are shut until "
				     "all names that it denies have been answered");
}

bool kept_policy_knows_denied(const struct kept_policy *kept)
{
	return kept->names && names_know_denied(kept->names) && !names_overflow(kept->names);
}

void kept_policy_unshut(struct kept_policy *kept)
{
	struct cgf_target target;

	if (!kept_policy_is_shut(kept))
		return;
	kept->no_room &= kept->names && names_overflow(kept->names);
	kept->had_no_room &= !kept_policy_knows_denied(kept);
	if (kept->had_no_room && !kept->no_room)
		kept_policy_stay_shut(kept);
	if (kept_policy_is_shut(kept))
		return;
	trouble_set(&kept->why_shut, NULL);
	if (kept->names)
		names_written(kept->names);
	target = retarget(kept);
	policies_tell(kept->policies, POLICIES_NOTE, "%s: what it denies has room%s", kept->name,
		      target.mode == CGF_MODE_AUDIT ? ""
						    : ", and its fences are not shut any more");
}

void kept_policy_reopen(struct kept_policy *kept)
{
	const bool knows_denied = kept_policy_knows_denied(kept);
	const bool lets_go = knows_denied && policy_let_kept_go(kept->policy);
	struct failure failure;

	if (!kept->no_room && !kept->half_written && !(kept->had_no_room && knows_denied) &&
	    !lets_go)
		return;
	/* No port block of what was kept need be looked up any more. */
	if (!kept_policy_flush(kept, &failure) && lets_go)
		retarget(kept);
}
