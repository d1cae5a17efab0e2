// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The resolver against a real server: knotd on 127.0.0.1 of a network namespace of our own. */
#include "resolver_fixture.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define MANY_NAMES 1000

static pid_t knotd = -1;

static const char knot_config[] =
	"server:\n  rundir: /mnt\n  listen: 127.0.0.1@53\n  user: root:root\n"
	"  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
	"database:\n  storage: /mnt\n"
	"log:\n  - target: stderr\n    any: critical\n"
	"acl:\n  - id: local\n    address: 127.0.0.1\n    action: update\n"
	"zone:\n  - domain: test\n    file: /mnt/zone\n    zonefile-sync: -1\n    acl: local\n";

static const char zone_head[] = "$ORIGIN test.\n$TTL 60\n"
				"@ SOA ns host 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"
				"both A 192.0.2.1\nboth A 192.0.2.2\nboth AAAA 2001:db8::1\n"
				"only4 A 192.0.2.4\n"
				"alias 3 CNAME middle\nmiddle 600 CNAME both\n"
				"nowhere CNAME text\ntext TXT words\n"
				"long 200000 A 192.0.2.5\nzero 0 A 192.0.2.6\n"
				"changes 1 A 192.0.2.7\n";

static void write_zone(void)
{
	FILE *zone = fopen(FIXTURE_DIRECTORY "/zone", "w");

	assert_non_null(zone);
	fputs(zone_head, zone);
	for (unsigned int i = 0; i < 2000; i++)
		fprintf(zone, "many A 10.0.%u.%u\nmany AAAA 2001:db8::%x\n", i / 256, i % 256, i);
	for (unsigned int i = 0; i < MANY_NAMES; i++)
		fprintf(zone, "n%u A 10.1.%u.%u\n", i, i / 256, i % 256);
	fclose(zone);
}

static void run(const char *const argv[], pid_t *ret_pid)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	*ret_pid = pid;
}

/* Whether the server answers a question for the root within 100 ms. */
static bool server_answers(int fd)
{
	static const uint8_t question[17] = { [5] = 1, [14] = 6, [16] = 1 };
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint8_t answer[512];

	send(fd, question, sizeof(question), MSG_NOSIGNAL);
	return poll(&ready, 1, 100) == 1 && recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0;
}

