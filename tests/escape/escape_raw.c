// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets with headers of their own; and the address families that know no IP. */
#include "escape_raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* No one's: a host takes no packet that seems to be its own from a device. */
#define SOURCE4 0xc6336407 /* 198.51.100.7 */
#define SOURCE6 "2001:db8:1::7"

static uint16_t checksum(const void *data, size_t length)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < length / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void udp_header(const struct attempt *attempt, struct udphdr *ret)
{
	*ret = (struct udphdr){ .uh_sport = htons(9),
				.uh_dport = attempt->to.ipv4.sin_port,
				.uh_ulen = htons((uint16_t)(8 + strlen(attempt->payload))) };
}

size_t escape_packet(const struct attempt *attempt, struct packet *ret)
{
	size_t length = strlen(attempt->payload), header = escape_is_ipv4(attempt) ? 20 : 40;
	struct iphdr *ipv4 = (struct iphdr *)ret->bytes;
	struct ip6_hdr *ipv6 = (struct ip6_hdr *)ret->bytes;

	memset(ret, 0, sizeof(*ret));
	if (header == 20) {
		*ipv4 = (struct iphdr){ .version = 4,
					.ihl = 5,
					.ttl = 64,
					.protocol = IPPROTO_UDP,
					.tot_len = htons((uint16_t)(28 + length)),
					.saddr = htonl(SOURCE4),
					.daddr = attempt->to.ipv4.sin_addr.s_addr };
		ipv4->check = checksum(ipv4, 20);
	} else {
		ipv6->ip6_vfc = 6 << 4;
		ipv6->ip6_plen = htons((uint16_t)(8 + length));
		ipv6->ip6_nxt = IPPROTO_UDP;
		ipv6->ip6_hlim = 64;
		inet_pton(AF_INET6, SOURCE6, &ipv6->ip6_src);
		ipv6->ip6_dst = attempt->to.ipv6.sin6_addr;
	}
	udp_header(attempt, (struct udphdr *)&ret->bytes[header]);
	memcpy(&ret->bytes[header + 8], attempt->payload, length);
	return header + 8 + length;
}

static int send_raw(struct attempt *attempt, int fd, const void *data, size_t length)
{
	attempt->to.ipv6.sin6_port = 0;
	if (fd < 0)
		return fail("socket");
	if (sendto(fd, data, length, 0, &attempt->to.any, length_of(&attempt->to)) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

static int open_family(const struct attempt *attempt, int type, int protocol)
{
	return open_socket(attempt, attempt->to.any.sa_family, type, protocol);
}

/* Echo requests, by a socket for everyone and by one of root's. */
static int echo(struct attempt *attempt, int type)
{
	bool ipv4 = escape_is_ipv4(attempt);
	struct {
		struct icmphdr header;
		char payload[64];
	} request = { .header = { .type = ipv4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST } };

	snprintf(request.payload, sizeof(request.payload), "%s", attempt->payload);
	request.header.checksum = checksum(&request, sizeof(request));
	return send_raw(attempt, open_family(attempt, type, ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6),
			&request, sizeof(request));
}

static int ping(struct attempt *attempt)
{
	return echo(attempt, SOCK_DGRAM);
}

static int raw_echo(struct attempt *attempt)
{
	return echo(attempt, SOCK_RAW);
}

static int raw_udp(struct attempt *attempt)
{
	char data[128];
	struct udphdr header;

	udp_header(attempt, &header);
	memcpy(data, &header, sizeof(header));
	memcpy(&data[8], attempt->payload, strlen(attempt->payload));
	return send_raw(attempt, open_family(attempt, SOCK_RAW, IPPROTO_UDP), data,
			8 + strlen(attempt->payload));
}

static int raw_header(struct attempt *attempt)
{
	struct packet packet;
	size_t length = escape_packet(attempt, &packet);

	return send_raw(attempt, open_family(attempt, SOCK_RAW, IPPROTO_RAW), packet.bytes, length);
}

/* Any protocol that the kernel knows nothing of. */
static int raw_other(struct attempt *attempt)
{
	return send_raw(attempt, open_family(attempt, SOCK_RAW, 253), attempt->payload,
			strlen(attempt->payload));
}

/* The header of UDP in one fragment and the payload in another. */
static int raw_fragments(struct attempt *attempt)
{
	struct packet packet;
	size_t length = escape_packet(attempt, &packet) - 28;
	struct iphdr *header = (struct iphdr *)packet.bytes;
	int fd = open_family(attempt, SOCK_RAW, IPPROTO_RAW), on = 1;
	union address to = attempt->to;

	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof(on)))
		return fail("socket");
	header->id = htons(7);
	header->frag_off = htons(0x2000);
	if (sendto(fd, packet.bytes, 28, 0, &to.any, length_of(&to)) < 0)
		return fail("sendto");
	header->frag_off = htons(1);
	memmove(&packet.bytes[20], &packet.bytes[28], length);
	return send_raw(attempt, fd, packet.bytes, 20 + length);
}

static struct sockaddr_ll link_address(const struct attempt *attempt)
{
	return (struct sockaddr_ll){
		.sll_family = AF_PACKET,
		.sll_protocol = htons(escape_is_ipv4(attempt) ? ETHERTYPE_IP : ETHERTYPE_IPV6),
		.sll_ifindex = (int)if_nametoindex("eth0"),
		.sll_halen = 6,
		.sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	};
}

