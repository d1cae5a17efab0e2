/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* DNS messages that userspace has to know of, in the ring of the decisions. */
#ifndef CGFENCE_MESSAGE_BPF_H
#define CGFENCE_MESSAGE_BPF_H

#include "asked.bpf.h"
#include "decision.bpf.h"
#include "dns.bpf.h"
#include "target.bpf.h"

/* Dropped, and the sender is told that it was sent: include/linux/bpf-cgroup.h, since 4.x */
#define REFUSE_IN_SILENCE 2

/* Somebody is there to answer in the resolver's place. */
static __always_inline bool keeper_is_there(__u32 slot)
{
	struct bpf_sock *keeper = bpf_map_lookup_elem(&keepers, &slot);

	if (!keeper)
		return false;
	bpf_sk_release(keeper);
	return true;
}

static __always_inline bool is_link_local(const struct cgf_flow *flow)
{
	const __u8 *bytes = flow->key.address;

	return flow->ip_version == 6 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

/* Another address than the socket has is written into its packets (NAT). */
static __always_inline bool is_rewritten(const struct bpf_sock *sk, const struct cgf_flow *local)
{
	const __be32 *words = (const __be32 *)local->key.address;

	return local->ip_version == 4 && sk->src_ip4 && sk->src_ip4 != words[3];
}

/*
 * The answer comes by loopback: not to a socket that is bound to another device, as one that is
 * connected to a link-local address is, nor from or to such an address. See refusal.c for what is
 * rewritten; of a socket without an address it is not seen here.
 */
static __always_inline bool can_be_answered(struct __sk_buff *ctx, const struct cgf_flow *remote,
					    const struct cgf_flow *local)
{
	struct bpf_sock *sk = ctx->sk;

	if (sk)
		sk = bpf_sk_fullsock(sk);
	return sk && (!sk->bound_dev_if || sk->bound_dev_if == LOOPBACK_IFINDEX) &&
	       !is_link_local(remote) && !is_link_local(local) && !is_rewritten(sk, local);
}

static __always_inline void message_copy(struct __sk_buff *ctx, struct cgf_message *record,
					 const __u32 room)
{
	__u32 start = ctx->cb[CB_START], count = ctx->cb[CB_LENGTH];

	/* What the ring held before is no message: 0 unless it was copied. */
	if (start > ctx->len)
		return;
	if (count > ctx->len - start)
		count = ctx->len - start;
	if (count > room)
		count = room;
	if (!count)
		return;
	count = bounded(count, room);
	if (!bpf_skb_load_bytes(ctx, start, record->bytes, count))
		record->length = ctx->cb[CB_LENGTH];
}

static __always_inline void message_fill(struct __sk_buff *ctx, struct cgf_message *record,
					 const struct cgf_target *target,
					 const struct cgf_flow *remote,
					 const struct cgf_flow *local,
					 const struct cgf_outcome *outcome,
					 enum cgf_verdict enforced)
{
	const struct asked_socket *asked = asked_socket(ctx);

	decision_record(&record->decision, target, remote, outcome, enforced);
	record->netns_cookie = asked ? asked->netns_cookie : 0;
	__builtin_memcpy(record->local_address, local->key.address, sizeof(record->local_address));
	record->decision.local_port = local->port;
	record->ifindex = ctx->ifindex;
	record->length = 0;
	record->reserved = 0;
	record->grant = 0;
	record->answered = 0;
}

/*
 * A question that is refused, or what is none. Returns what egress is to return: whoever waits for
 * an answer over UDP gets one, if there is who gives it, and in the network namespace of the fence:
 * in another one the same address and port are another socket's.
 */
static __always_inline int message_refuse(struct __sk_buff *ctx, __u32 slot,
					  const struct cgf_target *target,
					  const struct cgf_flow *remote,
					  const struct cgf_flow *local, struct cgf_outcome *outcome)
{
	enum cgf_verdict enforced = target->mode == CGF_MODE_AUDIT ? CGF_ALLOW : CGF_DENY;
	bool silent = enforced == CGF_DENY && remote->key.protocol == IPPROTO_UDP &&
		      outcome->reason == CGF_REASON_QUESTION && asked_socket(ctx) &&
		      can_be_answered(ctx, remote, local) && keeper_is_there(slot);
	struct cgf_counters *counted = counters_of(slot);
	void *ring = bpf_map_lookup_elem(&decisions_maps, &slot);
	struct cgf_message *record = NULL;

	if (counted)
		count(enforced == CGF_ALLOW ? &counted->audited : &counted->denied);
	if (ring && !(outcome->flags & CGF_FLAG_PROBE))
		record = bpf_ringbuf_reserve(ring, sizeof(*record) + CGF_MESSAGE_SMALL, 0);
	if (!record) {
		if (counted && !(outcome->flags & CGF_FLAG_PROBE))
			count(&counted->records_lost);
		return enforced == CGF_ALLOW ? PASS : REFUSE;
	}
	outcome->cookie = bpf_get_socket_cookie(ctx);
	message_fill(ctx, record, target, remote, local, outcome, enforced);
	message_copy(ctx, record, CGF_MESSAGE_SMALL);
	record->answered = silent;
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
	if (enforced == CGF_ALLOW)
		return PASS;
	return silent ? REFUSE_IN_SILENCE : REFUSE;
}

static __always_inline void message_copy_joined(struct __sk_buff *ctx, struct cgf_message *record,
						const __u32 room)
{
	__u64 *words = (__u64 *)record->bytes;
	__u32 i;

	record->length = ctx->cb[CB_LENGTH];
	for (i = 0; i < room / 8; i++) {
		if (8 * i >= ctx->cb[CB_LENGTH])
			break;
		words[i] = bpf_cpu_to_be64(message_word(ctx, 8 * i));
	}
}

/*
 * What was learned is in force, and to wake someone up takes longer than all else that is done with
 * an answer, so userspace reads of it when it reads something else, or the ring fills. Whatever has
 * to be seen at once wakes by force: by default the kernel does not, for one who is behind.
 */
static __always_inline __u64 message_wakes(void *ring, bool at_once)
{
	if (at_once || bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >= CGF_DECISIONS_BYTES / 4)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

static __always_inline void message_send(struct __sk_buff *ctx, __u32 slot, const __u32 room,
					 const struct cgf_target *target,
					 const struct cgf_flow *remote,
					 const struct cgf_flow *local, __u32 grant, bool at_once)
{
	struct cgf_outcome outcome = { .verdict = CGF_ALLOW, .rule = CGF_RULE_NONE };
	void *ring = bpf_map_lookup_elem(&decisions_maps, &slot);
	struct cgf_counters *counted;
	struct cgf_message *record = NULL;

	if (ring)
		record = bpf_ringbuf_reserve(ring, sizeof(*record) + room, 0);
	if (!record) {
		counted = counters_of(slot);
		if (counted)
			count(&counted->records_lost);
		return;
	}
	outcome.cookie = bpf_get_socket_cookie(ctx);
	message_fill(ctx, record, target, remote, local, &outcome, CGF_ALLOW);
	record->grant = grant;
	if (ctx->cb[CB_START] == CB_START_JOINED)
		message_copy_joined(ctx, record, room);
	else
		message_copy(ctx, record, room);
	bpf_ringbuf_submit(record, message_wakes(ring, at_once));
}

/* An answer that was learned from, or has addresses that were not. */
static __always_inline void message_tell(struct __sk_buff *ctx, __u32 slot,
					 const struct cgf_target *target,
					 const struct cgf_flow *remote,
					 const struct cgf_flow *local, __u32 grant, bool at_once)
{
	if (ctx->cb[CB_LENGTH] <= CGF_MESSAGE_SMALL)
		message_send(ctx, slot, CGF_MESSAGE_SMALL, target, remote, local, grant, at_once);
	else
		message_send(ctx, slot, CGF_MESSAGE_LARGE, target, remote, local, grant, at_once);
}

#endif
