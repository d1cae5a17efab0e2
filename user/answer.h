/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel has learned from an answer, read once more: the addresses of the type that was
 * asked for, whose owner is the name of the question or on the chain of CNAMEs from it. Pure.
 */
#ifndef CGFENCE_ANSWER_H
#define CGFENCE_ANSWER_H

#include "address.h"
#include "cgfence.h"
#include "question.h"

struct answer {
	struct question question;
	bool cut;	/* the message ends before its answers do, or there are too many of them */
	uint32_t ttl_s; /* the smallest, of the CNAMEs too; 0 without an address */
	size_t count;
	struct address addresses[CGF_ANSWER_RECORDS_MAX];
};

/*
 * -EBADMSG: no answer without error to one question for A or AAAA, or a record before the cut that
 * is none.
 */
int answer_read(const uint8_t *message, size_t length, struct answer *ret_answer);

#endif
