// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "policyfile.h"
#include "util.h"

struct error_case {
	const char *line;
	size_t column, length;
	const char *message;
};

static void assert_error(const struct error_case *expected)
{
	struct rule_error error = { .column = 9999 };
	struct rule rule;
	int rc = rule_parse_line(expected->line, &rule, &error);

	if (rc != -EINVAL || error.column != expected->column || error.length != expected->length ||
	    !strstr(error.message, expected->message))
		fail_msg("%s: %d, %zu+%zu: %s", expected->line, rc, error.column, error.length,
			 error.message);
}

static void assert_errors(const struct error_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_error(&cases[i]);
}

static void a_line_needs_a_verb_an_argument_and_nothing_more(void **state)
{
	static const struct error_case cases[] = {
		{ "permit a", 0, 6, "allow, deny, listen, dns or mode" },
		{ " github.com:22", 1, 13, "allow, deny, listen, dns or mode" },
		{ "allowx", 0, 6, "allow, deny, listen, dns or mode" },
		{ "allow", 5, 1, "allow needs a destination" },
		{ "deny \t", 6, 1, "deny needs a destination" },
		{ "listen # 80", 7, 1, "listen needs ports" },
		{ "dns\r", 3, 1, "dns needs the address" },
		{ "mode", 4, 1, "mode needs enforce or audit" },
		{ "allow 10.0.0.1 b c", 15, 3, "nothing else" },
		{ "allow any b", 10, 1, "nothing else" },
		{ "deny a b c", 7, 3, "nothing else" },
		{ "mode audit now", 11, 3, "nothing else" },
		{ "allow a#b", 7, 1, "'#' begins a comment only after a blank" },
		{ "allow a:22#b", 10, 1, "'#' begins a comment only after a blank" },
		{ "allow a:ssh#b", 11, 1, "'#' begins a comment only after a blank" },
		{ "allow a:22, 443", 11, 1, "without blanks, as in 22,443" },
		{ "allow *github.test:22", 6, 1, "'*' is a whole label: write *.github.test" },
		{ "allow a:*", 8, 1, "every port is meant if none is written" },
		{ "allow a.test b.test", 13, 6, "another destination is another rule" },
		{ "allow a.test/443", 13, 3, "ports follow ':'" },
		{ "allow a:22/tcp,udp", 11, 7, "udp or icmp; none means tcp and udp" },
		{ "allow *a*.test", 6, 1, "only at the beginning" },
		{ "allow **.test", 6, 1, "only at the beginning" },
		{ "# a\nallow b", 3, 1, "one line" },
		{ "allow a\r\r", 7, 1, "control character" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void a_name_takes_private_and_ttl_once_each(void **state)
{
	static const struct error_case cases[] = {
		{ "allow a b c", 8, 1, "only private and ttl SECONDS" },
		{ "allow a:22 443", 11, 3, "only private and ttl SECONDS" },
		{ "allow a ttl=300", 8, 7, "only private and ttl SECONDS" },
		{ "allow a private,ttl 5", 8, 11, "only private and ttl SECONDS" },
		{ "allow a ttl 300 s", 16, 1, "only private and ttl SECONDS" },
		{ "allow a private  private", 17, 7, "private is given twice" },
		{ "allow a ttl 5 private ttl 5", 22, 3, "ttl is given twice" },
		{ "allow a ttl", 11, 1, "ttl needs seconds" },
		{ "allow a ttl \t # 5", 14, 1, "ttl needs seconds" },
		{ "allow a ttl private", 12, 7, "seconds from 1 to 86400" },
		{ "allow a ttl 0", 12, 1, "seconds from 1 to 86400" },
		{ "allow a ttl 86401", 12, 5, "seconds from 1 to 86400" },
		{ "allow a ttl 18446744073709551617", 12, 20, "seconds from 1 to 86400" },
		{ "allow a ttl -5", 12, 2, "seconds from 1 to 86400" },
		{ "allow a ttl 5m", 12, 2, "seconds from 1 to 86400" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void nothing_but_a_name_that_is_allowed_takes_private_and_ttl(void **state)
{
	static const struct error_case cases[] = {
		{ "deny a private", 7, 7, "only a name that is allowed" },
		{ "deny *.a ttl 5", 9, 3, "only a name that is allowed" },
		{ "allow 10.0.0.1 private", 15, 7, "only a name that is allowed" },
		{ "allow 10.0.0.0/8:80 ttl 5", 20, 3, "only a name that is allowed" },
		{ "allow private private", 14, 7, "only a name that is allowed" },
		{ "allow any TTL 5", 10, 3, "only a name that is allowed" },
		{ "listen 80 private", 10, 7, "only a name that is allowed" },
		{ "dns 10.0.0.53 ttl 5", 14, 3, "only a name that is allowed" },
		{ "mode audit ttl", 11, 3, "only a name that is allowed" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void a_name_that_is_not_one_is_an_error(void **state)
{
	static const struct error_case cases[] = {
		{ "allow a..b", 8, 1, "empty" },
		{ "allow .a", 6, 1, "empty" },
		{ "allow .", 6, 1, "empty" },
		{ "allow a..", 8, 1, "empty" },
		{ "allow -a.b", 6, 1, "begin with '-'" },
		{ "allow a.b-", 9, 1, "end with '-'" },
		{ "allow a-.b", 7, 1, "end with '-'" },
		{ "allow a!b", 7, 1, "'!'" },
		{ "allow a,b", 7, 1, "another one is another rule" },
		{ "allow https://github.com/a", 6, 8, "no URL" },
		{ "allow a@b", 7, 1, "'@'" },
		{ "allow a\001b", 7, 1, "control" },
		{ "allow a\177", 7, 1, "control" },
		{ "allow m\303\274nchen.de", 7, 2, "A-label (xn--...)" },
		{ "allow \360\237\230\200", 6, 4, "A-label" },
		{ "allow a\033[31m", 7, 1, "control" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void a_star_stands_only_at_the_left(void **state)
{
	static const struct error_case cases[] = {
		{ "allow *", 6, 1, "any" },
		{ "allow *:443", 6, 1, "any" },
		{ "allow *.", 8, 1, "empty" },
		{ "allow a.*", 8, 1, "beginning" },
		{ "allow *a.b", 6, 1, "write *.a.b" },
		{ "allow *.*.b", 8, 1, "beginning" },
		{ "allow a.*.b", 8, 1, "beginning" },
		{ "allow **", 6, 1, "beginning" },
		{ "allow *.1.2.3.4", 8, 7, "looks like an address" },
		{ "allow *.example.org/8", 20, 1, "prefix length" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void what_looks_like_an_address_but_is_not_one_is_no_name(void **state)
{
	static const struct error_case cases[] = {
		{ "allow 256.1.1.1", 6, 9, "looks like" },
		{ "allow 10.0.0", 6, 6, "looks like" },
		{ "allow 10.0.0/24", 6, 6, "looks like" },
		{ "allow 1.2.3.4.", 6, 7, "looks like" },
		{ "allow 010.0.0.1", 6, 9, "looks like" },
		{ "allow 22", 6, 2, "looks like" },
		{ "allow a.7:80", 6, 3, "looks like" },
		{ "allow 0x7f.1", 6, 6, "looks like" },
		{ "allow 0X7f000001", 6, 10, "looks like" },
		{ "allow a.0x", 6, 4, "looks like" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void an_address_that_cannot_be_meant_is_an_error(void **state)
{
	static const struct error_case cases[] = {
		{ "allow 2001:db8::g", 6, 11, "not an IPv6 address" },
		{ "allow 1::2::3", 6, 7, "not an IPv6 address" },
		{ "allow 2001:db8::1:https", 6, 17, "[2001:db8::1]:443" },
		{ "allow 2001:db8::/32:443", 19, 4, "[2001:db8::/32]:443" },
		{ "allow fe80::1%eth0", 13, 5, "scope ids" },
		{ "allow [fe80::1%2]:22", 14, 2, "scope ids" },
		{ "allow [2001:db8::1", 6, 1, "']'" },
		{ "allow [", 6, 1, "']'" },
		{ "allow []:22", 7, 1, "only an IPv6" },
		{ "allow [198.51.100.7]:22", 7, 12, "only an IPv6" },
		{ "allow [github.com]:22", 7, 10, "only an IPv6" },
		{ "allow [::1]22", 11, 2, ":PORTS" },
		{ "allow [::1", 6, 1, "']'" },
		{ "allow 0.0.0.0", 6, 7, "0.0.0.0/0 for every IPv4" },
		{ "allow 0.0.0.0/32:22", 6, 7, "localhost" },
		{ "allow ::ffff:0.0.0.0", 6, 14, "localhost" },
		{ "deny ::", 5, 2, "::/0 for every IPv6" },
		{ "deny [::]:22", 6, 2, "localhost" },
		{ "allow :22", 6, 1, "any" },
		{ "allow /24", 6, 1, "any" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void a_prefix_length_belongs_to_the_address(void **state)
{
	static const struct error_case cases[] = {
		{ "allow 198.51.100.7/24", 6, 12, "did you mean 198.51.100.0/24?" },
		{ "allow 198.51.100.0/33", 19, 2, "0 to 32" },
		{ "allow 198.51.100.0/8x", 19, 2, "0 to 32" },
		{ "allow 198.51.100.0/99999999999999999999", 19, 20, "0 to 32" },
		{ "allow 10.0.0.1/0", 6, 8, "0.0.0.0/0?" },
		{ "allow 2001:db8::1/64", 6, 11, "2001:db8::/64?" },
		{ "allow 2001:db8::/129", 17, 3, "0 to 128" },
		{ "allow [2001:db8::/x]", 18, 1, "0 to 128" },
		{ "allow [2001:db8::/]", 18, 1, "0 to 128" },
		{ "allow [2001:db8::/32]/32", 22, 2, "twice" },
		{ "allow ::ffff:0:0/90", 6, 10, "::ffc0:0:0/90?" },
		{ "allow ::ffff:198.51.100.7/120", 6, 19, "198.51.100.0/24?" },
		{ "allow github.com/24", 17, 2, "only an address" },
		{ "allow localhost/8", 16, 1, "only an address" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void ports_that_are_none_are_errors_at_the_item(void **state)
{
	static const struct error_case cases[] = {
		{ "allow a:", 8, 1, "missing" },
		{ "allow a:/tcp", 8, 1, "missing" },
		{ "allow a:22,", 11, 1, "missing" },
		{ "allow a:22,/tcp", 11, 1, "missing" },
		{ "allow a:,22", 8, 1, "missing" },
		{ "allow a:22,,23", 11, 1, "missing" },
		{ "allow a:22, 23", 11, 1, "missing" },
		{ "allow a:0", 8, 1, "1 to 65535" },
		{ "allow a:22,65536", 11, 5, "1 to 65535" },
		{ "allow a:4294967318", 8, 10, "1 to 65535" },
		{ "allow a:18446744073709551638", 8, 20, "1 to 65535" },
		{ "allow a:0-5", 8, 1, "1 to 65535" },
		{ "allow a:5-65536", 10, 5, "1 to 65535" },
		{ "allow a:22-", 8, 3, "\"22-\"" },
		{ "allow a:-22", 8, 3, "\"-22\"" },
		{ "allow a:1-2-3", 8, 5, "\"1-2-3\"" },
		{ "allow a:22,nosuchservice", 11, 13, "\"nosuchservice\" in /etc/services" },
		{ "allow a:nosuchservice/udp", 8, 13, "for udp" },
		{ "allow x:22:23", 8, 5, "not a port" },
		{ "allow abcde:22:23", 12, 5, "not a port" },
		{ "allow a:\303\274", 8, 2, "not a port" },
		{ "allow a:\033[m", 8, 3, "not a port" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void a_range_that_ends_before_it_starts_is_an_error(void **state)
{
	static const struct error_case cases[] = {
		{ "allow a:443,8100-8000", 12, 9, "ends before it starts" },
		{ "listen 2-1", 7, 3, "ends before it starts" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void a_protocol_is_tcp_udp_or_icmp(void **state)
{
	static const struct error_case cases[] = {
		{ "allow a/sctp", 8, 4, "tcp, udp or icmp" },
		{ "allow a:22/", 11, 1, "tcp, udp or icmp" },
		{ "allow a/", 8, 1, "tcp, udp or icmp" },
		{ "allow a:22/24", 11, 2, "tcp, udp or icmp" },
		{ "allow a/tcp/udp", 8, 7, "tcp, udp or icmp" },
		{ "allow a/icmpv6", 8, 6, "tcp, udp or icmp" },
		{ "allow a/tcp:22", 11, 3, "before the protocol" },
		{ "listen 80/tcpx", 10, 4, "listen is tcp or udp" },
		{ "listen 80/icmp", 10, 4, "listen is tcp or udp" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void icmp_has_no_ports(void **state)
{
	static const struct error_case cases[] = {
		{ "allow a:22/icmp", 8, 2, "icmp has no ports" },
		{ "deny a:1-65535,x/icmp", 7, 9, "icmp has no ports" },
		{ "allow 198.51.100.0/24:7/icmp", 22, 1, "icmp has no ports" },
		{ "allow [2001:db8::1]:7/icmp", 20, 1, "icmp has no ports" },
		{ "allow a:/icmp", 8, 1, "icmp has no ports" },
		{ "allow a/icmp:22", 12, 3, "before the protocol" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void listen_takes_ports_alone(void **state)
{
	static const struct error_case cases[] = {
		{ "listen any", 7, 3, "ports alone" },
		{ "listen /tcp", 7, 1, "missing" },
		{ "listen 127.0.0.1:80", 7, 12, "ports alone" },
		{ "listen [::1]:80", 7, 8, "ports alone" },
		{ "listen :80", 7, 3, "ports alone" },
		{ "listen 80,", 10, 1, "missing" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void dns_takes_one_address(void **state)
{
	static const struct error_case cases[] = {
		{ "dns 10.0.0.53:53", 14, 2, "port 53" },
		{ "dns [::1]:53", 10, 2, "port 53" },
		{ "dns 10.0.0.0/8", 13, 1, "not a prefix" },
		{ "dns 10.0.0.53/udp", 14, 3, "both udp and tcp" },
		{ "dns ns.example.org", 4, 14, "address of a resolver" },
		{ "dns localhost", 4, 9, "address of a resolver" },
		{ "dns 10.0.0.53,10.0.0.54", 4, 19, "address of a resolver" },
		{ "dns fe80::1%eth0", 11, 5, "scope ids" },
		{ "dns 0.0.0.0", 4, 7, "127.0.0.1" },
		{ "dns 10.0.0.53 10.0.0.54", 14, 9, "nothing else" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

static void a_mode_is_enforce_or_audit(void **state)
{
	static const struct error_case cases[] = {
		{ "mode off", 5, 3, "enforce or audit" },
	};

	(void)state;
	assert_errors(cases, ARRAY_SIZE(cases));
}

/* The caller frees it. */
static char *printed(const char *source, size_t line, const char *text, size_t column,
		     size_t length)
{
	struct rule_error error = { column, length, "wrong\033[2J" };
	size_t size;
	char *output;
	FILE *out = open_memstream(&output, &size);

	rule_error_print(out, source, line, text, text ? strlen(text) : 0, &error);
	fclose(out);
	return output;
}

static void an_error_is_shown_with_its_line_and_a_caret(void **state)
{
	_cleanup_free_ char *file = printed("web.policy", 3, "allow a:22,x", 11, 1);
	_cleanup_free_ char *option = printed("--allow", 0, "a:8100-8000", 2, 9);
	_cleanup_free_ char *end = printed("--allow", 0, "a:", 2, 1);
	_cleanup_free_ char *whole = printed("web.policy", 0, NULL, 0, 1);

	(void)state;
	assert_string_equal(file, "web.policy:3:12: wrong\\x1b[2J\n"
				  "    allow a:22,x\n"
				  "               ^\n");
	assert_string_equal(option, "--allow:3: wrong\\x1b[2J\n"
				    "    a:8100-8000\n"
				    "      ^~~~~~~~~\n");
	assert_string_equal(end, "--allow:3: wrong\\x1b[2J\n"
				 "    a:\n"
				 "      ^\n");
	assert_string_equal(whole, "web.policy: wrong\\x1b[2J\n");
}

static void what_a_terminal_would_obey_is_escaped_and_the_caret_moves_with_it(void **state)
{
	_cleanup_free_ char *text = printed("a\nb", 1, "\tallow \033\303\274x y", 7, 3);

	(void)state;
	assert_string_equal(text, "a\\x0ab:1:8: wrong\\x1b[2J\n"
				  "     allow \\x1b\\xc3\\xbcx y\n"
				  "           ^~~~~~~~~~~~\n");
}

static void a_long_line_is_cut_around_the_place(void **state)
{
	static const size_t columns[] = { 0, 1, 50, 91, 92, 150, 199, 200 };
	char line[201];

	(void)state;
	memset(line, 'a', sizeof(line));
	line[200] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		_cleanup_free_ char *text = NULL;
		char *shown, *caret;

		line[columns[i]] = columns[i] < 200 ? 'X' : '\0';
		text = printed("f", 1, line, columns[i], 1000);
		line[columns[i]] = columns[i] < 200 ? 'a' : '\0';
		shown = strchr(text, '\n') + 1;
		caret = strchr(shown, '\n') + 1;
		assert_true(caret - shown <= 97);
		assert_true(strlen(caret) <= 97);
		if (columns[i] < 200)
			assert_int_equal(shown[strcspn(caret, "^")], 'X');
		assert_int_equal(!!strstr(shown, "   ..."), columns[i] > 40);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_needs_a_verb_an_argument_and_nothing_more),
		cmocka_unit_test(a_name_takes_private_and_ttl_once_each),
		cmocka_unit_test(nothing_but_a_name_that_is_allowed_takes_private_and_ttl),
		cmocka_unit_test(a_name_that_is_not_one_is_an_error),
		cmocka_unit_test(a_star_stands_only_at_the_left),
		cmocka_unit_test(what_looks_like_an_address_but_is_not_one_is_no_name),
		cmocka_unit_test(an_address_that_cannot_be_meant_is_an_error),
		cmocka_unit_test(a_prefix_length_belongs_to_the_address),
		cmocka_unit_test(ports_that_are_none_are_errors_at_the_item),
		cmocka_unit_test(a_range_that_ends_before_it_starts_is_an_error),
		cmocka_unit_test(a_protocol_is_tcp_udp_or_icmp),
		cmocka_unit_test(icmp_has_no_ports),
		cmocka_unit_test(listen_takes_ports_alone),
		cmocka_unit_test(dns_takes_one_address),
		cmocka_unit_test(a_mode_is_enforce_or_audit),
		cmocka_unit_test(an_error_is_shown_with_its_line_and_a_caret),
		cmocka_unit_test(what_a_terminal_would_obey_is_escaped_and_the_caret_moves_with_it),
		cmocka_unit_test(a_long_line_is_cut_around_the_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
