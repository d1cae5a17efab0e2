/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel tells of what it learned, adopted as decisions.c and names_learn.c do. */
#ifndef CGFENCE_TESTS_BPF_TOLD_H
#define CGFENCE_TESTS_BPF_TOLD_H

#include "answer.h"
#include "asking.h"

static inline void on_told(const struct cgf_message *message, size_t size, void *data)
{
	const struct fenced *fenced = data;
	const size_t room = size - sizeof(*message);
	struct policy_answer addresses;
	struct policy_learned learned;
	char text[DNAME_TEXT_BYTES];
	struct answer answer;
	const char *name;

	if (message->decision.verdict != CGF_ALLOW ||
	    answer_read(message->bytes, message->length < room ? message->length : room, &answer))
		return;
	addresses = (struct policy_answer){
		.addresses = answer.addresses,
		.count = answer.count,
		.ttl_s = answer.ttl_s,
		.now_ns = message->decision.time_ns,
		.ipv6 = answer.question.type == QUESTION_TYPE_AAAA,
	};
	dname_format(&answer.question.name, text);
	policy_adopt(fenced->policy, text, &addresses, message->grant, &learned, &name);
	if (answer.cut)
		policy_untold(fenced->policy);
}

/* From now on; as often as wanted, also after a restart. */
static inline void listen_to_kernel(struct fenced *fenced)
{
	int fd;

	assert_int_equal(datapath_decisions_open(fenced->maps, NULL, on_told, fenced, &fd), 0);
}

static inline void catch_up(const struct fenced *fenced)
{
	assert_int_equal(datapath_decisions_drain(fenced->maps), 0);
	flush_policy(fenced);
}

/* Asks for a name, and hears one address. */
static inline void hear(const struct asker *asker, const char *name, const char *address)
{
	struct dns_message message;

	/* What fails in a thread of its own ends the test without a word. */
	if (!asker_asks(asker, name, DNS_A, 7)) {
		print_error("%s must not be asked for\n", name);
		fail();
	}
	dns_start(&message, 7, DNS_ANSWERED);
	dns_ask(&message, name, DNS_A);
	dns_address(&message, name, 60, address);
	asker_hears(asker, &message);
}

static inline struct rules parse_rules(const char *text)
{
	struct policyfile_error error;
	struct rules rules = {};

	if (policyfile_parse(text, strlen(text), &rules, &error))
		fail_msg("%s", text);
	return rules;
}

/* The differences, which must be none that is sure. */
static inline size_t verify_well(const struct fenced *fenced)
{
	struct policy_differences differences;

	assert_int_equal(policy_verify(fenced->policy, fenced->maps, &differences), 0);
	if (differences.first[0])
		fail_msg("%s", differences.first);
	assert_int_equal(differences.missing + differences.foreign + differences.changed, 0);
	return differences.unsure;
}

/* A datagram socket's connect() from inside. */
static inline bool is_allowed(const struct fenced *fenced, const char *address, uint16_t port)
{
	_cleanup_close_ int fd = socket_inside(fenced, family_of_text(address), SOCK_DGRAM, 0);
	const union endpoint to = endpoint_of(address, port);
	const int r = connect(fd, &to.any, sizeof(to));

	assert_true(!r || errno == EPERM);
	return !r;
}

#endif
