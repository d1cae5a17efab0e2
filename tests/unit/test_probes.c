// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "teller.h"

static void a_refused_udp_connect_is_held_and_then_told(void **state)
{
	struct teller *teller = *state;

	add(teller, a_udp_connect(1, 1), AT_MS(0));
	assert_told(teller, 0, 0);
	assert_int_equal(report_decisions(teller->report), 0);
	assert_int_equal(report_due_ns(teller->report), AT_MS(1000));
	report_flush(teller->report, AT_MS(1000) - 1, false);
	assert_told(teller, 0, 0);
	report_flush(teller->report, AT_MS(1000), false);
	assert_told(teller, 1, 1);
	assert_int_equal(report_due_ns(teller->report), 0);
	assert_int_equal(report_decisions(teller->report), 1);
}

static void in_audit_mode_too(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision decision = a_udp_connect(1, 1);

	decision.verdict = CGF_ALLOW;
	add(teller, decision, AT_MS(0));
	assert_told(teller, 0, 0);
	report_flush(teller->report, AT_MS(1000), false);
	assert_told(teller, 1, 1);
}

static void nothing_else_is_held(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision decision = a_udp_connect(1, 1);

	decision.hook = CGF_HOOK_SENDMSG;
	add(teller, decision, AT_MS(0));
	assert_told(teller, 1, 1);
	decision.hook = CGF_HOOK_SOCKET;
	add(teller, decision, AT_MS(0));
	assert_told(teller, 2, 1);
	decision.hook = CGF_HOOK_CONNECT;
	decision.protocol = IPPROTO_UDPLITE;
	add(teller, decision, AT_MS(0));
	assert_told(teller, 3, 1);
}

static void what_was_held_is_counted_when_it_is_told(void **state)
{
	struct teller *teller = *state;

	add(teller, a_udp_connect(1, 1), AT_MS(0));
	add(teller, a_udp_connect(1, 1), AT_MS(10));
	add(teller, a_udp_connect(2, 1), AT_MS(20));
	report_flush(teller->report, AT_MS(1020), false);
	assert_told(teller, 1, 1);
	assert_int_equal(report_due_ns(teller->report), AT_MS(2020));
	report_flush(teller->report, AT_MS(2020), false);
	assert_told(teller, 2, 3);
	assert_int_equal(report_decisions(teller->report), 3);
}

static void the_first_of_what_is_held_and_what_repeats_is_due(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision held = a_udp_connect(1, 1);

	held.port = 53;
	add(teller, a_tcp_connect(1), AT_MS(0));
	add(teller, held, AT_MS(500));
	assert_int_equal(report_due_ns(teller->report), AT_MS(1500));
	add(teller, a_tcp_connect(1), AT_MS(600));
	assert_int_equal(report_due_ns(teller->report), AT_MS(1000));
	report_flush(teller->report, AT_MS(1000), false);
	add(teller, a_tcp_connect(1), AT_MS(1100)); /* due after 3000 ms */
	assert_int_equal(report_due_ns(teller->report), AT_MS(1500));
}

static void at_the_end_what_is_held_is_told(void **state)
{
	struct teller *teller = *state;

	add(teller, a_udp_connect(1, 1), AT_MS(0));
	add(teller, a_udp_connect(2, 1), AT_MS(10));
	report_flush(teller->report, AT_MS(20), true);
	assert_told(teller, 2, 2);
	assert_int_equal(report_due_ns(teller->report), 0);
}

static void at_the_end_what_was_a_probe_is_not_told(void **state)
{
	struct teller *teller = *state;

	add(teller, a_udp_connect(1, 1), AT_MS(0));
	add(teller, a_udp_connect(1, 2), AT_MS(10));
	report_flush(teller->report, AT_MS(20), true);
	assert_told(teller, 0, 0);
	assert_int_equal(report_decisions(teller->report), 0);
}

static void tcp_after_it_makes_it_a_probe(void **state)
{
	struct teller *teller = *state;

	add(teller, a_udp_connect(1, 1), AT_MS(0));
	add(teller, a_tcp_connect(2), AT_MS(1000) - 1);
	assert_told(teller, 1, 1);
	assert_int_equal(teller->last.protocol, IPPROTO_TCP);
	assert_int_equal(report_due_ns(teller->report), 0);
	report_flush(teller->report, AT_MS(5000), true);
	assert_told(teller, 1, 1);
	assert_int_equal(report_decisions(teller->report), 1);
}

static void tcp_too_late_does_not(void **state)
{
	struct teller *teller = *state;

	add(teller, a_udp_connect(1, 1), AT_MS(0));
	add(teller, a_tcp_connect(2), AT_MS(1000)); /* and the timer is later still */
	assert_told(teller, 2, 1);
	assert_int_equal(teller->last.protocol, IPPROTO_TCP);
	assert_int_equal(report_decisions(teller->report), 2);
}

