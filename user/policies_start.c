// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Taking up what is in force: by the files, which say what is to be, and the pins, which say what
 * is. First everything is read, then written: no map is empty in between, and no fence detached.
 */
#include <errno.h>
#include <string.h>

#include "policies_internal.h"
#include "policydir.h"

/* --- files ----------------------------------------------------------------------------------- */

static int read_policy(struct policies *policies, const char *name, struct policy **ret_policy,
		       struct policies_error *error)
{
	_cleanup_free_ char *text = NULL;
	struct rules rules = {};
	size_t length;
	int r = policies_check_name(name, error);

	if (!r)
		r = policydir_read(policies->options.dir, name, &text, &length, &error->failure);
	if (!r)
		r = policies_parse(text, length, &rules, error);
	if (!r)
		r = policy_init(ret_policy, &rules, &error->failure);
	rules_finish(&rules);
	return r;
}

void kept_policy_set_error(struct kept_policy *kept, const struct policies_error *error)
{
	_cleanup_free_ char *path = policydir_path(kept->policies->options.dir, kept->name);
	struct failure failure;

	if (error->line)
		failure_set(&failure, 0, "%s:%zu:%zu: %s", path ? path : kept->name, error->line,
			    error->column, error->failure.text);
	else
		failure_set(&failure, 0, "%s: %s", path ? path : kept->name, error->failure.text);
	kept_policy_set_problem(kept, failure.text);
}

static int add_file(const char *name, bool usable, void *data)
{
	struct policies *policies = data;
	struct policies_error error = {};
	struct kept_policy *kept;

	if (!usable) {
		policies_tell(policies, POLICIES_ALARM,
			      "%.200s.policy is left out: that cannot be a policy's name", name);
		return 0;
	}
	kept = kept_policy_new(policies, name);
	if (!kept)
		return -ENOMEM;
	kept->has_file = true;
	if (read_policy(policies, name, &kept->policy, &error)) {
		kept_policy_set_error(kept, &error);
		policies_tell(policies, POLICIES_ALARM, "%s", kept->problem.text);
	}
	return 0;
}

/* --- pins ------------------------------------------------------------------------------------ */

static void add_text(const char *text, void *data)
{
	texts_add(data, text);
}

static bool is_run(const char *name)
{
	return !strncmp(name, RUN_PREFIX, sizeof(RUN_PREFIX) - 1);
}

static bool is_ours(const char *name)
{
	char base[STANDING_NAME_BYTES];

	return !is_run(name) && !datapath_aside_of(name, base);
}

static int add_pinned_policies(struct policies *policies)
{
	struct texts names = {};
	struct kept_policy *kept;
	size_t i;
	int r = datapath_each_policy(add_text, &names);

	for (i = 0; !r && i < names.count; i++) {
		if (!is_ours(names.items[i]) || kept_policy_find(policies, names.items[i]))
			continue;
		kept = kept_policy_new(policies, names.items[i]);
		if (kept)
			kept_policy_set_problem(kept, "its file is gone");
		else
			r = -ENOMEM;
	}
	texts_finish(&names);
	return r;
}

static void open_policies(struct policies *policies)
{
	struct kept_policy *kept, *next;
	struct failure failure;
	int r;

	HASH_ITER (hh, policies->policies, kept, next) {
		r = kept_policy_open_maps(kept, &failure);
		if (!r || (r == -ENOENT && !kept->policy))
			continue;
		/* What is wrong with its file is what there is to mend. */
		if (!kept->problem.text)
			kept_policy_set_problem(kept, failure.text);
		policies_tell(policies, POLICIES_ALARM, "%s", failure.text);
		policy_finish(&kept->policy);
	}
}

/* --- fences ---------------------------------------------------------------------------------- */

static void tell_unusable(struct policies *policies, const char *name, const char *why)
{
	policies_tell(policies, POLICIES_ALARM, "the fence %s stays as it is: %s", name, why);
}

/* What may be otherwise the next time. */
static bool is_passing(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -EPERM;
}

/* No rules are written that it does not look up. */
static void leave_as_it_is(struct kept_fence *fence, struct failure *why)
{
	struct kept_policy *kept = fence->policy;

	tell_unusable(kept->policies, fence->name, why->text);
	kept_fence_say_untaken(fence, why);
	kept->lacks_fence = true;
	policy_finish(&kept->policy);
	if (!kept->problem.text)
		kept_policy_set_problem(kept, why->text);
}

static int adopt(struct kept_fence *fence)
{
	struct policies *policies = fence->policy->policies;
	struct failure failure = {};
	int r = kept_fence_adopt(fence, &failure);

	if (fence->untaken && is_passing(r))
		return r;
	if (fence->untaken)
		leave_as_it_is(fence, &failure);
	if (r != -ENOLINK)
		return 0;
	policies_tell(policies, POLICIES_NOTE, "%s: %s is gone", fence->policy->name,
		      fence->target);
	datapath_fence_detach(fence->name);
	kept_fence_free(fence);
	return 0;
}

/* Nobody was there to tell when it went. */
static void end_orphan(struct policies *policies, const char *name)
{
	char text[TARGET_TEXT_BYTES];
	struct target_name target;

	policies_tell(policies, POLICIES_NOTE, "%s is gone, which had a fence",
		      target_name_of_fence(name, &target) ? name
							  : target_name_format(&target, text));
	datapath_fence_detach(name);
}

