// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "print.h"
#include "table.h"

static const struct paint plain = { "", "", "", "", "" }, colored = { "B", "R", "G", "Y", "P" };

typedef int (*printer_fn)(FILE *out, const struct json_value *answer, const struct paint *paint);

static void assert_printed_as(printer_fn printer, const char *json, const struct paint *paint,
			      const char *expected)
{
	_cleanup_(json_release) struct json_value *answer = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(json_read(json, strlen(json), &answer), 0);
	assert_int_equal(printer(out, answer, paint), 0);
	fclose(out);
	assert_string_equal(text, expected);
}

static void assert_printed(printer_fn printer, const char *json, const char *expected)
{
	assert_printed_as(printer, json, &plain, expected);
}

static int attached(FILE *out, const struct json_value *answer, const struct paint *paint)
{
	return print_fence(out, answer, "attached to",
			   "it is not there now; the fence is made when it comes", paint);
}

static int checked(FILE *out, const struct json_value *answer, const struct paint *paint)
{
	return print_check(out, "github.com:22", answer, paint);
}

static int deleted(FILE *out, const struct json_value *answer, const struct paint *paint)
{
	(void)paint;
	return print_deleted(out, answer);
}

static int event_of_all(FILE *out, const struct json_value *answer, const struct paint *paint)
{
	return print_event(out, answer, true, paint);
}

static int event_of_one(FILE *out, const struct json_value *answer, const struct paint *paint)
{
	return print_event(out, answer, false, paint);
}

#define A_POLICY                                                                                   \
	"\"mode\":\"enforce\",\"file\":\"/etc/web.policy\",\"rules\":2,\"names\":1,"               \
	"\"addresses\":12,\"entries\":3,\"capacity\":1024,\"fences\":1"

static void policies_are_a_table_and_their_problems_follow(void **state)
{
	(void)state;
	assert_printed(print_policies, "{\"policies\":[]}", "no policy\n");
	assert_printed(print_policies,
		       "{\"policies\":[{\"name\":\"web\"," A_POLICY
		       ",\"problem\":null},{\"name\":\"a-long-name\"," A_POLICY
		       ",\"problem\":\"x.policy:3:7: wrong\\n  next \\u001b[31m\"}]}",
		       "POLICY       MODE     RULES  NAMES  ADDRESSES  ENTRIES    FENCES\n"
		       "web          enforce  2      1      12         3 of 1024  1\n"
		       "a-long-name  enforce  2      1      12         3 of 1024  1\n"
		       "a-long-name: wrong  x.policy:3:7: wrong\n"
		       "             next \\x1b[31m\n");
}

static void a_policy_has_rules_with_addresses_and_fences(void **state)
{
	(void)state;
	assert_printed(
		print_policy,
		"{\"name\":\"web\"," A_POLICY ",\"counters\":{\"allowed\":1,\"denied\":2,"
		"\"audited\":3,\"records_lost\":4,\"learned\":5,\"special\":6,\"unlearned\":7},"
		"\"rule_list\":[{\"rule\":\"allow github.com:22\",\"flows\":14,\"addresses\":["
		"{\"address\":\"140.82.121.4\",\"expires_in_s\":54,\"idle_s\":300,\"flows\":12,"
		"\"source\":\"answer\"},{\"address\":\"2001:db8::1\",\"expires_in_s\":null,"
		"\"idle_s\":null,\"flows\":2,\"source\":\"rule\"}],\"warning\":null},"
		"{\"rule\":\"deny any\",\"flows\":0,\"addresses\":[],\"warning\":\"a lot\"}],"
		"\"fence_list\":[{\"target\":\"container:web\",\"state\":\"standing\","
		"\"persistent\":true,\"processes\":3,\"cgroup\":\"/x\"},{\"target\":\"pid:1\","
		"\"state\":\"waiting\",\"persistent\":false,\"processes\":0,\"cgroup\":null}]}",
		"web: enforce, 2 rules, 1 name, 12 addresses\n"
		"  file       /etc/web.policy\n"
		"  allow      3 of 1024 entries\n"
		"  decisions  1 allowed, 2 denied, 3 would be denied, 4 not recorded\n"
		"  answers    5 entries written, 7 without room; 6 addresses not for names\n"
		"  RULE                 FLOWS  LEFT  IDLE   FROM\n"
		"  allow github.com:22  14\n"
		"    140.82.121.4       12     54 s  5 min  answer\n"
		"    2001:db8::1        2      -     -      rule\n"
		"  deny any             0\n"
		"  warning    a lot\n"
		"  FENCE          STATE                 PROCESSES  CGROUP\n"
		"  container:web  standing, persistent  3          /x\n"
		"  pid:1          waiting               0          -\n");
}

