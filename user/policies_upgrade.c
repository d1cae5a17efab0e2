// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fences of a version of cgfence whose maps this one does not know: they hold until this version's
 * fence is on the same cgroup, with its names, and beside it until that knows all that is denied.
 * While both are there, both must allow.
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

/*
 * Those of its fences that stand on the same cgroup, if these deny all that they may; returns how
 * many stay.
 */
static size_t detach_asides(const struct kept_policy *kept, bool denied)
{
	char base[STANDING_NAME_BYTES];
	const struct kept_fence *fence;
	struct texts fences = {};
	size_t i, left = datapath_each_fence(add_text, &fences) ? 1 : 0;

	for (i = 0; i < fences.count; i++) {
		fence = datapath_aside_of(fences.items[i], base)
				? kept_fence_find(kept->policies, base)
				: NULL;
		if (!fence || fence->policy != kept)
			continue;
		if (denied && fence->state == FENCE_STANDING &&
		    datapath_fence_is_orphan(fences.items[i], fence->cgroup_fd))
			datapath_fence_detach(fences.items[i]);
		else
			left++;
	}
	texts_finish(&fences);
	return left;
}

/* If it cannot be known, it may be. */
static bool is_used(const char *policy, const struct texts *fences)
{
	char used[STANDING_NAME_BYTES];
	size_t i;
	int r;

	for (i = 0; i < fences->count; i++) {
		r = datapath_fence_policy(fences->items[i], NULL, used);
		if ((r && r != -ENOENT) || (!r && !strcmp(used, policy)))
			return true;
	}
	return false;
}

void policies_collect_asides(struct policies *policies)
{
	struct texts fences = {}, asides = {};
	char base[STANDING_NAME_BYTES];
	size_t i;

	if (!datapath_each_fence(add_text, &fences) && !datapath_each_policy(add_text, &asides))
		for (i = 0; i < asides.count; i++)
			if (datapath_aside_of(asides.items[i], base) &&
			    !is_used(asides.items[i], &fences))
				datapath_policy_collect(policies->datapath, asides.items[i]);
	texts_finish(&fences);
	texts_finish(&asides);
}

void kept_policy_let_asides_go(struct kept_policy *kept)
{
	struct failure failure;
	bool denied = kept_policy_knows_denied(kept) && !kept_policy_flush(kept, &failure) &&
		      !kept_policy_is_shut(kept);

	kept->has_aside = true;
	if (datapath_lock(kept->policies->datapath, false, &failure))
		return;
	kept->has_aside = detach_asides(kept, denied) != 0;
	policies_collect_asides(kept->policies);
	datapath_unlock(kept->policies->datapath);
	if (!kept->has_aside)
		trouble_set(&kept->beside, NULL);
}

void kept_policy_say_who_is_beside(struct kept_policy *kept)
{
	if (!kept->has_aside || kept->beside.text || kept_policy_knows_denied(kept))
		return;
	trouble_set(&kept->beside,
		    "fences of another version of cgfence stay beside its own, until "
		    "all names that it denies have been answered; what those do not "
		    "allow is denied");
	policies_tell(kept->policies, POLICIES_ALARM, "%s: %s", kept->name,
		      kept->beside.text ? kept->beside.text : "no memory");
}

void kept_fence_end_asides(const struct kept_fence *fence)
{
	char base[STANDING_NAME_BYTES];
	struct texts fences = {};
	size_t i;

	if (!fence->policy->has_stale && !fence->policy->has_aside)
		return;
	if (!datapath_each_fence(add_text, &fences))
		for (i = 0; i < fences.count; i++)
			if (datapath_aside_of(fences.items[i], base) && !strcmp(base, fence->name))
				datapath_fence_detach(fences.items[i]);
	texts_finish(&fences);
	policies_collect_asides(fence->policy->policies);
}

/* If it cannot be known, there is. */
static bool has_aside_elsewhere(const struct kept_fence *fence, int cgroup_fd)
{
	char base[STANDING_NAME_BYTES];
	struct texts fences = {};
	bool found = datapath_each_fence(add_text, &fences) != 0;
	size_t i;

	for (i = 0; !found && i < fences.count; i++)
		found = datapath_aside_of(fences.items[i], base) && !strcmp(base, fence->name) &&
			!datapath_fence_is_orphan(fences.items[i], cgroup_fd);
	texts_finish(&fences);
	return found;
}

bool kept_fence_is_orphan(const struct kept_fence *fence, int cgroup_fd)
{
	return datapath_fence_is_orphan(fence->name, cgroup_fd) &&
	       !has_aside_elsewhere(fence, cgroup_fd);
}

