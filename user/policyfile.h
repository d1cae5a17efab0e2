/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A policy as text, a rule a line, and as an array of rules. Pure: the caller reads the file.
 */
#ifndef CGFENCE_POLICYFILE_H
#define CGFENCE_POLICYFILE_H

#include <stddef.h>
#include <stdio.h>

#include "rule.h"

struct rules {
	struct rule *rules; /* owned, in the order of the text */
	size_t count;
	size_t capacity;
};

/* Takes over `rule`, also on failure: -ENOMEM, or -E2BIG beyond CGF_POLICY_RULES_MAX. */
int rules_add(struct rules *rules, struct rule *rule);
void rules_finish(struct rules *rules);

struct policyfile_error {
	size_t line;	  /* from 1; 0, with no text, if it is not one line's fault */
	const char *text; /* that line, within the text that was parsed; not NUL-terminated */
	size_t text_length;
	struct rule_error rule;
};

/*
 * Adds the rules of `text` to `rules`; on failure (-EINVAL, -E2BIG, -ENOMEM) `rules` has what it
 * had before. What nobody could read (text.h), also in a comment, lines beyond CGF_LINE_BYTES_MAX
 * and texts beyond CGF_POLICY_FILE_BYTES_MAX are errors.
 */
int policyfile_parse(const char *text, size_t length, struct rules *rules,
		     struct policyfile_error *ret_error);

/*
 * Writes "SOURCE:LINE:COLUMN: message", the line and a caret below what is wrong. Bytes that a
 * terminal would obey are escaped, and a long line is cut around the place. `line` is 0 for a rule
 * of the command line, and without `text` only the message is written.
 */
void rule_error_print(FILE *out, const char *source, size_t line, const char *text,
		      size_t text_length, const struct rule_error *error);

/* `path` without directories and ".policy": the policy's name. -EINVAL if it cannot be one. */
int policyfile_name(const char *path, char ret_name[static CGF_POLICY_NAME_MAX + 1]);

#endif
