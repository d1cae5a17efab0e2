/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a process asks for, refused in the call: connect, sendto, bind, socket, setsockopt. */
#ifndef CGFENCE_CALLS_BPF_H
#define CGFENCE_CALLS_BPF_H

#include "asked.bpf.h"
#include "decision.bpf.h"
#include "inbound.bpf.h"
#include "sockopt.bpf.h"
#include "target.bpf.h"

/* A UDP server may answer, from the socket that heard. */
static __always_inline bool answers_peer(__u32 slot, const struct cgf_flow *flow,
					 const struct cgf_outcome *outcome)
{
	return flow->key.protocol == IPPROTO_UDP && outcome->reason != CGF_REASON_DENY_RULE &&
	       peer_was_heard(slot, flow, outcome->cookie);
}

/*
 * ping(8) connects a UDP socket to learn the address of its own. That sends nothing, and what is
 * sent on such a socket is for sendmsg and egress to deny.
 */
static __always_inline bool prepares_ping(__u32 slot, const struct cgf_target *target,
					  const struct cgf_flow *flow,
					  const struct cgf_outcome *outcome)
{
	struct cgf_outcome ping_outcome = {};
	struct cgf_flow ping = *flow;

	if (!(target->flags & CGF_TARGET_ICMP) || flow->hook != CGF_HOOK_CONNECT ||
	    flow->key.protocol != IPPROTO_UDP || outcome->reason == CGF_REASON_DENY_RULE)
		return false;
	ping.protocol = IPPROTO_ICMP;
	flow_set_port(&ping, 0);
	policy_decide(slot, target, &ping, &ping_outcome);
	return ping_outcome.verdict == CGF_ALLOW;
}

/* Better refused here than when the question is sent. */
static __always_inline void judge_resolver(const struct cgf_target *target,
					   const struct cgf_flow *flow, struct cgf_outcome *outcome)
{
	if (flow->key.protocol != IPPROTO_TCP ||
	    target->flags & (CGF_TARGET_TCP_QUESTIONS | CGF_TARGET_ANY_QUESTION))
		return;
	outcome->verdict = CGF_DENY;
	outcome->reason = CGF_REASON_TCP_QUESTION;
	outcome->rule = CGF_RULE_NONE;
}

static __always_inline int judge(struct bpf_sock_addr *ctx, struct cgf_flow *flow)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_outcome outcome = {};
	__u32 slot;

	if (!target_slot(target, &slot))
		return REFUSE;
	flow->exact_only |= resolver_is_at(slot, flow);
	flow_join_paths(flow, target->zero);
	policy_decide(slot, target, flow, &outcome);
	if (outcome.verdict == CGF_ALLOW && outcome.rule == CGF_RULE_RESOLVER)
		judge_resolver(target, flow, &outcome);
	if (outcome.verdict == CGF_DENY) {
		outcome.cookie = bpf_get_socket_cookie(ctx);
		if (answers_peer(slot, flow, &outcome) ||
		    prepares_ping(slot, target, flow, &outcome))
			return PASS;
		flow_describe(flow, ctx);
		outcome.flags = policy_is_probe(slot, target, flow) ? CGF_FLAG_PROBE : 0;
	}
	asked_begin(ctx, slot, target, flow);
	if (decision_apply(slot, target, flow, &outcome, BY_TASK) != CGF_ALLOW)
		return REFUSE;
	return connected_begin(ctx, flow) || target->mode == CGF_MODE_AUDIT ? PASS : REFUSE;
}

static __always_inline bool is_self_test(const struct bpf_sock_addr *ctx)
{
	return ctx->user_ip4 == CGF_SELF_TEST_IPV4 && !ctx->user_port;
}

/* Before Linux 5.14 userspace cannot ask for the cookie of its network namespace. */
static __always_inline void take_netns(struct bpf_sock_addr *ctx)
{
	struct cgf_target *target = bpf_get_local_storage(&targets, 0);

	if (!(target->flags & CGF_TARGET_TAKE_NETNS))
		return;
	target->netns_cookie = bpf_get_netns_cookie(ctx);
	target->flags &= ~CGF_TARGET_TAKE_NETNS;
}

static __always_inline int connect4_impl(struct bpf_sock_addr *ctx)
{
	struct cgf_flow flow = {};

	if (is_self_test(ctx)) {
		take_netns(ctx);
		return REFUSE;
	}
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
	struct cgf_flow flow = {
		.hook = CGF_HOOK_SOCKET,
		.family = ctx->family,
		.socket_type = ctx->type,
		.protocol = ctx->protocol,
	};
	struct cgf_outcome outcome = {
		.verdict = CGF_DENY,
		.reason = CGF_REASON_SOCKET_TYPE,
		.rule = CGF_RULE_NONE,
		.flags = flow.protocol == IPPROTO_MPTCP ? CGF_FLAG_PROBE : 0,
	};
	__u32 slot;

	if (!target_slot(target, &slot))
		return REFUSE;
	if (policy_allows_socket(target, ctx->type, ctx->protocol))
		return PASS;
	if (decision_apply(slot, target, &flow, &outcome, BY_TASK) == CGF_ALLOW)
		return PASS;
	if (has_set_retval)
		bpf_set_retval(-EPROTONOSUPPORT);
	return REFUSE;
}

