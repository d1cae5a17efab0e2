// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The one object. Each hook closes something that the others cannot see; README.md says which.
 *
 *   connect4/6     TCP connect and UDP connect, refused at once
 *   sendmsg4/6     UDP to an address, also on a connected socket
 *   sock_create    sockets whose traffic none of the hooks could judge
 *   bind4/6        ports that may not be served
 *   setsockopt     options that send what none of the hooks could judge
 *   egress         every packet as it is; what began elsewhere, or was changed since
 *   ingress        connections and datagrams that nobody here asked for
 *   socket_create  sockets of families that have no hook at all, where the kernel has BPF LSM
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "decision.bpf.h"
#include "inbound.bpf.h"
#include "packet.bpf.h"
#include "sockopt.bpf.h"

/* A cgroup program that returns 0 makes the call fail with EPERM, or drops the packet. */
#define REFUSE 0
#define PASS 1

/* decision_apply(): whether the current task is the one that asked. */
#define BY_TASK true
#define BY_NOBODY false

/* The policy where this program is attached; false if there is none, and then nothing passes. */
static __always_inline bool target_slot(const struct cgf_target *target, __u32 *ret_slot)
{
	*ret_slot = target->policy - 1;
	return target->policy != 0;
}

/* A UDP server may answer, also by connecting a socket of its own to its client. */
static __always_inline bool answers_peer(__u32 slot, const struct bpf_sock_addr *ctx,
					 const struct cgf_flow *flow,
					 const struct cgf_outcome *outcome)
{
	const struct bpf_sock *sk = ctx->sk;

	return flow->key.protocol == IPPROTO_UDP && outcome->reason != CGF_REASON_DENY_RULE && sk &&
	       peer_was_heard(slot, flow, sk->src_port);
}

static __always_inline int judge(struct bpf_sock_addr *ctx, struct cgf_flow *flow)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_outcome outcome = {};
	__u32 slot;

	if (!target_slot(target, &slot))
		return REFUSE;
	policy_decide(slot, target, flow, &outcome);
	if (outcome.verdict == CGF_DENY) {
		if (answers_peer(slot, ctx, flow, &outcome))
			return PASS;
		flow_describe(flow, ctx);
		outcome.flags = policy_is_probe(slot, target, flow) ? CGF_FLAG_PROBE : 0;
		outcome.cookie = bpf_get_socket_cookie(ctx);
	}
	return decision_apply(slot, target, flow, &outcome, BY_TASK) == CGF_ALLOW ? PASS : REFUSE;
}

static __always_inline bool is_self_test(const struct bpf_sock_addr *ctx)
{
	return ctx->user_ip4 == CGF_SELF_TEST_IPV4 && !ctx->user_port;
}

static __always_inline int connect4_impl(struct bpf_sock_addr *ctx)
{
	struct cgf_flow flow = {};

	if (is_self_test(ctx))
		return REFUSE;
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

/* A port that the kernel chooses is a client's; to serve on it, it would have to be told to others,
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
	if (!flow->port || inbound_listens(slot, target, flow->port, flow->key.protocol) ||
	    inbound_serves_loopback(slot, target, flow))
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

static __always_inline int setsockopt_impl(struct bpf_sockopt *ctx)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_flow flow = { .hook = CGF_HOOK_SETSOCKOPT };
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
	if (allowed)
		return PASS;
	if (ctx->sk)
		flow.protocol = ctx->sk->protocol;
	return decision_apply(slot, target, &flow, &outcome, has_sockopt_task) == CGF_ALLOW
		       ? PASS
		       : REFUSE;
}

/*
 * What is not a new flow of this side: an accepted connection, or an answer to a datagram. A global
 * function, which the verifier looks at once and not with all that it knows of the caller's state.
 */
__noinline int egress_is_reply(struct __sk_buff *ctx)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_flow local = { .hook = CGF_HOOK_INGRESS }, remote = {};
	const struct packet_flows flows = { .source = &local, .destination = &remote };
	__u32 slot;

	if (!target_slot(target, &slot) || packet_parse(ctx, flows) != PACKET_FLOW ||
	    !remote.established)
		return false;
	flow_join_paths(&local, target->zero);
	flow_join_paths(&remote, target->zero);
	if (remote.key.protocol == IPPROTO_UDP)
		return peer_was_heard(slot, &remote, local.port);
	return inbound_serves(slot, target, &local, &remote);
}

