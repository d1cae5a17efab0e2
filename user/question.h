/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The question of a DNS message: what is asked for, in words too. Pure. */
#ifndef CGFENCE_QUESTION_H
#define CGFENCE_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dname.h"

/* RFC 1035 §3.2, RFC 3596 §2.1. */
#define QUESTION_TYPE_A 1
#define QUESTION_TYPE_AAAA 28
#define QUESTION_CLASS_IN 1
/* RFC 1035 §4.1.1. */
#define QUESTION_HEADER_BYTES 12

struct question {
	struct dname name;
	uint16_t type;	/* host order */
	uint16_t class; /* the same */
};

/*
 * The first question, whatever else the message is; `ret_end` is how many bytes of the message come
 * before the next section. -EBADMSG if there is none: too short, cut, or a name that is none.
 */
int question_read(const uint8_t *message, size_t length, struct question *ret_question,
		  size_t *ret_end);

/* "A", "AAAA", "HTTPS"; or "TYPE65280" (RFC 3597 §5), for which `spare` has room. */
#define QUESTION_TYPE_TEXT_BYTES sizeof("TYPE65535")
const char *question_type(uint16_t type, char spare[QUESTION_TYPE_TEXT_BYTES]);
/* The other way round; -EINVAL. */
int question_type_parse(const char *text);

#endif
