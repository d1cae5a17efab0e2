/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What may be served, and who may be answered. A TCP connection that was accepted is answered from
 * its `listen` port, and one that began here is not taken for such; a UDP socket answers those who
 * were heard on it.
 */
#ifndef CGFENCE_INBOUND_BPF_H
#define CGFENCE_INBOUND_BPF_H

#include "policy.bpf.h"

static __noinline bool listen_lookup(void *listens, __u16 port, __u8 protocol,
				     const __u32 *port_mask)
{
	struct cgf_listen_key key = { .protocol = protocol };
	int port_bits;

	for (port_bits = CGF_PORT_BITS_ONE; port_bits >= CGF_PORT_BITS_ANY; port_bits--) {
		if (!port_mask_has(port_mask, port_bits))
			continue;
		key.port = port_of_block(port, port_bits);
		key.port_bits = port_bits;
		if (bpf_map_lookup_elem(listens, &key))
			return true;
	}
	return false;
}

static __always_inline bool inbound_listens(__u32 slot, const struct cgf_target *target, __u16 port,
					    __u8 protocol)
{
	void *listens;

	if (!target->listen_port_mask)
		return false;
	listens = bpf_map_lookup_elem(&listens_maps, &slot);
	return listens && listen_lookup(listens, port, protocol, &target->listen_port_mask);
}

/* A rule that allows a loopback address as a destination lets it be served there, too. */
static __always_inline bool inbound_serves_loopback(__u32 slot, const struct cgf_target *target,
						    const struct cgf_flow *local)
{
	struct cgf_outcome outcome = {};

	if (!flow_is_loopback(local))
		return false;
	policy_decide(slot, target, local, &outcome);
	/* Whoever served where a resolver is could answer in its name. */
	return outcome.verdict == CGF_ALLOW && outcome.rule != CGF_RULE_RESOLVER;
}

static __always_inline bool inbound_serves(__u32 slot, const struct cgf_target *target,
					   const struct cgf_flow *local,
					   const struct cgf_flow *remote)
{
	return inbound_listens(slot, target, local->port, local->key.protocol) ||
	       (flow_is_loopback(remote) && inbound_serves_loopback(slot, target, local));
}

/* Before a connection may begin: false if nobody would know later that it began here. */
static __always_inline bool connected_begin(struct bpf_sock_addr *ctx, const struct cgf_flow *flow)
{
	struct bpf_sock *sk = ctx->sk;

	return flow->key.protocol != IPPROTO_TCP || !sk ||
	       bpf_sk_storage_get(&connected_sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
}

/*
 * What cannot be known is none that was accepted. One that listens may have tried to connect
 * before, and sends for those that connect to it only.
 */
static __always_inline bool was_connected(struct __sk_buff *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	if (sk)
		sk = bpf_sk_fullsock(sk);
	return !sk ||
	       (sk->state != BPF_TCP_LISTEN && bpf_sk_storage_get(&connected_sockets, sk, NULL, 0));
}

static __always_inline void peer_key(struct cgf_peer_key *key, const struct cgf_flow *peer,
				     __u64 cookie)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->socket_cookie = cookie;
	__builtin_memcpy(key->address, peer->key.address, sizeof(key->address));
	key->port = peer->port;
}

static __always_inline bool peer_was_heard(__u32 slot, const struct cgf_flow *peer, __u64 cookie)
{
	void *peers = bpf_map_lookup_elem(&peers_maps, &slot);
	const struct cgf_peer *known;
	struct cgf_peer_key key;

	if (!peers)
		return false;
	peer_key(&key, peer, cookie);
	known = bpf_map_lookup_elem(peers, &key);
	return known && known->heard_ns + CGF_PEER_NS > clock_ns();
}

static __always_inline void peer_hear(__u32 slot, const struct cgf_flow *peer, __u64 cookie,
				      __u16 local_port)
{
	void *peers = bpf_map_lookup_elem(&peers_maps, &slot);
	struct cgf_peer heard = { .heard_ns = clock_ns(), .local_port = local_port };
	const struct cgf_peer *known;
	struct cgf_peer_key key;

	if (!peers)
		return;
	peer_key(&key, peer, cookie);
	known = bpf_map_lookup_elem(peers, &key);
	if (!known || known->heard_ns + CGF_USED_STEP_NS <= heard.heard_ns)
		bpf_map_update_elem(peers, &key, &heard, BPF_ANY);
}

/*
 * Over the loopback device a packet has a loopback address as its source, or its own destination:
 * that is what the kernel chooses. Anything else is a source that a process has made up, and who
 * is not there must not be answered elsewhere.
 */
static __always_inline bool peer_is_real(const struct __sk_buff *skb, const struct cgf_flow *peer,
					 const struct cgf_flow *local)
{
	const __u64 *ours = (const __u64 *)local->key.address;
	const __u64 *theirs = (const __u64 *)peer->key.address;

	if (skb->ifindex != LOOPBACK_IFINDEX || flow_is_loopback(peer))
		return true;
	return ours[0] == theirs[0] && ours[1] == theirs[1];
}

#endif
