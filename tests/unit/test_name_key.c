// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Keys of rules beside keys of questions, which are made here from bytes on the wire as cgfence.h
 * says: a rule's key must be a prefix of a question's just where labels say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "name_key.h"
#include "util.h"

#define LABELS_MAX 128

/* A name as labels of any bytes. */
struct labels {
	size_t count;
	struct {
		size_t length;
		uint8_t bytes[CGF_LABEL_BYTES_MAX];
	} labels[LABELS_MAX];
};

static struct labels labels_of(const char *text)
{
	struct labels labels = {};
	const char *end;

	for (; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '.');
		labels.labels[labels.count].length = (size_t)(end - text);
		memcpy(labels.labels[labels.count++].bytes, text, (size_t)(end - text));
	}
	return labels;
}

static uint8_t lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
}

/* The key of a question: what is in the packet, backwards. */
static struct cgf_name_key key_of_wire(const struct labels *labels)
{
	struct cgf_name_key key = {};
	size_t used = 0, i, k;

	for (i = labels->count; i-- > 0;) {
		for (k = labels->labels[i].length; k-- > 0 && used < CGF_NAME_KEY_BYTES;)
			key.name[used++] = lower(labels->labels[i].bytes[k]);
		if (used < CGF_NAME_KEY_BYTES)
			key.name[used++] = i ? CGF_NAME_MARK_LABEL : CGF_NAME_MARK_END;
	}
	key.prefix_bits = (uint32_t)used * 8;
	return key;
}

static bool is_prefix(const struct cgf_name_key *rule, const struct cgf_name_key *question)
{
	return rule->prefix_bits <= question->prefix_bits &&
	       !memcmp(rule->name, question->name, rule->prefix_bits / 8);
}

static bool same_label(const struct labels *a, size_t i, const struct labels *b, size_t k)
{
	size_t at;

	if (a->labels[i].length != b->labels[k].length)
		return false;
	for (at = 0; at < a->labels[i].length; at++)
		if (lower(a->labels[i].bytes[at]) != lower(b->labels[k].bytes[at]))
			return false;
	return true;
}

/* As a person reads it: the last labels are the same, and there is one more or none. */
static bool matches(const struct labels *rule, bool below, const struct labels *question)
{
	size_t i;

	if (below ? question->count <= rule->count : question->count != rule->count)
		return false;
	for (i = 1; i <= rule->count; i++)
		if (!same_label(rule, rule->count - i, question, question->count - i))
			return false;
	return true;
}

static struct cgf_name_key key_of(const char *text, bool below)
{
	struct cgf_name_key key;

	assert_int_equal(below ? name_key_below(text, &key) : name_key_exact(text, &key), 0);
	return key;
}

static void assert_key(const char *text, bool below, const char *expected)
{
	const struct cgf_name_key key = key_of(text, below);

	assert_int_equal(key.prefix_bits, 8 * strlen(expected));
	assert_memory_equal(key.name, expected, strlen(expected));
}

static void a_name_is_reversed_with_marks_for_the_lengths_of_labels(void **state)
{
	(void)state;
	assert_key("a.example", false, "elpmaxeLaN");
	assert_key("example", true, "elpmaxeL");
	assert_key("example", false, "elpmaxeN");
	assert_key("GitHub.COM", false, "mocLbuhtigN");
	assert_key("_x-1.a.b", true, "bLaL1-x_L");
}

static void what_follows_a_key_is_zero(void **state)
{
	struct cgf_name_key key;
	size_t i;

	(void)state;
	memset(&key, 0xff, sizeof(key));
	assert_int_equal(name_key_exact("a.b", &key), 0);
	for (i = key.prefix_bits / 8; i < CGF_NAME_KEY_BYTES; i++)
		assert_int_equal(key.name[i], 0);
}

/* A question that has the byte of a boundary within a label. */
static void assert_forged(const char *rule, bool below, const char *label, size_t length,
			  const char *rest)
{
	const struct cgf_name_key key = key_of(rule, below);
	struct labels question = {}, after = labels_of(rest);
	struct cgf_name_key forged;

	question.labels[0].length = length;
	memcpy(question.labels[0].bytes, label, length);
	memcpy(question.labels + 1, after.labels, after.count * sizeof(after.labels[0]));
	question.count = 1 + after.count;
	forged = key_of_wire(&question);
	assert_false(is_prefix(&key, &forged));
}

