/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A second opinion on packets, from what the manual pages say and from nothing of the product's
 * code: every rule is looked at in turn, and addresses are numbers.
 */
#ifndef CGFENCE_TESTS_BPF_ORACLE_H
#define CGFENCE_TESTS_BPF_ORACLE_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef unsigned __int128 number128;

enum {
	SAID_TCP = 1,
	SAID_UDP = 2,
	SAID_ICMP = 4
};

enum said_verb {
	SAID_ALLOW,
	SAID_DENY,
	SAID_LISTEN
};

/* A rule, as it was said. */
struct said {
	enum said_verb verb;
	const char *name; /* or a prefix: */
	number128 first_address, last_address;
	uint16_t first_port, last_port; /* 0, 0: none said */
	int protocols;			/* 0: none said */
	bool expired;			/* the address of its name has run out */
};

/* What is in a packet that is plain TCP, UDP or an ICMP echo request. */
struct plain {
	number128 source, destination;
	uint16_t source_port, destination_port;
	int protocol; /* SAID_* */
	bool opens;   /* or may belong to what was judged before */
};

#define MAPPED ((number128)0xffff << 32)
#define IPV4_LOOPBACK (MAPPED | 0x7f000000)

static inline number128 number_from(const uint8_t *bytes, size_t count)
{
	number128 number = 0;
	size_t i;

	for (i = 0; i < count; i++)
		number = number << 8 | bytes[i];
	return number;
}

static inline bool number_is_ipv4(number128 address)
{
	return address >> 32 == 0xffff;
}

static inline bool number_is_loopback(number128 address)
{
	return address == 1 || address >> 24 == IPV4_LOOPBACK >> 24;
}

/* --- what a packet is ---------------------------------------------------------------------------
 */

static inline bool transport_is_plain(struct plain *plain, uint8_t protocol, const uint8_t *header,
				      size_t length)
{
	const size_t least = protocol == IPPROTO_TCP ? 20 : 8;

	if (length < least)
		return false;
	plain->source_port = (uint16_t)number_from(header, 2);
	plain->destination_port = (uint16_t)number_from(header + 2, 2);
	if (protocol == IPPROTO_TCP) {
		plain->protocol = SAID_TCP;
		plain->opens = (header[13] & 0x12) == 0x02; /* SYN, and no ACK */
		return true;
	}
	plain->protocol = SAID_UDP;
	return protocol == IPPROTO_UDP;
}

static inline bool echo_is_plain(struct plain *plain, uint8_t request, const uint8_t *header,
				 size_t length)
{
	plain->protocol = SAID_ICMP;
	plain->opens = true;
	return length >= 8 && header[0] == request;
}

static inline bool ipv4_is_plain(struct plain *plain, const uint8_t *bytes, size_t length)
{
	const uint8_t protocol = bytes[9];

	if (bytes[0] != 0x45)
		return false;
	if (number_from(bytes + 6, 2) & 0x3fff) /* more fragments, offset */
		return false;
	plain->source = MAPPED | number_from(bytes + 12, 4);
	plain->destination = MAPPED | number_from(bytes + 16, 4);
	if (protocol == IPPROTO_ICMP)
		return echo_is_plain(plain, 8, bytes + 20, length - 20);
	return transport_is_plain(plain, protocol, bytes + 20, length - 20);
}

static inline bool ipv6_is_plain(struct plain *plain, const uint8_t *bytes, size_t length)
{
	const uint8_t protocol = bytes[6];

	if (length < 40 || bytes[0] >> 4 != 6)
		return false;
	plain->source = number_from(bytes + 8, 16);
	plain->destination = number_from(bytes + 24, 16);
	if (protocol == IPPROTO_ICMPV6)
		return echo_is_plain(plain, 128, bytes + 40, length - 40);
	return transport_is_plain(plain, protocol, bytes + 40, length - 40);
}

