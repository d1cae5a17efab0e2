// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fences that are pinned already. While one cannot be taken up the rules of its policy are not put
 * in force: it would not look up what they need.
 */
#include <errno.h>

#include "policies_internal.h"
#include "tree.h"

static int take_up(struct kept_fence *fence, struct failure *failure)
{
	struct policies *policies = fence->policy->policies;
	_cleanup_free_ char *path = NULL;
	int r = datapath_fence_open(policies->datapath, fence->name, &fence->datapath, failure);

	if (r)
		return r;
	fence->cgroup_id = datapath_fence_cgroup(fence->datapath);
	r = fence->cgroup_id ? tree_find_path(policies->cgroup2_fd, fence->cgroup_id, &path)
			     : -ENOENT;
	if (r == -ENOENT)
		return -ENOLINK;
	if (r)
		return failure_set(failure, -r, "cannot find its cgroup");
	r = kept_fence_open_cgroup(fence, path, failure);
	if (r)
		return r == -ENOENT ? -ENOLINK : r;
	r = datapath_fence_target(policies->datapath, fence->datapath, &fence->in_force);
	if (r == -ENOENT)
		return -ENOLINK;
	return r ? failure_set(failure, -r, "cannot read what is in force on it") : 0;
}

int kept_fence_adopt(struct kept_fence *fence, struct failure *failure)
{
	int r = take_up(fence, failure);

	fence->untaken = r && r != -ENOLINK && r != -ESTALE && r != -ENOENT;
	if (fence->untaken) {
		fence->state = FENCE_UNREPLACED;
		trouble_set(&fence->obstacle, failure->text);
	} else if (r == -ESTALE || r == -ENOENT) {
		/* Or moved aside, and what is to take its place is not there yet. */
		kept_fence_be_stale(fence, NULL);
	}
	if (r) {
		kept_fence_let_go(fence, false);
		return r;
	}
	fence->state = FENCE_STANDING;
	fence->since = time(NULL);
	trouble_set(&fence->obstacle, NULL);
	if (fence->in_force.flags & CGF_TARGET_SHUT)
		kept_policy_stay_shut(fence->policy);
	kept_fence_look(fence);
	kept_fence_watch(fence, fence->cgroup);
	return 0;
}

void kept_fence_say_untaken(const struct kept_fence *fence, struct failure *failure)
{
	const struct failure why = *failure;

	failure_set(failure, 0, "the fence on %.100s cannot be taken up: %s", fence->target,
		    why.text);
	failure_hint(failure, "mend that and reload, or detach it and reload");
}

static int adopt_again(struct kept_policy *kept, struct failure *failure)
{
	struct kept_fence *fence, *next;
	struct failure why;
	int r, result = 0;

	HASH_ITER (hh, kept->policies->fences, fence, next) {
		if (fence->policy != kept || !fence->untaken)
			continue;
		r = kept_fence_adopt(fence, &why);
		if (!fence->untaken)
			continue;
		kept_fence_say_untaken(fence, &why);
		*failure = why;
		result = r;
	}
	return result;
}

int kept_policy_adopt_again(struct kept_policy *kept, struct failure *failure)
{
	int r = kept->lacks_fence ? datapath_lock(kept->policies->datapath, false, failure) : 0;

	if (r || !kept->lacks_fence)
		return r;
	r = adopt_again(kept, failure);
	datapath_unlock(kept->policies->datapath);
	if (r)
		return r;
	kept->lacks_fence = false;
	policies_tell(
		kept->policies, POLICIES_NOTE,
		"%s: its fences are taken up, and its rules in force when they are read again",
		kept->name);
	kept_policy_set_problem(kept, "its fences are taken up: reload to put its rules in force");
	kept_policy_say_what_stays(kept);
	return 0;
}
