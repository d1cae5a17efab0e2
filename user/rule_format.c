// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "rule_parser.h"

/* Text that is being written; `length` counts on where `text` is full, so that this shows. */
struct output {
	char *text;
	size_t size, length;
};

_printf_(2, 3) static void append(struct output *output, const char *format, ...)
{
	size_t room = output->length < output->size ? output->size - output->length : 0;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(room ? output->text + output->length : NULL, room, format, arguments);
	va_end(arguments);
	output->length += length > 0 ? (size_t)length : 0;
}

/* Brackets only where ports follow: elsewhere an IPv6 address is as the rest of the world has it.
 */
static void append_prefix(struct output *output, const struct rule *rule)
{
	bool brackets = rule->port_count && !address_is_ipv4(&rule->prefix.address);
	char text[PREFIX_TEXT_BYTES];

	append(output, brackets ? " [%s]" : " %s", prefix_format(&rule->prefix, text));
}

static void append_destination(struct output *output, const struct rule *rule)
{
	bool is_word;

	switch (rule->destination) {
	case DESTINATION_NONE:
		break;
	case DESTINATION_NAME:
		/* The dot tells a host called "private" from the word. */
		is_word = rule_word_find((struct span){ rule->name, 0, strlen(rule->name) }) !=
			  WORD_COUNT;
		append(output, " %s%s", rule->name, is_word ? "." : "");
		break;
	case DESTINATION_WILDCARD:
		append(output, " *.%s", rule->name);
		break;
	case DESTINATION_PREFIX:
		append_prefix(output, rule);
		break;
	case DESTINATION_WORD:
		append(output, " %s", rule_word_to_string(rule->word));
		break;
	}
}

static void append_ports(struct output *output, const struct rule *rule)
{
	char separator = rule->verb == RULE_LISTEN ? ' ' : ':';

	for (size_t i = 0; i < rule->port_count; i++) {
		const struct rule_ports *ports = &rule->ports[i];

		append(output, "%c%u", separator, ports->first);
		if (ports->last != ports->first)
			append(output, "-%u", ports->last);
		separator = ',';
	}
}

static void append_options(struct output *output, const struct rule *rule)
{
	if (rule->private_addresses)
		append(output, " private");
	if (rule->ttl_floor_s)
		append(output, " ttl %u", rule->ttl_floor_s);
}

int rule_format(const struct rule *rule, char *text, size_t size)
{
	const char *protocol = rule_protocol_to_string(rule->protocols);
	struct output output = { text, size, 0 };

	append(&output, "%s", rule_verb_to_string(rule->verb));
	append_destination(&output, rule);
	append_ports(&output, rule);
	if (protocol)
		append(&output, "/%s", protocol);
	append_options(&output, rule);
	if (rule->verb == RULE_MODE)
		append(&output, " %s", rule_mode_to_string(rule->mode));
	return output.length < size ? (int)output.length : -ENOSPC;
}
