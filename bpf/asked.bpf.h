/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a socket has asked the resolvers. An answer teaches only if its socket has this, and has it
 * only by connect() or sendmsg() to a resolver of its network namespace: in another one, which
 * anybody can make, another host may have the resolver's address.
 */
#ifndef CGFENCE_ASKED_BPF_H
#define CGFENCE_ASKED_BPF_H

#include "flow.bpf.h"
#include "maps.bpf.h"

/* `netns` as of struct cgf_resolver_key. */
static __always_inline struct cgf_resolver *resolver_find(__u32 slot, const struct cgf_flow *flow,
							  __u64 netns)
{
	void *resolvers = bpf_map_lookup_elem(&resolvers_maps, &slot);
	struct cgf_resolver_key key = { .netns_cookie = netns };

	__builtin_memcpy(key.address, flow->key.address, sizeof(key.address));
	return resolvers ? bpf_map_lookup_elem(resolvers, &key) : NULL;
}

/* What keys of resolvers have for a network namespace. */
static __always_inline __u64 resolver_netns(const struct cgf_target *target, __u64 cookie)
{
	return cookie == target->netns_cookie ? 0 : cookie;
}

/*
 * A resolver on loopback may be asked at another port than 53: Docker's, at 127.0.0.11, which a
 * rule of the network namespace sends to where its daemon listens. So no rule for many ports has
 * those of such an address, as none has port 53. At 127.0.0.1 and ::1 there are others than the
 * resolver.
 */
static __always_inline bool resolver_is_at(__u32 slot, const struct cgf_flow *flow)
{
	const __be32 *words = (const __be32 *)flow->key.address;
	const struct cgf_resolver *resolver;

	if (!flow_is_loopback(flow) ||
	    words[3] == bpf_htonl(flow->ip_version == 4 ? LOOPBACK_IPV4 : 1))
		return false;
	resolver = resolver_find(slot, flow, 0);
	return resolver && resolver->ifindex == LOOPBACK_IFINDEX;
}

/* A socket that is about to talk to the resolver at `flow`. */
static __always_inline void asked_begin(struct bpf_sock_addr *ctx, __u32 slot,
					const struct cgf_target *target,
					const struct cgf_flow *flow)
{
	struct bpf_sock *sk = ctx->sk;
	struct asked_socket *asked;
	__u64 cookie;

	if (flow->port != CGF_DNS_PORT || !sk)
		return;
	cookie = bpf_get_netns_cookie(ctx);
	if (!resolver_find(slot, flow, resolver_netns(target, cookie)))
		return;
	asked = bpf_sk_storage_get(&asked_sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (asked)
		asked->netns_cookie = cookie;
}

static __always_inline struct asked_socket *asked_socket(struct __sk_buff *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	if (sk)
		sk = bpf_sk_fullsock(sk);
	return sk ? bpf_sk_storage_get(&asked_sockets, sk, NULL, 0) : NULL;
}

static __always_inline struct asked_joined *asked_joined(struct __sk_buff *ctx, bool create)
{
	struct bpf_sock *sk = ctx->sk;

	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (!sk)
		return NULL;
	return bpf_sk_storage_get(&asked_joineds, sk, NULL,
				  create ? BPF_SK_STORAGE_GET_F_CREATE : 0);
}

/* The policy's own of a TCP connection, made at its first segment; NULL if there are too many. */
static __always_inline struct asked_stream *asked_stream(struct asked_socket *asked, __u32 slot)
{
	int i;

	for (i = 0; i < CGF_STREAMS_MAX; i++) {
		if (!asked->streams[i].policy)
			asked->streams[i].policy = slot + 1;
		if (asked->streams[i].policy == slot + 1)
			return &asked->streams[i];
	}
	return NULL;
}

/* A question as one number, never 0. */
static __always_inline __u64 asked_question(__u32 slot, __u64 name_hash, __u16 type, __u16 id)
{
	__u64 question = (name_hash ^ (__u64)slot << 48) * 0x9e3779b97f4a7c15ULL;

	question ^= question >> 32;
	question = (question ^ ((__u64)type << 16 | id)) * 0xd6e8feb86659fd93ULL;
	return (question ^ question >> 32) | 1;
}

/*
 * As it is kept, bound to its grant: two CPUs that keep questions of one socket at one place leave
 * one's number and the other's grant there, and that is no question then.
 */
static __always_inline __u64 asked_sealed(__u64 question, __u32 grant)
{
	return question ^ (__u64)grant << 32;
}

/* Kept until it is answered; of too many the one that has its place is forgotten. */
static __always_inline void asked_keep(struct asked_socket *asked, __u64 question, __u32 grant)
{
	__u32 i, place = question >> 32;

	for (i = 0; i < CGF_ASKED_MAX; i++, place++) {
		place &= CGF_ASKED_MAX - 1;
		if (!asked->questions[place] ||
		    asked->questions[place] == asked_sealed(question, grant))
			break;
	}
	place &= CGF_ASKED_MAX - 1;
	asked->grants[place] = grant;
	asked->questions[place] = asked_sealed(question, grant);
}

/* A socket that connects once more: nothing of the connection before counts for the new one. */
static __always_inline void asked_forget(struct __sk_buff *ctx, struct asked_socket *asked)
{
	struct bpf_sock *sk = ctx->sk;

	__builtin_memset(asked->questions, 0, sizeof(asked->questions));
	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (sk)
		bpf_sk_storage_delete(&asked_joineds, sk);
}

/* False if it was not asked, or has been answered. */
static __always_inline bool asked_take(struct asked_socket *asked, __u64 question, __u32 *ret_grant)
{
	__u32 i, place = question >> 32, grant;

	for (i = 0; i < CGF_ASKED_MAX; i++, place++) {
		place &= CGF_ASKED_MAX - 1;
		grant = *(volatile __u32 *)&asked->grants[place];
		if (asked->questions[place] != asked_sealed(question, grant))
			continue;
		*ret_grant = grant;
		asked->questions[place] = 0;
		return true;
	}
	return false;
}

#endif
