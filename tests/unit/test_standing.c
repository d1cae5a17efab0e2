// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "json.h"
#include "standing.h"
#include "util.h"

/* Of whose answers names are learned, the last 3 s ago. */
static struct standing a_standing(void)
{
	struct standing standing = {
		.name = "run-7",
		.policy = "run-7",
		.build = "0123456789abcdef",
		.now_ns = 103 * NSEC_PER_SEC,
		.cgroup_id = 42,
		.learns = true,
		.readable = true,
		.target = { .policy = 1, .netns_cookie = 1 },
		.has_keeper = true,
		.entries = 8,
		.capacity = 64,
		.learned = 4,
		.expired = 1,
		.names = 2,
		.counters = { 1, 2, 3, 4, 5, 6, 7 },
		.resolvers = { { .ifindex = 2,
				 .device = "eth0",
				 .answers = 9,
				 .answered_ns = 100 * NSEC_PER_SEC } },
		.resolver_count = 1,
	};

	assert_int_equal(address_parse("192.0.2.53", &standing.resolvers[0].address), 0);
	return standing;
}

static void assert_source(const struct standing *standing, const char *expected)
{
	char text[STANDING_SOURCE_BYTES];

	assert_string_equal(standing_source_format(standing, &standing->resolvers[0], text),
			    expected);
}

static void a_resolver_that_has_answered_is_learned_from(void **state)
{
	struct standing standing = a_standing();

	(void)state;
	assert_source(&standing, "learned");
	standing.resolvers[0].answers = 0;
	assert_source(&standing, "learned, no answer yet");
	standing.has_keeper = false;
	assert_source(&standing, "learned, no answer yet");
}

static void what_is_not_learned_is_polled_and_it_says_why(void **state)
{
	struct standing standing = a_standing();

	(void)state;
	standing.target.netns_cookie = 0;
	assert_source(&standing, "polled: the fence's network namespace is not known");
	standing.learns = false;
	assert_source(&standing, "polled: these programs do not learn");
	standing_add_problem(&standing, STANDING_LINK_DETACHED, "ingress");
	assert_source(&standing, "polled: not every program is attached");
	standing.resolvers[0].denied = true;
	assert_source(&standing, "polled: a deny rule shuts it");
}

static void without_a_keeper_nothing_is_polled(void **state)
{
	struct standing standing = a_standing();
	enum standing_cause cause;

	(void)state;
	standing.has_keeper = false;
	standing.resolvers[0].denied = true;
	assert_source(&standing, "neither learned nor polled: a deny rule shuts it");
	assert_int_equal(standing_source(&standing, &standing.resolvers[0], &cause),
			 STANDING_NOT_AT_ALL);
	assert_string_equal(standing_cause_to_string(cause), "denied");
}

static void a_problem_of_the_policy_does_not_keep_programs_from_learning(void **state)
{
	struct standing standing = a_standing();

	(void)state;
	standing_add_problem(&standing, STANDING_SLOT_UNPINNED, "allow");
	assert_source(&standing, "learned");
	assert_false(standing_is_whole(&standing));
}

static void assert_problem(enum standing_fault fault, const char *of, const char *expected)
{
	const struct standing_problem problem = { fault, of };
	char text[STANDING_PROBLEM_BYTES];

	assert_string_equal(standing_problem_format(&problem, text), expected);
}

static void a_problem_names_the_program_or_the_map(void **state)
{
	(void)state;
	assert_problem(STANDING_LINK_DETACHED, "egress", "the egress program is detached");
	assert_problem(STANDING_SLOT_UNPINNED, "allow",
		       "the map allow that decides is not the one that is pinned");
	assert_problem(STANDING_SHUT, NULL, "it is shut: everything is denied");
}

