// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cost FD CMD…: runs CMD, then writes what it took to FD, its children included:
 * "WALL_NS CPU_US MAXRSS_KIB STATUS". The split of CPU time is not told: for short runs the kernel
 * makes it up from its ticks. A small program, because the kernel counts the memory of the process
 * that called execve() as the command's: of Python, many megabytes.
 */
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t microseconds(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

int main(int argc, char *argv[])
{
	uint64_t start_ns = monotonic_ns(), wall_ns, cpu_us;
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	int fd, status;
	pid_t pid;

	if (argc < 3)
		return 2;
	fd = atoi(argv[1]);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addclose(&actions, fd);
	if (posix_spawnp(&pid, argv[2], &actions, NULL, argv + 2, environ) ||
	    wait4(pid, &status, 0, &usage) != pid)
		return 1;
	wall_ns = monotonic_ns() - start_ns;
	cpu_us = microseconds(&usage.ru_utime) + microseconds(&usage.ru_stime);
	return dprintf(fd, "%ju %ju %ld %d\n", (uintmax_t)wall_ns, (uintmax_t)cpu_us,
		       usage.ru_maxrss, status) < 0;
}
