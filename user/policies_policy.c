// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One policy that is kept in force: its maps, its names and its decisions. */
#include <errno.h>
#include <string.h>

#include "cut.h"
#include "decisions.h"
#include "names.h"
#include "policies_internal.h"

/* --- the table ------------------------------------------------------------------------------- */

struct kept_policy *kept_policy_find(const struct policies *policies, const char *name)
{
	struct kept_policy *kept;

	HASH_FIND_STR(policies->policies, name, kept);
	return kept;
}

void kept_policy_note(const char *text, bool alarm, void *data)
{
	const struct kept_policy *kept = data;

	policies_tell(kept->policies, alarm ? POLICIES_ALARM : POLICIES_NOTE, "%s: %s", kept->name,
		      text);
}

static void on_told(const struct cgf_decision *decision, const struct decision_context *context,
		    void *data)
{
	const struct kept_policy *kept = data;
	const struct policies_options *options = &kept->policies->options;

	options->decided(kept->name, policies_fence_name(kept->policies, decision->cgroup_id),
			 decision, context, options->data);
}

struct kept_policy *kept_policy_new(struct policies *policies, const char *name)
{
	struct kept_policy *kept = calloc(1, sizeof(*kept)), *added;

	if (!kept)
		return NULL;
	kept->policies = policies;
	snprintf(kept->name, sizeof(kept->name), "%s", name);
	kept->sink = (struct output_sink){ kept_policy_note, on_told, kept };
	kept->output.sink = &kept->sink;
	HASH_ADD_STR(policies->policies, name, kept);
	HASH_FIND_STR(policies->policies, name, added);
	if (added == kept)
		return kept;
	free(kept);
	return NULL;
}

void kept_policy_free(struct kept_policy *kept)
{
	decisions_stop(&kept->decisions);
	names_stop(&kept->names);
	datapath_policy_close(&kept->datapath);
	policy_finish(&kept->policy);
	HASH_DEL(kept->policies->policies, kept);
	free(kept->problem.text);
	free(kept->why_shut.text);
	free(kept->why_half.text);
	free(kept->unread.text);
	free(kept->beside.text);
	free(kept->targets_problem.text);
	free(kept);
}

void kept_policy_destroy(struct kept_policy *kept)
{
	decisions_stop(&kept->decisions);
	names_stop(&kept->names);
	datapath_policy_destroy(kept->policies->datapath, &kept->datapath);
	kept_policy_free(kept);
}

void kept_policy_drop_if_unused(struct kept_policy *kept)
{
	if (!kept->fence_count && (!kept->policy || kept->stands_in) && !kept->has_file)
		kept_policy_destroy(kept);
}

void kept_policy_set_problem(struct kept_policy *kept, const char *problem)
{
	trouble_set(&kept->problem, problem);
}

/* --- maps ------------------------------------------------------------------------------------ */

static int open_pinned(struct kept_policy *kept, struct failure *failure)
{
	int r = datapath_policy_open(kept->policies->datapath, kept->name, &kept->datapath,
				     failure);

	kept->to_take_up = !r && kept->policy;
	return r;
}

int kept_policy_open_maps(struct kept_policy *kept, struct failure *failure)
{
	int r = open_pinned(kept, failure);

	if (r == -ENOENT && kept->policy)
		r = datapath_policy_create(kept->policies->datapath, kept->name,
					   policy_capacity(kept->policy), &kept->datapath, failure);
	if (r == -ESTALE && kept->policy)
		r = kept_policy_open_anew(kept, failure);
	return r;
}

int kept_policy_take_up(struct kept_policy *kept, struct failure *failure)
{
	int r = TAKE(kept->to_take_up, false) ? policy_readopt(kept->policy, kept->datapath) : 0;

	if (!r)
		return 0;
	/* What there is stays, as when its rules are not known. */
	policy_finish(&kept->policy);
	failure_set(failure, r == -E2BIG ? 0 : -r,
		    r == -E2BIG ? "policy %s stays as it was: too many rules that deny have "
				  "changed to tell whose addresses were denied"
				: "cannot read the maps of policy %s",
		    kept->name);
	return r;
}

int kept_policy_open(struct kept_policy *kept, struct failure *failure)
{
	int r = kept_policy_open_maps(kept, failure);

	return r ? r : kept_policy_take_up(kept, failure);
}

