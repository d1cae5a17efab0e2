/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the control API answers, as text for a person: aligned, coloured only on a terminal, text
 * from outside made harmless. What is missing in an answer is left out. -ENOMEM.
 */
#ifndef CGFENCE_PRINT_H
#define CGFENCE_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "json_client.h"

struct paint {
	const char *bold, *red, *green, *yellow, *plain; /* "" where nothing is coloured */
};

/* For a file; see also NO_COLOR. */
struct paint print_paint(FILE *out);

/* Text from outside that may have several lines: each one after `indent` but for the first. */
void print_lines(FILE *out, const char *text, const char *indent);
/* An array of texts. */
void print_warnings(FILE *out, const struct json_value *warnings, const struct paint *paint);

/* GET /v1/policies */
int print_policies(FILE *out, const struct json_value *answer, const struct paint *paint);
/* GET /v1/policies/NAME */
int print_policy(FILE *out, const struct json_value *answer, const struct paint *paint);
/* What PUT /v1/policies/NAME and POST …/rules answer. */
int print_change(FILE *out, const struct json_value *answer, const struct paint *paint);
/* DELETE /v1/policies/NAME */
int print_deleted(FILE *out, const struct json_value *answer);
/* GET /v1/policies/NAME/check */
int print_check(FILE *out, const char *destination, const struct json_value *answer,
		const struct paint *paint);
/*
 * POST and DELETE /v1/fences: `done` is "attached to" or "detached from", `waiting` what is said of
 * one that waits.
 */
int print_fence(FILE *out, const struct json_value *answer, const char *done, const char *waiting,
		const struct paint *paint);
/* GET /v1/status, or json_of_standings(). */
int print_status(FILE *out, const struct json_value *answer, const struct paint *paint);
/*
 * A line of GET /v1/decisions. Without `with_policy` it is one policy's stream, and only the fence
 * is told. What is not known is not printed.
 */
int print_event(FILE *out, const struct json_value *event, bool with_policy,
		const struct paint *paint);

/* The target of a fence's name, as it is shown; the name, if it is cut. The caller frees it. */
char *print_target(const char *fence);
/* "54 s", "12 min", "3 h", "2 d"; "-" below 0. Returns `text`. */
#define PRINT_TIME_BYTES 32
const char *print_time(int64_t seconds, char text[PRINT_TIME_BYTES]);
/* "1 rule", "2 rules". Returns `text`. */
#define PRINT_COUNT_BYTES 64
const char *print_count(int64_t count, const char *one, const char *many,
			char text[PRINT_COUNT_BYTES]);

#endif
