// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "policyfile_edit.h"
#include "rule_equal.h"
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

static struct policyfile opened(const char *text, size_t length)
{
	struct policyfile_error error;
	struct policyfile file;
	char *copy = malloc(length + 1);

	assert_non_null(copy);
	memcpy(copy, text, length);
	copy[length] = '\0';
	assert_int_equal(policyfile_init(&file, copy, length, &error), 0);
	return file;
}

/* The rules of the file are those that its text has. */
static void assert_file(const struct policyfile *file, const char *expected)
{
	_cleanup_(rules_finish) struct rules rules = parsed(expected);

	assert_string_equal(file->text, expected);
	assert_int_equal(file->length, strlen(expected));
	assert_int_equal(file->rules.count, rules.count);
	for (size_t i = 0; i < rules.count; i++)
		assert_true(rule_equal(&file->rules.rules[i], &rules.rules[i]));
}

static void assert_added(const char *text, const char *added, const char *expected, size_t changed)
{
	_cleanup_(rules_finish) struct rules rules = parsed(added);
	_cleanup_(policyfile_finish) struct policyfile file = opened(text, strlen(text));
	struct policyfile_edited edited = { 99, 99 };

	assert_int_equal(policyfile_add_rules(&file, &rules, &edited), 0);
	assert_file(&file, expected);
	assert_int_equal(edited.changed, changed);
}

static void assert_removed(const char *text, const char *removed, const char *expected,
			   size_t changed)
{
	_cleanup_(rules_finish) struct rules rules = parsed(removed);
	_cleanup_(policyfile_finish) struct policyfile file = opened(text, strlen(text));
	struct policyfile_edited edited = { 99, 99 };

	assert_int_equal(policyfile_remove_rules(&file, &rules, &edited), 0);
	assert_file(&file, expected);
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
	assert_added("mode enforce\n", "mode audit\nmode enforce", "mode enforce\n", 0);
	assert_added("mode enforce\n", "mode audit\nmode enforce\nmode audit",
		     "mode enforce\nmode audit\n", 1);
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
	_cleanup_(policyfile_finish) struct policyfile file = opened(text, strlen(text));
	struct policyfile_edited edited = { 99, 99 };

	(void)state;
	assert_int_equal(policyfile_remove_rules(&file, &rules, &edited), -ENOENT);
	assert_file(&file, text);
	assert_int_equal(edited.first_wrong, 1);
}

static void a_mode_that_is_followed_by_another_can_be_removed(void **state)
{
	(void)state;
	assert_removed("mode audit\nallow a:22\nmode enforce\n", "mode audit",
		       "allow a:22\nmode enforce\n", 1);
}

static void nothing_to_change_changes_nothing(void **state)
{
	(void)state;
	assert_added("allow a:22", "# none", "allow a:22", 0);
	{
		static const char text[] = "allow a:22";
		_cleanup_(policyfile_finish) struct policyfile file = opened(text, strlen(text));
		struct policyfile_edited edited = { 99, 99 };

		assert_int_equal(policyfile_remove_rules(&file, &(struct rules){}, &edited), 0);
		assert_int_equal(edited.changed, 0);
		assert_int_equal(file.length, strlen(text));
		assert_int_equal(file.rules.count, 1);
	}
}

static void what_is_no_policy_is_no_file(void **state)
{
	struct policyfile_error error;
	struct policyfile file;

	(void)state;
	assert_int_equal(policyfile_init(&file, strdup("allow a:22\nalow b\n"), 18, &error),
			 -EINVAL);
	assert_int_equal(error.line, 2);
	assert_null(file.text);
	assert_int_equal(file.rules.count, 0);
}

static void no_text_at_all_is_an_empty_policy(void **state)
{
	_cleanup_(rules_finish) struct rules rules = parsed("allow a:22");
	_cleanup_(policyfile_finish) struct policyfile file = {};
	struct policyfile_edited edited;
	struct policyfile_error error;

	(void)state;
	assert_int_equal(policyfile_init(&file, NULL, 0, &error), 0);
	assert_int_equal(policyfile_add_rules(&file, &rules, &edited), 0);
	assert_file(&file, "allow a:22\n");
}

/* Of newlines, so long that `room` is left; ends in `last`. */
static struct policyfile nearly_full(size_t room, char last)
{
	_cleanup_free_ char *text = malloc(CGF_POLICY_FILE_BYTES_MAX);

	assert_non_null(text);
	memset(text, '\n', CGF_POLICY_FILE_BYTES_MAX);
	text[CGF_POLICY_FILE_BYTES_MAX - room - 1] = last;
	return opened(text, CGF_POLICY_FILE_BYTES_MAX - room);
}

