// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Questions and answers over TCP, however the stream is cut. */
#include "tcp_peer.h"

#define RULES                                                                                      \
	"allow host.test:443/tcp\n"                                                                \
	"allow *.wild.test:443/tcp\n"
#define ID 0x1234
#define HOST "host.test"
#define EVIL "evil.test"
#define ADDRESS_A "203.0.113.7"
#define ADDRESS_B "203.0.113.8"

struct bytes {
	size_t length;
	uint8_t bytes[PEER_STREAM_BYTES];
};

static void add_question(struct bytes *bytes, const char *name, uint16_t id)
{
	struct dns_message message;

	dns_start(&message, id, DNS_RD);
	dns_ask(&message, name, DNS_A);
	bytes->length += tcp_put_message(bytes->bytes + bytes->length, &message);
}

static void add_answer(struct bytes *bytes, const char *name, uint16_t id, const char *address)
{
	struct dns_message message;

	dns_start(&message, id, DNS_ANSWERED);
	dns_ask(&message, name, DNS_A);
	dns_address(&message, name, 60, address);
	bytes->length += tcp_put_message(bytes->bytes + bytes->length, &message);
}

static void ask(struct tcp_peer *peer, uint16_t id)
{
	struct bytes question = {};

	add_question(&question, HOST, id);
	assert_true(tcp_asks(peer, question.bytes, question.length));
	tcp_acknowledge(peer);
}

/* What the application reads is what was said. */
static void check_read(struct tcp_peer *peer, const struct bytes *said)
{
	static uint8_t heard[PEER_STREAM_BYTES];
	size_t length = 0;
	ssize_t count;

	while ((count = recv(peer->asker.fd, heard + length, sizeof(heard) - length,
			     MSG_DONTWAIT)) > 0)
		length += (size_t)count;
	assert_int_equal(length, said->length);
	assert_memory_equal(heard, said->bytes, length);
	tcp_hear(peer);
}

/* --- answers ------------------------------------------------------------------------------------
 */

static void whole_answers_are_learned_by_either_family(void **state)
{
	static const char *const resolvers[] = { RESOLVER_IPV4, RESOLVER_IPV6 };
	struct fenced *fenced = *state;
	size_t i;

	put_asking_up(fenced, RULES);
	for (i = 0; i < ARRAY_SIZE(resolvers); i++) {
		_cleanup_peer_ struct tcp_peer *peer = tcp_peer_open(fenced, resolvers[i]);
		struct bytes answer = {};

		ask(peer, ID);
		add_answer(&answer, HOST, ID, ADDRESS_A);
		tcp_say(peer, answer.bytes, answer.length);
		assert_true(knows(fenced, ADDRESS_A));
		check_read(peer, &answer);
		forget(fenced, ADDRESS_A);
	}
}

#define ROW 60

static void several_answers_in_a_segment_are_learned(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	char address[INET_ADDRSTRLEN];
	struct bytes answers = {};
	uint16_t i;

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	for (i = 0; i < ROW; i++) {
		ask(peer, ID + i);
		snprintf(address, sizeof(address), "203.0.113.%u", 100 + i);
		add_answer(&answers, HOST, ID + i, address);
	}
	tcp_say(peer, answers.bytes, answers.length);
	assert_int_equal(learned_count(fenced), ROW);
	check_read(peer, &answers);
}

/* In three segments, of which the last, or the last two, may be empty. */
static void check_cut(struct tcp_peer *peer, size_t first, size_t second)
{
	const struct fenced *fenced = peer->asker.fenced;
	struct bytes answer = {};

	ask(peer, ID);
	add_answer(&answer, HOST, ID, ADDRESS_A);
	tcp_say(peer, answer.bytes, first);
	if (second > first)
		tcp_say(peer, answer.bytes + first, second - first);
	assert_false(knows(fenced, ADDRESS_A));
	tcp_say(peer, answer.bytes + second, answer.length - second);
	if (!knows(fenced, ADDRESS_A))
		fail_msg("cut at %zu and %zu", first, second);
	check_read(peer, &answer);
	forget(fenced, ADDRESS_A);
}

