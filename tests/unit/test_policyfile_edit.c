// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "policyfile_edit.h"
#include "util.h"

/* The caller finishes the rules. */
static struct rules parsed(const char *text)
{
	struct policyfile_error error;
	struct rules rules = { 0 };

	if (policyfile_parse(text, strlen(text), &rules, &error) < 0)
		fail_msg("%zu:%zu: %s", error.line, error.rule.column, error.rule.message);
	return rules;
}

static void assert_added(const char *text, const char *added, const char *expected, size_t changed)
{
	_cleanup_(rules_finish) struct rules rules = parsed(added);
	struct policyfile_edited edited = { 99, 99 };
	_cleanup_free_ char *result = NULL;
	size_t length = 0;

	assert_int_equal(
		policyfile_add_rules(text, strlen(text), &rules, &result, &length, &edited), 0);
	assert_string_equal(result, expected);
	assert_int_equal(length, strlen(expected));
	assert_int_equal(edited.changed, changed);
}

static void assert_removed(const char *text, const char *removed, const char *expected,
			   size_t changed)
{
	_cleanup_(rules_finish) struct rules rules = parsed(removed);
	struct policyfile_edited edited = { 99, 99 };
	_cleanup_free_ char *result = NULL;
	size_t length = 0;

	assert_int_equal(
		policyfile_remove_rules(text, strlen(text), &rules, &result, &length, &edited), 0);
	assert_string_equal(result, expected);
	assert_int_equal(length, strlen(expected));
	assert_int_equal(edited.changed, changed);
}

static const char commented[] = "# the forges\n"
				"\n"
				"\tallow GitHub.com:ssh  # with keys\n"
				"   # none of these yet\n"
				"allow gitlab.com:22,https/tcp\n"
				"deny 169.254.169.254 # metadata\n";

static void what_is_added_goes_to_the_end_and_the_rest_stays(void **state)
{
	static const char text[] = "# the forges\n\n\tallow GitHub.com:ssh  # keys\n  \t\n#end\n";

	(void)state;
	assert_added(text, "allow  Codeberg.org:ssh,443/TCP",
		     "# the forges\n\n\tallow GitHub.com:ssh  # keys\n  \t\n#end\n"
		     "allow codeberg.org:22,443/tcp\n",
		     1);
	assert_added(text, "listen 80/tcp\ndeny any",
		     "# the forges\n\n\tallow GitHub.com:ssh  # keys\n  \t\n#end\n"
		     "listen 80/tcp\ndeny any\n",
		     2);
}

static void a_rule_that_is_there_is_not_added_however_it_is_written(void **state)
{
	(void)state;
	assert_added("allow GitHub.com.:ssh # a\n", "allow github.com:22",
		     "allow GitHub.com.:ssh # a\n", 0);
	assert_added("allow a:22\n", "allow a:22\nallow b:22\nallow b:22\nallow A:22",
		     "allow a:22\nallow b:22\n", 1);
	assert_added("allow a:22", "allow a:22", "allow a:22", 0);
	assert_added("# allow a:22\n", "allow a:22", "# allow a:22\nallow a:22\n", 1);
	assert_added("deny a:22\n", "allow a:22", "deny a:22\nallow a:22\n", 1);
}

static void a_last_line_without_a_newline_gets_one(void **state)
{
	(void)state;
	assert_added("allow a:22", "allow b:22", "allow a:22\nallow b:22\n", 1);
	assert_added("allow a:22 # c", "allow b:22", "allow a:22 # c\nallow b:22\n", 1);
	assert_added("", "allow b:22", "allow b:22\n", 1);
	assert_added("\n", "allow b:22", "\nallow b:22\n", 1);
}

