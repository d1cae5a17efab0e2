/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ends what a fence does not let pass any more: who sends on it sees ECONNABORTED at once, rather
 * than nothing. What cannot be cut is held by the datapath all the same.
 */
#ifndef CGFENCE_CUT_H
#define CGFENCE_CUT_H

#include <stddef.h>

struct cgf_target;
struct datapath;
struct datapath_policy;

/* In cgroups that have the policy. -errno as of flows_cut(). */
int cut_flows(const struct datapath *datapath, const int *cgroup_fds, size_t cgroup_count,
	      struct datapath_policy *policy, const struct cgf_target *target, size_t *ret_count);

/* As flows_cut_questions(), but not what a rule allows, nor of an audit, which refuses nothing. */
int cut_questions(int cgroup_fd, const struct datapath_policy *policy,
		  const struct cgf_target *target);

#endif
