// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rule_parser.h"

static const struct {
	const char *text;
	uint8_t protocols;
} protocols[] = {
	{ "tcp", RULE_TCP },
	{ "udp", RULE_UDP },
	{ "icmp", RULE_ICMP },
};

const char *rule_protocol_to_string(uint8_t wanted)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (protocols[i].protocols == wanted)
			return protocols[i].text;
	}
	return NULL;
}

static bool has_protocol(enum rule_verb verb, uint8_t wanted)
{
	return verb != RULE_LISTEN || wanted != RULE_ICMP;
}

int rule_protocol_parse(struct span text, struct rule *rule, struct rule_error *ret_error)
{
	size_t colon = span_find(text, ":");

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (!span_is(text, protocols[i].text) ||
		    !has_protocol(rule->verb, protocols[i].protocols))
			continue;
		rule->protocols = protocols[i].protocols;
		return 0;
	}
	if (colon < text.end)
		return rule_error_set(ret_error, span_from(text, colon),
				      "ports stand before the protocol, as in :53/udp");
	return rule_error_set(ret_error, text,
			      rule->verb == RULE_LISTEN
				      ? "the protocol of listen is tcp or udp; none means both"
				      : "the protocol is tcp, udp or icmp; none means tcp and udp");
}
