// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the ways have in common: sockets, addresses, and how an outcome is printed. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "probe.h"

int fail(const char *call)
{
	bool late = errno == EAGAIN || errno == EINPROGRESS;

	printf("%s %s\n", late ? "TIMEOUT" : strerrorname_np(errno), call);
	return 1;
}

socklen_t length_of(const union address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->ipv4) : sizeof(address->ipv6);
}

void map_address(union address *address)
{
	struct in6_addr mapped = { .s6_addr = { [10] = 0xff, [11] = 0xff } };
	in_port_t port = address->ipv4.sin_port;

	if (address->any.sa_family != AF_INET)
		return;
	memcpy(&mapped.s6_addr[12], &address->ipv4.sin_addr, 4);
	*address = (union address){
		.ipv6 = { .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = mapped }
	};
}

int open_socket(const struct attempt *attempt, int family, int type, int protocol)
{
	struct timeval timeout = { attempt->timeout_ms / 1000, attempt->timeout_ms % 1000 * 1000 };
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	}
	return fd;
}

int succeed(const struct attempt *attempt, int fd)
{
	char reply[2048];
	ssize_t length;

	if (!attempt->reply) {
		puts("OK");
		return 0;
	}
	length = recv(fd, reply, sizeof(reply), 0);
	if (length < 0)
		return fail("recv");
	printf("OK ");
	for (ssize_t i = 0; i < length; i++)
		putchar(isprint((unsigned char)reply[i]) ? reply[i] : '.');
	putchar('\n');
	return 0;
}

int connect_and_send(const struct attempt *attempt, int fd)
{
	if (fd < 0)
		return fail("socket");
	if (connect(fd, &attempt->to.any, length_of(&attempt->to)) != 0)
		return fail("connect");
	if (send(fd, attempt->payload, strlen(attempt->payload), MSG_NOSIGNAL) < 0)
		return fail("send");
	return succeed(attempt, fd);
}
