// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Connects from fenced cgroups, a thousand times a second, to what must be reached and to what must
 * not, and tells of each verdict that is wrong. It runs while something is done to the fences.
 *
 *   pulse [--state FILE] [--period-us N] [--cgroup DIRECTORY]… ADDRESS,PORT,EXPECTED…
 *
 * EXPECTED is a (allowed), d (denied) or ? (either). Its sockets are made in each of the cgroups,
 * which a socket belongs to for ever; without --cgroup, where it is. Each period it tries the first
 * two destinations and the next of the others, by TCP from the next cgroup, by UDP from the next
 * UDP_CGROUPS ones. FILE is a struct state, by which whoever changes the rules says what to expect:
 * an attempt during which that was changed is not judged.
 *
 * Prints "ready" when it has begun, for each wrong verdict "wrong TIME WAY DESTINATION CGROUP:
 * what", TIME being CLOCK_MONOTONIC, and on SIGTERM "attempts N wrong N pause_ms N". The pause is
 * the longest time without an attempt: of what happened within, nothing is known.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define DESTINATIONS_MAX 256
#define CGROUPS_MAX 2048
#define UDP_CGROUPS 16
#define TOLD_MAX 100
#define CONNECT_S 3
#define NS_PER_S 1000000000ULL

/* Shared with the driver (live.py). */
struct state {
	_Atomic uint64_t attempts, wrong, pause_ns, rounds;
	_Atomic uint32_t expected[DESTINATIONS_MAX]; /* a letter; above it a count of changes */
};

enum way {
	TCP4,
	UDP4,
	TCP6,
	UDP6,
	WAYS
};

struct destination {
	const char *text;
	union {
		struct sockaddr any;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
	} address;
};

struct pulse {
	struct state *state;
	struct destination destinations[DESTINATIONS_MAX];
	size_t destination_count;
	const char *cgroups[CGROUPS_MAX];
	int sockets[CGROUPS_MAX][WAYS];
	size_t cgroup_count;
	uint64_t period_ns, last_ns;
};

static volatile sig_atomic_t ended;

static void end(int signal_number)
{
	(void)signal_number;
	ended = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "pulse: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void tell(struct pulse *pulse, const char *way, const struct destination *destination,
		 const char *cgroup, const char *what)
{
	uint64_t now = now_ns();

	if (pulse->state->wrong++ < TOLD_MAX)
		printf("wrong %llu.%06llu %s %s %s: %s\n", (unsigned long long)(now / NS_PER_S),
		       (unsigned long long)(now % NS_PER_S / 1000), way, destination->text, cgroup,
		       what);
}

/* 0 or the error. The kernel decides anew at each connect(); the socket is free again after it. */
static int attempt(int fd, const struct destination *destination)
{
	static const struct sockaddr none = { .sa_family = AF_UNSPEC };
	socklen_t length = destination->address.any.sa_family == AF_INET
				   ? sizeof(destination->address.ipv4)
				   : sizeof(destination->address.ipv6);
	int r = connect(fd, &destination->address.any, length) ? errno : 0;

	if (r != EPERM)
		(void)connect(fd, &none, sizeof(none));
	return r;
}

static void judge(struct pulse *pulse, size_t cgroup, size_t number, bool tcp)
{
	const struct destination *destination = &pulse->destinations[number];
	int way = (destination->address.any.sa_family == AF_INET ? TCP4 : TCP6) + !tcp;
	uint32_t before = pulse->state->expected[number];
	int r = attempt(pulse->sockets[cgroup][way], destination);
	const char *name = pulse->cgroups[cgroup];
	uint64_t now = now_ns();

	pulse->state->attempts++;
	if (pulse->last_ns && now - pulse->last_ns > pulse->state->pause_ns)
		pulse->state->pause_ns = now - pulse->last_ns;
	pulse->last_ns = now;
	/* With a time-out a connect() that a signal interrupts is not restarted: it was let
	 * through. */
	if (before != pulse->state->expected[number] || (r == EINTR && (char)before == 'a'))
		return;
	if ((char)before == 'd' && r != EPERM)
		tell(pulse, tcp ? "tcp" : "udp", destination, name, r ? strerror(r) : "reached");
	if ((char)before == 'a' && r)
		tell(pulse, tcp ? "tcp" : "udp", destination, name, strerror(r));
}

