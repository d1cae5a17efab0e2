// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "answer.h"

#include <errno.h>
#include <string.h>

/* RFC 1035 §4.1.1: bytes of the header. */
#define HEADER_FLAGS 2
#define HEADER_RCODE 3
#define HEADER_QUESTIONS 4
#define HEADER_ANSWERS 6
#define FLAG_ANSWER 0x80
#define FLAG_TRUNCATED 0x02
#define OPCODE_MASK 0x78
#define RCODE_MASK 0x0f

#define TYPE_CNAME 5
/* RFC 1035 §4.1.3: type, class, TTL and length, between a record's name and its data. */
#define RECORD_BYTES 10
/* Where resolvers stop. */
#define CHAIN_MAX 16

struct record {
	struct dname owner;
	uint16_t type, class;
	uint32_t ttl_s;
	size_t data, end;
};

/* The names that the question leads to. */
struct chain {
	struct dname names[CHAIN_MAX];
	uint32_t ttls_s[CHAIN_MAX]; /* the smallest up to there */
	size_t count;
};

static uint16_t read_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* RFC 2181 §8: with its highest bit set it is 0. */
static uint32_t read_ttl(const uint8_t *bytes)
{
	uint32_t ttl_s = (uint32_t)read_u16(bytes) << 16 | read_u16(bytes + 2);

	return ttl_s >> 31 ? 0 : ttl_s;
}

static int read_record(const uint8_t *message, size_t length, size_t at, struct record *ret_record)
{
	struct record record;

	if (dname_read(message, length, &at, true, &record.owner) || length - at < RECORD_BYTES)
		return -EBADMSG;
	record.type = read_u16(message + at);
	record.class = read_u16(message + at + 2);
	record.ttl_s = read_ttl(message + at + 4);
	record.data = at + RECORD_BYTES;
	record.end = record.data + read_u16(message + at + 8);
	if (record.end > length)
		return -EBADMSG;
	*ret_record = record;
	return 0;
}

static int chain_find(const struct chain *chain, const struct dname *name)
{
	size_t i;

	for (i = 0; i < chain->count; i++)
		if (dname_equal(&chain->names[i], name))
			return (int)i;
	return -ENOENT;
}

static void chain_add(struct chain *chain, const struct dname *name, uint32_t ttl_s)
{
	if (chain->count == CHAIN_MAX || chain_find(chain, name) >= 0)
		return;
	chain->names[chain->count] = *name;
	chain->ttls_s[chain->count++] = ttl_s;
}

static void add_address(struct answer *answer, const uint8_t *data, uint32_t ttl_s)
{
	struct address *address = &answer->addresses[answer->count];
	struct in6_addr ipv6;
	struct in_addr ipv4;

	if (answer->question.type == QUESTION_TYPE_A) {
		memcpy(&ipv4, data, sizeof(ipv4));
		*address = address_from_ipv4(&ipv4);
	} else {
		memcpy(&ipv6, data, sizeof(ipv6));
		*address = address_from_ipv6(&ipv6);
	}
	if (!answer->count++ || ttl_s < answer->ttl_s)
		answer->ttl_s = ttl_s;
}

static void take_record(struct answer *answer, struct chain *chain, const uint8_t *message,
			const struct record *record)
{
	size_t at = record->data, length = record->end - record->data;
	int owner = chain_find(chain, &record->owner);
	size_t wanted = answer->question.type == QUESTION_TYPE_A ? 4 : 16;
	struct dname target;
	uint32_t ttl_s;

	if (owner < 0 || record->class != QUESTION_CLASS_IN)
		return;
	ttl_s = record->ttl_s < chain->ttls_s[owner] ? record->ttl_s : chain->ttls_s[owner];
	if (record->type == TYPE_CNAME && !dname_read(message, record->end, &at, true, &target))
		chain_add(chain, &target, ttl_s);
	else if (record->type == answer->question.type && length == wanted)
		add_address(answer, message + record->data, ttl_s);
}

static bool is_answer(const uint8_t *message, const struct question *question)
{
	return (message[HEADER_FLAGS] & FLAG_ANSWER) && !(message[HEADER_FLAGS] & OPCODE_MASK) &&
	       !(message[HEADER_FLAGS] & FLAG_TRUNCATED) && !(message[HEADER_RCODE] & RCODE_MASK) &&
	       read_u16(message + HEADER_QUESTIONS) == 1 && question->class == QUESTION_CLASS_IN &&
	       (question->type == QUESTION_TYPE_A || question->type == QUESTION_TYPE_AAAA);
}

int answer_read(const uint8_t *message, size_t length, struct answer *ret_answer)
{
	struct chain chain = { .ttls_s = { UINT32_MAX }, .count = 1 };
	struct record record;
	uint16_t i, records;

	if (question_read(message, length, &ret_answer->question, &record.end) ||
	    !is_answer(message, &ret_answer->question))
		return -EBADMSG;
	ret_answer->count = 0;
	ret_answer->ttl_s = 0;
	chain.names[0] = ret_answer->question.name;
	records = read_u16(message + HEADER_ANSWERS);
	ret_answer->cut = records > CGF_ANSWER_RECORDS_MAX;
	for (i = 0; i < records && i < CGF_ANSWER_RECORDS_MAX; i++) {
		if (read_record(message, length, record.end, &record)) {
			ret_answer->cut = true;
			break;
		}
		take_record(ret_answer, &chain, message, &record);
	}
	return 0;
}
