// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* UDP and UDP-Lite. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"

static int open_udp(const struct attempt *attempt)
{
	return open_socket(attempt, attempt->to.any.sa_family, SOCK_DGRAM, 0);
}

static int elsewhere(struct attempt *attempt)
{
	attempt->first = attempt->allowed;
	return way_udp_sendto(attempt);
}

static int elsewhere_mapped(struct attempt *attempt)
{
	attempt->first = attempt->allowed;
	map_address(&attempt->first);
	map_address(&attempt->to);
	return way_udp_sendto(attempt);
}

static int elsewhere_unspec(struct attempt *attempt)
{
	attempt->first = attempt->allowed;
	return way_udp_unspec(attempt);
}

static int reconnect(struct attempt *attempt)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = open_udp(attempt);

	if (fd < 0 || connect(fd, &attempt->allowed.any, length_of(&attempt->allowed)))
		return fail("connect");
	if (connect(fd, &none, sizeof(none)))
		return fail("AF_UNSPEC");
	return connect_and_send(attempt, fd);
}

/* A datagram in two calls: the first has the address, and the second has the data. */
static int corked(struct attempt *attempt, const union address *second)
{
	int fd = open_udp(attempt), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_UDP, UDP_CORK, &on, sizeof(on)))
		return fail("UDP_CORK");
	if (sendto(fd, "x", 1, MSG_MORE, &attempt->to.any, length_of(&attempt->to)) < 0)
		return fail("sendto");
	on = 0;
	if (escape_send_on(attempt, fd, second) || setsockopt(fd, SOL_UDP, UDP_CORK, &on, 4))
		return 1;
	return 0;
}

static int cork(struct attempt *attempt)
{
	return corked(attempt, &attempt->to);
}

static int cork_changed(struct attempt *attempt)
{
	return corked(attempt, &attempt->allowed);
}

/* A sockaddr_in6 as RFC 2133 had it, without a scope. */
static int short_address(struct attempt *attempt)
{
	int fd = open_udp(attempt);

	if (sendto(fd, attempt->payload, strlen(attempt->payload), 0, &attempt->to.any, 24) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

/* Makes an AF_INET socket of an AF_INET6 one that has been connected. */
static int addrform(struct attempt *attempt)
{
	int fd = open_socket(attempt, AF_INET6, SOCK_DGRAM, 0), family = AF_INET;

	map_address(&attempt->allowed);
	if (fd < 0 || connect(fd, &attempt->allowed.any, length_of(&attempt->allowed)))
		return fail("connect");
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_ADDRFORM, &family, sizeof(family)))
		return fail("IPV6_ADDRFORM");
	return connect_and_send(attempt, fd);
}

/* To whom it may concern; the port is the attempt's. */
static int to_address(struct attempt *attempt, const char *ipv4, const char *ipv6)
{
	int fd = open_udp(attempt), on = 1;

	if (escape_is_ipv4(attempt))
		inet_pton(AF_INET, ipv4, &attempt->to.ipv4.sin_addr);
	else
		inet_pton(AF_INET6, ipv6, &attempt->to.ipv6.sin6_addr);
	attempt->to.ipv6.sin6_scope_id = escape_is_ipv4(attempt) ? 0 : if_nametoindex("eth0");
	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "eth0", sizeof("eth0"));
	return escape_send_on(attempt, fd, &attempt->to);
}

static int broadcast(struct attempt *attempt)
{
	return to_address(attempt, "255.255.255.255", NULL);
}

static int multicast(struct attempt *attempt)
{
	return to_address(attempt, "239.1.2.3", "ff02::1");
}

static int link_local(struct attempt *attempt)
{
	return to_address(attempt, NULL, "fe80::1");
}

const struct escape escape_udp[] = {
	{ "udp-connect", "UDP `connect()` and `send()`", way_udp_connect, ESCAPE_BOTH },
	{ "udp-4on6", "the same, an IPv4 address on an IPv6 socket", way_udp_4on6, ESCAPE_IPV4 },
	{ "udp-reconnect", "UDP `connect()` to what is allowed, then elsewhere", reconnect,
	  ESCAPE_BOTH },
	{ "udp-addrform", "the same, after `IPV6_ADDRFORM`", addrform, ESCAPE_IPV4 },
	{ "udp-tos", "connected UDP with a control message (`IP_TOS`)", way_udp_tos, ESCAPE_BOTH },
	{ "udp-pktinfo", "the same with `IP_PKTINFO`", way_udp_pktinfo, ESCAPE_BOTH },
	{ "udp-sendto", "UDP `sendto()`", way_udp_sendto, ESCAPE_BOTH },
	{ "udp-mapped", "the same, a mapped address", way_udp_mapped, ESCAPE_IPV4 },
	{ "udp-unspec", "the same, with `AF_UNSPEC`", way_udp_unspec, ESCAPE_IPV4 },
	{ "udp-short", "the same, with a short address", short_address, ESCAPE_IPV6 },
	{ "udp-mmsg", "UDP `sendmmsg()`", way_udp_sendmmsg, ESCAPE_BOTH },
	{ "udp-else", "`sendto()` elsewhere on a connected UDP socket", elsewhere, ESCAPE_BOTH },
	{ "udp-else-map", "the same, a mapped address", elsewhere_mapped, ESCAPE_IPV4 },
	{ "udp-else-un", "the same, with `AF_UNSPEC`", elsewhere_unspec, ESCAPE_IPV4 },
	{ "udp-cork", "UDP with `UDP_CORK` and `MSG_MORE`", cork, ESCAPE_BOTH },
	{ "udp-cork-else", "the same, and a second address", cork_changed, ESCAPE_BOTH },
	{ "broadcast", "UDP broadcast", broadcast, ESCAPE_IPV4 },
	{ "multicast", "UDP multicast", multicast, ESCAPE_BOTH },
	{ "link-local", "UDP to the router's link-local address", link_local, ESCAPE_IPV6 },
	{ "udplite", "UDP-Lite", way_udplite, ESCAPE_BOTH },
	{ 0 },
};
