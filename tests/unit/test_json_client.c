// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>

#include "decision_samples.h"
#include "json.h"
#include "json_client.h"

static struct json_value *read_text(const char *text)
{
	struct json_value *document = NULL;

	assert_int_equal(json_read(text, strlen(text), &document), 0);
	return document;
}

#define _cleanup_json_ _cleanup_(json_release)

static void a_document_is_looked_into(void **state)
{
	_cleanup_json_ struct json_value *document = read_text(
		"{\"a\":\"b\",\"n\":-7,\"t\":true,\"f\":false,\"o\":{\"p\":\"q\"},"
		"\"l\":[{\"x\":1},{\"x\":2}],\"s\":[\"one\",2]}");
	const struct json_value *list = json_get(document, "l");

	(void)state;
	assert_string_equal(json_get_text(document, "a"), "b");
	assert_int_equal(json_get_number(document, "n", 1), -7);
	assert_true(json_get_flag(document, "t", false));
	assert_false(json_get_flag(document, "f", true));
	assert_string_equal(json_get_text(json_get(document, "o"), "p"), "q");
	assert_int_equal(json_items(list), 2);
	assert_int_equal(json_get_number(json_item(list, 1), "x", 0), 2);
	assert_string_equal(json_item_text(json_get(document, "s"), 0), "one");
}

static void what_is_missing_or_of_another_type_is_missing(void **state)
{
	_cleanup_json_ struct json_value *document = read_text(
		"{\"a\":null,\"n\":1.5,\"s\":\"1\",\"l\":[1]}");

	(void)state;
	assert_null(json_get(document, "a"));
	assert_null(json_get(document, "none"));
	assert_null(json_get_text(document, "n"));
	assert_int_equal(json_get_number(document, "n", 9), 9);
	assert_int_equal(json_get_number(document, "s", 9), 9);
	assert_true(json_get_flag(document, "s", true));
	assert_int_equal(json_items(json_get(document, "s")), 0);
	assert_null(json_item(json_get(document, "l"), 1));
	assert_null(json_item_text(json_get(document, "l"), 0));
	assert_null(json_get_text(NULL, "a"));
	assert_null(json_get(json_get(document, "l"), "a"));
	assert_int_equal(json_items(NULL), 0);
}

static void what_is_no_object_is_no_document(void **state)
{
	static const char *const wrong[] = {
		"", "[]", "1", "{", "{}x", "{\"a\":1,\"a\":2}", "<html>",
	};
	struct json_value *document = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(json_read(wrong[i], strlen(wrong[i]), &document), -EBADMSG);
	assert_int_equal(json_read("{}\0", 3, &document), -EBADMSG);
	assert_null(document);
}

static bool is_wanted(const struct json_value *item, void *data)
{
	return json_get_number(item, "n", 0) != *(int *)data;
}

static void items_are_left_out_and_the_rest_is_written_as_it_was(void **state)
{
	_cleanup_json_ struct json_value *document = read_text(
		"{\"whole\":false,\"list\":[{\"n\":1},{\"n\":2},{\"n\":1},{\"n\":3}],\"z\":null}");
	_cleanup_free_ char *text = NULL;
	int unwanted = 1;

	(void)state;
	json_keep(document, "list", is_wanted, &unwanted);
	json_keep(document, "none", is_wanted, &unwanted);
	json_set_flag(document, "whole", true);
	text = json_write(document);
	assert_string_equal(text, "{\"whole\":true,\"list\":[{\"n\":2},{\"n\":3}],\"z\":null}");
}

static void requests_are_as_the_api_takes_them(void **state)
{
	const char *const add[] = { "allow a:22", "allow \"b\"" };
	_cleanup_free_ char *edit = json_of_edit(add, 2, NULL, 0),
			    *removal = json_of_edit(NULL, 0, add, 1),
			    *attach = json_of_attach("web", "/sys/fs/cgroup/a b", true);

	(void)state;
	assert_string_equal(edit, "{\"add\":[\"allow a:22\",\"allow \\\"b\\\"\"],\"remove\":[]}");
	assert_string_equal(removal, "{\"add\":[],\"remove\":[\"allow a:22\"]}");
	assert_string_equal(attach, "{\"policy\":\"web\",\"target\":\"/sys/fs/cgroup/a b\","
				    "\"persistent\":true}");
	assert_null(json_of_attach("web", "\xff", false));
}

/* Written, read, and told: it is told as the one that was written. */
static void assert_same(const struct cgf_decision *decision, struct decision_context context)
{
	char expected[DECISION_TEXT_BYTES], text[DECISION_TEXT_BYTES];
	_cleanup_json_ struct json_value *document = NULL;
	_cleanup_free_ char *json = NULL;
	struct json_decision read;

	context.times = context.times ? context.times : 1;
	json = json_of_decision(decision, &context);
	assert_non_null(json);
	assert_int_equal(json_read(json, strlen(json), &document), 0);
	assert_int_equal(json_read_decision(document, &read), 0);
	assert_true(decision_format(decision, &context, expected, sizeof(expected)) > 0);
	assert_true(decision_format(&read.decision, &read.context, text, sizeof(text)) > 0);
	assert_string_equal(text, expected);
}

