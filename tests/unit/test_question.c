// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "made_dns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "question.h"

static struct made a_question(const char *name, uint16_t type)
{
	struct made made = a_message(MADE_QUERY, 0, 0);

	put_question(&made, name, type);
	return made;
}

/* In memory of its own and of the very size, so that a sanitizer sees a read beyond the end. */
static int read_exactly(const struct made *made, size_t length, struct question *question)
{
	uint8_t *bytes = malloc(length ? length : 1);
	size_t end = 0;
	int r;

	assert_non_null(bytes);
	memcpy(bytes, made->bytes, length);
	r = question_read(bytes, length, question, &end);
	free(bytes);
	if (!r)
		assert_true(end <= length);
	return r;
}

static void assert_read(const struct made *made, const char *name, uint16_t type)
{
	char text[DNAME_TEXT_BYTES];
	struct question question;

	assert_int_equal(read_exactly(made, made->length, &question), 0);
	assert_string_equal(dname_format(&question.name, text), name);
	assert_int_equal(question.type, type);
	assert_int_equal(question.class, 1);
}

static void assert_bad(const struct made *made)
{
	struct question question;

	assert_int_equal(read_exactly(made, made->length, &question), -EBADMSG);
}

static void name_and_type_are_read(void **state)
{
	struct made made = a_question("www.a.example", 28);

	(void)state;
	assert_read(&made, "www.a.example", 28);
}

static void names_are_in_lower_case(void **state)
{
	struct made made = a_question("wWw.A.eXAMPLE", 1);

	(void)state;
	assert_read(&made, "www.a.example", 1);
}

static void the_root_is_a_dot(void **state)
{
	struct made made = a_question("", 2);

	(void)state;
	assert_read(&made, ".", 2);
}

static void what_is_not_printable_is_escaped(void **state)
{
	struct made made = a_message(MADE_QUERY, 0, 0);

	(void)state;
	put_u8(&made, 8);
	put(&made, "a.b\\\0\x1b \xff", 8);
	put_question(&made, "example", 1);
	assert_read(&made, "a\\x2eb\\x5c\\x00\\x1b\\x20\\xff.example", 1);
}

static void the_longest_name_is_read(void **state)
{
	char name[DNAME_BYTES + 1], long_name[DNAME_BYTES + 2];
	struct made made;

	(void)state;
	/* 253 characters, 255 bytes with the first length and the root. */
	memset(name, 'x', sizeof(name));
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	made = a_question(name, 1);
	assert_read(&made, name, 1);
	memcpy(long_name, name, 253);
	strcpy(long_name + 253, "x");
	made = a_question(long_name, 1);
	assert_bad(&made);
}

static void a_name_of_escapes_alone_fits_its_text(void **state)
{
	struct made made = a_message(MADE_QUERY, 0, 0);
	char text[DNAME_TEXT_BYTES];
	struct question question;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		put_u8(&made, i < 3 ? 63 : 61);
		memset(made.bytes + made.length, 0xff, 63);
		made.length += i < 3 ? 63 : 61;
	}
	put_question(&made, "", 1);
	assert_int_equal(read_exactly(&made, made.length, &question), 0);
	assert_int_equal(strlen(dname_format(&question.name, text)), 4 * 250 + 3);
}

static void a_pointer_is_no_name_of_a_question(void **state)
{
	struct made made = a_message(MADE_QUERY, 0, 0);

	(void)state;
	put_u16(&made, 0xc000);
	put_u16(&made, 1);
	put_u16(&made, 1);
	assert_bad(&made);
}

static void a_label_of_unknown_kind_is_none(void **state)
{
	struct made made = a_message(MADE_QUERY, 0, 0);

	(void)state;
	put_u8(&made, 0x41);
	put_question(&made, "example", 1);
	assert_bad(&made);
}

static void a_message_without_a_question_is_none(void **state)
{
	struct made made = a_question("a.example", 1);

	(void)state;
	made.bytes[5] = 0;
	assert_bad(&made);
}

static void whatever_is_cut_is_none(void **state)
{
	struct made made = a_question("www.a.example", 1);
	struct question question;
	size_t length;

	(void)state;
	for (length = 0; length < made.length; length++)
		assert_int_equal(read_exactly(&made, length, &question), -EBADMSG);
}

static void types_have_words_or_numbers(void **state)
{
	char spare[QUESTION_TYPE_TEXT_BYTES];

	(void)state;
	assert_string_equal(question_type(1, spare), "A");
	assert_string_equal(question_type(28, spare), "AAAA");
	assert_string_equal(question_type(65, spare), "HTTPS");
	assert_string_equal(question_type(65535, spare), "TYPE65535");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_and_type_are_read),
		cmocka_unit_test(names_are_in_lower_case),
		cmocka_unit_test(the_root_is_a_dot),
		cmocka_unit_test(what_is_not_printable_is_escaped),
		cmocka_unit_test(the_longest_name_is_read),
		cmocka_unit_test(a_name_of_escapes_alone_fits_its_text),
		cmocka_unit_test(a_pointer_is_no_name_of_a_question),
		cmocka_unit_test(a_label_of_unknown_kind_is_none),
		cmocka_unit_test(a_message_without_a_question_is_none),
		cmocka_unit_test(whatever_is_cut_is_none),
		cmocka_unit_test(types_have_words_or_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
