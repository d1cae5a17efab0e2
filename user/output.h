/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where what a run has to say goes: standard error, and the file of --log as well. As lines for a
 * person, coloured only on a terminal, or as JSON objects, one a line.
 */
#ifndef CGFENCE_OUTPUT_H
#define CGFENCE_OUTPUT_H

#include "decision.h"
#include "failure.h"
#include "summary.h"

/* Who takes what is said, in place of standard error and a log: the daemon. */
struct output_sink {
	void (*note)(const char *text, bool alarm, void *data);
	void (*decision)(const struct cgf_decision *decision,
			 const struct decision_context *context, void *data);
	void *data;
};

struct output {
	const struct output_sink *sink; /* or NULL */
	FILE *log;			/* or NULL */
	bool quiet;			/* nothing on standard error but what is fatal */
	bool json;
	bool color;
	bool log_failed;  /* and it was said */
	bool stuck;	  /* standard error takes nothing */
	uint64_t dropped; /* lines that it did not take; the log has them */
};

/* `log_path` may be NULL; the file is appended to. */
int output_open(struct output *output, const char *log_path, struct failure *failure);
void output_close(struct output *output);

void output_decision(struct output *output, const struct cgf_decision *decision,
		     struct decision_context *context);
/* Something the user should know, a line without a newline. */
void output_note(struct output *output, const char *format, ...) _printf_(2, 3);
/* The same, and on standard error also if quiet. */
void output_alarm(struct output *output, const char *text);
void output_summary(struct output *output, const struct run_summary *summary);

/* "cgfence: …" on standard error, also if quiet: why cgfence failed. */
void output_failure(const struct failure *failure);

#endif
