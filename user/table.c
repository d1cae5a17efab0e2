// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "table.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "escape.h"

static void add(struct table *table, char *cell)
{
	size_t capacity = table->capacity ? 2 * table->capacity : 64;
	char **grown;

	if (cell && table->count == table->capacity) {
		grown = reallocarray(table->cells, capacity, sizeof(*grown));
		table->cells = grown ? grown : table->cells;
		table->capacity = grown ? capacity : table->capacity;
	}
	if (!cell || table->count == table->capacity) {
		table->failed = true;
		free(cell);
		return;
	}
	table->cells[table->count++] = cell;
}

void table_add(struct table *table, const char *format, ...)
{
	va_list arguments;
	char *cell;
	int length;

	va_start(arguments, format);
	length = vasprintf(&cell, format, arguments);
	va_end(arguments);
	add(table, length < 0 ? NULL : cell);
}

void table_add_text(struct table *table, const char *text)
{
	add(table, escape_again(text ? text : "-"));
}

static size_t width_of(const struct table *table, size_t column)
{
	size_t width = 0, length, i;

	for (i = column; i < table->count; i += table->columns) {
		length = strlen(table->cells[i]);
		width = length > width ? length : width;
	}
	return width;
}

/* No blanks at the end of a line. */
static void print_row(const struct table *table, size_t row, const int *widths, FILE *out)
{
	char *const *cells = table->cells + row * table->columns;
	size_t last = table->columns, i;

	while (last > 1 && !cells[last - 1][0])
		last--;
	for (i = 0; i + 1 < last; i++)
		fprintf(out, "%-*s  ", widths[i], cells[i]);
	fputs(cells[last - 1], out);
}

int table_print(const struct table *table, FILE *out, const char *indent, const char *begin,
		const char *end)
{
	_cleanup_free_ int *widths = calloc(table->columns, sizeof(*widths));
	size_t row, i;

	if (table->failed || !widths)
		return -ENOMEM;
	for (i = 0; i < table->columns; i++)
		widths[i] = (int)width_of(table, i);
	for (row = 0; row < table->count / table->columns; row++) {
		fprintf(out, "%s%s", indent, row ? "" : begin);
		print_row(table, row, widths, out);
		fprintf(out, "%s\n", row ? "" : end);
	}
	return 0;
}

void table_finish(struct table *table)
{
	while (table->count)
		free(table->cells[--table->count]);
	free(TAKE_PTR(table->cells));
}
