/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Questions and answers by chance, right ones, and what makes them wrong. */
#ifndef CGFENCE_TESTS_BPF_FUZZ_MESSAGE_H
#define CGFENCE_TESTS_BPF_FUZZ_MESSAGE_H

#include "asking.h"
#include "made_policy.h"

#define CHAIN_MAX 8
#define PLANNED_MAX 32
#define TEXT_BYTES 260

struct planned {
	uint8_t owner; /* of the chain */
	bool is_cname; /* to the next of the chain */
	uint32_t ttl_s;
	char address[INET6_ADDRSTRLEN];
};

struct exchange {
	uint16_t id, type;
	char names[CHAIN_MAX + 1][TEXT_BYTES]; /* the question's first */
	size_t chain, planned_count;
	struct planned planned[PLANNED_MAX];
	bool asked_wrong, answered_wrong;
	bool is_clear; /* the answer says what it says in a way that everyone understands */
	struct dns_message question, answer;
};

static const uint32_t made_ttls[] = { 0,	  1,	      2,	  59,	      60,
				      61,	  300,	      3599,	  3600,	      3601,
				      86399,	  86400,      86401,	  604800,     0x7fffffff,
				      0x80000000, 0x80000001, 0xffffffff, 0xffffff00, 120 };

static const char *const made_specials[] = {
	"127.0.0.1",
	"10.1.2.3",
	"192.168.1.1",
	"169.254.169.254",
	"0.0.0.0",
	"100.64.0.1",
	"224.0.0.1",
	"255.255.255.255",
	"::1",
	"::",
	"fe80::1",
	"fd00::1",
	"ff02::1",
	"::ffff:10.0.0.1",
	"64:ff9b::127.0.0.1",
	"2002:7f00:1::",
	"::127.0.0.1",
	"::ffff:8.8.4.4",
};

static inline void random_case(struct chance *chance, char *text)
{
	uint64_t bits = chance_next(chance);

	for (; *text; text++, bits = bits >> 1 | bits << 63)
		if (*text >= 'a' && *text <= 'z' && bits & 1)
			*text ^= 0x20;
}

static inline void made_address(struct chance *chance, uint16_t type,
				char text[static INET6_ADDRSTRLEN])
{
	const uint64_t first = chance_next(chance) >> 8, second = chance_next(chance);

	if (chance_percent(chance, 5))
		strcpy(text, CHANCE_OF(chance, made_specials));
	else if (type == DNS_AAAA)
		snprintf(text, INET6_ADDRSTRLEN, "2001:%x:%x::%x:%x", (unsigned int)first & 0xffff,
			 (unsigned int)(first >> 16) & 0xffff, (unsigned int)second & 0xffff,
			 (unsigned int)(second >> 16) & 0xffff);
	else
		snprintf(text, INET6_ADDRSTRLEN, "%u.%u.%u.%u", 1 + (unsigned int)first % 223,
			 (unsigned int)(first >> 16) & 0xff, (unsigned int)second & 0xff,
			 (unsigned int)(second >> 16) & 0xff);
}

/* --- right --------------------------------------------------------------------------------------
 */

static inline void make_question(struct chance *chance, struct exchange *exchange)
{
	static const uint16_t other_types[] = { 2, DNS_CNAME, 15, DNS_TXT, 33, DNS_HTTPS, 255 };
	char asked[TEXT_BYTES];

	exchange->id = (uint16_t)chance_next(chance);
	exchange->type = chance_percent(chance, 50) ? DNS_A : DNS_AAAA;
	if (chance_percent(chance, 5))
		exchange->type = CHANCE_OF(chance, other_types);
	strcpy(asked, exchange->names[0]);
	random_case(chance, asked);
	dns_start(&exchange->question, exchange->id, chance_percent(chance, 90) ? DNS_RD : 0x0130);
	dns_ask(&exchange->question, asked, exchange->type);
	if (chance_percent(chance, 50))
		dns_opt(&exchange->question,
			"\0\x0a\0\x08"
			"abcdefgh",
			chance_percent(chance, 30) ? 12 : 0);
}

static inline void plan_one(struct chance *chance, struct exchange *exchange, size_t owner,
			    bool is_cname)
{
	struct planned *planned = &exchange->planned[exchange->planned_count];

	if (exchange->planned_count == PLANNED_MAX)
		return;
	*planned = (struct planned){ .owner = (uint8_t)owner,
				     .is_cname = is_cname,
				     .ttl_s = CHANCE_OF(chance, made_ttls) };
	made_address(chance, exchange->type, planned->address);
	exchange->planned_count++;
}

static inline void plan_answer(struct chance *chance, struct exchange *exchange)
{
	size_t i, addresses = chance_below(chance, 6);

	exchange->chain = chance_percent(chance, 50) ? 0 : chance_below(chance, CHAIN_MAX + 1);
	exchange->planned_count = 0;
	exchange->is_clear = true;
	for (i = 0; i < exchange->chain; i++) {
		snprintf(exchange->names[i + 1], TEXT_BYTES, "c%u-%x.cdn%u.example.net",
			 (unsigned int)i, (unsigned int)chance_next(chance) & 0xff,
			 (unsigned int)i % 3);
		plan_one(chance, exchange, i, true);
		if (!chance_percent(chance, 2))
			continue;
		/* RFC 1034 §3.6.2: there is to be nothing beside a CNAME. */
		plan_one(chance, exchange, i, false);
		exchange->is_clear = false;
	}
	for (i = 0; i < addresses; i++)
		plan_one(chance, exchange, exchange->chain, false);
	if (!chance_percent(chance, 20))
		return;
	/* Of a long chain, in any order, not all is found. */
	exchange->is_clear &= exchange->chain <= 3;
	for (i = 0; i < exchange->planned_count; i++) {
		const size_t other = chance_below(chance, (unsigned int)exchange->planned_count);
		const struct planned planned = exchange->planned[i];

		exchange->planned[i] = exchange->planned[other];
		exchange->planned[other] = planned;
	}
}

