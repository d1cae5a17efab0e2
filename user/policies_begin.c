// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rules in place of none, or of such as are in force and not known: those only stayed. */
#include <errno.h>

#include "decisions.h"
#include "names.h"
#include "policies_internal.h"

/* What its rules were is not known: what is in force stays, as when a file is gone. */
static void let_stay(struct kept_policy *kept)
{
	struct failure failure;
	int r;

	decisions_stop(&kept->decisions);
	names_stop(&kept->names);
	policy_finish(&kept->policy);
	datapath_policy_close(&kept->datapath);
	r = kept_policy_open(kept, &failure);
	if (r && r != -ENOENT)
		policies_tell(kept->policies, POLICIES_ALARM, "%s", failure.text);
	kept->half_written = false;
	trouble_set(&kept->why_half, NULL);
	/* It is not known whether what stays has room. */
	if (kept->no_room)
		trouble_set(&kept->why_shut, "rules that have no room were refused, and its fences "
					     "are shut until others are applied");
}

/* What was in force before is not known any more: what is not all written is, when it can be. */
static void keep_trying(struct kept_policy *kept, struct failure *failure)
{
	const struct failure why = *failure;

	kept->has_file = kept->tries_file = true;
	kept->stands_in = false;
	kept->generation++;
	kept_policy_set_problem(kept, NULL);
	failure_set(failure, 0, "%s; its rules are tried until all of them are in force", why.text);
}

int change_begin(struct change *change, struct failure *failure)
{
	struct policies *policies = change->policies;
	struct kept_policy *kept = change->kept;
	struct cgf_target target;
	int r;

	if (!kept)
		kept = kept_policy_new(policies, change->name);
	if (!kept)
		return failure_set(failure, ENOMEM, "cannot keep policy %s", change->name);
	r = datapath_lock(policies->datapath, false, failure);
	if (r) {
		if (!change->kept)
			kept_policy_free(kept);
		return r;
	}
	r = kept_policy_adopt_again(kept, failure);
	if (r) {
		datapath_unlock(policies->datapath);
		return r;
	}
	/* One that could not be started. */
	policy_finish(&kept->policy);
	kept->policy = TAKE_PTR(change->tried);
	kept_policy_use_places(kept);
	datapath_policy_close(&kept->datapath);
	r = kept_policy_open(kept, failure);
	if (!r)
		r = kept_policy_start(kept, failure);
	if (r && change->kept && kept->names && r != -EOVERFLOW)
		keep_trying(kept, failure);
	else if (r && change->kept)
		let_stay(kept);
	else if (r)
		kept_policy_destroy(kept);
	datapath_unlock(policies->datapath);
	if (r)
		return r;
	change->kept = kept;
	target = kept_policy_target(kept);
	kept_policy_retarget(kept, &target);
	kept->narrowed = true;
	kept_policy_cut(kept);
	return 0;
}
