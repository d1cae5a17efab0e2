// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fences: attached and detached. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "flows.h"
#include "policies_internal.h"
#include "policydir.h"
#include "tree.h"

/* --- the table ------------------------------------------------------------------------------- */

struct kept_fence *kept_fence_find(const struct policies *policies, const char *name)
{
	struct kept_fence *fence;

	HASH_FIND_STR(policies->fences, name, fence);
	return fence;
}

struct kept_fence *kept_fence_by_cgroup(const struct policies *policies, uint64_t cgroup_id)
{
	struct kept_fence *fence, *next;

	HASH_ITER (hh, policies->fences, fence, next)
		if (fence->state == FENCE_STANDING && fence->cgroup_id == cgroup_id)
			return fence;
	return NULL;
}

const char *policies_fence_name(const struct policies *policies, uint64_t cgroup_id)
{
	const struct kept_fence *fence = kept_fence_by_cgroup(policies, cgroup_id);

	return fence ? fence->name : NULL;
}

struct kept_fence *kept_fence_new(struct kept_policy *kept, const char *name, const char *target)
{
	struct kept_fence *fence = calloc(1, sizeof(*fence)), *added;

	if (!fence)
		return NULL;
	fence->policy = kept;
	fence->cgroup_fd = -1;
	fence->state = FENCE_WAITING;
	snprintf(fence->name, sizeof(fence->name), "%s", name);
	fence->target = strdup(target);
	if (fence->target) {
		HASH_ADD_STR(kept->policies->fences, name, fence);
		HASH_FIND_STR(kept->policies->fences, name, added);
		if (added == fence) {
			kept->fence_count++;
			return fence;
		}
	}
	free(fence->target);
	free(fence);
	return NULL;
}

void kept_fence_let_go(struct kept_fence *fence, bool pins)
{
	datapath_fence_close(&fence->datapath);
	if (pins && fence->cgroup_fd >= 0 && fence->state == FENCE_STANDING)
		flows_cut_questions(fence->cgroup_fd);
	if (pins)
		datapath_fence_detach(fence->name);
	place_set_release(&fence->places);
	fence->places = (struct place_set){};
	texts_finish(&fence->warnings);
	fence->own.count = fence->all.count = 0;
	close_fd(&fence->cgroup_fd);
	free(TAKE_PTR(fence->cgroup));
	fence->cgroup_id = 0;
}

void kept_fence_free(struct kept_fence *fence)
{
	if (fence->arrival)
		arrival_remove(&fence->arrival);
	kept_fence_let_go(fence, false);
	fence->policy->fence_count--;
	HASH_DEL(fence->policy->policies->fences, fence);
	free(fence->target);
	free(fence);
}

/* --- in force -------------------------------------------------------------------------------- */

struct cgf_target kept_fence_target(const struct kept_fence *fence)
{
	struct cgf_target target = {};

	if (kept_policy_is_live(fence->policy))
		target = kept_policy_target(fence->policy);
	else
		datapath_fence_target(fence->policy->policies->datapath, fence->datapath, &target);
	return target;
}

static int open_cgroup(struct kept_fence *fence, const char *path, struct failure *failure)
{
	struct stat st;
	int r = tree_open(path, &fence->cgroup_fd);

	if (!r && fstat(fence->cgroup_fd, &st))
		r = -errno;
	if (r)
		return failure_set(failure, -r, "cannot open the cgroup %s", path);
	fence->cgroup_id = st.st_ino;
	free(fence->cgroup);
	fence->cgroup = strdup(path);
	return 0;
}

struct search {
	int cgroup_fd;
	const char *found;
	char name[STANDING_NAME_BYTES];
};

/* Another one's link is on this cgroup, and not on none. */
static void look_at_fence(const char *name, void *data)
{
	struct search *search = data;

	if (search->found || !datapath_fence_is_orphan(name, search->cgroup_fd) ||
	    datapath_fence_is_orphan(name, -1))
		return;
	snprintf(search->name, sizeof(search->name), "%s", name);
	search->found = search->name;
}

