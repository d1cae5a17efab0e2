// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One thread connects a UDP socket to one allowed place and to another, in turn, while this one
 * sends: the kernel reads the destination without a lock, and may take half of each.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"

#define RACE_SENDS 10000

struct race {
	int fd;
	union address a, b;
	volatile bool begun, over;
};

/* Both run at once, and not in turn. */
static void run_on(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *reconnect(void *data)
{
	struct race *race = data;

	run_on(1);
	race->begun = true;
	while (!race->over) {
		connect(race->fd, &race->a.any, length_of(&race->a));
		connect(race->fd, &race->b.any, length_of(&race->b));
	}
	return NULL;
}

static int race_for(struct attempt *attempt, struct race *race)
{
	pthread_t thread;

	race->fd = open_socket(attempt, race->a.any.sa_family, SOCK_DGRAM, 0);
	if (race->fd < 0 || connect(race->fd, &race->a.any, length_of(&race->a)))
		return fail("connect");
	if (pthread_create(&thread, NULL, reconnect, race))
		return escape_fail("no thread");
	run_on(0);
	while (!race->begun)
		sched_yield();
	for (int i = 0; i < RACE_SENDS; i++)
		send(race->fd, attempt->payload, strlen(attempt->payload), MSG_DONTWAIT);
	race->over = true;
	pthread_join(thread, NULL);
	puts("OK");
	return 0;
}

/* The address of one with the port of the other. */
static int race_ports(struct attempt *attempt)
{
	struct race race = { .a = attempt->allowed, .b = attempt->other };

	return race_for(attempt, &race);
}

/* 2001:db8:1::10 and 2001:db8:2::66 are allowed, and 2001:db8:1::66 is not. */
static int race_halves(struct attempt *attempt)
{
	struct race race = { .a = attempt->allowed, .b = attempt->allowed };

	inet_pton(AF_INET6, "2001:db8:2::66", &race.b.ipv6.sin6_addr);
	return race_for(attempt, &race);
}

const struct escape escape_race[] = {
	{ "race-ports", "UDP reconnected while sending: one's address, the other's port",
	  race_ports, ESCAPE_BOTH, "egress" },
	{ "race-halves", "the same: half of an address each", race_halves,
	  ESCAPE_IPV6 | ESCAPE_SELDOM, "egress" },
	{ 0 },
};