static void an_answer_cut_anywhere_into_two_or_three_is_learned(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	struct bytes answer = {};
	size_t first, second;

	put_asking_up(fenced, RULES);
	add_answer(&answer, HOST, ID, ADDRESS_A);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	for (first = 1; first < answer.length; first++)
		check_cut(peer, first, first);
	for (first = 1; first < answer.length; first++) {
		tcp_peer_close(&peer);
		peer = tcp_peer_open(fenced, RESOLVER_IPV4);
		for (second = first + 1; second < answer.length; second++)
			check_cut(peer, first, second);
	}
}

static void an_answer_by_the_byte_is_learned_between_others(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	struct bytes answers = {};
	size_t i;

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	ask(peer, ID);
	ask(peer, ID + 1);
	add_answer(&answers, HOST, ID, ADDRESS_A);
	add_answer(&answers, HOST, ID + 1, ADDRESS_B);
	for (i = 0; i < answers.length; i++)
		tcp_say(peer, answers.bytes + i, 1);
	assert_true(knows(fenced, ADDRESS_A));
	assert_true(knows(fenced, ADDRESS_B));
	check_read(peer, &answers);
}

/* Each segment ends in the middle of a message. */
static void answers_across_segments_are_learned(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	char address[INET_ADDRSTRLEN];
	struct bytes answers = {};
	size_t at, step;
	uint16_t i;

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	for (i = 0; i < ROW; i++) {
		ask(peer, ID + i);
		snprintf(address, sizeof(address), "203.0.113.%u", 100 + i);
		add_answer(&answers, HOST, ID + i, address);
	}
	for (at = 0, step = 1; at < answers.length; at += step, step = step * 3 % 101) {
		if (step > answers.length - at)
			step = answers.length - at;
		tcp_say(peer, answers.bytes + at, step);
	}
	assert_int_equal(learned_count(fenced), ROW);
	check_read(peer, &answers);
}

static void what_comes_too_early_is_dropped_and_learned_when_it_comes_again(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	struct bytes answers = {};
	const uint32_t cut = 30;

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	ask(peer, ID);
	ask(peer, ID + 1);
	add_answer(&answers, HOST, ID, ADDRESS_A);
	add_answer(&answers, HOST, ID + 1, ADDRESS_B);
	tcp_say_from(peer, cut, answers.bytes + cut, answers.length - cut);
	assert_int_equal(learned_count(fenced), 0);
	tcp_say_from(peer, 0, answers.bytes, cut);
	assert_int_equal(learned_count(fenced), 0);
	tcp_say_from(peer, cut, answers.bytes + cut, answers.length - cut);
	assert_int_equal(learned_count(fenced), 2);
	check_read(peer, &answers);
}

static void what_comes_again_is_read_once_however_it_is_cut(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	struct bytes answers = {}, others = {};
	uint32_t overlap;

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	ask(peer, ID);
	ask(peer, ID + 1);
	add_answer(&answers, HOST, ID, ADDRESS_A);
	/* Of the same bytes, but for an address that would be learned. */
	add_answer(&others, HOST, ID + 1, "203.0.113.66");
	tcp_say_from(peer, 0, answers.bytes, answers.length);
	add_answer(&answers, HOST, ID + 1, ADDRESS_B);
	tcp_say_from(peer, 0, others.bytes, others.length);
	assert_int_equal(learned_count(fenced), 1);
	for (overlap = 40; overlap < answers.length; overlap++)
		tcp_say_from(peer, overlap - 40, answers.bytes + overlap - 40, 41);
	assert_true(knows(fenced, ADDRESS_A));
	assert_true(knows(fenced, ADDRESS_B));
	assert_int_equal(learned_count(fenced), 2);
	check_read(peer, &answers);
}

