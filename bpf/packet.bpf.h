/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a packet to flows: one to its destination, and one to its source. The packet is what counts,
 * not what its socket says of it: another thread may have connected the socket elsewhere meanwhile,
 * and routing options lead elsewhere. What is not plain (IPv4 options, fragments, IPv6 extension
 * headers, other protocols) is no flow.
 */
#ifndef CGFENCE_PACKET_BPF_H
#define CGFENCE_PACKET_BPF_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "flow.bpf.h"

enum packet_kind {
	PACKET_OTHER, /* protocol and addresses are set as far as they can be told */
	PACKET_FLOW,
	PACKET_NEIGHBOUR /* IPv6 neighbour discovery */
};

/* `source` is NULL, at compile time, on the path that is to be fast and does not need it. */
struct packet_flows {
	struct cgf_flow *source, *destination;
};

static __always_inline void packet_set_protocol(struct packet_flows flows, __u8 protocol)
{
	flows.destination->protocol = protocol;
	if (flows.source)
		flows.source->protocol = protocol;
}

static __always_inline enum packet_kind packet_set_ports(struct packet_flows flows, __be16 source,
							 __be16 destination, bool established)
{
	flows.destination->established = established;
	flow_set_port(flows.destination, destination);
	flows.destination->local_port = bpf_ntohs(source);
	if (flows.source) {
		flows.source->established = established;
		flow_set_port(flows.source, source);
	}
	return PACKET_FLOW;
}

/*
 * A TCP segment that only opens is a new flow; every other one is of a flow that was judged before.
 * Whether a datagram may begin a flow is for connect and sendmsg to say.
 */
static __always_inline enum packet_kind packet_transport(struct packet_flows flows, __u8 protocol,
							 const void *header, const void *end)
{
	const struct tcphdr *tcp = header;
	const struct udphdr *udp = header;

	if (protocol == IPPROTO_TCP && (const void *)(tcp + 1) <= end)
		return packet_set_ports(flows, tcp->source, tcp->dest, !tcp->syn || tcp->ack);
	if (protocol == IPPROTO_UDP && (const void *)(udp + 1) <= end)
		return packet_set_ports(flows, udp->source, udp->dest, true);
	return PACKET_OTHER;
}

/* The first byte of ICMP, and of ICMPv6, is the type; no message is shorter than 8. */
static __always_inline enum packet_kind packet_icmp4(struct packet_flows flows, const __u8 *type,
						     const void *end)
{
	if ((const void *)(type + ICMP_BYTES_MIN) > end || *type != ICMP_ECHO)
		return PACKET_OTHER;
	return packet_set_ports(flows, 0, 0, false);
}

static __always_inline enum packet_kind packet_ipv4(struct packet_flows flows,
						    const struct iphdr *ip, const void *end)
{
	if ((const void *)(ip + 1) > end)
		return PACKET_OTHER;
	packet_set_protocol(flows, ip->protocol);
	flow_set_ipv4(flows.destination, ip->daddr);
	if (flows.source)
		flow_set_ipv4(flows.source, ip->saddr);
	/* Fragments: only raw sockets send them, and only the first has ports. */
	if (ip->ihl != 5 || ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
		return PACKET_OTHER;
	if (ip->protocol == IPPROTO_ICMP)
		return packet_icmp4(flows, (const __u8 *)(ip + 1), end);
	return packet_transport(flows, ip->protocol, ip + 1, end);
}

/*
 * A network namespace made inside the fence has its own kernel sockets in it, which find the
 * neighbours (RFC 4861: types 133 to 137, of which a receiver takes only those that come with a hop
 * limit of 255, that is, from the same link). No socket that can be made in a fence sends these.
 */
static __always_inline enum packet_kind packet_icmp6(struct packet_flows flows,
						     const struct ipv6hdr *ip, const void *end)
{
	const __u8 *type = (const void *)(ip + 1);

	if ((const void *)(type + ICMP_BYTES_MIN) > end)
		return PACKET_OTHER;
	if (*type >= NDISC_ROUTER_SOLICITATION && *type <= NDISC_REDIRECT)
		return ip->hop_limit == 255 ? PACKET_NEIGHBOUR : PACKET_OTHER;
	if (*type != ICMPV6_ECHO_REQUEST)
		return PACKET_OTHER;
	return packet_set_ports(flows, 0, 0, false);
}

static __always_inline enum packet_kind packet_ipv6(struct packet_flows flows,
						    const struct ipv6hdr *ip, const void *end)
{
	if ((const void *)(ip + 1) > end)
		return PACKET_OTHER;
	packet_set_protocol(flows, ip->nexthdr);
	flow_set_ipv6(flows.destination, ip->daddr.in6_u.u6_addr32);
	if (flows.source)
		flow_set_ipv6(flows.source, ip->saddr.in6_u.u6_addr32);
	if (ip->nexthdr == IPPROTO_ICMPV6)
		return packet_icmp6(flows, ip, end);
	return packet_transport(flows, ip->nexthdr, ip + 1, end);
}

/*
 * In cgroup programs the data begin with the IP header. A raw socket may write another version into
 * it than what the packet goes out as.
 */
static __always_inline enum packet_kind packet_parse(const struct __sk_buff *skb,
						     struct packet_flows flows)
{
	const void *header = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	const __u8 *first = header;

	if ((const void *)(first + 1) > end)
		return PACKET_OTHER;
	if (*first >> 4 == 4 && skb->protocol == bpf_htons(ETH_P_IP))
		return packet_ipv4(flows, header, end);
	if (*first >> 4 == 6 && skb->protocol == bpf_htons(ETH_P_IPV6))
		return packet_ipv6(flows, header, end);
	return PACKET_OTHER;
}

/* As flow_join_paths(); of a flow that is not a packet's it is known whether it is new. */
static __always_inline void packet_join_paths(struct cgf_flow *flow, __u32 zero)
{
	flow->established |= zero;
	flow_join_paths(flow, zero);
}

/* What the kernel says to the neighbours by itself: MLD (in a hop-by-hop header) and IGMP. */
static __always_inline bool packet_is_chatter(const struct cgf_flow *flow)
{
	const __u8 *address = flow->key.address;

	if (flow->protocol == IPPROTO_TCP || flow->protocol == IPPROTO_UDP)
		return false;
	/* RFC 4291, link-local scope; RFC 5771, local network control block. */
	if (flow->ip_version == 6)
		return address[0] == 0xff && address[1] == 0x02;
	return address[12] == 224 && address[13] == 0 && address[14] == 0;
}

#endif
