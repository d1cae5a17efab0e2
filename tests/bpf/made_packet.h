/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets by chance, close to what a policy is about. */
#ifndef CGFENCE_TESTS_BPF_MADE_PACKET_H
#define CGFENCE_TESTS_BPF_MADE_PACKET_H

#include "made_policy.h"
#include "wire.h"

/* A packet is mostly about one rule. */
struct aim {
	const struct made_policy *policy;
	const struct said *said;
};

static inline const struct said *any_said(struct chance *chance, const struct made_policy *policy)
{
	return &policy->said[chance_below(chance, (unsigned int)policy->count)];
}

static inline const struct said *some_said(struct chance *chance, const struct aim *aim)
{
	return chance_percent(chance, 70) ? aim->said : any_said(chance, aim->policy);
}

/* In what some rule is about, at its edges, or just beyond. */
static inline number128 choose_address(struct chance *chance, const struct aim *aim)
{
	const struct said *said = some_said(chance, aim);
	const number128 size = said->last_address - said->first_address;

	switch (chance_below(chance, 9)) {
	case 0:
		return said->first_address - 1;
	case 1:
		return said->last_address + 1;
	case 2:
		return said->last_address;
	case 3:
		return number_of(CHANCE_OF(chance, made_prefixes).text);
	case 4:
		return said->first_address + (size ? chance_next(chance) % (uint64_t)size : 0);
	}
	return said->first_address;
}

static inline uint16_t choose_port(struct chance *chance, const struct aim *aim)
{
	const struct said *said = some_said(chance, aim);

	switch (chance_below(chance, 8)) {
	case 0:
		return (uint16_t)(said->first_port - 1);
	case 1:
		return (uint16_t)(said->last_port + 1);
	case 2:
		return said->last_port;
	case 3:
		return 53;
	case 4:
		return (uint16_t)chance_next(chance);
	}
	return said->first_port;
}

static inline void write_number(uint8_t *bytes, number128 number, size_t count)
{
	while (count--) {
		bytes[count] = (uint8_t)number;
		number >>= 8;
	}
}

static const uint8_t other_protocols[] = {
	0,
	IPPROTO_ICMP,
	IPPROTO_ICMPV6,
	IPPROTO_IGMP,
	IPPROTO_IPIP,
	IPPROTO_IPV6,
	IPPROTO_GRE,
	IPPROTO_ESP,
	IPPROTO_AH,
	IPPROTO_SCTP,
	IPPROTO_DCCP,
	IPPROTO_UDPLITE,
	IPPROTO_ROUTING,
	IPPROTO_DSTOPTS,
	IPPROTO_NONE,
	IPPROTO_FRAGMENT,
	255,
};
static const uint8_t hop_limits[] = { 1, 64, 254, 255, 255 };

static inline uint8_t choose_protocol(struct chance *chance, const struct aim *aim, bool ipv6)
{
	const unsigned int percent = aim->said->protocols == SAID_ICMP && chance_percent(chance, 70)
					     ? 70
					     : chance_below(chance, 100);

	if (percent < 45)
		return IPPROTO_TCP;
	if (percent < 70)
		return IPPROTO_UDP;
	if (percent < 88)
		return ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	return CHANCE_OF(chance, other_protocols);
}

static inline uint8_t choose_icmp_type(struct chance *chance, uint8_t protocol)
{
	static const uint8_t ipv4[] = { 8, 8, 8, 0, 3, 5, 13, 15, 17, 42 };
	static const uint8_t ipv6[] = { 128, 128, 128, 129, 130, 131, 132, 133, 134,
					135, 136, 137, 138, 143, 1,   2,   160 };

	if (chance_percent(chance, 10))
		return (uint8_t)chance_next(chance);
	return protocol == IPPROTO_ICMPV6 ? CHANCE_OF(chance, ipv6) : CHANCE_OF(chance, ipv4);
}

/* Returns how long it is, sometimes shorter than its header should be. */
static inline size_t make_transport(struct chance *chance, const struct aim *aim, uint8_t protocol,
				    uint8_t *header)
{
	const bool icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
	const size_t length = protocol == IPPROTO_TCP ? 20 : 8;
	size_t i;

	for (i = 0; i < length; i++)
		header[i] = (uint8_t)chance_next(chance);
	write_number(header, choose_port(chance, aim), 2);
	write_number(header + 2, choose_port(chance, aim), 2);
	if (icmp) {
		header[0] = choose_icmp_type(chance, protocol);
		header[1] = 0;
	}
	if (protocol == IPPROTO_TCP && chance_percent(chance, 30))
		header[13] = 0x02;
	if (chance_percent(chance, 8))
		return chance_below(chance, (unsigned int)length);
	return length + chance_below(chance, 40);
}

