// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Options of sockets and packets: routes, extension headers, foreign addresses, memberships. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/in6.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"

#define LSRR 131
#define SSRR 137
#define RTHDR_SEGMENTS 4 /* IPV6_SRCRT_TYPE_4 */
#define IPV6_FLOWLABEL_MGR_ 32
#define IPV6_FLOWINFO_SEND_ 33
#define IPV6_2292PKTOPTIONS_ 6
#define IP_TRANSPARENT_ 19
#define IPV6_TRANSPARENT_ 75
#define IPV6_FREEBIND_ 78

/* An option of either IP version: at most two addresses and a header. */
struct option {
	unsigned char bytes[64];
	size_t length;
};

static int open_type(const struct attempt *attempt, int type)
{
	return open_socket(attempt, attempt->to.any.sa_family, type, 0);
}

/* Sends to the place that is allowed: the rest is in an option, by then. */
static int send_to_allowed(struct attempt *attempt, int fd)
{
	if (connect(fd, &attempt->allowed.any, length_of(&attempt->allowed)))
		return fail("connect");
	if (send(fd, attempt->payload, strlen(attempt->payload), MSG_NOSIGNAL) < 0)
		return fail("send");
	return succeed(attempt, fd);
}

/* The same with a control message instead of an option of the socket. */
static int send_with_control(struct attempt *attempt, int type, const struct option *option)
{
	char control[CMSG_SPACE(sizeof(option->bytes))] __attribute__((aligned(8))) = { 0 };
	struct iovec data = { (void *)attempt->payload, strlen(attempt->payload) };
	struct msghdr message = {
		.msg_name = &attempt->allowed,
		.msg_namelen = length_of(&attempt->allowed),
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(option->length),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fd = open_type(attempt, SOCK_DGRAM);

	header->cmsg_level = escape_is_ipv4(attempt) ? IPPROTO_IP : IPPROTO_IPV6;
	header->cmsg_type = type;
	header->cmsg_len = CMSG_LEN(option->length);
	memcpy(CMSG_DATA(header), option->bytes, option->length);
	if (fd < 0)
		return fail("socket");
	if (sendmsg(fd, &message, 0) < 0)
		return fail("sendmsg");
	return succeed(attempt, fd);
}

static int send_with_option(struct attempt *attempt, int type, int name,
			    const struct option *option)
{
	int fd = open_type(attempt, type);
	int level = escape_is_ipv4(attempt) ? IPPROTO_IP : IPPROTO_IPV6;

	if (fd < 0)
		return fail("socket");
	if (setsockopt(fd, level, name, option->bytes, (socklen_t)option->length))
		return fail("setsockopt");
	return send_to_allowed(attempt, fd);
}

/* The kernel puts the destination behind these addresses, and the first of them in its place. */
static struct option source_route(const struct attempt *attempt, unsigned char kind,
				  const union address *before)
{
	struct option ret = { .bytes = { kind, before ? 11 : 7, 4 }, .length = before ? 12 : 8 };

	if (before)
		memcpy(&ret.bytes[3], &before->ipv4.sin_addr, 4);
	memcpy(&ret.bytes[before ? 7 : 3], &attempt->to.ipv4.sin_addr, 4);
	return ret;
}

static int route_udp(struct attempt *attempt)
{
	struct option option = source_route(attempt, LSRR, NULL);

	return send_with_option(attempt, SOCK_DGRAM, IP_OPTIONS, &option);
}

static int route_second(struct attempt *attempt)
{
	struct option option = source_route(attempt, LSRR, &attempt->allowed);

	return send_with_option(attempt, SOCK_DGRAM, IP_OPTIONS, &option);
}

static int route_strict(struct attempt *attempt)
{
	union address gateway = attempt->allowed;
	struct option option;

	inet_pton(AF_INET, "198.51.100.1", &gateway.ipv4.sin_addr);
	option = source_route(attempt, SSRR, &gateway);

	return send_with_option(attempt, SOCK_DGRAM, IP_OPTIONS, &option);
}

static int route_tcp(struct attempt *attempt)
{
	struct option option = source_route(attempt, LSRR, NULL);

	return send_with_option(attempt, SOCK_STREAM, IP_OPTIONS, &option);
}

static int route_control(struct attempt *attempt)
{
	struct option option = source_route(attempt, LSRR, NULL);

	return send_with_control(attempt, IP_RETOPTS, &option);
}

/* Of type 4 (segments): the destination takes the place of the first, which is visited last. */
static struct option segments(const struct attempt *attempt)
{
	struct option ret = { .bytes = { 0, 4, RTHDR_SEGMENTS, 1, 1 }, .length = 40 };

	memcpy(&ret.bytes[8], &attempt->allowed.ipv6.sin6_addr, 16);
	memcpy(&ret.bytes[24], &attempt->to.ipv6.sin6_addr, 16);
	return ret;
}

static struct option routing_header(const struct attempt *attempt, unsigned char type)
{
	struct option ret = { .bytes = { 0, 2, type, 1 }, .length = 24 };

	memcpy(&ret.bytes[8], &attempt->to.ipv6.sin6_addr, 16);
	return ret;
}

static int rthdr_udp(struct attempt *attempt)
{
	struct option option = segments(attempt);

	return send_with_option(attempt, SOCK_DGRAM, IPV6_RTHDR, &option);
}

static int rthdr_tcp(struct attempt *attempt)
{
	struct option option = segments(attempt);

	return send_with_option(attempt, SOCK_STREAM, IPV6_RTHDR, &option);
}

static int rthdr_control(struct attempt *attempt)
{
	struct option option = routing_header(attempt, 2);

	return send_with_control(attempt, IPV6_RTHDR, &option);
}

static int rthdr_old_control(struct attempt *attempt)
{
	struct option option = routing_header(attempt, 2);

	return send_with_control(attempt, IPV6_2292RTHDR, &option);
}

static int rthdr_type0(struct attempt *attempt)
{
	struct option option = routing_header(attempt, 0);

	return send_with_option(attempt, SOCK_DGRAM, IPV6_RTHDR, &option);
}

static int rthdr_type2(struct attempt *attempt)
{
	struct option option = routing_header(attempt, 2);

	return send_with_option(attempt, SOCK_DGRAM, IPV6_RTHDR, &option);
}

/* A control message with a routing header, as the value of another option. Returns its length. */
static size_t as_control(struct option *option, char *ret, size_t size)
{
	struct msghdr message = { .msg_control = ret, .msg_controllen = size };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = IPPROTO_IPV6;
	header->cmsg_type = IPV6_RTHDR;
	header->cmsg_len = CMSG_LEN(option->length);
	memcpy(CMSG_DATA(header), option->bytes, option->length);
	return CMSG_SPACE(option->length);
}

/* All options in one, as RFC 2292 had it. */
static int rthdr_packet_options(struct attempt *attempt)
{
	char control[CMSG_SPACE(64)] __attribute__((aligned(8))) = { 0 };
	struct option option = routing_header(attempt, 2);
	socklen_t length = (socklen_t)as_control(&option, control, sizeof(control));
	int fd = open_type(attempt, SOCK_DGRAM);

	if (fd < 0)
		return fail("socket");
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_2292PKTOPTIONS_, control, length))
		return fail("IPV6_2292PKTOPTIONS");
	return send_to_allowed(attempt, fd);
}