/*
 * All addresses of this host: if loopback alone may be served, ingress lets only that in. Of IPv6
 * it is also all of IPv4.
 */
static __always_inline bool binds_all_for_loopback(__u32 slot, const struct cgf_target *target,
						   const struct cgf_flow *flow)
{
	const __u64 *halves = (const __u64 *)flow->key.address;
	struct cgf_flow loopback = *flow;

	if (flow->ip_version == 4 && halves[1] == join32(bpf_htonl(0xffff), 0)) {
		flow_set_ipv4(&loopback, bpf_htonl(LOOPBACK_IPV4));
		return inbound_serves_loopback(slot, target, &loopback);
	}
	if (flow->ip_version == 6 && !halves[0] && !halves[1]) {
		flow_set_ipv6(&loopback, (const __be32[4]){ 0, 0, 0, bpf_htonl(1) });
		return inbound_serves_loopback(slot, target, &loopback);
	}
	return false;
}

/*
 * A port that the kernel chooses is a client's; to serve on it, it would have to be told to others,
 * and ingress lets no one in. What a ping socket binds to is no port.
 */
static __always_inline int judge_bind(struct bpf_sock_addr *ctx, struct cgf_flow *flow)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_outcome outcome = {
		.verdict = CGF_DENY,
		.reason = CGF_REASON_NO_LISTEN,
		.rule = CGF_RULE_NONE,
	};
	__u32 slot;

	if (!target_slot(target, &slot))
		return REFUSE;
	flow_join_paths(flow, target->zero);
	if (!flow->port || inbound_listens(slot, target, flow->port, flow->key.protocol) ||
	    inbound_serves_loopback(slot, target, flow) ||
	    binds_all_for_loopback(slot, target, flow))
		return PASS;
	flow_describe(flow, ctx);
	outcome.cookie = bpf_get_socket_cookie(ctx);
	return decision_apply(slot, target, flow, &outcome, BY_TASK) == CGF_ALLOW ? PASS : REFUSE;
}

static __always_inline int bind4_impl(struct bpf_sock_addr *ctx)
{
	struct cgf_flow flow = {};

	flow_read_ipv4(&flow, ctx, CGF_HOOK_BIND);
	return judge_bind(ctx, &flow);
}

static __always_inline int bind6_impl(struct bpf_sock_addr *ctx)
{
	struct cgf_flow flow = {};

	flow_read_ipv6(&flow, ctx, CGF_HOOK_BIND);
	return judge_bind(ctx, &flow);
}

/*
 * Of a value that is larger than a page (tables of netfilter) only the first page is here; length 0
 * says that it is to be taken as the caller has it.
 */
static __always_inline void pass_unread(struct bpf_sockopt *ctx)
{
	if (ctx->optlen > (__s64)((long)ctx->optval_end - (long)ctx->optval))
		ctx->optlen = 0;
}

/*
 * The flow is not initialized with its hook: it would be a constant, of which the address is copied
 * into the record. LLVM's backend for BPF puts the constant's bytes in the place of such a load,
 * and a number in that of its chain (BPFDAGToDAGISel::PreprocessLoad(), in 14 and in later ones):
 * all that was stored before in the same block is then left out, here most of the record.
 */
static __always_inline int setsockopt_impl(struct bpf_sockopt *ctx)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_flow flow = {};
	struct cgf_outcome outcome = {
		.verdict = CGF_DENY,
		.reason = CGF_REASON_OPTION,
		.rule = CGF_RULE_NONE,
		.option_level = ctx->level,
		.option = ctx->optname,
	};
	bool allowed;
	__u32 slot;

	if (!target_slot(target, &slot))
		return REFUSE;
	allowed = sockopt_is_allowed(ctx, target);
	pass_unread(ctx);
	if (sockopt_wants_errors(ctx, target))
		ctx->optlen = -1; /* taken, and the kernel does not see it */
	if (allowed)
		return PASS;
	flow.hook = CGF_HOOK_SETSOCKOPT;
	if (ctx->sk)
		flow.protocol = ctx->sk->protocol;
	return decision_apply(slot, target, &flow, &outcome, has_sockopt_task) == CGF_ALLOW
		       ? PASS
		       : REFUSE;
}

/*
 * Families that no cgroup hook sees: AF_PACKET, AF_XDP, AF_VSOCK and the like. Sockets that the
 * kernel makes for itself do not count. Not what the policy says: there is no rule for these, so
 * audit mode alone lets them be.
 */
static __always_inline int socket_create_impl(int family, int type, int protocol, int kern)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_flow flow = {
		.hook = CGF_HOOK_SOCKET,
		.family = family,
		.socket_type = type & SOCK_TYPE_MASK,
		.protocol = protocol,
	};
	struct cgf_outcome outcome = {
		.verdict = CGF_DENY,
		.reason = CGF_REASON_SOCKET_FAMILY,
		.rule = CGF_RULE_NONE,
	};
	__u32 slot;

	if (kern || family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
	    family == AF_NETLINK)
		return PASS;
	if (target_slot(target, &slot) &&
	    decision_apply(slot, target, &flow, &outcome, BY_TASK) == CGF_ALLOW)
		return PASS;
	bpf_set_retval(-EAFNOSUPPORT);
	return REFUSE;
}

#endif
