/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets as they leave and come in. */
#ifndef CGFENCE_TRAFFIC_BPF_H
#define CGFENCE_TRAFFIC_BPF_H

#include "decision.bpf.h"
#include "inbound.bpf.h"
#include "packet.bpf.h"
#include "question.bpf.h"
#include "stream.bpf.h"
#include "target.bpf.h"

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
	packet_join_paths(&local, target->zero);
	packet_join_paths(&remote, target->zero);
	if (remote.key.protocol == IPPROTO_UDP)
		return peer_was_heard(slot, &remote, bpf_get_socket_cookie(ctx));
	return inbound_serves(slot, target, &local, &remote) && !was_connected(ctx);
}

/* Asked before the policy, in which such a connection's destination would be looked up in vain. */
__noinline int egress_is_accepted(struct __sk_buff *ctx, __u32 port)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	__u32 slot;

	return ctx && target_slot(target, &slot) &&
	       inbound_listens(slot, target, port, IPPROTO_TCP) && !was_connected(ctx);
}

/*
 * There are ports that are served, and no deny rule that would win. A connection to a resolver may
 * come from such a port, and what it says has to be looked at; on loopback at any port of it.
 */
static __always_inline bool may_be_accepted(const struct cgf_target *target,
					    const struct cgf_flow *flow)
{
	return target->listen_port_mask && !target->deny_prefix_port_mask && flow->established &&
	       flow->key.protocol == IPPROTO_TCP && flow->port != CGF_DNS_PORT &&
	       !flow_is_loopback(flow);
}

/*
 * A socket that is bound to a device (SO_BINDTODEVICE, for everyone since 5.7; IP_PKTINFO;
 * IP_UNICAST_IF) sends what is for 127.0.0.1 or ::1 to the router of that device.
 */
static __always_inline bool is_misrouted(const struct __sk_buff *ctx, const struct cgf_flow *flow)
{
	return ctx->ifindex != LOOPBACK_IFINDEX && flow_is_loopback(flow);
}

/* What a packet is found to be beside PASS and REFUSE: its message has to be looked at. */
#define ASK_NAMES 4

/*
 * A function of its own, as what reads messages is deep in calls, of which all the stacks together
 * may have 512 bytes.
 */
__noinline int egress_judge(struct __sk_buff *ctx)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_flow flow = { .hook = CGF_HOOK_EGRESS };
	struct cgf_outcome outcome = { .rule = CGF_RULE_NONE, .reason = CGF_REASON_PACKET };
	const struct packet_flows flows = { .destination = &flow };
	enum packet_kind kind;
	__u32 slot;

	if (!target_slot(target, &slot))
		return REFUSE;
	kind = packet_parse(ctx, flows);
	if (kind == PACKET_NEIGHBOUR)
		return PASS;
	flow.exact_only |= ctx->ifindex == LOOPBACK_IFINDEX && resolver_is_at(slot, &flow);
	packet_join_paths(&flow, target->zero);
	if (kind == PACKET_FLOW && is_misrouted(ctx, &flow)) {
		outcome.reason = CGF_REASON_LOOPBACK;
	} else if (kind == PACKET_FLOW && flow.local_port == CGF_DNS_PORT &&
		   egress_is_forged(ctx)) {
		outcome.reason = CGF_REASON_FORGED;
	} else if (kind == PACKET_FLOW) {
		if (may_be_accepted(target, &flow) && egress_is_accepted(ctx, flow.local_port))
			return PASS;
		policy_decide(slot, target, &flow, &outcome);
		if (outcome.verdict == CGF_ALLOW)
			return outcome.rule == CGF_RULE_RESOLVER ? ASK_NAMES : PASS;
		if (outcome.reason != CGF_REASON_DENY_RULE && flow.exact_only &&
		    flow.port != CGF_DNS_PORT && asked_socket(ctx))
			return ASK_NAMES;
		if (outcome.reason != CGF_REASON_DENY_RULE && egress_is_reply(ctx))
			return PASS;
	} else if (packet_is_chatter(&flow)) {
		outcome.flags = CGF_FLAG_PROBE;
	}
	/* In audit mode the hooks above have said what there is to say, once for a flow. */
	if (target->mode == CGF_MODE_AUDIT)
		return PASS;
	outcome.cookie = bpf_get_socket_cookie(ctx);
	decision_deny(slot, target, &flow, &outcome, BY_NOBODY);
	return REFUSE;
}

static __always_inline int egress_impl(struct __sk_buff *ctx)
{
	int verdict = egress_judge(ctx);

	if (verdict == ASK_NAMES)
		verdict = egress_question(ctx);
	/* The verifier is to see that egress may return it. */
	return verdict & 3;
}

/* A socket that others may begin to talk to: a TCP listener, or a UDP socket of no one peer. */
static __always_inline bool is_open_to_all(const struct bpf_sock *sk)
{
	if (sk->protocol == IPPROTO_TCP)
		return sk->state == BPF_TCP_LISTEN;
	return sk->protocol == IPPROTO_UDP && !sk->dst_port;
}

/*
 * A datagram from where this side may send: an answer, or as good as one. A global function, as
 * egress_is_reply() is.
 */
__noinline int ingress_is_reply(struct __sk_buff *ctx)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_flow local = {}, remote = { .hook = CGF_HOOK_INGRESS };
	const struct packet_flows flows = { .source = &remote, .destination = &local };
	struct cgf_outcome outcome = {};
	__u32 slot;

	if (!target_slot(target, &slot) || packet_parse(ctx, flows) != PACKET_FLOW)
		return false;
	packet_join_paths(&remote, target->zero);
	remote.established = true;
	return remote.key.protocol == IPPROTO_UDP && policy_allows(slot, target, &remote, &outcome);
}

static __always_inline bool lets_in(struct __sk_buff *ctx, __u32 slot,
				    const struct cgf_target *target, const struct cgf_flow *local,
				    const struct cgf_flow *remote, struct cgf_outcome *outcome)
{
	outcome->reason = CGF_REASON_NO_LISTEN;
	outcome->local_port = local->port;
	if (target->deny_prefix_port_mask && policy_denies(slot, target, remote, outcome))
		return false;
	return inbound_serves(slot, target, local, remote) || ingress_is_reply(ctx);
}

__noinline int ingress_judge(struct __sk_buff *ctx)
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
	packet_join_paths(&local, target->zero);
	packet_join_paths(&remote, target->zero);
	outcome.cookie = bpf_get_socket_cookie(ctx);
	if (kind == PACKET_FLOW && lets_in(ctx, slot, target, &local, &remote, &outcome)) {
		if (remote.key.protocol == IPPROTO_UDP && peer_is_real(ctx, &remote, &local))
			peer_hear(slot, &remote, outcome.cookie, local.port);
		return remote.port == CGF_DNS_PORT ? ASK_NAMES : PASS;
	}
	return decision_deny(slot, target, &remote, &outcome, BY_NOBODY) == CGF_ALLOW ? PASS
										      : REFUSE;
}

static __always_inline int ingress_impl(struct __sk_buff *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	int verdict = PASS;

	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (!sk)
		return REFUSE;
	if (is_open_to_all(sk))
		verdict = ingress_judge(ctx);
	else if (sk->dst_port == bpf_htons(CGF_DNS_PORT))
		verdict = ASK_NAMES;
	if (verdict == ASK_NAMES)
		verdict = ingress_learn(ctx);
	return verdict & 1;
}

#endif