static void a_policy_without_a_file_or_with_a_problem_says_so(void **state)
{
	(void)state;
	assert_printed(print_policy,
		       "{\"name\":\"web\",\"mode\":\"audit\",\"file\":null,\"problem\":\"no\"}",
		       "web: audit, what it denies is let through, 0 rules, 0 names, 0 addresses\n"
		       "  wrong      no\n"
		       "  file       (gone; it stays as it was)\n"
		       "  allow      0 of 0 entries\n");
}

static void a_change_says_what_came_and_what_went(void **state)
{
	(void)state;
	assert_printed_as(print_change,
			  "{\"name\":\"web\",\"changed\":true,\"added\":[\"allow a:22\"],"
			  "\"removed\":[\"deny b\",\"deny c\"],\"warnings\":[\"one\\ntwo\"]}",
			  &colored,
			  "BwebP: 1 rule added, 2 removed\n"
			  "  G+P allow a:22\n"
			  "  R-P deny b\n"
			  "  R-P deny c\n"
			  "  YwarningP: one\n"
			  "    two\n");
	assert_printed(print_change,
		       "{\"name\":\"web\",\"changed\":false,\"added\":[],\"removed\":[]}",
		       "web: unchanged\n");
	assert_printed(print_change,
		       "{\"name\":\"web\",\"created\":true,\"changed\":true,\"added\":[]}",
		       "web: created, without rules: nothing is allowed\n");
	/* A comment, or the order. */
	assert_printed(print_change, "{\"name\":\"web\",\"changed\":true}", "web: changed\n");
}

static void of_many_rules_some_are_shown(void **state)
{
	char json[2048] = "{\"name\":\"web\",\"added\":[\"r\"", expected[2048] = "";
	int i;

	(void)state;
	for (i = 0; i < 24; i++)
		strcat(json, ",\"r\"");
	strcat(json, "]}");
	strcat(expected, "web: 25 rules added, 0 removed\n");
	for (i = 0; i < 20; i++)
		strcat(expected, "  + r\n");
	strcat(expected, "  + 5 more\n");
	assert_printed(print_change, json, expected);
}

static void a_deleted_policy_says_what_was_detached(void **state)
{
	(void)state;
	assert_printed(deleted, "{\"name\":\"web\",\"detached\":[\"container:a\",\"\\u0007\"]}",
		       "web: deleted\n  detached container:a\n  detached \\x07\n");
}

static void a_verdict_has_its_rule_or_reason_and_addresses(void **state)
{
	(void)state;
	assert_printed_as(
		checked,
		"{\"verdict\":\"allow\",\"rule\":\"allow github.com:22\",\"reason\":\"x\","
		"\"addresses\":[{\"address\":\"192.0.2.1\",\"verdict\":\"allow\"},"
		"{\"address\":\"192.0.2.2\",\"verdict\":\"deny\"}]}",
		&colored,
		"github.com:22: GallowedP (allow github.com:22)\n"
		"  192.0.2.1 GallowedP\n"
		"  192.0.2.2 RdeniedP\n");
	assert_printed(checked, "{\"verdict\":\"deny\",\"rule\":null,\"reason\":\"no rule\"}",
		       "github.com:22: denied (no rule)\n");
	assert_printed(checked, "{\"verdict\":\"deny\",\"mode\":\"audit\",\"reason\":\"no rule\"}",
		       "github.com:22: denied (no rule) (let through: mode audit)\n");
	assert_printed(checked, "{\"verdict\":\"allow\",\"mode\":\"audit\",\"rule\":\"allow a\"}",
		       "github.com:22: allowed (allow a)\n");
	/* What is not known is not allowed. */
	assert_printed(checked, "{}", "github.com:22: denied\n");
}

