// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

#define IPV4_OFFSET 12

/* RFC 4291 §2.5.5.2 */
static const struct prefix mapped = PREFIX_IPV4(0, 0, 0, 0, 0);

static bool bits_equal(const uint8_t *left, const uint8_t *right, unsigned int bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	if (memcmp(left, right, bytes))
		return false;
	return !rest || !((left[bytes] ^ right[bytes]) >> (8 - rest));
}

bool address_is_ipv4(const struct address *address)
{
	return bits_equal(address->bytes, mapped.address.bytes, mapped.bits);
}

struct address address_from_ipv4(const struct in_addr *ipv4)
{
	struct address address = mapped.address;

	memcpy(&address.bytes[IPV4_OFFSET], ipv4, sizeof(*ipv4));
	return address;
}

struct address address_from_ipv6(const struct in6_addr *ipv6)
{
	struct address address;

	memcpy(address.bytes, ipv6, sizeof(address.bytes));
	return address;
}

int address_parse(const char *text, struct address *ret_address)
{
	struct in6_addr ipv6;
	struct in_addr ipv4;

	if (inet_pton(AF_INET, text, &ipv4) == 1) {
		*ret_address = address_from_ipv4(&ipv4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &ipv6) == 1) {
		*ret_address = address_from_ipv6(&ipv6);
		return 0;
	}
	return -EINVAL;
}

const char *address_format(const struct address *address, char *text)
{
	bool ipv4 = address_is_ipv4(address);

	return inet_ntop(ipv4 ? AF_INET : AF_INET6, &address->bytes[ipv4 ? IPV4_OFFSET : 0], text,
			 ADDRESS_TEXT_BYTES);
}

struct prefix prefix_of(const struct address *address, uint8_t bits)
{
	struct prefix prefix = { .bits = bits };
	unsigned int bytes = bits / 8, rest = bits % 8;

	memcpy(prefix.address.bytes, address->bytes, bytes);
	if (rest)
		prefix.address.bytes[bytes] = address->bytes[bytes] & (uint8_t)(0xff << (8 - rest));
	return prefix;
}

bool prefix_contains(const struct prefix *prefix, const struct address *address)
{
	return address_is_ipv4(&prefix->address) == address_is_ipv4(address) &&
	       bits_equal(prefix->address.bytes, address->bytes, prefix->bits);
}

unsigned int prefix_bits_shown(const struct prefix *prefix)
{
	return address_is_ipv4(&prefix->address) ? prefix->bits - mapped.bits : prefix->bits;
}

const char *prefix_format(const struct prefix *prefix, char *text)
{
	size_t length;

	address_format(&prefix->address, text);
	if (prefix->bits == 128)
		return text;
	length = strlen(text);
	snprintf(text + length, PREFIX_TEXT_BYTES - length, "/%u", prefix_bits_shown(prefix));
	return text;
}

/* IPv6 addresses that stand for the IPv4 address at `offset` in them. */
static const struct {
	struct prefix prefix;
	uint8_t offset;
} carriers[] = {
	{ PREFIX_IPV6(96, 0), 12 },			 /* IPv4-compatible, RFC 4291 §2.5.5.1 */
	{ PREFIX_IPV6(96, 0x00, 0x64, 0xff, 0x9b), 12 }, /* NAT64, RFC 6052 §2.1 */
	{ PREFIX_IPV6(48, 0x00, 0x64, 0xff, 0x9b, 0, 1), 12 }, /* NAT64 of one's own, RFC 8215 */
	{ PREFIX_IPV6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), 12 }, /* SIIT, RFC 2765 §2.1 */
	{ PREFIX_IPV6(16, 0x20, 0x02), 2 },			     /* 6to4, RFC 3056 §2 */
};

/*
 * The first that contains the address counts. From RFC 6890, without what it lists for
 * documentation and benchmarks: those are no one's internal network, and tests need some addresses.
 */
static const struct {
	struct prefix prefix;
	const char *what;
} specials[] = {
	/* Where clouds hand credentials to whoever asks; some look like public addresses. */
	{ PREFIX_IPV4(169, 254, 169, 254, 32), "metadata" }, /* AWS and most others */
	{ PREFIX_IPV4(168, 63, 129, 16, 32), "metadata" },   /* Azure's host agent */
	{ PREFIX_IPV4(192, 0, 0, 192, 32), "metadata" },     /* Oracle */
	{ PREFIX_IPV4(100, 100, 100, 200, 32), "metadata" }, /* Alibaba */
	{ PREFIX_IPV6(128, 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54), "metadata" }, /* AWS */

	{ PREFIX_IPV4(0, 0, 0, 0, 8), "unspecified" },
	{ PREFIX_IPV4(127, 0, 0, 0, 8), "loopback" },
	{ PREFIX_IPV4(10, 0, 0, 0, 8), "private" },
	{ PREFIX_IPV4(172, 16, 0, 0, 12), "private" },
	{ PREFIX_IPV4(192, 168, 0, 0, 16), "private" },
	{ PREFIX_IPV4(100, 64, 0, 0, 10), "shared" }, /* behind a carrier's NAT, RFC 6598 */
	{ PREFIX_IPV4(169, 254, 0, 0, 16), "link-local" },
	{ PREFIX_IPV4(192, 0, 0, 0, 24), "reserved" },
	{ PREFIX_IPV4(224, 0, 0, 0, 4), "multicast" },
	{ PREFIX_IPV4(240, 0, 0, 0, 4), "reserved" },

	{ PREFIX_IPV6(128, 0), "unspecified" },
	{ PREFIX_IPV6(128, [15] = 1), "loopback" },
	{ PREFIX_IPV6(7, 0xfc), "private" },
	{ PREFIX_IPV6(10, 0xfe, 0x80), "link-local" },
	{ PREFIX_IPV6(10, 0xfe, 0xc0), "link-local" }, /* site-local, until RFC 3879 */
	{ PREFIX_IPV6(8, 0xff), "multicast" },
};

static const char *address_special_here(const struct address *address)
{
	for (size_t i = 0; i < ARRAY_SIZE(specials); i++) {
		if (prefix_contains(&specials[i].prefix, address))
			return specials[i].what;
	}
	return NULL;
}

const char *address_special(const struct address *address)
{
	const char *what = address_special_here(address);
	struct in_addr inner;
	struct address ipv4;

	if (what)
		return what;
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
		if (!prefix_contains(&carriers[i].prefix, address))
			continue;
		memcpy(&inner, &address->bytes[carriers[i].offset], sizeof(inner));
		ipv4 = address_from_ipv4(&inner);
		return address_special_here(&ipv4);
	}
	return NULL;
}
