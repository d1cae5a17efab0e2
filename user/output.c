// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>

#include "json.h"

/* For whoever reads slowly, not for one who does not read at all. */
#define WAIT_MS 500

int output_open(struct output *output, const char *log_path, struct failure *failure)
{
	output->color = !output->json && isatty(STDERR_FILENO) && !getenv("NO_COLOR");
	if (!log_path)
		return 0;
	output->log = fopen(log_path, "ae");
	if (!output->log)
		return failure_set(failure, errno, "--log: cannot open '%s'", log_path);
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

/* Whether a line can be written without waiting for long; once it could not, without waiting. */
static bool is_writable(struct output *output)
{
	struct pollfd error = { .fd = STDERR_FILENO, .events = POLLOUT };
	bool writable = poll(&error, 1, output->stuck ? 0 : WAIT_MS) == 1;

	output->stuck = !writable;
	return writable;
}

/*
 * One write(2) for each line: it does not mix with what the command writes. The command may have
 * filled the pipe or stopped the terminal, and must not stop cgfence with it.
 */
static void write_line(struct output *output, const char *line)
{
	_cleanup_free_ char *whole = NULL;
	int length = asprintf(&whole, "%s\n", line);

	if (length < 0)
		return;
	if (!is_writable(output) || write(STDERR_FILENO, whole, (size_t)length) < 0)
		output->dropped++;
}

/* The log first: it never waits for anybody. */
static void put(struct output *output, const char *line, const char *logged)
{
	char failure[128];

	if (output->log && fprintf(output->log, "%s\n", logged) < 0 && !output->log_failed) {
		/* Also if quiet: otherwise it would be nowhere. */
		snprintf(failure, sizeof(failure), "cgfence: --log: cannot write: %s",
			 strerror(errno));
		write_line(output, failure);
		output->log_failed = true;
	}
	if (!output->quiet)
		write_line(output, line);
}

static void put_json(struct output *output, char *json)
{
	_cleanup_free_ char *line = json;

	if (!line)
		return;
	put(output, line, line);
}

void output_decision(struct output *output, const struct cgf_decision *decision,
		     struct decision_context *context)
{
	char text[DECISION_TEXT_BYTES], logged[DECISION_TEXT_BYTES];

	if (output->sink) {
		output->sink->decision(decision, context, output->sink->data);
		return;
	}
	if (output->json) {
		put_json(output, json_of_decision(decision, context));
		return;
	}
	context->color = output->color;
	decision_format(decision, context, text, sizeof(text));
	context->color = false;
	decision_format(decision, context, logged, sizeof(logged));
	put(output, text, logged);
}

static void put_note(struct output *output, const char *note, bool alarm)
{
	_cleanup_free_ char *line = NULL;

	if (output->sink)
		output->sink->note(note, alarm, output->sink->data);
	else if (output->json)
		put_json(output, json_of_note(note));
	else if (asprintf(&line, "cgfence: %s", note) >= 0)
		put(output, line, line);
}

void output_note(struct output *output, const char *format, ...)
{
	_cleanup_free_ char *note = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&note, format, arguments);
	va_end(arguments);
	if (length >= 0)
		put_note(output, note, false);
}

void output_alarm(struct output *output, const char *text)
{
	bool quiet = output->quiet;

	output->quiet = false;
	put_note(output, text, true);
	output->quiet = quiet;
}

void output_summary(struct output *output, const struct run_summary *summary)
{
	char text[DECISION_TEXT_BYTES];

	if (output->json) {
		put_json(output, json_of_summary(summary));
		return;
	}
	if (run_summary_format(summary, text, sizeof(text)) >= 0)
		put(output, text, text);
}

void output_failure(const struct failure *failure)
{
	fprintf(stderr, "cgfence: %s\n", failure->text);
}
