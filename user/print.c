// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "print.h"

#include <inttypes.h>
#include <string.h>

#include "escape.h"
#include "target_name.h"
#include "util.h"

struct paint print_paint(FILE *out)
{
	if (isatty(fileno(out)) && !getenv("NO_COLOR"))
		return (struct paint){ "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m" };
	return (struct paint){ "", "", "", "", "" };
}

void print_lines(FILE *out, const char *text, const char *indent)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *line;
	bool first = true;

	while ((line = strsep(&rest, "\n"))) {
		_cleanup_free_ char *harmless = escape_again(line);

		/* What comes after the last newline is no line. */
		if (!harmless || (!first && !rest && !line[0]))
			continue;
		fprintf(out, "%s%s\n", first ? "" : indent, harmless);
		first = false;
	}
}

void print_warnings(FILE *out, const struct json_value *warnings, const struct paint *paint)
{
	size_t i;

	for (i = 0; i < json_items(warnings); i++) {
		const char *warning = json_item_text(warnings, i);

		fprintf(out, "  %swarning%s: ", paint->yellow, paint->plain);
		print_lines(out, warning ? warning : "", "    ");
	}
}

char *print_target(const char *fence)
{
	char text[TARGET_TEXT_BYTES];
	struct target_name name;

	if (target_name_of_fence(fence, &name))
		return escape_again(fence);
	return escape_again(target_name_format(&name, text));
}

const char *print_time(int64_t seconds, char text[PRINT_TIME_BYTES])
{
	if (seconds < 0)
		snprintf(text, PRINT_TIME_BYTES, "-");
	else if (seconds < 120)
		snprintf(text, PRINT_TIME_BYTES, "%" PRId64 " s", seconds);
	else if (seconds < 2 * 3600)
		snprintf(text, PRINT_TIME_BYTES, "%" PRId64 " min", seconds / 60);
	else if (seconds < 48 * 3600)
		snprintf(text, PRINT_TIME_BYTES, "%" PRId64 " h", seconds / 3600);
	else
		snprintf(text, PRINT_TIME_BYTES, "%" PRId64 " d", seconds / (24 * 3600));
	return text;
}

const char *print_count(int64_t count, const char *one, const char *many,
			char text[PRINT_COUNT_BYTES])
{
	snprintf(text, PRINT_COUNT_BYTES, "%" PRId64 " %s", count, count == 1 ? one : many);
	return text;
}
