// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is asked for: a policy on a target, and off it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "policies_internal.h"
#include "policydir.h"
#include "tree.h"

/* --- attach ---------------------------------------------------------------------------------- */

struct request {
	struct kept_policy *kept;
	struct target_name target;
	char text[TARGET_TEXT_BYTES], name[TARGET_FENCE_BYTES], path[CGROUP_PATH_BYTES];
	bool found, persistent;
	bool added; /* to the file, which had no such line */
};

static int find_target(struct policies *policies, struct request *request, const char *target,
		       struct policies_error *error)
{
	int r = target_name_parse(target, &request->target, &error->failure);

	if (r)
		return policies_fail(error, POLICIES_INVALID_TARGET, r);
	target_name_format(&request->target, request->text);
	target_name_fence(&request->target, request->name);
	r = policies_find_target(policies, &request->target, request->path, &error->failure);
	request->found = !r;
	if (r == -EINVAL)
		return policies_fail(error, POLICIES_INVALID_TARGET, r);
	if (r && !request->persistent)
		return policies_fail(error,
				     r == -ENOENT ? POLICIES_NO_SUCH_TARGET : POLICIES_KERNEL, r);
	return 0;
}

static int find_policy(struct policies *policies, const char *name, struct request *request,
		       struct policies_error *error)
{
	request->kept = kept_policy_find(policies, name);
	if (!request->kept) {
		failure_set(&error->failure, 0, "there is no policy '%.100s'", name);
		return policies_fail(error, POLICIES_NOT_FOUND, -ENOENT);
	}
	if (kept_policy_is_live(request->kept))
		return 0;
	failure_set(&error->failure, 0, "policy %s cannot be put in force: %s", name,
		    request->kept->problem.text ? request->kept->problem.text : "it has no rules");
	return policies_fail(error, POLICIES_INVALID_POLICY, -EINVAL);
}

static int store_target(struct request *request, struct policies_error *error)
{
	const struct policydir *dir = request->kept->policies->options.dir;
	int r = 0;

	if (request->persistent)
		r = policydir_add_target(dir, request->kept->name, request->text, &request->added,
					 &error->failure);
	return r ? policies_fail(error, POLICIES_STORAGE, r) : 0;
}

/* A process comes once. */
static int check_persistent(const struct request *request, struct policies_error *error)
{
	if (!request->persistent || request->target.kind != TARGET_PID)
		return 0;
	failure_set(&error->failure, 0, "a process does not come again: attach to its cgroup");
	return policies_fail(error, POLICIES_INVALID_TARGET, -EINVAL);
}

static int attach_new(const struct request *request, struct kept_fence **ret_fence,
		      struct policies_error *error)
{
	struct policies *policies = request->kept->policies;
	struct kept_fence *fence = kept_fence_new(request->kept, request->name, request->text);
	int r;

	if (!fence) {
		failure_set(&error->failure, ENOMEM, "cannot attach to %s", request->text);
		return policies_fail(error, POLICIES_INTERNAL, -ENOMEM);
	}
	fence->persistent = request->persistent;
	if (request->found) {
		r = kept_fence_attach(fence, request->path, &error->failure);
		if (r) {
			kept_fence_free(fence);
			policies_fail(error, r == -EEXIST ? POLICIES_EXISTS : POLICIES_KERNEL, r);
			if (request->added)
				policydir_remove_target(policies->options.dir, request->kept->name,
							request->text, NULL);
			return r;
		}
	} else {
		kept_fence_wait(fence);
	}
	*ret_fence = fence;
	return 0;
}

/* One of the same target: it may become persistent. */
static int check_again(const struct request *request, const struct kept_fence *fence,
		       struct policies_error *error)
{
	bool other = fence->policy != request->kept;

	if (!other)
		return 0;
	failure_set(&error->failure, 0, "policy %s is on %s", fence->policy->name, fence->target);
	failure_hint(&error->failure, "detach it first; a cgroup above or below may have another "
				      "policy, and both must allow");
	return policies_fail(error, POLICIES_EXISTS, -EEXIST);
}

static bool is_elsewhere(const struct kept_fence *fence, const char *path)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (fence->state == FENCE_STANDING)
		return !stat(path, &st) && st.st_ino != fence->cgroup_id;
	return fence->state == FENCE_UNREPLACED && !tree_open(path, &fd) &&
	       !kept_fence_is_orphan(fence, fd);
}

/* A process or a container of that name may be another by now, and is not fenced by this one. */
static int check_same(const struct request *request, const struct kept_fence *fence,
		      struct policies_error *error)
{
	if (!request->found || !is_elsewhere(fence, request->path))
		return 0;
	failure_set(&error->failure, 0,
		    "%.100s is in %.150s now, and the fence of that name on %.150s", fence->target,
		    request->path, fence->cgroup ? fence->cgroup : "another");
	failure_hint(&error->failure, "detach it first, or attach to the directory of the cgroup");
	return policies_fail(error, POLICIES_EXISTS, -EEXIST);
}

