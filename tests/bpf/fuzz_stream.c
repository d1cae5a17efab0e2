// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The same over TCP: a connection for each batch, its questions written several at once, its
 * answers cut into segments that repeat, overlap or come too early. FUZZ_CASES, FUZZ_SECONDS and
 * FUZZ_SEED as for fuzz_answers.
 */
#include "fuzzing.h"
#include "tcp_peer.h"

#define QUESTIONS 32
#define WRITTEN_MAX 8192
#define SEGMENT_MAX 5000

/* Where the messages are that are to be learned from. */
struct speech {
	uint8_t bytes[PEER_STREAM_BYTES];
	size_t length, count;
	size_t musts[QUESTIONS]; /* offsets behind their length */
};

/* --- questions ----------------------------------------------------------------------------------
 */

/* A row of whole messages that may all pass. Of each, it is then known that it waits. */
static bool row_may_pass(struct fuzzing *fuzzing, const uint8_t *bytes, size_t length, size_t first)
{
	struct judge_question question;
	size_t i, count, place = 0;

	for (i = 0; i < 16 && place < length; i++) {
		if (place + 2 > length)
			return false;
		count = dns_get16(bytes + place);
		place += 2;
		if (count > length - place || !judge_is_plain(bytes + place, count, &question) ||
		    !fuzz_grant_of(&fuzzing->rules, &question.name).count)
			return false;
		fuzzing->waiting[first + i] = (struct waiting){ true, question };
		place += count;
	}
	return place == length;
}

static void make_one(struct fuzzing *fuzzing, size_t i, bool wrong)
{
	struct chance *chance = &fuzzing->chance;
	struct exchange *exchange = &fuzzing->exchanges[i];
	const struct dns_message *other = &fuzzing->exchanges[(i + 1) % QUESTIONS].question;

	fuzz_name(chance, &fuzzing->rules.rules[(i * 5 + chance_below(chance, 2)) % FUZZ_RULES],
		  exchange->names[0]);
	make_question(chance, exchange);
	if (wrong)
		mangle(chance, &exchange->question, other);
	fuzzing->totals.questions++;
	fuzzing->totals.questions_mangled += wrong;
}

static size_t put_row(struct fuzzing *fuzzing, size_t first, size_t count, bool wrong,
		      uint8_t *bytes)
{
	struct chance *chance = &fuzzing->chance;
	size_t i, length = 0;

	for (i = first; i < first + count; i++) {
		make_one(fuzzing, i, wrong && chance_percent(chance, 60));
		length += tcp_put_message(bytes + length, &fuzzing->exchanges[i].question);
	}
	if (wrong && chance_percent(chance, 30))
		bytes[1] = (uint8_t)(bytes[1] + chance_below(chance, 7) - 3);
	if (wrong && chance_percent(chance, 20))
		length -= chance_below(chance, (unsigned int)length);
	if (wrong && chance_percent(chance, 20))
		length += chance_below(chance, 4);
	return length;
}

/* False if it was refused, as it had to be, and nothing more can be said on this connection. */
static bool ask_row(struct fuzzing *fuzzing, struct tcp_peer *peer, size_t first, size_t count)
{
	static uint8_t bytes[QUESTIONS * WRITTEN_MAX];
	const bool wrong = chance_percent(&fuzzing->chance, 6);
	const size_t length = put_row(fuzzing, first, count, wrong, bytes);
	const bool may = length && row_may_pass(fuzzing, bytes, length, first);
	size_t i;

	if (length && tcp_asks(peer, bytes, length) != may)
		fail_msg("a row that %s", may ? "was refused" : "passed");
	tcp_acknowledge(peer);
	for (i = first; i < first + count; i++)
		if (may)
			forget_same(fuzzing, i);
		else
			fuzzing->waiting[i].is_waiting = false;
	fuzzing->totals.questions_out += may ? count : 0;
	return may;
}

/* --- answers ------------------------------------------------------------------------------------
 */

static void say_one(struct fuzzing *fuzzing, size_t i, struct speech *said)
{
	struct chance *chance = &fuzzing->chance;
	struct exchange *exchange = &fuzzing->exchanges[i];
	uint8_t *bytes = said->bytes + said->length;

	exchange->id = fuzzing->waiting[i].question.id;
	exchange->type = fuzzing->waiting[i].question.type;
	make_answer(chance, exchange);
	exchange->answered_wrong = chance_percent(chance, 50);
	if (exchange->answered_wrong)
		mangle(chance, &exchange->answer,
		       &fuzzing->exchanges[chance_below(chance, QUESTIONS)].answer);
	if (said->length + 2 + exchange->answer.length > sizeof(said->bytes))
		return;
	if (!exchange->answered_wrong && exchange->is_clear)
		said->musts[said->count++] = said->length + 2;
	said->length += tcp_put_message(bytes, &exchange->answer);
	if (chance_percent(chance, 1))
		bytes[chance_below(chance, 2)] = (uint8_t)chance_next(chance);
	fuzzing->totals.answers++;
	fuzzing->totals.answers_mangled += exchange->answered_wrong;
}