/* A flow label has options of its own, which every packet that bears it gets. */
static int rthdr_flow_label(struct attempt *attempt)
{
	struct {
		struct in6_flowlabel_req request;
		char control[CMSG_SPACE(64)] __attribute__((aligned(8)));
	} label = {
		.request = { .flr_dst = attempt->allowed.ipv6.sin6_addr,
			     .flr_action = IPV6_FL_A_GET,
			     .flr_share = IPV6_FL_S_EXCL,
			     .flr_flags = IPV6_FL_F_CREATE,
			     .flr_linger = 1 },
	};
	struct option option = routing_header(attempt, 2);
	size_t length = as_control(&option, label.control, sizeof(label.control));
	int fd = open_type(attempt, SOCK_DGRAM), on = 1;

	if (fd < 0)
		return fail("socket");
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_FLOWLABEL_MGR_, &label,
		       (socklen_t)((size_t)((char *)label.control - (char *)&label) + length)) ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_FLOWINFO_SEND_, &on, sizeof(on)))
		return fail("IPV6_FLOWLABEL_MGR");
	attempt->allowed.ipv6.sin6_flowinfo = label.request.flr_label;
	return send_to_allowed(attempt, fd);
}

/* A header of options (hop-by-hop, destination) that carries the payload in an unknown one. */
static int option_header(struct attempt *attempt, int name)
{
	struct option option = { .bytes = { 0, 6, 0x1e, 52 }, .length = 56 };

	snprintf((char *)&option.bytes[4], 52, "%s", attempt->payload);
	return send_with_option(attempt, SOCK_DGRAM, name, &option);
}

