/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A second opinion on DNS messages, from RFC 1035, 2181 and 3596 and from nothing of the product's
 * code: names are written out whole and compared as such, and a chain is followed by looking
 * through all records for each name that it comes to.
 */
#ifndef CGFENCE_TESTS_BPF_DNS_JUDGE_H
#define CGFENCE_TESTS_BPF_DNS_JUDGE_H

#include "dns_wire.h"

#define JUDGE_NAME_BYTES 255
#define JUDGE_RECORDS_MAX 320
#define JUDGE_CHAIN_MAX 64

/* On the wire, with its root, in lower case and without pointers. */
struct judge_name {
	size_t length;
	uint8_t bytes[JUDGE_NAME_BYTES];
};

struct judge_question {
	uint16_t id, type;
	struct judge_name name;
};

struct judge_address {
	uint8_t bytes[16]; /* IPv4 mapped */
	uint32_t ttl_s;	   /* the most that it may be: of it and of the names before */
};

struct judge_answer {
	size_t count;
	struct judge_address addresses[JUDGE_RECORDS_MAX];
};

struct judge_record {
	struct judge_name owner;
	uint16_t type, class;
	uint32_t ttl_s;
	size_t data, count;
};

static inline bool judge_same_name(const struct judge_name *a, const struct judge_name *b)
{
	return a->length == b->length && !memcmp(a->bytes, b->bytes, a->length);
}

/*
 * §3.1, §4.1.4: labels of at most 63 bytes, 255 in all; a pointer is to a prior occurrence. Moves
 * `place` behind the name.
 */
static inline bool judge_read_name(const uint8_t *bytes, size_t length, size_t *place,
				   struct judge_name *ret_name)
{
	size_t at = *place, begin = *place, i;
	bool followed = false;
	uint8_t count;

	for (ret_name->length = 0; at < length;) {
		count = bytes[at];
		if (count >> 6 == 3) {
			if (at + 2 > length)
				return false;
			if (!followed)
				*place = at + 2;
			followed = true;
			at = dns_get16(bytes + at) & 0x3fff;
			if (at >= begin)
				return false;
			begin = at;
			continue;
		}
		if (count >> 6 || at + 1 + count > length ||
		    ret_name->length + 1 + count > JUDGE_NAME_BYTES)
			return false;
		ret_name->bytes[ret_name->length++] = count;
		for (i = at + 1; i <= at + count; i++)
			ret_name->bytes[ret_name->length++] = bytes[i] >= 'A' && bytes[i] <= 'Z'
								      ? bytes[i] | 0x20
								      : bytes[i];
		at += 1 + (size_t)count;
		if (count)
			continue;
		if (!followed)
			*place = at;
		return true;
	}
	return false;
}

static inline bool judge_read_question(const uint8_t *bytes, size_t length, size_t *place,
				       struct judge_question *ret_question)
{
	if (!judge_read_name(bytes, length, place, &ret_question->name) || *place + 4 > length)
		return false;
	ret_question->id = dns_get16(bytes);
	ret_question->type = dns_get16(bytes + *place);
	*place += 4;
	return dns_get16(bytes + *place - 2) == DNS_IN;
}

/* Behind the name. */
static inline bool judge_read_fixed(const uint8_t *bytes, size_t length, size_t *place,
				    struct judge_record *ret_record)
{
	const uint8_t *fixed = bytes + *place;
	uint32_t ttl_s;

	if (*place + DNS_FIXED > length)
		return false;
	ret_record->type = dns_get16(fixed);
	ret_record->class = dns_get16(fixed + 2);
	ttl_s = (uint32_t)dns_get16(fixed + 4) << 16 | dns_get16(fixed + 6);
	ret_record->ttl_s = ttl_s >> 31 ? 0 : ttl_s;
	ret_record->count = dns_get16(fixed + 8);
	ret_record->data = *place + DNS_FIXED;
	*place = ret_record->data + ret_record->count;
	return *place <= length;
}

static inline bool judge_data_fit(const struct judge_record *record)
{
	if (record->class != DNS_IN)
		return true;
	return (record->type != DNS_A || record->count == 4) &&
	       (record->type != DNS_AAAA || record->count == 16);
}

/* The name that a CNAME leads to; false if there is more, or less, than that in its data. */
static inline bool judge_read_target(const uint8_t *bytes, size_t length,
				     const struct judge_record *record,
				     struct judge_name *ret_target)
{
	size_t place = record->data;

	return judge_read_name(bytes, length, &place, ret_target) &&
	       place == record->data + record->count;
}

static inline bool judge_read_record(const uint8_t *bytes, size_t length, size_t *place,
				     struct judge_record *ret_record)
{
	struct judge_name target;

	if (!judge_read_name(bytes, length, place, &ret_record->owner) ||
	    !judge_read_fixed(bytes, length, place, ret_record) || !judge_data_fit(ret_record))
		return false;
	return ret_record->type != DNS_CNAME || ret_record->class != DNS_IN ||
	       judge_read_target(bytes, length, ret_record, &target);
}

