/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Decisions to test with. */
#ifndef TESTS_UNIT_DECISION_SAMPLES_H
#define TESTS_UNIT_DECISION_SAMPLES_H

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "address.h"
#include "decision.h"
#include "util.h"

static inline struct cgf_decision a_decision(uint16_t protocol, const char *address, uint16_t port,
					     const char *comm, uint32_t pid)
{
	struct cgf_decision decision = {
		.time_ns = 1234567890123,
		.socket_cookie = 7,
		.pid = pid,
		.tid = pid + 1,
		.uid = 1000,
		.rule = CGF_RULE_NONE,
		.port = port,
		.protocol = protocol,
		.verdict = CGF_DENY,
		.hook = CGF_HOOK_CONNECT,
		.reason = CGF_REASON_NO_RULE,
		.family = AF_INET,
		.socket_type = SOCK_STREAM,
	};
	struct address parsed;

	assert_int_equal(address_parse(address, &parsed), 0);
	memcpy(decision.address, parsed.bytes, sizeof(decision.address));
	strncpy(decision.comm, comm, sizeof(decision.comm));
	return decision;
}

static inline struct cgf_decision a_socket(uint8_t family, uint8_t type, uint16_t protocol)
{
	struct cgf_decision decision = a_decision(protocol, "::", 0, "ping", 12);

	decision.socket_cookie = 0;
	decision.hook = CGF_HOOK_SOCKET;
	decision.reason = CGF_REASON_SOCKET_TYPE;
	decision.family = family;
	decision.socket_type = type;
	return decision;
}

/* As a packet to a resolver, of which the kernel may know who sent it. */
static inline struct cgf_decision a_refused_question(uint32_t pid)
{
	struct cgf_decision decision = a_decision(IPPROTO_UDP, "192.0.2.53", 53, "curl", pid);

	decision.hook = CGF_HOOK_EGRESS;
	decision.reason = CGF_REASON_QUESTION;
	return decision;
}

static inline struct question a_question(const char *labels, size_t length, uint16_t type)
{
	struct question question = { .type = type, .class = QUESTION_CLASS_IN };
	size_t at = 0;

	assert_int_equal(dname_read((const uint8_t *)labels, length, &at, false, &question.name),
			 0);
	return question;
}

/* The name as labels, with their lengths. */
#define A_QUESTION(labels, type) a_question(labels, sizeof(labels), type)

#endif
