// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rule_parser.h"

static const struct prefix any[] = {
	PREFIX_IPV4(0, 0, 0, 0, 0),
	PREFIX_IPV6(0, 0),
};

static const struct prefix localhost[] = {
	PREFIX_IPV4(127, 0, 0, 0, 8),
	PREFIX_IPV6(128, [15] = 1),
};

/* RFC 1918 and RFC 4193 */
static const struct prefix private[] = {
	PREFIX_IPV4(10, 0, 0, 0, 8),
	PREFIX_IPV4(172, 16, 0, 0, 12),
	PREFIX_IPV4(192, 168, 0, 0, 16),
	PREFIX_IPV6(7, 0xfc),
};

/* RFC 3927 and RFC 4291 §2.5.6 */
static const struct prefix link_local[] = {
	PREFIX_IPV4(169, 254, 0, 0, 16),
	PREFIX_IPV6(10, 0xfe, 0x80),
};

static const struct prefix multicast[] = {
	PREFIX_IPV4(224, 0, 0, 0, 4),
	PREFIX_IPV6(8, 0xff),
};

static const struct {
	const char *text;
	const struct prefix *prefixes;
	size_t count;
} words[] = {
	[WORD_ANY] = { "any", any, ARRAY_SIZE(any) },
	[WORD_LOCALHOST] = { "localhost", localhost, ARRAY_SIZE(localhost) },
	[WORD_PRIVATE] = { "private", private, ARRAY_SIZE(private) },
	[WORD_LINK_LOCAL] = { "link-local", link_local, ARRAY_SIZE(link_local) },
	[WORD_MULTICAST] = { "multicast", multicast, ARRAY_SIZE(multicast) },
};
_Static_assert(ARRAY_SIZE(words) == WORD_COUNT, "words");

const char *rule_word_to_string(enum rule_word word)
{
	return words[word].text;
}

size_t rule_word_prefixes(enum rule_word word, const struct prefix **ret_prefixes)
{
	*ret_prefixes = words[word].prefixes;
	return words[word].count;
}

enum rule_word rule_word_find(struct span text)
{
	enum rule_word word = 0;

	while (word < WORD_COUNT && !span_is(text, words[word].text))
		word++;
	return word;
}
