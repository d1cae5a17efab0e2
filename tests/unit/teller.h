/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A report, what it told, and decisions to add to it. Time starts at START. */
#ifndef TESTS_UNIT_TELLER_H
#define TESTS_UNIT_TELLER_H

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "report.h"
#include "util.h"

#define START_NS (100 * NSEC_PER_SEC)
#define AT_MS(ms) (START_NS + (ms)*NSEC_PER_MSEC)

struct teller {
	struct report *report;
	uint64_t lines;
	struct cgf_decision last;
	struct question last_question; /* all zero: none */
	uint64_t last_times;
};

static inline void teller_tell(const struct cgf_decision *decision, const struct question *question,
			       uint64_t times, void *data)
{
	struct teller *teller = data;

	teller->lines++;
	teller->last = *decision;
	teller->last_question = question ? *question : (struct question){};
	teller->last_times = times;
}

static inline int teller_setup(void **state)
{
	struct teller *teller = calloc(1, sizeof(*teller));

	if (!teller || report_init(&teller->report, teller_tell, teller))
		return -1;
	*state = teller;
	return 0;
}

static inline int teller_teardown(void **state)
{
	struct teller *teller = *state;

	report_finish(&teller->report);
	free(teller);
	return 0;
}

#define TELLER_TEST(test) cmocka_unit_test_setup_teardown(test, teller_setup, teller_teardown)

static inline struct cgf_decision a_connect(uint16_t protocol, uint32_t host, uint16_t port)
{
	struct cgf_decision decision = {
		.pid = 10,
		.tid = 11,
		.rule = CGF_RULE_NONE,
		.address = { [10] = 0xff,
			     0xff,
			     (uint8_t)(host >> 24),
			     (uint8_t)(host >> 16),
			     (uint8_t)(host >> 8),
			     (uint8_t)host },
		.port = port,
		.protocol = protocol,
		.verdict = CGF_DENY,
		.hook = CGF_HOOK_CONNECT,
		.family = AF_INET,
		.comm = "curl",
	};

	return decision;
}

static inline struct cgf_decision a_tcp_connect(uint32_t host)
{
	return a_connect(IPPROTO_TCP, host, 443);
}

static inline struct cgf_decision a_udp_connect(uint64_t socket_cookie, uint32_t host)
{
	struct cgf_decision decision = a_connect(IPPROTO_UDP, host, 443);

	decision.socket_cookie = socket_cookie;
	return decision;
}

static inline void add(struct teller *teller, struct cgf_decision decision, uint64_t now_ns)
{
	assert_int_equal(report_add(teller->report, &decision, NULL, now_ns), 0);
}

/* So many lines were told in all, the last with so many times. */
static inline void assert_told(const struct teller *teller, uint64_t lines, uint64_t last_times)
{
	assert_int_equal(teller->lines, lines);
	assert_int_equal(teller->last_times, last_times);
}

#endif
