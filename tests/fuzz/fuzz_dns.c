// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A DNS message from any bytes: what is read of it lies within it, is harmless as text, and is the
 * same when it is written and read again.
 */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "fuzz_error.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const struct dname *name)
{
	char text[DNAME_TEXT_BYTES];
	struct dname again;
	size_t at = 0;

	FUZZ_CHECK(name->length >= 1 && !name->bytes[name->length - 1]);
	FUZZ_CHECK(!dname_read(name->bytes, name->length, &at, false, &again));
	FUZZ_CHECK(at == name->length && dname_equal(name, &again));
	for (const char *c = dname_format(name, text); *c; c++)
		FUZZ_CHECK(*c > 0x20 && *c < 0x7f);
}

static void check_answer(const struct answer *answer, size_t size)
{
	size_t i;

	check_name(&answer->question.name);
	/* Each takes a record, of at least a pointer or the root, and its data. */
	FUZZ_CHECK(answer->count * (1 + 10 + 4) <= size);
	FUZZ_CHECK(answer->count || !answer->ttl_s);
	FUZZ_CHECK(answer->ttl_s <= INT32_MAX);
	if (answer->question.type != QUESTION_TYPE_A)
		return;
	for (i = 0; i < answer->count; i++)
		FUZZ_CHECK(address_is_ipv4(&answer->addresses[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of its own and of the very size, so that ASan sees a read beyond the end. */
	_cleanup_free_ uint8_t *message = malloc(size);
	struct question question;
	struct answer answer;
	size_t end;

	FUZZ_CHECK(message || !size);
	if (size)
		memcpy(message, data, size);
	if (!question_read(message, size, &question, &end)) {
		FUZZ_CHECK(end <= size);
		check_name(&question.name);
	}
	if (!answer_read(message, size, &answer))
		check_answer(&answer, size);
	return 0;
}
