// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "escape.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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

const char *escape_text(const char *string, char *text, size_t size)
{
	return string ? escape(string, strlen(string), text, size) : NULL;
}
