/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the tests of the resolver stand on: namespaces of their own, so that nothing is left behind
 * and nothing leaves the machine, and a loop that runs until a condition holds. Needs root.
 */
#ifndef CGFENCE_TESTS_RESOLVER_FIXTURE_H
#define CGFENCE_TESTS_RESOLVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "cgfence.h"
#include "resolver.h"
#include "util.h"

#define DEADLINE_S 60
#define FIXTURE_NAMES 500
#define FIXTURE_DIRECTORY "/mnt" /* a tmpfs that goes with the mount namespace */

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* What came for one question. */
struct result {
	unsigned int times;
	unsigned int failures;
	struct resolver_answer last; /* without what is valid during the call only */
	struct address addresses[4];
	char error[64];
};

struct results {
	struct result ipv4, ipv6;
};

struct fixture {
	struct event_base *base;
	struct resolver *resolver;
	unsigned int answers;
	bool late;
};

static inline void fixture_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* Replaces a file for this process and what it starts. */
static inline void fixture_replace(const char *path, const char *text)
{
	char copy[] = FIXTURE_DIRECTORY "/file.XXXXXX";

	close(mkstemp(copy));
	fixture_write(copy, text);
	assert_int_equal(mount(copy, path, "none", MS_BIND, NULL), 0);
}

static inline int fixture_enter(void **state)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("none", FIXTURE_DIRECTORY, "tmpfs", 0, NULL), 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &loopback), 0);
	close(fd);
	fixture_replace("/etc/hosts", "192.0.2.80 Fixed.test fixed\n"
				      "2001:db8::80 fixed.test\n"
				      "192.0.2.81 fixed.test\n");
	fixture_replace("/etc/resolv.conf", "nameserver 127.0.0.1\nsearch test\n");
	return 0;
}

static inline int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->base = event_base_new();
	*state = fixture;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;

	resolver_finish(&fixture->resolver);
	event_base_free(fixture->base);
	free(fixture);
	return 0;
}

static inline void fixture_answer(const struct resolver_answer *answer, void *data)
{
	struct fixture *fixture = data;
	struct results *results = answer->name_data;
	struct result *result = answer->ipv6 ? &results->ipv6 : &results->ipv4;
	size_t count = answer->count < 4 ? answer->count : 4;

	assert_int_equal(answer->first, result->times == 0);
	result->times++;
	result->failures += answer->status == RESOLVER_FAILED;
	result->last = *answer;
	memcpy(result->addresses, answer->addresses, count * sizeof(struct address));
	if (answer->error)
		snprintf(result->error, sizeof(result->error), "%s", answer->error);
	fixture->answers++;
}

static inline void fixture_resolver(struct fixture *fixture, const char *servers[], size_t count)
{
	struct address addresses[CGF_RESOLVERS_MAX];
	struct resolver_options options = { .base = fixture->base,
					    .servers = addresses,
					    .server_count = count,
					    .answer = fixture_answer,
					    .answer_data = fixture };

	for (size_t i = 0; i < count; i++)
		assert_int_equal(address_parse(servers[i], &addresses[i]), 0);
	assert_int_equal(resolver_init(&fixture->resolver, &options, NULL), 0);
}

static inline void fixture_late(int fd, short events, void *data)
{
	(void)fd;
	(void)events;
	((struct fixture *)data)->late = true;
}

static inline void fixture_run_until(struct fixture *fixture, bool (*holds)(const void *),
				     const void *of)
{
	const struct timeval deadline = { .tv_sec = DEADLINE_S };
	struct event *timer = event_new(fixture->base, -1, 0, fixture_late, fixture);

	event_add(timer, &deadline);
	while (!holds(of) && !fixture->late)
		event_base_loop(fixture->base, EVLOOP_ONCE);
	event_free(timer);
	assert_false(fixture->late);
}

static inline bool fixture_settled(const void *of)
{
	return resolver_settled(((const struct fixture *)of)->resolver);
}

/* Resolves one name with the server 127.0.0.1. */
static inline struct results fixture_resolve(struct fixture *fixture, const char *name)
{
	static struct results results;

	results = (struct results){ 0 };
	if (!fixture->resolver)
		fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	assert_int_equal(resolver_add(fixture->resolver, name, &results), 0);
	fixture_run_until(fixture, fixture_settled, fixture);
	return results;
}

/* FIXTURE_NAMES names, with as many results. */
static inline void fixture_add_names(struct fixture *fixture, struct results *results)
{
	char name[64];

	for (unsigned int i = 0; i < FIXTURE_NAMES; i++) {
		snprintf(name, sizeof(name), "name%u.test", i);
		assert_int_equal(resolver_add(fixture->resolver, name, &results[i]), 0);
	}
}

static inline void assert_address(const struct address *address, const char *expected)
{
	char text[ADDRESS_TEXT_BYTES];

	assert_string_equal(address_format(address, text), expected);
}

#endif
