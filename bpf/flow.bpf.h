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
#include <linux/in6.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "cgfence.h"
#include "vmlinux.h"

struct cgf_flow {
	struct cgf_key key; /* the one port; what look-ups of wider blocks start from */
	__u16 port;	    /* host order, as in the key */
	__u16 protocol;	    /* of the socket, all bits */
	__u16 local_port;   /* of a packet to this destination, host order */
	__u8 hook;	    /* enum cgf_hook */
	__u8 family;	    /* of the socket */
	__u8 socket_type;
	__u8 ip_version;  /* of the address: 4 for a mapped one */
	__u8 established; /* judged before: what has run out meanwhile will do */
	__u8 exact_only;  /* not 0: no rule for more than this one port allows it */
};

/*
 * Keys are written in the units in which the hash table reads them, 8 and 4 bytes: a load that
 * spans several smaller stores waits until they have left the store buffer.
 */
static __always_inline __u64 join32(__u32 first, __u32 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u64)second << 32 | first;
#else
	return (__u64)first << 32 | second;
#endif
}

static __always_inline void key_set_address(struct cgf_key *key, __u64 first, __u64 second)
{
	__u64 *halves = (__u64 *)key->address;

	halves[0] = first;
	halves[1] = second;
}

static __always_inline void key_set_port(struct cgf_key *key, __u16 port, __u8 protocol,
					 __u8 port_bits)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	*(__u32 *)&key->port = (__u32)port_bits << 24 | (__u32)protocol << 16 | port;
#else
	*(__u32 *)&key->port = (__u32)port << 16 | (__u32)protocol << 8 | port_bits;
#endif
}

static __always_inline void flow_set_ipv4(struct cgf_flow *flow, __be32 address)
{
	key_set_address(&flow->key, 0, join32(bpf_htonl(0xffff), address));
	flow->ip_version = 4;
}

static __always_inline void flow_set_ipv6(struct cgf_flow *flow, const __be32 address[4])
{
	if (!address[0] && !address[1] && address[2] == bpf_htonl(0xffff)) {
		flow_set_ipv4(flow, address[3]);
		return;
	}
	key_set_address(&flow->key, join32(address[0], address[1]), join32(address[2], address[3]));
	flow->ip_version = 6;
}

/*
 * The unspecified address comes untranslated. The kernel takes it for loopback, but not always: for
 * a socket that is bound to another address or device it is that one's. So it is written out, and
 * what is judged is what is connected.
 */
static __always_inline void settle_ipv4(struct bpf_sock_addr *ctx)
{
	if (!ctx->user_ip4)
		ctx->user_ip4 = bpf_htonl(LOOPBACK_IPV4);
}

static __always_inline void settle_ipv6(struct bpf_sock_addr *ctx)
{
	if (ctx->user_ip6[0] || ctx->user_ip6[1] || ctx->user_ip6[3])
		return;
	if (ctx->user_ip6[2] == bpf_htonl(0xffff))
		ctx->user_ip6[3] = bpf_htonl(LOOPBACK_IPV4);
	else if (!ctx->user_ip6[2])
		ctx->user_ip6[3] = bpf_htonl(1);
}

/*
 * As in a key: a number beyond 8 bits must not wrap into an allowed one; MPTCP is TCP on the wire,
 * and ICMPv6 is ICMP to a rule.
 */
static __always_inline __u8 key_protocol(__u16 protocol)
{
	if (protocol == IPPROTO_MPTCP)
		return IPPROTO_TCP;
	if (protocol == IPPROTO_ICMPV6)
		return IPPROTO_ICMP;
	return protocol > 255 ? 0 : protocol;
}

/* What a ping socket has as its port is the number of its echo requests. */
static __always_inline void flow_set_port(struct cgf_flow *flow, __be16 port)
{
	__u8 protocol = key_protocol(flow->protocol);

	flow->port = protocol == IPPROTO_ICMP ? 0 : bpf_ntohs(port);
	flow->exact_only = flow->port == CGF_DNS_PORT;
	key_set_port(&flow->key, flow->port, protocol, CGF_PORT_BITS_ONE);
}