/* If it cannot be said whose it is, no policy may be changed. */
static int adopt_pin(struct policies *policies, struct datapath_pinned *pinned, const char *name)
{
	char policy[STANDING_NAME_BYTES], text[TARGET_TEXT_BYTES];
	char base[STANDING_NAME_BYTES], policy_base[STANDING_NAME_BYTES];
	const char *own = name;
	struct kept_fence *fence = NULL;
	struct target_name target;
	struct kept_policy *kept = NULL;
	int r;

	if (datapath_aside_of(name, base))
		own = base;
	fence = kept_fence_find(policies, own);
	if (fence) {
		fence->policy->has_aside |= own != name;
		return 0;
	}
	r = datapath_fence_policy(name, pinned, policy);
	if (is_passing(r))
		return r;
	if (!r)
		kept = kept_policy_find(
			policies, datapath_aside_of(policy, policy_base) ? policy_base : policy);
	/* One whose name was cut is called by that. */
	if (kept)
		fence = kept_fence_new(kept, own,
				       target_name_of_fence(own, &target)
					       ? own
					       : target_name_format(&target, text));
	if (kept && !fence)
		return -ENOMEM;
	if (fence) {
		fence->policy->has_aside |= own != name;
		return adopt(fence);
	}
	if (datapath_fence_is_orphan(name, -1))
		end_orphan(policies, name);
	else
		tell_unusable(policies, name, "it has no policy that can be kept");
	return 0;
}

static int adopt_fences(struct policies *policies)
{
	struct datapath_pinned *pinned = datapath_pinned_read();
	struct texts names = {};
	size_t i;
	int r = pinned ? datapath_each_fence(add_text, &names) : -ENOMEM;

	for (i = 0; !r && i < names.count; i++)
		if (is_ours(names.items[i]))
			r = adopt_pin(policies, pinned, names.items[i]);
	/* Moved aside by a daemon that ended before it was done. */
	for (i = 0; !r && i < names.count; i++)
		if (!is_run(names.items[i]) && !is_ours(names.items[i]))
			r = adopt_pin(policies, pinned, names.items[i]);
	texts_finish(&names);
	datapath_pinned_free(&pinned);
	return r;
}

/* What names have in the maps is also that of names which libc makes of them, in each place. */
static void take_up_policies(struct policies *policies)
{
	struct kept_policy *kept, *next;
	struct failure failure;

	HASH_ITER (hh, policies->policies, kept, next) {
		if (!kept_policy_is_live(kept))
			continue;
		kept_policy_use_domains(kept);
		if (!kept_policy_take_up(kept, &failure))
			continue;
		kept_policy_set_problem(kept, failure.text);
		policies_tell(policies, POLICIES_ALARM, "%s", failure.text);
	}
}

/* --- in force -------------------------------------------------------------------------------- */

static void put_in_force(struct kept_policy *kept)
{
	struct cgf_target target;
	struct failure failure;
	int r;

	kept_policy_use_places(kept);
	r = kept_policy_start(kept, &failure);
	/* Where there are fences it is told with those of policies whose rules are not known. */
	if (r && (kept->names || !kept->fence_count))
		policies_tell(kept->policies, POLICIES_ALARM, "%s: %s", kept->name, failure.text);
	if (r && !kept->names) {
		kept_policy_set_problem(kept, failure.text);
		policy_finish(&kept->policy);
		return;
	}
	target = kept_policy_target(kept);
	/* What is not all written is not in force, but that it is closed is. */
	if (!r || target.flags & CGF_TARGET_SHUT)
		kept_policy_retarget(kept, &target);
	if (kept->had_no_room)
		policies_tell(kept->policies, POLICIES_ALARM, "%s: %s", kept->name,
			      kept->why_shut.text ? kept->why_shut.text : "no memory");
	kept_policy_say_who_is_beside(kept);
	/* To look at all flows takes milliseconds for each fence. */
	kept_policy_cut(kept);
}

/* What their rules are is not known, or they cannot be put in force. */
static void tell_of_pinned(struct policies *policies)
{
	struct kept_policy *kept, *next;

	HASH_ITER (hh, policies->policies, kept, next) {
		if (kept->policy || !kept->fence_count)
			continue;
		kept_policy_say_what_stays(kept);
		policies_tell(policies, POLICIES_ALARM, "%s: %s", kept->name,
			      kept->problem.text ? kept->problem.text : "no memory");
	}
}

int policies_start(struct policies *policies, struct failure *failure)
{
	struct kept_policy *kept, *next;
	int r = policydir_each(policies->options.dir, add_file, policies, failure);

	if (r)
		return r;
	r = add_pinned_policies(policies);
	if (r)
		return failure_set(failure, -r, "cannot read what is pinned");
	open_policies(policies);
	r = adopt_fences(policies);
	if (r)
		return failure_set(failure, -r, "cannot read what is pinned");
	take_up_policies(policies);
	policies_collect_asides(policies);
	HASH_ITER (hh, policies->policies, kept, next) {
		if (kept_policy_is_live(kept))
			put_in_force(kept);
		else if (!kept->fence_count && !kept->has_file)
			kept_policy_destroy(kept);
	}
	tell_of_pinned(policies);
	policies_stand_in(policies);
	HASH_ITER (hh, policies->policies, kept, next)
		kept_policy_read_targets(kept);
	return 0;
}
