/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Decisions as text: one line for a person, one JSON object for a program. Pure. Text from outside
 * (comm, names) is escaped.
 */
#ifndef CGFENCE_DECISION_H
#define CGFENCE_DECISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgfence.h"

/* What userspace adds to the record. */
struct decision_context {
	const char *name; /* a name known to have the address, a guess; or NULL */
	const char *rule; /* text of the deny rule, or NULL */
	uint64_t times;	  /* how often, at least 1 */
	bool color;	  /* text only */
};

/*
 * "cgfence: denied tcp evil.test? 203.0.113.9:443 by curl[123], 3 times" without a newline; for
 * audit mode "cgfence: would deny …". Writes at most `size` bytes; returns the length or -ENOSPC.
 */
#define DECISION_TEXT_BYTES 768
int decision_format(const struct cgf_decision *decision, const struct decision_context *context,
		    char *text, size_t size);

/* The JSON object on one line; the caller frees it; NULL without memory. */
char *decision_to_json(const struct cgf_decision *decision, const struct decision_context *context);

const char *cgf_verdict_to_string(enum cgf_verdict verdict);
const char *cgf_hook_to_string(enum cgf_hook hook);
const char *cgf_reason_to_string(enum cgf_reason reason);

#endif