/* What one of another contract was on may be gone: then it waits, or is no more. */
static struct kept_fence *find_to_attach(struct policies *policies, const char *name)
{
	struct kept_fence *fence = kept_fence_find(policies, name);

	if (!fence || fence->state != FENCE_UNREPLACED)
		return fence;
	kept_fence_check_stale(fence);
	return kept_fence_find(policies, name);
}

/* What it waited for may have come just now, or be there and not to be fenced. */
static int seek_again(const struct request *request, struct kept_fence *fence, bool *unchanged,
		      struct policies_error *error)
{
	if (kept_fence_stands(fence) || !request->found)
		return 0;
	*unchanged = false;
	kept_fence_seek(fence);
	if (fence->state == FENCE_STANDING)
		return 0;
	failure_set(&error->failure, 0, "cannot attach to %s: %s", fence->target,
		    fence->obstacle.text ? fence->obstacle.text : "it has gone again");
	return policies_fail(error, POLICIES_KERNEL, -EBUSY);
}

int policies_attach(struct policies *policies, const char *policy, const char *target,
		    bool persistent, struct policies_fence *ret_fence, struct policies_error *error)
{
	struct request request = { .persistent = persistent };
	struct kept_fence *fence;
	bool unchanged = false;
	int r = find_policy(policies, policy, &request, error);

	if (!r)
		r = find_target(policies, &request, target, error);
	if (!r)
		r = check_persistent(&request, error);
	if (r)
		return r;
	r = datapath_lock(policies->datapath, false, &error->failure);
	if (r)
		return policies_fail(error, POLICIES_KERNEL, r);
	fence = find_to_attach(policies, request.name);
	if (fence)
		r = check_again(&request, fence, error);
	if (!r && fence)
		r = check_same(&request, fence, error);
	if (!r && fence && kept_fence_rename(fence, request.text))
		r = policies_fail(error, POLICIES_INTERNAL, -ENOMEM);
	if (!r)
		r = store_target(&request, error);
	if (!r && fence) {
		unchanged = fence->persistent || !persistent;
		fence->persistent |= persistent;
		if (fence->state == FENCE_UNREPLACED && persistent)
			kept_fence_watch(fence, NULL);
		r = seek_again(&request, fence, &unchanged, error);
	} else if (!r) {
		r = attach_new(&request, &fence, error);
	}
	datapath_unlock(policies->datapath);
	if (r)
		return r;
	kept_fence_describe(fence, ret_fence);
	ret_fence->unchanged = unchanged;
	return 0;
}

/* --- detach ---------------------------------------------------------------------------------- */

/* By its target, or, of one that is not written like that any more, by its own name. */
static struct kept_fence *find_fence(struct policies *policies, const char *target)
{
	struct target_name name;
	char text[TARGET_FENCE_BYTES];
	struct kept_fence *fence = NULL;

	if (!target_name_parse(target, &name, NULL))
		fence = kept_fence_find(policies, target_name_fence(&name, text));
	return fence ? fence : kept_fence_find(policies, target);
}

/* One that could be no target at all is told as attach does. */
static int no_fence(const struct policies *policies, const char *target,
		    struct policies_error *error)
{
	const struct kept_fence *other = NULL;
	struct target_name name;
	struct stat st;

	if (target_name_parse(target, &name, &error->failure))
		return policies_fail(error, POLICIES_INVALID_TARGET, -EINVAL);
	failure_set(&error->failure, 0, "no policy is on '%.200s'", target);
	if (name.kind == TARGET_CGROUP && !stat(name.text, &st))
		other = kept_fence_by_cgroup(policies, st.st_ino);
	if (other)
		failure_set(&error->failure, 0, "policy %s is on '%.150s' as %.150s: detach that",
			    other->policy->name, target, other->target);
	return policies_fail(error, POLICIES_NOT_FOUND, -ENOENT);
}

int policies_detach(struct policies *policies, const char *target, struct policies_fence *ret_fence,
		    struct policies_error *error)
{
	struct kept_fence *fence = find_fence(policies, target);
	struct kept_policy *kept;
	int r;

	if (!fence)
		return no_fence(policies, target, error);
	kept = fence->policy;
	r = kept_fence_describe_last(fence, ret_fence);
	if (r) {
		failure_set(&error->failure, -r, "cannot detach from %s", fence->target);
		return policies_fail(error, POLICIES_INTERNAL, r);
	}
	r = datapath_lock(policies->datapath, false, &error->failure);
	if (r)
		return policies_fail(error, POLICIES_KERNEL, r);
	r = fence->persistent ? policydir_remove_target(policies->options.dir, kept->name,
							fence->target, &error->failure)
			      : 0;
	if (r) {
		datapath_unlock(policies->datapath);
		return policies_fail(error, POLICIES_STORAGE, r);
	}
	kept_fence_let_go(fence, true);
	kept_fence_free(fence);
	kept_policy_drop_if_unused(kept);
	datapath_unlock(policies->datapath);
	return 0;
}