static void a_text_that_would_be_too_long_is_not_made(void **state)
{
	static const size_t room = sizeof("allow a:22\n") - 1;
	_cleanup_(rules_finish) struct rules rules = parsed("allow a:22");
	_cleanup_(policyfile_finish) struct policyfile fits = nearly_full(room, '\n');
	_cleanup_(policyfile_finish) struct policyfile longer = nearly_full(room - 1, '\n');
	/* The newline that is missing counts too. */
	_cleanup_(policyfile_finish) struct policyfile cut = nearly_full(room, '#');
	struct policyfile_edited edited;

	(void)state;
	assert_int_equal(policyfile_add_rules(&longer, &rules, &edited), -E2BIG);
	assert_int_equal(longer.length, CGF_POLICY_FILE_BYTES_MAX - room + 1);
	assert_int_equal(longer.rules.count, 0);
	assert_int_equal(strlen(longer.text), longer.length);
	assert_int_equal(policyfile_add_rules(&fits, &rules, &edited), 0);
	assert_int_equal(fits.length, CGF_POLICY_FILE_BYTES_MAX);
	assert_int_equal(fits.rules.count, 1);
	assert_int_equal(policyfile_add_rules(&cut, &rules, &edited), -E2BIG);
	assert_int_equal(cut.length, CGF_POLICY_FILE_BYTES_MAX - room);
}

static void a_rule_more_than_a_policy_has_is_not_added(void **state)
{
	_cleanup_(rules_finish) struct rules rules = parsed("allow a:22"), one = parsed("deny ::1");
	const size_t line = strlen("deny ::1\n");
	_cleanup_free_ char *text = malloc(CGF_POLICY_RULES_MAX * line);
	struct policyfile_edited edited = { 0 };

	(void)state;
	for (size_t i = 0; i < CGF_POLICY_RULES_MAX; i++)
		memcpy(text + i * line, "deny ::1\n", line);
	{
		_cleanup_(policyfile_finish) struct policyfile file = opened(
			text, CGF_POLICY_RULES_MAX * line);

		assert_int_equal(policyfile_add_rules(&file, &rules, &edited), -E2BIG);
		assert_int_equal(file.length, CGF_POLICY_RULES_MAX * line);
		assert_int_equal(file.rules.count, CGF_POLICY_RULES_MAX);
		assert_int_equal(policyfile_add_rules(&file, &one, &edited), 0);
		assert_int_equal(edited.changed, 0);
	}
}

/* 10,000 rules into 10,000: without a table of them that would be 100 million comparisons. */
static void many_rules_are_added_to_many_at_once(void **state)
{
	struct policyfile_edited edited = { 0 };
	_cleanup_free_ char *text = NULL, *more = NULL, *left = NULL;
	size_t size, more_size, left_size;
	FILE *file = open_memstream(&text, &size), *more_file = open_memstream(&more, &more_size),
	     *left_file = open_memstream(&left, &left_size);
	uint64_t begin_ns;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		fprintf(file, "allow host%d.example.org:443\n", i);
		fprintf(more_file, "allow host%d.example.org:443\n", i + 5000);
		if (i < 5000)
			fprintf(left_file, "allow host%d.example.org:443\n", i);
	}
	fclose(file);
	fclose(more_file);
	fclose(left_file);
	{
		_cleanup_(rules_finish) struct rules rules = parsed(more);
		_cleanup_(policyfile_finish) struct policyfile edit = opened(text, size);

		begin_ns = monotonic_ns();
		assert_int_equal(policyfile_add_rules(&edit, &rules, &edited), 0);
		assert_int_equal(edited.changed, 5000);
		assert_int_equal(policyfile_remove_rules(&edit, &rules, &edited), 0);
		assert_int_equal(edited.changed, 10000);
		assert_true(monotonic_ns() - begin_ns < 10 * NSEC_PER_SEC);
		assert_file(&edit, left);
	}
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
		cmocka_unit_test(a_mode_that_is_followed_by_another_can_be_removed),
		cmocka_unit_test(nothing_to_change_changes_nothing),
		cmocka_unit_test(what_is_no_policy_is_no_file),
		cmocka_unit_test(no_text_at_all_is_an_empty_policy),
		cmocka_unit_test(a_text_that_would_be_too_long_is_not_made),
		cmocka_unit_test(a_rule_more_than_a_policy_has_is_not_added),
		cmocka_unit_test(many_rules_are_added_to_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
