// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The one object. Each hook closes something that the others cannot see; README.md says which.
 *
 *   connect4/6    TCP connect and UDP connect, refused at once
 *   sendmsg4/6    UDP to an address, also on a connected socket
 *   sock_create   sockets whose traffic none of the hooks could judge
 */
#include "decision.bpf.h"

/* A cgroup program that returns 0 makes the call fail with EPERM. */
#define REFUSE 0
#define PASS 1

/* The policy where this program is attached; false if there is none, and then nothing passes. */
static __always_inline bool target_slot(const struct cgf_target *target, __u32 *ret_slot)
{
	*ret_slot = target->policy - 1;
	return target->policy != 0;
}

static __always_inline int judge(struct bpf_sock_addr *ctx, struct cgf_flow *flow)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_outcome outcome = {};
	__u64 cookie = 0;
	__u8 flags = 0;
	__u32 slot;

	if (!target_slot(target, &slot))
		return REFUSE;
	policy_decide(slot, target, flow, &outcome);
	if (outcome.verdict == CGF_DENY) {
		flow_describe(flow, ctx);
		flags = policy_is_probe(slot, target, flow) ? CGF_FLAG_PROBE : 0;
		cookie = bpf_get_socket_cookie(ctx);
	}
	return decision_apply(slot, target, flow, &outcome, flags, cookie) == CGF_ALLOW ? PASS
											: REFUSE;
}

static __always_inline int connect4_impl(struct bpf_sock_addr *ctx)
{
	struct cgf_flow flow = {};

	flow_from_ipv4(&flow, ctx, CGF_HOOK_CONNECT);
	return judge(ctx, &flow);
}

static __always_inline int connect6_impl(struct bpf_sock_addr *ctx)
{
	struct cgf_flow flow = {};

	flow_from_ipv6(&flow, ctx, CGF_HOOK_CONNECT);
	return judge(ctx, &flow);
}

static __always_inline int sendmsg4_impl(struct bpf_sock_addr *ctx)
{
	struct cgf_flow flow = {};

	flow_from_ipv4(&flow, ctx, CGF_HOOK_SENDMSG);
	if (!flow_complete_ipv4(&flow, ctx))
		return REFUSE;
	return judge(ctx, &flow);
}

static __always_inline int sendmsg6_impl(struct bpf_sock_addr *ctx)
{
	struct cgf_flow flow = {};

	flow_from_ipv6(&flow, ctx, CGF_HOOK_SENDMSG);
	if (!flow_complete_ipv6(&flow, ctx))
		return REFUSE;
	return judge(ctx, &flow);
}

/* MPTCP is refused so that the caller takes TCP, as it must be ready to: no one's failed attempt.
 */
static __always_inline int sock_create_impl(struct bpf_sock *ctx)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_outcome outcome = {
		.verdict = CGF_DENY,
		.reason = CGF_REASON_SOCKET_TYPE,
		.rule = CGF_RULE_NONE,
	};
	struct cgf_flow flow = {
		.hook = CGF_HOOK_SOCKET,
		.family = ctx->family,
		.socket_type = ctx->type,
		.protocol = ctx->protocol,
	};
	__u8 flags = flow.protocol == IPPROTO_MPTCP ? CGF_FLAG_PROBE : 0;
	__u32 slot;

	if (!target_slot(target, &slot))
		return REFUSE;
	if (policy_allows_socket(ctx->type, ctx->protocol))
		return PASS;
	if (decision_apply(slot, target, &flow, &outcome, flags, 0) == CGF_ALLOW)
		return PASS;
	if (has_set_retval)
		bpf_set_retval(-EPROTONOSUPPORT);
	return REFUSE;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	return connect4_impl(ctx);
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	return connect6_impl(ctx);
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	return sendmsg4_impl(ctx);
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *ctx)
{
	return sendmsg6_impl(ctx);
}

SEC("cgroup/sock_create")
int sock_create(struct bpf_sock *ctx)
{
	return sock_create_impl(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
