// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is allowed, and must work in every fence: or nothing getting out would mean nothing. */
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"

#define LARGE_BYTES 4000

static int allowed_tcp(struct attempt *attempt)
{
	attempt->to = attempt->allowed;
	return way_tcp(attempt);
}

static int allowed_udp(struct attempt *attempt)
{
	attempt->to = attempt->other;
	return way_udp_sendto(attempt);
}

/* More than one packet has room for: what the kernel cuts is not what a raw socket does. */
static int large_udp(struct attempt *attempt)
{
	char data[LARGE_BYTES] = { 0 };
	int fd = open_socket(attempt, attempt->to.any.sa_family, SOCK_DGRAM, 0);

	memcpy(data, attempt->payload, strlen(attempt->payload));
	if (fd < 0 || sendto(fd, data, sizeof(data), 0, &attempt->allowed.any,
			     length_of(&attempt->allowed)) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

static int ping(struct attempt *attempt)
{
	bool ipv4 = escape_is_ipv4(attempt);
	struct {
		struct icmphdr header;
		char payload[64];
	} request = { .header = { .type = ipv4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST } };
	int fd = open_socket(attempt, attempt->to.any.sa_family, SOCK_DGRAM,
			     ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	snprintf(request.payload, sizeof(request.payload), "%s", attempt->payload);
	if (fd < 0)
		return fail("socket");
	if (sendto(fd, &request, sizeof(request), 0, &attempt->allowed.any,
		   length_of(&attempt->allowed)) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

/* A question for the token, below a name that a rule has; any answer will do. */
static int ask_resolver(struct attempt *attempt)
{
	static const char header[12] = { 0, 7, 1, 0, 0, 1 };
	static const char type[] = "\7allowed\4test\0\0\1\0\1";
	size_t length = strlen(attempt->payload);
	char question[128];
	int fd;

	memcpy(question, header, sizeof(header));
	question[sizeof(header)] = (char)length;
	memcpy(&question[sizeof(header) + 1], attempt->payload, length);
	memcpy(&question[sizeof(header) + 1 + length], type, sizeof(type) - 1);
	length += sizeof(header) + sizeof(type);
	attempt->to.ipv4.sin_port = htons(53);
	if (escape_is_ipv4(attempt))
		inet_pton(AF_INET, "198.51.100.53", &attempt->to.ipv4.sin_addr);
	else
		inet_pton(AF_INET6, "2001:db8:1::53", &attempt->to.ipv6.sin6_addr);
	fd = open_socket(attempt, attempt->to.any.sa_family, SOCK_DGRAM, 0);
	if (fd < 0 ||
	    sendto(fd, question, length, 0, &attempt->to.any, length_of(&attempt->to)) < 0)
		return fail("sendto");
	attempt->reply = true;
	return succeed(attempt, fd);
}

/* Both ends are inside; it is the server that says whether it has the payload. */
static int loopback(struct attempt *attempt)
{
	union address there = { .any.sa_family = attempt->to.any.sa_family };
	int server = open_socket(attempt, attempt->to.any.sa_family, SOCK_STREAM, 0), peer, on = 1;
	int client = open_socket(attempt, attempt->to.any.sa_family, SOCK_STREAM, 0);
	char data[128] = "";

	there.ipv4.sin_port = htons(ESCAPE_LOCAL_PORT);
	if (escape_is_ipv4(attempt))
		there.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		there.ipv6.sin6_addr = in6addr_loopback;
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(server, &there.any, length_of(&there)) || listen(server, 1))
		return fail("bind");
	if (connect(client, &there.any, length_of(&there)))
		return fail("connect");
	peer = accept(server, NULL, NULL);
	if (send(client, attempt->payload, strlen(attempt->payload), MSG_NOSIGNAL) < 0)
		return fail("send");
	if (peer < 0 || recv(peer, data, sizeof(data) - 1, 0) < 0)
		return fail("recv");
	return strcmp(data, attempt->payload) != 0 ? escape_fail("something else came")
						   : succeed(attempt, peer);
}

const struct escape escape_control[] = {
	{ "tcp-allowed", "TCP to a host that is allowed", allowed_tcp,
	  ESCAPE_BOTH | ESCAPE_CONTROL },
	{ "udp-allowed", "UDP to a host that is allowed", allowed_udp,
	  ESCAPE_BOTH | ESCAPE_CONTROL },
	{ "udp-large", "the same, in fragments that the kernel makes", large_udp,
	  ESCAPE_BOTH | ESCAPE_CONTROL },
	{ "ping-allowed", "echo request to a host that is allowed", ping,
	  ESCAPE_BOTH | ESCAPE_CONTROL },
	{ "resolver", "a question to the resolver", ask_resolver, ESCAPE_BOTH | ESCAPE_CONTROL },
	{ "loopback", "TCP between two on a port of localhost that is allowed", loopback,
	  ESCAPE_BOTH | ESCAPE_CONTROL | ESCAPE_MADE },
	{ 0 },
};
