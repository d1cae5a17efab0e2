// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * packets udp COUNT FIRST TARGETS: COUNT datagrams of one byte, in turn from TARGETS sockets that
 * are connected to 198.18.0.0 + FIRST and on, port 443: so no hook runs but that of the packet.
 *
 * packets sendto COUNT FIRST TARGETS: the same from one socket that is not connected.
 *
 * packets datagrams COUNT ADDRESS PORT: COUNT datagrams of one byte from one connected socket.
 *
 * packets tcp MILLISECONDS ADDRESS PORT BYTES: one connection, BYTES at a time. Prints the CPU time
 * in nanoseconds.
 *
 * packets receive PORT: both on PORT, until it is killed. Prints a line when it is there, and for
 * each connection, when that has ended, "BYTES NANOSECONDS CPU_NANOSECONDS", from the first byte to
 * the last.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TARGETS_MAX 2048
#define TARGET_FIRST 0xc6120000U /* 198.18.0.0 */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Not perror() alone: what fails here would make a figure that means nothing. */
static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static int socket_to(int type, in_addr_t address, const char *port)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons((uint16_t)atoi(port)),
					.sin_addr.s_addr = address };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	must(fd >= 0, "socket");
	must(!connect(fd, (const struct sockaddr *)&to, sizeof(to)), "connect");
	return fd;
}

static void send_datagrams(const int *fds, unsigned long fd_count, unsigned long count)
{
	unsigned long i;

	for (i = 0; i < count; i++)
		must(send(fds[i % fd_count], "", 1, 0) == 1, "send");
}

static void send_udp(unsigned long count, unsigned long first, unsigned long targets)
{
	const struct rlimit files = { TARGETS_MAX + 16, TARGETS_MAX + 16 };
	static int fds[TARGETS_MAX];
	unsigned long i;

	must(targets && targets <= TARGETS_MAX && !setrlimit(RLIMIT_NOFILE, &files), "targets");
	for (i = 0; i < targets; i++)
		fds[i] = socket_to(SOCK_DGRAM, htonl(TARGET_FIRST + (uint32_t)(first + i)), "443");
	send_datagrams(fds, targets, count);
}

static void send_udp_to(unsigned long count, unsigned long first, unsigned long targets)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(443) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned long i;

	must(fd >= 0 && targets, "socket");
	for (i = 0; i < count; i++) {
		to.sin_addr.s_addr = htonl(TARGET_FIRST + (uint32_t)(first + i % targets));
		must(sendto(fd, "", 1, 0, (const struct sockaddr *)&to, sizeof(to)) == 1, "sendto");
	}
}

static void send_tcp(uint64_t duration_ms, const char *address, const char *port, size_t bytes)
{
	int fd = socket_to(SOCK_STREAM, inet_addr(address), port), one = 1;
	uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + duration_ms * 1000000;
	char *data = calloc(1, bytes);

	must(data && !setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "prepare");
	while (clock_ns(CLOCK_MONOTONIC) < end_ns)
		must(send(fd, data, bytes, 0) > 0, "send");
	printf("%ju\n", (uintmax_t)clock_ns(CLOCK_PROCESS_CPUTIME_ID));
	free(data);
	close(fd);
}

static int serve(int type, const char *port)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, type, 0), one = 1;

	must(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), "socket");
	must(!bind(fd, (const struct sockaddr *)&at, sizeof(at)), "bind");
	must(type == SOCK_DGRAM || !listen(fd, 1), "listen");
	return fd;
}

static void receive_tcp(int listener)
{
	static char data[256 * 1024];
	uint64_t bytes = 0, start_ns = 0, cpu_ns = 0;
	int fd = accept(listener, NULL, NULL);
	ssize_t n;

	must(fd >= 0, "accept");
	while ((n = recv(fd, data, sizeof(data), 0)) > 0) {
		if (!bytes) {
			start_ns = clock_ns(CLOCK_MONOTONIC);
			cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
		}
		bytes += (uint64_t)n;
	}
	printf("%ju %ju %ju\n", (uintmax_t)bytes, (uintmax_t)(clock_ns(CLOCK_MONOTONIC) - start_ns),
	       (uintmax_t)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns));
	close(fd);
}

static void receive(const char *port)
{
	struct pollfd sockets[] = { { .fd = serve(SOCK_STREAM, port), .events = POLLIN },
				    { .fd = serve(SOCK_DGRAM, port), .events = POLLIN } };
	char data[16];

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("here");
	while (poll(sockets, 2, -1) > 0) {
		if (sockets[0].revents)
			receive_tcp(sockets[0].fd);
		while (recv(sockets[1].fd, data, sizeof(data), MSG_DONTWAIT) > 0)
			;
	}
}

int main(int argc, char *argv[])
{
	const char *how = argc > 1 ? argv[1] : "";
	int fd;

	if (!strcmp(how, "receive") && argc == 3) {
		receive(argv[2]);
		return 1;
	}
	if (!strcmp(how, "udp") && argc == 5) {
		send_udp(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10),
			 strtoul(argv[4], NULL, 10));
	} else if (!strcmp(how, "sendto") && argc == 5) {
		send_udp_to(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10),
			    strtoul(argv[4], NULL, 10));
	} else if (!strcmp(how, "datagrams") && argc == 5) {
		fd = socket_to(SOCK_DGRAM, inet_addr(argv[3]), argv[4]);
		send_datagrams(&fd, 1, strtoul(argv[2], NULL, 10));
	} else if (!strcmp(how, "tcp") && argc == 6) {
		send_tcp(strtoul(argv[2], NULL, 10), argv[3], argv[4], strtoul(argv[5], NULL, 10));
	} else {
		return 2;
	}
	return 0;
}