/* A cgroup has one target, and so one policy. */
static int check_alone(const struct kept_fence *fence, struct failure *failure)
{
	struct policies *policies = fence->policy->policies;
	const struct kept_fence *other;
	struct search search = { .cgroup_fd = fence->cgroup_fd };

	other = kept_fence_by_cgroup(policies, fence->cgroup_id);
	if (other && other != fence)
		return failure_set(failure, EEXIST, "%s is the cgroup of %s, which policy %s is on",
				   fence->cgroup, other->target, other->policy->name);
	datapath_each_fence(look_at_fence, &search);
	if (search.found && strcmp(search.found, fence->name) != 0)
		return failure_set(failure, EEXIST, "the fence %s is on %s", search.found,
				   fence->cgroup);
	return 0;
}

/* Names can be asked for when it stands. */
static void use_places(struct kept_fence *fence)
{
	struct kept_policy *kept = fence->policy;
	struct failure failure;

	kept_fence_look(fence);
	if (!kept_policy_is_live(kept) || !kept->names)
		return;
	kept_policy_use_places(kept);
	if (kept_policy_flush(kept, &failure))
		policies_tell(kept->policies, POLICIES_ALARM, "%s: %s", kept->name, failure.text);
}

static int attach_links(struct kept_fence *fence, struct failure *failure)
{
	struct datapath *datapath = fence->policy->policies->datapath;
	const struct cgf_target target = kept_policy_target(fence->policy);
	int r = datapath_fence_attach(datapath, fence->name, fence->cgroup_fd, &target, true,
				      failure);

	if (r)
		return r;
	r = datapath_fence_open(datapath, fence->name, &fence->datapath, failure);
	if (r)
		datapath_fence_detach(fence->name);
	return r;
}

int kept_fence_attach(struct kept_fence *fence, const char *path, struct failure *failure)
{
	int r = open_cgroup(fence, path, failure);

	if (!r)
		r = check_alone(fence, failure);
	if (!r) {
		/* As if it stood: so what is asked inside is known before it does. */
		fence->state = FENCE_STANDING;
		use_places(fence);
		r = attach_links(fence, failure);
	}
	if (r) {
		fence->state = FENCE_WAITING;
		kept_fence_let_go(fence, false);
		return r;
	}
	fence->since = time(NULL);
	fence->seek_ns = 0;
	fence->seeks = 0;
	fence->policy->narrowed = true;
	kept_policy_cut(fence->policy);
	kept_fence_watch(fence, path);
	/* Whoever came in meanwhile, from elsewhere. */
	if (kept_fence_look(fence))
		use_places(fence);
	policies_prove_soon(fence->policy->policies);
	return 0;
}

int kept_fence_adopt(struct kept_fence *fence, struct failure *failure)
{
	struct policies *policies = fence->policy->policies;
	_cleanup_free_ char *path = NULL;
	int r = datapath_fence_open(policies->datapath, fence->name, &fence->datapath, failure);

	if (r)
		return r;
	fence->cgroup_id = datapath_fence_cgroup(fence->datapath);
	r = fence->cgroup_id ? tree_find_path(policies->cgroup2_fd, fence->cgroup_id, &path)
			     : -ENOLINK;
	if (!r)
		r = open_cgroup(fence, path, failure);
	if (r)
		return r == -ENOENT ? -ENOLINK : r;
	fence->state = FENCE_STANDING;
	fence->since = time(NULL);
	kept_fence_look(fence);
	kept_fence_watch(fence, path);
	return 0;
}

/* --- attach ---------------------------------------------------------------------------------- */

struct request {
	struct kept_policy *kept;
	struct target_name target;
	char text[TARGET_TEXT_BYTES], name[TARGET_FENCE_BYTES], path[CGROUP_PATH_BYTES];
	bool found, persistent;
};