static void every_word_is_there(void **state)
{
	char text[STANDING_PROBLEM_BYTES];
	int i;

	(void)state;
	for (i = 0; i < STANDING_FAULT_COUNT; i++) {
		const struct standing_problem problem = { i, "setsockopt" };

		assert_non_null(standing_fault_to_string(i));
		assert_true(strlen(standing_problem_format(&problem, text)) < sizeof(text) - 1);
	}
	for (i = 0; i < STANDING_SOURCE_COUNT; i++)
		assert_non_null(standing_source_to_string(i));
	for (i = 0; i < STANDING_CAUSE_COUNT; i++)
		assert_true((i == STANDING_NO_CAUSE) == !standing_cause_to_string(i));
	for (i = 0; i < STANDING_LACK_COUNT; i++)
		assert_true(standing_lack_to_string(i) && standing_lack_text(i));
}

static void more_problems_than_there_is_room_for_are_left_out(void **state)
{
	struct standing standing = a_standing();
	int i;

	(void)state;
	for (i = 0; i < 2 * STANDING_PROBLEMS_MAX; i++)
		standing_add_problem(&standing, STANDING_LINK_MISSING, "egress");
	assert_int_equal(standing.problem_count, STANDING_PROBLEMS_MAX);
}

static void assert_ago(uint64_t now_s, const char *expected)
{
	struct standing standing = a_standing();
	char text[STANDING_AGO_BYTES];

	standing.now_ns = now_s * NSEC_PER_SEC;
	assert_string_equal(standing_ago(&standing, &standing.resolvers[0], text), expected);
}

static void the_last_answer_was_so_long_ago(void **state)
{
	struct standing standing = a_standing();
	char text[STANDING_AGO_BYTES];

	(void)state;
	assert_ago(103, "3 s ago");
	assert_ago(99, "0 s ago");
	assert_ago(219, "119 s ago");
	assert_ago(220, "2 min ago");
	assert_ago(100 + 7199, "119 min ago");
	assert_ago(100 + 7200, "2 h ago");
	standing.resolvers[0].answers = 0;
	assert_string_equal(standing_ago(&standing, &standing.resolvers[0], text), "-");
}

static void assert_device(uint32_t ifindex, const char *name, const char *expected)
{
	struct standing_resolver resolver = { .ifindex = ifindex };
	char text[STANDING_DEVICE_BYTES];

	snprintf(resolver.device, sizeof(resolver.device), "%s", name);
	assert_string_equal(standing_device(&resolver, text), expected);
}

static void a_device_has_a_name_or_a_number(void **state)
{
	(void)state;
	assert_device(0, "", "any");
	assert_device(1, "lo", "loopback");
	assert_device(7, "eth0", "eth0");
	assert_device(7, "", "number 7");
}

static void a_fence_is_left_if_nobody_is_in_it_and_nobody_keeps_it(void **state)
{
	struct standing standing = a_standing();

	(void)state;
	standing.has_keeper = false;
	assert_false(standing_is_left(&standing));
	standing.counted = standing.populated = true;
	assert_false(standing_is_left(&standing));
	standing.populated = false;
	assert_true(standing_is_left(&standing));
	/* No run takes down what is the daemon's. */
	standing.of_daemon = true;
	assert_false(standing_is_left(&standing));
	standing.of_daemon = false;
	standing.has_keeper = true;
	assert_false(standing_is_left(&standing));
	standing.has_keeper = false;
	standing.counted = false;
	standing.gone = true;
	assert_true(standing_is_left(&standing));
}

static void fences_are_in_the_order_of_their_numbers(void **state)
{
	struct standings standings = { calloc(3, sizeof(struct standing)), 3 };

	(void)state;
	assert_non_null(standings.items);
	strcpy(standings.items[0].name, "run-10");
	strcpy(standings.items[1].name, "run-9-1");
	strcpy(standings.items[2].name, "run-9");
	standings_sort(&standings);
	assert_string_equal(standings.items[0].name, "run-9");
	assert_string_equal(standings.items[1].name, "run-9-1");
	assert_string_equal(standings.items[2].name, "run-10");
	standings_finish(&standings);
}