int kept_policy_grow(struct kept_policy *kept, uint32_t entries, struct failure *failure)
{
	if (datapath_policy_capacity(kept->datapath) >= entries)
		return 0;
	return datapath_policy_grow(kept->policies->datapath, kept->datapath, entries, failure);
}

int kept_policy_enlarge(struct kept_policy *kept)
{
	uint32_t capacity = datapath_policy_capacity(kept->datapath);
	struct failure failure;
	int r;

	if (capacity >= CGF_ENTRIES_MAX)
		return -ENOSPC;
	r = datapath_policy_grow(kept->policies->datapath, kept->datapath, 2 * capacity, &failure);
	if (r)
		policies_tell(kept->policies, POLICIES_ALARM, "%s: %s", kept->name, failure.text);
	else
		policies_tell(kept->policies, POLICIES_NOTE,
			      "%s: the map was full, and has room for %u entries now", kept->name,
			      datapath_policy_capacity(kept->datapath));
	return r;
}

void kept_policy_make_room(struct kept_policy *kept)
{
	struct cgf_counters counters;

	if (datapath_counters(kept->datapath, &counters) || counters.unlearned == kept->unlearned)
		return;
	kept->unlearned = counters.unlearned;
	kept_policy_enlarge(kept);
}

/* --- targets and flows ----------------------------------------------------------------------- */

/* Without rules a new fence is as the others are. */
static struct cgf_target target_of_others(const struct kept_policy *kept)
{
	struct kept_fence *fence, *next;

	HASH_ITER (hh, kept->policies->fences, fence, next)
		if (fence->policy == kept && fence->state == FENCE_STANDING &&
		    fence->in_force.policy)
			return fence->in_force;
	return (struct cgf_target){};
}

struct cgf_target kept_policy_target(const struct kept_policy *kept)
{
	struct cgf_target target;

	if (!kept_policy_is_live(kept))
		return target_of_others(kept);
	target = policy_target(kept->policy);
	target.policy = datapath_policy_slot(kept->datapath) + 1;
	if (kept_policy_is_shut(kept) && target.mode != CGF_MODE_AUDIT)
		target.flags |= CGF_TARGET_SHUT;
	return target;
}

struct cgf_target kept_policy_target_now(const struct kept_policy *kept)
{
	return kept->half_written && !kept_policy_is_shut(kept) ? target_of_others(kept)
								: kept_policy_target(kept);
}

int kept_policy_retarget(struct kept_policy *kept, const struct cgf_target *target)
{
	struct kept_fence *fence, *next;
	int r, result = 0;

	HASH_ITER (hh, kept->policies->fences, fence, next) {
		if (fence->policy != kept || fence->state != FENCE_STANDING)
			continue;
		r = kept_fence_retarget(fence, target);
		if (!r || r == -ENOENT)
			continue;
		result = r;
		policies_tell(kept->policies, POLICIES_ALARM,
			      "%s: cannot write what is in force on %s: %s", kept->name,
			      fence->target, strerror(-r));
	}
	/* Then it is found to be other, and put right. */
	if (result)
		policies_prove_soon(kept->policies);
	return result;
}

/* What the old rules needed, which may not be known, and the new do; else what was. */
static struct cgf_target between(const struct kept_fence *fence, const struct cgf_target *wanted)
{
	const struct cgf_target old = fence->in_force;
	struct cgf_target target = *wanted;

	/* One that has no policy allows nothing, whatever is in the maps. */
	if (!old.policy)
		target.policy = 0;
	target.mode = old.mode;
	target.allow_wide_port_mask |= old.allow_wide_port_mask;
	target.deny_prefix_port_mask |= old.deny_prefix_port_mask;
	target.allow_prefix_port_mask |= old.allow_prefix_port_mask;
	target.listen_port_mask |= old.listen_port_mask;
	target.flags = old.flags & ~CGF_TARGET_TAKE_NETNS;
	if (kept_policy_is_shut(fence->policy) && target.mode != CGF_MODE_AUDIT)
		target.flags |= CGF_TARGET_SHUT;
	return target;
}

static bool is_same_target(const struct kept_fence *fence, const struct cgf_target *wanted)
{
	struct cgf_target now = fence->in_force;

	now.cgroup_id = wanted->cgroup_id;
	return !memcmp(&now, wanted, sizeof(now));
}