/* With so much of TXT in it. */
static void add_large_answer(struct bytes *bytes, uint16_t id, size_t room, const char *address)
{
	struct dns_message message;
	uint8_t text[256] = { 255 };

	dns_start(&message, id, DNS_ANSWERED);
	dns_ask(&message, HOST, DNS_A);
	while (message.length + 300 < room)
		dns_record(&message, HOST, DNS_TXT, 60, text, sizeof(text));
	dns_record(&message, HOST, DNS_TXT, 60, text, room - message.length - 12 - 16);
	dns_address(&message, HOST, 60, address);
	assert_int_equal(message.length, room);
	bytes->length += tcp_put_message(bytes->bytes + bytes->length, &message);
}

static void say_in_parts(struct tcp_peer *peer, const struct bytes *bytes, size_t part)
{
	size_t at;

	for (at = 0; at < bytes->length; at += part) {
		if (part > bytes->length - at)
			part = bytes->length - at;
		tcp_say(peer, bytes->bytes + at, part);
	}
}

static void check_large(struct fenced *fenced, size_t room, size_t part, bool learned)
{
	_cleanup_peer_ struct tcp_peer *peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	struct bytes answers = {};

	print_message("%zu bytes in parts of %zu\n", room, part);
	ask(peer, ID);
	ask(peer, ID + 1);
	add_large_answer(&answers, ID, room, ADDRESS_A);
	add_answer(&answers, HOST, ID + 1, ADDRESS_B);
	say_in_parts(peer, &answers, part);
	assert_int_equal(knows(fenced, ADDRESS_A), learned);
	/* What follows it is found in either case. */
	assert_true(knows(fenced, ADDRESS_B));
	check_read(peer, &answers);
	forget(fenced, ADDRESS_A);
	forget(fenced, ADDRESS_B);
}

static void a_large_answer_is_learned_if_it_fits_or_comes_at_once(void **state)
{
	const size_t most = CGF_STREAM_BYTES - 3;
	struct fenced *fenced = *state;

	put_asking_up(fenced, RULES);
	check_large(fenced, 2000, 536, true);
	check_large(fenced, most, 1460, true);
	check_large(fenced, most, 1, true);
	check_large(fenced, most + 1, 1460, false);
	check_large(fenced, 12000, 1460, false);
	check_large(fenced, 12000, 1, false);
	check_large(fenced, 12000, 20000, true);
}

static void after_too_many_that_come_too_early_nothing_is_learned_and_all_is_read(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	struct bytes answers = {};
	size_t i;

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	ask(peer, ID);
	add_answer(&answers, HOST, ID, ADDRESS_A);
	for (i = 0; i < 16; i++)
		tcp_say_from(peer, 30, answers.bytes + 30, answers.length - 30);
	tcp_say_from(peer, 0, answers.bytes, 30);
	assert_int_equal(learned_count(fenced), 0);
	check_read(peer, &answers);
}

/* The same socket, which keeps what it has asked. */
static void connect_again(struct tcp_peer *peer)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	assert_int_equal(connect(peer->asker.fd, &nobody, sizeof(nobody)), 0);
	tcp_hear(peer);
	assert_int_equal(
		connect(peer->asker.fd, &peer->asker.resolver.any, sizeof(peer->asker.resolver)),
		-1);
	assert_int_equal(errno, EINPROGRESS);
	assert_true(tcp_accept(peer));
}

/* Or an application could have answers made of pieces of its choice. */
static void what_began_on_one_connection_does_not_end_on_the_next(void **state)
{
	static const uint8_t end[4] = { 203, 0, 113, 66 };
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	struct bytes answer = {}, other = {};

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	ask(peer, ID);
	add_answer(&answer, HOST, ID, ADDRESS_A);
	tcp_say(peer, answer.bytes, answer.length - sizeof(end));
	connect_again(peer);
	/* The application chooses the number. */
	ask(peer, ID);
	tcp_say(peer, end, sizeof(end));
	assert_int_equal(learned_count(fenced), 0);
	connect_again(peer);
	ask(peer, ID + 1);
	add_answer(&other, HOST, ID + 1, ADDRESS_B);
	tcp_say(peer, other.bytes, other.length);
	assert_int_equal(learned_count(fenced), 1);
	assert_true(knows(fenced, ADDRESS_B));
	check_read(peer, &other);
}

