/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What becomes of a verdict: it is counted, a denial is recorded, and in audit mode it is let
 * through. Nothing that fails here changes a verdict.
 */
#ifndef CGFENCE_DECISION_BPF_H
#define CGFENCE_DECISION_BPF_H

#include "policy.bpf.h"

static __always_inline struct cgf_counters *counters_of(__u32 slot)
{
	void *map = bpf_map_lookup_elem(&counters_maps, &slot);
	__u32 zero = 0;

	return map ? bpf_map_lookup_elem(map, &zero) : NULL;
}

/* Since 5.12 a program can be preempted by another one on the same CPU; hence the atomic add. */
static __always_inline void count(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

/*
 * On the path of every flow that is allowed, where the atomic add would be a sixth of all it costs:
 * one that is preempted between load and store may count for two.
 */
static __always_inline void count_roughly(__u64 *counter)
{
	*counter += 1;
}

/* Who called. A packet is sent by whatever task happens to run. */
static __always_inline void decision_record_task(struct cgf_decision *record)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();

	record->pid = pid_tgid >> 32;
	record->tid = (__u32)pid_tgid;
	record->uid = (__u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(record->comm, sizeof(record->comm));
}

static __always_inline void decision_record(struct cgf_decision *record,
					    const struct cgf_target *target,
					    const struct cgf_flow *flow,
					    const struct cgf_outcome *outcome,
					    enum cgf_verdict enforced)
{
	__builtin_memset(record, 0, sizeof(*record));
	/* The coarse clock is not for every program type. */
	record->time_ns = bpf_ktime_get_ns();
	record->socket_cookie = outcome->cookie;
	record->cgroup_id = target->cgroup_id;
	record->rule = outcome->rule;
	record->port = flow->port;
	record->protocol = flow->protocol;
	record->verdict = enforced;
	record->hook = flow->hook;
	record->reason = outcome->reason;
	record->flags = outcome->flags;
	record->family = flow->family;
	record->socket_type = flow->socket_type;
	record->local_port = outcome->local_port;
	record->option_level = outcome->option_level;
	record->option = outcome->option;
	__builtin_memcpy(record->address, flow->key.address, sizeof(record->address));
}

static __always_inline void decision_report(__u32 slot, struct cgf_counters *counted,
					    const struct cgf_target *target,
					    const struct cgf_flow *flow,
					    const struct cgf_outcome *outcome,
					    enum cgf_verdict enforced, bool by_task)
{
	void *ring = bpf_map_lookup_elem(&decisions_maps, &slot);
	struct cgf_decision *record = NULL;

	if (ring)
		record = bpf_ringbuf_reserve(ring, sizeof(*record), 0);
	if (!record) {
		if (counted)
			count(&counted->records_lost);
		return;
	}
	decision_record(record, target, flow, outcome, enforced);
	if (by_task)
		decision_record_task(record);
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

static __always_inline enum cgf_verdict decision_deny(__u32 slot, const struct cgf_target *target,
						      const struct cgf_flow *flow,
						      const struct cgf_outcome *outcome,
						      bool by_task)
{
	enum cgf_verdict enforced = target->mode == CGF_MODE_AUDIT ? CGF_ALLOW : CGF_DENY;
	struct cgf_counters *counted = counters_of(slot);

	if (counted)
		count(enforced == CGF_ALLOW ? &counted->audited : &counted->denied);
	decision_report(slot, counted, target, flow, outcome, enforced, by_task);
	return enforced;
}

/* `by_task`: whether the current task is the one that asked. */
#define BY_TASK true
#define BY_NOBODY false

/*
 * The verdict that the kernel gets: what was decided, or in audit mode always "allow". `by_task` is
 * a constant: not every program type may ask who calls.
 */
static __always_inline enum cgf_verdict decision_apply(__u32 slot, const struct cgf_target *target,
						       const struct cgf_flow *flow,
						       const struct cgf_outcome *outcome,
						       bool by_task)
{
	struct cgf_counters *counted;

	if (outcome->verdict == CGF_DENY)
		return decision_deny(slot, target, flow, outcome, by_task);
	counted = counters_of(slot);
	if (counted)
		count_roughly(&counted->allowed);
	return CGF_ALLOW;
}

#endif
