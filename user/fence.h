/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The fence of one run: a cgroup of its own, the maps of its policy, and the programs attached, so
 * that a command can be started inside. Made whole or not at all.
 */
#ifndef CGFENCE_FENCE_H
#define CGFENCE_FENCE_H

#include "cgroup.h"
#include "datapath.h"
#include "policy.h"

struct fence {
	struct datapath *datapath;
	struct datapath_policy *policy;
	struct cgroup cgroup;
};

/*
 * Collects what dead runs left, then makes "run-<pid>". Nothing passes until the policy is written.
 * The network namespace of the fence, for which its resolvers are, is that of the first to ask it:
 * see CGF_TARGET_TAKE_NETNS.
 */
struct fence_options {
	bool families;	   /* see datapath_fence_attach() */
	bool any_question; /* questions for any name may be asked */
	bool filtered;	   /* the command cannot send pages that change: see filter.h */
};
int fence_create(struct fence *ret_fence, const struct policy *policy,
		 const struct fence_options *options, struct failure *failure);
/* Whether AF_PACKET, AF_VSOCK and so on are refused, if it was asked for. */
bool fence_holds_families(const struct fence *fence);

/* Tells the datapath that this process answers refused questions: see datapath_keep(). -errno. */
int fence_keep(const struct fence *fence);

/*
 * Denies everything from now on, whatever the policy allows, and cuts what is connected. If even
 * that fails, all inside ends.
 */
void fence_shut(struct fence *fence);

/*
 * Cuts the live flows that the datapath does not let pass any more: the application sees
 * ECONNABORTED at once, rather than nothing. What cannot be cut is held by the datapath all the
 * same.
 */
int fence_cut(const struct fence *fence, const struct policy *policy, size_t *ret_count);

/*
 * Ends what is left inside, and removes all of it. If a process cannot be ended the fence stays,
 * for the next run to collect, and -EBUSY is returned.
 */
int fence_destroy(struct fence *fence, struct failure *failure);

#endif
