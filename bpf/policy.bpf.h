/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flow to verdict. The order of look-ups is the meaning of a policy:
 *
 *   deny prefix, exact (address, port), wider port blocks, allow prefix, deny
 *
 * Nothing here knows a hook or a context, so the tests run it through programs of their own.
 */
#ifndef CGFENCE_POLICY_BPF_H
#define CGFENCE_POLICY_BPF_H

#include "flow.bpf.h"
#include "maps.bpf.h"

struct cgf_outcome {
	enum cgf_verdict verdict;
	enum cgf_reason reason; /* of a denial */
	__u32 rule;
	/* What only the record of a denial needs. */
	__u64 cookie;
	__u8 flags; /* CGF_FLAG_* */
	__u16 local_port, option_level, option;
};

static __always_inline __u64 clock_ns(void)
{
	return has_coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
}

static __always_inline __u16 port_of_block(__u16 port, __u32 port_bits)
{
	return port & (__u16)(0xffff0000U >> port_bits);
}

/* Who asks by a call. Two at once may count as one: an atomic add would cost more than the rest. */
static __always_inline bool flow_is_new(const struct cgf_flow *flow)
{
	return flow->hook == CGF_HOOK_CONNECT || flow->hook == CGF_HOOK_SENDMSG;
}

/* What is used stays: userspace removes only what has run out and is idle. */
static __always_inline void entry_use(struct cgf_entry *entry, __u64 now_ns)
{
	if (entry->used_ns + CGF_USED_STEP_NS <= now_ns)
		entry->used_ns = now_ns;
}

/*
 * An entry that has run out allows no new flow; the clock is read only if there is an end. Packets
 * alone count as use: of the flows that began they are all there is to see.
 */
static __always_inline bool entry_allows(struct cgf_entry *entry, const struct cgf_flow *flow,
					 struct cgf_outcome *outcome)
{
	if (entry->expires_ns != CGF_NEVER_EXPIRES) {
		__u64 now_ns = clock_ns();

		if (entry->expires_ns <= now_ns && !flow->established) {
			outcome->reason = CGF_REASON_EXPIRED;
			return false;
		}
		if (flow->hook == CGF_HOOK_EGRESS)
			entry_use(entry, now_ns);
	}
	if (flow_is_new(flow))
		entry->flows++;
	outcome->verdict = CGF_ALLOW;
	outcome->rule = entry->rule;
	return true;
}

static __always_inline bool allow_lookup(void *allow, const struct cgf_key *key,
					 const struct cgf_flow *flow, struct cgf_outcome *outcome)
{
	struct cgf_entry *entry = bpf_map_lookup_elem(allow, key);

	return entry && entry_allows(entry, flow, outcome);
}

/*
 * Port 53 is a way out through any resolver that forwards, so a rule for every port, or for a
 * range, does not open it: only the entry of that one port does, which resolvers have and rules
 * that say 53. The same holds for the port that such a resolver really listens on.
 */
static __always_inline bool wider_is_shut(const struct cgf_flow *flow, int port_bits)
{
	return flow->exact_only && port_bits < CGF_PORT_BITS_ONE;
}

/*
 * Does the policy have keys of this width? The mask is read anew each time: what the verifier
 * learns of its bits on one branch would keep it from joining the branches again, 2^17 of them.
 */
static __always_inline bool port_mask_has(const __u32 *port_mask, int port_bits)
{
	return *(const volatile __u32 *)port_mask & (1U << port_bits);
}

/* Blocks wider than one port, widest last. */
static __noinline bool allow_lookup_blocks(void *allow, const struct cgf_flow *flow,
					   const __u32 *port_mask, struct cgf_outcome *outcome)
{
	struct cgf_key key = flow->key;
	int port_bits;

	for (port_bits = CGF_PORT_BITS_ONE - 1; port_bits >= CGF_PORT_BITS_ANY; port_bits--) {
		if (!port_mask_has(port_mask, port_bits))
			continue;
		key_set_port(&key, port_of_block(flow->port, port_bits), key.protocol, port_bits);
		if (allow_lookup(allow, &key, flow, outcome))
			return true;
	}
	return false;
}

static __noinline struct cgf_prefix *prefix_lookup(void *trie, const struct cgf_flow *flow,
						   enum cgf_verdict verdict, const __u32 *port_mask)
{
	struct cgf_prefix_key key = {
		.prefix_bits = CGF_PREFIX_LOOKUP_BITS,
		.verdict = verdict,
		.ip_version = flow->ip_version,
		.protocol = flow->key.protocol,
	};
	struct cgf_prefix *prefix;
	int port_bits;

