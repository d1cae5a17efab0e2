// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "escape.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "span.h"

const char *escape(const char *bytes, size_t count, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		bool plain = byte >= 0x20 && byte < 0x7f && byte != '\\';
		size_t length = plain ? 1 : 4;

		if (used + length + sizeof("...") > size) {
			snprintf(text + used, size - used, "...");
			break;
		}
		snprintf(text + used, size - used, plain ? "%c" : "\\x%02x", byte);
		used += length;
	}
	return text;
}

static bool is_escape(const char *text, size_t length)
{
	return length >= strlen("\\xNN") && text[0] == '\\' && text[1] == 'x' &&
	       ascii_is_hex_digit(text[2]) && ascii_is_hex_digit(text[3]);
}

static unsigned int value_of(char digit)
{
	return (unsigned int)(ascii_is_digit(digit) ? digit - '0'
						    : ascii_to_lower(digit) - 'a' + 10);
}

size_t unescape(const char *text, size_t length, char *bytes, size_t size)
{
	size_t used = 0, at = 0;

	while (at < length && used + 1 < size) {
		bool escaped = is_escape(text + at, length - at);

		bytes[used++] = escaped ? (char)(value_of(text[at + 2]) << 4 |
						 value_of(text[at + 3]))
					: text[at];
		at += escaped ? strlen("\\xNN") : 1;
	}
	bytes[used] = '\0';
	return used;
}

const char *escape_text(const char *string, char *text, size_t size)
{
	return string ? escape(string, strlen(string), text, size) : NULL;
}

char *escape_again(const char *text)
{
	char *harmless = malloc(4 * strlen(text) + 1), *at = harmless;

	if (!harmless)
		return NULL;
	for (; *text; text++)
		if (ascii_is_printable(*text))
			*at++ = *text;
		else
			at += sprintf(at, "\\x%02x", (unsigned char)*text);
	*at = '\0';
	return harmless;
}
