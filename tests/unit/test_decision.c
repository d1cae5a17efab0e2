// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>

#include "decision_samples.h"

static void assert_text(const struct cgf_decision *decision, struct decision_context context,
			const char *expected)
{
	char text[DECISION_TEXT_BYTES];

	if (context.times == 0)
		context.times = 1;
	assert_int_equal(decision_format(decision, &context, text, sizeof(text)), strlen(expected));
	assert_string_equal(text, expected);
}

static const struct decision_context plain;

static void a_repeated_denial_tells_name_process_and_count(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "203.0.113.9", 443, "curl", 123);
	struct decision_context context = { .name = "evil.test", .times = 3 };

	(void)state;
	assert_text(&decision, context,
		    "cgfence: denied tcp evil.test? 203.0.113.9:443 by curl[123], 3 times");
}

static void a_single_denial_has_no_count(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_UDP, "198.51.100.9", 443, "curl", 9);

	(void)state;
	assert_text(&decision, plain, "cgfence: denied udp 198.51.100.9:443 by curl[9]");
	decision.hook = CGF_HOOK_SENDMSG;
	assert_text(&decision, plain, "cgfence: denied udp 198.51.100.9:443 by curl[9]");
}

static void audit_mode_would_deny_and_ipv6_is_in_brackets(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "2001:db8::9", 443, "node", 77);

	(void)state;
	decision.verdict = CGF_ALLOW;
	decision.family = AF_INET6;
	assert_text(&decision, plain, "cgfence: would deny tcp [2001:db8::9]:443 by node[77]");
}

static void a_deny_rule_is_quoted_if_its_text_is_known(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "169.254.169.254", 80, "curl", 5);
	struct decision_context context = { .rule = "deny 169.254.169.254" };

	(void)state;
	decision.reason = CGF_REASON_DENY_RULE;
	assert_text(
		&decision, context,
		"cgfence: denied tcp 169.254.169.254:80 by curl[5] (rule: deny 169.254.169.254)");
	assert_text(&decision, plain,
		    "cgfence: denied tcp 169.254.169.254:80 by curl[5] (a deny rule)");
	context.times = 2;
	assert_text(&decision, context,
		    "cgfence: denied tcp 169.254.169.254:80 by curl[5], 2 times "
		    "(rule: deny 169.254.169.254)");
}

static void a_rule_is_not_quoted_for_another_reason(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_UDP, "198.51.100.9", 53, "dig", 5);
	struct decision_context context = { .rule = "deny 192.0.2.1" };

	(void)state;
	decision.reason = CGF_REASON_NOT_A_RESOLVER;
	assert_text(&decision, context,
		    "cgfence: denied udp 198.51.100.9:53 by dig[5] (not a resolver of this fence)");
}

static void an_answer_that_has_run_out_is_told(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "198.51.100.9", 22, "ssh", 5);
	struct decision_context context = { .name = "github.test" };

	(void)state;
	decision.reason = CGF_REASON_EXPIRED;
	assert_text(&decision, context,
		    "cgfence: denied tcp github.test? 198.51.100.9:22 by ssh[5] "
		    "(address of an answer that has run out)");
}

static void a_fence_without_a_policy_is_told(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "198.51.100.9", 22, "ssh", 5);

	(void)state;
	decision.reason = CGF_REASON_NO_POLICY;
	assert_text(&decision, plain,
		    "cgfence: denied tcp 198.51.100.9:22 by ssh[5] (the fence has no policy)");
}

static void a_socket_is_told_by_family_type_and_protocol(void **state)
{
	struct cgf_decision decision = a_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	(void)state;
	assert_text(&decision, plain,
		    "cgfence: denied socket inet raw icmp by ping[12] "
		    "(only tcp and udp sockets can be fenced)");
	decision = a_socket(AF_INET6, SOCK_SEQPACKET, IPPROTO_SCTP);
	decision.verdict = CGF_ALLOW;
	assert_text(&decision, plain,
		    "cgfence: would deny socket inet6 seqpacket sctp by ping[12] "
		    "(only tcp and udp sockets can be fenced)");
}

static void what_has_no_name_is_a_number(void **state)
{
	struct cgf_decision decision = a_socket(200, 10, 65535);

	(void)state;
	assert_text(&decision, plain,
		    "cgfence: denied socket 200 10 65535 by ping[12] "
		    "(only tcp and udp sockets can be fenced)");
}

static void a_family_that_no_hook_sees_has_its_name(void **state)
{
	struct cgf_decision decision = a_socket(AF_VSOCK, SOCK_STREAM, 0);

	(void)state;
	decision.reason = CGF_REASON_SOCKET_FAMILY;
	assert_text(&decision, plain,
		    "cgfence: denied socket vsock stream 0 by ping[12] "
		    "(sockets of this family cannot be fenced)");
}