static void lines_that_end_as_on_windows_go_on_so(void **state)
{
	(void)state;
	assert_added("allow a:22\r\n# x\r\n", "allow b:22", "allow a:22\r\n# x\r\nallow b:22\r\n",
		     1);
	assert_added("# x\r\nallow a:22", "allow b:22", "# x\r\nallow a:22\r\nallow b:22\r\n", 1);
	assert_added("# x\r\nallow a:22\r", "allow b:22", "# x\r\nallow a:22\r\nallow b:22\r\n", 1);
	assert_removed("allow a:22\r\n\r\nallow b:22\r\nallow c:22\r\n", "allow b:22",
		       "allow a:22\r\n\r\nallow c:22\r\n", 1);
	assert_removed("allow a:22\r\nallow b:22\r", "allow b:22", "allow a:22\r\n", 1);
}

static void of_modes_the_last_one_is_there(void **state)
{
	(void)state;
	assert_added("mode audit\n", "mode audit", "mode audit\n", 0);
	assert_added("mode audit\nmode enforce\n", "mode audit",
		     "mode audit\nmode enforce\nmode audit\n", 1);
}

static void a_rule_is_removed_with_its_comment_and_the_rest_stays(void **state)
{
	(void)state;
	assert_removed(commented, "allow github.com:22",
		       "# the forges\n\n   # none of these yet\nallow gitlab.com:22,https/tcp\n"
		       "deny 169.254.169.254 # metadata\n",
		       1);
}

static void every_line_of_a_rule_is_removed(void **state)
{
	(void)state;
	assert_removed("allow a:22\nallow b:80,443,22/tcp", "allow b:22,https,80/tcp",
		       "allow a:22\n", 1);
	assert_removed("allow a:22\nallow b:22\nallow A:ssh", "allow a:22", "allow b:22\n", 1);
	assert_removed("allow a:22\nallow b:22", "allow b:22\nallow a:22", "", 2);
	assert_removed("allow a:22\nallow b:22", "allow b:22\nallow b:22", "allow a:22\n", 1);
}

static void what_is_not_there_is_an_error_and_said_and_nothing_changes(void **state)
{
	static const char text[] = "allow a:22\nallow b:22\n# allow d:22\n";
	_cleanup_(rules_finish) struct rules rules = parsed(
		"allow a:22\nallow b\nallow b:22\nallow d:22");
	struct policyfile_edited edited = { 99, 99 };
	char *result = NULL;
	size_t length = 7;

	(void)state;
	assert_int_equal(
		policyfile_remove_rules(text, strlen(text), &rules, &result, &length, &edited),
		-ENOENT);
	assert_null(result);
	assert_int_equal(length, 7);
	assert_int_equal(edited.first_wrong, 1);
}

static void what_is_no_policy_is_not_changed(void **state)
{
	_cleanup_(rules_finish) struct rules rules = parsed("allow a:22");
	struct policyfile_edited edited;
	char *result = NULL;
	size_t length;

	(void)state;
	assert_int_equal(policyfile_add_rules("alow b\n", 7, &rules, &result, &length, &edited),
			 -EINVAL);
	assert_int_equal(
		policyfile_remove_rules("allow a:22\n\0", 12, &rules, &result, &length, &edited),
		-EINVAL);
	assert_null(result);
}

static void no_text_at_all_is_an_empty_policy(void **state)
{
	_cleanup_(rules_finish) struct rules rules = parsed("allow a:22");
	struct policyfile_edited edited;
	_cleanup_free_ char *result = NULL;
	size_t length;

	(void)state;
	assert_int_equal(policyfile_add_rules(NULL, 0, &rules, &result, &length, &edited), 0);
	assert_string_equal(result, "allow a:22\n");
}

