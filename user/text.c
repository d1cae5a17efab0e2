// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "text.h"

#include <stdbool.h>
#include <stdint.h>

#include "util.h"

/*
 * The first bytes of characters, and which second ones each may have (RFC 3629 section 4). Not
 * iconv(): that of glibc lets pass what is beyond U+10FFFF.
 */
static const struct lead {
	uint8_t first, last, second_min, second_max, length;
} leads[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static bool is_tail(const uint8_t *bytes, const struct lead *lead)
{
	bool is = bytes[1] >= lead->second_min && bytes[1] <= lead->second_max;

	for (size_t i = 2; i < lead->length; i++)
		is &= (bytes[i] & 0xc0) == 0x80;
	return is;
}

/* Of the character at the beginning, in bytes; 0 if there is none. */
static size_t character_length(const uint8_t *bytes, size_t left)
{
	size_t i = 0;

	if (bytes[0] < 0x80)
		return 1;
	while (i < ARRAY_SIZE(leads) && bytes[0] > leads[i].last)
		i++;
	if (i == ARRAY_SIZE(leads) || bytes[0] < leads[i].first || left < leads[i].length ||
	    !is_tail(bytes, &leads[i]))
		return 0;
	return leads[i].length;
}

/* Those beyond ASCII too, U+0080 to U+009F, as many terminals obey them. */
static bool is_control(const uint8_t *bytes)
{
	if (bytes[0] == 0xc2)
		return bytes[1] < 0xa0;
	return (bytes[0] < ' ' && bytes[0] != '\t') || bytes[0] == 0x7f;
}

size_t text_find_unreadable(const char *line, size_t length, const char **ret_what)
{
	const uint8_t *bytes = (const uint8_t *)line;
	size_t i = 0, step;

	*ret_what = NULL;
	while (i < length) {
		step = character_length(bytes + i, length - i);
		if (!step)
			*ret_what = "a byte that is no UTF-8";
		else if (is_control(bytes + i))
			*ret_what = bytes[i] ? "a control character" : "a NUL byte";
		if (*ret_what)
			break;
		i += step;
	}
	return i;
}