int escape_send_packet(struct attempt *attempt, int fd)
{
	struct sockaddr_ll link = link_address(attempt);
	struct packet packet;
	size_t length = escape_packet(attempt, &packet);

	if (fd < 0)
		return fail("socket");
	if (sendto(fd, packet.bytes, length, 0, (struct sockaddr *)&link, sizeof(link)) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

static int packet_datagram(struct attempt *attempt)
{
	return escape_send_packet(attempt, socket(AF_PACKET, SOCK_DGRAM, 0));
}

/* Not IP at all: the payload behind an Ethernet header. */
static int packet_other(struct attempt *attempt)
{
	struct sockaddr_ll link = link_address(attempt);
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0);

	link.sll_protocol = htons(0x88b5); /* for experiments */
	if (fd < 0)
		return fail("socket");
	if (sendto(fd, attempt->payload, strlen(attempt->payload), 0, (struct sockaddr *)&link,
		   sizeof(link)) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

/* Nothing is sent: on the other side is the machine that this one runs on. */
static int vsock(struct attempt *attempt)
{
	int fd = open_socket(attempt, AF_VSOCK, SOCK_STREAM, 0);

	return fd < 0 ? fail("socket") : succeed(attempt, fd);
}

/* A filter sees 64 bits of what the kernel takes as 32. */
static int vsock_high_bits(struct attempt *attempt)
{
	int fd = (int)syscall(SYS_socket, AF_VSOCK | 1L << 32, SOCK_STREAM | 1L << 32, 0);

	return fd < 0 ? fail("socket") : succeed(attempt, fd);
}

#ifdef __x86_64__
/* The system call socketcall of 32-bit programs, whose arguments a filter cannot see. */
static int socket_int80(int family, int type, int protocol)
{
	uint32_t *arguments = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long ret = 102;

	if (arguments == MAP_FAILED)
		return -1;
	arguments[0] = (uint32_t)family;
	arguments[1] = (uint32_t)type;
	arguments[2] = (uint32_t)protocol;
	__asm__ volatile("int $0x80"
			 : "+a"(ret)
			 : "b"(1L), "c"(arguments)
			 : "memory", "r8", "r9", "r10", "r11");
	ret = (int)ret;
	if (ret < 0)
		errno = (int)-ret;
	return ret < 0 ? -1 : (int)ret;
}
#else
static int socket_int80(int family, int type, int protocol)
{
	(void)family, (void)type, (void)protocol;
	errno = ENOSYS;
	return -1;
}
#endif

static int vsock_int80(struct attempt *attempt)
{
	int fd = socket_int80(AF_VSOCK, SOCK_STREAM, 0);

	return fd < 0 ? fail("socketcall") : succeed(attempt, fd);
}

static int packet_int80(struct attempt *attempt)
{
	return escape_send_packet(attempt, socket_int80(AF_PACKET, SOCK_DGRAM, 0));
}

static int udp_int80(struct attempt *attempt)
{
	int fd = socket_int80(attempt->to.any.sa_family, SOCK_DGRAM, 0);

	return escape_send_on(attempt, fd, &attempt->to);
}

#define NET_RAW "`CAP_NET_RAW`"
#define OPEN_RAW (ESCAPE_FAMILY | ESCAPE_OPEN_DOCKER | ESCAPE_OPEN_FULL)

const struct escape escape_raw[] = {
	{ "ping", "echo request by a ping socket", ping, ESCAPE_BOTH, "egress" },
	{ "raw-echo", "the same by a raw socket", raw_echo, ESCAPE_BOTH | ESCAPE_ROOT, "socket" },
	{ "raw-udp", "UDP by a raw socket", raw_udp, ESCAPE_BOTH | ESCAPE_ROOT, "socket" },
	{ "raw-header", "the same with an IP header of its own", raw_header,
	  ESCAPE_BOTH | ESCAPE_ROOT, "socket" },
	{ "raw-fragments", "the same in fragments", raw_fragments, ESCAPE_IPV4 | ESCAPE_ROOT,
	  "socket" },
	{ "raw-other", "another protocol by a raw socket", raw_other, ESCAPE_BOTH | ESCAPE_ROOT,
	  "socket" },
	{ "packet", "`AF_PACKET`, `SOCK_RAW`", way_packet, ESCAPE_IPV4 | ESCAPE_ROOT | OPEN_RAW,
	  "capabilities", NET_RAW },
	{ "packet-dgram", "`AF_PACKET`, `SOCK_DGRAM`", packet_datagram,
	  ESCAPE_BOTH | ESCAPE_ROOT | OPEN_RAW, "capabilities", NET_RAW },
	{ "packet-other", "the same, not IP", packet_other, ESCAPE_ONCE | ESCAPE_ROOT | OPEN_RAW,
	  "capabilities", NET_RAW },
	{ "sock-packet", "`SOCK_PACKET` through `AF_INET`", way_sock_packet,
	  ESCAPE_IPV4 | ESCAPE_ROOT | OPEN_RAW, "capabilities", NET_RAW },
	{ "packet-int80", "`AF_PACKET` by a 32-bit system call", packet_int80,
	  ESCAPE_BOTH | ESCAPE_ROOT | OPEN_RAW, "capabilities", NET_RAW },
	{ "udp-int80", "UDP by a 32-bit system call", udp_int80, ESCAPE_BOTH },
	{ "vsock", "`AF_VSOCK`: a socket is made", vsock,
	  ESCAPE_ONCE | ESCAPE_MADE | ESCAPE_OPEN_USER | OPEN_RAW, "seccomp", "`--no-seccomp`" },
	{ "vsock-high", "the same, with bits that the kernel ignores", vsock_high_bits,
	  ESCAPE_ONCE | ESCAPE_MADE | ESCAPE_OPEN_USER | OPEN_RAW, "seccomp", "`--no-seccomp`" },
	{ "vsock-int80", "the same by a 32-bit system call", vsock_int80,
	  ESCAPE_ONCE | ESCAPE_MADE | ESCAPE_OPEN_USER | OPEN_RAW, "seccomp", "`--no-seccomp`" },
	{ 0 },
};
