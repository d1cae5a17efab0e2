// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "decision_samples.h"
#include "json.h"

static void assert_json(const struct cgf_decision *decision, struct decision_context context,
			const char *expected)
{
	_cleanup_free_ char *json = NULL;

	if (context.times == 0)
		context.times = 1;
	json = json_of_decision(decision, &context);
	assert_non_null(json);
	assert_string_equal(json, expected);
}

static const struct decision_context plain;

static void json_has_its_keys_in_a_stable_order(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "203.0.113.9", 443, "curl", 123);
	struct decision_context context = { .name = "evil.test", .times = 3 };

	(void)state;
	assert_json(&decision, context,
		    "{\"event\":\"decision\",\"time_ns\":1234567890123,\"verdict\":\"deny\","
		    "\"mode\":\"enforce\","
		    "\"hook\":\"connect\",\"protocol\":\"tcp\",\"address\":\"203.0.113.9\","
		    "\"port\":443,\"name\":\"evil.test\",\"reason\":\"no_rule\",\"rule\":null,"
		    "\"pid\":123,\"tid\":124,\"uid\":1000,\"comm\":\"curl\",\"times\":3}");
}

static void json_of_audit_mode_allows_and_says_so(void **state)
{
	struct cgf_decision decision = a_decision(253, "2001:db8::9", 65535, "x", UINT32_MAX - 1);
	struct decision_context context = { .rule = "deny 2001:db8::/32" };

	(void)state;
	decision.verdict = CGF_ALLOW;
	decision.hook = CGF_HOOK_SENDMSG;
	decision.reason = CGF_REASON_DENY_RULE;
	decision.uid = UINT32_MAX;
	assert_json(&decision, context,
		    "{\"event\":\"decision\",\"time_ns\":1234567890123,\"verdict\":\"allow\","
		    "\"mode\":\"audit\","
		    "\"hook\":\"sendmsg\",\"protocol\":\"253\",\"address\":\"2001:db8::9\","
		    "\"port\":65535,\"name\":null,\"reason\":\"deny_rule\","
		    "\"rule\":\"deny 2001:db8::/32\",\"pid\":4294967294,\"tid\":4294967295,"
		    "\"uid\":4294967295,\"comm\":\"x\",\"times\":1}");
}

static void json_of_a_socket_has_family_and_type_and_no_address(void **state)
{
	struct cgf_decision decision = a_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);

	(void)state;
	assert_json(
		&decision, plain,
		"{\"event\":\"decision\",\"time_ns\":1234567890123,\"verdict\":\"deny\",\"mode\":"
		"\"enforce\","
		"\"hook\":\"socket\",\"family\":\"inet6\",\"socket_type\":\"raw\","
		"\"protocol\":\"icmpv6\",\"name\":null,\"reason\":\"socket_type\",\"rule\":null,"
		"\"pid\":12,\"tid\":13,\"uid\":1000,\"comm\":\"ping\",\"times\":1}");
}

static void json_of_a_question_has_its_name_and_type(void **state)
{
	struct question question = A_QUESTION("\4\"\\\x1b.\7example", 28);
	struct cgf_decision decision = a_refused_question(0);

	(void)state;
	assert_json(&decision, (struct decision_context){ .question = &question },
		    "{\"event\":\"decision\",\"time_ns\":1234567890123,\"verdict\":\"deny\","
		    "\"mode\":\"enforce\",\"hook\":\"egress\",\"protocol\":\"udp\","
		    "\"address\":\"192.0.2.53\",\"port\":53,"
		    "\"question\":\"\\\"\\\\x5c\\\\x1b\\\\x2e.example\",\"type\":\"AAAA\","
		    "\"name\":null,\"reason\":\"question\",\"rule\":null,\"pid\":0,\"tid\":1,"
		    "\"uid\":1000,\"comm\":\"curl\",\"times\":1}");
}

static void json_of_hostile_text_is_escaped_and_never_fails(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "192.0.2.1", 1, "a\"\n\x1b\xff\\",
						  1);
	struct decision_context context = { .name = "\xc3(", .rule = "\xed\xa0\x80" };

	(void)state;
	assert_json(&decision, context,
		    "{\"event\":\"decision\",\"time_ns\":1234567890123,\"verdict\":\"deny\","
		    "\"mode\":\"enforce\","
		    "\"hook\":\"connect\",\"protocol\":\"tcp\",\"address\":\"192.0.2.1\","
		    "\"port\":1,\"name\":\"\\\\xc3(\",\"reason\":\"no_rule\","
		    "\"rule\":\"\\\\xed\\\\xa0\\\\x80\",\"pid\":1,\"tid\":2,\"uid\":1000,"
		    "\"comm\":\"a\\\"\\\\x0a\\\\x1b\\\\xff\\\\x5c\",\"times\":1}");
}

static void every_byte_of_a_comm_gives_json_on_one_printable_line(void **state)
{
	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		char comm[] = { 'x', (char)byte, 'y', '\0' };
		struct cgf_decision decision = a_decision(IPPROTO_TCP, "192.0.2.1", 1, comm, 1);
		_cleanup_free_ char *json = json_of_decision(
			&decision, &(struct decision_context){ .times = 1 });

		assert_non_null(json);
		for (const char *c = json; *c; c++)
			assert_in_range(*c, 0x20, 0x7e);
	}
}

static void a_note_and_a_summary_are_objects_of_their_own(void **state)
{
	const struct run_summary summary = {
		.allowed = 12,
		.denied = 5,
		.probes = 2,
		.lost = 1,
		.learned = 9,
		.special = 8,
		.unlearned = 7,
		.names = 2,
		.addresses = 3,
	};
	_cleanup_free_ char *note = json_of_note("a \"quoted\"\nnote");
	_cleanup_free_ char *text = json_of_summary(&summary);

	(void)state;
	assert_string_equal(note, "{\"event\":\"note\",\"message\":\"a \\\"quoted\\\"\\nnote\"}");
	assert_string_equal(text, "{\"event\":\"summary\",\"mode\":\"enforce\",\"allowed\":12,"
				  "\"denied\":5,\"probes\":2,\"lost\":1,"
				  "\"learned\":9,\"special\":8,\"unlearned\":7,"
				  "\"names\":2,\"addresses\":3}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_has_its_keys_in_a_stable_order),
		cmocka_unit_test(json_of_audit_mode_allows_and_says_so),
		cmocka_unit_test(json_of_a_socket_has_family_and_type_and_no_address),
		cmocka_unit_test(json_of_a_question_has_its_name_and_type),
		cmocka_unit_test(json_of_hostile_text_is_escaped_and_never_fails),
		cmocka_unit_test(every_byte_of_a_comm_gives_json_on_one_printable_line),
		cmocka_unit_test(a_note_and_a_summary_are_objects_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
