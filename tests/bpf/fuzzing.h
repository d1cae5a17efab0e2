/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is expected of a batch of questions and answers, and whether it came so. */
#ifndef CGFENCE_TESTS_BPF_FUZZING_H
#define CGFENCE_TESTS_BPF_FUZZING_H

#include "fuzz_rules.h"

#define BATCH 64
#define LEARNED_MAX 4096
/* Of one batch and rule. */
#define EXPECTED_MAX 2048
/* The programs may have a clock that steps with the timer's tick, of 10 ms at most. */
#define CLOCK_STEP_NS (20 * NSEC_PER_MSEC)

struct expected {
	uint8_t address[16];
	uint32_t ttl_s; /* between floor and ceiling */
	bool must;	/* and not only may */
	bool seen;
};

struct waiting {
	bool is_waiting;
	struct judge_question question;
};

struct totals {
	uint64_t questions, questions_mangled, questions_out, answers, answers_mangled, legal,
		learned, reused;
};

struct fuzzing {
	struct fenced *fenced;
	struct chance chance;
	struct fuzz_rules rules;
	struct asker asker;
	struct exchange exchanges[BATCH];
	struct waiting waiting[BATCH];
	struct expected expected[FUZZ_RULES][EXPECTED_MAX];
	size_t expected_count[FUZZ_RULES];
	struct cgf_key keys[LEARNED_MAX];
	struct cgf_entry entries[LEARNED_MAX];
	uint64_t began_ns;
	struct totals totals;
};

static inline void dump(const char *what, const struct dns_message *message)
{
	size_t i;

	print_error("%s:", what);
	for (i = 0; i < message->length; i++)
		print_error("%s%02x", i % 32 ? "" : "\n  ", message->bytes[i]);
	print_error("\n");
}

/* --- what is expected ----------------------------------------------------------------------------
 */

static inline bool may_pass(const struct fuzzing *fuzzing, const struct dns_message *message,
			    struct judge_question *ret_question)
{
	return judge_is_plain(message->bytes, message->length, ret_question) &&
	       fuzz_grant_of(&fuzzing->rules, &ret_question->name).count;
}

static inline bool same_question(const struct judge_question *a, const struct judge_question *b)
{
	return a->id == b->id && a->type == b->type && judge_same_name(&a->name, &b->name);
}

/* Asked twice, it is still answered once. */
static inline void forget_same(struct fuzzing *fuzzing, size_t i)
{
	struct waiting *waiting = fuzzing->waiting;
	size_t j;

	for (j = 0; j < i && waiting[i].is_waiting; j++)
		if (waiting[j].is_waiting &&
		    same_question(&waiting[i].question, &waiting[j].question))
			waiting[j].is_waiting = false;
}

static inline struct waiting *find_waiting(struct fuzzing *fuzzing, const uint8_t *bytes,
					   size_t length)
{
	struct judge_question question;
	size_t i, place = DNS_HEADER;

	if (length < DNS_HEADER || (dns_get16(bytes + 2) & 0xf800) != DNS_QR ||
	    dns_get16(bytes + DNS_QUESTIONS) != 1 ||
	    !judge_read_question(bytes, length, &place, &question))
		return NULL;
	for (i = 0; i < BATCH; i++) {
		if (fuzzing->waiting[i].is_waiting &&
		    same_question(&fuzzing->waiting[i].question, &question))
			return &fuzzing->waiting[i];
	}
	return NULL;
}

static inline uint32_t clamp_ttl(uint32_t ttl_s, uint32_t floor_s)
{
	if (ttl_s < floor_s)
		ttl_s = floor_s;
	return ttl_s > CGF_TTL_CEILING_S ? CGF_TTL_CEILING_S : ttl_s;
}

static inline void expect(struct fuzzing *fuzzing, const struct fuzz_grant *grant,
			  const struct judge_address *address, bool must)
{
	struct address plain;
	size_t i;

	memcpy(plain.bytes, address->bytes, sizeof(plain.bytes));
	if (!grant->is_private && address_special(&plain))
		return;
	for (i = 0; i < grant->count; i++) {
		const uint8_t rule = grant->rules[i];
		struct expected expected = {
			.ttl_s = clamp_ttl(address->ttl_s, grant->floor_s),
			.must = must,
		};

		memcpy(expected.address, address->bytes, sizeof(expected.address));
		assert_true(fuzzing->expected_count[rule] < EXPECTED_MAX);
		fuzzing->expected[rule][fuzzing->expected_count[rule]++] = expected;
	}
}

/* A question is answered once. */
static inline void expect_from(struct fuzzing *fuzzing, const uint8_t *bytes, size_t length,
			       bool must)
{
	struct waiting *waiting = find_waiting(fuzzing, bytes, length);
	static struct judge_answer answer;
	struct fuzz_grant grant;
	size_t i;

	if (!waiting)
		return;
	waiting->is_waiting = false;
	grant = fuzz_grant_of(&fuzzing->rules, &waiting->question.name);
	judge_answer(bytes, length, &answer);
	for (i = 0; i < answer.count; i++)
		expect(fuzzing, &grant, &answer.addresses[i], must);
	fuzzing->totals.legal += answer.count != 0;
}

/* --- what was learned ---------------------------------------------------------------------------
 */

static inline uint64_t lasts_ns(const struct expected *expected)
{
	return (uint64_t)(expected->ttl_s + CGF_TTL_GRACE_S) * NSEC_PER_SEC;
}

