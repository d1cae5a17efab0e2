// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The ways of UDP. */
#include <stdio.h>
#include <string.h>

#include "probe.h"

static int open_udp(struct attempt *attempt)
{
	return open_socket(attempt, attempt->to.any.sa_family, SOCK_DGRAM, 0);
}

int way_udp_connect(struct attempt *attempt)
{
	return connect_and_send(attempt, open_udp(attempt));
}

/* What getaddrinfo() does to sort addresses: no packet leaves. */
int way_udp_connect_only(struct attempt *attempt)
{
	int fd = open_udp(attempt);

	if (fd < 0)
		return fail("socket");
	if (connect(fd, &attempt->to.any, length_of(&attempt->to)) != 0)
		return fail("connect");
	puts("OK");
	return 0;
}

int way_udp_4on6(struct attempt *attempt)
{
	return connect_and_send(attempt, open_socket(attempt, AF_INET6, SOCK_DGRAM, 0));
}

static int send_to(struct attempt *attempt, int fd)
{
	/* Before AF_UNSPEC may have taken the place of the family. */
	socklen_t length = attempt->to.any.sa_family == AF_INET6 ? sizeof(attempt->to.ipv6)
								 : sizeof(attempt->to.ipv4);

	if (fd < 0)
		return fail("socket");
	if (attempt->first.any.sa_family != AF_UNSPEC &&
	    connect(fd, &attempt->first.any, length_of(&attempt->first)) != 0)
		return fail("first");
	if (sendto(fd, attempt->payload, strlen(attempt->payload), 0, &attempt->to.any, length) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

int way_udp_sendto(struct attempt *attempt)
{
	return send_to(attempt, open_udp(attempt));
}

int way_udp_unspec(struct attempt *attempt)
{
	int fd = open_udp(attempt);

	attempt->to.any.sa_family = AF_UNSPEC;
	return send_to(attempt, fd);
}

int way_udp_mapped(struct attempt *attempt)
{
	map_address(&attempt->to);
	return way_udp_sendto(attempt);
}

/* Sends on a connected socket with a control message about the IP header, as QUIC does. */
static int send_with_control(struct attempt *attempt, int ipv4_type, int ipv6_type)
{
	bool ipv4 = attempt->to.any.sa_family == AF_INET;
	char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] __attribute__((aligned(8))) = { 0 };
	size_t size = ipv4_type == IP_TOS ? sizeof(int)
		      : ipv4		  ? sizeof(struct in_pktinfo)
					  : sizeof(struct in6_pktinfo);
	struct iovec data = { (void *)attempt->payload, strlen(attempt->payload) };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(size),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fd = open_udp(attempt);

	header->cmsg_level = ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
	header->cmsg_type = ipv4 ? ipv4_type : ipv6_type;
	header->cmsg_len = CMSG_LEN(size);
	if (fd < 0)
		return fail("socket");
	if (connect(fd, &attempt->to.any, length_of(&attempt->to)) != 0)
		return fail("connect");
	if (sendmsg(fd, &message, 0) < 0)
		return fail("sendmsg");
	return succeed(attempt, fd);
}

int way_udp_tos(struct attempt *attempt)
{
	return send_with_control(attempt, IP_TOS, IPV6_TCLASS);
}

int way_udp_pktinfo(struct attempt *attempt)
{
	return send_with_control(attempt, IP_PKTINFO, IPV6_PKTINFO);
}

int way_udp_sendmmsg(struct attempt *attempt)
{
	struct iovec data = { (void *)attempt->payload, strlen(attempt->payload) };
	struct mmsghdr messages[2] = { 0 };
	int fd = open_udp(attempt);

	for (size_t i = 0; i < 2; i++)
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &attempt->to,
			.msg_namelen = length_of(&attempt->to),
			.msg_iov = &data,
			.msg_iovlen = 1,
		};
	if (fd < 0)
		return fail("socket");
	if (sendmmsg(fd, messages, 2, 0) != 2)
		return fail("sendmmsg");
	return succeed(attempt, fd);
}