static void try_all(struct pulse *pulse, uint64_t round, size_t cgroup, bool tcp)
{
	size_t others = pulse->destination_count > 2 ? pulse->destination_count - 2 : 0;

	for (size_t i = 0; i < 2 && i < pulse->destination_count; i++)
		judge(pulse, cgroup, i, tcp);
	if (others)
		judge(pulse, cgroup, 2 + round % others, tcp);
}

static void run(struct pulse *pulse)
{
	size_t count = pulse->cgroup_count, udp = 0;
	struct timespec until;
	uint64_t due = now_ns();

	for (uint64_t round = 0; !ended; round++) {
		try_all(pulse, round, round % count, true);
		for (size_t i = 0; i < UDP_CGROUPS && i < count; i++)
			try_all(pulse, round, udp++ % count, false);
		pulse->state->rounds = round + 1;
		/* What was missed is not made up for. */
		due = due + pulse->period_ns > now_ns() ? due + pulse->period_ns : now_ns();
		until.tv_sec = (time_t)(due / NS_PER_S);
		until.tv_nsec = (long)(due % NS_PER_S);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		if (!round)
			puts("ready");
	}
}

static void make_sockets(int *sockets)
{
	static const int families[WAYS] = { AF_INET, AF_INET, AF_INET6, AF_INET6 };
	static const struct timeval timeout = { .tv_sec = CONNECT_S };

	for (int i = 0; i < WAYS; i++) {
		int type = i == TCP4 || i == TCP6 ? SOCK_STREAM : SOCK_DGRAM;

		sockets[i] = socket(families[i], type | SOCK_CLOEXEC, 0);
		if (sockets[i] < 0)
			die("socket");
		setsockopt(sockets[i], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	}
}

static void enter(const char *cgroup)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(path);
	close(fd);
}

static void make_all_sockets(struct pulse *pulse)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (size_t i = 0; i < pulse->cgroup_count; i++) {
		enter(pulse->cgroups[i]);
		make_sockets(pulse->sockets[i]);
	}
	if (pulse->cgroup_count)
		return;
	pulse->cgroups[pulse->cgroup_count] = "here";
	make_sockets(pulse->sockets[pulse->cgroup_count++]);
}

static bool add_destination(struct pulse *pulse, char *text)
{
	struct destination *ret = &pulse->destinations[pulse->destination_count];
	char *copy = strdupa(text), *port = strchr(copy, ','), *expected;

	expected = port ? strchr(port + 1, ',') : NULL;
	if (!expected || !strchr("ad?", expected[1]) ||
	    pulse->destination_count == DESTINATIONS_MAX)
		return false;
	*port++ = '\0';
	*expected++ = '\0';
	text[expected - copy - 1] = '\0';
	ret->text = text;
	if (inet_pton(AF_INET, copy, &ret->address.ipv4.sin_addr) == 1)
		ret->address.any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, copy, &ret->address.ipv6.sin6_addr) == 1)
		ret->address.any.sa_family = AF_INET6;
	else
		return false;
	ret->address.ipv4.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	pulse->state->expected[pulse->destination_count++] = (uint32_t)*expected;
	return true;
}

static struct state *map_state(const char *path)
{
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
	void *mapped;

	if (path && (fd < 0 || ftruncate(fd, sizeof(struct state))))
		die(path);
	mapped = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE,
		      path ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS, fd, 0);
	if (mapped == MAP_FAILED)
		die("mmap");
	return mapped;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cgroup", required_argument, NULL, 'c' },
		{ "period-us", required_argument, NULL, 'p' },
		{ "state", required_argument, NULL, 's' },
		{ 0 },
	};
	static struct pulse pulse = { .period_ns = 1000 * 1000 };
	struct sigaction action = { .sa_handler = end };
	const char *path = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			path = optarg;
		else if (option == 'p')
			pulse.period_ns = strtoull(optarg, NULL, 10) * 1000;
		else if (option == 'c' && pulse.cgroup_count < CGROUPS_MAX - 1)
			pulse.cgroups[pulse.cgroup_count++] = optarg;
		else
			return 2;
	}
	pulse.state = map_state(path);
	for (; optind < argc; optind++)
		if (!add_destination(&pulse, argv[optind])) {
			fprintf(stderr, "pulse: %s: no ADDRESS,PORT,EXPECTED\n", argv[optind]);
			return 2;
		}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	make_all_sockets(&pulse);
	run(&pulse);
	printf("attempts %llu wrong %llu pause_ms %llu\n",
	       (unsigned long long)pulse.state->attempts, (unsigned long long)pulse.state->wrong,
	       (unsigned long long)(pulse.state->pause_ns / 1000000));
	return pulse.state->wrong ? 1 : 0;
}
