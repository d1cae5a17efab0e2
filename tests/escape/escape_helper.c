// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What someone else runs for an attempt: a set-user-ID program, one with a file capability, a
 * shell, the kernel. Each has the token and the port as its last arguments.
 *
 *   escape leave|send|packet TOKEN PORT
 *   escape core PID TOKEN PORT
 */
#include "escape_helper.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "escape_move.h"
#include "escape_raw.h"

static struct attempt attempt_of(const char *token, const char *port)
{
	struct attempt ret = { .payload = token, .timeout_ms = 300 };

	ret.to.ipv4 = (struct sockaddr_in){ .sin_family = AF_INET,
					    .sin_port = htons((uint16_t)atoi(port)) };
	inet_pton(AF_INET, "198.51.100.66", &ret.to.ipv4.sin_addr);
	ret.allowed = ret.to;
	return ret;
}

/* The kernel starts it in no namespace but the first ones. */
static int enter_network_of(const char *pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%.16s/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
}

int escape_helper(int argc, char **argv)
{
	struct attempt attempt;

	if (argc < 4)
		return -1;
	attempt = attempt_of(argv[argc - 2], argv[argc - 1]);
	if (!strcmp(argv[1], "send"))
		return escape_send(&attempt);
	if (!strcmp(argv[1], "leave"))
		return escape_move() ? fail("cgroup.procs") : escape_send(&attempt);
	if (!strcmp(argv[1], "packet"))
		return escape_send_packet(&attempt, socket(AF_PACKET, SOCK_DGRAM, 0));
	if (!strcmp(argv[1], "core") && argc == 5)
		return enter_network_of(argv[2]) ? 1 : escape_send(&attempt);
	return -1;
}
