/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A piece of a text that is parsed. It carries its place, so that every error has one. Pure. */
#ifndef CGFENCE_SPAN_H
#define CGFENCE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes `begin` up to, not including, `end` of `text`. */
struct span {
	const char *text;
	size_t begin, end;
};

static inline bool span_empty(struct span span)
{
	return span.begin >= span.end;
}

static inline size_t span_length(struct span span)
{
	return span.end - span.begin;
}

static inline struct span span_from(struct span span, size_t begin)
{
	return (struct span){ span.text, begin, span.end };
}

static inline struct span span_until(struct span span, size_t end)
{
	return (struct span){ span.text, span.begin, end };
}

static inline bool span_begins_with(struct span span, char wanted)
{
	return !span_empty(span) && span.text[span.begin] == wanted;
}

/* Where the first of the `wanted` is, or the end. */
size_t span_find(struct span span, const char *wanted);
/* Upper and lower case are the same. */
bool span_is(struct span span, const char *word);
bool span_is_digits(struct span span);
/* Of digits; a number too large for it is UINT32_MAX. */
uint32_t span_to_number(struct span span);
/* Copies with a NUL; -EINVAL if it does not fit. */
int span_copy(struct span span, char *ret_text, size_t size);

/*
 * What <ctype.h> says depends on the locale, and names are ASCII everywhere (in a Turkish locale
 * 'I' has another lower case).
 */
static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline char ascii_to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool ascii_is_letter(char c)
{
	return ascii_to_lower(c) >= 'a' && ascii_to_lower(c) <= 'z';
}

static inline bool ascii_is_hex_digit(char c)
{
	return ascii_is_digit(c) || (ascii_to_lower(c) >= 'a' && ascii_to_lower(c) <= 'f');
}

static inline bool ascii_is_printable(char c)
{
	return c >= 0x20 && c < 0x7f;
}

#endif