static int hop_options(struct attempt *attempt)
{
	return option_header(attempt, IPV6_HOPOPTS);
}

static int destination_options(struct attempt *attempt)
{
	return option_header(attempt, IPV6_DSTOPTS);
}

/* From the forbidden host's address: the answer of one that is allowed would go there. */
static int send_from_elsewhere(struct attempt *attempt, int name)
{
	int fd = open_type(attempt, SOCK_DGRAM), on = 1;

	if (fd < 0)
		return fail("socket");
	if (setsockopt(fd, escape_is_ipv4(attempt) ? IPPROTO_IP : IPPROTO_IPV6, name, &on,
		       sizeof(on)))
		return fail("setsockopt");
	if (bind(fd, &attempt->to.any, length_of(&attempt->to)))
		return fail("bind");
	return send_to_allowed(attempt, fd);
}

static int freebind(struct attempt *attempt)
{
	attempt->to.ipv6.sin6_port = 0;
	return send_from_elsewhere(attempt, IPV6_FREEBIND_);
}

static int transparent(struct attempt *attempt)
{
	attempt->to.ipv4.sin_port = 0;
	return send_from_elsewhere(attempt,
				   escape_is_ipv4(attempt) ? IP_TRANSPARENT_ : IPV6_TRANSPARENT_);
}

/* Source routes were for everyone before Linux 6.18, and are for root since. */
const struct escape escape_option[] = {
	{ "lsrr", "IPv4 source route on UDP (`IP_OPTIONS`)", route_udp, ESCAPE_IPV4 | ESCAPE_ROOT },
	{ "lsrr-second", "the same, the forbidden host second", route_second,
	  ESCAPE_IPV4 | ESCAPE_ROOT },
	{ "ssrr", "the same, a strict route", route_strict, ESCAPE_IPV4 | ESCAPE_ROOT },
	{ "lsrr-tcp", "the same on TCP", route_tcp, ESCAPE_IPV4 | ESCAPE_ROOT },
	{ "lsrr-cmsg", "the same by control message (`IP_RETOPTS`)", route_control,
	  ESCAPE_IPV4 | ESCAPE_ROOT, "egress" },
	{ "rthdr", "IPv6 routing header on UDP (`IPV6_RTHDR`, segments)", rthdr_udp, ESCAPE_IPV6 },
	{ "rthdr-tcp", "the same on TCP", rthdr_tcp, ESCAPE_IPV6 },
	{ "rthdr-cmsg", "the same by control message, type 2", rthdr_control,
	  ESCAPE_IPV6 | ESCAPE_RARE },
	{ "rthdr-2292", "the same, as RFC 2292 has it", rthdr_old_control,
	  ESCAPE_IPV6 | ESCAPE_RARE },
	{ "rthdr-options", "the same by `IPV6_2292PKTOPTIONS`", rthdr_packet_options,
	  ESCAPE_IPV6 | ESCAPE_RARE },
	{ "rthdr-label", "the same by `IPV6_FLOWLABEL_MGR`", rthdr_flow_label,
	  ESCAPE_IPV6 | ESCAPE_RARE },
	{ "rthdr-type0", "the same, of type 0", rthdr_type0, ESCAPE_IPV6 | ESCAPE_RARE },
	{ "rthdr-type2", "the same, of type 2", rthdr_type2, ESCAPE_IPV6 | ESCAPE_RARE },
	{ "hopopts", "IPv6 hop-by-hop options as payload", hop_options, ESCAPE_IPV6 | ESCAPE_ROOT },
	{ "dstopts", "IPv6 destination options as payload", destination_options,
	  ESCAPE_IPV6 | ESCAPE_ROOT },
	{ "freebind", "the forbidden host's address as source (`IPV6_FREEBIND`)", freebind,
	  ESCAPE_IPV6 },
	{ "transparent", "the same with `IP_TRANSPARENT`", transparent, ESCAPE_BOTH | ESCAPE_ROOT },
	{ 0 },
};
