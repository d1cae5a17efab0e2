// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "made_dns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"

static struct made an_answer(const char *name, uint16_t type, uint16_t records)
{
	struct made made = a_message(MADE_ANSWER, records, 0);

	put_question(&made, name, type);
	return made;
}

static int read_exactly(const struct made *made, size_t length, struct answer *answer)
{
	uint8_t *bytes = malloc(length ? length : 1);
	int r;

	assert_non_null(bytes);
	memcpy(bytes, made->bytes, length);
	r = answer_read(bytes, length, answer);
	free(bytes);
	return r;
}

/* The addresses as text, with spaces between. */
static void assert_read(const struct made *made, uint32_t ttl_s, const char *expected)
{
	char found[8192] = "", text[ADDRESS_TEXT_BYTES];
	struct answer answer;
	size_t i;

	assert_int_equal(read_exactly(made, made->length, &answer), 0);
	assert_false(answer.cut);
	for (i = 0; i < answer.count; i++) {
		strcat(found, i ? " " : "");
		strcat(found, address_format(&answer.addresses[i], text));
	}
	assert_string_equal(found, expected);
	assert_int_equal(answer.ttl_s, ttl_s);
}

static void assert_bad(const struct made *made)
{
	struct answer answer;

	assert_int_equal(read_exactly(made, made->length, &answer), -EBADMSG);
}

static void addresses_and_the_smallest_ttl_are_read(void **state)
{
	struct made made = an_answer("a.example", 1, 2);

	(void)state;
	put_ipv4(&made, "a.example", 60, "198.51.100.1");
	put_ipv4(&made, "A.Example", 30, "198.51.100.2");
	assert_read(&made, 30, "198.51.100.1 198.51.100.2");
}

static void ipv6_addresses_are_read(void **state)
{
	struct made made = an_answer("a.example", 28, 1);

	(void)state;
	put_ipv6(&made, "a.example", 60, "2001:db8::1");
	assert_read(&made, 60, "2001:db8::1");
}

static void a_chain_is_followed_and_its_ttl_counts(void **state)
{
	struct made made = an_answer("a.example", 1, 3);

	(void)state;
	put_cname(&made, "a.example", 50, "b.example");
	put_cname(&made, "b.example", 3, "c.example");
	put_ipv4(&made, "c.example", 60, "198.51.100.1");
	assert_read(&made, 3, "198.51.100.1");
}

static void names_may_be_compressed(void **state)
{
	struct made made = an_answer("a.example", 1, 1);

	(void)state;
	put_u16(&made, 0xc000 | 12);
	put_record(&made, 1, 60, 4);
	put(&made, "\xc6\x33\x64\x01", 4);
	assert_read(&made, 60, "198.51.100.1");
}

static void pointers_that_do_not_lead_backwards_are_no_name(void **state)
{
	struct made made = an_answer("a.example", 1, 1);
	struct answer answer;

	(void)state;
	put_u16(&made, (uint16_t)(0xc000 | made.length));
	put_record(&made, 1, 60, 4);
	put(&made, "\xc6\x33\x64\x01", 4);
	assert_int_equal(read_exactly(&made, made.length, &answer), 0);
	assert_int_equal(answer.count, 0);
	assert_true(answer.cut);
}

static void what_is_not_on_the_chain_is_left_out(void **state)
{
	struct made made = an_answer("a.example", 1, 4);

	(void)state;
	put_ipv4(&made, "b.example", 60, "198.51.100.1");
	put_cname(&made, "x.example", 50, "y.example");
	put_ipv4(&made, "y.example", 60, "198.51.100.2");
	put_ipv4(&made, "a.example", 60, "198.51.100.3");
	assert_read(&made, 60, "198.51.100.3");
}

static void another_class_is_left_out(void **state)
{
	struct made made = an_answer("a.example", 1, 3);

	(void)state;
	put_cname(&made, "a.example", 50, "b.example");
	/* Of the class CH; what ends with its target, "b.example", is of 11 bytes. */
	made.bytes[made.length - 11 - 8 + 1] = 3;
	put_ipv4(&made, "b.example", 60, "198.51.100.1");
	put_ipv4(&made, "a.example", 60, "198.51.100.2");
	assert_read(&made, 60, "198.51.100.2");
}