static void a_port_that_may_not_be_served_is_told(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "0.0.0.0", 8080, "nc", 7);

	(void)state;
	decision.hook = CGF_HOOK_BIND;
	decision.reason = CGF_REASON_NO_LISTEN;
	assert_text(&decision, plain,
		    "cgfence: denied bind tcp 0.0.0.0:8080 by nc[7] "
		    "(no listen rule for the port)");
}

static void packets_have_no_process(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "203.0.113.9", 40112, "", 0);

	(void)state;
	decision.hook = CGF_HOOK_INGRESS;
	decision.reason = CGF_REASON_NO_LISTEN;
	decision.local_port = 34567;
	assert_text(&decision, plain,
		    "cgfence: denied inbound tcp 203.0.113.9:40112 to port 34567 "
		    "(no listen rule for the port)");
	decision.hook = CGF_HOOK_EGRESS;
	decision.reason = CGF_REASON_NO_RULE;
	assert_text(&decision, plain, "cgfence: denied packet tcp 203.0.113.9:40112");
}

static void what_has_no_ports_is_told_without(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_ICMPV6, "2001:db8::9", 0, "", 0);

	(void)state;
	decision.hook = CGF_HOOK_EGRESS;
	assert_text(&decision, plain, "cgfence: denied packet icmpv6 2001:db8::9");
}

static void a_socket_option_is_told_by_level_and_number(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_UDP, "::", 0, "ping6", 8);

	(void)state;
	decision.hook = CGF_HOOK_SETSOCKOPT;
	decision.reason = CGF_REASON_OPTION;
	decision.option_level = IPPROTO_IPV6;
	decision.option = 57;
	assert_text(&decision, plain,
		    "cgfence: denied setsockopt ipv6 option 57 by ping6[8] "
		    "(it would send what the fence cannot judge)");
}

static void protocols_have_their_usual_names(void **state)
{
	static const struct {
		uint16_t number;
		const char *name;
	} expected[] = {
		{ 1, "icmp" },	{ 2, "igmp" },	  { 6, "tcp" },	   { 17, "udp" },
		{ 33, "dccp" }, { 41, "ipv6" },	  { 47, "gre" },   { 50, "esp" },
		{ 51, "ah" },	{ 58, "icmpv6" }, { 132, "sctp" }, { 136, "udplite" },
		{ 255, "raw" }, { 262, "mptcp" }, { 253, "253" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		struct cgf_decision decision = a_decision(expected[i].number, "192.0.2.1", 1, "a",
							  1);
		char text[DECISION_TEXT_BYTES];

		snprintf(text, sizeof(text), "cgfence: denied %s 192.0.2.1:1 by a[1]",
			 expected[i].name);
		assert_text(&decision, plain, text);
	}
}

static void a_refused_question_is_told_by_name_and_type(void **state)
{
	struct question question = A_QUESTION("\4evil\7example", 1);
	struct decision_context context = { .question = &question, .times = 2 };
	struct cgf_decision decision = a_refused_question(123);

	(void)state;
	assert_text(&decision, context,
		    "cgfence: denied question evil.example (A) by curl[123], 2 times");
	decision = a_refused_question(0);
	question.type = 65280;
	context.times = 1;
	assert_text(&decision, context, "cgfence: denied question evil.example (TYPE65280)");
	context.rule = "deny *.example";
	assert_text(&decision, context,
		    "cgfence: denied question evil.example (TYPE65280) (rule: deny *.example)");
	context.rule = NULL;
	decision.verdict = CGF_ALLOW;
	context.color = true;
	assert_text(&decision, context,
		    "cgfence: \x1b[33mwould deny\x1b[0m question \x1b[1mevil.example\x1b[0m "
		    "(TYPE65280)");
}

static void a_question_that_cannot_be_read_is_a_packet(void **state)
{
	struct cgf_decision decision = a_refused_question(0);

	(void)state;
	assert_text(&decision, plain,
		    "cgfence: denied packet udp 192.0.2.53:53 (no rule has the name that it asks "
		    "for)");
}

static void the_name_of_a_tunnel_is_escaped_and_cut(void **state)
{
	char labels[65] = "\77", text[DECISION_TEXT_BYTES];
	struct cgf_decision decision = a_refused_question(0);
	struct question question;
	struct decision_context context = { .question = &question, .times = 1 };

	(void)state;
	memset(labels + 1, 0x1b, 63);
	memset(labels + 1, '.', 2);
	question = a_question(labels, sizeof(labels), 16);
	assert_in_range(decision_format(&decision, &context, text, sizeof(text)), 1, 252 + 64);
	assert_non_null(strstr(text, " question \\x2e\\x2e\\x1b\\x1b"));
	question = a_question("\1a", 3, 16);
	memset(question.name.bytes + 1, 0xff, 63);
	question.name.bytes[0] = 63;
	memcpy(question.name.bytes + 64, question.name.bytes, 64);
	question.name.bytes[128] = 0;
	question.name.length = 129;
	assert_in_range(decision_format(&decision, &context, text, sizeof(text)), 256, 256 + 64);
	assert_non_null(strstr(text, "... (TXT)"));
}

static void color_marks_the_verdict_and_the_destination(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "192.0.2.1", 22, "ssh", 5);
	struct decision_context context = { .name = "a.test", .color = true };

	(void)state;
	assert_text(
		&decision, context,
		"cgfence: \x1b[31mdenied\x1b[0m tcp \x1b[1ma.test? 192.0.2.1:22\x1b[0m by ssh[5]");
	decision.verdict = CGF_ALLOW;
	context.name = NULL;
	assert_text(&decision, context,
		    "cgfence: \x1b[33mwould deny\x1b[0m tcp \x1b[1m192.0.2.1:22\x1b[0m by ssh[5]");
}

