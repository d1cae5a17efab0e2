/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a hook's context to a flow: what is attempted, in the shape of a map key. Every oddity of
 * addresses is settled here, once. None of these looks at the family that the caller wrote into its
 * sockaddr: the kernel sends a datagram to an AF_UNSPEC address all the same.
 */
#ifndef CGFENCE_FLOW_BPF_H
#define CGFENCE_FLOW_BPF_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "cgfence.h"
#include "vmlinux.h"

struct cgf_flow {
	struct cgf_key key; /* the one port; what look-ups of wider blocks start from */
	__u16 protocol;	    /* the socket's, all bits */
	__u8 hook;	    /* enum cgf_hook */
	__u8 family;	    /* of the socket */
	__u8 socket_type;
	__u8 ip_version; /* of the address: 4 for a mapped one */
};

static __always_inline void flow_set_ipv4(struct cgf_flow *flow, __be32 address)
{
	__be32 *words = (__be32 *)flow->key.address;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	/* 0.0.0.0 comes untranslated, and the kernel then connects to loopback. */
	words[3] = address ? address : bpf_htonl(0x7f000001);
	flow->ip_version = 4;
}

static __always_inline void flow_set_ipv6(struct cgf_flow *flow, const __be32 address[4])
{
	__be32 *words = (__be32 *)flow->key.address;

	if (!address[0] && !address[1] && address[2] == bpf_htonl(0xffff)) {
		flow_set_ipv4(flow, address[3]);
		return;
	}
	words[0] = address[0];
	words[1] = address[1];
	words[2] = address[2];
	words[3] = address[3];
	/* As 0.0.0.0: the kernel takes :: for ::1. */
	if (!address[0] && !address[1] && !address[2] && !address[3])
		words[3] = bpf_htonl(1);
	flow->ip_version = 6;
}

/* The part of a flow that does not depend on the address. */
static __always_inline void flow_init(struct cgf_flow *flow, const struct bpf_sock_addr *ctx,
				      enum cgf_hook hook)
{
	flow->protocol = ctx->protocol;
	flow->hook = hook;
	flow->family = ctx->family;
	flow->socket_type = ctx->type;
	/* user_port has the __be16 in the low half of 4 bytes. */
	flow->key.port = bpf_ntohs((__be16)ctx->user_port);
	flow->key.port_bits = CGF_PORT_BITS_ONE;
	/* A number beyond 8 bits must not wrap into one that is allowed; MPTCP is TCP on the wire.
	 */
	flow->key.protocol = flow->protocol == IPPROTO_MPTCP ? IPPROTO_TCP
			     : flow->protocol > 255	     ? 0
							     : flow->protocol;
}

static __always_inline void flow_from_ipv4(struct cgf_flow *flow, const struct bpf_sock_addr *ctx,
					   enum cgf_hook hook)
{
	flow_init(flow, ctx, hook);
	flow_set_ipv4(flow, ctx->user_ip4);
}

static __always_inline void flow_from_ipv6(struct cgf_flow *flow, const struct bpf_sock_addr *ctx,
					   enum cgf_hook hook)
{
	const __be32 address[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2],
				    ctx->user_ip6[3] };

	flow_init(flow, ctx, hook);
	flow_set_ipv6(flow, address);
}

/*
 * A send() on a connected UDP socket with control data at the IP level (QUIC sets the ECN bits that
 * way) runs the sendmsg hooks with no address at all: port 0. The destination is then the socket's.
 * False if it has none.
 */
static __always_inline bool flow_complete_ipv4(struct cgf_flow *flow,
					       const struct bpf_sock_addr *ctx)
{
	const struct bpf_sock *sk = ctx->sk;

	if (flow->key.port)
		return true;
	if (!sk || !sk->dst_port)
		return false;
	flow->key.port = bpf_ntohs(sk->dst_port);
	flow_set_ipv4(flow, sk->dst_ip4);
	return true;
}

static __always_inline bool flow_complete_ipv6(struct cgf_flow *flow,
					       const struct bpf_sock_addr *ctx)
{
	const struct bpf_sock *sk = ctx->sk;

	if (flow->key.port)
		return true;
	if (!sk || !sk->dst_port)
		return false;
	const __be32 address[4] = { sk->dst_ip6[0], sk->dst_ip6[1], sk->dst_ip6[2],
				    sk->dst_ip6[3] };

	flow->key.port = bpf_ntohs(sk->dst_port);
	flow_set_ipv6(flow, address);
	return true;
}

#endif