static void a_loop_of_names_ends(void **state)
{
	struct made made = an_answer("a.example", 1, 3);

	(void)state;
	put_cname(&made, "a.example", 50, "b.example");
	put_cname(&made, "b.example", 50, "a.example");
	put_ipv4(&made, "b.example", 60, "198.51.100.3");
	assert_read(&made, 50, "198.51.100.3");
}

static void the_other_family_is_left_out(void **state)
{
	struct made made = an_answer("a.example", 1, 2);

	(void)state;
	put_ipv6(&made, "a.example", 60, "2001:db8::1");
	put_ipv4(&made, "a.example", 60, "198.51.100.3");
	assert_read(&made, 60, "198.51.100.3");
}

static void a_ttl_with_its_highest_bit_is_zero(void **state)
{
	struct made made = an_answer("a.example", 1, 1);

	(void)state;
	put_ipv4(&made, "a.example", 0x80000000, "198.51.100.3");
	assert_read(&made, 0, "198.51.100.3");
}

static void what_is_no_good_answer_is_refused(void **state)
{
	static const uint16_t flags[] = { MADE_QUERY, MADE_ANSWER | 3, MADE_ANSWER | 2,
					  MADE_ANSWER | 0x0200, MADE_ANSWER | 0x2000 };
	struct made made;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		made = a_message(flags[i], 1, 0);
		put_question(&made, "a.example", 1);
		put_ipv4(&made, "a.example", 60, "198.51.100.3");
		assert_bad(&made);
	}
	made = an_answer("a.example", 16, 0);
	assert_bad(&made);
}

static void what_comes_before_a_cut_is_read(void **state)
{
	struct made made = an_answer("a.example", 1, 2);
	size_t whole, length, question = made.length;
	struct answer answer;

	(void)state;
	put_ipv4(&made, "a.example", 60, "198.51.100.1");
	whole = made.length;
	put_ipv4(&made, "a.example", 60, "198.51.100.2");
	for (length = 0; length < made.length; length++) {
		if (read_exactly(&made, length, &answer)) {
			assert_true(length < question);
			continue;
		}
		assert_true(answer.cut);
		assert_int_equal(answer.count, length >= whole);
	}
}

static void as_many_addresses_are_read_as_the_kernel_learns(void **state)
{
	struct made made = an_answer("a.example", 1, CGF_ANSWER_RECORDS_MAX + 1);
	struct answer answer;
	int i;

	(void)state;
	for (i = 0; i <= CGF_ANSWER_RECORDS_MAX; i++) {
		/* By a pointer, for all to fit. */
		put_u16(&made, 0xc000 | 12);
		put_record(&made, 1, 60, 4);
		put_u8(&made, 198);
		put_u8(&made, 18);
		put_u16(&made, (uint16_t)i);
	}
	assert_int_equal(read_exactly(&made, made.length, &answer), 0);
	assert_true(answer.cut);
	assert_int_equal(answer.count, CGF_ANSWER_RECORDS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_and_the_smallest_ttl_are_read),
		cmocka_unit_test(ipv6_addresses_are_read),
		cmocka_unit_test(a_chain_is_followed_and_its_ttl_counts),
		cmocka_unit_test(names_may_be_compressed),
		cmocka_unit_test(pointers_that_do_not_lead_backwards_are_no_name),
		cmocka_unit_test(what_is_not_on_the_chain_is_left_out),
		cmocka_unit_test(another_class_is_left_out),
		cmocka_unit_test(a_loop_of_names_ends),
		cmocka_unit_test(the_other_family_is_left_out),
		cmocka_unit_test(a_ttl_with_its_highest_bit_is_zero),
		cmocka_unit_test(what_is_no_good_answer_is_refused),
		cmocka_unit_test(what_comes_before_a_cut_is_read),
		cmocka_unit_test(as_many_addresses_are_read_as_the_kernel_learns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