static void a_hostile_comm_is_escaped(void **state)
{
	static const struct {
		const char *comm;
		const char *text;
	} cases[] = {
		{ "a\nb", "a\\x0ab" },
		{ "a\x1b[31mb", "a\\x1b[31mb" },
		{ "a\\x0ab", "a\\x5cx0ab" },
		{ "\x1f ~", "\\x1f ~" },
		{ "\x7f\x9b\xff", "\\x7f\\x9b\\xff" },
		{ "h\xc3\xa9", "h\\xc3\\xa9" },
		{ "a b\"'%s", "a b\"'%s" },
		{ "", "" },
		{ "0123456789abcde", "0123456789abcde" },
		{ "0123456789abcdef", "0123456789abcdef" },
		{ "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", "\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x0"
						      "1\\x01\\x01\\x01\\x01\\x01\\x01\\x01" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cgf_decision decision = a_decision(IPPROTO_TCP, "192.0.2.1", 1,
							  cases[i].comm, 1);
		char text[DECISION_TEXT_BYTES];

		snprintf(text, sizeof(text), "cgfence: denied tcp 192.0.2.1:1 by %s[1]",
			 cases[i].text);
		assert_text(&decision, plain, text);
	}
}

static void a_hostile_name_and_rule_are_escaped(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "192.0.2.1", 1, "a", 1);
	struct decision_context context = { .name = "a\r.test\x80", .rule = "deny \x1b]0;x\a" };

	(void)state;
	decision.reason = CGF_REASON_DENY_RULE;
	assert_text(&decision, context,
		    "cgfence: denied tcp a\\x0d.test\\x80? 192.0.2.1:1 by a[1] "
		    "(rule: deny \\x1b]0;x\\x07)");
}

static void the_longest_name_is_whole(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "192.0.2.1", 1, "a", 1);
	char name[CGF_NAME_BYTES_MAX + 1] = { 0 }, text[DECISION_TEXT_BYTES];

	(void)state;
	memset(name, 'n', CGF_NAME_BYTES_MAX);
	snprintf(text, sizeof(text), "cgfence: denied tcp %s? 192.0.2.1:1 by a[1]", name);
	assert_text(&decision, (struct decision_context){ .name = name }, text);
}

static void the_longest_line_fits_and_what_is_cut_says_so(void **state)
{
	struct cgf_decision decision = a_decision(65535, "2001:db8:1111:1111:1111:1111:1111:1111",
						  65535, "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1",
						  UINT32_MAX);
	char many[CGF_LINE_BYTES_MAX] = { 0 }, text[DECISION_TEXT_BYTES];
	struct decision_context context = {
		.name = many, .rule = many, .times = UINT64_MAX, .color = true
	};
	int length;

	(void)state;
	memset(many, 'n', sizeof(many) - 1);
	decision.verdict = CGF_ALLOW;
	decision.reason = CGF_REASON_DENY_RULE;
	length = decision_format(&decision, &context, text, sizeof(text));
	assert_in_range(length, 700, sizeof(text) - 1);
	assert_int_equal(length, strlen(text));
	assert_non_null(strstr(text, "nnn...? ["));
	assert_non_null(strstr(text, ", 18446744073709551615 times (rule: nnn"));
	assert_string_equal(text + length - 7, "nnn...)");
}