static void a_decision_that_was_written_is_read_as_it_was(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_TCP, "203.0.113.9", 443, "curl", 123);
	struct cgf_decision other = a_decision(253, "2001:db8::9", 65535, "x", UINT32_MAX - 1);
	struct cgf_decision refused = a_refused_question(0);
	struct cgf_decision socket = a_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	struct question question = A_QUESTION("\4\"\\\x1b.\7example", 28);
	struct question odd = A_QUESTION("\1a", 65280), root = A_QUESTION("", 2);

	(void)state;
	assert_same(&decision, (struct decision_context){ .name = "evil.test", .times = 3 });
	assert_same(&decision, (struct decision_context){ .rule = "deny 203.0.113.0/24" });
	assert_same(&other, (struct decision_context){});
	assert_same(&socket, (struct decision_context){});
	assert_same(&refused, (struct decision_context){ .question = &question });
	assert_same(&refused, (struct decision_context){ .question = &odd, .rule = "deny a" });
	assert_same(&refused, (struct decision_context){ .question = &root });
}

static void decisions_of_all_hooks_verdicts_and_reasons_are_read(void **state)
{
	struct cgf_decision decision = a_decision(IPPROTO_UDP, "192.0.2.1", 53, "a\\ \x1b", 12);

	(void)state;
	decision.option_level = IPPROTO_IPV6;
	decision.option = 57;
	decision.local_port = 8080;
	decision.family = AF_PACKET;
	decision.socket_type = SOCK_SEQPACKET;
	for (int hook = 0; hook < CGF_HOOK_COUNT; hook++)
		for (int reason = 0; reason < CGF_REASON_COUNT; reason++) {
			decision.hook = (uint8_t)hook;
			decision.reason = (uint8_t)reason;
			decision.verdict = reason % 2 ? CGF_ALLOW : CGF_DENY;
			assert_same(&decision, (struct decision_context){});
		}
}

static void what_is_no_decision_is_not_read_as_one(void **state)
{
	static const char *const wrong[] = {
		"{}",
		"{\"verdict\":\"maybe\",\"hook\":\"connect\"}",
		"{\"verdict\":\"deny\",\"hook\":\"listen\"}",
		"{\"verdict\":\"deny\",\"hook\":\"connect\",\"address\":\"1.2.3\"}",
		"{\"verdict\":\"deny\",\"hook\":\"egress\",\"question\":\"a\"}",
		"{\"verdict\":\"deny\",\"hook\":\"egress\",\"question\":\"\",\"type\":\"65536\"}",
		"{\"verdict\":\"deny\",\"hook\":\"egress\",\"question\":\"a..b\",\"type\":\"A\"}",
	};
	struct json_decision read;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_json_ struct json_value *document = read_text(wrong[i]);

		assert_int_equal(json_read_decision(document, &read), -EBADMSG);
	}
}

/* Of a newer daemon. */
static void a_reason_without_words_here_is_told_all_the_same(void **state)
{
	_cleanup_json_ struct json_value *document = read_text(
		"{\"verdict\":\"deny\",\"hook\":\"connect\",\"reason\":\"moon\","
		"\"protocol\":\"tcp\",\"address\":\"192.0.2.1\",\"port\":1}");
	char text[DECISION_TEXT_BYTES];
	struct json_decision read;

	(void)state;
	assert_int_equal(json_read_decision(document, &read), 0);
	assert_true(decision_format(&read.decision, &read.context, text, sizeof(text)) > 0);
	assert_string_equal(text, "cgfence: denied tcp 192.0.2.1:1 (unknown)");
}

static void what_was_escaped_is_again_what_it_was(void **state)
{
	char bytes[256], text[ESCAPE_BYTES(256)], back[300];
	size_t i;

	(void)state;
	for (i = 0; i < 255; i++)
		bytes[i] = (char)(i + 1);
	bytes[255] = '\0';
	escape_text(bytes, text, sizeof(text));
	assert_int_equal(unescape(text, strlen(text), back, sizeof(back)), 255);
	assert_string_equal(back, bytes);
	assert_int_equal(unescape(text, strlen(text), back, 4), 3);
	assert_int_equal(unescape("\\x4", 3, back, sizeof(back)), 3);
	assert_string_equal(back, "\\x4");
	assert_int_equal(unescape("\\xgg\\", 5, back, sizeof(back)), 5);
}

static void what_is_escaped_already_stays_and_the_rest_is_made_harmless(void **state)
{
	_cleanup_free_ char *text = escape_again("a\\x1b \x1b[31m\n\xc3");

	(void)state;
	assert_string_equal(text, "a\\x1b \\x1b[31m\\x0a\\xc3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_is_looked_into),
		cmocka_unit_test(what_is_missing_or_of_another_type_is_missing),
		cmocka_unit_test(what_is_no_object_is_no_document),
		cmocka_unit_test(items_are_left_out_and_the_rest_is_written_as_it_was),
		cmocka_unit_test(requests_are_as_the_api_takes_them),
		cmocka_unit_test(a_decision_that_was_written_is_read_as_it_was),
		cmocka_unit_test(decisions_of_all_hooks_verdicts_and_reasons_are_read),
		cmocka_unit_test(what_is_no_decision_is_not_read_as_one),
		cmocka_unit_test(a_reason_without_words_here_is_told_all_the_same),
		cmocka_unit_test(what_was_escaped_is_again_what_it_was),
		cmocka_unit_test(what_is_escaped_already_stays_and_the_rest_is_made_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
