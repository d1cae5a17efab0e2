// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Memberships of multicast groups: the kernel tells the link of them, addresses and all, and an
 * address has room for a piece of the token. The judge puts pieces of three bytes together.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"

#define PIECE_BYTES 3
#define PIECES_IPV6 4

struct pieces {
	char text[96]; /* the token, and dots so that no byte is left over */
	size_t length, taken;
};

static struct pieces pieces_of(const struct attempt *attempt)
{
	struct pieces ret = { 0 };

	snprintf(ret.text, sizeof(ret.text), "%s..............", attempt->payload);
	ret.length = strlen(attempt->payload) + PIECE_BYTES - 1;
	return ret;
}

/* 239.a.b.c or 10.a.b.c; ff15:db8:: or 2001:db8:: and twelve bytes. */
static union address next_address(struct pieces *pieces, bool ipv4, bool group)
{
	union address ret = { .any.sa_family = ipv4 ? AF_INET : AF_INET6 };
	unsigned char *bytes = ipv4 ? (unsigned char *)&ret.ipv4.sin_addr
				    : ret.ipv6.sin6_addr.s6_addr;
	size_t header = ipv4 ? 1 : 4, room = ipv4 ? PIECE_BYTES : PIECES_IPV6 * PIECE_BYTES;

	if (ipv4)
		bytes[0] = group ? 239 : 10;
	else
		memcpy(bytes, group ? "\xff\x15\x0d\xb8" : "\x20\x01\x0d\xb8", 4);
	memcpy(&bytes[header], &pieces->text[pieces->taken], room);
	pieces->taken += room;
	return ret;
}

static bool more(const struct pieces *pieces)
{
	return pieces->taken + PIECE_BYTES <= pieces->length;
}

static int level_of(bool ipv4)
{
	return ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
}

/* The kernel reports a little later, and no more once the socket is closed. */
static int wait_for_report(const struct attempt *attempt)
{
	poll(NULL, 0, attempt->timeout_ms / 2);
	puts("OK");
	return 0;
}

static int join(struct attempt *attempt)
{
	struct pieces pieces = pieces_of(attempt);
	bool ipv4 = escape_is_ipv4(attempt);
	int fd = open_socket(attempt, attempt->to.any.sa_family, SOCK_DGRAM, 0);
	struct group_req request = { .gr_interface = if_nametoindex("eth0") };
	union address group;

	while (more(&pieces)) {
		group = next_address(&pieces, ipv4, true);
		memcpy(&request.gr_group, &group, sizeof(group));
		if (setsockopt(fd, level_of(ipv4), MCAST_JOIN_GROUP, &request, sizeof(request)))
			return fail("MCAST_JOIN_GROUP");
	}
	return wait_for_report(attempt);
}

static int join_sources(struct attempt *attempt)
{
	struct pieces pieces = pieces_of(attempt);
	bool ipv4 = escape_is_ipv4(attempt);
	int fd = open_socket(attempt, attempt->to.any.sa_family, SOCK_DGRAM, 0);
	struct group_source_req request = { .gsr_interface = if_nametoindex("eth0") };
	struct pieces none = { .text = "a group of ours" };
	union address group = next_address(&none, ipv4, true), source;

	memcpy(&request.gsr_group, &group, sizeof(group));
	while (more(&pieces)) {
		source = next_address(&pieces, ipv4, false);
		memcpy(&request.gsr_source, &source, sizeof(source));
		if (setsockopt(fd, level_of(ipv4), MCAST_JOIN_SOURCE_GROUP, &request,
			       sizeof(request)))
			return fail("MCAST_JOIN_SOURCE_GROUP");
	}
	return wait_for_report(attempt);
}

/* All sources at once. */
static int filter_sources(struct attempt *attempt)
{
	struct pieces pieces = pieces_of(attempt), none = { .text = "another of ours" };
	bool ipv4 = escape_is_ipv4(attempt);
	struct group_req request = { .gr_interface = if_nametoindex("eth0") };
	int fd = open_socket(attempt, attempt->to.any.sa_family, SOCK_DGRAM, 0);
	union address group = next_address(&none, ipv4, true);
	char buffer[GROUP_FILTER_SIZE(16)] __attribute__((aligned(8))) = { 0 };
	struct group_filter *filter = (struct group_filter *)buffer;

	memcpy(&request.gr_group, &group, sizeof(group));
	if (setsockopt(fd, level_of(ipv4), MCAST_JOIN_GROUP, &request, sizeof(request)))
		return fail("MCAST_JOIN_GROUP");
	filter->gf_interface = request.gr_interface;
	filter->gf_group = request.gr_group;
	filter->gf_fmode = MCAST_INCLUDE;
	while (more(&pieces)) {
		group = next_address(&pieces, ipv4, false);
		memcpy(&filter->gf_slist[filter->gf_numsrc++], &group, sizeof(group));
	}
	if (setsockopt(fd, level_of(ipv4), MCAST_MSFILTER, filter,
		       (socklen_t)GROUP_FILTER_SIZE(filter->gf_numsrc)))
		return fail("MCAST_MSFILTER");
	return wait_for_report(attempt);
}

const struct escape escape_report[] = {
	{ "mc-join", "multicast groups as payload of IGMP and MLD", join,
	  ESCAPE_BOTH | ESCAPE_REPORTS },
	{ "mc-source", "multicast sources, the same", join_sources, ESCAPE_BOTH | ESCAPE_REPORTS },
	{ "mc-filter", "multicast source filters, the same", filter_sources,
	  ESCAPE_BOTH | ESCAPE_REPORTS },
	{ 0 },
};