static void a_buffer_that_is_too_small_is_an_error_and_not_overrun(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "192.0.2.1", 22, "ssh", 5);
	struct decision_context context = { .name = "a.test", .times = 2 };
	char whole[DECISION_TEXT_BYTES];
	int length = decision_format(&decision, &context, whole, sizeof(whole));

	(void)state;
	assert_true(length > 0);
	for (size_t size = 0; size <= (size_t)length + 1; size++) {
		/* Of the heap, for the sanitizer and valgrind to see its end. */
		_cleanup_free_ char *text = malloc(size ? size : 1);

		assert_int_equal(decision_format(&decision, &context, text, size),
				 size > (size_t)length ? length : -ENOSPC);
		assert_memory_equal(text, whole, size ? size - 1 : 0);
	}
}

static void every_value_has_a_word_and_no_other_crashes(void **state)
{
	(void)state;
	assert_string_equal(cgf_verdict_to_string(CGF_DENY), "deny");
	assert_string_equal(cgf_verdict_to_string(CGF_ALLOW), "allow");
	assert_string_equal(cgf_hook_to_string(CGF_HOOK_CONNECT), "connect");
	assert_string_equal(cgf_hook_to_string(CGF_HOOK_SENDMSG), "sendmsg");
	assert_string_equal(cgf_hook_to_string(CGF_HOOK_SOCKET), "socket");
	assert_string_equal(cgf_reason_to_string(CGF_REASON_NO_RULE), "no_rule");
	assert_string_equal(cgf_reason_to_string(CGF_REASON_DENY_RULE), "deny_rule");
	assert_string_equal(cgf_reason_to_string(CGF_REASON_EXPIRED), "expired");
	assert_string_equal(cgf_reason_to_string(CGF_REASON_NOT_A_RESOLVER), "not_a_resolver");
	assert_string_equal(cgf_reason_to_string(CGF_REASON_SOCKET_TYPE), "socket_type");
	assert_string_equal(cgf_reason_to_string(CGF_REASON_NO_POLICY), "no_policy");
	assert_string_equal(cgf_verdict_to_string(2), "unknown");
	assert_string_equal(cgf_hook_to_string(CGF_HOOK_COUNT), "unknown");
	assert_string_equal(cgf_reason_to_string(255), "unknown");
}

static void a_record_of_a_newer_kernel_side_is_told_all_the_same(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "192.0.2.1", 1, "a", 1);

	(void)state;
	decision.hook = 200;
	decision.reason = 200;
	assert_text(&decision, plain, "cgfence: denied tcp 192.0.2.1:1 by a[1] (unknown)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_repeated_denial_tells_name_process_and_count),
		cmocka_unit_test(a_single_denial_has_no_count),
		cmocka_unit_test(audit_mode_would_deny_and_ipv6_is_in_brackets),
		cmocka_unit_test(a_deny_rule_is_quoted_if_its_text_is_known),
		cmocka_unit_test(a_rule_is_not_quoted_for_another_reason),
		cmocka_unit_test(an_answer_that_has_run_out_is_told),
		cmocka_unit_test(a_fence_without_a_policy_is_told),
		cmocka_unit_test(a_socket_is_told_by_family_type_and_protocol),
		cmocka_unit_test(what_has_no_name_is_a_number),
		cmocka_unit_test(a_family_that_no_hook_sees_has_its_name),
		cmocka_unit_test(a_port_that_may_not_be_served_is_told),
		cmocka_unit_test(packets_have_no_process),
		cmocka_unit_test(what_has_no_ports_is_told_without),
		cmocka_unit_test(a_refused_question_is_told_by_name_and_type),
		cmocka_unit_test(a_question_that_cannot_be_read_is_a_packet),
		cmocka_unit_test(the_name_of_a_tunnel_is_escaped_and_cut),
		cmocka_unit_test(a_socket_option_is_told_by_level_and_number),
		cmocka_unit_test(protocols_have_their_usual_names),
		cmocka_unit_test(color_marks_the_verdict_and_the_destination),
		cmocka_unit_test(a_hostile_comm_is_escaped),
		cmocka_unit_test(a_hostile_name_and_rule_are_escaped),
		cmocka_unit_test(the_longest_name_is_whole),
		cmocka_unit_test(the_longest_line_fits_and_what_is_cut_says_so),
		cmocka_unit_test(a_buffer_that_is_too_small_is_an_error_and_not_overrun),
		cmocka_unit_test(every_value_has_a_word_and_no_other_crashes),
		cmocka_unit_test(a_record_of_a_newer_kernel_side_is_told_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
