// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The resolver against servers that are slow, failing or not there. */
#include "fake_dns.h"
#include "resolver_fixture.h"

#define FIRST "127.0.0.2"
#define SECOND "127.0.0.3"
#define NOBODY "127.0.0.9"

static void serve_all(struct fake_dns *fake)
{
	for (; fake->count; fake->count--)
		fake_reply(&fake->waiting[fake->count - 1], FAKE_ANSWER, 60);
}

static void serve_none(struct fake_dns *fake)
{
	fake->count = 0;
}

static void serve_servfail_for_ipv6(struct fake_dns *fake)
{
	for (; fake->count; fake->count--) {
		const struct fake_query *query = &fake->waiting[fake->count - 1];

		if (fake_type(query) == FAKE_AAAA)
			fake_reply(query, FAKE_ANSWER | FAKE_SERVFAIL, 0);
		else
			fake_reply(query, FAKE_ANSWER, 60);
	}
}

static void serve_servfail(struct fake_dns *fake)
{
	for (; fake->count; fake->count--)
		fake_reply(&fake->waiting[fake->count - 1], FAKE_ANSWER | FAKE_SERVFAIL, 0);
}

static void serve_truncated(struct fake_dns *fake)
{
	for (; fake->count; fake->count--) {
		const struct fake_query *query = &fake->waiting[fake->count - 1];

		fake_reply(query, FAKE_ANSWER | (query->tcp ? 0 : FAKE_TRUNCATED), 60);
	}
}

/* Answers nothing before the window is full, or before all that can come is here. */
static void serve_full_windows(struct fake_dns *fake)
{
	if (fake->count >= RESOLVER_WINDOW || fake->received == 2 * FIXTURE_NAMES)
		serve_all(fake);
}

static void one_family_failing_does_not_disturb_the_other(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_servfail_for_ipv6);
	struct results results = fixture_resolve(fixture, "half.test");

	fake_stop(fake);
	assert_int_equal(results.ipv4.last.status, RESOLVER_OK);
	assert_address(&results.ipv4.addresses[0], "192.0.2.1");
	assert_int_equal(results.ipv6.last.status, RESOLVER_FAILED);
	assert_string_equal(results.ipv6.error, "DNS server returned general failure");
}

static void a_silent_server_is_followed_by_the_second(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *silent = fake_start(fixture->base, FIRST, serve_none);
	struct fake_dns *good = fake_start(fixture->base, SECOND, serve_all);
	struct results results;

	fixture_resolver(fixture, (const char *[]){ FIRST, SECOND }, 2);
	results = fixture_resolve(fixture, "name.test");
	assert_int_equal(silent->received, 2);
	assert_int_equal(good->received, 2);
	fake_stop(silent);
	fake_stop(good);
	assert_int_equal(results.ipv4.last.count + results.ipv6.last.count, 2);
}

static void a_failing_server_is_followed_by_the_second(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *failing = fake_start(fixture->base, FIRST, serve_servfail);
	struct fake_dns *good = fake_start(fixture->base, SECOND, serve_all);
	struct results results;

	fixture_resolver(fixture, (const char *[]){ FIRST, SECOND }, 2);
	results = fixture_resolve(fixture, "name.test");
	fake_stop(failing);
	fake_stop(good);
	assert_int_equal(results.ipv4.last.count + results.ipv6.last.count, 2);
}

static void a_server_that_is_not_there_is_followed_by_the_second(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *good = fake_start(fixture->base, SECOND, serve_all);
	struct results results;

	fixture_resolver(fixture, (const char *[]){ NOBODY, SECOND }, 2);
	results = fixture_resolve(fixture, "name.test");
	fake_stop(good);
	assert_int_equal(results.ipv4.last.count + results.ipv6.last.count, 2);
}

static void without_a_server_every_question_fails(void **state)
{
	struct fixture *fixture = *state;
	struct results results[200] = { 0 };

	fixture_resolver(fixture, (const char *[]){ NOBODY }, 1);
	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		assert_int_equal(resolver_add(fixture->resolver, "name.test", &results[i]), 0);
	fixture_run_until(fixture, fixture_settled, fixture);
	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		assert_int_equal(results[i].ipv4.last.status, RESOLVER_FAILED);
	assert_string_equal(results[0].ipv4.error, "no resolver answers, or all refuse");
	resolver_finish(&fixture->resolver);
}

static void without_a_network_every_question_fails(void **state)
{
	struct results results;

	fixture_resolver(*state, (const char *[]){ "192.0.2.53", "2001:db8::53" }, 2);
	results = fixture_resolve(*state, "name.test");
	assert_int_equal(results.ipv4.last.status, RESOLVER_FAILED);
	assert_int_equal(results.ipv6.last.status, RESOLVER_FAILED);
}

