// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The ways that make headers of their own, and those of ICMP. */
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "probe.h"

/* The packet, with headers of its own, that raw sockets send. */
struct frame {
	struct ether_header ethernet;
	struct iphdr ip;
	struct udphdr udp;
	char payload[256];
} __attribute__((packed));

int way_ping(struct attempt *attempt)
{
	bool ipv4 = attempt->to.any.sa_family == AF_INET;
	struct icmphdr request = { .type = ipv4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST };
	int fd = open_socket(attempt, attempt->to.any.sa_family, SOCK_DGRAM,
			     ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	if (fd < 0)
		return fail("socket");
	if (sendto(fd, &request, sizeof(request), 0, &attempt->to.any, length_of(&attempt->to)) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

static uint16_t ip_checksum(struct iphdr header)
{
	uint16_t words[sizeof(header) / 2];
	uint32_t sum = 0;

	memcpy(words, &header, sizeof(header));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* An IPv4 UDP datagram, for everyone on the link. Returns its size from the Ethernet header on. */
static size_t make_frame(const struct attempt *attempt, struct frame *ret)
{
	size_t length = strnlen(attempt->payload, sizeof(ret->payload));
	uint16_t udp_length = (uint16_t)(sizeof(ret->udp) + length);

	*ret = (struct frame){
		.ethernet = { .ether_type = htons(ETHERTYPE_IP) },
		.ip = { .version = 4,
			.ihl = 5,
			.ttl = 64,
			.protocol = IPPROTO_UDP,
			.tot_len = htons((uint16_t)(sizeof(ret->ip) + udp_length)),
			.saddr = htonl(0xc6336402), /* 198.51.100.2 */
			.daddr = attempt->to.ipv4.sin_addr.s_addr },
		.udp = { .uh_sport = htons(9),
			 .uh_dport = attempt->to.ipv4.sin_port,
			 .uh_ulen = htons(udp_length) },
	};
	memset(ret->ethernet.ether_dhost, 0xff, sizeof(ret->ethernet.ether_dhost));
	memcpy(ret->payload, attempt->payload, length);
	ret->ip.check = ip_checksum(ret->ip);
	return offsetof(struct frame, payload) + length;
}

int way_raw(struct attempt *attempt)
{
	struct frame frame;
	size_t size = make_frame(attempt, &frame), offset = offsetof(struct frame, ip);
	int fd = open_socket(attempt, AF_INET, SOCK_RAW, IPPROTO_RAW);

	if (fd < 0)
		return fail("socket");
	if (sendto(fd, (char *)&frame + offset, size - offset, 0, &attempt->to.any,
		   sizeof(attempt->to.ipv4)) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

int way_packet(struct attempt *attempt)
{
	struct sockaddr_ll link = { .sll_family = AF_PACKET,
				    .sll_ifindex = (int)if_nametoindex("eth0") };
	struct frame frame;
	size_t size = make_frame(attempt, &frame);
	int fd = open_socket(attempt, AF_PACKET, SOCK_RAW, 0);

	if (fd < 0)
		return fail("socket");
	if (sendto(fd, &frame, size, 0, (struct sockaddr *)&link, sizeof(link)) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

/* The kernel turns AF_INET with this type into a packet socket. */
int way_sock_packet(struct attempt *attempt)
{
	struct sockaddr link = { .sa_family = AF_INET, .sa_data = "eth0" };
	struct frame frame;
	size_t size = make_frame(attempt, &frame);
	int fd = open_socket(attempt, AF_INET, SOCK_PACKET, htons(ETHERTYPE_IP));

	if (fd < 0)
		return fail("socket");
	if (sendto(fd, &frame, size, 0, &link, sizeof(link)) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}
