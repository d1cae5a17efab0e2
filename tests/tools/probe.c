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
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

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
