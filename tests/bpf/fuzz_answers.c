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
#include "fuzzing.h"
/* --- questions ----------------------------------------------------------------------------------
 */

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

static void write_answer(struct fuzzing *fuzzing, const struct dns_message *message, bool must)
{
	expect_from(fuzzing, message->bytes, message->length, must);
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
	exchange->answered_wrong = chance_percent(chance, 75);
	/* Of what was asked, something else. */
	if (exchange->answered_wrong && chance_percent(chance, 3))
		exchange->type = exchange->type == DNS_A ? DNS_AAAA : DNS_A;
	make_answer(chance, exchange);
	if (exchange->answered_wrong && chance_percent(chance, 97))
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
