// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "failure.h"

#include <stdarg.h>
#include <string.h>

/* Adds to the text what fits; cut text is still an error that can be read. */
static void append(struct failure *failure, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

static void append(struct failure *failure, const char *format, va_list arguments)
{
	size_t used = strlen(failure->text);

	vsnprintf(failure->text + used, sizeof(failure->text) - used, format, arguments);
}

static _printf_(2, 3) void append_words(struct failure *failure, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	append(failure, format, arguments);
	va_end(arguments);
}

int failure_set(struct failure *failure, int error, const char *format, ...)
{
	va_list arguments;

	if (!failure)
		return -error;
	failure->text[0] = '\0';
	va_start(arguments, format);
	append(failure, format, arguments);
	va_end(arguments);
	if (error)
		append_words(failure, ": %s", strerror(error));
	return -error;
}

void failure_hint(struct failure *failure, const char *format, ...)
{
	va_list arguments;

	if (!failure)
		return;
	append_words(failure, "\n  ");
	va_start(arguments, format);
	append(failure, format, arguments);
	va_end(arguments);
}
