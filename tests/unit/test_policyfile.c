// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "policyfile.h"
#include "util.h"

static void assert_rule(const struct rules *rules, size_t index, const char *expected)
{
	char text[CGF_LINE_BYTES_MAX];

	assert_true(index < rules->count);
	assert_true(rule_format(&rules->rules[index], text, sizeof(text)) > 0);
	assert_string_equal(text, expected);
}

/* The caller finishes the rules. */
static struct rules parsed(const char *text)
{
	struct policyfile_error error;
	struct rules rules = { 0 };

	if (policyfile_parse(text, strlen(text), &rules, &error) < 0)
		fail_msg("%zu:%zu: %s", error.line, error.rule.column, error.rule.message);
	return rules;
}

static void a_file_is_rules_comments_and_empty_lines(void **state)
{
	_cleanup_(rules_finish) struct rules rules = parsed("# the web\n"
							    "\n"
							    "allow github.com:22   # a name\n"
							    "  \t\n"
							    "deny 169.254.169.254\n"
							    "mode audit\n");

	(void)state;
	assert_int_equal(rules.count, 3);
	assert_rule(&rules, 0, "allow github.com:22");
	assert_rule(&rules, 1, "deny 169.254.169.254");
	assert_rule(&rules, 2, "mode audit");
}

static void the_examples_of_the_design_are_rules(void **state)
{
	_cleanup_(rules_finish) struct rules rules = parsed("allow github.com:22\n"
							    "allow gitlab.com:ssh,https/tcp\n"
							    "allow *.githubusercontent.com:443\n"
							    "allow 198.51.100.0/24:5432/tcp\n"
							    "allow [2001:db8::1]:443\n"
							    "allow localhost\n"
							    "deny  169.254.169.254\n"
							    "listen 8080/tcp\n"
							    "dns 10.0.0.53\n"
							    "mode audit");

	(void)state;
	assert_int_equal(rules.count, 10);
	assert_rule(&rules, 1, "allow gitlab.com:22,443/tcp");
}

static void the_last_line_needs_no_newline_and_lines_may_end_as_on_windows(void **state)
{
	_cleanup_(rules_finish) struct rules rules = parsed(
		"allow a\r\n\r\n# b\r\nallow c # d\r\nallow e");
	_cleanup_(rules_finish) struct rules at_end = parsed("allow a\r");

	(void)state;
	assert_int_equal(rules.count, 3);
	assert_rule(&rules, 2, "allow e");
	assert_int_equal(at_end.count, 1);
}

static void an_empty_file_has_no_rules(void **state)
{
	_cleanup_(rules_finish) struct rules empty = parsed(""), newline = parsed("\n"),
					     nothing = { 0 };
	struct policyfile_error error;

	(void)state;
	assert_int_equal(empty.count, 0);
	assert_int_equal(newline.count, 0);
	assert_int_equal(policyfile_parse(NULL, 0, &nothing, &error), 0);
}

static void an_error_has_line_column_and_text_and_nothing_is_applied(void **state)
{
	static const char first[] = "allow a\nlisten 80\n",
			  second[] = "allow b\r\nallow c:0\r\nallow d";
	_cleanup_(rules_finish) struct rules rules = parsed(first);
	struct policyfile_error error;

	(void)state;
	assert_int_equal(policyfile_parse(second, strlen(second), &rules, &error), -EINVAL);
	assert_int_equal(error.line, 2);
	assert_int_equal(error.rule.column, 8);
	assert_int_equal(error.rule.length, 1);
	assert_ptr_equal(error.text, second + strlen("allow b\r\n"));
	assert_int_equal(error.text_length, strlen("allow c:0"));
	assert_int_equal(rules.count, 2);
	assert_rule(&rules, 0, "allow a");
	assert_rule(&rules, 1, "listen 80");
}

static void rules_are_added_behind_those_that_are_there(void **state)
{
	_cleanup_(rules_finish) struct rules rules = parsed("allow a\n");
	struct policyfile_error error;

	(void)state;
	assert_int_equal(policyfile_parse("allow b\n", 8, &rules, &error), 0);
	assert_rule(&rules, 0, "allow a");
	assert_rule(&rules, 1, "allow b");
}

