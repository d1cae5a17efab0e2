// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Targets that come and go, and those that a policy is to be on whenever they are there. */
#include <errno.h>
#include <string.h>

#include "policies_internal.h"
#include "policydir.h"

static bool is_of_path(const struct kept_fence *fence)
{
	return fence->target[0] == '/';
}

/* --- what is told ---------------------------------------------------------------------------- */

static void on_event(enum arrival_event event, void *data)
{
	struct kept_fence *fence = data;

	if (fence->state == FENCE_STANDING) {
		if (event == ARRIVAL_WENT)
			kept_fence_lost(fence);
		else
			kept_fence_look_now(fence);
		return;
	}
	if (fence->state == FENCE_UNREPLACED)
		kept_fence_check_stale(fence);
	else if (fence->state == FENCE_WAITING && event != ARRIVAL_WENT)
		kept_fence_seek_on(fence);
}

/* What has no path yet may come anywhere. */
void kept_fence_watch(struct kept_fence *fence, const char *path)
{
	struct policies *policies = fence->policy->policies;
	char mount[CGROUP_PATH_BYTES];
	int r;

	if (fence->arrival)
		arrival_remove(&fence->arrival);
	if (!path && is_of_path(fence))
		path = fence->target;
	if (!path && !cgroup_mount(mount, NULL))
		path = mount;
	r = path ? arrivals_add(policies->arrivals, path, on_event, fence, &fence->arrival)
		 : -ENOENT;
	if (r)
		policies_tell(policies, POLICIES_ALARM, "%s: cannot watch %s: %s",
			      fence->policy->name, fence->target, strerror(-r));
}

/*
 * What came before it was watched is found; and an engine may know later of what is there already.
 */
void kept_fence_wait(struct kept_fence *fence)
{
	fence->state = FENCE_WAITING;
	kept_fence_watch(fence, NULL);
	fence->rest = 0;
	kept_fence_seek_on(fence);
}

void kept_fence_lost(struct kept_fence *fence)
{
	struct kept_policy *kept = fence->policy;
	struct policies *policies = kept->policies;
	struct failure failure;

	policies_tell(policies, POLICIES_NOTE, "%s: %s is gone%s", fence->policy->name,
		      fence->target, fence->persistent ? ", and waited for" : "");
	if (datapath_lock(policies->datapath, false, &failure)) {
		policies_tell(policies, POLICIES_ALARM, "%s", failure.text);
		policies_prove_soon(policies);
		return;
	}
	kept_fence_let_go(fence, true);
	fence->state = FENCE_WAITING;
	fence->untaken = false;
	fence->missed = true;
	if (fence->persistent) {
		kept_fence_wait(fence);
	} else {
		kept_fence_free(fence);
		kept_policy_drop_if_unused(kept);
	}
	datapath_unlock(policies->datapath);
	policies_prove_soon(policies);
}

/* --- those in the file ----------------------------------------------------------------------- */

struct reading {
	struct kept_policy *kept;
	struct texts names; /* of fences */
	struct failure wrong;
	bool is_wrong;
};

/* The first one is what is shown. */
static void complain(struct reading *reading, size_t line, const char *why)
{
	struct kept_policy *kept = reading->kept;
	_cleanup_free_ char *path = policydir_targets_path(kept->policies->options.dir, kept->name);
	struct failure failure;

	if (line)
		failure_set(&failure, 0, "%s:%zu: %s", path ? path : kept->name, line, why);
	else
		failure_set(&failure, 0, "%s", why);
	policies_tell(kept->policies, POLICIES_ALARM, "%s: %s", kept->name, failure.text);
	if (!reading->is_wrong)
		reading->wrong = failure;
	reading->is_wrong = true;
}

static void complain_of_other(struct reading *reading, size_t line, const struct kept_fence *fence)
{
	struct failure failure;

	failure_set(&failure, 0, "not attached to %s, which policy %s is on", fence->target,
		    fence->policy->name);
	complain(reading, line, failure.text);
}

static void use_fence(struct kept_fence *fence)
{
	fence->persistent = true;
	if (fence->state == FENCE_UNREPLACED) {
		kept_fence_watch(fence, NULL);
		kept_fence_check_stale(fence);
	} else if (fence->state != FENCE_STANDING) {
		kept_fence_wait(fence);
	}
}

static int use_target(const char *text, size_t line, void *data)
{
	struct reading *reading = data;
	struct kept_policy *kept = reading->kept;
	struct target_name target;
	struct failure failure;
	struct kept_fence *fence;
	char name[TARGET_FENCE_BYTES], canonical[TARGET_TEXT_BYTES];

	if (target_name_parse(text, &target, &failure)) {
		complain(reading, line, failure.text);
		return 0;
	}
	if (target.kind == TARGET_CGROUP && text[0] != '/') {
		complain(reading, line, "no target: the path of a cgroup begins with '/'");
		return 0;
	}
	if (target.kind == TARGET_PID) {
		complain(reading, line, "a process does not come again: name its cgroup");
		return 0;
	}
	target_name_format(&target, canonical);
	fence = kept_fence_find(kept->policies, target_name_fence(&target, name));
	if (fence && fence->policy != kept) {
		complain_of_other(reading, line, fence);
		return 0;
	}
	if (!fence)
		fence = kept_fence_new(kept, name, canonical);
	if (!fence || kept_fence_rename(fence, canonical) || texts_add(&reading->names, name))
		return -ENOMEM;
	use_fence(fence);
	return 0;
}

static bool has_text(const struct texts *texts, const char *text)
{
	size_t i;

	for (i = 0; i < texts->count; i++)
		if (!strcmp(texts->items[i], text))
			return true;
	return false;
}

static void tell_forgotten(const struct kept_fence *fence)
{
	const char *name = fence->policy->name;

	policies_tell(fence->policy->policies, POLICIES_NOTE,
		      "%s: %s is not in %s.targets any more%s", name, fence->target, name,
		      kept_fence_stands(fence)
			      ? "; its fence stands until it is detached, or the target goes"
			      : ", and not waited for");
}

/* What is attached stays; what is waited for is so no more. */
static void forget_others(struct kept_policy *kept, const struct texts *names)
{
	struct kept_fence *fence, *next;

	HASH_ITER (hh, kept->policies->fences, fence, next) {
		if (fence->policy != kept || !fence->persistent || has_text(names, fence->name))
			continue;
		fence->persistent = false;
		tell_forgotten(fence);
		if (!kept_fence_stands(fence))
			kept_fence_free(fence);
	}
}

void kept_policy_read_targets(struct kept_policy *kept)
{
	struct reading reading = { .kept = kept };
	struct failure failure = {};

	if (policydir_each_target(kept->policies->options.dir, kept->name, use_target, &reading,
				  &failure))
		complain(&reading, 0, failure.text[0] ? failure.text : "no memory");
	else
		forget_others(kept, &reading.names);
	trouble_set(&kept->targets_problem, reading.is_wrong ? reading.wrong.text : NULL);
	texts_finish(&reading.names);
}
