// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rule_parser.h"

static const struct {
	const char *text;
	uint8_t protocols;
} protocols[] = {
	{ "tcp", RULE_TCP },
	{ "udp", RULE_UDP },
};

const char *rule_protocol_to_string(uint8_t wanted)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (protocols[i].protocols == wanted)
			return protocols[i].text;
	}
	return NULL;
}

int rule_protocol_parse(struct span text, struct rule *rule, struct rule_error *ret_error)
{
	size_t colon = span_find(text, ":");

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (!span_is(text, protocols[i].text))
			continue;
		rule->protocols = protocols[i].protocols;
		return 0;
	}
	if (colon < text.end)
		return rule_error_set(ret_error, span_from(text, colon),
				      "ports stand before the protocol, as in :53/udp");
	return rule_error_set(ret_error, text, "the protocol is tcp or udp");
}
