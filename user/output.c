// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "json.h"

int output_open(struct output *output, const char *log_path, struct failure *failure)
{
	output->color = !output->json && isatty(STDERR_FILENO) && !getenv("NO_COLOR");
	if (!log_path)
		return 0;
	output->log = fopen(log_path, "ae");
	if (!output->log)
		return failure_set(failure, errno, "--log: cannot open %s", log_path);
	/* A line at a time, so that it can be followed, and nothing is lost if cgfence is killed.
	 */
	setvbuf(output->log, NULL, _IOLBF, 0);
	return 0;
}

void output_close(struct output *output)
{
	if (output->log)
		fclose(TAKE_PTR(output->log));
}

/* One write(2) for each line: it does not mix with what the command writes. */
static void say(const struct output *output, const char *line)
{
	_cleanup_free_ char *whole = NULL;
	int length;

	if (output->quiet)
		return;
	length = asprintf(&whole, "%s\n", line);
	if (length > 0 && write(STDERR_FILENO, whole, (size_t)length) < 0)
		return;
}

static void log_line(const struct output *output, const char *line)
{
	if (output->log)
		fprintf(output->log, "%s\n", line);
}

static void put_json(const struct output *output, char *json)
{
	_cleanup_free_ char *line = json;

	if (!line)
		return;
	say(output, line);
	log_line(output, line);
}

void output_decision(const struct output *output, const struct cgf_decision *decision,
		     struct decision_context *context)
{
	char text[DECISION_TEXT_BYTES];

	if (output->json) {
		put_json(output, json_of_decision(decision, context));
		return;
	}
	context->color = output->color;
	if (decision_format(decision, context, text, sizeof(text)) >= 0)
		say(output, text);
	context->color = false;
	if (decision_format(decision, context, text, sizeof(text)) >= 0)
		log_line(output, text);
}

void output_note(const struct output *output, const char *format, ...)
{
	_cleanup_free_ char *note = NULL, *line = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&note, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if (output->json) {
		put_json(output, json_of_note(note));
		return;
	}
	if (asprintf(&line, "cgfence: %s", note) < 0)
		return;
	say(output, line);
	log_line(output, line);
}

void output_summary(const struct output *output, const struct run_summary *summary)
{
	char text[DECISION_TEXT_BYTES];

	if (output->json) {
		put_json(output, json_of_summary(summary));
		return;
	}
	if (run_summary_format(summary, text, sizeof(text)) < 0)
		return;
	say(output, text);
	log_line(output, text);
}

void output_failure(const struct failure *failure)
{
	fprintf(stderr, "cgfence: %s\n", failure->text);
}