static void wait_for_server(void)
{
	struct sockaddr_in server = { .sin_family = AF_INET,
				      .sin_port = htons(53),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint64_t end_ns = monotonic_ns() + DEADLINE_S * NSEC_PER_SEC;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	connect(fd, (struct sockaddr *)&server, sizeof(server));
	while (!server_answers(fd))
		assert_true(monotonic_ns() < end_ns);
	close(fd);
}

static int start_knotd(void **state)
{
	const char *const argv[] = { "knotd", "-c", FIXTURE_DIRECTORY "/knot.conf", NULL };

	fixture_enter(state);
	write_zone();
	fixture_write(FIXTURE_DIRECTORY "/knot.conf", knot_config);
	run(argv, &knotd);
	wait_for_server();
	return 0;
}

static int stop_knotd(void **state)
{
	(void)state;
	kill(knotd, SIGKILL);
	waitpid(knotd, NULL, 0);
	return 0;
}

static void update_zone(const char *commands)
{
	const char *const argv[] = { "knsupdate", FIXTURE_DIRECTORY "/update", NULL };
	char text[512];
	pid_t pid;
	int status;

	snprintf(text, sizeof(text), "server 127.0.0.1\nzone test.\n%s\nsend\n", commands);
	fixture_write(FIXTURE_DIRECTORY "/update", text);
	run(argv, &pid);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void a_name_gives_both_families(void **state)
{
	struct results results = fixture_resolve(*state, "both.test");

	assert_int_equal(results.ipv4.last.status, RESOLVER_OK);
	assert_int_equal(results.ipv4.last.count, 2);
	assert_int_equal(results.ipv4.last.ttl_s, 60);
	assert_false(results.ipv4.last.fixed);
	assert_int_equal(results.ipv6.last.count, 1);
	assert_address(&results.ipv6.addresses[0], "2001:db8::1");
}

static void a_short_cname_shortens_the_ttl(void **state)
{
	struct results results = fixture_resolve(*state, "alias.test");

	assert_int_equal(results.ipv4.last.count, 2);
	assert_int_equal(results.ipv4.last.ttl_s, 3);
	assert_int_equal(results.ipv6.last.ttl_s, 3);
}

static void ttls_are_kept_between_floor_and_ceiling(void **state)
{
	struct results results = fixture_resolve(*state, "long.test");

	assert_int_equal(results.ipv4.last.ttl_s, RESOLVER_TTL_CEILING_S);
	results = fixture_resolve(*state, "zero.test");
	assert_int_equal(results.ipv4.last.ttl_s, RESOLVER_TTL_FLOOR_S);
}

static void a_name_that_is_not_there_is_not_found(void **state)
{
	struct results results = fixture_resolve(*state, "nothing.test");

	assert_int_equal(results.ipv4.last.status, RESOLVER_NOT_FOUND);
	assert_int_equal(results.ipv6.last.status, RESOLVER_NOT_FOUND);
	assert_int_equal(results.ipv4.last.ttl_s, RESOLVER_NEGATIVE_S);
}

static void a_family_that_is_not_there_is_no_address(void **state)
{
	struct results results = fixture_resolve(*state, "only4.test");

	assert_int_equal(results.ipv4.last.count, 1);
	assert_int_equal(results.ipv6.last.status, RESOLVER_OK);
	assert_int_equal(results.ipv6.last.count, 0);
	results = fixture_resolve(*state, "nowhere.test");
	assert_int_equal(results.ipv4.last.status, RESOLVER_OK);
	assert_int_equal(results.ipv4.last.count, 0);
	assert_int_equal(results.ipv4.last.ttl_s, RESOLVER_NEGATIVE_S);
}

static void names_are_asked_in_any_case_and_handed_back_as_they_were_given(void **state)
{
	struct fixture *fixture = *state;
	struct results results = { 0 };
	char name[] = "bOtH.TeSt";

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	assert_int_equal(resolver_add(fixture->resolver, name, &results), 0);
	memset(name, 'x', sizeof(name) - 1);
	fixture_run_until(fixture, fixture_settled, fixture);
	assert_int_equal(results.ipv4.last.count, 2);
	assert_string_equal(results.ipv4.last.name, "bOtH.TeSt");
}

static void two_thousand_addresses_are_cut(void **state)
{
	struct results results = fixture_resolve(*state, "many.test");

	assert_int_equal(results.ipv4.last.count, CGF_NAME_ADDRESSES_MAX);
	assert_int_equal(results.ipv6.last.count, CGF_NAME_ADDRESSES_MAX);
	assert_true(results.ipv4.last.cut && results.ipv6.last.cut);
	assert_false(fixture_resolve(*state, "both.test").ipv4.last.cut);
}

static void resolv_conf_gives_the_search_list(void **state)
{
	struct fixture *fixture = *state;
	const struct address *servers;

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	assert_int_equal(resolver_servers(fixture->resolver, &servers), 1);
	assert_address(&servers[0], "127.0.0.1");
	assert_int_equal(fixture_resolve(fixture, "both").ipv4.last.count, 2);
}

static void a_name_with_a_dot_is_not_searched(void **state)
{
	fixture_resolver(*state, (const char *[]){ "127.0.0.1" }, 1);
	assert_int_not_equal(fixture_resolve(*state, "both.").ipv4.last.count, 2);
}

static void etc_hosts_comes_before_dns_and_does_not_run_out(void **state)
{
	struct results results = fixture_resolve(*state, "fixed.TEST");

	assert_int_equal(results.ipv4.last.count, 2);
	assert_address(&results.ipv4.addresses[0], "192.0.2.80");
	assert_address(&results.ipv4.addresses[1], "192.0.2.81");
	assert_address(&results.ipv6.addresses[0], "2001:db8::80");
	assert_true(results.ipv4.last.fixed && results.ipv6.last.fixed);
	results = fixture_resolve(*state, "fixed");
	assert_int_equal(results.ipv6.last.status, RESOLVER_OK);
	assert_int_equal(results.ipv6.last.count, 0);
	assert_true(results.ipv6.last.fixed);
}

static void no_answer_comes_from_within_add(void **state)
{
	struct fixture *fixture = *state;
	struct results results = { 0 };

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	assert_true(resolver_settled(fixture->resolver));
	assert_int_equal(resolver_add(fixture->resolver, "fixed.test", &results), 0);
	assert_int_equal(resolver_add(fixture->resolver, "bad..name", &results), 0);
	assert_int_equal(fixture->answers, 0);
	assert_false(resolver_settled(fixture->resolver));
}

static void what_cannot_be_a_name_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char name[CGF_NAME_BYTES_MAX + 2] = { 0 };

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	memset(name, 'a', sizeof(name) - 1);
	assert_int_equal(resolver_add(fixture->resolver, name, NULL), -EINVAL);
	assert_int_equal(resolver_add(fixture->resolver, "", NULL), -EINVAL);
	assert_int_equal(fixture_resolve(fixture, "a..b").ipv4.last.status, RESOLVER_FAILED);
	assert_int_equal(fixture_resolve(fixture, "a\\.b.test").ipv4.last.status,
			 RESOLVER_NOT_FOUND);
}

static bool changed(const void *of)
{
	const struct results *results = of;
	char text[ADDRESS_TEXT_BYTES];

	return !strcmp(address_format(&results->ipv4.addresses[0], text), "192.0.2.77");
}

static void a_change_is_seen_when_the_answer_has_run_out(void **state)
{
	struct fixture *fixture = *state;
	struct results results = { 0 };

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	assert_int_equal(resolver_add(fixture->resolver, "changes.test", &results), 0);
	fixture_run_until(fixture, fixture_settled, fixture);
	assert_address(&results.ipv4.addresses[0], "192.0.2.7");
	update_zone("del changes.test. A\nadd changes.test. 1 A 192.0.2.77");
	fixture_run_until(fixture, changed, &results);
	assert_true(results.ipv4.times > 1);
	assert_false(results.ipv4.last.first);
	assert_int_equal(results.ipv6.times, 1);
}

static void a_thousand_names_each_get_their_own_addresses(void **state)
{
	struct fixture *fixture = *state;
	struct results *results = calloc(MANY_NAMES, sizeof(*results));
	char text[64];

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	for (unsigned int i = 0; i < MANY_NAMES; i++) {
		snprintf(text, sizeof(text), "n%u.test", i);
		assert_int_equal(resolver_add(fixture->resolver, text, &results[i]), 0);
	}
	fixture_run_until(fixture, fixture_settled, fixture);
	for (unsigned int i = 0; i < MANY_NAMES; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u", i / 256, i % 256);
		assert_address(&results[i].ipv4.addresses[0], text);
		assert_int_equal(results[i].ipv4.times + results[i].ipv6.times, 2);
	}
	assert_int_equal(fixture->answers, 2 * MANY_NAMES);
	resolver_finish(&fixture->resolver);
	free(results);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_gives_both_families),
		TEST(a_short_cname_shortens_the_ttl),
		TEST(ttls_are_kept_between_floor_and_ceiling),
		TEST(a_name_that_is_not_there_is_not_found),
		TEST(a_family_that_is_not_there_is_no_address),
		TEST(names_are_asked_in_any_case_and_handed_back_as_they_were_given),
		TEST(two_thousand_addresses_are_cut),
		TEST(resolv_conf_gives_the_search_list),
		TEST(a_name_with_a_dot_is_not_searched),
		TEST(etc_hosts_comes_before_dns_and_does_not_run_out),
		TEST(no_answer_comes_from_within_add),
		TEST(what_cannot_be_a_name_is_refused),
		TEST(a_change_is_seen_when_the_answer_has_run_out),
		TEST(a_thousand_names_each_get_their_own_addresses),
	};

	return cmocka_run_group_tests(tests, start_knotd, stop_knotd);
}
