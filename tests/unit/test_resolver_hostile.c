// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The resolver against servers that send what no server should. */
#include "fake_dns.h"
#include "resolver_fixture.h"

static void serve_ttl_with_highest_bit(struct fake_dns *fake)
{
	for (; fake->count; fake->count--)
		fake_reply(&fake->waiting[fake->count - 1], FAKE_ANSWER, UINT32_MAX);
}

static void serve_unknown_error(struct fake_dns *fake)
{
	for (; fake->count; fake->count--)
		fake_reply(&fake->waiting[fake->count - 1], FAKE_ANSWER | 9, 0);
}

static void serve_the_question(struct fake_dns *fake)
{
	for (; fake->count; fake->count--)
		fake_send(&fake->waiting[fake->count - 1], fake->waiting[fake->count - 1].message,
			  fake->waiting[fake->count - 1].length);
}

/* Every shape of rubbish first: each must be either ignored or a failure of that question only. */
static void serve_garbage(struct fake_dns *fake)
{
	uint8_t noise[1500];

	for (; fake->count; fake->count--) {
		const struct fake_query *query = &fake->waiting[fake->count - 1];
		struct fake_query wrong = *query;

		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)random();
		fake_send(query, noise, 0);
		fake_send(query, noise, 1 + (size_t)random() % (sizeof(noise) - 1));
		fake_send(query, query->message, 1 + (size_t)random() % 11);
		wrong.message[0] ^= 1; /* the id */
		fake_reply(&wrong, FAKE_ANSWER, 60);
		wrong = *query;
		wrong.message[13] ^= 1; /* the name */
		fake_reply(&wrong, FAKE_ANSWER, 60);
		fake_reply(query, FAKE_ANSWER, 60);
	}
}

/* The right question, one answer announced, and noise in its place. */
static void serve_broken_records(struct fake_dns *fake)
{
	uint8_t message[512];
	size_t length;

	for (; fake->count; fake->count--) {
		const struct fake_query *query = &fake->waiting[fake->count - 1];

		length = fake_begin(query, FAKE_ANSWER, message);
		message[7] = 1 + (uint8_t)(random() % 255);
		for (size_t i = length; i < sizeof(message); i++)
			message[i] = (uint8_t)random();
		fake_send(query, message, length + (size_t)random() % (sizeof(message) - length));
	}
}

static void a_ttl_with_its_highest_bit_set_is_zero(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_ttl_with_highest_bit);
	struct results results = fixture_resolve(fixture, "name.test");

	fake_stop(fake);
	assert_int_equal(results.ipv4.last.count, 1);
	assert_int_equal(results.ipv4.last.ttl_s, RESOLVER_TTL_FLOOR_S);
	assert_int_equal(results.ipv6.last.ttl_s, RESOLVER_TTL_FLOOR_S);
}

static void an_error_without_a_name_is_a_failure(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_unknown_error);
	struct results results = fixture_resolve(fixture, "name.test");

	fake_stop(fake);
	assert_int_equal(results.ipv4.last.status, RESOLVER_FAILED);
}

static void a_question_that_comes_back_is_no_answer(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_the_question);
	struct results results = fixture_resolve(fixture, "name.test");

	fake_stop(fake);
	assert_int_equal(results.ipv4.last.status, RESOLVER_FAILED);
}

static void garbage_is_ignored_or_a_failure_and_the_answer_counts(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_garbage);
	struct results *results = calloc(FIXTURE_NAMES, sizeof(*results));

	srandom(4);
	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	fixture_add_names(fixture, results);
	fixture_run_until(fixture, fixture_settled, fixture);
	for (unsigned int i = 0; i < FIXTURE_NAMES; i++)
		assert_int_equal(results[i].ipv4.last.count, 1);
	fake_stop(fake);
	resolver_finish(&fixture->resolver);
	free(results);
}

static void broken_records_are_survived(void **state)
{
	struct fixture *fixture = *state;
	struct fake_dns *fake = fake_start(fixture->base, "127.0.0.1", serve_broken_records);
	struct results *results = calloc(FIXTURE_NAMES, sizeof(*results));

	srandom(5);
	fixture_resolver(fixture, (const char *[]){ "127.0.0.1" }, 1);
	fixture_add_names(fixture, results);
	fixture_run_until(fixture, fixture_settled, fixture);
	for (unsigned int i = 0; i < FIXTURE_NAMES; i++)
		assert_int_equal(results[i].ipv4.last.count, 0);
	fake_stop(fake);
	resolver_finish(&fixture->resolver);
	free(results);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ttl_with_its_highest_bit_set_is_zero),
		TEST(an_error_without_a_name_is_a_failure),
		TEST(a_question_that_comes_back_is_no_answer),
		TEST(garbage_is_ignored_or_a_failure_and_the_answer_counts),
		TEST(broken_records_are_survived),
	};

	return cmocka_run_group_tests(tests, fixture_enter, NULL);
}
