// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One rule from any bytes, as a line and as the argument of each verb: an error has its place in
 * the text and can be shown; a rule written out and read again is the same rule.
 */
#include <string.h>

#include "../unit/rule_equal.h"
#include "fuzz_error.h"
#include "policyfile.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What rule.h says of a rule. */
static void check_contract(const struct rule *rule)
{
	const struct prefix *prefix = &rule->prefix;
	struct prefix trimmed = prefix_of(&prefix->address, prefix->bits);
	bool has_name = rule->destination == DESTINATION_NAME ||
			rule->destination == DESTINATION_WILDCARD;

	FUZZ_CHECK(rule->protocols && !(rule->protocols & ~(RULE_TCP | RULE_UDP | RULE_ICMP)));
	FUZZ_CHECK(!(rule->protocols & RULE_ICMP) ||
		   (!rule->port_count && (rule->verb == RULE_ALLOW || rule->verb == RULE_DENY)));
	FUZZ_CHECK(!rule->ports == !rule->port_count && rule->port_count <= CGF_RULE_PORTS_MAX);
	for (size_t i = 0; i < rule->port_count; i++)
		FUZZ_CHECK(rule->ports[i].first && rule->ports[i].first <= rule->ports[i].last);
	FUZZ_CHECK(!rule->name == !has_name);
	FUZZ_CHECK(!has_name || strlen(rule->name) - 1 < CGF_NAME_BYTES_MAX);
	FUZZ_CHECK((!rule->private_addresses && !rule->ttl_floor_s) ||
		   (has_name && rule->verb == RULE_ALLOW));
	FUZZ_CHECK(rule->ttl_floor_s <= CGF_TTL_CEILING_S);
	FUZZ_CHECK(prefix->bits <= 128 && !memcmp(&trimmed, prefix, sizeof(trimmed)));
	FUZZ_CHECK(prefix->bits >= 96 || !address_is_ipv4(&prefix->address));
}

/* A protocol of the rule has blocks, no other has, and icmp's is one. */
static void check_blocks(const struct rule *rule)
{
	_cleanup_free_ struct port_block *blocks = malloc(RULE_BLOCKS_ALL * sizeof(*blocks));

	FUZZ_CHECK(blocks);
	for (uint8_t protocol = RULE_TCP; protocol <= RULE_ICMP; protocol *= 2) {
		size_t count = rule_blocks(rule, protocol, blocks);

		FUZZ_CHECK(!count == !(rule->protocols & protocol));
		FUZZ_CHECK(count <= (protocol == RULE_ICMP ? 1 : RULE_BLOCKS_ALL));
	}
}

static void check_rule(const struct rule *rule)
{
	char text[CGF_LINE_BYTES_MAX], text_again[CGF_LINE_BYTES_MAX];
	_cleanup_(rule_finish) struct rule again = { 0 };
	struct rule_error error;

	check_contract(rule);
	FUZZ_CHECK(rule_format(rule, text, sizeof(text)) == (int)strlen(text));
	FUZZ_CHECK(rule_parse_line(text, &again, &error) == 1);
	FUZZ_CHECK(rule_equal(rule, &again));
	FUZZ_CHECK(rule_format(&again, text_again, sizeof(text_again)) > 0);
	FUZZ_CHECK(!strcmp(text, text_again));
	check_blocks(rule);
}

static void check_line(const char *line)
{
	_cleanup_(rule_finish) struct rule rule = { 0 };
	struct rule_error error;
	int rc = rule_parse_line(line, &rule, &error);

	if (rc > 0)
		check_rule(&rule);
	if (rc < 0)
		fuzz_check_error(line, strlen(line), &error);
}

static void check_argument(enum rule_verb verb, const char *text)
{
	_cleanup_(rule_finish) struct rule rule = { 0 };
	struct rule_error error;

	if (rule_parse(verb, text, &rule, &error) == 0)
		check_rule(&rule);
	else
		fuzz_check_error(text, strlen(text), &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 1);

	FUZZ_CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	check_line(text);
	for (enum rule_verb verb = 0; verb < RULE_VERB_COUNT; verb++)
		check_argument(verb, text);
	return 0;
}
