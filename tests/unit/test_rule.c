// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "rule.h"
#include "rule_equal.h"
#include "util.h"

/* The caller finishes the rule. */
static struct rule parsed(const char *line)
{
	struct rule_error error;
	struct rule rule;

	if (rule_parse_line(line, &rule, &error) != 1)
		fail_msg("%s: %zu: %s", line, error.column, error.message);
	return rule;
}

static void assert_canonical(const char *line, const char *canonical)
{
	_cleanup_(rule_finish) struct rule rule = parsed(line), again = { 0 };
	char text[CGF_LINE_BYTES_MAX], text_again[CGF_LINE_BYTES_MAX];

	assert_int_equal(rule_format(&rule, text, sizeof(text)), strlen(canonical));
	assert_string_equal(text, canonical);
	again = parsed(text);
	assert_true(rule_equal(&rule, &again));
	rule_format(&again, text_again, sizeof(text_again));
	assert_string_equal(text_again, text);
}

static void canonical_lines_are_written_as_they_were_read(void **state)
{
	static const char *const lines[] = {
		"allow github.com",
		"allow github.com:22",
		"allow github.com:22,443/tcp",
		"allow github.com/udp",
		"allow github.com/icmp",
		"deny *.github.com/icmp",
		"allow any/icmp",
		"allow 198.51.100.7/icmp",
		"allow 198.51.100.0/24/icmp",
		"allow 2001:db8::/32/icmp",
		"deny github.com",
		"deny github.com/tcp",
		"deny github.com:8000-8100",
		"allow *.githubusercontent.com:443",
		"allow *.example.org/tcp",
		"allow xn--mnchen-3ya.de",
		"allow _dns.resolver_1.arpa",
		"allow a",
		"allow 4chan.example",
		"allow 1.2.3.4a",
		"allow 0xzz",
		"allow 198.51.100.0/24:5432/tcp",
		"allow 198.51.100.7",
		"allow 198.51.100.7:22",
		"allow 198.51.100.0/24/udp",
		"allow 0.0.0.0/0",
		"allow 0.0.0.0/1",
		"allow 2001:db8::1",
		"allow 2001:db8::1/tcp",
		"allow 2001:db8::/32",
		"allow 2001:db8::/32/udp",
		"allow [2001:db8::1]:443",
		"allow [2001:db8::/32]:443/tcp",
		"allow ::/0",
		"allow [::/0]:443",
		"allow ::1.2.3.4",
		"allow any",
		"allow any:53/udp",
		"allow localhost:8080",
		"allow private/tcp",
		"deny link-local",
		"deny multicast",
		"allow private.",
		"allow localhost.:80",
		"allow *.private",
		"allow intranet.example:443 private",
		"allow intranet.example private ttl 86400",
		"allow *.cdn.example:443/tcp ttl 1",
		"allow *.cdn.example/icmp private ttl 300",
		"allow private. private",
		"deny 169.254.169.254",
		"listen 8080",
		"listen 8080/tcp",
		"listen 80,443,8000-8100/udp",
		"dns 10.0.0.53",
		"dns 2001:db8::53",
		"mode audit",
		"mode enforce",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_canonical(lines[i], lines[i]);
}

static void what_a_person_may_write_has_one_canonical_form(void **state)
{
	static const struct {
		const char *line, *canonical;
	} cases[] = {
		{ "\t allow \t GitHub.COM.:22 \t# a name", "allow github.com:22" },
		{ "ALLOW github.com:22/TCP", "allow github.com:22/tcp" },
		{ "allow gitlab.com:ssh,https/tcp", "allow gitlab.com:22,443/tcp" },
		{ "allow gitlab.com:443,22,22-22", "allow gitlab.com:22,22,443" },
		{ "allow a:https,80-90,80/tcp", "allow a:80,80-90,443/tcp" },
		{ "listen 8080,22", "listen 22,8080" },
		{ "allow a:0080", "allow a:80" },
		{ "allow a:domain", "allow a:53" },
		{ "allow a:1-65535", "allow a:1-65535" },
		{ "allow *.Example.ORG.", "allow *.example.org" },
		{ "allow LocalHost:80", "allow localhost:80" },
		{ "allow Link-Local", "allow link-local" },
		{ "allow 198.51.100.7/32", "allow 198.51.100.7" },
		{ "allow [2001:DB8::1]", "allow 2001:db8::1" },
		{ "allow [2001:db8::1]/128", "allow 2001:db8::1" },
		{ "allow [2001:db8::]/32:443", "allow [2001:db8::/32]:443" },
		{ "allow [2001:db8::/32]/tcp", "allow 2001:db8::/32/tcp" },
		{ "allow [2001:db8::]/32/tcp", "allow 2001:db8::/32/tcp" },
		{ "allow ::ffff:198.51.100.7", "allow 198.51.100.7" },
		{ "allow [::ffff:198.51.100.0/120]:22", "allow 198.51.100.0/24:22" },
		{ "allow ::ffff:0:0/96", "allow 0.0.0.0/0" },
		{ "allow ::/90", "allow ::/90" },
		{ "allow [2001:db8::]/32/ICMP", "allow 2001:db8::/32/icmp" },
		{ "allow fc00::/7/udp", "allow fc00::/7/udp" },
		{ "allow a ttl 300 private", "allow a private ttl 300" },
		{ "allow a\t PRIVATE \t TTL\t0060 # c\r", "allow a private ttl 60" },
		{ "allow ttl. ttl 5", "allow ttl ttl 5" },
		{ "listen http", "listen 80" },
		{ "dns [2001:db8::53]", "dns 2001:db8::53" },
		{ "dns ::ffff:10.0.0.53", "dns 10.0.0.53" },
		{ "mode audit\r", "mode audit" },
		{ "allow a #b", "allow a" },
		{ "allow a\t#b # c\r", "allow a" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_canonical(cases[i].line, cases[i].canonical);
}

static void lines_without_a_rule_are_zero(void **state)
{
	static const char *const lines[] = { "", " \t ", "#", "\r", "# allow a", " \t# allow a\r" };
	struct rule_error error;
	struct rule rule;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(rule_parse_line(lines[i], &rule, &error), 0);
}

static void an_allow_rule_has_its_parts(void **state)
{
	_cleanup_(rule_finish) struct rule rule = parsed("allow *.Example.org:80,8000-8100/udp");

	(void)state;
	assert_int_equal(rule.verb, RULE_ALLOW);
	assert_int_equal(rule.destination, DESTINATION_WILDCARD);
	assert_string_equal(rule.name, "example.org");
	assert_int_equal(rule.protocols, RULE_UDP);
	assert_int_equal(rule.port_count, 2);
	assert_int_equal(rule.ports[0].first, 80);
	assert_int_equal(rule.ports[0].last, 80);
	assert_int_equal(rule.ports[1].first, 8000);
	assert_int_equal(rule.ports[1].last, 8100);
}

static void a_name_has_its_options(void **state)
{
	_cleanup_(rule_finish) struct rule both = parsed("allow *.Example.org:80 ttl 300 private");
	_cleanup_(rule_finish) struct rule one = parsed("allow example.org ttl 86400");
	_cleanup_(rule_finish) struct rule none = parsed("allow example.org");

	(void)state;
	assert_true(both.private_addresses);
	assert_int_equal(both.ttl_floor_s, 300);
	assert_false(one.private_addresses);
	assert_int_equal(one.ttl_floor_s, CGF_TTL_CEILING_S);
	assert_false(none.private_addresses);
	assert_int_equal(none.ttl_floor_s, 0);
}

static void what_is_left_out_is_not_restricted(void **state)
{
	_cleanup_(rule_finish) struct rule rule = parsed("allow private");

	(void)state;
	assert_int_equal(rule.verb, RULE_ALLOW);
	assert_int_equal(rule.destination, DESTINATION_WORD);
	assert_int_equal(rule.word, WORD_PRIVATE);
	assert_int_equal(rule.protocols, RULE_TCP | RULE_UDP);
	assert_int_equal(rule.port_count, 0);
}

static void icmp_is_meant_where_it_is_named_and_where_everything_is_denied(void **state)
{
	static const struct {
		const char *line;
		uint8_t protocols;
	} cases[] = {
		{ "allow a/icmp", RULE_ICMP },
		{ "deny a/icmp", RULE_ICMP },
		{ "deny a", RULE_TCP | RULE_UDP | RULE_ICMP },
		{ "deny *.a", RULE_TCP | RULE_UDP | RULE_ICMP },
		{ "deny 2001:db8::/32", RULE_TCP | RULE_UDP | RULE_ICMP },
		{ "deny any", RULE_TCP | RULE_UDP | RULE_ICMP },
		{ "deny a:22", RULE_TCP | RULE_UDP },
		{ "deny a/tcp", RULE_TCP },
		{ "allow a", RULE_TCP | RULE_UDP },
		{ "allow any", RULE_TCP | RULE_UDP },
		{ "listen 80", RULE_TCP | RULE_UDP },
		{ "dns 10.0.0.53", RULE_TCP | RULE_UDP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(rule_finish) struct rule rule = parsed(cases[i].line);

		assert_int_equal(rule.protocols, cases[i].protocols);
		assert_true(!(rule.protocols & RULE_ICMP) || !rule.port_count);
	}
}

static void listen_and_mode_have_no_destination_and_dns_has_an_address(void **state)
{
	_cleanup_(rule_finish) struct rule listen = parsed("listen 8080/tcp");
	_cleanup_(rule_finish) struct rule mode = parsed("mode audit");
	_cleanup_(rule_finish) struct rule dns = parsed("dns 10.0.0.53");

	(void)state;
	assert_int_equal(listen.destination, DESTINATION_NONE);
	assert_int_equal(listen.ports[0].first, 8080);
	assert_int_equal(mode.destination, DESTINATION_NONE);
	assert_int_equal(mode.mode, CGF_MODE_AUDIT);
	assert_int_equal(dns.destination, DESTINATION_PREFIX);
	assert_int_equal(dns.prefix.bits, 128);
}

static void ipv6_prefixes_that_cover_mapped_addresses_stay_ipv6(void **state)
{
	_cleanup_(rule_finish) struct rule rule = parsed("allow ::/0");
	struct address ipv4;

	(void)state;
	address_parse("198.51.100.7", &ipv4);
	assert_int_equal(rule.prefix.bits, 0);
	assert_false(prefix_contains(&rule.prefix, &ipv4));
}

static void the_command_line_has_the_same_grammar_without_the_verb(void **state)
{
	struct rule_error error;
	struct rule rule;

	(void)state;
	assert_int_equal(rule_parse(RULE_ALLOW, " github.com:22 ", &rule, &error), 0);
	assert_int_equal(rule.verb, RULE_ALLOW);
	assert_string_equal(rule.name, "github.com");
	rule_finish(&rule);
	assert_int_equal(rule_parse(RULE_ALLOW, "github.com ttl 9 private", &rule, &error), 0);
	assert_true(rule.private_addresses);
	assert_int_equal(rule.ttl_floor_s, 9);
	rule_finish(&rule);
	assert_int_equal(rule_parse(RULE_ALLOW, "github.com # no", &rule, &error), -EINVAL);
	assert_int_equal(error.column, 11);
}

static void a_failure_leaves_the_rule_as_it_was(void **state)
{
	struct rule rule, before;
	struct rule_error error;

	(void)state;
	memset(&rule, 0x55, sizeof(rule));
	before = rule;
	assert_int_equal(rule_parse(RULE_ALLOW, "a.example:22,x!", &rule, &error), -EINVAL);
	assert_int_equal(rule_parse(RULE_ALLOW, "a.example b", &rule, &error), -EINVAL);
	assert_int_equal(rule_parse(RULE_ALLOW, "a.example private ttl 0", &rule, &error), -EINVAL);
	assert_memory_equal(&rule, &before, sizeof(rule));
}

static void finish_is_safe_twice(void **state)
{
	struct rule rule = parsed("allow github.com:22"), zero = { 0 };

	(void)state;
	rule_finish(&rule);
	rule_finish(&rule);
	assert_true(rule_equal(&rule, &zero));
	assert_null(rule.name);
	assert_null(rule.ports);
}

static void labels_have_63_bytes_and_names_253(void **state)
{
	char label[] = "allow 123456789a123456789b123456789c123456789d123456789e123456789fabcd";
	char name[6 + 254 + 1] = "allow ";
	struct rule_error error;
	struct rule rule;

	(void)state;
	assert_int_equal(strlen(label), 6 + 64);
	assert_int_equal(rule_parse_line(label, &rule, &error), -EINVAL);
	assert_int_equal(error.column, 6);
	assert_int_equal(error.length, 64);
	label[6 + 63] = '\0';
	assert_canonical(label, label);

	for (size_t i = 6; i < 6 + 254; i++)
		name[i] = i % 2 ? '.' : 'a';
	name[6 + 253] = 'a';
	name[6 + 252] = 'a';
	assert_int_equal(rule_parse_line(name, &rule, &error), -EINVAL);
	assert_int_equal(error.length, 254);
	name[6 + 253] = '\0';
	assert_canonical(name, name);
}

static void sixty_four_ports_fit_and_their_line_too(void **state)
{
	char line[CGF_LINE_BYTES_MAX] = "allow [2001:db8:ffff:ffff:ffff:ffff:ffff:fffe/127]:1-2";
	struct rule_error error;
	struct rule rule;
	size_t length;

	(void)state;
	for (int i = 1; i < 64; i++)
		strcat(line, ",60000-65535");
	assert_canonical(line, line);
	length = strlen(line);
	strcat(line, ",7");
	assert_int_equal(rule_parse_line(line, &rule, &error), -EINVAL);
	assert_int_equal(error.column, length + 1);
	assert_int_equal(error.length, 1);
}

static void a_buffer_that_is_too_small_is_enospc(void **state)
{
	_cleanup_(rule_finish) struct rule rule = parsed("allow a.example:22/tcp");
	const size_t length = strlen("allow a.example:22/tcp");
	char text[64];

	(void)state;
	for (size_t size = 0; size <= length; size++) {
		memset(text, 0x55, sizeof(text));
		assert_int_equal(rule_format(&rule, text, size), -ENOSPC);
		assert_int_equal(text[size], 0x55);
	}
	assert_int_equal(rule_format(&rule, text, length + 1), length);
}

static void words_stand_for_their_prefixes(void **state)
{
	static const char *const expected[WORD_COUNT] = {
		[WORD_ANY] = "0.0.0.0/0 ::/0 ",
		[WORD_LOCALHOST] = "127.0.0.0/8 ::1 ",
		[WORD_PRIVATE] = "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 ",
		[WORD_LINK_LOCAL] = "169.254.0.0/16 fe80::/10 ",
		[WORD_MULTICAST] = "224.0.0.0/4 ff00::/8 ",
	};

	(void)state;
	for (enum rule_word word = 0; word < WORD_COUNT; word++) {
		const struct prefix *prefixes;
		size_t count = rule_word_prefixes(word, &prefixes);
		char all[256] = "", text[PREFIX_TEXT_BYTES];

		for (size_t i = 0; i < count; i++) {
			strcat(all, prefix_format(&prefixes[i], text));
			strcat(all, " ");
		}
		assert_string_equal(all, expected[word]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_lines_are_written_as_they_were_read),
		cmocka_unit_test(what_a_person_may_write_has_one_canonical_form),
		cmocka_unit_test(lines_without_a_rule_are_zero),
		cmocka_unit_test(an_allow_rule_has_its_parts),
		cmocka_unit_test(a_name_has_its_options),
		cmocka_unit_test(what_is_left_out_is_not_restricted),
		cmocka_unit_test(icmp_is_meant_where_it_is_named_and_where_everything_is_denied),
		cmocka_unit_test(listen_and_mode_have_no_destination_and_dns_has_an_address),
		cmocka_unit_test(ipv6_prefixes_that_cover_mapped_addresses_stay_ipv6),
		cmocka_unit_test(the_command_line_has_the_same_grammar_without_the_verb),
		cmocka_unit_test(a_failure_leaves_the_rule_as_it_was),
		cmocka_unit_test(finish_is_safe_twice),
		cmocka_unit_test(labels_have_63_bytes_and_names_253),
		cmocka_unit_test(sixty_four_ports_fit_and_their_line_too),
		cmocka_unit_test(a_buffer_that_is_too_small_is_enospc),
		cmocka_unit_test(words_stand_for_their_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