static inline void make_answer(struct chance *chance, struct exchange *exchange)
{
	struct dns_message *message = &exchange->answer;
	size_t i;

	plan_answer(chance, exchange);
	dns_start(message, exchange->id, DNS_ANSWERED);
	message->compressed = chance_percent(chance, 75);
	dns_ask(message, exchange->names[0], exchange->type);
	for (i = 0; i < exchange->planned_count; i++) {
		const struct planned *planned = &exchange->planned[i];
		const char *owner = exchange->names[planned->owner];

		if (planned->is_cname)
			dns_cname(message, owner, planned->ttl_s,
				  exchange->names[planned->owner + 1]);
		else
			dns_address(message, owner, planned->ttl_s, planned->address);
	}
	if (chance_percent(chance, 10))
		dns_soa(message, exchange->names[0]);
	if (chance_percent(chance, 40))
		dns_opt(message, "", 0);
}

/* --- wrong --------------------------------------------------------------------------------------
 */

static inline size_t some_place(struct chance *chance, const struct dns_message *message)
{
	return chance_below(chance, (unsigned int)message->length + !message->length);
}

/* Where the fixed part of some record begins, or just some place. */
static inline size_t some_record(struct chance *chance, const struct dns_message *message)
{
	size_t place = DNS_HEADER, skip = chance_below(chance, 12);
	bool question = true;

	while (place + DNS_FIXED < message->length) {
		while (place < message->length && message->bytes[place] &&
		       message->bytes[place] < 0xc0)
			place += 1 + (size_t)message->bytes[place];
		place += place < message->length && message->bytes[place] ? 2 : 1;
		if (place + DNS_FIXED > message->length)
			break;
		if (!question && !skip--)
			return place;
		place += question ? 4 : DNS_FIXED + (size_t)dns_get16(message->bytes + place + 8);
		question = false;
	}
	return some_place(chance, message);
}

static inline void write_some16(struct chance *chance, struct dns_message *message, size_t place)
{
	static const uint16_t numbers[] = { 0,	1,  2,	    3,	    4,	    5,	    15,	    16,
					    17, 28, 41,	    255,    256,    0x7fff, 0x8000, 0xc000,
					    65, 64, 0xc00c, 0xffff, 0xfffe, 0x3fff, 0x4000 };
	uint8_t *bytes = message->bytes + place;

	if (place + 2 > message->length)
		return;
	if (chance_percent(chance, 40))
		dns_set16(bytes, dns_get16(bytes) + (chance_percent(chance, 50) ? 1U : -1U));
	else
		dns_set16(bytes, CHANCE_OF(chance, numbers));
}

static inline void splice_in(struct chance *chance, struct dns_message *message,
			     const struct dns_message *other)
{
	const size_t from = some_place(chance, other), room = other->length - from;
	const size_t count = room ? 1 + chance_below(chance, (unsigned int)room) : 0;
	size_t to = some_place(chance, message);

	if (chance_percent(chance, 30))
		to = from < message->length ? from : to;
	if (to + count > sizeof(message->bytes))
		return;
	/* The other one may be the same. */
	memmove(message->bytes + to, other->bytes + from, count);
	if (to + count > message->length || chance_percent(chance, 30))
		message->length = to + count;
}

static inline void cut_out(struct chance *chance, struct dns_message *message)
{
	const size_t place = some_place(chance, message), room = message->length - place;
	const size_t count = room ? chance_below(chance, (unsigned int)room) : 0;

	memmove(message->bytes + place, message->bytes + place + count, room - count);
	message->length -= count;
}

static inline void extend(struct chance *chance, struct dns_message *message)
{
	size_t count = 1 + chance_below(chance, chance_percent(chance, 90) ? 24 : 600);

	while (count--)
		dns_put8(message, (unsigned int)chance_next(chance));
}

static inline void mangle_once(struct chance *chance, struct dns_message *message,
			       const struct dns_message *other)
{
	static const uint8_t counts[] = { DNS_QUESTIONS, DNS_ANSWERS, DNS_AUTHORITY,
					  DNS_ADDITIONAL };
	/* Type, class, TTL, length. */
	static const uint8_t fields[] = { 0, 2, 4, 6, 8, 8, 8, 10 };
	size_t place = some_place(chance, message);

	switch (chance_below(chance, 12)) {
	case 0:
	case 1:
		message->bytes[place] ^= (uint8_t)(1 << chance_below(chance, 8));
		break;
	case 2:
		message->bytes[place] = (uint8_t)chance_next(chance);
		break;
	case 3:
		message->length = place;
		break;
	case 4:
		extend(chance, message);
		break;
	case 5:
		write_some16(chance, message, CHANCE_OF(chance, counts));
		break;
	case 6:
	case 7:
		write_some16(chance, message,
			     some_record(chance, message) + CHANCE_OF(chance, fields));
		break;
	case 8:
		if (place + 2 <= message->length)
			dns_set16(message->bytes + place,
				  0xc000 | (unsigned int)some_place(chance, message));
		break;
	case 9:
		splice_in(chance, message, other);
		break;
	case 10:
		cut_out(chance, message);
		break;
	case 11:
		write_some16(chance, message, 2 * (size_t)chance_below(chance, 2));
		break;
	}
}

static inline void mangle(struct chance *chance, struct dns_message *message,
			  const struct dns_message *other)
{
	do {
		mangle_once(chance, message, other);
	} while (chance_percent(chance, 35));
}

#endif
