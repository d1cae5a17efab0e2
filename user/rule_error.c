// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "policyfile.h"
#include "rule_parser.h"

/* What is shown stays within a terminal of 100 columns: an indent of 4 and this. */
#define SHOWN_WIDTH 92
#define SHOWN_BEFORE 40
#define ELLIPSIS "..."
#define ELLIPSIS_WIDTH 3

void rule_error_write(struct rule_error *ret_error, struct span at, const char *format, ...)
{
	va_list arguments;

	ret_error->column = at.begin;
	ret_error->length = span_empty(at) ? 1 : span_length(at);
	va_start(arguments, format);
	vsnprintf(ret_error->message, sizeof(ret_error->message), format, arguments);
	va_end(arguments);
}

int rule_error_no_memory(struct rule_error *ret_error, struct span at)
{
	rule_error_write(ret_error, at, "out of memory");
	return -ENOMEM;
}

static size_t width(char c)
{
	return ascii_is_printable(c) || c == '\t' ? 1 : strlen("\\x00");
}

static size_t width_of(struct span span, size_t limit)
{
	size_t sum = 0;

	for (size_t i = span.begin; i < span.end && sum <= limit; i++)
		sum += width(span.text[i]);
	return sum;
}

/* Everything but printable ASCII as \xNN: a terminal obeys control bytes, and some obey 0x80 up. */
static void print_escaped(FILE *out, struct span span)
{
	for (size_t i = span.begin; i < span.end; i++) {
		char c = span.text[i];

		if (ascii_is_printable(c))
			fputc(c, out);
		else if (c == '\t')
			fputc(' ', out);
		else
			fprintf(out, "\\x%02x", (unsigned char)c);
	}
}

static void print_string(FILE *out, const char *string)
{
	print_escaped(out, (struct span){ string, 0, strlen(string) });
}

/* The bytes of `line` to show so that `column` is among them: all, or some on both sides of it. */
static struct span shown(struct span line, size_t column)
{
	struct span part = { line.text, column, column };
	size_t room = SHOWN_WIDTH - 2 * ELLIPSIS_WIDTH, used = 0;

	if (width_of(line, SHOWN_WIDTH) <= SHOWN_WIDTH)
		return line;
	while (part.begin > 0 && used + width(line.text[part.begin - 1]) <= SHOWN_BEFORE)
		used += width(line.text[--part.begin]);
	while (part.end < line.end && used + width(line.text[part.end]) <= room)
		used += width(line.text[part.end++]);
	return part;
}

static void print_repeated(FILE *out, char c, size_t times)
{
	while (times--)
		fputc(c, out);
}

static void print_place(FILE *out, struct span line, const struct rule_error *error)
{
	size_t column = error->column < line.end ? error->column : line.end;
	struct span part = shown(line, column);
	struct span wrong = { line.text, column, part.end };
	size_t skipped = part.begin ? ELLIPSIS_WIDTH : 0, marks;

	if (error->length < span_length(wrong))
		wrong.end = column + error->length;
	marks = width_of(wrong, SHOWN_WIDTH);

	fprintf(out, "    %s", part.begin ? ELLIPSIS : "");
	print_escaped(out, part);
	fprintf(out, "%s\n    ", part.end < line.end ? ELLIPSIS : "");
	print_repeated(out, ' ', skipped + width_of(span_until(part, column), SHOWN_WIDTH));
	fputc('^', out);
	print_repeated(out, '~', marks ? marks - 1 : 0);
	fputc('\n', out);
}

void rule_error_print(FILE *out, const char *source, size_t line, const char *text,
		      size_t text_length, const struct rule_error *error)
{
	print_string(out, source);
	if (line)
		fprintf(out, ":%zu", line);
	if (text)
		fprintf(out, ":%zu", error->column + 1);
	fputs(": ", out);
	print_string(out, error->message);
	fputc('\n', out);
	if (text && text_length)
		print_place(out, (struct span){ text, 0, text_length }, error);
}
