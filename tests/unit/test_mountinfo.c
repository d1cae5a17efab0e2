// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "mountinfo.h"

#define assert_wrong(text) assert_int_equal(parse(text, &(struct mountinfo){}), -EINVAL)

static char line[512];

static int parse(const char *text, struct mountinfo *ret_entry)
{
	strcpy(line, text);
	return mountinfo_parse(line, ret_entry);
}

static void a_line_has_device_root_point_and_type(void **state)
{
	struct mountinfo entry;

	(void)state;
	assert_int_equal(
		parse("36 35 98:1 /root /mnt rw,noatime master:1 - ext3 /dev/r rw,x=y\n", &entry),
		0);
	assert_true(entry.device == makedev(98, 1));
	assert_string_equal(entry.root, "/root");
	assert_string_equal(entry.point, "/mnt");
	assert_string_equal(entry.type, "ext3");
}

static void any_number_of_optional_fields_is_skipped(void **state)
{
	struct mountinfo entry;

	(void)state;
	assert_int_equal(parse("1 2 0:3 / /a rw - tmpfs tmpfs rw", &entry), 0);
	assert_string_equal(entry.type, "tmpfs");
	assert_int_equal(
		parse("1 2 0:3 / /a rw shared:1 master:2 unbindable - bpf none rw", &entry), 0);
	assert_string_equal(entry.type, "bpf");
}

static void blanks_and_backslashes_in_a_path_are_undone(void **state)
{
	struct mountinfo entry;

	(void)state;
	assert_int_equal(
		parse("1 2 0:3 /r\\040t /a\\040b\\011\\012\\134040\\043 rw - proc p rw", &entry),
		0);
	assert_string_equal(entry.root, "/r t");
	assert_string_equal(entry.point, "/a b\t\n\\040#");
}

static void what_only_looks_like_an_escape_stays(void **state)
{
	struct mountinfo entry;

	(void)state;
	assert_int_equal(parse("1 2 0:3 / /a\\04 rw - proc p rw", &entry), 0);
	assert_string_equal(entry.point, "/a\\04");
	assert_int_equal(parse("1 2 0:3 / /a\\ rw - proc p rw", &entry), 0);
	assert_string_equal(entry.point, "/a\\");
}

static void a_line_that_is_cut_is_wrong_wherever_it_is(void **state)
{
	const char *whole = "36 35 98:0 /root /mnt rw master:1 - ext3";
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < strlen(whole) - strlen("ext3"); i++) {
		snprintf(text, sizeof(text), "%.*s", (int)i, whole);
		assert_wrong(text);
	}
}

static void a_device_that_is_no_number_is_wrong(void **state)
{
	(void)state;
	assert_wrong("1 2 x:3 / /a rw - tmpfs tmpfs rw");
	assert_wrong("1 2 3 / /a rw - tmpfs tmpfs rw");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_device_root_point_and_type),
		cmocka_unit_test(any_number_of_optional_fields_is_skipped),
		cmocka_unit_test(blanks_and_backslashes_in_a_path_are_undone),
		cmocka_unit_test(what_only_looks_like_an_escape_stays),
		cmocka_unit_test(a_line_that_is_cut_is_wrong_wherever_it_is),
		cmocka_unit_test(a_device_that_is_no_number_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
