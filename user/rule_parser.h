/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parsers of a rule's parts: shared by the rule_*.c files and policyfile.c, no one else.
 * Errors are as in rule.h, and what a `ret_` points to is untouched by them.
 */
#ifndef CGFENCE_RULE_PARSER_H
#define CGFENCE_RULE_PARSER_H

#include <errno.h>

#include "rule.h"
#include "span.h"
#include "util.h"

_printf_(3, 4) void rule_error_write(struct rule_error *ret_error, struct span at,
				     const char *format, ...);
/* A macro, for the compiler and clang-tidy to see what it returns. */
#define rule_error_set(...) (rule_error_write(__VA_ARGS__), -EINVAL)
/* Returns -ENOMEM. */
int rule_error_no_memory(struct rule_error *ret_error, struct span at);

/* `ret_name` is lower case without the dot at the end; the caller frees it. */
int rule_name_parse(struct span text, char **ret_name, struct rule_error *ret_error);

const char *rule_mode_to_string(enum cgf_mode mode);
/* NULL if it is more than one: that is what a rule without a protocol means. */
const char *rule_protocol_to_string(uint8_t protocols);

/* WORD_COUNT if it is none. */
enum rule_word rule_word_find(struct span text);

bool rule_prefix_is_address(struct span text);
/* An address and its prefix length; `bits` without text is a whole address. */
int rule_prefix_parse(struct span address, struct span bits, struct prefix *ret_prefix,
		      struct rule_error *ret_error);

/* These set their part of `rule`, whose verb is set; the caller finishes it, also on failure. */
int rule_protocol_parse(struct span text, struct rule *rule, struct rule_error *ret_error);
/* Service names are looked up for the protocols that `rule` has. */
int rule_ports_parse(struct span text, struct rule *rule, struct rule_error *ret_error);
/* DESTINATION[:PORTS][/PROTOCOL] */
int rule_destination_parse(struct span text, struct rule *rule, struct rule_error *ret_error);
/* What follows the destination, up to the end; its first character, if any, is no blank. */
int rule_options_parse(struct span text, struct rule *rule, struct rule_error *ret_error);
struct span rule_skip_blanks(struct span text);
/* The address of a resolver, with or without brackets. */
int rule_destination_parse_resolver(struct span text, struct rule *rule,
				    struct rule_error *ret_error);

#endif
