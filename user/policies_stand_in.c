// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Targets of a policy whose file cannot be used, and of which nothing is in force: shut rather than
 * open, as a slip in a file, or a file that was lost, must not open a target.
 */
#include <errno.h>
#include <string.h>

#include "decisions.h"
#include "names.h"
#include "policies_internal.h"
#include "policydir.h"

struct kept_policy *kept_policy_new_broken(struct policies *policies, const char *name,
					   const struct policies_error *error)
{
	struct kept_policy *kept = kept_policy_new(policies, name);

	if (!kept)
		return NULL;
	kept->has_file = true;
	kept_policy_set_error(kept, error);
	return kept;
}

static int add_orphan(const char *name, bool usable, void *data)
{
	struct policies *policies = data;
	_cleanup_free_ char *path = policydir_path(policies->options.dir, name);
	struct policies_error error = {};
	struct kept_policy *kept;
	char text[CGF_LINE_BYTES_MAX];

	if (!usable || policies_check_name(name, &error)) {
		policies_tell(policies, POLICIES_ALARM,
			      "%.200s.targets is left out: that cannot be a policy's name", name);
		return 0;
	}
	if (kept_policy_find(policies, name))
		return 0;
	kept = kept_policy_new(policies, name);
	if (!kept)
		return -ENOMEM;
	snprintf(text, sizeof(text), "%s: there is no such file, and there are targets for it",
		 path ? path : name);
	kept_policy_set_problem(kept, text);
	return 0;
}

static int note_target(const char *target, size_t line, void *data)
{
	(void)target;
	(void)line;
	*(bool *)data = true;
	return 0;
}

static bool has_targets(const struct kept_policy *kept)
{
	bool found = false;

	/* One that cannot be read may have some. */
	return policydir_each_target(kept->policies->options.dir, kept->name, note_target, &found,
				     NULL) ||
	       found;
}

static bool has_standing_fence(const struct kept_policy *kept)
{
	struct kept_fence *fence, *next;

	HASH_ITER (hh, kept->policies->fences, fence, next)
		if (fence->policy == kept && kept_fence_stands(fence))
			return true;
	return false;
}

static int put_in_place(struct kept_policy *kept, struct failure *failure)
{
	struct rules none = {};
	int r = policy_init(&kept->policy, &none, failure);

	if (r)
		return r;
	kept->stands_in = true;
	datapath_policy_close(&kept->datapath);
	r = kept_policy_open(kept, failure);
	return r ? r : kept_policy_start(kept, failure);
}

void kept_policy_say_what_stays(struct kept_policy *kept)
{
	_cleanup_free_ char *text = NULL;
	const char *stays = "what is in force stays";
	size_t length;

	if (kept->stands_in)
		stays = "its targets are shut: nothing is allowed until that is mended";
	else if (!kept->policy && kept_policy_is_shut(kept))
		stays = "its fences stay shut, as what it denies had no room";
	else if (!kept->policy)
		stays = "what is in force stays, but no name is looked up any more: addresses that "
			"were known by that alone run out";
	/* What there is to be done is in lines of its own. */
	length = kept->problem.text ? strcspn(kept->problem.text, "\n") : 0;
	if (length && !strstr(kept->problem.text, stays) &&
	    (kept->policy || kept->fence_count || kept->stands_in) &&
	    asprintf(&text, "%.*s; %s%s", (int)length, kept->problem.text, stays,
		     kept->problem.text + length) < 0)
		text = NULL;
	if (text)
		kept_policy_set_problem(kept, text);
}

/* Fences without a policy allow nothing, whatever is left in the maps. */
static void leave_without(struct kept_policy *kept)
{
	decisions_stop(&kept->decisions);
	names_stop(&kept->names);
	policy_finish(&kept->policy);
}

static void stand_in(struct kept_policy *kept)
{
	struct failure failure;

	if (put_in_place(kept, &failure)) {
		/* What it was for may be why it cannot be. */
		if (!kept->problem.text || strcmp(kept->problem.text, failure.text) != 0)
			policies_tell(kept->policies, POLICIES_ALARM, "%s: %s", kept->name,
				      failure.text);
		leave_without(kept);
	}
	kept_policy_say_what_stays(kept);
	policies_tell(kept->policies, POLICIES_ALARM, "%s: %s", kept->name,
		      kept->problem.text ? kept->problem.text : "no memory");
}

void policies_stand_in(struct policies *policies)
{
	struct kept_policy *kept, *next;
	struct failure failure;

	if (policydir_each_with_targets(policies->options.dir, add_orphan, policies, &failure))
		policies_tell(policies, POLICIES_ALARM, "%s", failure.text);
	if (datapath_lock(policies->datapath, false, &failure)) {
		policies_tell(policies, POLICIES_ALARM, "%s", failure.text);
		return;
	}
	HASH_ITER (hh, policies->policies, kept, next)
		if (!kept->policy && !has_standing_fence(kept) && has_targets(kept))
			stand_in(kept);
	datapath_unlock(policies->datapath);
}
