// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "fence.h"

#include <errno.h>
#include <sys/resource.h>

#include "collect.h"
#include "cut.h"
#include "flows.h"

/* Two runs may have one pid in two pid namespaces that share the cgroup or the BPF file system. */
#define NAMES_MAX 100

/* The cgroup and the policy's maps, under one name. */
static int create_named(struct fence *fence, const char *parent, const char *name,
			uint32_t capacity, struct failure *failure)
{
	int r = cgroup_create(parent, name, &fence->cgroup, failure);

	if (r)
		return r;
	r = datapath_policy_create(fence->datapath, name, capacity, &fence->policy, failure);
	if (r)
		cgroup_remove(&fence->cgroup);
	return r;
}

static int create(struct fence *fence, const char *parent, uint32_t capacity,
		  struct failure *failure)
{
	char name[CGROUP_NAME_BYTES];
	int i, r = -EEXIST;

	snprintf(name, sizeof(name), COLLECT_PREFIX "%d", (int)getpid());
	for (i = 1; r == -EEXIST && i <= NAMES_MAX; i++) {
		r = create_named(fence, parent, name, capacity, failure);
		snprintf(name, sizeof(name), COLLECT_PREFIX "%d-%d", (int)getpid(), i);
	}
	return r;
}

static int attach(struct fence *fence, const struct policy *policy,
		  const struct fence_options *options, struct failure *failure)
{
	struct cgf_target target = policy_target(policy);

	target.policy = datapath_policy_slot(fence->policy) + 1;
	target.flags |= CGF_TARGET_TAKE_NETNS;
	if (options->filtered)
		target.flags |= CGF_TARGET_TCP_QUESTIONS;
	if (options->any_question)
		target.flags |= CGF_TARGET_ANY_QUESTION;
	return datapath_fence_attach(fence->datapath, fence->cgroup.name, fence->cgroup.fd, &target,
				     options->families, failure);
}

int fence_keep(const struct fence *fence)
{
	return datapath_keep(fence->datapath, fence->policy);
}

bool fence_holds_families(const struct fence *fence)
{
	return datapath_holds_families(fence->datapath);
}

/*
 * Before 5.11 all memory of BPF counts as locked memory of the user, that of every fence there is
 * and of an attachment too. libbpf sees to it only when it loads or makes a map. Without
 * CAP_SYS_RESOURCE the hard limit has to do.
 */
static void memlock_raise(struct rlimit *ret_old)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (getrlimit(RLIMIT_MEMLOCK, ret_old))
		*ret_old = limit;
	if (!setrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	limit.rlim_cur = limit.rlim_max = ret_old->rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &limit);
}

static int create_in(struct fence *ret_fence, const char *parent, const struct policy *policy,
		     const struct fence_options *options, struct failure *failure)
{
	struct fence fence = { .cgroup.fd = -1 };
	int r = datapath_open(&fence.datapath, failure);

	if (r)
		return r;
	collect_dead_runs(fence.datapath, parent);
	r = create(&fence, parent, policy_capacity(policy), failure);
	if (!r) {
		r = attach(&fence, policy, options, failure);
		if (r) {
			cgroup_remove(&fence.cgroup);
			datapath_policy_destroy(fence.datapath, &fence.policy);
		}
	}
	datapath_unlock(fence.datapath);
	if (r)
		datapath_close(&fence.datapath);
	else
		*ret_fence = fence;
	return r;
}

void fence_shut(struct fence *fence)
{
	const struct cgf_target nothing = {};
	size_t count;

	if (datapath_fence_retarget(fence->datapath, fence->cgroup.fd, &nothing))
		cgroup_empty(&fence->cgroup);
	else
		flows_cut_all(fence->cgroup.fd, &count);
}

int fence_cut(const struct fence *fence, const struct policy *policy, size_t *ret_count)
{
	const struct cgf_target target = policy_target(policy);

	return cut_flows(fence->datapath, &fence->cgroup.fd, 1, fence->policy, &target, ret_count);
}

int fence_create(struct fence *ret_fence, const struct policy *policy,
		 const struct fence_options *options, struct failure *failure)
{
	char parent[CGROUP_PATH_BYTES];
	struct rlimit memlock;
	int r = cgroup_parent(parent, failure);

	if (r)
		return r;
	memlock_raise(&memlock);
	r = create_in(ret_fence, parent, policy, options, failure);
	/* The command has the limit that it would have without a fence. */
	setrlimit(RLIMIT_MEMLOCK, &memlock);
	return r;
}

/*
 * A cgroup that can be removed has nobody in it: only then do the programs go. What they have
 * refused must not be sent then.
 */
static int remove_all(struct fence *fence, struct failure *failure)
{
	struct cgf_counters counters = { .denied = 1 };
	int r;

	datapath_counters(fence->policy, &counters);
	if (counters.denied)
		flows_cut_questions(fence->cgroup.fd);
	r = cgroup_remove(&fence->cgroup);

	if (r)
		return failure_set(failure, -r, "the fence of %s stays", fence->cgroup.path);
	datapath_fence_detach(fence->cgroup.name);
	datapath_policy_destroy(fence->datapath, &fence->policy);
	return 0;
}

int fence_destroy(struct fence *fence, struct failure *failure)
{
	int r = cgroup_empty(&fence->cgroup);

	if (r) {
		failure_set(failure, -r, "what is left running in %s cannot be ended",
			    fence->cgroup.path);
	} else {
		r = datapath_lock(fence->datapath, false, failure);
		if (!r)
			r = remove_all(fence, failure);
	}
	cgroup_close(&fence->cgroup);
	datapath_policy_close(&fence->policy);
	datapath_close(&fence->datapath);
	return r;
}