static void tcp_before_it_makes_it_a_probe(void **state)
{
	struct teller *teller = *state;

	add(teller, a_tcp_connect(2), AT_MS(0));
	add(teller, a_udp_connect(1, 1), AT_MS(1000) - 1);
	assert_int_equal(report_due_ns(teller->report), 0);
	report_flush(teller->report, AT_MS(5000), true);
	assert_told(teller, 1, 1);
}

static void the_last_of_several_tcp_counts(void **state)
{
	struct teller *teller = *state;

	add(teller, a_tcp_connect(2), AT_MS(0));
	add(teller, a_tcp_connect(3), AT_MS(900));
	add(teller, a_udp_connect(1, 1), AT_MS(1500));
	assert_int_equal(report_due_ns(teller->report), 0);
	report_flush(teller->report, AT_MS(5000), true);
	assert_told(teller, 2, 1);
}

static void tcp_too_early_does_not(void **state)
{
	struct teller *teller = *state;

	add(teller, a_tcp_connect(2), AT_MS(0));
	add(teller, a_udp_connect(1, 1), AT_MS(500)); /* a probe; makes the time no longer */
	add(teller, a_udp_connect(2, 1), AT_MS(1000));
	assert_int_equal(report_due_ns(teller->report), AT_MS(2000));
	report_flush(teller->report, AT_MS(2000), false);
	assert_told(teller, 2, 1);
}

static void tcp_by_sendmsg_counts_and_a_socket_does_not(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision tcp = a_tcp_connect(2);

	add(teller, a_udp_connect(1, 1), AT_MS(0));
	tcp.hook = CGF_HOOK_SOCKET;
	add(teller, tcp, AT_MS(1));
	assert_int_equal(report_due_ns(teller->report), AT_MS(1000));
	tcp.hook = CGF_HOOK_SENDMSG;
	add(teller, tcp, AT_MS(2));
	assert_int_equal(report_due_ns(teller->report), 0);
}

static void tcp_of_another_process_or_port_does_not(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision tcp = a_tcp_connect(1);

	add(teller, a_udp_connect(1, 1), AT_MS(0));
	tcp.pid++;
	add(teller, tcp, AT_MS(1));
	tcp.pid--;
	tcp.port++;
	add(teller, tcp, AT_MS(2));
	assert_told(teller, 2, 1);
	assert_int_equal(report_due_ns(teller->report), AT_MS(1000));
	report_flush(teller->report, AT_MS(1000), false);
	assert_told(teller, 3, 1);
}

static void ports_of_probes_are_never_told(void **state)
{
	static const uint16_t ports[] = { 0, 9, 65535 };
	struct teller *teller = *state;

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		add(teller, a_connect(IPPROTO_UDP, 1, ports[i]), AT_MS(0));
	assert_int_equal(report_due_ns(teller->report), 0);
	report_flush(teller->report, AT_MS(0), true);
	assert_told(teller, 0, 0);
	assert_int_equal(report_decisions(teller->report), 0);
}

static void ports_beside_them_and_tcp_and_sendmsg_to_them_are_told(void **state)
{
	static const uint16_t ports[] = { 1, 8, 10, 65534 };
	struct teller *teller = *state;
	struct cgf_decision sendmsg = a_connect(IPPROTO_UDP, 1, 9);

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		add(teller, a_connect(IPPROTO_UDP, 1, ports[i]), AT_MS(0));
	report_flush(teller->report, AT_MS(0), true);
	assert_told(teller, ARRAY_SIZE(ports), 1);
	add(teller, a_connect(IPPROTO_TCP, 1, 9), AT_MS(0));
	sendmsg.hook = CGF_HOOK_SENDMSG;
	add(teller, sendmsg, AT_MS(0));
	assert_told(teller, ARRAY_SIZE(ports) + 2, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TELLER_TEST(a_refused_udp_connect_is_held_and_then_told),
		TELLER_TEST(in_audit_mode_too),
		TELLER_TEST(nothing_else_is_held),
		TELLER_TEST(what_was_held_is_counted_when_it_is_told),
		TELLER_TEST(the_first_of_what_is_held_and_what_repeats_is_due),
		TELLER_TEST(at_the_end_what_is_held_is_told),
		TELLER_TEST(at_the_end_what_was_a_probe_is_not_told),
		TELLER_TEST(tcp_after_it_makes_it_a_probe),
		TELLER_TEST(tcp_too_late_does_not),
		TELLER_TEST(tcp_before_it_makes_it_a_probe),
		TELLER_TEST(the_last_of_several_tcp_counts),
		TELLER_TEST(tcp_too_early_does_not),
		TELLER_TEST(tcp_by_sendmsg_counts_and_a_socket_does_not),
		TELLER_TEST(tcp_of_another_process_or_port_does_not),
		TELLER_TEST(ports_of_probes_are_never_told),
		TELLER_TEST(ports_beside_them_and_tcp_and_sendmsg_to_them_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
