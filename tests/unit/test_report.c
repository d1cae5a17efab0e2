// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "teller.h"

static void the_first_of_a_kind_is_told_at_once(void **state)
{
	struct teller *teller = *state;

	assert_int_equal(report_due_ns(teller->report), 0);
	add(teller, a_tcp_connect(1), AT_MS(0));
	assert_told(teller, 1, 1);
	assert_int_equal(teller->last.port, 443);
	assert_int_equal(report_due_ns(teller->report), 0);
}

static void repetitions_are_told_together_after_the_interval(void **state)
{
	struct teller *teller = *state;

	add(teller, a_tcp_connect(1), AT_MS(0));
	add(teller, a_tcp_connect(1), AT_MS(300));
	add(teller, a_tcp_connect(1), AT_MS(900));
	assert_told(teller, 1, 1);
	assert_int_equal(report_due_ns(teller->report), AT_MS(1000));
	report_flush(teller->report, AT_MS(1000) - 1, false);
	assert_told(teller, 1, 1);
	report_flush(teller->report, AT_MS(1000), false);
	assert_told(teller, 2, 3);
	assert_int_equal(report_due_ns(teller->report), 0);
}

static void each_interval_is_twice_the_last_up_to_the_longest(void **state)
{
	static const uint64_t told_ms[] = { 1000,  3000,   7000,   15000,  31000,
					    63000, 123000, 183000, 243000, 303000 };
	struct teller *teller = *state;
	uint64_t times = 1;

	add(teller, a_tcp_connect(1), AT_MS(0));
	for (size_t i = 0; i < ARRAY_SIZE(told_ms); i++) {
		uint64_t before_ns = AT_MS(told_ms[i]) - 1;

		add(teller, a_tcp_connect(1), before_ns);
		assert_told(teller, i + 1, times++);
		assert_int_equal(report_due_ns(teller->report), AT_MS(told_ms[i]));
		report_flush(teller->report, AT_MS(told_ms[i]), false);
		assert_told(teller, i + 2, times);
	}
}

static void a_kind_that_comes_back_is_told_at_once_and_backs_off(void **state)
{
	struct teller *teller = *state;

	add(teller, a_tcp_connect(1), AT_MS(0));
	add(teller, a_tcp_connect(1), AT_MS(1500));
	assert_told(teller, 2, 2);
	add(teller, a_tcp_connect(1), AT_MS(3000));
	assert_told(teller, 2, 2);
	assert_int_equal(report_due_ns(teller->report), AT_MS(3500));
}

static void a_kind_that_was_silent_for_long_starts_anew(void **state)
{
	struct teller *teller = *state;

	add(teller, a_tcp_connect(1), AT_MS(0));
	add(teller, a_tcp_connect(1), AT_MS(1500));
	add(teller, a_tcp_connect(1), AT_MS(61500));
	assert_told(teller, 3, 3);
	add(teller, a_tcp_connect(1), AT_MS(61501));
	assert_int_equal(report_due_ns(teller->report), AT_MS(62500));
}

static void one_moment_less_of_silence_does_not(void **state)
{
	struct teller *teller = *state;

	add(teller, a_tcp_connect(1), AT_MS(0));
	add(teller, a_tcp_connect(1), AT_MS(1500));
	add(teller, a_tcp_connect(1), AT_MS(61499));
	assert_told(teller, 3, 3);
	add(teller, a_tcp_connect(1), AT_MS(61500));
	assert_int_equal(report_due_ns(teller->report), AT_MS(65499));
}

static void a_late_timer_does_not_matter_when_a_decision_comes(void **state)
{
	struct teller *teller = *state;

	add(teller, a_tcp_connect(1), AT_MS(0));
	add(teller, a_tcp_connect(1), AT_MS(500));
	add(teller, a_tcp_connect(2), AT_MS(1200));
	assert_told(teller, 3, 1);
	add(teller, a_tcp_connect(1), AT_MS(1300));
	assert_int_equal(report_due_ns(teller->report), AT_MS(3200));
}