static void json_of_a_fence_has_its_keys_in_a_stable_order(void **state)
{
	struct standing standing = a_standing();
	const struct standings standings = { &standing, 1 };
	const struct standing_kernel kernel = { .lacks = { [STANDING_LACK_LSM] = true } };
	_cleanup_free_ char *text = NULL;

	(void)state;
	standing.counted = true;
	standing.processes = 3;
	text = json_of_standings(&standings, &kernel);
	assert_string_equal(
		text,
		"{\"event\":\"status\",\"whole\":true,\"kernel_lacks\":[\"lsm\"],\"fences\":["
		"{\"fence\":\"run-7\",\"target\":null,\"whole\":true,\"problems\":[],\"cgroup_id\":"
		"42,"
		"\"cgroup\":null,\"gone\":false,\"processes\":3,\"policy\":\"run-7\",\"policy_"
		"fences\":0,"
		"\"build\":\"0123456789abcdef\",\"families\":false,\"mode\":\"enforce\",\"keeper\":"
		"true,\"left\":false,\"dns_filter\":true,"
		"\"netns\":true,\"allow\":{\"entries\":8,\"capacity\":64,\"learned\":4,"
		"\"expired\":1},\"names\":2,\"counters\":{\"allowed\":1,\"denied\":2,"
		"\"audited\":3,\"records_lost\":4,\"learned\":5,\"special\":6,\"unlearned\":7},"
		"\"resolvers\":[{\"address\":\"192.0.2.53\",\"ifindex\":2,\"device\":\"eth0\","
		"\"answers\":9,\"answer_age_s\":3,\"names\":\"learned\",\"cause\":null}]}]}");
}

static void json_of_what_cannot_be_read_has_the_problem_and_no_guesses(void **state)
{
	struct standing standing = a_standing();
	const struct standings standings = { &standing, 1 };
	const struct standing_kernel kernel = {};
	_cleanup_free_ char *text = NULL;

	(void)state;
	standing.readable = false;
	standing.build[0] = standing.policy[0] = '\0';
	strcpy(standing.name, "\xff\"");
	standing_add_problem(&standing, STANDING_LINK_MISSING, "egress");
	text = json_of_standings(&standings, &kernel);
	assert_string_equal(
		text, "{\"event\":\"status\",\"whole\":false,\"kernel_lacks\":[],\"fences\":["
		      "{\"fence\":\"\\\\xff\\\"\",\"target\":null,\"whole\":false,\"problems\":[{"
		      "\"problem\":"
		      "\"link_missing\",\"of\":\"egress\",\"message\":\"the egress program has no "
		      "link\"}],\"cgroup_id\":42,\"cgroup\":null,\"gone\":false,\"processes\":null,"
		      "\"policy\":"
		      "null,\"policy_fences\":0,\"build\":null,"
		      "\"families\":false}]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_resolver_that_has_answered_is_learned_from),
		cmocka_unit_test(what_is_not_learned_is_polled_and_it_says_why),
		cmocka_unit_test(without_a_keeper_nothing_is_polled),
		cmocka_unit_test(a_fence_is_left_if_nobody_is_in_it_and_nobody_keeps_it),
		cmocka_unit_test(a_problem_of_the_policy_does_not_keep_programs_from_learning),
		cmocka_unit_test(a_problem_names_the_program_or_the_map),
		cmocka_unit_test(every_word_is_there),
		cmocka_unit_test(more_problems_than_there_is_room_for_are_left_out),
		cmocka_unit_test(the_last_answer_was_so_long_ago),
		cmocka_unit_test(a_device_has_a_name_or_a_number),
		cmocka_unit_test(fences_are_in_the_order_of_their_numbers),
		cmocka_unit_test(json_of_a_fence_has_its_keys_in_a_stable_order),
		cmocka_unit_test(json_of_what_cannot_be_read_has_the_problem_and_no_guesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
