/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What holds for every error that a parser of rules returns. */
#ifndef CGFENCE_FUZZ_ERROR_H
#define CGFENCE_FUZZ_ERROR_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyfile.h"
#include "util.h"

/* Not assert(): it must hold with NDEBUG too. */
#define FUZZ_CHECK(condition)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The widest a terminal must be. */
#define FUZZ_COLUMNS 100

/* Only printable ASCII, in lines of which all but the first (source and message) are short. */
static inline void fuzz_check_shown(const char *shown, size_t size)
{
	size_t line = 0, width = 0;

	for (size_t i = 0; i < size; i++) {
		FUZZ_CHECK(shown[i] == '\n' || (shown[i] >= 0x20 && shown[i] < 0x7f));
		width = shown[i] == '\n' ? 0 : width + 1;
		line += shown[i] == '\n';
		FUZZ_CHECK(line == 0 || width < FUZZ_COLUMNS);
	}
	FUZZ_CHECK(line == 1 || line == 3);
}

static inline void fuzz_check_error(const char *text, size_t length, const struct rule_error *error)
{
	_cleanup_free_ char *shown = NULL;
	size_t size;
	FILE *out;

	FUZZ_CHECK(error->length >= 1);
	FUZZ_CHECK(error->column <= length);
	FUZZ_CHECK(error->column == length || error->column + error->length <= length);
	FUZZ_CHECK(strlen(error->message) < sizeof(error->message) - 1);

	out = open_memstream(&shown, &size);
	FUZZ_CHECK(out);
	rule_error_print(out, "source", 1, text, length, error);
	fclose(out);
	fuzz_check_shown(shown, size);
}

#endif