static void no_byte_inside_a_label_is_a_boundary(void **state)
{
	(void)state;
	assert_forged("wild", true, "x\x04wild", 6, "");
	assert_forged("wild", true, "x.wild", 6, "");
	assert_forged("wild", true, "xLwild", 6, "");
	assert_forged("wild", true, "xNwild", 6, "");
	assert_forged("wild", true, "x\0wild", 6, "");
	assert_forged("wild", false, "Nwild", 5, "");
	assert_forged("wild", false, "\x04wild", 5, "");
	assert_forged("wild.test", true, "x\x04wild\x04test", 11, "");
	assert_forged("wild.test", true, "x\x04wild", 6, "test");
	assert_forged("wild.test", false, "wild\x04test", 9, "");
	assert_forged("wild.test", true, "notwild", 7, "test");
	assert_forged("a.test", false, "L", 1, "a.test");
	assert_forged("a.test", false, "N", 1, "a.test");
	assert_forged("test", false, "a", 1, "test");
}

static void a_wildcard_is_not_its_apex(void **state)
{
	const struct cgf_name_key below = key_of("x.test", true);
	const struct labels apex = labels_of("x.test"), one = labels_of("a.x.test"),
			    two = labels_of("b.a.X.Test");
	const struct cgf_name_key keys[] = { key_of_wire(&apex), key_of_wire(&one),
					     key_of_wire(&two) };

	(void)state;
	assert_false(is_prefix(&below, &keys[0]));
	assert_true(is_prefix(&below, &keys[1]));
	assert_true(is_prefix(&below, &keys[2]));
}

static void fill(char *text, size_t length, size_t label)
{
	size_t i;

	for (i = 0; i < length; i++)
		text[i] = i % (label + 1) == label ? '.' : (char)('a' + i % 26);
	text[length] = '\0';
}

static void a_label_has_63_bytes(void **state)
{
	struct cgf_name_key key;
	char text[CGF_NAME_BYTES_MAX + 2];

	(void)state;
	fill(text, 127, 63);
	assert_int_equal(name_key_exact(text, &key), 0);
	assert_int_equal(key.name[63], CGF_NAME_MARK_LABEL);
	assert_int_equal(key.name[127], CGF_NAME_MARK_END);
	fill(text, 64, 64);
	assert_int_equal(name_key_exact(text, &key), -EINVAL);
}

static void a_name_of_239_bytes_has_a_key_and_a_longer_one_has_none(void **state)
{
	char text[CGF_NAME_BYTES_MAX + 2];
	struct cgf_name_key key;
	size_t length;

	(void)state;
	for (length = 236; length <= CGF_NAME_BYTES_MAX; length++) {
		int expected = length <= 239 ? 0 : -ENAMETOOLONG;

		fill(text, length, 57);
		assert_int_equal(name_key_fits(text), !expected);
		assert_int_equal(name_key_exact(text, &key), expected);
		assert_int_equal(name_key_below(text, &key), expected);
	}
	fill(text, CGF_NAME_BYTES_MAX + 1, 57);
	assert_int_equal(name_key_exact(text, &key), -EINVAL);
}

static void what_is_no_name_has_no_key(void **state)
{
	static const char *const texts[] = { "", ".", "a.", ".a", "a..b", "a.b.", ".." };
	struct cgf_name_key key;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(name_key_exact(texts[i], &key), -EINVAL);
		assert_int_equal(name_key_below(texts[i], &key), -EINVAL);
	}
}

/* --- by chance: few different labels, so that many are alike ------------------------------------
 */

static void add_label(struct labels *labels, const void *bytes, size_t length)
{
	labels->labels[labels->count].length = length;
	memcpy(labels->labels[labels->count++].bytes, bytes, length);
}

static struct labels question_by_chance(void)
{
	static const uint8_t alphabet[] = { 'a', 'A', 'b', 'L', 'N', 'l', 'n', '.', 0, 1, 2, 3 };
	struct labels labels = {};
	size_t count = (size_t)(1 + rand() % 4), i;
	uint8_t bytes[4];