static void a_fence_says_what_it_is_on(void **state)
{
	(void)state;
	assert_printed(attached,
		       "{\"policy\":\"web\",\"target\":\"unit:a\",\"cgroup\":\"/x\",\"state\":"
		       "\"standing\",\"processes\":1,\"warnings\":[\"careful\"]}",
		       "web: attached to unit:a\n  cgroup /x, 1 process\n  warning: careful\n");
	assert_printed(attached,
		       "{\"policy\":\"web\",\"target\":\"unit:a\",\"cgroup\":null,\"state\":"
		       "\"waiting\"}",
		       "web: attached to unit:a\n"
		       "  it is not there now; the fence is made when it comes\n");
}

#define A_DECISION                                                                                 \
	"{\"event\":\"decision\",\"verdict\":\"deny\",\"hook\":\"connect\",\"protocol\":\"tcp\","  \
	"\"address\":\"203.0.113.9\",\"port\":443,\"name\":\"evil.test\",\"reason\":\"no_rule\","  \
	"\"rule\":null,\"pid\":12,\"comm\":\"cu\\\\x1brl\",\"times\":3,\"policy\":\"web\""

static void decisions_are_told_as_run_tells_them_and_whose_they_are(void **state)
{
	(void)state;
	assert_printed(event_of_all, A_DECISION ",\"fence\":\"container:a\"}",
		       "web container:a: denied tcp evil.test? 203.0.113.9:443 by cu\\x1brl[12], 3 "
		       "times\n");
	assert_printed(event_of_one, A_DECISION ",\"fence\":\"container:a\"}",
		       "container:a: denied tcp evil.test? 203.0.113.9:443 by cu\\x1brl[12], 3 "
		       "times\n");
	setenv("TZ", "XYZ-2", 1);
	tzset();
	assert_printed(event_of_one, A_DECISION ",\"time\":\"2026-01-31T23:59:58.123456Z\"}",
		       "01:59:58 web: denied tcp evil.test? 203.0.113.9:443 by cu\\x1brl[12], 3 "
		       "times\n");
	assert_printed(event_of_one, A_DECISION ",\"fence\":null}",
		       "web: denied tcp evil.test? 203.0.113.9:443 by cu\\x1brl[12], 3 times\n");
	assert_printed_as(event_of_all, A_DECISION ",\"fence\":\"a\"}", &colored,
			  "BwebP a: \x1b[31mdenied\x1b[0m tcp \x1b[1mevil.test? "
			  "203.0.113.9:443\x1b[0m by cu\\x1brl[12], 3 times\n");
}

static void a_fence_is_told_of_by_its_target(void **state)
{
	(void)state;
	assert_printed(
		deleted,
		"{\"name\":\"web\",\"detached\":[\"unit:nginx%2Eservice\",\"cgroup:%2Fx%2Fy\","
		"\"pid:\\u001b\"]}",
		"web: deleted\n  detached unit:nginx.service\n  detached /x/y\n"
		"  detached pid:\\x1b\n");
	assert_printed(event_of_one, A_DECISION ",\"fence\":\"unit:nginx%2Eservice\"}",
		       "unit:nginx.service: denied tcp evil.test? 203.0.113.9:443 by "
		       "cu\\x1brl[12], 3 times\n");
}

static void other_events_are_told_or_left_out(void **state)
{
	(void)state;
	assert_printed(event_of_all, "{\"event\":\"lost\",\"count\":5}",
		       "cgfence: 5 lines were lost: they came faster than they were read\n");
	assert_printed(event_of_all, "{\"event\":\"note\",\"message\":\"a\\u001b\\nb\"}",
		       "cgfence: a\\x1b\n  b\n");
	assert_printed(event_of_all, "{\"event\":\"moon\"}", "");
	assert_printed(event_of_all, "{\"event\":\"decision\"}", "");
	assert_printed(event_of_all, "{}", "");
}

