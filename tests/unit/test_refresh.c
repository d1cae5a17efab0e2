// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "refresh.h"
#include "resolver.h"
#include "util.h"

#define NOW_NS (1000 * NSEC_PER_SEC)

static void a_new_answer_is_asked_again_at_80_to_95_percent(void **state)
{
	uint64_t least_ns = UINT64_MAX, most_ns = 0, wait_ns;

	(void)state;
	for (uint32_t random = 0; random < 1000; random++) {
		struct refresh refresh = { 0 };

		wait_ns = refresh_after_answer(&refresh, NOW_NS, 100 * NSEC_PER_SEC, random);
		least_ns = wait_ns < least_ns ? wait_ns : least_ns;
		most_ns = wait_ns > most_ns ? wait_ns : most_ns;
	}
	assert_int_equal(least_ns, 80 * NSEC_PER_SEC);
	assert_int_equal(most_ns, 95 * NSEC_PER_SEC);
}

static void what_a_cache_still_has_is_asked_again_when_it_has_run_out(void **state)
{
	struct refresh refresh = { 0 };
	uint64_t now_ns = NOW_NS, wait_ns;

	(void)state;
	now_ns += refresh_after_answer(&refresh, now_ns, 100 * NSEC_PER_SEC, 0);
	wait_ns = refresh_after_answer(&refresh, now_ns, 20 * NSEC_PER_SEC, 150);
	assert_int_equal(wait_ns, 21 * NSEC_PER_SEC);
	now_ns += wait_ns;
	wait_ns = refresh_after_answer(&refresh, now_ns, 100 * NSEC_PER_SEC, 0);
	assert_int_equal(wait_ns, 80 * NSEC_PER_SEC);
}

static void no_ttl_is_asked_again_before_the_floor(void **state)
{
	struct refresh refresh = { 0 };

	(void)state;
	for (uint32_t random = 0; random < 1000; random++)
		assert_true(refresh_after_answer(&refresh, NOW_NS, NSEC_PER_SEC, random) >=
			    RESOLVER_TTL_FLOOR_S * NSEC_PER_SEC);
}

static void failures_double_the_wait_up_to_the_most(void **state)
{
	const uint64_t waits_s[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct refresh refresh = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(waits_s); i++)
		assert_int_equal(refresh_after_failure(&refresh), waits_s[i] * NSEC_PER_SEC);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(refresh_after_failure(&refresh), 60 * NSEC_PER_SEC);
}

static void an_answer_ends_the_doubling(void **state)
{
	struct refresh refresh = { 0 };

	(void)state;
	refresh_after_failure(&refresh);
	refresh_after_failure(&refresh);
	refresh_after_answer(&refresh, NOW_NS, NSEC_PER_SEC, 0);
	assert_int_equal(refresh_after_failure(&refresh), RESOLVER_RETRY_S * NSEC_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_answer_is_asked_again_at_80_to_95_percent),
		cmocka_unit_test(what_a_cache_still_has_is_asked_again_when_it_has_run_out),
		cmocka_unit_test(no_ttl_is_asked_again_before_the_floor),
		cmocka_unit_test(failures_double_the_wait_up_to_the_most),
		cmocka_unit_test(an_answer_ends_the_doubling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
