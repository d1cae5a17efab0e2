// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fences: the table of them, and what is done on a cgroup. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cut.h"
#include "flows.h"
#include "policies_internal.h"
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

/* So that they are told of in the same order after a restart. */
static int by_name(const struct kept_fence *left, const struct kept_fence *right)
{
	return strcmp(left->name, right->name);
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
		HASH_ADD_KEYPTR_INORDER(hh, kept->policies->fences, fence->name,
					strlen(fence->name), fence, by_name);
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

int kept_fence_rename(struct kept_fence *fence, const char *target)
{
	char *copy = strdup(target);

	if (!copy)
		return -ENOMEM;
	free(fence->target);
	fence->target = copy;
	return 0;
}

/* What it has refused is not to be sent when nobody refuses it any more. */
static void cut_refused(const struct kept_fence *fence)
{
	const struct cgf_target target = kept_policy_target(fence->policy);

	if (fence->policy->datapath)
		cut_questions(fence->cgroup_fd, fence->policy->datapath, &target);
	else
		flows_cut_questions(fence->cgroup_fd);
}

void kept_fence_let_go(struct kept_fence *fence, bool pins)
{
	if (pins && fence->cgroup_fd >= 0 && fence->state == FENCE_STANDING)
		cut_refused(fence);
	/* By its links: the kernel lets go of what is only not pinned any more when it has time. */
	if (pins && fence->datapath)
		datapath_fence_end(&fence->datapath);
	else if (pins)
		datapath_fence_detach(fence->name);
	if (pins)
		kept_fence_end_asides(fence);
	datapath_fence_close(&fence->datapath);
	place_set_release(&fence->places);
	fence->places = (struct place_set){};
	texts_finish(&fence->warnings);
	fence->own.count = fence->all.count = 0;
	close_fd(&fence->cgroup_fd);
	free(TAKE_PTR(fence->cgroup));
	fence->cgroup_id = 0;
	fence->in_force = (struct cgf_target){};
}

void kept_fence_free(struct kept_fence *fence)
{
	if (fence->arrival)
		arrival_remove(&fence->arrival);
	kept_fence_let_go(fence, false);
	fence->policy->fence_count--;
	HASH_DEL(fence->policy->policies->fences, fence);
	free(fence->target);
	free(fence->obstacle.text);
	free(fence);
}

/* --- in force -------------------------------------------------------------------------------- */

struct cgf_target kept_fence_target(const struct kept_fence *fence)
{
	if (kept_policy_is_live(fence->policy) && !fence->policy->half_written)
		return kept_policy_target(fence->policy);
	return fence->in_force;
}

int kept_fence_retarget(struct kept_fence *fence, const struct cgf_target *target)
{
	/* What could not be written is so by the next proof. */
	fence->in_force = *target;
	return datapath_fence_retarget(fence->policy->policies->datapath, fence->cgroup_fd, target);
}

int kept_fence_open_cgroup(struct kept_fence *fence, const char *path, struct failure *failure)
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
	const struct policies *policies;
	int cgroup_fd;
	const char *found;
	char name[STANDING_NAME_BYTES];
};

/*
 * One that is not kept here has a link on this cgroup, and not on none: that of a run. What was
 * moved aside makes room.
 */
static void look_at_fence(const char *name, void *data)
{
	struct search *search = data;
	const struct kept_fence *kept = kept_fence_find(search->policies, name);
	char base[STANDING_NAME_BYTES];

	if (search->found || (kept && !kept->untaken) || datapath_aside_of(name, base) ||
	    !datapath_fence_is_orphan(name, search->cgroup_fd) ||
	    datapath_fence_is_orphan(name, -1))
		return;
	snprintf(search->name, sizeof(search->name), "%s", name);
	search->found = search->name;
}

/* It may be known by a process in it, or by another path. */
static int refuse_second(const struct kept_fence *fence, const struct kept_fence *other,
			 struct failure *failure)
{
	bool same = !strcmp(fence->cgroup, other->target);

	failure_set(failure, 0, "policy %s is on %.150s%s%.150s", other->policy->name,
		    fence->cgroup, same ? "" : ", as ", same ? "" : other->target);
	failure_hint(failure,
		     "cgfence detach '%.150s' first; it is open until the next fence "
		     "stands, if it is not frozen meanwhile: see cgroup.freeze",
		     other->target);
	return -EEXIST;
}

/* A cgroup has one target, and so one policy. */
static int check_alone(const struct kept_fence *fence, struct failure *failure)
{
	struct policies *policies = fence->policy->policies;
	const struct kept_fence *other;
	struct search search = { .policies = policies, .cgroup_fd = fence->cgroup_fd };

	other = kept_fence_by_cgroup(policies, fence->cgroup_id);
	if (other && other != fence)
		return refuse_second(fence, other, failure);
	datapath_each_fence(look_at_fence, &search);
	if (!search.found)
		return 0;
	failure_set(failure, 0, "the fence %s is on %s", search.found, fence->cgroup);
	return -EEXIST;
}

/* Names can be asked for when it stands. */
static void use_places(struct kept_fence *fence)
{
	struct kept_policy *kept = fence->policy;
	struct failure failure;
	int r;

	kept_fence_look(fence);
	if (!kept_policy_is_live(kept) || !kept->names)
		return;
	kept_policy_use_places(kept);
	r = kept_policy_flush(kept, &failure);
	/* That there is no room is told when it is shut for that. */
	if (r && r != -EOVERFLOW)
		policies_tell(kept->policies, POLICIES_ALARM, "%s: %s", kept->name, failure.text);
}

/* It stood without a policy, so nobody could tell whose it is, when what is pinned was read. */
static bool stands_already(struct kept_fence *fence)
{
	struct datapath *datapath = fence->policy->policies->datapath;
	struct failure failure;
	int r = datapath_fence_open(datapath, fence->name, &fence->datapath, &failure);

	if (!r && datapath_fence_cgroup(fence->datapath) == fence->cgroup_id)
		return true;
	datapath_fence_close(&fence->datapath);
	/* What is left of its links would be in the way. */
	if ((!r || r == -ENOLINK) && datapath_fence_is_orphan(fence->name, -1))
		datapath_fence_detach(fence->name);
	return false;
}

/* What is missing of one that was not whole yet is nobody's fault. */
static void let_pass(const struct standing_problem *problem, void *data)
{
	(void)problem;
	(void)data;
}

static int attach_links(struct kept_fence *fence, struct failure *failure)
{
	struct datapath *datapath = fence->policy->policies->datapath;
	int r;

	fence->in_force = kept_policy_target_now(fence->policy);
	if (stands_already(fence)) {
		r = datapath_fence_mend(datapath, fence->datapath, fence->cgroup_fd,
					&fence->in_force, let_pass, NULL);
		return r ? failure_set(failure, -r, "cannot attach what is missing") : 0;
	}
	r = datapath_fence_attach(datapath, fence->name, fence->cgroup_fd, &fence->in_force, true,
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
	int r = kept_fence_open_cgroup(fence, path, failure);

	fence->untaken = false;
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
	fence->seeks = 0;
	fence->policy->narrowed = true;
	kept_policy_cut(fence->policy);
	kept_fence_watch(fence, path);
	/* Whoever came in meanwhile, from elsewhere. */
	if (kept_fence_look(fence))
		use_places(fence);
	kept_fence_count_strangers(fence);
	kept_fence_warn(fence);
	policies_prove_soon(fence->policy->policies);
	return 0;
}