static int find_target(struct request *request, const char *target, struct policies_error *error)
{
	int r = target_name_parse(target, &request->target, &error->failure);

	if (r)
		return policies_fail(error, POLICIES_INVALID_TARGET, r);
	target_name_format(&request->target, request->text);
	target_name_fence(&request->target, request->name);
	r = target_name_find(&request->target, request->path, &error->failure);
	request->found = !r;
	if (r == -EINVAL)
		return policies_fail(error, POLICIES_INVALID_TARGET, r);
	if (r && !request->persistent)
		return policies_fail(error, POLICIES_NO_SUCH_TARGET, r);
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
		    request->kept->problem ? request->kept->problem : "it has no rules");
	return policies_fail(error, POLICIES_INVALID_POLICY, -EINVAL);
}

static int store_target(const struct request *request, struct policies_error *error)
{
	const struct policydir *dir = request->kept->policies->options.dir;
	int r = 0;

	if (request->persistent)
		r = policydir_add_target(dir, request->kept->name, request->text, &error->failure);
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
			if (request->persistent)
				policydir_remove_target(policies->options.dir, request->kept->name,
							request->text, NULL);
			return r;
		}
	} else {
		kept_fence_watch(fence, NULL);
	}
	*ret_fence = fence;
	return 0;
}

/* One of the same target: it may become persistent. */
static int check_again(const struct request *request, const struct kept_fence *fence,
		       struct policies_error *error)
{
	bool other = fence->policy != request->kept;

	if (!other && request->persistent && !fence->persistent)
		return 0;
	failure_set(&error->failure, 0, "policy %s is on %s", fence->policy->name, fence->target);
	if (other)
		failure_hint(&error->failure, "detach it first; a cgroup above or below may have "
					      "another policy, and both must allow");
	return policies_fail(error, POLICIES_EXISTS, -EEXIST);
}

int policies_attach(struct policies *policies, const char *policy, const char *target,
		    bool persistent, struct policies_fence *ret_fence, struct policies_error *error)
{
	struct request request = { .persistent = persistent };
	struct kept_fence *fence;
	int r = find_policy(policies, policy, &request, error);

	if (!r)
		r = find_target(&request, target, error);
	if (!r)
		r = check_persistent(&request, error);
	if (r)
		return r;
	r = datapath_lock(policies->datapath, false, &error->failure);
	if (r)
		return policies_fail(error, POLICIES_KERNEL, r);
	fence = kept_fence_find(policies, request.name);
	if (fence && fence->state == FENCE_GONE) {
		kept_fence_free(fence);
		fence = NULL;
	}
	if (fence)
		r = check_again(&request, fence, error);
	if (!r)
		r = store_target(&request, error);
	if (!r && fence)
		fence->persistent = true;
	else if (!r)
		r = attach_new(&request, &fence, error);
	datapath_unlock(policies->datapath);
	if (!r)
		kept_fence_describe(fence, ret_fence);
	return r;
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

/* Without a file it is there only for its fences. */
static void drop_if_unused(struct kept_policy *kept)
{
	if (!kept->fence_count && !kept->policy && !kept->has_file)
		kept_policy_destroy(kept);
}

int policies_detach(struct policies *policies, const char *target, struct policies_fence *ret_fence,
		    struct policies_error *error)
{
	struct kept_fence *fence = find_fence(policies, target);
	struct kept_policy *kept;
	int r;

	if (!fence) {
		failure_set(&error->failure, 0, "no policy is on '%.200s'", target);
		return policies_fail(error, POLICIES_NOT_FOUND, -ENOENT);
	}
	kept = fence->policy;
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
	kept_fence_describe_last(fence, ret_fence);
	kept_fence_let_go(fence, true);
	kept_fence_free(fence);
	drop_if_unused(kept);
	datapath_unlock(policies->datapath);
	return 0;
}
