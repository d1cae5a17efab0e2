/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets by the byte: sent by raw sockets, and read where they leave. */
#ifndef CGFENCE_TESTS_BPF_WIRE_H
#define CGFENCE_TESTS_BPF_WIRE_H

#include <linux/if_ether.h>

#include "fenced.h"

#define PACKET_BYTES_MAX 512

struct packet {
	int family; /* of the raw socket, whatever the packet says */
	size_t length;
	uint8_t bytes[PACKET_BYTES_MAX];
};

/* As a TUN device has it; <linux/if_tun.h> says the same. */
struct frame {
	struct tun_pi info;
	uint8_t bytes[PACKET_BYTES_MAX];
};

union endpoint {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

static inline union endpoint endpoint_of(const char *address, uint16_t port)
{
	union endpoint endpoint = {};

	/* The port is at the same place for both. */
	endpoint.ipv4.sin_port = htons(port);
	if (inet_pton(AF_INET, address, &endpoint.ipv4.sin_addr) == 1) {
		endpoint.any.sa_family = AF_INET;
		return endpoint;
	}
	assert_int_equal(inet_pton(AF_INET6, address, &endpoint.ipv6.sin6_addr), 1);
	endpoint.any.sa_family = AF_INET6;
	return endpoint;
}

/*
 * Where it is routed to, which is the device whatever destination the packet has; 0 or the error.
 * IPPROTO_RAW has the header included for both families.
 */
static inline int send_raw(int fd, const struct packet *packet)
{
	const union endpoint through = packet->family == AF_INET
					       ? endpoint_of("198.51.100.1", 0)
					       : endpoint_of("2001:db8:ffff::1", 0);

	return sendto(fd, packet->bytes, packet->length, 0, &through.any, sizeof(through)) < 0
		       ? errno
		       : 0;
}

/*
 * A number to know the packet by: the identification of IPv4, the low bits of IPv6's flow label. By
 * the socket's family: a packet may pretend to be of the other one.
 */
static inline uint8_t *packet_number(int family, uint8_t *bytes)
{
	return bytes + (family == AF_INET ? 4 : 2);
}

static inline void set_number(struct packet *packet, uint16_t number)
{
	uint8_t *place = packet_number(packet->family, packet->bytes);

	place[0] = (uint8_t)(number >> 8);
	place[1] = (uint8_t)number;
}

/* What the kernel fills in: length and checksum, and a source if there is none. */
static inline bool kernel_writes(const struct packet *packet, size_t place)
{
	static const uint8_t none[4];

	if (packet->family != AF_INET)
		return false;
	return (place >= 2 && place < 4) || (place >= 10 && place < 12) ||
	       (place >= 12 && place < 16 && !memcmp(packet->bytes + 12, none, sizeof(none)));
}

static inline bool frame_is(const struct frame *frame, size_t length, const struct packet *packet)
{
	const uint16_t protocol = packet->family == AF_INET ? ETH_P_IP : ETH_P_IPV6;
	size_t i;

	if (length != sizeof(frame->info) + packet->length || ntohs(frame->info.proto) != protocol)
		return false;
	for (i = 0; i < packet->length; i++)
		if (frame->bytes[i] != packet->bytes[i] && !kernel_writes(packet, i))
			return false;
	return true;
}

/* The next that leaves, within the deadline. */
static inline size_t next_frame(const struct fenced *fenced, struct frame *ret_frame)
{
	struct pollfd readable = { .fd = fenced->device, .events = POLLIN };
	ssize_t length;

	assert_int_equal(poll(&readable, 1, DEADLINE_MS), 1);
	length = read(fenced->device, ret_frame, sizeof(*ret_frame));
	assert_true(length > (ssize_t)sizeof(ret_frame->info));
	return (size_t)length;
}

/* Something that no fence holds, to know that what came before it has come. */
static inline struct packet last_packet(void)
{
	return (struct packet){ .family = AF_INET,
				.length = 20,
				.bytes = { 0x45, [4] = 0xff, 0xff, [8] = 64,
					   IPPROTO_RAW, [12] = 198, 18, 0, 2, 198, 51, 100, 255 } };
}

/* --- packets that are plain ----------------------------------------------------------------------
 */

#define TCP_SYN 0x02
#define TCP_ACK 0x10

static inline void put16(uint8_t *bytes, unsigned int number)
{
	bytes[0] = (uint8_t)(number >> 8);
	bytes[1] = (uint8_t)number;
}

static inline unsigned int sum_of(const uint8_t *bytes, size_t length)
{
	unsigned int sum = 0;
	size_t i;

	for (i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
	return sum;
}

static inline unsigned int checksum_of(unsigned int sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* Returns where the transport header begins. Both addresses are of one family. */
static inline uint8_t *put_addresses(struct packet *packet, uint8_t protocol, size_t transport,
				     const union endpoint *from, const union endpoint *to)
{
	uint8_t *bytes = packet->bytes;

	packet->family = to->any.sa_family;
	packet->length = (packet->family == AF_INET ? 20 : 40) + transport;
	if (packet->family == AF_INET) {
		memcpy(bytes, (uint8_t[]){ 0x45, [8] = 64, protocol }, 10);
		put16(bytes + 2, (unsigned int)packet->length);
		memcpy(bytes + 12, &from->ipv4.sin_addr, 4);
		memcpy(bytes + 16, &to->ipv4.sin_addr, 4);
		put16(bytes + 10, checksum_of(sum_of(bytes, 20)));
		return bytes + 20;
	}
	memcpy(bytes, (uint8_t[]){ 0x60, [6] = protocol, 64 }, 8);
	put16(bytes + 4, (unsigned int)transport);
	memcpy(bytes + 8, &from->ipv6.sin6_addr, 16);
	memcpy(bytes + 24, &to->ipv6.sin6_addr, 16);
	return bytes + 40;
}

/* `flags` are of TCP; 0 for UDP, with 4 bytes in it. */
static inline struct packet plain_packet(uint8_t flags, const union endpoint *from,
					 const union endpoint *to)
{
	const uint8_t protocol = flags ? IPPROTO_TCP : IPPROTO_UDP;
	const size_t transport = flags ? 20 : 12;
	struct packet packet = {};
	uint8_t *header = put_addresses(&packet, protocol, transport, from, to);
	const size_t addresses = packet.family == AF_INET ? 8 : 32;

	put16(header, ntohs(from->ipv4.sin_port));
	put16(header + 2, ntohs(to->ipv4.sin_port));
	if (flags)
		memcpy(header + 12, (uint8_t[]){ 0x50, flags, 0xff, 0xff }, 4);
	else
		put16(header + 4, (unsigned int)transport);
	put16(header + (flags ? 16 : 6),
	      checksum_of(sum_of(header - addresses, addresses + transport) + protocol +
			  (unsigned int)transport));
	return packet;
}

/* From the other side. */
static inline void inject(const struct fenced *fenced, const struct packet *packet)
{
	struct frame frame = { .info.proto = htons(packet->family == AF_INET ? ETH_P_IP
									     : ETH_P_IPV6) };
	const size_t length = sizeof(frame.info) + packet->length;

	memcpy(frame.bytes, packet->bytes, packet->length);
	assert_int_equal(write(fenced->device, &frame, length), length);
}

#endif