/*
 * On each path here the verifier knows other constants: of IPv4 half the key, of ICMP the port. It
 * would look at all that follows once for each, which is most of the time that loading takes. A
 * zero that it cannot know to be one makes the paths the same again.
 */
static __always_inline void flow_join_paths(struct cgf_flow *flow, __u32 zero)
{
	__u64 *halves = (__u64 *)flow->key.address;

	halves[0] |= zero;
	halves[1] |= zero;
	*(__u32 *)&flow->key.port |= zero;
	flow->port |= zero;
	flow->protocol |= zero;
	flow->local_port |= zero;
	flow->ip_version |= zero;
	flow->exact_only |= zero;
	/* Or the compiler would do it on each path by itself. */
	barrier();
}

static __always_inline bool flow_is_loopback(const struct cgf_flow *flow)
{
	const __be32 *words = (const __be32 *)flow->key.address;

	if (flow->ip_version == 4)
		return flow->key.address[12] == 127;
	return !words[0] && !words[1] && !words[2] && words[3] == bpf_htonl(1);
}

/* The part of a flow that does not depend on the address. */
static __always_inline void flow_init(struct cgf_flow *flow, const struct bpf_sock_addr *ctx,
				      enum cgf_hook hook)
{
	flow->protocol = ctx->protocol;
	flow->hook = hook;
	/* user_port has the __be16 in the low half of 4 bytes. */
	flow_set_port(flow, (__be16)ctx->user_port);
}

/* What only a record needs. */
static __always_inline void flow_describe(struct cgf_flow *flow, const struct bpf_sock_addr *ctx)
{
	flow->family = ctx->family;
	flow->socket_type = ctx->type;
}

static __always_inline void flow_read_ipv4(struct cgf_flow *flow, const struct bpf_sock_addr *ctx,
					   enum cgf_hook hook)
{
	flow_init(flow, ctx, hook);
	flow_set_ipv4(flow, ctx->user_ip4);
}

static __always_inline void flow_read_ipv6(struct cgf_flow *flow, const struct bpf_sock_addr *ctx,
					   enum cgf_hook hook)
{
	__be32 address[4];

	address[0] = ctx->user_ip6[0];
	address[1] = ctx->user_ip6[1];
	address[2] = ctx->user_ip6[2];
	address[3] = ctx->user_ip6[3];
	flow_init(flow, ctx, hook);
	flow_set_ipv6(flow, address);
}

static __always_inline void flow_from_ipv4(struct cgf_flow *flow, struct bpf_sock_addr *ctx,
					   enum cgf_hook hook)
{
	settle_ipv4(ctx);
	flow_read_ipv4(flow, ctx, hook);
}

static __always_inline void flow_from_ipv6(struct cgf_flow *flow, struct bpf_sock_addr *ctx,
					   enum cgf_hook hook)
{
	settle_ipv6(ctx);
	flow_read_ipv6(flow, ctx, hook);
}

/*
 * A send() on a connected UDP socket with control data at the IP level (QUIC sets the ECN bits that
 * way) runs the sendmsg hooks with no address at all: port 0. The destination is then the socket's.
 * False if it has none.
 */
static __always_inline bool flow_take_port(struct cgf_flow *flow, const struct bpf_sock *sk)
{
	if (!sk || !sk->dst_port)
		return false;
	flow_set_port(flow, sk->dst_port);
	return true;
}

static __always_inline bool flow_complete_ipv4(struct cgf_flow *flow,
					       const struct bpf_sock_addr *ctx)
{
	const struct bpf_sock *sk = ctx->sk;

	if (flow->port)
		return true;
	if (!flow_take_port(flow, sk))
		return false;
	flow_set_ipv4(flow, sk->dst_ip4);
	return true;
}

static __always_inline bool flow_complete_ipv6(struct cgf_flow *flow,
					       const struct bpf_sock_addr *ctx)
{
	const struct bpf_sock *sk = ctx->sk;

	if (flow->port)
		return true;
	if (!flow_take_port(flow, sk))
		return false;
	const __be32 address[4] = { sk->dst_ip6[0], sk->dst_ip6[1], sk->dst_ip6[2],
				    sk->dst_ip6[3] };

	flow_set_ipv6(flow, address);
	return true;
}

#endif