/* Also what is waited for, and how much of a message that is too long is still to come. */
static void what_was_asked_on_one_connection_is_not_answered_on_the_next(void **state)
{
	static const uint8_t long_one[] = { 0xff, 0xff, 0, 0 };
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	struct bytes answer = {}, other = {};

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	ask(peer, ID);
	tcp_say(peer, long_one, sizeof(long_one));
	connect_again(peer);
	add_answer(&answer, HOST, ID, ADDRESS_A);
	tcp_say(peer, answer.bytes, answer.length);
	assert_int_equal(learned_count(fenced), 0);
	check_read(peer, &answer);
	ask(peer, ID + 1);
	add_answer(&other, HOST, ID + 1, ADDRESS_B);
	tcp_say(peer, other.bytes, other.length);
	assert_int_equal(learned_count(fenced), 1);
	assert_true(knows(fenced, ADDRESS_B));
	check_read(peer, &other);
}

/* Whoever can send in the resolver's name, but does not know where the stream is. */
static void a_syn_in_the_middle_begins_nothing(void **state)
{
	const uint32_t elsewhere = 0x12345678;
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	struct bytes forged = {}, answer = {};

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	ask(peer, ID);
	add_answer(&forged, HOST, ID, ADDRESS_B);
	tcp_say_at(peer, elsewhere, TCP_SYN | TCP_ACK, "", 0);
	tcp_say_at(peer, elsewhere + 1, TCP_ACK, forged.bytes, forged.length);
	assert_int_equal(learned_count(fenced), 0);
	add_answer(&answer, HOST, ID, ADDRESS_A);
	tcp_say(peer, answer.bytes, answer.length);
	assert_true(knows(fenced, ADDRESS_A));
	assert_int_equal(learned_count(fenced), 1);
	check_read(peer, &answer);
}

/* --- questions ----------------------------------------------------------------------------------
 */

static void whole_questions_are_let_out_one_or_several_at_once(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	struct bytes questions = {};
	uint16_t i;

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	ask(peer, ID);
	for (i = 0; i < 16; i++)
		add_question(&questions, i % 2 ? HOST : "a.b.wild.test", ID + i);
	assert_true(tcp_asks(peer, questions.bytes, questions.length));
}

/* What is not whole is held back, and the kernel tries again by itself, with what was added. */
static void wait_until_heard(struct tcp_peer *peer, size_t count)
{
	struct pollfd readable = { .fd = peer->asker.fenced->device, .events = POLLIN };

	while (peer->heard < count) {
		assert_int_equal(poll(&readable, 1, DEADLINE_MS), 1);
		tcp_hear(peer);
	}
	assert_int_equal(peer->heard, count);
}

static void write_in_parts(struct tcp_peer *peer, const struct bytes *bytes, size_t part)
{
	size_t i;

	for (i = 0; i < bytes->length; i += part) {
		if (part > bytes->length - i)
			part = bytes->length - i;
		/* It may be a while before the last part is sent. */
		assert_int_equal(peer->heard, 0);
		assert_int_equal(send(peer->asker.fd, bytes->bytes + i, part, 0), part);
		tcp_hear(peer);
	}
}

static void a_question_in_parts_is_let_out_when_it_is_whole(void **state)
{
	struct fenced *fenced = *state;
	struct bytes question = {};
	size_t part;

	put_asking_up(fenced, RULES);
	add_question(&question, HOST, ID);
	for (part = 1; part < question.length; part++) {
		_cleanup_peer_ struct tcp_peer *peer = tcp_peer_open(fenced, RESOLVER_IPV4);

		print_message("%zu bytes at a time\n", part);
		write_in_parts(peer, &question, part);
		wait_until_heard(peer, question.length);
		assert_memory_equal(peer->stream, question.bytes, question.length);
	}
}

static void nothing_of_another_question_is_let_out_in_parts(void **state)
{
	struct fenced *fenced = *state;
	struct bytes question = {};
	size_t part;

	put_asking_up(fenced, RULES);
	add_question(&question, EVIL, ID);
	for (part = 1; part < question.length; part++) {
		_cleanup_peer_ struct tcp_peer *peer = tcp_peer_open(fenced, RESOLVER_IPV4);

		print_message("%zu bytes at a time\n", part);
		write_in_parts(peer, &question, part);
		assert_int_equal(peer->heard, 0);
	}
}