static inline bool lasts_no_longer(const struct expected *expected, const struct cgf_entry *entry)
{
	return entry->expires_ns <= monotonic_ns() + lasts_ns(expected);
}

/* What has a second less than what comes later is left as it is. */
static inline bool lasts_no_shorter(const struct fuzzing *fuzzing, const struct expected *expected,
				    const struct cgf_entry *entry)
{
	return entry->expires_ns + CLOCK_STEP_NS + NSEC_PER_SEC >=
	       fuzzing->began_ns + lasts_ns(expected);
}

static inline bool is_expected(struct fuzzing *fuzzing, const struct cgf_key *key,
			       const struct cgf_entry *entry)
{
	const unsigned int rule = key->port - FUZZ_PORT;
	bool may = false;
	size_t i;

	if (key->protocol != IPPROTO_TCP || key->port_bits != CGF_PORT_BITS_ONE ||
	    rule >= FUZZ_RULES)
		return false;
	for (i = 0; i < fuzzing->expected_count[rule]; i++) {
		struct expected *expected = &fuzzing->expected[rule][i];

		if (memcmp(expected->address, key->address, sizeof(key->address)))
			continue;
		may |= lasts_no_longer(expected, entry);
		expected->seen = lasts_no_shorter(fuzzing, expected, entry);
	}
	return may;
}

static inline void dump_batch(const struct fuzzing *fuzzing, unsigned int rule)
{
	size_t i;

	print_error("rule %s\n", fuzzing->rules.rules[rule % FUZZ_RULES].name);
	for (i = 0; i < BATCH; i++) {
		const struct exchange *exchange = &fuzzing->exchanges[i];
		struct judge_question question;
		size_t place = DNS_HEADER;

		if (!judge_read_question(exchange->answer.bytes, exchange->answer.length, &place,
					 &question) ||
		    !fuzz_rule_says(&fuzzing->rules.rules[rule % FUZZ_RULES], &question.name))
			continue;
		dump("question", &exchange->question);
		dump(exchange->answered_wrong ? "mangled answer" : "answer", &exchange->answer);
	}
}

static inline void unexpected(const struct fuzzing *fuzzing, const char *what,
			      const uint8_t bytes[16], unsigned int rule)
{
	char text[ADDRESS_TEXT_BYTES];
	struct address address;

	memcpy(address.bytes, bytes, sizeof(address.bytes));
	dump_batch(fuzzing, rule);
	fail_msg("%s: %s by rule %u", what, address_format(&address, text), rule);
}

static inline uint32_t read_learned(struct fuzzing *fuzzing)
{
	const int fd = fuzzing->fenced->maps->maps[KIND_ALLOW];
	uint32_t i, place, learned = 0, count = LEARNED_MAX;
	const int r = bpf_map_lookup_batch(fd, NULL, &place, fuzzing->keys, fuzzing->entries,
					   &count, NULL);

	assert_true(r == -ENOENT);
	for (i = 0; i < count; i++) {
		if (!fuzzing->entries[i].learned)
			continue;
		fuzzing->keys[learned] = fuzzing->keys[i];
		fuzzing->entries[learned++] = fuzzing->entries[i];
	}
	return learned;
}

static inline void check_learned(struct fuzzing *fuzzing)
{
	uint32_t i, learned = read_learned(fuzzing);
	unsigned int rule;

	for (i = 0; i < learned; i++)
		if (!is_expected(fuzzing, &fuzzing->keys[i], &fuzzing->entries[i]))
			unexpected(fuzzing, "learned and not said", fuzzing->keys[i].address,
				   fuzzing->keys[i].port - FUZZ_PORT);
	for (rule = 0; rule < FUZZ_RULES; rule++)
		for (i = 0; i < fuzzing->expected_count[rule]; i++)
			if (fuzzing->expected[rule][i].must && !fuzzing->expected[rule][i].seen)
				unexpected(fuzzing, "said and not learned",
					   fuzzing->expected[rule][i].address, rule);
	for (i = 0; i < learned; i++)
		assert_int_equal(datapath_allow_delete(fuzzing->fenced->maps, &fuzzing->keys[i], 1),
				 0);
	memset(fuzzing->expected_count, 0, sizeof(fuzzing->expected_count));
	fuzzing->totals.learned += learned;
}

static inline void report(const struct fuzzing *fuzzing, uint64_t seed, uint64_t took_ns)
{
	const struct totals *totals = &fuzzing->totals;
	const uint64_t cases = totals->questions + totals->answers;

	print_message("seed %llu: %llu questions, %llu of them mangled, %llu let out; "
		      "%llu answers, %llu of them mangled, %llu said something; %llu learned; "
		      "%llu a second\n",
		      (unsigned long long)seed, (unsigned long long)totals->questions,
		      (unsigned long long)totals->questions_mangled,
		      (unsigned long long)totals->questions_out,
		      (unsigned long long)totals->answers,
		      (unsigned long long)totals->answers_mangled,
		      (unsigned long long)totals->legal, (unsigned long long)totals->learned,
		      (unsigned long long)(cases * NSEC_PER_SEC / took_ns));
	/* Or it would have found nothing out. */
	assert_true(totals->learned > cases / 10);
	assert_true(totals->legal > totals->answers / 10);
	assert_true(totals->questions_out > totals->questions / 4);
	assert_true(totals->questions_out < totals->questions);
}

#endif