int kept_policy_widen(struct kept_policy *kept)
{
	const struct cgf_target wanted = kept_policy_target(kept);
	struct kept_fence *fence, *next;
	struct cgf_target target;
	int r, result = 0;

	HASH_ITER (hh, kept->policies->fences, fence, next) {
		if (fence->policy != kept || fence->state != FENCE_STANDING)
			continue;
		target = between(fence, &wanted);
		kept->narrowed |= !is_same_target(fence, &wanted);
		r = kept_fence_retarget(fence, &target);
		if (r && r != -ENOENT)
			result = r;
	}
	return result;
}

static void cut_each(struct kept_policy *kept, const struct cgf_target *target)
{
	struct kept_fence *fence, *next;
	size_t count = 0;
	int r;

	HASH_ITER (hh, kept->policies->fences, fence, next) {
		if (fence->policy != kept || fence->state != FENCE_STANDING)
			continue;
		r = cut_flows(kept->policies->datapath, &fence->cgroup_fd, 1, kept->datapath,
			      target, &count);
		if (r)
			policies_tell(kept->policies, POLICIES_NOTE,
				      "%s: flows of %s that are not allowed any more cannot be "
				      "cut, and will hang: %s",
				      kept->name, fence->target, strerror(-r));
	}
}

/* Of all its fences at once; what hinders that of one of them does not help the others. */
void kept_policy_cut(struct kept_policy *kept)
{
	_cleanup_free_ int *cgroup_fds = calloc(kept->fence_count + 1, sizeof(*cgroup_fds));
	const struct cgf_target target = kept_policy_target(kept);
	struct kept_fence *fence, *next;
	const char *where = NULL;
	size_t fences = 0, count = 0;

	if (!kept->narrowed || !kept->datapath ||
	    (kept->half_written && !kept_policy_is_shut(kept)))
		return;
	kept->narrowed = false;
	if (target.mode == CGF_MODE_AUDIT)
		return;
	HASH_ITER (hh, kept->policies->fences, fence, next) {
		if (!cgroup_fds || fence->policy != kept || fence->state != FENCE_STANDING)
			continue;
		cgroup_fds[fences++] = fence->cgroup_fd;
		where = fences == 1 ? fence->target : "its fences";
	}
	if (cgroup_fds && !fences)
		return;
	if (!cgroup_fds || cut_flows(kept->policies->datapath, cgroup_fds, fences, kept->datapath,
				     &target, &count))
		cut_each(kept, &target);
	else if (count)
		policies_tell(kept->policies, POLICIES_NOTE,
			      "%s: %zu flow%s of %s %s cut: not allowed any more", kept->name,
			      count, count == 1 ? "" : "s", where, count == 1 ? "was" : "were");
}

static int flush(struct kept_policy *kept)
{
	size_t refused = 0;

	if (kept_policy_is_shut(kept))
		return policy_flush_shut(kept->policy, kept->datapath, &refused);
	return policy_flush(kept->policy, kept->datapath, &refused);
}

static void tell_half_written(struct kept_policy *kept, int r, struct failure *failure)
{
	if (r == -EOVERFLOW)
		failure_set(failure, 0, "what policy %s denies has no room", kept->name);
	else if (r)
		failure_set(failure, -r, "cannot write the maps of policy %s", kept->name);
	trouble_set(&kept->why_half, r ? failure->text : NULL);
	/* It is tried again. */
	if (r)
		policies_prove_soon(kept->policies);
}

int kept_policy_flush(struct kept_policy *kept, struct failure *failure)
{
	const bool was_half_written = kept->half_written;
	struct cgf_target target;
	/* Without that nothing may go, nor what looks it up be missing. */
	int r = was_half_written ? kept_policy_widen(kept) : 0;

	if (!r)
		r = flush(kept);
	while (r == -ENOSPC && !kept_policy_enlarge(kept))
		r = flush(kept);
	kept->narrowed |= policy_take_narrowed(kept->policy);
	/* What is not allowed for want of room is told by the names, and tried again. */
	if (r == -ENOSPC)
		r = 0;
	kept->half_written = r != 0;
	tell_half_written(kept, r, failure);
	if (r == -EOVERFLOW)
		kept_policy_shut(kept, failure);
	else if (!r)
		kept_policy_unshut(kept);
	if (r || !was_half_written)
		return r;
	target = kept_policy_target(kept);
	kept_policy_retarget(kept, &target);
	kept->narrowed = true;
	kept_policy_cut(kept);
	return 0;
}