static inline uint16_t choose_fragment(struct chance *chance)
{
	static const uint16_t fields[] = { 0x2000, 0x2001, 0x0001, 0x1fff, 0x8000, 0x6000, 0x0100 };

	if (chance_percent(chance, 85))
		return chance_percent(chance, 50) ? 0x4000 : 0;
	return CHANCE_OF(chance, fields);
}

static inline void make_ipv4(struct chance *chance, const struct aim *aim, struct packet *packet)
{
	const size_t words = chance_percent(chance, 90) ? 5 : chance_below(chance, 16);
	const size_t header = words < 5 ? 20 : 4 * words;
	uint8_t *bytes = packet->bytes;

	bytes[0] = (uint8_t)(0x40 | words);
	bytes[1] = (uint8_t)chance_next(chance);
	write_number(bytes + 6, choose_fragment(chance), 2);
	bytes[8] = CHANCE_OF(chance, hop_limits);
	bytes[9] = choose_protocol(chance, aim, false);
	write_number(bytes + 12, choose_address(chance, aim), 4);
	write_number(bytes + 16, choose_address(chance, aim), 4);
	memset(bytes + 20, 1, header - 20); /* no operation */
	packet->length = header + make_transport(chance, aim, bytes[9], bytes + header);
	write_number(bytes + 2, packet->length, 2);
}

/* Extension headers of 8 bytes each; returns where the next one begins. */
static inline size_t make_extensions(struct chance *chance, uint8_t *bytes, size_t *next_header)
{
	static const uint8_t kinds[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT,
					 IPPROTO_DSTOPTS, IPPROTO_AH,	   IPPROTO_NONE,
					 IPPROTO_MH };
	size_t place = 40;

	while (chance_percent(chance, 15) || (place > 40 && chance_percent(chance, 30))) {
		bytes[*next_header] = CHANCE_OF(chance, kinds);
		*next_header = place;
		place += 8;
		if (place > 40 + 6 * 8)
			break;
	}
	return place;
}

static inline void make_ipv6(struct chance *chance, const struct aim *aim, struct packet *packet)
{
	uint8_t *bytes = packet->bytes, protocol = choose_protocol(chance, aim, true);
	size_t next_header = 6, place;

	bytes[0] = (uint8_t)(0x60 | chance_below(chance, 16));
	bytes[7] = CHANCE_OF(chance, hop_limits);
	write_number(bytes + 8, choose_address(chance, aim), 16);
	write_number(bytes + 24, choose_address(chance, aim), 16);
	place = make_extensions(chance, bytes, &next_header);
	bytes[next_header] = protocol;
	packet->length = place + make_transport(chance, aim, protocol, bytes + place);
	write_number(bytes + 4, packet->length - 40, 2);
}

/* The kernel sends nothing to the groups of the interface itself, nor to a group at hop limit 0. */
static inline void make_sendable(struct packet *packet)
{
	uint8_t *bytes = packet->bytes;

	if (packet->length < 60 && bytes[0] >> 4 != (packet->family == AF_INET ? 4 : 6))
		packet->length = 60;
	if (packet->family == AF_INET || bytes[24] != 0xff)
		return;
	bytes[25] |= 2;
	bytes[7] |= 1;
}

static inline struct packet make_packet(struct chance *chance, const struct made_policy *policy,
					uint16_t number)
{
	const struct aim aim = { policy, any_said(chance, policy) };
	const bool ipv6 = chance_percent(chance, number_is_ipv4(aim.said->first_address) ? 25 : 85);
	struct packet packet = { .family = ipv6 ? AF_INET6 : AF_INET };

	if (ipv6)
		make_ipv6(chance, &aim, &packet);
	else
		make_ipv4(chance, &aim, &packet);
	/* Not what its socket is for; not what it was; not of any version. */
	if (chance_percent(chance, 4))
		packet.family = ipv6 ? AF_INET : AF_INET6;
	if (chance_percent(chance, 5))
		packet.bytes[chance_below(chance, (unsigned int)packet.length)] ^=
			(uint8_t)(1 << chance_below(chance, 8));
	if (chance_percent(chance, 2))
		packet.bytes[0] ^= (uint8_t)chance_next(chance) & 0xf0;
	make_sendable(&packet);
	set_number(&packet, number);
	return packet;
}

#endif
