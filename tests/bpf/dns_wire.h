/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS messages by the byte (RFC 1035 §4), also such as no resolver would send. Names are text with
 * dots between the labels; "\" and three digits are a byte of a label, whatever it is. Texts have
 * to live as long as the message: compression refers to them.
 */
#ifndef CGFENCE_TESTS_BPF_DNS_WIRE_H
#define CGFENCE_TESTS_BPF_DNS_WIRE_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DNS_BYTES_MAX 16384
#define DNS_SUFFIXES_MAX 96
#define DNS_HEADER 12
/* What a record has after its name, before its data. */
#define DNS_FIXED 10

enum {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_OPT = 41,
	DNS_HTTPS = 65
};

enum {
	DNS_IN = 1,
	DNS_CHAOS = 3
};

/* Of the header's second word. */
#define DNS_QR 0x8000
#define DNS_AA 0x0400
#define DNS_TC 0x0200
#define DNS_RD 0x0100
#define DNS_RA 0x0080
#define DNS_ANSWERED (DNS_QR | DNS_RD | DNS_RA)
#define DNS_SERVFAIL 2
#define DNS_NXDOMAIN 3

/* Where in the header the count of a section is. */
enum dns_section {
	DNS_QUESTIONS = 4,
	DNS_ANSWERS = 6,
	DNS_AUTHORITY = 8,
	DNS_ADDITIONAL = 10
};

struct dns_suffix {
	const char *text;
	size_t offset;
};

struct dns_message {
	size_t length;
	bool compressed;
	enum dns_section section; /* that records go to */
	size_t suffix_count;
	struct dns_suffix suffixes[DNS_SUFFIXES_MAX];
	uint8_t bytes[DNS_BYTES_MAX];
};

static inline uint16_t dns_get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline void dns_set16(uint8_t *bytes, unsigned int number)
{
	bytes[0] = (uint8_t)(number >> 8);
	bytes[1] = (uint8_t)number;
}

static inline void dns_put(struct dns_message *message, const void *bytes, size_t count)
{
	if (message->length + count > DNS_BYTES_MAX)
		return;
	memcpy(message->bytes + message->length, bytes, count);
	message->length += count;
}

static inline void dns_put8(struct dns_message *message, unsigned int number)
{
	dns_put(message, (uint8_t[]){ (uint8_t)number }, 1);
}

static inline void dns_put16(struct dns_message *message, unsigned int number)
{
	uint8_t bytes[2];

	dns_set16(bytes, number);
	dns_put(message, bytes, sizeof(bytes));
}

static inline void dns_put32(struct dns_message *message, uint32_t number)
{
	dns_put16(message, number >> 16);
	dns_put16(message, number & 0xffff);
}

static inline void dns_start(struct dns_message *message, uint16_t id, uint16_t flags)
{
	message->length = 0;
	message->compressed = true;
	message->section = DNS_ANSWERS;
	message->suffix_count = 0;
	dns_put16(message, id);
	dns_put16(message, flags);
	dns_put(message, (uint8_t[8]){}, 8);
}

static inline void dns_count(struct dns_message *message, enum dns_section section, int more)
{
	uint8_t *count = message->bytes + section;

	dns_set16(count, (unsigned int)(dns_get16(count) + more));
}

/* One label, up to the dot or the end; returns what is left of the text. */
static inline const char *dns_put_label(struct dns_message *message, const char *text)
{
	const size_t length_at = message->length;
	const char *c = text;

	dns_put8(message, 0);
	while (*c && *c != '.') {
		if (*c == '\\') {
			dns_put8(message, (unsigned int)((c[1] - '0') * 100 + (c[2] - '0') * 10 +
							 (c[3] - '0')));
			c += 4;
		} else {
			dns_put8(message, (uint8_t)*c++);
		}
	}
	message->bytes[length_at] = (uint8_t)(message->length - length_at - 1);
	return *c ? c + 1 : c;
}

static inline size_t dns_find_suffix(const struct dns_message *message, const char *text)
{
	size_t i;

	for (i = 0; message->compressed && i < message->suffix_count; i++)
		if (!strcmp(message->suffixes[i].text, text))
			return message->suffixes[i].offset;
	return 0;
}

static inline void dns_put_name(struct dns_message *message, const char *text)
{
	size_t known;

	while (*text) {
		known = dns_find_suffix(message, text);
		if (known) {
			dns_put16(message, 0xc000 | (unsigned int)known);
			return;
		}
		if (message->suffix_count < DNS_SUFFIXES_MAX && message->length < 0x4000)
			message->suffixes[message->suffix_count++] = (struct dns_suffix){
				text, message->length
			};
		text = dns_put_label(message, text);
	}
	dns_put8(message, 0);
}

static inline void dns_ask(struct dns_message *message, const char *name, uint16_t type)
{
	dns_put_name(message, name);
	dns_put16(message, type);
	dns_put16(message, DNS_IN);
	dns_count(message, DNS_QUESTIONS, 1);
}

/* Returns where its data begin, whose length dns_end() writes. */
static inline size_t dns_begin(struct dns_message *message, const char *owner, uint16_t type,
			       uint16_t class, uint32_t ttl_s)
{
	dns_put_name(message, owner);
	dns_put16(message, type);
	dns_put16(message, class);
	dns_put32(message, ttl_s);
	dns_put16(message, 0);
	dns_count(message, message->section, 1);
	return message->length;
}

static inline void dns_end(struct dns_message *message, size_t data)
{
	dns_set16(message->bytes + data - 2, (unsigned int)(message->length - data));
}

static inline void dns_record(struct dns_message *message, const char *owner, uint16_t type,
			      uint32_t ttl_s, const void *bytes, size_t count)
{
	const size_t data = dns_begin(message, owner, type, DNS_IN, ttl_s);

	dns_put(message, bytes, count);
	dns_end(message, data);
}

/* A or AAAA, as the address is. */
static inline void dns_address(struct dns_message *message, const char *owner, uint32_t ttl_s,
			       const char *address)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, address, bytes) == 1)
		dns_record(message, owner, DNS_A, ttl_s, bytes, 4);
	else if (inet_pton(AF_INET6, address, bytes) == 1)
		dns_record(message, owner, DNS_AAAA, ttl_s, bytes, 16);
}

static inline void dns_cname(struct dns_message *message, const char *owner, uint32_t ttl_s,
			     const char *target)
{
	const size_t data = dns_begin(message, owner, DNS_CNAME, DNS_IN, ttl_s);

	dns_put_name(message, target);
	dns_end(message, data);
}

/* EDNS (RFC 6891), with `count` bytes of options. */
static inline void dns_opt(struct dns_message *message, const void *options, size_t count)
{
	message->section = DNS_ADDITIONAL;
	dns_put8(message, 0);
	dns_put16(message, DNS_OPT);
	dns_put16(message, 1232);
	dns_put32(message, 0);
	dns_put16(message, (unsigned int)count);
	dns_put(message, options, count);
	dns_count(message, DNS_ADDITIONAL, 1);
}

static inline void dns_soa(struct dns_message *message, const char *owner)
{
	size_t data;

	message->section = DNS_AUTHORITY;
	data = dns_begin(message, owner, DNS_SOA, DNS_IN, 300);
	dns_put_name(message, "ns.test");
	dns_put_name(message, "root.test");
	dns_put(message, (uint8_t[20]){ [3] = 1 }, 20);
	dns_end(message, data);
}

#endif