	__builtin_memcpy(key.address, flow->key.address, sizeof(key.address));
	for (port_bits = CGF_PORT_BITS_ONE; port_bits >= CGF_PORT_BITS_ANY; port_bits--) {
		if (!port_mask_has(port_mask, port_bits))
			continue;
		if (verdict == CGF_ALLOW && wider_is_shut(flow, port_bits))
			break;
		key.port = port_of_block(flow->port, port_bits);
		key.port_bits = port_bits;
		prefix = bpf_map_lookup_elem(trie, &key);
		if (prefix)
			return prefix;
	}
	return NULL;
}

static __always_inline bool policy_denies(__u32 slot, const struct cgf_target *target,
					  const struct cgf_flow *flow, struct cgf_outcome *outcome)
{
	const struct cgf_prefix *prefix;
	void *trie = bpf_map_lookup_elem(&prefixes_maps, &slot);

	if (!trie) {
		outcome->reason = CGF_REASON_NO_POLICY;
		return true;
	}
	prefix = prefix_lookup(trie, flow, CGF_DENY, &target->deny_prefix_port_mask);
	if (!prefix)
		return false;
	outcome->reason = CGF_REASON_DENY_RULE;
	outcome->rule = prefix->rule;
	return true;
}

static __always_inline bool policy_allows_prefix(__u32 slot, const struct cgf_target *target,
						 const struct cgf_flow *flow,
						 struct cgf_outcome *outcome)
{
	void *trie = bpf_map_lookup_elem(&prefixes_maps, &slot);
	struct cgf_prefix *prefix;

	if (!trie)
		return false;
	prefix = prefix_lookup(trie, flow, CGF_ALLOW, &target->allow_prefix_port_mask);
	if (!prefix)
		return false;
	if (flow_is_new(flow))
		prefix->flows++;
	outcome->verdict = CGF_ALLOW;
	outcome->rule = prefix->rule;
	return true;
}

static __always_inline bool policy_allows(__u32 slot, const struct cgf_target *target,
					  const struct cgf_flow *flow, struct cgf_outcome *outcome)
{
	void *allow = bpf_map_lookup_elem(&allow_maps, &slot);

	if (!allow) {
		outcome->reason = CGF_REASON_NO_POLICY;
		return false;
	}
	if (allow_lookup(allow, &flow->key, flow, outcome))
		return true;
	if (target->allow_wide_port_mask && !wider_is_shut(flow, CGF_PORT_BITS_ANY) &&
	    allow_lookup_blocks(allow, flow, &target->allow_wide_port_mask, outcome))
		return true;
	return target->allow_prefix_port_mask && policy_allows_prefix(slot, target, flow, outcome);
}

static __always_inline void policy_decide(__u32 slot, const struct cgf_target *target,
					  const struct cgf_flow *flow, struct cgf_outcome *outcome)
{
	outcome->verdict = CGF_DENY;
	outcome->rule = CGF_RULE_NONE;
	outcome->reason = flow->port == CGF_DNS_PORT ? CGF_REASON_NOT_A_RESOLVER
						     : CGF_REASON_NO_RULE;
	if (target->deny_prefix_port_mask && policy_denies(slot, target, flow, outcome))
		return;
	policy_allows(slot, target, flow, outcome);
}

/*
 * libc sorts a host's addresses by connecting a UDP socket to each (RFC 6724). If TCP to that
 * address and port is allowed, the refusal says nothing that a person needs to know.
 */
static __always_inline bool policy_is_probe(__u32 slot, const struct cgf_target *target,
					    const struct cgf_flow *flow)
{
	struct cgf_outcome outcome = {};
	struct cgf_flow tcp = *flow;

	key_set_port(&tcp.key, flow->port, IPPROTO_TCP, CGF_PORT_BITS_ONE);
	tcp.hook = CGF_HOOK_COUNT;
	return flow->hook == CGF_HOOK_CONNECT && flow->key.protocol == IPPROTO_UDP &&
	       policy_allows(slot, target, &tcp, &outcome);
}

/* Only what connect, sendmsg and the packet hooks can judge may exist at all. */
static __always_inline bool policy_allows_socket(const struct cgf_target *target, __u32 type,
						 __u32 protocol)
{
	if (type == SOCK_DGRAM && (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6))
		return target->flags & CGF_TARGET_ICMP;
	return (type == SOCK_STREAM && protocol == IPPROTO_TCP) ||
	       (type == SOCK_DGRAM && protocol == IPPROTO_UDP);
}

#endif
