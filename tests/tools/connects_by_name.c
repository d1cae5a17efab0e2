// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A client that resolves before each connection, and takes any of the addresses that it gets:
 *
 *   connects-LIBRARY COUNT NAME PORT
 *
 * Prints what failed, one line for each error and how often, and then "COUNT connected, MS ms". The
 * exit status says whether all worked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "connects.h"

#define FAILURES_MAX 16
#define CONNECT_TIMEOUT_S 5

struct failure {
	char what[128];
	unsigned long times;
};

static void count_failure(struct failure *failures, const char *call, const char *error)
{
	char what[sizeof(failures->what)];
	size_t i = 0;

	snprintf(what, sizeof(what), "%s: %s", call, error);
	while (i < FAILURES_MAX - 1 && failures[i].times && strcmp(failures[i].what, what) != 0)
		i++;
	strcpy(failures[i].what, what);
	failures[i].times++;
}

static const char *connect_to(const struct sockaddr_storage *address)
{
	struct timeval timeout = { .tv_sec = CONNECT_TIMEOUT_S };
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0)
		return strerror(errno);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
		error = errno;
	close(fd);
	return error ? strerror(error) : NULL;
}

static long long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static const char *attempt(char **argv, const char **ret_call)
{
	static struct sockaddr_storage addresses[ADDRESSES_MAX];
	const char *error = NULL;
	size_t count;

	*ret_call = "resolve";
	if (resolve(argv[2], argv[3], addresses, &count, &error) != 0)
		return error;
	*ret_call = "connect";
	return connect_to(&addresses[(size_t)random() % count]);
}

int main(int argc, char **argv)
{
	struct failure failures[FAILURES_MAX] = { 0 };
	unsigned long wanted = argc == 4 ? strtoul(argv[1], NULL, 10) : 0, connected = 0;
	long long begin = now_ms();

	if (!wanted) {
		fprintf(stderr, "Usage: %s COUNT NAME PORT\n", argv[0]);
		return 2;
	}
	srandom((unsigned int)(getpid() + begin));
	for (unsigned long i = 0; i < wanted; i++) {
		const char *call, *error = attempt(argv, &call);

		if (error)
			count_failure(failures, call, error);
		else
			connected++;
	}
	for (size_t i = 0; i < FAILURES_MAX && failures[i].times; i++)
		printf("%lu times %s\n", failures[i].times, failures[i].what);
	printf("%lu connected, %lld ms\n", connected, now_ms() - begin);
	return connected != wanted;
}
