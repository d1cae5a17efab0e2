// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rule.h"
#include "util.h"

/* The caller finishes the rule. */
static struct rule parsed(const char *line)
{
	struct rule_error error;
	struct rule rule;

	if (rule_parse_line(line, &rule, &error) != 1)
		fail_msg("%s: %zu: %s", line, error.column, error.message);
	return rule;
}

static void assert_blocks_of(const char *line, uint8_t protocol, const struct port_block *expected,
			     size_t count)
{
	_cleanup_(rule_finish) struct rule rule = parsed(line);
	struct port_block blocks[RULE_BLOCKS_ALL];

	assert_int_equal(rule_blocks(&rule, protocol, blocks), count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(blocks[i].port, expected[i].port);
		assert_int_equal(blocks[i].bits, expected[i].bits);
	}
}

static void assert_blocks(const char *line, const struct port_block *expected, size_t count)
{
	assert_blocks_of(line, RULE_TCP, expected, count);
	assert_blocks_of(line, RULE_UDP, expected, count);
}

static void a_protocol_that_a_rule_is_not_for_has_no_blocks(void **state)
{
	static const struct {
		const char *line;
		uint8_t protocol;
	} cases[] = {
		{ "allow a:22/tcp", RULE_UDP }, { "allow a/udp", RULE_TCP },
		{ "allow a", RULE_ICMP },	{ "allow a/icmp", RULE_TCP },
		{ "deny a/icmp", RULE_UDP },	{ "deny a:22", RULE_ICMP },
		{ "deny a/tcp", RULE_ICMP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_blocks_of(cases[i].line, cases[i].protocol, NULL, 0);
}

static void icmp_is_exactly_port_0(void **state)
{
	(void)state;
	assert_blocks_of("allow a/icmp", RULE_ICMP, (struct port_block[]){ { 0, 16 } }, 1);
	assert_blocks_of("deny a/icmp", RULE_ICMP, (struct port_block[]){ { 0, 16 } }, 1);
	assert_blocks_of("deny a", RULE_ICMP, (struct port_block[]){ { 0, 16 } }, 1);
	assert_blocks("deny a", (struct port_block[]){ { 0, 0 } }, 1);
}

static void ports_split_into_aligned_blocks(void **state)
{
	(void)state;
	assert_blocks("allow a", (struct port_block[]){ { 0, 0 } }, 1);
	assert_blocks("allow a:22", (struct port_block[]){ { 22, 16 } }, 1);
	assert_blocks("allow a:65535,1", (struct port_block[]){ { 1, 16 }, { 65535, 16 } }, 2);
	assert_blocks(
		"allow a:8000-8100",
		(struct port_block[]){ { 8000, 10 }, { 8064, 11 }, { 8096, 14 }, { 8100, 16 } }, 4);
	assert_blocks("allow a:32768-65535", (struct port_block[]){ { 32768, 1 } }, 1);
	assert_blocks("allow a:65534-65535", (struct port_block[]){ { 65534, 15 } }, 1);
}

static void port_53_is_a_block_only_if_it_is_named(void **state)
{
	(void)state;
	assert_blocks("allow a:53", (struct port_block[]){ { 53, 16 } }, 1);
	assert_blocks("allow a:domain", (struct port_block[]){ { 53, 16 } }, 1);
	assert_blocks("allow a:53-54", (struct port_block[]){ { 54, 16 } }, 1);
	assert_blocks("allow a:53-54,53", (struct port_block[]){ { 53, 16 }, { 54, 16 } }, 2);
	assert_blocks("allow a:52-53", (struct port_block[]){ { 52, 15 } }, 1);
	assert_blocks("allow a:51-53", (struct port_block[]){ { 51, 16 }, { 52, 15 } }, 2);
	/* What is denied is denied. */
	assert_blocks("deny a:53-54", (struct port_block[]){ { 53, 16 }, { 54, 16 } }, 2);
}

static bool is_in_block(unsigned int port, const struct port_block *block)
{
	return (port ^ block->port) >> (16 - block->bits) == 0;
}

static void blocks_cover_the_range_once_and_nothing_else(void **state)
{
	static const char *const ranges[] = { "1-65535", "1-65534", "2-3", "1000-1999",
					      "49152-65535" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		struct port_block blocks[RULE_BLOCKS_MAX];
		struct rule_error error;
		struct rule rule;
		size_t count;

		assert_int_equal(rule_parse(RULE_LISTEN, ranges[i], &rule, &error), 0);
		count = rule_blocks(&rule, RULE_TCP, blocks);
		for (unsigned int port = 0; port <= 65535; port++) {
			unsigned int hits = 0;

			for (size_t b = 0; b < count; b++)
				hits += is_in_block(port, &blocks[b]);
			assert_int_equal(hits,
					 port >= rule.ports[0].first && port <= rule.ports[0].last);
		}
		rule_finish(&rule);
	}
}

static void the_worst_range_is_thirty_blocks(void **state)
{
	_cleanup_(rule_finish) struct rule rule = parsed("allow a:1-65534");
	struct port_block blocks[RULE_BLOCKS_MAX];

	(void)state;
	assert_int_equal(rule_blocks(&rule, RULE_TCP, blocks), 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_protocol_that_a_rule_is_not_for_has_no_blocks),
		cmocka_unit_test(icmp_is_exactly_port_0),
		cmocka_unit_test(ports_split_into_aligned_blocks),
		cmocka_unit_test(port_53_is_a_block_only_if_it_is_named),
		cmocka_unit_test(blocks_cover_the_range_once_and_nothing_else),
		cmocka_unit_test(the_worst_range_is_thirty_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
