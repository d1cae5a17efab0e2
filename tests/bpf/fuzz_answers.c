// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Mangled questions and answers through the real hooks. A socket inside asks; what comes out is
 * held against an independent judge, and answered, right or wrong; what was learned has to be what
 * the judge finds in the answer, or less if the answer is wrong.
 *
 *   FUZZ_CASES=1000000 FUZZ_SEED=1 build/tests/bpf/fuzz_answers
 *
 * FUZZ_SECONDS ends it earlier. The same seed makes the same messages.
 */
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

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void dump(const char *what, const struct dns_message *message)
{
	size_t i;

	print_error("%s:", what);
	for (i = 0; i < message->length; i++)
		print_error("%s%02x", i % 32 ? "" : "\n  ", message->bytes[i]);
	print_error("\n");
}

/* --- questions ----------------------------------------------------------------------------------
 */

static bool may_pass(const struct fuzzing *fuzzing, const struct dns_message *message,
		     struct judge_question *ret_question)
{
	return judge_is_plain(message->bytes, message->length, ret_question) &&
	       fuzz_grant_of(&fuzzing->rules, &ret_question->name).count;
}

/* Fails if what was let out, or refused, should not have been. */
static bool send_question(struct fuzzing *fuzzing, struct exchange *exchange,
			  struct waiting *ret_waiting)
{
	const struct dns_message *message = &exchange->question;
	const bool may = may_pass(fuzzing, message, &ret_waiting->question);
	const ssize_t sent = send(fuzzing->asker.fd, message->bytes, message->length, MSG_DONTWAIT);

	if (may != (sent >= 0)) {
		dump(may ? "a question that was refused" : "a question that passed", message);
		fail_msg("question %s", exchange->names[0]);
	}
	ret_waiting->is_waiting = may;
	return may;
}

static bool same_question(const struct judge_question *a, const struct judge_question *b)
{
	return a->id == b->id && a->type == b->type && judge_same_name(&a->name, &b->name);
}

/* Asked twice, it is still answered once. */
static void forget_same(struct fuzzing *fuzzing, size_t i)
{
	struct waiting *waiting = fuzzing->waiting;
	size_t j;

	for (j = 0; j < i && waiting[i].is_waiting; j++)
		if (waiting[j].is_waiting &&
		    same_question(&waiting[i].question, &waiting[j].question))
			waiting[j].is_waiting = false;
}

static void ask_one(struct fuzzing *fuzzing, size_t i)
{
	struct chance *chance = &fuzzing->chance;
	struct exchange *exchange = &fuzzing->exchanges[i];
	const struct dns_message *other = &fuzzing->exchanges[(i + 1) % BATCH].question;

	fuzz_name(chance, &fuzzing->rules.rules[(i * 5 + chance_below(chance, 2)) % FUZZ_RULES],
		  exchange->names[0]);
	make_question(chance, exchange);
	exchange->asked_wrong = chance_percent(chance, 25);
	if (exchange->asked_wrong)
		mangle(chance, &exchange->question, other);
	fuzzing->totals.questions++;
	fuzzing->totals.questions_mangled += exchange->asked_wrong;
	fuzzing->totals.questions_out += send_question(fuzzing, exchange, &fuzzing->waiting[i]);
}

/* What came out is what was sent, in order, and nothing else. */
static void read_questions(struct fuzzing *fuzzing)
{
	const size_t headers = header_bytes(fuzzing->asker.self.any.sa_family) + 8;
	static struct long_frame frame;
	size_t i, length;

	for (i = 0; i < BATCH; i++) {
		const struct dns_message *message = &fuzzing->exchanges[i].question;

		if (!fuzzing->waiting[i].is_waiting)
			continue;
		length = read_own_frame(&fuzzing->asker, IPPROTO_UDP, &frame);
		assert_int_equal(length, sizeof(frame.info) + headers + message->length);
		assert_memory_equal(frame.bytes + headers, message->bytes, message->length);
	}
	assert_int_equal(read_own_frame(&fuzzing->asker, IPPROTO_UDP, &frame), 0);
}

/* --- answers ------------------------------------------------------------------------------------
 */

