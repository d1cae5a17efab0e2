// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The ways of TCP and of other protocols with connections. */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "probe.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

int way_tcp(struct attempt *attempt)
{
	return connect_and_send(attempt,
				open_socket(attempt, attempt->to.any.sa_family, SOCK_STREAM, 0));
}

int way_tcp_mapped(struct attempt *attempt)
{
	map_address(&attempt->to);
	return way_tcp(attempt);
}

int way_mptcp(struct attempt *attempt)
{
	return connect_and_send(attempt, open_socket(attempt, attempt->to.any.sa_family,
						     SOCK_STREAM, IPPROTO_MPTCP));
}

int way_sctp(struct attempt *attempt)
{
	return connect_and_send(attempt, open_socket(attempt, attempt->to.any.sa_family,
						     SOCK_STREAM, IPPROTO_SCTP));
}

int way_udplite(struct attempt *attempt)
{
	return connect_and_send(attempt, open_socket(attempt, attempt->to.any.sa_family, SOCK_DGRAM,
						     IPPROTO_UDPLITE));
}

int way_tcp_nonblocking(struct attempt *attempt)
{
	int fd = open_socket(attempt, attempt->to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(errno);

	if (fd < 0)
		return fail("socket");
	if (connect(fd, &attempt->to.any, length_of(&attempt->to)) != 0 && errno != EINPROGRESS)
		return fail("connect");
	if (poll(&wait, 1, attempt->timeout_ms) != 1) {
		errno = EAGAIN;
		return fail("poll");
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &length) != 0 || errno != 0)
		return fail("SO_ERROR");
	puts("OK");
	return 0;
}

int way_tcp_fastopen(struct attempt *attempt)
{
	int fd = open_socket(attempt, attempt->to.any.sa_family, SOCK_STREAM, 0);

	if (fd < 0)
		return fail("socket");
	if (sendto(fd, attempt->payload, strlen(attempt->payload), MSG_FASTOPEN | MSG_NOSIGNAL,
		   &attempt->to.any, length_of(&attempt->to)) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

int way_tcp_fastopen_connect(struct attempt *attempt)
{
	int fd = open_socket(attempt, attempt->to.any.sa_family, SOCK_STREAM, 0), on = 1;

	if (fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)) != 0)
		return fail("TCP_FASTOPEN_CONNECT");
	return connect_and_send(attempt, fd);
}