/* In audit mode the hooks above have said what there is to say, once for a flow. */
static __always_inline int egress_impl(struct __sk_buff *ctx)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_flow flow = { .hook = CGF_HOOK_EGRESS };
	struct cgf_outcome outcome = { .rule = CGF_RULE_NONE, .reason = CGF_REASON_PACKET };
	const struct packet_flows flows = { .destination = &flow };
	enum packet_kind kind;
	__u32 slot;

	if (!target_slot(target, &slot))
		return REFUSE;
	if (target->mode == CGF_MODE_AUDIT)
		return PASS;
	kind = packet_parse(ctx, flows);
	if (kind == PACKET_NEIGHBOUR)
		return PASS;
	flow_join_paths(&flow, target->zero);
	if (kind == PACKET_FLOW) {
		policy_decide(slot, target, &flow, &outcome);
		if (outcome.verdict == CGF_ALLOW)
			return PASS;
		if (outcome.reason != CGF_REASON_DENY_RULE && egress_is_reply(ctx))
			return PASS;
	} else if (packet_is_chatter(&flow)) {
		outcome.flags = CGF_FLAG_PROBE;
	}
	outcome.cookie = bpf_get_socket_cookie(ctx);
	decision_deny(slot, target, &flow, &outcome, BY_NOBODY);
	return REFUSE;
}

/* A socket that others may begin to talk to: a TCP listener, or a UDP socket of no one peer. */
static __always_inline bool is_open_to_all(const struct bpf_sock *sk)
{
	if (sk->protocol == IPPROTO_TCP)
		return sk->state == BPF_TCP_LISTEN;
	return sk->protocol == IPPROTO_UDP && !sk->dst_port;
}

/* A datagram from where this side may send: an answer, or as good as one. */
static __always_inline bool is_answer(__u32 slot, const struct cgf_target *target,
				      const struct cgf_flow *remote)
{
	struct cgf_outcome outcome = {};

	return remote->key.protocol == IPPROTO_UDP && policy_allows(slot, target, remote, &outcome);
}

static __always_inline bool lets_in(__u32 slot, const struct cgf_target *target,
				    const struct cgf_flow *local, const struct cgf_flow *remote,
				    struct cgf_outcome *outcome)
{
	outcome->reason = CGF_REASON_NO_LISTEN;
	outcome->local_port = local->port;
	if (target->deny_prefix_port_mask && policy_denies(slot, target, remote, outcome))
		return false;
	return inbound_serves(slot, target, local, remote) || is_answer(slot, target, remote);
}

static __always_inline int judge_inbound(struct __sk_buff *ctx)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_flow local = { .hook = CGF_HOOK_INGRESS }, remote = { .hook = CGF_HOOK_INGRESS };
	struct cgf_outcome outcome = { .rule = CGF_RULE_NONE, .reason = CGF_REASON_PACKET };
	const struct packet_flows flows = { .source = &remote, .destination = &local };
	enum packet_kind kind;
	__u32 slot;

	if (!target_slot(target, &slot))
		return REFUSE;
	kind = packet_parse(ctx, flows);
	/* Whoever was let in before may go on, and what ran out may be answered. */
	local.established = remote.established = true;
	flow_join_paths(&local, target->zero);
	flow_join_paths(&remote, target->zero);
	if (kind == PACKET_FLOW && lets_in(slot, target, &local, &remote, &outcome)) {
		if (remote.key.protocol == IPPROTO_UDP && peer_is_real(ctx, &remote, &local))
			peer_hear(slot, &remote, local.port);
		return PASS;
	}
	outcome.cookie = bpf_get_socket_cookie(ctx);
	return decision_deny(slot, target, &remote, &outcome, BY_NOBODY) == CGF_ALLOW ? PASS
										      : REFUSE;
}

static __always_inline int ingress_impl(struct __sk_buff *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (!sk)
		return REFUSE;
	return is_open_to_all(sk) ? judge_inbound(ctx) : PASS;
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

SEC("cgroup/bind4")
int bind4(struct bpf_sock_addr *ctx)
{
	return bind4_impl(ctx);
}

SEC("cgroup/bind6")
int bind6(struct bpf_sock_addr *ctx)
{
	return bind6_impl(ctx);
}

SEC("cgroup/setsockopt")
int setsockopt(struct bpf_sockopt *ctx)
{
	return setsockopt_impl(ctx);
}

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *ctx)
{
	return egress_impl(ctx);
}

SEC("cgroup_skb/ingress")
int ingress(struct __sk_buff *ctx)
{
	return ingress_impl(ctx);
}

SEC("lsm_cgroup/socket_create")
int BPF_PROG(socket_create, int family, int type, int protocol, int kern)
{
	return socket_create_impl(family, type, protocol, kern);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