static void a_text_that_would_be_too_long_is_not_made(void **state)
{
	_cleanup_(rules_finish) struct rules rules = parsed("allow a:22");
	_cleanup_free_ char *text = malloc(CGF_POLICY_FILE_BYTES_MAX), *fits = NULL;
	size_t room = strlen("allow a:22\n"), length = 0;
	struct policyfile_edited edited;
	char *result = NULL;

	(void)state;
	memset(text, '\n', CGF_POLICY_FILE_BYTES_MAX);
	assert_int_equal(policyfile_add_rules(text, CGF_POLICY_FILE_BYTES_MAX - room + 1, &rules,
					      &result, &length, &edited),
			 -E2BIG);
	assert_null(result);
	assert_int_equal(policyfile_add_rules(text, CGF_POLICY_FILE_BYTES_MAX - room, &rules, &fits,
					      &length, &edited),
			 0);
	assert_int_equal(length, CGF_POLICY_FILE_BYTES_MAX);

	/* The newline that was missing counts too. */
	text[CGF_POLICY_FILE_BYTES_MAX - room - 1] = '#';
	assert_int_equal(policyfile_add_rules(text, CGF_POLICY_FILE_BYTES_MAX - room, &rules,
					      &result, &length, &edited),
			 -E2BIG);
	assert_null(result);
}

static void a_rule_more_than_a_policy_has_is_not_added(void **state)
{
	_cleanup_(rules_finish) struct rules rules = parsed("allow a:22"), one = parsed("deny ::1");
	const size_t line = strlen("deny ::1\n");
	_cleanup_free_ char *text = malloc(CGF_POLICY_RULES_MAX * line);
	struct policyfile_edited edited = { 0 };
	_cleanup_free_ char *same = NULL;
	char *result = NULL;
	size_t length;

	(void)state;
	for (size_t i = 0; i < CGF_POLICY_RULES_MAX; i++)
		memcpy(text + i * line, "deny ::1\n", line);
	assert_int_equal(policyfile_add_rules(text, CGF_POLICY_RULES_MAX * line, &rules, &result,
					      &length, &edited),
			 -E2BIG);
	assert_null(result);
	assert_int_equal(policyfile_add_rules(text, CGF_POLICY_RULES_MAX * line, &one, &same,
					      &length, &edited),
			 0);
	assert_int_equal(edited.changed, 0);
}

/* 10,000 rules into 10,000: without a table of them that would be 100 million comparisons. */
static void many_rules_are_added_to_many_at_once(void **state)
{
	struct policyfile_edited edited = { 0 };
	_cleanup_free_ char *text = NULL, *more = NULL, *result = NULL, *left = NULL;
	size_t size, more_size, length, left_length;
	FILE *file = open_memstream(&text, &size), *more_file = open_memstream(&more, &more_size);
	uint64_t begin_ns;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		fprintf(file, "allow host%d.example.org:443\n", i);
		fprintf(more_file, "allow host%d.example.org:443\n", i + 5000);
	}
	fclose(file);
	fclose(more_file);
	{
		_cleanup_(rules_finish) struct rules rules = parsed(more);

		begin_ns = monotonic_ns();
		assert_int_equal(
			policyfile_add_rules(text, size, &rules, &result, &length, &edited), 0);
		assert_int_equal(edited.changed, 5000);
		assert_int_equal(policyfile_remove_rules(result, length, &rules, &left,
							 &left_length, &edited),
				 0);
		assert_int_equal(edited.changed, 10000);
		assert_true(monotonic_ns() - begin_ns < 10 * NSEC_PER_SEC);
	}
	assert_memory_equal(left, text, left_length);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_goes_to_the_end_and_the_rest_stays),
		cmocka_unit_test(a_rule_that_is_there_is_not_added_however_it_is_written),
		cmocka_unit_test(a_last_line_without_a_newline_gets_one),
		cmocka_unit_test(lines_that_end_as_on_windows_go_on_so),
		cmocka_unit_test(of_modes_the_last_one_is_there),
		cmocka_unit_test(a_rule_is_removed_with_its_comment_and_the_rest_stays),
		cmocka_unit_test(every_line_of_a_rule_is_removed),
		cmocka_unit_test(what_is_not_there_is_an_error_and_said_and_nothing_changes),
		cmocka_unit_test(what_is_no_policy_is_not_changed),
		cmocka_unit_test(no_text_at_all_is_an_empty_policy),
		cmocka_unit_test(a_text_that_would_be_too_long_is_not_made),
		cmocka_unit_test(a_rule_more_than_a_policy_has_is_not_added),
		cmocka_unit_test(many_rules_are_added_to_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