static void what_is_due_first_is_told_first(void **state)
{
	struct teller *teller = *state;

	for (uint32_t host = 0; host < 50; host++)
		add(teller, a_tcp_connect(host), AT_MS(host * 10));
	for (uint32_t host = 50; host > 0; host--)
		add(teller, a_tcp_connect(host - 1), AT_MS(600));
	assert_told(teller, 50, 1);
	for (uint32_t host = 0; host < 50; host++) {
		uint64_t due_ns = report_due_ns(teller->report);

		assert_int_equal(due_ns, AT_MS(1000 + host * 10));
		report_flush(teller->report, due_ns, false);
		assert_told(teller, 51 + host, 2);
		assert_int_equal(teller->last.address[15], host);
	}
	assert_int_equal(report_due_ns(teller->report), 0);
}

static void at_the_end_what_waits_is_told_and_nothing_twice(void **state)
{
	struct teller *teller = *state;

	add(teller, a_tcp_connect(1), AT_MS(0));
	add(teller, a_tcp_connect(1), AT_MS(1));
	add(teller, a_tcp_connect(1), AT_MS(2));
	add(teller, a_tcp_connect(2), AT_MS(3));
	report_flush(teller->report, AT_MS(4), true);
	assert_told(teller, 3, 3);
	report_flush(teller->report, AT_MS(5), true);
	assert_told(teller, 3, 3);
	assert_int_equal(report_due_ns(teller->report), 0);
	assert_int_equal(report_decisions(teller->report), 4);
}

static void the_last_decision_is_the_one_told(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision decision = a_tcp_connect(1);

	add(teller, decision, AT_MS(0));
	decision.pid = 99;
	add(teller, decision, AT_MS(1));
	report_flush(teller->report, AT_MS(1000), false);
	assert_told(teller, 2, 2);
	assert_int_equal(teller->last.pid, 99);
}

static void kinds_differ_by_verdict_hook_protocol_address_port_and_comm(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision decisions[7];

	for (size_t i = 0; i < ARRAY_SIZE(decisions); i++)
		decisions[i] = a_tcp_connect(1);
	decisions[1].verdict = CGF_ALLOW;
	decisions[2].hook = CGF_HOOK_SENDMSG;
	decisions[3].protocol = IPPROTO_SCTP;
	decisions[4].address[0] = 1;
	decisions[5].port = 444;
	strcpy(decisions[6].comm, "curm");
	for (size_t i = 0; i < ARRAY_SIZE(decisions); i++) {
		add(teller, decisions[i], AT_MS(0));
		assert_told(teller, i + 1, 1);
	}
}

static void kinds_do_not_differ_by_anything_else(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision other = a_tcp_connect(1);

	add(teller, other, AT_MS(0));
	other.time_ns = 1;
	other.socket_cookie = 2;
	other.pid = other.tid = other.uid = 3;
	other.rule = 4;
	other.reason = CGF_REASON_EXPIRED;
	other.family = AF_INET6;
	other.socket_type = SOCK_RAW;
	other.comm[5] = 'x'; /* behind the NUL */
	add(teller, other, AT_MS(1));
	assert_told(teller, 1, 1);
}

static void sockets_differ_by_family_and_type_too(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision decision = { .hook = CGF_HOOK_SOCKET, .protocol = IPPROTO_ICMP };

	decision.family = AF_INET;
	decision.socket_type = SOCK_DGRAM;
	add(teller, decision, AT_MS(0));
	decision.socket_type = SOCK_RAW;
	add(teller, decision, AT_MS(0));
	decision.family = AF_INET6;
	add(teller, decision, AT_MS(0));
	assert_told(teller, 3, 1);
	add(teller, decision, AT_MS(0));
	assert_told(teller, 3, 1);
}

static void questions_differ_by_name_and_type_and_not_by_resolver(void **state)
{
	struct cgf_decision decision = a_connect(IPPROTO_UDP, 1, 53);
	struct question question = { .name = { .length = 3, .bytes = "\1a" }, .type = 1 };
	struct teller *teller = *state;

	decision.hook = CGF_HOOK_EGRESS;
	decision.reason = CGF_REASON_QUESTION;
	assert_int_equal(report_add(teller->report, &decision, &question, AT_MS(0)), 0);
	assert_told(teller, 1, 1);
	assert_memory_equal(&teller->last_question, &question, sizeof(question));
	question.type = 28;
	assert_int_equal(report_add(teller->report, &decision, &question, AT_MS(0)), 0);
	question.name.bytes[1] = 'b';
	assert_int_equal(report_add(teller->report, &decision, &question, AT_MS(0)), 0);
	assert_told(teller, 3, 1);
	decision.address[15] = 9;
	assert_int_equal(report_add(teller->report, &decision, &question, AT_MS(0)), 0);
	assert_told(teller, 3, 1);
	report_flush(teller->report, AT_MS(1000), false);
	assert_told(teller, 4, 2);
	assert_memory_equal(&teller->last_question, &question, sizeof(question));
	assert_int_equal(report_add(teller->report, &decision, NULL, AT_MS(1001)), 0);
	assert_told(teller, 5, 1);
	assert_int_equal(teller->last_question.name.length, 0);
}

