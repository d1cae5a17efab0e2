// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "rule_parser.h"

bool rule_prefix_is_address(struct span text)
{
	char copy[ADDRESS_TEXT_BYTES];
	struct address address;

	return !span_copy(text, copy, sizeof(copy)) && !address_parse(copy, &address);
}

static int address_parse_span(struct span text, struct address *ret_address,
			      struct rule_error *ret_error)
{
	size_t scope = span_find(text, "%");
	char copy[ADDRESS_TEXT_BYTES];

	/* The numbers of interfaces differ between network namespaces, and change. */
	if (scope < text.end)
		return rule_error_set(ret_error, span_from(text, scope),
				      "scope ids such as %%eth0 are not supported");
	if (span_copy(text, copy, sizeof(copy)) < 0 || address_parse(copy, ret_address) < 0)
		return rule_error_set(ret_error, text,
				      "not an IPv6 address; with ports, write [2001:db8::1]:443");
	return 0;
}

/*
 * Bits as they are written count the notation's own length, so that ::ffff:198.51.100.0/120 is the
 * IPv4 prefix 198.51.100.0/24.
 */
static int bits_parse(struct span bits, unsigned int bits_max, uint8_t *ret_bits,
		      struct rule_error *ret_error)
{
	uint32_t number = span_to_number(bits);

	if (!span_is_digits(bits) || number > bits_max)
		return rule_error_set(ret_error, bits, "the prefix length is a number from 0 to %u",
				      bits_max);
	*ret_bits = (uint8_t)(128 - bits_max + number);
	return 0;
}

static int host_bits_error(struct span at, const struct prefix *prefix,
			   struct rule_error *ret_error)
{
	char suggestion[PREFIX_TEXT_BYTES];

	return rule_error_set(ret_error, at, "host bits are set; did you mean %s?",
			      prefix_format(prefix, suggestion));
}

int rule_prefix_parse(struct span address, struct span bits, struct prefix *ret_prefix,
		      struct rule_error *ret_error)
{
	unsigned int bits_max = span_find(address, ":") < address.end ? 128 : 32;
	struct address parsed;
	struct prefix prefix;
	uint8_t count = 128;
	int rc;

	rc = address_parse_span(address, &parsed, ret_error);
	if (rc < 0)
		return rc;
	if (bits.text) {
		rc = bits_parse(bits, bits_max, &count, ret_error);
		if (rc < 0)
			return rc;
	}
	prefix = prefix_of(&parsed, count);
	if (memcmp(&prefix.address, &parsed, sizeof(parsed)))
		return host_bits_error(address, &prefix, ret_error);
	*ret_prefix = prefix;
	return 0;
}
