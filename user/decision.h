/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Decisions as text: one line for a person. Pure. Text from outside
 * (comm, names) is escaped.
 */
#ifndef CGFENCE_DECISION_H
#define CGFENCE_DECISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "cgfence.h"
#include "escape.h"
#include "question.h"

/* What userspace adds to the record. */
struct decision_context {
	const char *name;		 /* a name known to have the address, a guess; or NULL */
	const char *rule;		 /* text of the deny rule, or NULL */
	const struct question *question; /* that is refused, or NULL */
	uint64_t times;			 /* how often, at least 1 */
	bool color;			 /* text only */
};

/*
 * "cgfence: denied tcp evil.test? 203.0.113.9:443 by curl[123], 3 times" without a newline; for
 * audit mode "cgfence: would deny …"; of a question "cgfence: denied question evil.test (A) by …".
 * Who did it is missing for packets, as the kernel does not
 * say. Writes at most `size` bytes; returns the length or -ENOSPC. Names and rules that are too
 * long are cut, so DECISION_TEXT_BYTES always suffice.
 */
#define DECISION_TEXT_BYTES 768
int decision_format(const struct cgf_decision *decision, const struct decision_context *context,
		    char *text, size_t size);

/*
 * Parts of a record as text: names of numbers, or the numbers, for which `spare` has room; the
 * comm, escaped; the address.
 */
#define DECISION_NUMBER_BYTES sizeof("65535")
#define DECISION_COMM_BYTES ESCAPE_BYTES(CGF_COMM_BYTES)
const char *decision_protocol(const struct cgf_decision *decision,
			      char spare[DECISION_NUMBER_BYTES]);
const char *decision_family(const struct cgf_decision *decision, char spare[DECISION_NUMBER_BYTES]);
const char *decision_socket_type(const struct cgf_decision *decision,
				 char spare[DECISION_NUMBER_BYTES]);
const char *decision_option_level(const struct cgf_decision *decision,
				  char spare[DECISION_NUMBER_BYTES]);
/* Whether address and port are where something was to be sent to. */
bool decision_has_destination(const struct cgf_decision *decision);
const char *decision_comm(const struct cgf_decision *decision, char text[DECISION_COMM_BYTES]);
const char *decision_address(const struct cgf_decision *decision, bool *ret_ipv4,
			     char text[ADDRESS_TEXT_BYTES]);

/*
 * The other way round: the number that a text is of, or is; -EINVAL. Of a verdict, hook or reason
 * only by its name.
 */
int decision_protocol_parse(const char *text);
int decision_family_parse(const char *text);
int decision_socket_type_parse(const char *text);
int decision_option_level_parse(const char *text);
int decision_verdict_parse(const char *text);
int decision_hook_parse(const char *text);
int decision_reason_parse(const char *text);

const char *cgf_verdict_to_string(enum cgf_verdict verdict);
const char *cgf_hook_to_string(enum cgf_hook hook);
const char *cgf_reason_to_string(enum cgf_reason reason);

#endif
