/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Socket options that make a socket send what connect, sendmsg and egress cannot judge, or would
 * only see dropped.
 */
#ifndef CGFENCE_SOCKOPT_BPF_H
#define CGFENCE_SOCKOPT_BPF_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <stdbool.h>

#include "cgfence.h"
#include "vmlinux.h"

/* To join a group is to send its address to the network. */
static __always_inline bool sockopt_joins_group(__u32 level, __u32 option)
{
	if (level == SOL_IP)
		return option == IP_ADD_MEMBERSHIP || option == MCAST_JOIN_GROUP;
	return level == SOL_IPV6 && (option == IPV6_ADD_MEMBERSHIP || option == MCAST_JOIN_GROUP ||
				     option == IPV6_JOIN_ANYCAST);
}

/* Reports of IGMPv3 and MLDv2 carry lists of sources, a kilobyte of what the caller likes. */
static __always_inline bool sockopt_filters_sources(__u32 level, __u32 option)
{
	if (level != SOL_IP && level != SOL_IPV6)
		return false;
	if (level == SOL_IP && option >= IP_UNBLOCK_SOURCE && option <= IP_MSFILTER)
		return true;
	return option == MCAST_BLOCK_SOURCE || option == MCAST_UNBLOCK_SOURCE ||
	       option == MCAST_JOIN_SOURCE_GROUP || option == MCAST_LEAVE_SOURCE_GROUP ||
	       option == MCAST_MSFILTER;
}

/*
 * A packet with a source that is not ours: whoever is allowed to be asked would send the answer to
 * that address.
 */
static __always_inline bool sockopt_makes_up_source(__u32 level, __u32 option)
{
	if (level == SOL_IP)
		return option == IP_TRANSPARENT || option == IP_FREEBIND || option == IP_HDRINCL;
	return level == SOL_IPV6 &&
	       (option == IPV6_TRANSPARENT || option == IPV6_FREEBIND || option == IPV6_HDRINCL);
}

/* Source routes, extension headers, IPsec: what is after the IP header is not what is judged. */
static __always_inline bool sockopt_adds_header(__u32 level, __u32 option, __u32 length)
{
	if (level == SOL_IP)
		return (option == IP_OPTIONS && length) || option == IP_IPSEC_POLICY ||
		       option == IP_XFRM_POLICY;
	if (level != SOL_IPV6)
		return false;
	/* Without control data behind it, a request of flow labels is only that. */
	if (option == IPV6_FLOWLABEL_MGR)
		return length > IPV6_FLOWLABEL_REQUEST_BYTES;
	return option == IPV6_RTHDR || option == IPV6_RTHDRDSTOPTS || option == IPV6_HOPOPTS ||
	       option == IPV6_DSTOPTS || option == IPV6_2292PKTOPTIONS ||
	       option == IPV6_IPSEC_POLICY || option == IPV6_XFRM_POLICY;
}

/*
 * IP_RECVERR of a UDP socket is taken and not set. A question that is refused as if it had been
 * sent (see question.bpf.h) is ENOBUFS to a socket that has it, udp_send_skb(), and glibc's
 * resolver sets it on all of its sockets: it would say "try again" where there is no such name.
 * What is lost is the queue of ICMP errors, which traceroute reads; a connected socket is told of
 * them all the same.
 */
static __always_inline bool sockopt_wants_errors(const struct bpf_sockopt *ctx,
						 const struct cgf_target *target)
{
	if (target->mode != CGF_MODE_ENFORCE || target->flags & CGF_TARGET_ANY_QUESTION)
		return false;
	if (!ctx->sk || ctx->sk->protocol != IPPROTO_UDP)
		return false;
	return (ctx->level == SOL_IP && ctx->optname == IP_RECVERR) ||
	       (ctx->level == SOL_IPV6 && ctx->optname == IPV6_RECVERR);
}

static __always_inline bool sockopt_is_allowed(const struct bpf_sockopt *ctx,
					       const struct cgf_target *target)
{
	__u32 level = ctx->level, option = ctx->optname;
	__u32 length = ctx->optlen > 0 ? ctx->optlen : 0;

	if (level == SOL_TCP)
		return option != TCP_REPAIR;
	/* MSG_ZEROCOPY: pages that can change after they were judged. */
	if (level == SOL_SOCKET)
		return option != SO_ZEROCOPY;
	if (sockopt_joins_group(level, option))
		return target->flags & CGF_TARGET_MULTICAST;
	return !sockopt_filters_sources(level, option) && !sockopt_makes_up_source(level, option) &&
	       !sockopt_adds_header(level, option, length);
}

#endif
