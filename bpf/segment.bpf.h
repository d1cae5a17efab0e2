/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the payload of a packet is, that packet_parse() has found to be plain TCP or UDP. */
#ifndef CGFENCE_SEGMENT_BPF_H
#define CGFENCE_SEGMENT_BPF_H

#include "packet.bpf.h"

#define SEGMENT_SYN 0x02
#define SEGMENT_URGENT 0x20

struct segment {
	__u32 start, length; /* of the payload, in bytes from the IP header */
	__u32 seq;	     /* TCP: of the first byte of the payload */
	__u8 protocol, flags;
};

static __always_inline bool segment_read_tcp(struct __sk_buff *ctx, struct segment *segment)
{
	__u8 header[sizeof(struct tcphdr)];
	__be32 seq;

	if (bpf_skb_load_bytes(ctx, segment->start, header, sizeof(header)))
		return false;
	__builtin_memcpy(&seq, header + 4, sizeof(seq));
	segment->flags = header[13];
	segment->seq = bpf_ntohl(seq) + !!(segment->flags & SEGMENT_SYN);
	segment->start += (header[12] >> 4) * 4;
	return true;
}

static __always_inline bool segment_read(struct __sk_buff *ctx, struct segment *segment)
{
	bool ipv4 = ctx->protocol == bpf_htons(ETH_P_IP);

	if (bpf_skb_load_bytes(ctx,
			       ipv4 ? offsetof(struct iphdr, protocol)
				    : offsetof(struct ipv6hdr, nexthdr),
			       &segment->protocol, sizeof(segment->protocol)))
		return false;
	segment->flags = 0;
	segment->start = ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	if (segment->protocol == IPPROTO_UDP)
		segment->start += sizeof(struct udphdr);
	else if (!segment_read_tcp(ctx, segment))
		return false;
	if (segment->start > ctx->len)
		return false;
	segment->length = ctx->len - segment->start;
	return true;
}

#endif
