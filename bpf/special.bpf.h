/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses that a public name has no business pointing at, as address_special() of userspace has
 * them, where each is explained; tests compare the two.
 */
#ifndef CGFENCE_SPECIAL_BPF_H
#define CGFENCE_SPECIAL_BPF_H

#include "flow.bpf.h"

static __always_inline bool ipv4_is_in(__u32 address, __u32 prefix, int bits)
{
	return !((address ^ prefix) >> (32 - bits));
}

static __always_inline bool ipv4_is_special(__u32 address)
{
	return ipv4_is_in(address, 0x00000000, 8) ||  /* 0.0.0.0 */
	       ipv4_is_in(address, 0x0a000000, 8) ||  /* 10.0.0.0 */
	       ipv4_is_in(address, 0x64400000, 10) || /* 100.64.0.0 */
	       ipv4_is_in(address, 0x7f000000, 8) ||  /* 127.0.0.0 */
	       ipv4_is_in(address, 0xa83f8110, 32) || /* 168.63.129.16 */
	       ipv4_is_in(address, 0xa9fe0000, 16) || /* 169.254.0.0 */
	       ipv4_is_in(address, 0xac100000, 12) || /* 172.16.0.0 */
	       ipv4_is_in(address, 0xc0000000, 24) || /* 192.0.0.0 */
	       ipv4_is_in(address, 0xc0a80000, 16) || /* 192.168.0.0 */
	       ipv4_is_in(address, 0xe0000000, 3);    /* 224.0.0.0, 240.0.0.0 */
}

/* The IPv4 address that stands at the end of these, or inside. */
static __always_inline bool ipv6_carries_special(const __u32 words[4])
{
	bool at_end = false;

	if (words[0] >> 16 == 0x2002) /* 6to4 */
		return ipv4_is_special(words[0] << 16 | words[1] >> 16);
	if (words[0] == 0x0064ff9b) /* NAT64 */
		at_end = words[1] >> 16 == 1 || (!words[1] && !words[2]);
	if (!words[0] && !words[1]) /* compatible, SIIT */
		at_end = !words[2] || words[2] == 0xffff0000;
	return at_end && ipv4_is_special(words[3]);
}

static __always_inline bool ipv6_is_special(const __u32 words[4])
{
	return words[0] >> 25 == 0xfc >> 1 ||	/* fc00:: */
	       words[0] >> 22 == 0xfe80 >> 6 || /* fe80:: */
	       words[0] >> 22 == 0xfec0 >> 6 || /* fec0:: */
	       words[0] >> 24 == 0xff ||	/* ff00:: */
	       ipv6_carries_special(words);	/* also :: and ::1 */
}

static __always_inline bool flow_is_special(const struct cgf_flow *flow)
{
	const __be32 *address = (const __be32 *)flow->key.address;
	__u32 words[4];
	int i;

	for (i = 0; i < 4; i++)
		words[i] = bpf_ntohl(address[i]);
	return flow->ip_version == 4 ? ipv4_is_special(words[3]) : ipv6_is_special(words);
}

#endif
