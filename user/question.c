// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "question.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "span.h"
#include "util.h"

/* RFC 1035 §4.1: where the number of questions is, and what follows a question's name. */
#define HEADER_QUESTIONS 4
#define TAIL_BYTES 4

/* From the IANA registry: what applications and tunnels ask for. */
static const struct {
	uint16_t type;
	const char *text;
} types[] = {
	{ QUESTION_TYPE_A, "A" },
	{ 2, "NS" },
	{ 5, "CNAME" },
	{ 6, "SOA" },
	{ 10, "NULL" },
	{ 12, "PTR" },
	{ 15, "MX" },
	{ 16, "TXT" },
	{ QUESTION_TYPE_AAAA, "AAAA" },
	{ 33, "SRV" },
	{ 35, "NAPTR" },
	{ 43, "DS" },
	{ 44, "SSHFP" },
	{ 48, "DNSKEY" },
	{ 52, "TLSA" },
	{ 64, "SVCB" },
	{ 65, "HTTPS" },
	{ 255, "ANY" },
	{ 256, "URI" },
	{ 257, "CAA" },
};

static uint16_t read_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

int question_read(const uint8_t *message, size_t length, struct question *ret_question,
		  size_t *ret_end)
{
	size_t at = QUESTION_HEADER_BYTES;
	struct dname name;

	if (length < QUESTION_HEADER_BYTES || !read_u16(message + HEADER_QUESTIONS))
		return -EBADMSG;
	/* What could it point to? */
	if (dname_read(message, length, &at, false, &name) || length - at < TAIL_BYTES)
		return -EBADMSG;
	*ret_question = (struct question){
		.name = name,
		.type = read_u16(message + at),
		.class = read_u16(message + at + 2),
	};
	*ret_end = at + TAIL_BYTES;
	return 0;
}

const char *question_type(uint16_t type, char spare[QUESTION_TYPE_TEXT_BYTES])
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type)
			return types[i].text;
	snprintf(spare, QUESTION_TYPE_TEXT_BYTES, "TYPE%u", type);
	return spare;
}

int question_type_parse(const char *text)
{
	static const char prefix[] = "TYPE";
	struct span digits = { text, strlen(prefix), strlen(text) };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].text, text))
			return types[i].type;
	if (strncmp(text, prefix, strlen(prefix)) || !span_is_digits(digits) ||
	    span_to_number(digits) > UINT16_MAX)
		return -EINVAL;
	return (int)span_to_number(digits);
}