/* As a resolver would answer what it got, which may be another question than was meant. */
static void answer_what_was_asked(struct exchange *exchange, const struct judge_question *question)
{
	exchange->id = question->id;
	exchange->type = question->type;
}

static struct waiting *find_waiting(struct fuzzing *fuzzing, const struct dns_message *message)
{
	struct judge_question question;
	size_t i, place = DNS_HEADER;

	if (message->length < DNS_HEADER || (dns_get16(message->bytes + 2) & 0xf800) != DNS_QR ||
	    dns_get16(message->bytes + DNS_QUESTIONS) != 1 ||
	    !judge_read_question(message->bytes, message->length, &place, &question))
		return NULL;
	for (i = 0; i < BATCH; i++) {
		if (fuzzing->waiting[i].is_waiting &&
		    same_question(&fuzzing->waiting[i].question, &question))
			return &fuzzing->waiting[i];
	}
	return NULL;
}

static uint32_t clamp_ttl(uint32_t ttl_s, uint32_t floor_s)
{
	if (ttl_s < floor_s)
		ttl_s = floor_s;
	return ttl_s > CGF_TTL_CEILING_S ? CGF_TTL_CEILING_S : ttl_s;
}

static void expect(struct fuzzing *fuzzing, const struct fuzz_grant *grant,
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
static void expect_from(struct fuzzing *fuzzing, const struct dns_message *message, bool must)
{
	struct waiting *waiting = find_waiting(fuzzing, message);
	static struct judge_answer answer;
	struct fuzz_grant grant;
	size_t i;

	if (!waiting)
		return;
	waiting->is_waiting = false;
	grant = fuzz_grant_of(&fuzzing->rules, &waiting->question.name);
	judge_answer(message->bytes, message->length, &answer);
	for (i = 0; i < answer.count; i++)
		expect(fuzzing, &grant, &answer.addresses[i], must);
	fuzzing->totals.legal += answer.count != 0;
}

static void write_answer(struct fuzzing *fuzzing, const struct dns_message *message, bool must)
{
	expect_from(fuzzing, message, must);
	asker_hears_from(&fuzzing->asker, &fuzzing->asker.resolver, message);
	fuzzing->totals.answers++;
}

static void answer_one(struct fuzzing *fuzzing, size_t i)
{
	struct chance *chance = &fuzzing->chance;
	struct exchange *exchange = &fuzzing->exchanges[i];
	const size_t other = chance_below(chance, BATCH);

	if (!fuzzing->waiting[i].is_waiting && !chance_percent(chance, 20))
		return;
	if (fuzzing->waiting[i].is_waiting)
		answer_what_was_asked(exchange, &fuzzing->waiting[i].question);
	make_answer(chance, exchange);
	exchange->answered_wrong = chance_percent(chance, 75);
	if (exchange->answered_wrong)
		mangle(chance, &exchange->answer, &fuzzing->exchanges[other].answer);
	fuzzing->totals.answers_mangled += exchange->answered_wrong;
	write_answer(fuzzing, &exchange->answer, !exchange->answered_wrong && exchange->is_clear);
	if (!chance_percent(chance, 3))
		return;
	fuzzing->totals.reused++;
	make_answer(chance, exchange);
	write_answer(fuzzing, &exchange->answer, false);
}

/* So that the next batch finds nothing that waits: an answer of nothing. */
static void answer_the_rest(struct fuzzing *fuzzing)
{
	struct dns_message message;
	size_t i;

	for (i = 0; i < BATCH; i++) {
		const struct judge_question *question = &fuzzing->waiting[i].question;

		if (!fuzzing->waiting[i].is_waiting)
			continue;
		dns_start(&message, question->id, DNS_ANSWERED | DNS_SERVFAIL);
		dns_put(&message, question->name.bytes, question->name.length);
		dns_put16(&message, question->type);
		dns_put16(&message, DNS_IN);
		dns_count(&message, DNS_QUESTIONS, 1);
		asker_hears_from(&fuzzing->asker, &fuzzing->asker.resolver, &message);
		fuzzing->waiting[i].is_waiting = false;
	}
}

/* --- what was learned ---------------------------------------------------------------------------
 */

static uint64_t lasts_ns(const struct expected *expected)
{
	return (uint64_t)(expected->ttl_s + CGF_TTL_GRACE_S) * NSEC_PER_SEC;
}

static bool lasts_no_longer(const struct expected *expected, const struct cgf_entry *entry)
{
	return entry->expires_ns <= monotonic_ns() + lasts_ns(expected);
}

/* What has a second less than what comes later is left as it is. */
static bool lasts_no_shorter(const struct fuzzing *fuzzing, const struct expected *expected,
			     const struct cgf_entry *entry)
{
	return entry->expires_ns + CLOCK_STEP_NS + NSEC_PER_SEC >=
	       fuzzing->began_ns + lasts_ns(expected);
}

static bool is_expected(struct fuzzing *fuzzing, const struct cgf_key *key,
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

static void dump_batch(const struct fuzzing *fuzzing, unsigned int rule)
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

static void unexpected(const struct fuzzing *fuzzing, const char *what, const uint8_t bytes[16],
		       unsigned int rule)
{
	char text[ADDRESS_TEXT_BYTES];
	struct address address;

	memcpy(address.bytes, bytes, sizeof(address.bytes));
	dump_batch(fuzzing, rule);
	fail_msg("%s: %s by rule %u", what, address_format(&address, text), rule);
}

static uint32_t read_learned(struct fuzzing *fuzzing)
{
	const int fd = fuzzing->fenced->maps->maps[KIND_ALLOW];
	uint32_t i, place, learned = 0, count = LEARNED_MAX;
	const int r = bpf_map_lookup_batch(fd, NULL, &place, fuzzing->keys, fuzzing->entries,
					   &count, NULL);

	assert_true(r == -ENOENT);
	for (i = 0; i < count; i++) {
		if (fuzzing->entries[i].grant == CGF_GRANT_NONE)
			continue;
		fuzzing->keys[learned] = fuzzing->keys[i];
		fuzzing->entries[learned++] = fuzzing->entries[i];
	}
	return learned;
}

static void check_learned(struct fuzzing *fuzzing)
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

static void run_batch(struct fuzzing *fuzzing)
{
	size_t i;

	fuzzing->began_ns = monotonic_ns();
	for (i = 0; i < BATCH; i++)
		ask_one(fuzzing, i);
	read_questions(fuzzing);
	for (i = 0; i < BATCH; i++)
		forget_same(fuzzing, i);
	for (i = 0; i < BATCH; i++)
		answer_one(fuzzing, i);
	check_learned(fuzzing);
	answer_the_rest(fuzzing);
}

static void report(const struct fuzzing *fuzzing, uint64_t seed, uint64_t took_ns)
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

static void fuzz(struct fenced *fenced, const char *resolver, unsigned int parts)
{
	_cleanup_free_ struct fuzzing *fuzzing = calloc(1, sizeof(*fuzzing));
	const uint64_t seed = setting("FUZZ_SEED", monotonic_ns()),
		       cases = setting("FUZZ_CASES", 300000) / parts, began_ns = monotonic_ns();
	const uint64_t until_ns = began_ns + setting("FUZZ_SECONDS", 3600) * NSEC_PER_SEC / parts;

	assert_non_null(fuzzing);
	print_message("FUZZ_SEED=%llu\n", (unsigned long long)seed);
	fuzzing->fenced = fenced;
	fuzzing->chance.state = seed * 2 + 1;
	make_fuzz_rules(&fuzzing->rules);
	put_asking_up(fenced, fuzzing->rules.text);
	fuzzing->asker = asker_open(fenced, resolver);
	while (fuzzing->totals.questions + fuzzing->totals.answers < cases &&
	       monotonic_ns() < until_ns)
		run_batch(fuzzing);
	asker_close(&fuzzing->asker);
	report(fuzzing, seed, monotonic_ns() - began_ns);
}

static void what_is_learned_over_ipv4_is_what_the_answer_says(void **state)
{
	fuzz(*state, RESOLVER_IPV4, 2);
}

static void what_is_learned_over_ipv6_is_what_the_answer_says(void **state)
{
	fuzz(*state, RESOLVER_IPV6, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(what_is_learned_over_ipv4_is_what_the_answer_says),
		FENCED_TEST(what_is_learned_over_ipv6_is_what_the_answer_says),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