static void of_too_many_kinds_the_one_told_longest_ago_is_forgotten(void **state)
{
	struct teller *teller = *state;
	uint64_t lines = REPORT_KINDS_MAX;

	for (uint32_t host = 0; host < REPORT_KINDS_MAX; host++)
		add(teller, a_tcp_connect(host), AT_MS(0));
	add(teller, a_tcp_connect(0), AT_MS(1000)); /* told again: now 1 is the oldest */
	add(teller, a_tcp_connect(REPORT_KINDS_MAX), AT_MS(1001));
	assert_told(teller, lines += 2, 1);
	add(teller, a_tcp_connect(0), AT_MS(1002));
	assert_told(teller, lines, 1); /* remembered */
	add(teller, a_tcp_connect(1), AT_MS(1002));
	assert_told(teller, ++lines, 1); /* a new kind */
}

static void what_waits_outlives_what_has_nothing_to_tell(void **state)
{
	struct teller *teller = *state;

	add(teller, a_tcp_connect(0), AT_MS(0));
	add(teller, a_tcp_connect(0), AT_MS(0));
	for (uint32_t host = 1; host < 5000; host++)
		add(teller, a_tcp_connect(host), AT_MS(1));
	assert_told(teller, 5000, 1);
	report_flush(teller->report, AT_MS(1000), false);
	assert_told(teller, 5001, 2);
	assert_int_equal(teller->last.address[15], 0);
}

static void if_all_wait_the_first_due_is_told_before_it_is_forgotten(void **state)
{
	struct teller *teller = *state;

	for (uint32_t host = 0; host < REPORT_KINDS_MAX; host++)
		add(teller, a_tcp_connect(host), AT_MS(host < 5 ? 5 - host : 6));
	for (uint32_t host = 0; host < REPORT_KINDS_MAX; host++)
		add(teller, a_tcp_connect(host), AT_MS(7));
	assert_told(teller, REPORT_KINDS_MAX, 1);
	add(teller, a_tcp_connect(REPORT_KINDS_MAX), AT_MS(8));
	assert_told(teller, REPORT_KINDS_MAX + 2, 1);
	assert_int_equal(report_due_ns(teller->report), AT_MS(1002)); /* host 4, of 1 ms, is gone */
	report_flush(teller->report, AT_MS(9), true);
	assert_told(teller, 2 * REPORT_KINDS_MAX + 1, 2);
	assert_int_equal(report_decisions(teller->report), 2 * REPORT_KINDS_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TELLER_TEST(the_first_of_a_kind_is_told_at_once),
		TELLER_TEST(repetitions_are_told_together_after_the_interval),
		TELLER_TEST(each_interval_is_twice_the_last_up_to_the_longest),
		TELLER_TEST(a_kind_that_comes_back_is_told_at_once_and_backs_off),
		TELLER_TEST(a_kind_that_was_silent_for_long_starts_anew),
		TELLER_TEST(one_moment_less_of_silence_does_not),
		TELLER_TEST(a_late_timer_does_not_matter_when_a_decision_comes),
		TELLER_TEST(what_is_due_first_is_told_first),
		TELLER_TEST(at_the_end_what_waits_is_told_and_nothing_twice),
		TELLER_TEST(the_last_decision_is_the_one_told),
		TELLER_TEST(kinds_differ_by_verdict_hook_protocol_address_port_and_comm),
		TELLER_TEST(kinds_do_not_differ_by_anything_else),
		TELLER_TEST(sockets_differ_by_family_and_type_too),
		TELLER_TEST(questions_differ_by_name_and_type_and_not_by_resolver),
		TELLER_TEST(of_too_many_kinds_the_one_told_longest_ago_is_forgotten),
		TELLER_TEST(what_waits_outlives_what_has_nothing_to_tell),
		TELLER_TEST(if_all_wait_the_first_due_is_told_before_it_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
