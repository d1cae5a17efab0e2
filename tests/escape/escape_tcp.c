// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* TCP, and what else connects. */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#define IPPROTO_DCCP_ 33
#define SOCK_DCCP_ 6

static int open_tcp(const struct attempt *attempt)
{
	return open_socket(attempt, attempt->to.any.sa_family, SOCK_STREAM, 0);
}

static int reconnect(struct attempt *attempt)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = open_tcp(attempt);

	if (fd < 0 || connect(fd, &attempt->allowed.any, length_of(&attempt->allowed)))
		return fail("connect");
	if (connect(fd, &none, sizeof(none)))
		return fail("AF_UNSPEC");
	return connect_and_send(attempt, fd);
}

static int addrform(struct attempt *attempt)
{
	int fd = open_socket(attempt, AF_INET6, SOCK_STREAM, 0), family = AF_INET;
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	map_address(&attempt->allowed);
	if (fd < 0 || connect(fd, &attempt->allowed.any, length_of(&attempt->allowed)))
		return fail("connect");
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_ADDRFORM, &family, sizeof(family)))
		return fail("IPV6_ADDRFORM");
	if (connect(fd, &none, sizeof(none)))
		return fail("AF_UNSPEC");
	return connect_and_send(attempt, fd);
}

/*
 * Two that connect to each other at once, with no listener. The peer tries again and again; its
 * first attempts find no one.
 */
static int simultaneous(struct attempt *attempt)
{
	union address own = { .any.sa_family = attempt->to.any.sa_family };
	socklen_t length = sizeof(own);
	int fd = open_tcp(attempt);

	attempt->to.ipv4.sin_port = htons(ntohs(attempt->to.ipv4.sin_port) + 1000);
	if (fd < 0 || bind(fd, &own.any, length_of(&own)) || getsockname(fd, &own.any, &length))
		return fail("bind");
	escape_ask_peer(attempt, "simultaneous", ntohs(own.ipv4.sin_port));
	for (int i = 0; i < 200; i++) {
		if (!connect(fd, &attempt->to.any, length_of(&attempt->to)))
			break;
		if (errno != ECONNREFUSED)
			return fail("connect");
	}
	if (send(fd, attempt->payload, strlen(attempt->payload), MSG_NOSIGNAL) < 0)
		return fail("send");
	return succeed(attempt, fd);
}

/* The server announces the forbidden host as another address of its own, and the kernel connects
 * there from a thread of its own. */
static int mptcp_subflow(struct attempt *attempt)
{
	int fd = open_socket(attempt, attempt->to.any.sa_family, SOCK_STREAM, IPPROTO_MPTCP);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char data[256];

	if (fd < 0)
		return fail("socket");
	if (connect(fd, &attempt->other.any, length_of(&attempt->other)))
		return fail("connect");
	for (int i = 0; i < 8; i++) {
		if (send(fd, "hello", 5, MSG_NOSIGNAL) < 0)
			return fail("send");
		if (poll(&wait, 1, attempt->timeout_ms / 8) == 1 && recv(fd, data, 256, 0) <= 0)
			break;
		poll(NULL, 0, attempt->timeout_ms / 8);
	}
	return succeed(attempt, fd);
}

/* A connection out of thin air: the handshake is left out. */
static int repair(struct attempt *attempt)
{
	int fd = open_tcp(attempt), on = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)))
		return fail("TCP_REPAIR");
	if (connect(fd, &attempt->to.any, length_of(&attempt->to)))
		return fail("connect");
	on = 0;
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)))
		return fail("TCP_REPAIR");
	if (send(fd, attempt->payload, strlen(attempt->payload), MSG_NOSIGNAL) < 0)
		return fail("send");
	return succeed(attempt, fd);
}

static int dccp(struct attempt *attempt)
{
	return connect_and_send(attempt, open_socket(attempt, attempt->to.any.sa_family, SOCK_DCCP_,
						     IPPROTO_DCCP_));
}

const struct escape escape_tcp[] = {
	{ "tcp", "TCP `connect()`", way_tcp, ESCAPE_BOTH },
	{ "tcp-nb", "the same, non-blocking", way_tcp_nonblocking, ESCAPE_BOTH },
	{ "tcp-mapped", "the same, a mapped address", way_tcp_mapped, ESCAPE_IPV4 },
	{ "tcp-reconnect", "TCP `connect()` to what is allowed, then elsewhere", reconnect,
	  ESCAPE_BOTH },
	{ "tcp-addrform", "the same, after `IPV6_ADDRFORM`", addrform, ESCAPE_IPV4 },
	{ "tcp-fo", "TCP Fast Open: `MSG_FASTOPEN`", way_tcp_fastopen, ESCAPE_BOTH },
	{ "tcp-fo-conn", "the same: `TCP_FASTOPEN_CONNECT`", way_tcp_fastopen_connect,
	  ESCAPE_BOTH },
	{ "tcp-simul", "TCP simultaneous open: the other side connects as well", simultaneous,
	  ESCAPE_BOTH },
	{ "tcp-repair", "`TCP_REPAIR`", repair, ESCAPE_BOTH | ESCAPE_ROOT },
	{ "mptcp", "MPTCP `connect()`", way_mptcp, ESCAPE_BOTH, "socket" },
	{ "mptcp-sub", "MPTCP: another subflow of an allowed connection", mptcp_subflow,
	  ESCAPE_BOTH, "socket" },
	{ "sctp", "SCTP", way_sctp, ESCAPE_BOTH },
	{ "dccp", "DCCP", dccp, ESCAPE_BOTH },
	{ 0 },
};