static void evil_question(struct bytes *bytes)
{
	add_question(bytes, EVIL, ID);
}

static void evil_behind(struct bytes *bytes)
{
	add_question(bytes, HOST, ID);
	add_question(bytes, EVIL, ID);
}

static void evil_before(struct bytes *bytes)
{
	add_question(bytes, EVIL, ID);
	add_question(bytes, HOST, ID);
}

static void evil_last_of_16(struct bytes *bytes)
{
	size_t i;

	for (i = 0; i < 15; i++)
		add_question(bytes, HOST, ID);
	add_question(bytes, EVIL, ID);
}

static void seventeen(struct bytes *bytes)
{
	size_t i;

	for (i = 0; i < 17; i++)
		add_question(bytes, HOST, ID);
}

static void part_of_one(struct bytes *bytes)
{
	add_question(bytes, HOST, ID);
	bytes->length--;
}

static void byte_behind(struct bytes *bytes)
{
	add_question(bytes, HOST, ID);
	bytes->length++;
}

static void part_behind(struct bytes *bytes)
{
	add_question(bytes, HOST, ID);
	add_question(bytes, HOST, ID);
	bytes->length -= 20;
}

static void length_lies_less(struct bytes *bytes)
{
	add_question(bytes, HOST, ID);
	bytes->bytes[1]--;
}

static void length_lies_more(struct bytes *bytes)
{
	add_question(bytes, HOST, ID);
	bytes->bytes[1]++;
	bytes->length++;
}

static void no_length(struct bytes *bytes)
{
	bytes->length = 2;
}

static void length_alone(struct bytes *bytes)
{
	bytes->length = 2;
	bytes->bytes[1] = 'x';
}

static void length_alone_behind(struct bytes *bytes)
{
	add_question(bytes, HOST, ID);
	bytes->bytes[bytes->length++] = 'x';
	bytes->bytes[bytes->length++] = 'x';
}

static void half_a_length(struct bytes *bytes)
{
	bytes->length = 1;
}

static void empty_before(struct bytes *bytes)
{
	bytes->length = 2;
	add_question(bytes, HOST, ID);
}

static void http(struct bytes *bytes)
{
	bytes->length = (size_t)sprintf((char *)bytes->bytes, "GET / HTTP/1.1\r\n\r\n");
}

static void much(struct bytes *bytes)
{
	bytes->length = 20000;
}

static void an_answer(struct bytes *bytes)
{
	add_answer(bytes, HOST, ID, ADDRESS_A);
}

static const struct {
	const char *sentence;
	void (*make)(struct bytes *bytes);
} refused[] = {
	{ "another name", evil_question },
	{ "another name behind a question", evil_behind },
	{ "another name before a question", evil_before },
	{ "another name as the last of 16", evil_last_of_16 },
	{ "seventeen questions", seventeen },
	{ "part of a question", part_of_one },
	{ "a byte behind", byte_behind },
	{ "part of a question behind", part_behind },
	{ "a length that is too small", length_lies_less },
	{ "a length that is too large", length_lies_more },
	{ "a message of no bytes", no_length },
	{ "a length and nothing behind", length_alone },
	{ "a length and nothing behind a question", length_alone_behind },
	{ "half a length", half_a_length },
	{ "a message of no bytes before", empty_before },
	{ "HTTP", http },
	{ "much", much },
	{ "an answer", an_answer },
};

static void nothing_else_is_let_out(void **state)
{
	struct fenced *fenced = *state;
	size_t i;

	put_asking_up(fenced, RULES);
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_peer_ struct tcp_peer *peer = tcp_peer_open(fenced, RESOLVER_IPV4);
		struct bytes bytes = {};

		print_message("%s\n", refused[i].sentence);
		ask(peer, ID);
		refused[i].make(&bytes);
		assert_false(tcp_asks(peer, bytes.bytes, bytes.length));
		/* What was refused stays, and holds up what comes behind it. */
		if (refused[i].make == part_of_one || refused[i].make == part_behind ||
		    refused[i].make == half_a_length || refused[i].make == length_lies_more)
			continue;
		bytes.length = 0;
		add_question(&bytes, HOST, ID);
		assert_false(tcp_asks(peer, bytes.bytes, bytes.length));
	}
}