static inline bool is_neighbour_discovery(const uint8_t *bytes, size_t length)
{
	return length >= 40 + 8 && bytes[0] >> 4 == 6 && bytes[6] == IPPROTO_ICMPV6 &&
	       bytes[40] >= 133 && bytes[40] <= 137 && bytes[7] == 255;
}

/* --- what the rules say of it -------------------------------------------------------------------
 */

static inline bool said_covers(const struct said *said, number128 address)
{
	/* An IPv6 prefix has no IPv4 address in it. */
	return number_is_ipv4(said->first_address) == number_is_ipv4(address) &&
	       address >= said->first_address && address <= said->last_address;
}

static inline bool said_has_protocol(const struct said *said, int protocol)
{
	if (said->protocols)
		return said->protocols & protocol;
	/* What is denied without a port and a protocol is denied whole. */
	return protocol != SAID_ICMP || (said->verb == SAID_DENY && !said->last_port);
}

static inline bool said_has_port(const struct said *said, uint16_t port)
{
	return !said->last_port || (port >= said->first_port && port <= said->last_port);
}

static inline bool said_is_about(const struct said *said, number128 address, uint16_t port,
				 int protocol)
{
	return said_covers(said, address) && said_has_protocol(said, protocol) &&
	       (protocol == SAID_ICMP || said_has_port(said, port));
}

static inline bool said_opens_port(const struct said *said, uint16_t port)
{
	return port != 53 || (said->first_port == 53 && said->last_port == 53);
}

static inline bool is_denied(const struct said *said, size_t count, number128 address,
			     uint16_t port, int protocol)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (said[i].verb == SAID_DENY && said_is_about(&said[i], address, port, protocol))
			return true;
	return false;
}

static inline bool is_allowed(const struct said *said, size_t count, number128 address,
			      uint16_t port, const struct plain *plain)
{
	const int protocol = plain->protocol;
	size_t i;

	for (i = 0; i < count; i++)
		if (said[i].verb == SAID_ALLOW &&
		    said_is_about(&said[i], address, port, protocol) &&
		    (protocol == SAID_ICMP || said_opens_port(&said[i], port)) &&
		    !(said[i].expired && plain->opens))
			return true;
	return false;
}

static inline bool is_served(const struct said *said, size_t count, uint16_t port, int protocol)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (said[i].verb == SAID_LISTEN && said_has_protocol(&said[i], protocol) &&
		    said_has_port(&said[i], port))
			return true;
	return false;
}

/* Of a connection that was accepted. Who sent datagrams is another test's: here nobody did. */
static inline bool is_answer(const struct said *said, size_t count, const struct plain *plain)
{
	const number128 source = plain->source;
	const uint16_t port = plain->source_port;

	if (plain->protocol != SAID_TCP || plain->opens)
		return false;
	if (is_served(said, count, port, SAID_TCP))
		return true;
	return number_is_loopback(source) && number_is_loopback(plain->destination) &&
	       !is_denied(said, count, source, port, SAID_TCP) &&
	       is_allowed(said, count, source, port, plain);
}

/* `family` is what the packet leaves as: a receiver looks no further if the version is not its. */
static inline bool may_leave(const struct said *said, size_t count, int family,
			     const uint8_t *bytes, size_t length)
{
	struct plain plain = {};

	if (family == AF_INET6 && is_neighbour_discovery(bytes, length))
		return true;
	if (family == AF_INET ? !ipv4_is_plain(&plain, bytes, length)
			      : !ipv6_is_plain(&plain, bytes, length))
		return false;
	/* The witness is a device, and what is for loopback stays off the wire. */
	if (number_is_loopback(plain.destination))
		return false;
	if (is_denied(said, count, plain.destination, plain.destination_port, plain.protocol))
		return false;
	return is_allowed(said, count, plain.destination, plain.destination_port, &plain) ||
	       is_answer(said, count, &plain);
}

#endif