void kept_fence_be_stale(struct kept_fence *fence, const struct failure *failure)
{
	struct failure why;

	fence->state = FENCE_UNREPLACED;
	fence->policy->has_stale = true;
	if (failure)
		failure_set(&why, 0,
			    "this version's fence cannot take the place of what is on it: %s",
			    failure->text);
	else
		failure_set(&why, 0,
			    "the fence of another version of cgfence is on it until this one's can "
			    "take its place");
	trouble_set(&fence->obstacle, why.text);
}

void kept_fence_check_stale(struct kept_fence *fence)
{
	struct datapath *datapath = fence->policy->policies->datapath;
	struct failure failure;

	if (datapath_lock(datapath, false, &failure))
		return;
	if (kept_fence_is_orphan(fence, -1))
		kept_fence_lost(fence);
	datapath_unlock(datapath);
}

/* --- its place ------------------------------------------------------------------------------- */

/* Where the old one is, whatever its target is now; NULL: it is gone, or cannot be found. */
static const char *find_cgroup(const struct standings *standings, const char *fence)
{
	char base[STANDING_NAME_BYTES];
	size_t i;

	for (i = 0; i < standings->count; i++) {
		const struct standing *standing = &standings->items[i];

		if (standing->cgroup &&
		    (!strcmp(standing->name, fence) ||
		     (datapath_aside_of(standing->name, base) && !strcmp(base, fence))))
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
		failure_set(failure, 0, "its cgroup cannot be found");
		return kept_fence_is_orphan(fence, -1) ? -ENOENT : -EAGAIN;
	}
	r = datapath_fence_set_aside(datapath, fence->name, aside, failure);
	/* A daemon that ended meanwhile may have done so. */
	if (r && r != -ENOENT)
		return r;
	return kept_fence_attach(fence, path, failure);
}

/* What could not be done is tried again; told once. */
static void tell_not_replaced(struct kept_fence *fence, const struct failure *failure)
{
	kept_fence_be_stale(fence, failure);
	if (!fence->refused)
		policies_tell(fence->policy->policies, POLICIES_ALARM, "%s: %s: %s",
			      fence->policy->name, fence->target,
			      fence->obstacle.text ? fence->obstacle.text : failure->text);
	fence->refused = true;
}

static void tell_replaced(struct kept_fence *fence)
{
	trouble_set(&fence->obstacle, NULL);
	fence->refused = false;
	policies_tell(fence->policy->policies, POLICIES_NOTE,
		      "%s: %s is under a fence of this version of cgfence now", fence->policy->name,
		      fence->target);
}

static void replace_all(struct kept_policy *kept, const struct standings *standings)
{
	struct kept_fence *fence, *next;
	struct failure failure = {};
	int r;

	HASH_ITER (hh, kept->policies->fences, fence, next) {
		if (fence->policy != kept || fence->state != FENCE_UNREPLACED || fence->untaken)
			continue;
		r = replace(fence, standings, &failure);
		if (!r)
			tell_replaced(fence);
		else if (r == -ENOENT && kept_fence_is_orphan(fence, -1))
			kept_fence_lost(fence);
		else
			tell_not_replaced(fence, &failure);
	}
}

/* How they stand is read under a lock of its own. */
static int replace_stale(struct kept_policy *kept)
{
	struct datapath *datapath = kept->policies->datapath;
	struct standings standings = {};
	struct standing_kernel kernel;
	struct failure failure = {};
	int r = standings_read(&standings, &kernel, &failure);

	if (!r)
		r = datapath_lock(datapath, false, &failure);
	/* It is tried again: told once. */
	if (r && !kept->beside.text)
		policies_tell(kept->policies, POLICIES_ALARM, "%s: %s", kept->name, failure.text);
	trouble_set(&kept->beside, r ? failure.text : NULL);
	if (!r) {
		kept->has_stale = false;
		replace_all(kept, &standings);
		datapath_unlock(datapath);
	}
	standings_finish(&standings);
	return r;
}

void kept_policy_replace_stale(struct kept_policy *kept)
{
	if (!kept->has_stale || kept->half_written)
		return;
	if (kept->rest) {
		kept->rest--;
		return;
	}
	if (replace_stale(kept))
		return;
	kept->rest = kept->has_stale ? REST_ROUNDS : 0;
	kept_policy_let_asides_go(kept);
	kept_policy_say_who_is_beside(kept);
}

int kept_policy_open_anew(struct kept_policy *kept, struct failure *failure)
{
	struct datapath *datapath = kept->policies->datapath;
	char aside[STANDING_NAME_BYTES];
	int r = datapath_policy_set_aside(datapath, kept->name, aside, failure);

	if (!r)
		r = datapath_policy_create(datapath, kept->name, policy_capacity(kept->policy),
					   &kept->datapath, failure);
	kept->has_stale |= !r;
	return r;
}
