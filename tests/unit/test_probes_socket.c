// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "teller.h"

static void a_socket_of_two_addresses_and_more_is_a_probe(void **state)
{
	struct teller *teller = *state;

	add(teller, a_udp_connect(1, 1), AT_MS(0));
	add(teller, a_udp_connect(1, 2), AT_MS(999));
	assert_int_equal(report_due_ns(teller->report), 0);
	add(teller, a_udp_connect(1, 3), AT_MS(1900));
	add(teller, a_udp_connect(1, 3), AT_MS(2800));
	assert_int_equal(report_due_ns(teller->report), 0);
	report_flush(teller->report, AT_MS(9000), true);
	assert_told(teller, 0, 0);
}

static void a_socket_of_two_addresses_on_two_ports_is_a_probe(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision other = a_udp_connect(1, 2);

	other.port++;
	add(teller, a_udp_connect(1, 1), AT_MS(0));
	add(teller, other, AT_MS(1));
	report_flush(teller->report, AT_MS(2), true);
	assert_told(teller, 0, 0);
}

static void a_second_address_too_late_is_another_attempt(void **state)
{
	struct teller *teller = *state;

	add(teller, a_udp_connect(1, 1), AT_MS(0));
	add(teller, a_udp_connect(1, 2), AT_MS(1000));
	assert_told(teller, 1, 1);
	report_flush(teller->report, AT_MS(2000), false);
	assert_told(teller, 2, 1);
}

static void the_same_address_again_is_an_attempt(void **state)
{
	struct teller *teller = *state;

	add(teller, a_udp_connect(1, 1), AT_MS(0));
	add(teller, a_udp_connect(1, 1), AT_MS(500));
	report_flush(teller->report, AT_MS(1500), true);
	assert_told(teller, 2, 2);
}

static void two_sockets_of_an_address_each_are_attempts(void **state)
{
	struct teller *teller = *state;

	add(teller, a_udp_connect(1, 1), AT_MS(0));
	add(teller, a_udp_connect(2, 2), AT_MS(0));
	report_flush(teller->report, AT_MS(1000), false);
	assert_told(teller, 2, 1);
}

static void without_a_cookie_nothing_is_known_of_the_socket(void **state)
{
	struct teller *teller = *state;

	add(teller, a_udp_connect(0, 1), AT_MS(0));
	add(teller, a_udp_connect(0, 2), AT_MS(0));
	report_flush(teller->report, AT_MS(1000), false);
	assert_told(teller, 2, 1);
}

static void what_the_kernel_knows_for_a_probe_is_neither_told_nor_counted(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision udp = a_udp_connect(1, 1);
	struct cgf_decision mptcp = { .hook = CGF_HOOK_SOCKET, .protocol = IPPROTO_MPTCP };

	udp.flags = mptcp.flags = CGF_FLAG_PROBE;
	add(teller, udp, AT_MS(0));
	add(teller, mptcp, AT_MS(0));
	assert_int_equal(report_due_ns(teller->report), 0);
	report_flush(teller->report, AT_MS(5000), true);
	assert_told(teller, 0, 0);
	assert_int_equal(report_decisions(teller->report), 0);
}

static void a_socket_that_the_kernel_saw_probing_probes_what_comes_after(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision known = a_udp_connect(1, 1);

	known.flags = CGF_FLAG_PROBE;
	add(teller, known, AT_MS(0));
	add(teller, a_udp_connect(1, 2), AT_MS(1));
	report_flush(teller->report, AT_MS(2), true);
	assert_told(teller, 0, 0);
	add(teller, a_udp_connect(2, 2), AT_MS(3)); /* of another socket nothing is known */
	report_flush(teller->report, AT_MS(4), true);
	assert_told(teller, 1, 1);
}

static void a_socket_that_the_kernel_saw_probing_probed_what_came_before(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision known = a_udp_connect(1, 1);

	known.flags = CGF_FLAG_PROBE;
	add(teller, a_udp_connect(1, 2), AT_MS(0));
	add(teller, known, AT_MS(1));
	assert_int_equal(report_due_ns(teller->report), 0);
	report_flush(teller->report, AT_MS(2), true);
	assert_told(teller, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TELLER_TEST(a_socket_of_two_addresses_and_more_is_a_probe),
		TELLER_TEST(a_socket_of_two_addresses_on_two_ports_is_a_probe),
		TELLER_TEST(a_second_address_too_late_is_another_attempt),
		TELLER_TEST(the_same_address_again_is_an_attempt),
		TELLER_TEST(two_sockets_of_an_address_each_are_attempts),
		TELLER_TEST(without_a_cookie_nothing_is_known_of_the_socket),
		TELLER_TEST(what_the_kernel_knows_for_a_probe_is_neither_told_nor_counted),
		TELLER_TEST(a_socket_that_the_kernel_saw_probing_probes_what_comes_after),
		TELLER_TEST(a_socket_that_the_kernel_saw_probing_probed_what_came_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