/* The names that the question leads to, and how long each of these links lasts. */
struct judge_chain {
	size_t count;
	struct judge_name names[JUDGE_CHAIN_MAX];
	uint32_t ttl_s[JUDGE_CHAIN_MAX];
};

static inline bool judge_chain_add(struct judge_chain *chain, const struct judge_name *name,
				   uint32_t ttl_s)
{
	size_t i;

	for (i = 0; i < chain->count && !judge_same_name(&chain->names[i], name); i++)
		;
	if (i == JUDGE_CHAIN_MAX || (i < chain->count && chain->ttl_s[i] >= ttl_s))
		return false;
	chain->names[i] = *name;
	chain->ttl_s[i] = ttl_s;
	chain->count += i == chain->count;
	return true;
}

/* NULL if the name is not on the chain. */
static inline const uint32_t *judge_chain_find(const struct judge_chain *chain,
					       const struct judge_name *name)
{
	size_t i;

	for (i = 0; i < chain->count; i++)
		if (judge_same_name(&chain->names[i], name))
			return &chain->ttl_s[i];
	return NULL;
}

static inline uint32_t judge_least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Whether it leads to a name that was not known. */
static inline bool judge_follow(const uint8_t *bytes, size_t length,
				const struct judge_record *record, struct judge_chain *chain)
{
	const uint32_t *ttl_s = judge_chain_find(chain, &record->owner);
	struct judge_name target;

	return record->type == DNS_CNAME && record->class == DNS_IN && ttl_s &&
	       judge_read_target(bytes, length, record, &target) &&
	       judge_chain_add(chain, &target, judge_least(*ttl_s, record->ttl_s));
}

static inline void judge_take(const uint8_t *bytes, const struct judge_record *record,
			      const struct judge_chain *chain, struct judge_answer *answer)
{
	const uint32_t *ttl_s = judge_chain_find(chain, &record->owner);
	struct judge_address *address = &answer->addresses[answer->count];

	if (!ttl_s || record->class != DNS_IN)
		return;
	memset(address, 0, sizeof(*address));
	memset(address->bytes + 10, 0xff, 2);
	memcpy(address->bytes + 16 - record->count, bytes + record->data, record->count);
	address->ttl_s = judge_least(*ttl_s, record->ttl_s);
	answer->count++;
}

static inline bool judge_all_records(const uint8_t *bytes, size_t length, size_t place,
				     struct judge_record *records, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!judge_read_record(bytes, length, &place, &records[i]))
			return false;
	return true;
}

static inline bool judge_header(const uint8_t *bytes, size_t length, size_t *ret_count)
{
	if (length < DNS_HEADER || (dns_get16(bytes + 2) & 0xfa0f) != DNS_QR ||
	    dns_get16(bytes + DNS_QUESTIONS) != 1)
		return false;
	*ret_count = (size_t)dns_get16(bytes + DNS_ANSWERS) + dns_get16(bytes + DNS_AUTHORITY) +
		     dns_get16(bytes + DNS_ADDITIONAL);
	return *ret_count <= JUDGE_RECORDS_MAX;
}

/*
 * What the message says of its own question, as far as it says it by the rules: nothing if it
 * does not parse to its last record.
 */
static inline void judge_answer(const uint8_t *bytes, size_t length,
				struct judge_answer *ret_answer)
{
	static struct judge_record records[JUDGE_RECORDS_MAX];
	static struct judge_chain chain;
	struct judge_question question;
	size_t i, count, place = DNS_HEADER;
	bool more = true;

	ret_answer->count = 0;
	if (!judge_header(bytes, length, &count) ||
	    !judge_read_question(bytes, length, &place, &question) ||
	    !judge_all_records(bytes, length, place, records, count))
		return;
	count = dns_get16(bytes + DNS_ANSWERS);
	chain.count = 0;
	judge_chain_add(&chain, &question.name, ~0U);
	while (more)
		for (more = false, i = 0; i < count; i++)
			more |= judge_follow(bytes, length, &records[i], &chain);
	for (i = 0; i < count; i++)
		if (records[i].type == question.type &&
		    (question.type == DNS_A || question.type == DNS_AAAA))
			judge_take(bytes, &records[i], &chain, ret_answer);
}

/*
 * What may be asked: one question and nothing else, but for EDNS. The
 * flags are those that a client has: RD, AD, CD.
 */
static inline bool judge_is_plain(const uint8_t *bytes, size_t length,
				  struct judge_question *ret_question)
{
	struct judge_record record;
	size_t additional, place = DNS_HEADER;

	if (length < DNS_HEADER || length > 512 || dns_get16(bytes + 2) & ~0x0130U ||
	    dns_get16(bytes + DNS_QUESTIONS) != 1 || dns_get16(bytes + DNS_ANSWERS) ||
	    dns_get16(bytes + DNS_AUTHORITY) ||
	    !judge_read_question(bytes, length, &place, ret_question))
		return false;
	additional = dns_get16(bytes + DNS_ADDITIONAL);
	if (!additional)
		return place == length;
	return additional == 1 && judge_read_record(bytes, length, &place, &record) &&
	       record.type == DNS_OPT && record.owner.length == 1 && place == length;
}

#endif