static void a_status_without_fences_is_one(void **state)
{
	(void)state;
	assert_printed(print_status, "{\"whole\":true,\"fences\":[],\"kernel_lacks\":[]}",
		       "no fence\n");
	assert_printed(print_status, "{\"fences\":[],\"kernel_lacks\":[\"coarse_clock\",\"moon\"]}",
		       "no fence\n\nthis kernel: entries that run out cost a slower clock; moon\n");
	assert_printed_as(print_status,
			  "{\"fences\":[],\"problems\":[{\"message\":\"web.targets:2: no\","
			  "\"since_s\":3}]}",
			  &colored,
			  "no fence\n\nBfilesP: Rnot as they should beP\n"
			  "  RwrongP      web.targets:2: no (for 3 s)\n");
}

static void a_fence_of_the_daemon_says_what_is_wrong_and_since_when(void **state)
{
	(void)state;
	assert_printed_as(
		print_status,
		"{\"fences\":[{\"fence\":\"container:a\",\"whole\":false,\"kept\":true,"
		"\"generation\":1,\"repairs\":2,\"names_overdue\":0,\"problems\":[{\"message\":"
		"\"the egress program is "
		"detached\",\"since_s\":130},{\"message\":\"x\"},{\"message\":\"y\",\"since_s\":0,"
		"\"repaired\":true}],"
		"\"cgroup_id\":7,\"cgroup\":null,\"gone\":true,\"build\":null,\"processes\":null}]"
		"}",
		&colored,
		"Bcontainer:aP: Rnot wholeP\n"
		"  RwrongP      the egress program is detached (for 2 min)\n"
		"  RwrongP      x\n"
		"  RwrongP      y; put right now\n"
		"  cgroup     (gone)\n"
		"  programs   of a build that is not pinned any more\n");
	assert_printed(
		print_status,
		"{\"fences\":[{\"fence\":\"a\",\"whole\":true,\"kept\":true,\"generation\":1,"
		"\"repairs\":2,\"names_overdue\":0,\"problems\":[],\"last_repair\":{\"age_s\":130,"
		"\"problems\":[{\"message\":\"x\"},{\"message\":\"y\"}]},\"cgroup_id\":7,"
		"\"cgroup\":\"/"
		"x\","
		"\"build\":\"b\",\"families\":true,\"processes\":3,\"policy\":\"web\",\"mode\":"
		"\"enforce\",\"dns_filter\":true,\"netns\":false,\"policy_fences\":2,\"names\":5,"
		"\"counters\":{},"
		"\"resolvers\":[{\"address\":\"192.0.2.53\",\"ifindex\":7,\"device\":\"eth0\","
		"\"answers\":3,\"answer_age_s\":4,\"names\":\"learned\",\"cause\":null},"
		"{\"address\":\"::1\",\"ifindex\":1,\"device\":null,\"answers\":0,"
		"\"answer_age_s\":null,\"names\":\"polled\",\"cause\":\"netns\"}]}]}",
		"a: stands whole\n"
		"  cgroup     /x\n"
		"  programs   of build b, with that for families of sockets\n"
		"  processes  3\n"
		"  policy     web, enforce\n"
		"  cgfence    the daemon keeps it: 1 change, 2 repairs, 0 names overdue\n"
		"  repaired   2 min ago: x; y\n"
		"  questions  only for names in rules\n"
		"  counted    for all 2 fences of the policy together:\n"
		"  allow      0 of 0 entries, 0 of them by answers, 0 run out\n"
		"  names      5 of 262144, search domains included\n"
		"  decisions  0 allowed, 0 denied, 0 would be denied, 0 not recorded\n"
		"  answers    0 entries written, where none lasted as long; 0 without room; 0 "
		"addresses not for names\n"
		"  RESOLVER    DEVICE    ANSWERS  LAST     NAMES ARE\n"
		"  192.0.2.53  eth0      3        4 s ago  learned\n"
		"  ::1         loopback  0        -        polled: the fence's network namespace "
		"is "
		"not known\n");
}

