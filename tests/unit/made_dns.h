/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* DNS messages, a piece at a time. */
#ifndef TESTS_UNIT_MADE_DNS_H
#define TESTS_UNIT_MADE_DNS_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct made {
	uint8_t bytes[8192];
	size_t length;
};

static inline void put(struct made *made, const void *bytes, size_t count)
{
	assert_true(count <= sizeof(made->bytes) - made->length);
	memcpy(made->bytes + made->length, bytes, count);
	made->length += count;
}

static inline void put_u8(struct made *made, uint8_t value)
{
	put(made, &value, 1);
}

static inline void put_u16(struct made *made, uint16_t value)
{
	put_u8(made, (uint8_t)(value >> 8));
	put_u8(made, (uint8_t)value);
}

/* "a.example" as labels, with the root; "" is the root alone. */
static inline void put_name(struct made *made, const char *text)
{
	size_t length;

	for (; *text; text += length + (text[length] == '.')) {
		length = strcspn(text, ".");
		put_u8(made, (uint8_t)length);
		put(made, text, length);
	}
	put_u8(made, 0);
}

#define MADE_QUERY 0x0100  /* RD */
#define MADE_ANSWER 0x8180 /* QR, RD, RA */

static inline struct made a_message(uint16_t flags, uint16_t answers, uint16_t additional)
{
	struct made made = { .length = 0 };

	put_u16(&made, 0x1234);
	put_u16(&made, flags);
	put_u16(&made, 1);
	put_u16(&made, answers);
	put_u16(&made, 0);
	put_u16(&made, additional);
	return made;
}

static inline void put_question(struct made *made, const char *name, uint16_t type)
{
	put_name(made, name);
	put_u16(made, type);
	put_u16(made, 1);
}

/* What follows a record's name, without its data. */
static inline void put_record(struct made *made, uint16_t type, uint32_t ttl_s, uint16_t length)
{
	put_u16(made, type);
	put_u16(made, 1);
	put_u16(made, (uint16_t)(ttl_s >> 16));
	put_u16(made, (uint16_t)ttl_s);
	put_u16(made, length);
}

static inline void put_ipv4(struct made *made, const char *owner, uint32_t ttl_s, const char *text)
{
	struct in_addr address;

	assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	put_name(made, owner);
	put_record(made, 1, ttl_s, sizeof(address));
	put(made, &address, sizeof(address));
}

static inline void put_ipv6(struct made *made, const char *owner, uint32_t ttl_s, const char *text)
{
	struct in6_addr address;

	assert_int_equal(inet_pton(AF_INET6, text, &address), 1);
	put_name(made, owner);
	put_record(made, 28, ttl_s, sizeof(address));
	put(made, &address, sizeof(address));
}

static inline void put_cname(struct made *made, const char *owner, uint32_t ttl_s,
			     const char *target)
{
	put_name(made, owner);
	put_record(made, 5, ttl_s, (uint16_t)(strlen(target) + 2));
	put_name(made, target);
}

#endif