	while (count--) {
		size_t length = (size_t)(1 + rand() % 4);

		for (i = 0; i < length; i++)
			bytes[i] = alphabet[(size_t)rand() % sizeof(alphabet)];
		add_label(&labels, bytes, length);
	}
	return labels;
}

static void rule_by_chance(char *text)
{
	static const char alphabet[] = "abln";
	int labels = 1 + rand() % 3, bytes;

	while (labels--) {
		for (bytes = 1 + rand() % 3; bytes; bytes--)
			*text++ = alphabet[rand() % 4];
		*text++ = '.';
	}
	text[-1] = '\0';
}

/* Half of the questions are below the rule, or are it, in some case. */
static struct labels append_rule(struct labels question, const struct labels *rule)
{
	size_t i, k;

	if (rand() % 2)
		return question;
	question.count = (size_t)(rand() % 3);
	for (i = 0; i < rule->count; i++) {
		add_label(&question, rule->labels[i].bytes, rule->labels[i].length);
		for (k = 0; k < rule->labels[i].length; k++)
			if (rand() % 2)
				question.labels[question.count - 1].bytes[k] -= 32;
	}
	return question;
}

static void a_key_is_a_prefix_just_where_labels_match(void **state)
{
	size_t i, matched = 0;
	char text[32];

	(void)state;
	srand(4);
	for (i = 0; i < 200000; i++) {
		rule_by_chance(text);
		const bool below = rand() % 2;
		const struct labels rule = labels_of(text);
		const struct labels question = append_rule(question_by_chance(), &rule);
		const struct cgf_name_key key = key_of(text, below);
		const struct cgf_name_key asked = key_of_wire(&question);

		assert_int_equal(is_prefix(&key, &asked), matches(&rule, below, &question));
		matched += matches(&rule, below, &question);
	}
	assert_true(matched > 10000);
}

static void a_key_says_its_name(void **state)
{
	char text[CGF_NAME_BYTES_MAX + 1], read[CGF_NAME_BYTES_MAX + 1];
	struct cgf_name_key key;
	unsigned int i;
	bool below;

	(void)state;
	srand(5);
	for (i = 0; i < 10000; i++) {
		rule_by_chance(text);
		key = key_of(text, i % 2);
		assert_int_equal(name_key_read(&key, read, &below), 0);
		assert_string_equal(read, text);
		assert_int_equal(below, i % 2);
	}
}

static void what_is_no_key_says_none(void **state)
{
	char text[CGF_NAME_BYTES_MAX + 1] = "before";
	struct cgf_name_key key = key_of("a.example", false);
	bool below = false;

	(void)state;
	key.prefix_bits -= 8;
	assert_int_equal(name_key_read(&key, text, &below), -EINVAL);
	key.prefix_bits += 4;
	assert_int_equal(name_key_read(&key, text, &below), -EINVAL);
	key.prefix_bits = 8 * CGF_NAME_KEY_BYTES + 8;
	assert_int_equal(name_key_read(&key, text, &below), -EINVAL);
	key.prefix_bits = 0;
	assert_int_equal(name_key_read(&key, text, &below), -EINVAL);
	key = key_of("a.example", false);
	key.name[3] = '.';
	assert_int_equal(name_key_read(&key, text, &below), -EINVAL);
	key.name[3] = 0;
	assert_int_equal(name_key_read(&key, text, &below), -EINVAL);
	assert_string_equal(text, "before");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_reversed_with_marks_for_the_lengths_of_labels),
		cmocka_unit_test(what_follows_a_key_is_zero),
		cmocka_unit_test(no_byte_inside_a_label_is_a_boundary),
		cmocka_unit_test(a_wildcard_is_not_its_apex),
		cmocka_unit_test(a_label_has_63_bytes),
		cmocka_unit_test(a_name_of_239_bytes_has_a_key_and_a_longer_one_has_none),
		cmocka_unit_test(what_is_no_name_has_no_key),
		cmocka_unit_test(a_key_is_a_prefix_just_where_labels_match),
		cmocka_unit_test(a_key_says_its_name),
		cmocka_unit_test(what_is_no_key_says_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
