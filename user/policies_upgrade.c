// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fences of a version of cgfence whose maps this one does not know: they hold until this version's
 * fence is on the same cgroup, with its names. For a moment both are, and both must allow.
 */
#include <errno.h>
#include <string.h>

#include "policies_internal.h"
#include "standings.h"

static void add_text(const char *text, void *data)
{
	texts_add(data, text);
}

/* --- what was moved aside -------------------------------------------------------------------- */

/* One whose place is taken is not needed any more. */
static void detach_asides(struct policies *policies, const struct texts *fences)
{
	char base[STANDING_NAME_BYTES];
	const struct kept_fence *fence;
	size_t i;

	for (i = 0; i < fences->count; i++) {
		if (!datapath_aside_of(fences->items[i], base))
			continue;
		fence = kept_fence_find(policies, base);
		if (fence && fence->state == FENCE_STANDING && !fence->stale)
			datapath_fence_detach(fences->items[i]);
	}
}

static bool is_used(const char *policy, const struct texts *fences)
{
	char used[STANDING_NAME_BYTES];
	size_t i;

	for (i = 0; i < fences->count; i++)
		if (!datapath_fence_policy(fences->items[i], NULL, used) && !strcmp(used, policy))
			return true;
	return false;
}

static void sweep_asides(struct policies *policies)
{
	struct texts fences = {}, asides = {};
	char base[STANDING_NAME_BYTES];
	size_t i;

	if (!datapath_each_fence(add_text, &fences))
		detach_asides(policies, &fences);
	texts_finish(&fences);
	if (!datapath_each_fence(add_text, &fences) && !datapath_each_policy(add_text, &asides))
		for (i = 0; i < asides.count; i++)
			if (datapath_aside_of(asides.items[i], base) &&
			    !is_used(asides.items[i], &fences))
				datapath_policy_collect(policies->datapath, asides.items[i]);
	texts_finish(&fences);
	texts_finish(&asides);
}

/* --- its place ------------------------------------------------------------------------------- */

/* Where the old one is, whatever its target is now; NULL. */
static const char *find_cgroup(const struct standings *standings, const char *fence)
{
	char base[STANDING_NAME_BYTES];
	size_t i;

	for (i = 0; i < standings->count; i++) {
		const struct standing *standing = &standings->items[i];

		if (!strcmp(standing->name, fence) ||
		    (datapath_aside_of(standing->name, base) && !strcmp(base, fence)))
			return standing->cgroup;
	}
	return NULL;
}

static int replace(struct kept_fence *fence, const struct standings *standings,
		   struct failure *failure)
{
	struct datapath *datapath = fence->policy->policies->datapath;
	const char *path = find_cgroup(standings, fence->name);
	char aside[STANDING_NAME_BYTES];
	int r;

	if (!path) {
		/* What is left of its links would be in the way of what comes in its place. */
		if (datapath_fence_is_orphan(fence->name, -1))
			datapath_fence_detach(fence->name);
		return failure_set(failure, ENOENT, "its cgroup is not found");
	}
	r = datapath_fence_set_aside(datapath, fence->name, aside, failure);
	/* A daemon that ended meanwhile may have done so. */
	if (r && r != -ENOENT)
		return r;
	return kept_fence_attach(fence, path, failure);
}

/* One whose target went meanwhile is as any other whose target went. */
static void tell_not_replaced(struct kept_fence *fence, int r, const struct failure *failure)
{
	if (r != -ENOENT) {
		policies_tell(fence->policy->policies, POLICIES_ALARM,
			      "%s: %s is still under the fence of another version of cgfence: %s",
			      fence->policy->name, fence->target, failure->text);
		kept_fence_wait(fence);
		return;
	}
	policies_tell(fence->policy->policies, POLICIES_NOTE, "%s: %s is gone", fence->policy->name,
		      fence->target);
	if (fence->persistent)
		kept_fence_wait(fence);
	else
		kept_fence_free(fence);
}

static void replace_all(struct kept_policy *kept, const struct standings *standings)
{
	struct policies *policies = kept->policies;
	struct kept_fence *fence, *next;
	struct failure failure = {};
	int r;

	HASH_ITER (hh, policies->fences, fence, next) {
		if (fence->policy != kept || !fence->stale)
			continue;
		fence->stale = false;
		r = replace(fence, standings, &failure);
		if (r)
			tell_not_replaced(fence, r, &failure);
		else
			policies_tell(policies, POLICIES_NOTE,
				      "%s: %s is under a fence of this version of cgfence now",
				      kept->name, fence->target);
	}
	sweep_asides(policies);
}

/* How they stand is read under a lock of its own. */
void kept_policy_replace_stale(struct kept_policy *kept)
{
	struct datapath *datapath = kept->policies->datapath;
	struct standings standings = {};
	struct standing_kernel kernel;
	struct failure failure = {};
	int r;

	if (!kept->has_stale)
		return;
	r = standings_read(&standings, &kernel, &failure);
	if (!r)
		r = datapath_lock(datapath, false, &failure);
	if (r) {
		policies_tell(kept->policies, POLICIES_ALARM, "%s: %s", kept->name, failure.text);
	} else {
		kept->has_stale = false;
		replace_all(kept, &standings);
		datapath_unlock(datapath);
	}
	standings_finish(&standings);
}

int kept_policy_open_anew(struct kept_policy *kept, struct failure *failure)
{
	struct datapath *datapath = kept->policies->datapath;
	char aside[STANDING_NAME_BYTES];
	int r = datapath_policy_set_aside(datapath, kept->name, aside, failure);

	if (!r)
		r = datapath_policy_create(datapath, kept->name, policy_capacity(kept->policy),
					   &kept->datapath, failure);
	kept->has_stale = !r;
	return r;
}
