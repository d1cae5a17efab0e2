/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Columns of text, each as wide as its widest cell. Pure. */
#ifndef CGFENCE_TABLE_H
#define CGFENCE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "util.h"

struct table {
	size_t columns;
	char **cells; /* owned; row after row */
	size_t count, capacity;
	bool failed; /* there was no memory; nothing is printed */
};

/* The next cell, in rows of so many as there are columns; as it is. */
void table_add(struct table *table, const char *format, ...) _printf_(2, 3);
/* The same for text from outside, "-" if it is missing: made harmless. */
void table_add_text(struct table *table, const char *text);
/* Every row after `indent`, the first one between `begin` and `end`: a headline. -ENOMEM. */
int table_print(const struct table *table, FILE *out, const char *indent, const char *begin,
		const char *end);
void table_finish(struct table *table);

#endif