static void a_fence_that_waits_for_its_target_is_good(void **state)
{
	(void)state;
	assert_printed_as(
		print_status,
		"{\"whole\":true,\"fences\":[{\"fence\":\"cgroup:a%2Fb\",\"policy\":\"web\","
		"\"target\":\"/c/a/b\",\"persistent\":true,"
		"\"cgroup\":null,\"whole\":true,\"proved\":false,\"kept\":true,\"state\":"
		"\"waiting\",\"problems\":[],\"last_repair\":null}]}",
		&colored, "B/c/a/bP: waits for its target, persistent\n");
}

static void a_fence_that_cannot_be_made_is_not_said_to_wait(void **state)
{
	(void)state;
	assert_printed_as(
		print_status,
		"{\"whole\":false,\"fences\":[{\"fence\":\"container:web\",\"policy\":\"web\","
		"\"target\":\"container:web\",\"cgroup\":null,\"whole\":false,\"kept\":true,"
		"\"state\":\"waiting\",\"problems\":[{\"problem\":\"not_fenced\",\"message\":"
		"\"it is there\\n  see \\u001b\",\"since_s\":3}],\"warnings\":[\"careful\"]}]}",
		&colored,
		"Bcontainer:webP: Rnot fencedP\n"
		"  RwrongP      it is there (for 3 s)\n"
		"             see \\x1b\n"
		"  YwarningP: careful\n");
}

static void times_have_the_unit_that_fits(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ -1, "-" },	     { 0, "0 s" },    { 119, "119 s" },	  { 120, "2 min" },
		{ 7199, "119 min" }, { 7200, "2 h" }, { 172799, "47 h" }, { 172800, "2 d" },
	};
	char text[PRINT_TIME_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(print_time(cases[i].seconds, text), cases[i].text);
}

static void what_is_no_terminal_is_not_coloured(void **state)
{
	_cleanup_fclose_ FILE *out = tmpfile();

	(void)state;
	assert_string_equal(print_paint(out).red, "");
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
	_cleanup_(table_finish) struct table table = { .columns = 3 };
	_cleanup_free_ char *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	for (i = 0; i < 300; i++)
		table_add(&table, "%s", i == 4 ? "wide" : i == 8 ? "" : "x");
	table_add_text(&table, NULL);
	assert_int_equal(table_print(&table, out, " ", "<", ">"), 0);
	fclose(out);
	assert_memory_equal(text, " <x  x     x>\n x  wide  x\n x  x\n x  x     x\n", 44);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_are_a_table_and_their_problems_follow),
		cmocka_unit_test(a_policy_has_rules_with_addresses_and_fences),
		cmocka_unit_test(a_policy_without_a_file_or_with_a_problem_says_so),
		cmocka_unit_test(a_change_says_what_came_and_what_went),
		cmocka_unit_test(of_many_rules_some_are_shown),
		cmocka_unit_test(a_deleted_policy_says_what_was_detached),
		cmocka_unit_test(a_verdict_has_its_rule_or_reason_and_addresses),
		cmocka_unit_test(a_fence_says_what_it_is_on),
		cmocka_unit_test(decisions_are_told_as_run_tells_them_and_whose_they_are),
		cmocka_unit_test(other_events_are_told_or_left_out),
		cmocka_unit_test(a_fence_is_told_of_by_its_target),
		cmocka_unit_test(a_status_without_fences_is_one),
		cmocka_unit_test(a_fence_that_waits_for_its_target_is_good),
		cmocka_unit_test(a_fence_that_cannot_be_made_is_not_said_to_wait),
		cmocka_unit_test(a_fence_of_the_daemon_says_what_is_wrong_and_since_when),
		cmocka_unit_test(times_have_the_unit_that_fits),
		cmocka_unit_test(what_is_no_terminal_is_not_coloured),
		cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