/* The first is not acknowledged, so it comes again, and may. */
static void what_was_let_out_may_come_again(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	struct pollfd readable = { .fd = fenced->device, .events = POLLIN };
	struct bytes question = {};

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	add_question(&question, HOST, ID);
	assert_true(tcp_asks(peer, question.bytes, question.length));
	do {
		assert_int_equal(poll(&readable, 1, DEADLINE_MS), 1);
	} while (!tcp_hear(peer));
	tcp_acknowledge(peer);
	ask(peer, ID + 1);
}

/* A connection from before the fence stood: nobody knows what was said on it. */
static void a_connection_from_before_is_not_gone_on_with(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	struct bytes question = {};

	put_asking_up(fenced, RULES);
	add_question(&question, HOST, ID);
	assert_false(tcp_asks(peer, question.bytes, question.length));
}

/* With what TCP Fast Open has in its SYN. */
static bool opens_fast(const struct fenced *fenced, const char *name, struct tcp_peer **ret_peer)
{
	struct tcp_peer *peer = tcp_peer_new(fenced, RESOLVER_IPV4);
	struct bytes question = {};
	ssize_t sent;

	*ret_peer = peer;
	add_question(&question, name, ID);
	sent = sendto(peer->asker.fd, question.bytes, question.length, MSG_FASTOPEN,
		      &peer->asker.resolver.any, sizeof(peer->asker.resolver));
	assert_true(sent > 0 || errno == EINPROGRESS || errno == EPERM);
	/* With data it may be refused; then the kernel opens without. */
	assert_true(tcp_accept(peer));
	assert_true(!peer->syn_bytes || peer->syn_bytes == question.length);
	return peer->syn_bytes;
}

static void check_fast_answer(struct tcp_peer *peer)
{
	const struct fenced *fenced = peer->asker.fenced;
	struct bytes answer = {};

	add_answer(&answer, HOST, ID, ADDRESS_A);
	tcp_say(peer, answer.bytes, answer.length);
	assert_true(knows(fenced, ADDRESS_A));
	ask(peer, ID + 1);
}

static void a_question_in_a_syn_is_judged_too(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *good = NULL, *evil = NULL;

	put_asking_up(fenced, RULES);
	/* Client, and without a cookie. */
	assert_int_equal(system("echo 5 > /proc/sys/net/ipv4/tcp_fastopen"), 0);
	assert_true(opens_fast(fenced, HOST, &good));
	check_fast_answer(good);
	assert_false(opens_fast(fenced, EVIL, &evil));
	assert_int_equal(evil->heard, 0);
}

/* What is accepted there is answered without a look; what is begun from there is not. */
static void from_a_port_that_is_served_questions_are_judged_too(void **state)
{
	const union endpoint served = endpoint_of(OUR_IPV4, 8080);
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	struct bytes evil = {};

	put_asking_up(fenced, RULES "listen 8080/tcp\n");
	peer = tcp_peer_new(fenced, RESOLVER_IPV4);
	assert_int_equal(bind(peer->asker.fd, &served.any, sizeof(served)), 0);
	assert_int_equal(
		connect(peer->asker.fd, &peer->asker.resolver.any, sizeof(peer->asker.resolver)),
		-1);
	assert_int_equal(errno, EINPROGRESS);
	assert_true(tcp_accept(peer));
	ask(peer, ID);
	add_question(&evil, EVIL, ID + 1);
	assert_false(tcp_asks(peer, evil.bytes, evil.length));
}

/* TCP takes such a byte out of the stream, so what is read is not what was judged. */
static void what_is_urgent_is_refused_whatever_it_is(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL;
	struct bytes question = {};

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	add_question(&question, HOST, ID);
	assert_int_equal(send(peer->asker.fd, question.bytes, question.length, MSG_OOB),
			 question.length);
	tcp_hear(peer);
	assert_int_equal(peer->heard, 0);
}

