// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cgfence.h"
#include "hosts.h"

static struct hosts *parse(const char *text, size_t length)
{
	struct hosts *hosts = NULL;

	assert_int_equal(hosts_parse(text, length, &hosts), 0);
	return hosts;
}

/* The addresses of `name` as text, with spaces between. */
static void assert_found(const char *text, size_t length, const char *name, const char *expected)
{
	struct hosts *hosts = parse(text, length);
	const struct hosts_entry *entries;
	size_t count = hosts_find(hosts, name, &entries);
	char found[512] = "", address[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < count; i++) {
		strcat(found, i ? " " : "");
		strcat(found, address_format(&entries[i].address, address));
	}
	assert_string_equal(found, expected);
	hosts_finish(&hosts);
}

#define FOUND(text, name, expected) assert_found(text, sizeof(text) - 1, name, expected)

static void every_name_of_a_line_has_its_address(void **state)
{
	(void)state;
	FOUND("192.0.2.1 one two\tthree\n", "one", "192.0.2.1");
	FOUND("192.0.2.1 one two\tthree\n", "two", "192.0.2.1");
	FOUND("192.0.2.1 one two\tthree", "three", "192.0.2.1");
	FOUND("192.0.2.1 one two\tthree", "four", "");
}

static void the_addresses_of_several_lines_add_up_in_order(void **state)
{
	(void)state;
	FOUND("192.0.2.9 a b\n2001:db8::1 b\n192.0.2.1 c b\n", "b",
	      "192.0.2.9 2001:db8::1 192.0.2.1");
}

static void names_match_in_any_case_and_as_a_whole(void **state)
{
	(void)state;
	FOUND("192.0.2.1 Mixed.Test\n", "mIXED.tEST", "192.0.2.1");
	FOUND("192.0.2.1 mixed.test\n", "mixed", "");
	FOUND("192.0.2.1 mixed.test\n", "mixed.test.", "");
	FOUND("192.0.2.1 mixed.test\n", "", "");
}

static void comments_and_blanks_are_skipped(void **state)
{
	(void)state;
	FOUND("# 192.0.2.1 a\n\n  \t\n\t192.0.2.2\ta # b\n", "a", "192.0.2.2");
	FOUND("192.0.2.2 a#b\n", "a", "192.0.2.2");
	FOUND("192.0.2.2 a # b\n", "b", "");
	FOUND("192.0.2.2 a\r\n192.0.2.3 b\r\n", "b", "192.0.2.3");
}

static void what_is_no_address_is_skipped(void **state)
{
	(void)state;
	FOUND("192.0.2.256 a\n192.0.2 a\nfe80::1%lo a\na 192.0.2.1\n192.0.2.7 a\n", "a",
	      "192.0.2.7");
	FOUND("192.0.2.1\n", "192.0.2.1", "");
}

static void a_line_with_a_nul_is_skipped(void **state)
{
	(void)state;
	FOUND("192.0.2.1 a\0 b\n192.0.2.2 a\n", "a", "192.0.2.2");
	FOUND("192.0.2.1 a\n192.0.2.2 a\0", "a", "192.0.2.1");
}

static void a_name_that_is_too_long_is_skipped(void **state)
{
	char text[600], name[CGF_NAME_BYTES_MAX + 2] = { 0 };
	int length;

	(void)state;
	memset(name, 'x', CGF_NAME_BYTES_MAX + 1);
	length = snprintf(text, sizeof(text), "192.0.2.1 %s b\n192.0.2.2 %s\n", name, name + 1);
	assert_found(text, (size_t)length, name, "");
	assert_found(text, (size_t)length, name + 1, "192.0.2.2");
	assert_found(text, (size_t)length, "b", "192.0.2.1");
}

static void an_empty_text_has_no_names(void **state)
{
	(void)state;
	FOUND("", "a", "");
	FOUND("\n", "a", "");
}

static void noise_is_survived(void **state)
{
	char text[4096];

	(void)state;
	srandom(3);
	for (unsigned int round = 0; round < 300; round++) {
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = "192.0.2.1 ::ab\n#\t%\0\xff"[random() % 20];
		struct hosts *hosts = parse(text, (size_t)random() % sizeof(text));
		hosts_finish(&hosts);
	}
}

static void a_hundred_thousand_lines_are_found_again(void **state)
{
	const size_t lines = 100000, line_max = 40;
	char *text = malloc(lines * line_max), name[32];
	const struct hosts_entry *entries;
	struct hosts *hosts;
	size_t length = 0;

	(void)state;
	for (size_t i = 0; i < lines; i++)
		length += (size_t)snprintf(text + length, line_max, "0.0.0.0 blocked%zu.test\n", i);
	hosts = parse(text, length);
	free(text);
	for (size_t i = 0; i < lines; i += 1000) {
		snprintf(name, sizeof(name), "blocked%zu.test", i);
		assert_int_equal(hosts_find(hosts, name, &entries), 1);
	}
	hosts_finish(&hosts);
}

static void a_file_is_read_to_its_end(void **state)
{
	char path[] = "/tmp/test_hosts.XXXXXX";
	FILE *file = fdopen(mkstemp(path), "w");
	struct hosts *hosts = NULL;
	const struct hosts_entry *entries;
	size_t count;
	int r;

	(void)state;
	for (unsigned int i = 0; i < 5000; i++)
		fprintf(file, "192.0.2.%u name%u.test\n", i % 256, i);
	fclose(file);
	r = hosts_read(path, &hosts);
	unlink(path);
	assert_int_equal(r, 0);
	count = hosts_find(hosts, "name4999.test", &entries);
	hosts_finish(&hosts);
	assert_int_equal(count, 1);
}

static void a_missing_file_is_empty_and_a_directory_an_error(void **state)
{
	struct hosts *hosts = NULL;
	const struct hosts_entry *entries;

	(void)state;
	assert_int_equal(hosts_read("/tmp/test_hosts/is/not/there", &hosts), 0);
	assert_int_equal(hosts_find(hosts, "a", &entries), 0);
	hosts_finish(&hosts);
	assert_true(hosts_read("/tmp", &hosts) < 0);
	assert_null(hosts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_of_a_line_has_its_address),
		cmocka_unit_test(the_addresses_of_several_lines_add_up_in_order),
		cmocka_unit_test(names_match_in_any_case_and_as_a_whole),
		cmocka_unit_test(comments_and_blanks_are_skipped),
		cmocka_unit_test(what_is_no_address_is_skipped),
		cmocka_unit_test(a_line_with_a_nul_is_skipped),
		cmocka_unit_test(a_name_that_is_too_long_is_skipped),
		cmocka_unit_test(an_empty_text_has_no_names),
		cmocka_unit_test(noise_is_survived),
		cmocka_unit_test(a_hundred_thousand_lines_are_found_again),
		cmocka_unit_test(a_file_is_read_to_its_end),
		cmocka_unit_test(a_missing_file_is_empty_and_a_directory_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
