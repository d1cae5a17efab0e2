// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "summary.h"

static void assert_summary(struct run_summary summary, const char *expected)
{
	char text[256];

	assert_true(run_summary_format(&summary, text, sizeof(text)) > 0);
	assert_string_equal(text, expected);
}

static void a_quiet_run_is_all_zero(void **state)
{
	(void)state;
	assert_summary((struct run_summary){},
		       "cgfence: 0 allowed, 0 denied; 0 names, 0 addresses");
}

static void probes_are_not_counted_as_denied(void **state)
{
	(void)state;
	assert_summary(
		(struct run_summary){
			.allowed = 7, .denied = 1, .probes = 4, .names = 1, .addresses = 1 },
		"cgfence: 7 allowed, 1 denied; 1 name, 1 address");
}

static void an_audit_says_what_would_be_denied(void **state)
{
	(void)state;
	assert_summary(
		(struct run_summary){
			.allowed = 7, .denied = 3, .audit = true, .names = 2, .addresses = 4 },
		"cgfence: 7 allowed, 3 would be denied; 2 names, 4 addresses");
}

static void lost_records_are_said(void **state)
{
	(void)state;
	assert_summary((struct run_summary){ .denied = 9, .lost = 8 },
		       "cgfence: 0 allowed, 9 denied; 0 names, 0 addresses; "
		       "8 not shown: too many at once");
}

static void what_had_no_room_is_said(void **state)
{
	const struct run_summary summary = {
		.learned = 5, .special = 4, .unlearned = 2, .lost = 1
	};

	(void)state;
	assert_summary(summary, "cgfence: 0 allowed, 0 denied; 0 names, 0 addresses; 1 not shown: "
				"too many at once; 2 not learned: the map is full");
}

static void a_text_that_does_not_fit_is_an_error(void **state)
{
	const struct run_summary summary = {};
	char text[10];

	(void)state;
	assert_int_equal(run_summary_format(&summary, text, sizeof(text)), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quiet_run_is_all_zero),
		cmocka_unit_test(probes_are_not_counted_as_denied),
		cmocka_unit_test(an_audit_says_what_would_be_denied),
		cmocka_unit_test(lost_records_are_said),
		cmocka_unit_test(what_had_no_room_is_said),
		cmocka_unit_test(a_text_that_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