static void a_silent_server_is_a_time_out_after_its_tries(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_none);
	struct results results = fixture_resolve(fixture, "name.test");
	unsigned int received = fake->received;

	fake_stop(fake);
	assert_int_equal(results.ipv4.last.status, RESOLVER_FAILED);
	assert_string_equal(results.ipv4.error, "Timeout while contacting DNS servers");
	assert_int_equal(received, 2 * RESOLVER_TRIES);
}

static bool failed_twice(const void *of)
{
	return ((const struct results *)of)->ipv4.failures >= 2;
}

static void a_failure_is_tried_again(void **state)
{
	struct fixture *fixture = *state;
	struct results results = { 0 };

	fixture_resolver(fixture, (const char *[]){ NOBODY }, 1);
	assert_int_equal(resolver_add(fixture->resolver, "name.test", &results), 0);
	fixture_run_until(fixture, failed_twice, &results);
	resolver_finish(&fixture->resolver);
}

static void a_truncated_answer_is_fetched_over_tcp(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_truncated);
	struct results results = fixture_resolve(fixture, "name.test");
	unsigned int received_tcp = fake->received_tcp;

	fake_stop(fake);
	assert_int_equal(results.ipv4.last.count + results.ipv6.last.count, 2);
	assert_int_equal(received_tcp, 2);
}

static void a_server_that_hangs_up_is_a_failure_and_no_signal(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_truncated);
	struct results results;

	fake->hangs_up = true;
	results = fixture_resolve(fixture, "name.test");
	fake_stop(fake);
	assert_int_equal(results.ipv4.last.status, RESOLVER_FAILED);
}

static void the_window_is_filled_and_never_exceeded(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_full_windows);
	struct results *results = calloc(FIXTURE_NAMES, sizeof(*results));
	size_t count_max;

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	fixture_add_names(fixture, results);
	fixture_run_until(fixture, fixture_settled, fixture);
	count_max = fake->count_max;
	assert_int_equal(fake->received, 2 * FIXTURE_NAMES);
	fake_stop(fake);
	resolver_finish(&fixture->resolver);
	free(results);
	assert_int_equal(count_max, RESOLVER_WINDOW);
}

static bool window_received(const void *of)
{
	return ((const struct fake_dns *)of)->received >= RESOLVER_WINDOW;
}

static void finishing_with_questions_in_flight_answers_none(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_none);
	struct results *results = calloc(FIXTURE_NAMES, sizeof(*results));

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	fixture_add_names(fixture, results);
	fixture_run_until(fixture, window_received, fake);
	resolver_finish(&fixture->resolver);
	assert_null(fixture->resolver);
	assert_int_equal(fixture->answers, 0);
	fake_stop(fake);
	free(results);
}

static void finishing_before_the_loop_runs_answers_none(void **state)
{
	struct fixture *fixture = *state;
	struct results results = { 0 };

	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	assert_int_equal(resolver_add(fixture->resolver, "name.test", &results), 0);
	resolver_finish(&fixture->resolver);
	event_base_loop(fixture->base, EVLOOP_NONBLOCK);
	assert_int_equal(fixture->answers, 0);
}

static void a_wrong_number_of_servers_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct address servers[CGF_RESOLVERS_MAX + 1] = { 0 };
	struct resolver_options options = { .base = fixture->base,
					    .servers = servers,
					    .answer = fixture_answer };

	assert_int_equal(resolver_init(&fixture->resolver, &options, NULL), -EINVAL);
	options.server_count = CGF_RESOLVERS_MAX + 1;
	assert_int_equal(resolver_init(&fixture->resolver, &options, NULL), -EINVAL);
	assert_null(fixture->resolver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_family_failing_does_not_disturb_the_other),
		TEST(a_silent_server_is_followed_by_the_second),
		TEST(a_failing_server_is_followed_by_the_second),
		TEST(a_server_that_is_not_there_is_followed_by_the_second),
		TEST(without_a_server_every_question_fails),
		TEST(without_a_network_every_question_fails),
		TEST(a_silent_server_is_a_time_out_after_its_tries),
		TEST(a_failure_is_tried_again),
		TEST(a_truncated_answer_is_fetched_over_tcp),
		TEST(a_server_that_hangs_up_is_a_failure_and_no_signal),
		TEST(the_window_is_filled_and_never_exceeded),
		TEST(finishing_with_questions_in_flight_answers_none),
		TEST(finishing_before_the_loop_runs_answers_none),
		TEST(a_wrong_number_of_servers_is_refused),
	};

	return cmocka_run_group_tests(tests, fixture_enter, NULL);
}
