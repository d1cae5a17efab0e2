// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probes.h"

#include "teller.h"

static void each_of_many_look_ups_is_judged_anew(void **state)
{
	struct teller *teller = *state;

	for (uint32_t i = 0; i < 10000; i++) {
		add(teller, a_udp_connect(1 + i, 1), AT_MS(i * 2));
		add(teller, a_udp_connect(1 + i, 2), AT_MS(i * 2 + 1));
		assert_int_equal(report_due_ns(teller->report), 0);
	}
	report_flush(teller->report, AT_MS(20000), true);
	assert_told(teller, 0, 0);
	add(teller, a_udp_connect(20000, 1), AT_MS(20001));
	report_flush(teller->report, AT_MS(20002), true);
	assert_told(teller, 1, 1);
}

static void of_too_many_suspects_the_oldest_is_told_early(void **state)
{
	struct teller *teller = *state;

	for (uint32_t i = 0; i < PROBES_HELD_MAX; i++)
		add(teller, a_udp_connect(1 + i, i), AT_MS(0));
	assert_told(teller, 0, 0);
	add(teller, a_udp_connect(PROBES_HELD_MAX + 1, PROBES_HELD_MAX), AT_MS(1));
	assert_told(teller, 1, 1);
	assert_int_equal(teller->last.socket_cookie, 1);
	report_flush(teller->report, AT_MS(1000), false);
	assert_told(teller, PROBES_HELD_MAX, 1);
	report_flush(teller->report, AT_MS(1001), false);
	assert_told(teller, PROBES_HELD_MAX + 1, 1);
}

static void with_too_many_traces_the_suspects_of_the_oldest_are_told_early(void **state)
{
	struct teller *teller = *state;
	struct cgf_decision tcp = a_tcp_connect(1);

	add(teller, a_udp_connect(1, 1), AT_MS(0)); /* two traces */
	for (uint32_t i = 0; i < PROBES_TRACES_MAX - 2; i++) {
		tcp.pid = 100 + i;
		add(teller, tcp, AT_MS(1));
	}
	assert_told(teller, 1, 1);
	tcp.pid = 99;
	add(teller, tcp, AT_MS(2));
	assert_told(teller, 2, 1);
	assert_int_equal(teller->last.protocol, IPPROTO_UDP);
	assert_int_equal(report_decisions(teller->report), PROBES_TRACES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TELLER_TEST(each_of_many_look_ups_is_judged_anew),
		TELLER_TEST(of_too_many_suspects_the_oldest_is_told_early),
		TELLER_TEST(with_too_many_traces_the_suspects_of_the_oldest_are_told_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