static void a_nul_byte_is_an_error_wherever_it_is(void **state)
{
	static const struct {
		const char *text;
		size_t length, line, column;
	} cases[] = {
		{ "allow a\0b", 9, 1, 7 },
		{ "allow a\nallow b\0\n", 17, 2, 7 },
		{ "# \0\n", 4, 1, 2 },
		{ "\0", 1, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(rules_finish) struct rules rules = { 0 };
		struct policyfile_error error;

		assert_int_equal(policyfile_parse(cases[i].text, cases[i].length, &rules, &error),
				 -EINVAL);
		assert_int_equal(error.line, cases[i].line);
		assert_int_equal(error.rule.column, cases[i].column);
		assert_non_null(strstr(error.rule.message, "NUL"));
	}
}

static void what_nobody_could_read_is_an_error_wherever_it_is(void **state)
{
	static const struct {
		const char *text;
		size_t line, column;
		const char *what;
	} cases[] = {
		{ "# \x1b[2K", 1, 2, "control" },
		{ "allow a\n# a\rallow b\n", 2, 3, "control" },
		{ "# a\b", 1, 3, "control" },
		{ "# \x7f", 1, 2, "control" },
		{ "# \xc2\x9b[K", 1, 2, "control" },
		{ "\xef\xbb\xbf"
		  "allow a",
		  1, 0, "byte order mark" },
		{ "allow a # \xe9t\xe9\n", 1, 10, "UTF-8" },
		{ "# \xc3", 1, 2, "UTF-8" },
		{ "# a\xc3\nallow a", 1, 3, "UTF-8" },
		{ "# \xc0\xaf", 1, 2, "UTF-8" },
		{ "# \xed\xa0\x80", 1, 2, "UTF-8" },
		{ "# \xf4\x90\x80\x80", 1, 2, "UTF-8" },
		{ "# \xc3\xa9 \xff \x1b", 1, 5, "UTF-8" },
		{ "# \xc3\xa9 \x1b \xff", 1, 5, "control" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(rules_finish) struct rules rules = { 0 };
		struct policyfile_error error;

		assert_int_equal(
			policyfile_parse(cases[i].text, strlen(cases[i].text), &rules, &error),
			-EINVAL);
		assert_int_equal(error.line, cases[i].line);
		assert_int_equal(error.rule.column, cases[i].column);
		assert_non_null(strstr(error.rule.message, cases[i].what));
	}
}

static void a_comment_may_be_in_any_script(void **state)
{
	_cleanup_(rules_finish) struct rules rules = parsed(
		"# r\xc3\xa9seau\t\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x94\x92\r\nallow a # "
		"\xc2\xa0\n");

	(void)state;
	assert_int_equal(rules.count, 1);
	assert_rule(&rules, 0, "allow a");
}

static void a_line_has_4096_bytes_without_its_end(void **state)
{
	char text[CGF_LINE_BYTES_MAX + 3];
	_cleanup_(rules_finish) struct rules rules = { 0 };
	struct policyfile_error error;

	(void)state;
	memset(text, '#', sizeof(text));
	memcpy(text + CGF_LINE_BYTES_MAX, "\r\n", 2);
	assert_int_equal(policyfile_parse(text, CGF_LINE_BYTES_MAX, &rules, &error), 0);
	assert_int_equal(policyfile_parse(text, CGF_LINE_BYTES_MAX + 1, &rules, &error), 0);
	assert_int_equal(policyfile_parse(text, CGF_LINE_BYTES_MAX + 2, &rules, &error), 0);

	memcpy(text + CGF_LINE_BYTES_MAX, "#\r\n", 3);
	assert_int_equal(policyfile_parse(text, sizeof(text), &rules, &error), -EINVAL);
	assert_int_equal(error.line, 1);
	assert_int_equal(error.rule.column, CGF_LINE_BYTES_MAX);
	assert_int_equal(error.rule.length, 1);
	assert_int_equal(error.text_length, CGF_LINE_BYTES_MAX + 1);
}

static void a_file_has_at_most_4_mib(void **state)
{
	const size_t size = CGF_POLICY_FILE_BYTES_MAX + 1;
	_cleanup_free_ char *text = malloc(size), *message = NULL;
	_cleanup_(rules_finish) struct rules rules = { 0 };
	struct policyfile_error error;
	size_t length;
	FILE *out;

	(void)state;
	memset(text, '\n', size);
	assert_int_equal(policyfile_parse(text, size - 1, &rules, &error), 0);
	assert_int_equal(policyfile_parse(text, size, &rules, &error), -E2BIG);
	assert_int_equal(error.line, 0);

	out = open_memstream(&message, &length);
	rule_error_print(out, "f", error.line, error.text, error.text_length, &error.rule);
	fclose(out);
	assert_string_equal(message, "f: a policy has at most 4194304 bytes\n");
}

static char *repeated(const char *line, size_t times)
{
	size_t length = strlen(line);
	char *text = malloc(length * times + 1);

	for (size_t i = 0; i < times; i++)
		memcpy(text + i * length, line, length);
	text[length * times] = '\0';
	return text;
}

static void a_policy_has_at_most_65536_rules(void **state)
{
	_cleanup_free_ char *text = repeated("deny 10.0.0.0/8:53,80-90\r\n",
					     CGF_POLICY_RULES_MAX + 1);
	const size_t line_length = strlen("deny 10.0.0.0/8:53,80-90\r\n");
	_cleanup_(rules_finish) struct rules rules = { 0 };
	struct policyfile_error error;

	(void)state;
	assert_int_equal(
		policyfile_parse(text, line_length * (CGF_POLICY_RULES_MAX + 1), &rules, &error),
		-E2BIG);
	assert_int_equal(rules.count, 0);
	assert_int_equal(error.line, CGF_POLICY_RULES_MAX + 1);
	assert_int_equal(error.rule.length, line_length - 2);
	assert_int_equal(policyfile_parse(text, line_length * CGF_POLICY_RULES_MAX, &rules, &error),
			 0);
	assert_int_equal(rules.count, CGF_POLICY_RULES_MAX);
	assert_int_equal(policyfile_parse(text, line_length, &rules, &error), -E2BIG);
	assert_int_equal(rules.count, CGF_POLICY_RULES_MAX);
}

static void a_rule_that_finds_no_room_is_freed(void **state)
{
	struct rules full = { .count = CGF_POLICY_RULES_MAX };
	struct rule_error error;
	struct rule rule;

	(void)state;
	assert_int_equal(rule_parse(RULE_ALLOW, "github.com:22", &rule, &error), 0);
	assert_int_equal(rules_add(&full, &rule), -E2BIG);
	assert_null(rule.name);
	assert_null(rule.ports);
}

static void ten_thousand_names_fit_two_megabytes(void **state)
{
	_cleanup_free_ char *text = repeated("allow host-of-some-length.example.org:443\n", 10000);
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd, after;
	_cleanup_(rules_finish) struct rules rules = parsed(text);

	(void)state;
	after = mallinfo2().uordblks + mallinfo2().hblkhd;
	assert_int_equal(rules.count, 10000);
	assert_true(after - before < 2000000);
}

/* Any byte at any place of a good file must give rules or an error within the text. */
static void noise_is_an_error_with_a_place_or_a_rule(void **state)
{
	static const char good[] =
		"allow gitlab.com:22,443/tcp\ndeny [2001:db8::/32]:80-90\ndns ::1\n";
	char text[sizeof(good)];

	(void)state;
	for (size_t i = 0; i < (sizeof(good) - 1) * 256; i++) {
		_cleanup_(rules_finish) struct rules rules = { 0 };
		struct policyfile_error error;

		memcpy(text, good, sizeof(good));
		text[i / 256] = (char)(i % 256);
		if (policyfile_parse(text, sizeof(good) - 1, &rules, &error) == 0)
			continue;
		assert_int_equal(rules.count, 0);
		assert_true(error.line >= 1 && error.line <= 4);
		assert_true(error.rule.column <= error.text_length);
		assert_true(error.rule.length >= 1);
		assert_true(error.rule.column == error.text_length ||
			    error.rule.column + error.rule.length <= error.text_length);
	}
}

static void a_policy_is_named_after_its_file(void **state)
{
	static const struct {
		const char *path, *name; /* NULL: no name */
	} cases[] = {
		{ "/etc/cgfence/policies.d/web.policy", "web" },
		{ "web.policy", "web" },
		{ "./web", "web" },
		{ "ab_c-D9.policy", "ab_c-D9" },
		{ "web.policy.policy", NULL },
		{ "web.conf", NULL },
		{ "", NULL },
		{ ".policy", NULL },
		{ "/etc/", NULL },
		{ "..", NULL },
		{ ".hidden.policy", NULL },
		{ "-p.policy", NULL },
		{ "a b.policy", NULL },
		{ "a\n.policy", NULL },
		{ "m\303\274nchen", NULL },
		{ "a:b", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char name[CGF_POLICY_NAME_MAX + 1] = "untouched";
		int rc = policyfile_name(cases[i].path, name);

		assert_int_equal(rc, cases[i].name ? 0 : -EINVAL);
		assert_string_equal(name, cases[i].name ? cases[i].name : "untouched");
	}
}

static void a_policy_name_has_63_bytes(void **state)
{
	char path[64 + 1], name[CGF_POLICY_NAME_MAX + 1];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[64] = '\0';
	assert_int_equal(policyfile_name(path, name), -EINVAL);
	path[63] = '\0';
	assert_int_equal(policyfile_name(path, name), 0);
	assert_string_equal(name, path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_rules_comments_and_empty_lines),
		cmocka_unit_test(the_examples_of_the_design_are_rules),
		cmocka_unit_test(the_last_line_needs_no_newline_and_lines_may_end_as_on_windows),
		cmocka_unit_test(an_empty_file_has_no_rules),
		cmocka_unit_test(an_error_has_line_column_and_text_and_nothing_is_applied),
		cmocka_unit_test(rules_are_added_behind_those_that_are_there),
		cmocka_unit_test(a_nul_byte_is_an_error_wherever_it_is),
		cmocka_unit_test(what_nobody_could_read_is_an_error_wherever_it_is),
		cmocka_unit_test(a_comment_may_be_in_any_script),
		cmocka_unit_test(a_line_has_4096_bytes_without_its_end),
		cmocka_unit_test(a_file_has_at_most_4_mib),
		cmocka_unit_test(a_policy_has_at_most_65536_rules),
		cmocka_unit_test(a_rule_that_finds_no_room_is_freed),
		cmocka_unit_test(ten_thousand_names_fit_two_megabytes),
		cmocka_unit_test(noise_is_an_error_with_a_place_or_a_rule),
		cmocka_unit_test(a_policy_is_named_after_its_file),
		cmocka_unit_test(a_policy_name_has_63_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
