// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One attempt to reach an address, in one of the many ways that the kernel has. Prints what came of
 * it: "OK", "OK REPLY", or the error and the call that had it: "EPERM connect". An attempt that was
 * not answered in time is "TIMEOUT".
 *
 *   probe [--timeout SECONDS] [--reply] [--first ADDRESS,PORT] WAY ADDRESS PORT [PAYLOAD]
 *
 * --reply waits for an answer and prints it. --first connects a UDP socket there before it sends
 * elsewhere. The exit status is 0 for OK, 1 for an error and 2 for a wrong call.
 *
 * Linked statically, so that it runs in any root file system.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

static bool parse_address(const char *text, const char *port, union address *ret)
{
	unsigned long number = strtoul(port, NULL, 10);

	if (number > UINT16_MAX)
		return false;
	/* sin_port and sin6_port are at the same place. */
	ret->ipv4.sin_port = htons((uint16_t)number);
	if (inet_pton(AF_INET, text, &ret->ipv4.sin_addr) == 1)
		ret->any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &ret->ipv6.sin6_addr) == 1)
		ret->any.sa_family = AF_INET6;
	else
		return false;
	return true;
}

static const struct {
	const char *name;
	int (*run)(struct attempt *attempt);
} ways[] = {
	{ "tcp", way_tcp },
	{ "tcp-nb", way_tcp_nonblocking },
	{ "tcp-fastopen", way_tcp_fastopen },
	{ "tcp-fastopen-connect", way_tcp_fastopen_connect },
	{ "tcp-mapped", way_tcp_mapped },
	{ "mptcp", way_mptcp },
	{ "udp-connect", way_udp_connect },
	{ "udp-connect-only", way_udp_connect_only },
	{ "udp-4on6", way_udp_4on6 },
	{ "udp-sendto", way_udp_sendto },
	{ "udp-unspec", way_udp_unspec },
	{ "udp-mapped", way_udp_mapped },
	{ "udp-tos", way_udp_tos },
	{ "udp-pktinfo", way_udp_pktinfo },
	{ "udp-sendmmsg", way_udp_sendmmsg },
	{ "udplite", way_udplite },
	{ "sctp", way_sctp },
	{ "ping", way_ping },
	{ "raw", way_raw },
	{ "packet", way_packet },
	{ "sock-packet", way_sock_packet },
};

static int usage(void)
{
	fprintf(stderr, "Usage: probe [--timeout SECONDS] [--reply] [--first ADDRESS,PORT] "
			"WAY ADDRESS PORT [PAYLOAD]\nWays:");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		fprintf(stderr, " %s", ways[i].name);
	fputc('\n', stderr);
	return 2;
}

static bool parse_options(int argc, char **argv, struct attempt *ret)
{
	static const struct option options[] = {
		{ "first", required_argument, NULL, 'f' },
		{ "reply", no_argument, NULL, 'r' },
		{ "timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		char *comma = option == 'f' ? strchr(optarg, ',') : NULL;

		if (option == 't')
			ret->timeout_ms = (int)(strtod(optarg, NULL) * 1000);
		else if (option == 'r')
			ret->reply = true;
		else if (!comma)
			return false;
		else if (!parse_address(strndupa(optarg, (size_t)(comma - optarg)), comma + 1,
					&ret->first))
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct attempt attempt = { .payload = "probe", .timeout_ms = 3000 };

	if (!parse_options(argc, argv, &attempt) || argc - optind < 3 || argc - optind > 4)
		return usage();
	if (!parse_address(argv[optind + 1], argv[optind + 2], &attempt.to))
		return usage();
	if (argc - optind == 4)
		attempt.payload = argv[optind + 3];
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, argv[optind]))
			return ways[i].run(&attempt);
	return usage();
}