/* What comes from there is else let out unseen, as of connections that were accepted. */
static void a_question_from_a_port_that_is_served_is_judged(void **state)
{
	const union endpoint served = endpoint_of(OUR_IPV4, 8080);
	static const char *const names[] = { HOST, EVIL };
	struct fenced *fenced = *state;
	struct bytes question;
	const int one = 1;
	size_t i;

	put_asking_up(fenced, RULES "listen 8080/tcp\n");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_peer_ struct tcp_peer *peer = tcp_peer_new(fenced, RESOLVER_IPV4);
		const struct asker *asker = &peer->asker;

		assert_int_equal(setsockopt(asker->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)),
				 0);
		assert_int_equal(bind(asker->fd, &served.any, sizeof(served)), 0);
		assert_int_equal(connect(asker->fd, &asker->resolver.any, sizeof(asker->resolver)),
				 -1);
		assert_int_equal(errno, EINPROGRESS);
		assert_true(tcp_accept(peer));
		question.length = 0;
		add_question(&question, names[i], ID);
		assert_int_equal(tcp_asks(peer, question.bytes, question.length),
				 !strcmp(names[i], HOST));
	}
}

/* Where splice(2) is not refused, what is said could change after it was judged. */
static void without_the_seccomp_filter_nothing_is_asked_over_tcp(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_peer_ struct tcp_peer *peer = NULL, *late = NULL;
	struct bytes question = {};
	struct cgf_target target;

	put_asking_up(fenced, RULES);
	peer = tcp_peer_open(fenced, RESOLVER_IPV4);
	target = asking_target(fenced);
	target.flags &= ~CGF_TARGET_TCP_QUESTIONS;
	retarget(fenced, &target);
	add_question(&question, HOST, ID);
	assert_false(tcp_asks(peer, question.bytes, question.length));
	late = tcp_peer_new(fenced, RESOLVER_IPV4);
	assert_int_equal(
		connect(late->asker.fd, &late->asker.resolver.any, sizeof(late->asker.resolver)),
		-1);
	assert_int_equal(errno, EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(whole_answers_are_learned_by_either_family),
		FENCED_TEST(several_answers_in_a_segment_are_learned),
		FENCED_TEST(an_answer_cut_anywhere_into_two_or_three_is_learned),
		FENCED_TEST(an_answer_by_the_byte_is_learned_between_others),
		FENCED_TEST(answers_across_segments_are_learned),
		FENCED_TEST(what_comes_too_early_is_dropped_and_learned_when_it_comes_again),
		FENCED_TEST(what_comes_again_is_read_once_however_it_is_cut),
		FENCED_TEST(a_large_answer_is_learned_if_it_fits_or_comes_at_once),
		FENCED_TEST(after_too_many_that_come_too_early_nothing_is_learned_and_all_is_read),
		FENCED_TEST(a_syn_in_the_middle_begins_nothing),
		FENCED_TEST(what_began_on_one_connection_does_not_end_on_the_next),
		FENCED_TEST(what_was_asked_on_one_connection_is_not_answered_on_the_next),
		FENCED_TEST(whole_questions_are_let_out_one_or_several_at_once),
		FENCED_TEST(a_question_in_parts_is_let_out_when_it_is_whole),
		FENCED_TEST(nothing_of_another_question_is_let_out_in_parts),
		FENCED_TEST(nothing_else_is_let_out),
		FENCED_TEST(what_was_let_out_may_come_again),
		FENCED_TEST(a_connection_from_before_is_not_gone_on_with),
		FENCED_TEST(a_question_in_a_syn_is_judged_too),
		FENCED_TEST(from_a_port_that_is_served_questions_are_judged_too),
		FENCED_TEST(what_is_urgent_is_refused_whatever_it_is),
		FENCED_TEST(a_question_from_a_port_that_is_served_is_judged),
		FENCED_TEST(without_the_seccomp_filter_nothing_is_asked_over_tcp),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