static bool is_must(const struct speech *said, size_t place)
{
	size_t i;

	for (i = 0; i < said->count; i++)
		if (said->musts[i] == place)
			return true;
	return false;
}

/* By the lengths that it says. What is not whole at its end says nothing. */
static void expect_stream(struct fuzzing *fuzzing, const struct speech *said)
{
	size_t count, place = 0;

	while (place + 2 <= said->length) {
		count = dns_get16(said->bytes + place);
		place += 2;
		if (count > said->length - place)
			return;
		expect_from(fuzzing, said->bytes + place, count, is_must(said, place));
		place += count;
	}
}

static size_t some_length(struct chance *chance, size_t most)
{
	static const unsigned int lengths[] = { 2, 20, 100, 536, 1460, 1460, SEGMENT_MAX };
	const size_t length = 1 + chance_below(chance, CHANCE_OF(chance, lengths));

	return length < most ? length : most;
}

static void say_stream(struct fuzzing *fuzzing, struct tcp_peer *peer, const struct speech *said)
{
	struct chance *chance = &fuzzing->chance;
	uint32_t from;
	size_t i;

	for (i = 1; peer->said < said->length; i++) {
		from = peer->said;
		if (chance_percent(chance, 10))
			from -= chance_below(chance, from < 300 ? from + 1 : 300);
		/* Not too often in a row, or it would not be learned from any more. */
		if (i % 8 == 0 && chance_percent(chance, 50))
			from += chance_below(chance, (unsigned int)(said->length - from));
		tcp_say_from(peer, from, said->bytes + from,
			     some_length(chance, said->length - from));
		recv(peer->asker.fd, NULL, PEER_STREAM_BYTES, MSG_TRUNC | MSG_DONTWAIT);
		if (i % 64 == 0)
			tcp_hear(peer);
	}
	tcp_hear(peer);
}

static void run_batch(struct fuzzing *fuzzing, const char *resolver)
{
	_cleanup_peer_ struct tcp_peer *peer = tcp_peer_open(fuzzing->fenced, resolver);
	static struct speech said;
	size_t i, count;
	bool goes_on = true;

	fuzzing->began_ns = monotonic_ns();
	memset(fuzzing->waiting, 0, sizeof(fuzzing->waiting));
	for (i = 0; goes_on && i < QUESTIONS; i += count) {
		count = 1 + chance_below(&fuzzing->chance, 4);
		if (count > QUESTIONS - i)
			count = QUESTIONS - i;
		goes_on = ask_row(fuzzing, peer, i, count);
	}
	said.length = said.count = 0;
	for (i = 0; i < QUESTIONS; i++)
		if (fuzzing->waiting[i].is_waiting)
			say_one(fuzzing, i, &said);
	expect_stream(fuzzing, &said);
	say_stream(fuzzing, peer, &said);
	check_learned(fuzzing);
}

static void fuzz(struct fenced *fenced, const char *resolver)
{
	_cleanup_free_ struct fuzzing *fuzzing = calloc(1, sizeof(*fuzzing));
	const uint64_t seed = setting("FUZZ_SEED", monotonic_ns()),
		       cases = setting("FUZZ_CASES", 60000) / 2, began_ns = monotonic_ns();
	const uint64_t until_ns = began_ns + setting("FUZZ_SECONDS", 3600) * NSEC_PER_SEC / 2;

	assert_non_null(fuzzing);
	print_message("FUZZ_SEED=%llu\n", (unsigned long long)seed);
	fuzzing->fenced = fenced;
	fuzzing->chance.state = seed * 2 + 1;
	make_fuzz_rules(&fuzzing->rules);
	put_asking_up(fenced, fuzzing->rules.text);
	while (fuzzing->totals.questions + fuzzing->totals.answers < cases &&
	       monotonic_ns() < until_ns)
		run_batch(fuzzing, resolver);
	report(fuzzing, seed, monotonic_ns() - began_ns);
}

static void what_is_learned_over_tcp_and_ipv4_is_what_the_stream_says(void **state)
{
	fuzz(*state, RESOLVER_IPV4);
}

static void what_is_learned_over_tcp_and_ipv6_is_what_the_stream_says(void **state)
{
	fuzz(*state, RESOLVER_IPV6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(what_is_learned_over_tcp_and_ipv4_is_what_the_stream_says),
		FENCED_TEST(what_is_learned_over_tcp_and_ipv6_is_what_the_stream_says),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
