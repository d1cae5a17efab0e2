/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by the ways of probe: what is attempted, and how its outcome is printed. */
#ifndef PROBE_H
#define PROBE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

struct attempt {
	union address to, first;
	const char *payload;
	bool reply;
	int timeout_ms;
	/* Only tests/escape has these: two places that are allowed, and where its helpers are. */
	union address allowed, other;
	const char *directory;
};

/* Prints errno and the call that had it, or OK and, if asked for, the answer; the exit status. */
int fail(const char *call);
int succeed(const struct attempt *attempt, int fd);

socklen_t length_of(const union address *address);
/* 198.51.100.7 as ::ffff:198.51.100.7, for a socket of the other family. */
void map_address(union address *address);
/* With the attempt's time-out; -1 and errno. */
int open_socket(const struct attempt *attempt, int family, int type, int protocol);
/* The end of most ways; `fd` may be -1. */
int connect_and_send(const struct attempt *attempt, int fd);

int way_tcp(struct attempt *attempt);
int way_tcp_mapped(struct attempt *attempt);
int way_mptcp(struct attempt *attempt);
int way_sctp(struct attempt *attempt);
int way_udplite(struct attempt *attempt);
int way_tcp_nonblocking(struct attempt *attempt);
int way_tcp_fastopen(struct attempt *attempt);
int way_tcp_fastopen_connect(struct attempt *attempt);
int way_udp_connect(struct attempt *attempt);
int way_udp_connect_only(struct attempt *attempt);
int way_udp_4on6(struct attempt *attempt);
int way_udp_sendto(struct attempt *attempt);
int way_udp_unspec(struct attempt *attempt);
int way_udp_mapped(struct attempt *attempt);
int way_udp_tos(struct attempt *attempt);
int way_udp_pktinfo(struct attempt *attempt);
int way_udp_sendmmsg(struct attempt *attempt);
int way_ping(struct attempt *attempt);
int way_raw(struct attempt *attempt);
int way_packet(struct attempt *attempt);
int way_sock_packet(struct attempt *attempt);

#endif
