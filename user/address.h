/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses and prefixes: 16 bytes in network order, IPv4 as ::ffff:a.b.c.d, and text. Pure.
 */
#ifndef CGFENCE_ADDRESS_H
#define CGFENCE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address {
	uint8_t bytes[16];
};

/* Room for any address as text, and for any prefix. */
#define ADDRESS_TEXT_BYTES INET6_ADDRSTRLEN
#define PREFIX_TEXT_BYTES (INET6_ADDRSTRLEN + 4)

struct prefix {
	struct address address;
	uint8_t bits; /* of the 16 bytes: 96 + n for IPv4; host bits of `address` are zero */
};

/* Initializers for tables; `n` counts as a person does, and IPv6 takes the leading bytes. */
#define PREFIX_IPV4(a, b, c, d, n)                                                                 \
	{                                                                                          \
		{ { [10] = 0xff, 0xff, a, b, c, d } }, 96 + (n)                                    \
	}
#define PREFIX_IPV6(n, ...)                                                                        \
	{                                                                                          \
		{ { __VA_ARGS__ } }, n                                                             \
	}

bool address_is_ipv4(const struct address *address);
struct address address_from_ipv4(const struct in_addr *ipv4);
struct address address_from_ipv6(const struct in6_addr *ipv6);

/* IPv4 or IPv6 text, no port, no brackets, no scope; -EINVAL. A mapped address becomes IPv4. */
int address_parse(const char *text, struct address *ret_address);
/* Writes at most ADDRESS_TEXT_BYTES; returns `text`. */
const char *address_format(const struct address *address, char *text);

/* The prefix of the first `bits` of the 16 bytes; clears the host bits. */
struct prefix prefix_of(const struct address *address, uint8_t bits);
/* An IPv6 prefix contains no IPv4 address, though ::/0 covers the bytes of all. */
bool prefix_contains(const struct prefix *prefix, const struct address *address);
/* Bits as a person counts them: 0–32 for IPv4, 0–128 for IPv6. */
unsigned int prefix_bits_shown(const struct prefix *prefix);
/* "198.51.100.0/24"; a whole address has no "/32". Writes at most PREFIX_TEXT_BYTES. */
const char *prefix_format(const struct prefix *prefix, char *text);

/*
 * What a public name has no business pointing at (DNS rebinding): loopback, unspecified, private,
 * shared, link-local, multicast, reserved and cloud metadata addresses, and the IPv6 forms that
 * carry one of these inside (mapped, NAT64, 6to4). Returns what it is ("loopback", "private",
 * "link-local", "metadata", "multicast", …) or NULL for an ordinary address.
 */
const char *address_special(const struct address *address);

#endif
