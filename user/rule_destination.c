// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "rule_parser.h"

/* A destination cut at its signs. What is not there has no text. */
struct parts {
	struct span host; /* without brackets */
	bool ipv6;	  /* has the form of an IPv6 address, good or bad */
	struct span bits, ports, protocol;
};

/* Two colons make an IPv6 address, unless what stands before the first cannot begin one. */
static bool looks_like_ipv6(struct span text)
{
	size_t first = span_find(text, ":");

	if (first == text.end || first - text.begin > 4)
		return false;
	for (size_t i = text.begin; i < first; i++) {
		if (!ascii_is_hex_digit(text.text[i]))
			return false;
	}
	return span_find(span_from(text, first + 1), ":") < text.end;
}

static int split_bracketed(struct span text, struct parts *parts, struct span *ret_rest,
			   struct rule_error *ret_error)
{
	struct span host = span_from(text, text.begin + 1);
	size_t slash;

	host.end = span_find(host, "]");
	if (host.end == text.end)
		return rule_error_set(ret_error, span_until(text, text.begin + 1),
				      "']' is missing");
	*ret_rest = span_from(text, host.end + 1);
	slash = span_find(host, "/");
	if (slash < host.end)
		parts->bits = span_from(host, slash + 1);
	parts->host = span_until(host, slash);
	parts->ipv6 = true;
	if (span_find(parts->host, ":") == parts->host.end)
		return rule_error_set(ret_error, host, "only an IPv6 address stands in brackets");
	return 0;
}

static struct span split_plain(struct span text, struct parts *parts)
{
	struct span front = span_until(text, span_find(text, "/"));

	parts->ipv6 = looks_like_ipv6(front);
	parts->host = parts->ipv6 ? front : span_until(text, span_find(text, ":/"));
	return span_from(text, parts->host.end);
}

/* Digits after a '/' are a prefix length, letters a protocol. */
static int split_bits(struct span *rest, struct parts *parts, struct rule_error *ret_error)
{
	struct span bits = span_from(*rest, rest->begin + 1);

	if (!span_begins_with(*rest, '/') || span_empty(bits) ||
	    !ascii_is_digit(bits.text[bits.begin]))
		return 0;
	bits.end = span_find(bits, ":/");
	if (parts->bits.text)
		return rule_error_set(ret_error, bits, "the prefix length is given twice");
	parts->bits = bits;
	rest->begin = bits.end;
	return 0;
}

static int split_rest(struct span rest, bool bracketed, struct parts *parts,
		      struct rule_error *ret_error)
{
	int rc = split_bits(&rest, parts, ret_error);

	if (rc < 0)
		return rc;
	if (span_begins_with(rest, ':')) {
		if (parts->ipv6 && !bracketed)
			return rule_error_set(ret_error, rest,
					      "before ports an IPv6 prefix stands in brackets, "
					      "as in [2001:db8::/32]:443");
		parts->ports = span_from(rest, rest.begin + 1);
		parts->ports.end = span_find(parts->ports, "/");
		rest.begin = parts->ports.end;
	}
	if (span_begins_with(rest, '/'))
		parts->protocol = span_from(rest, rest.begin + 1);
	else if (!span_empty(rest))
		return rule_error_set(ret_error, rest, "only :PORTS or /PROTOCOL can follow here");
	return 0;
}

static int split(struct span text, struct parts *ret_parts, struct rule_error *ret_error)
{
	bool bracketed = span_begins_with(text, '[');
	size_t colon = span_find(text, ":");
	struct parts parts = { 0 };
	struct span rest;
	int rc;

	if (!strncmp(text.text + colon, "://", 3))
		return rule_error_set(ret_error, span_until(text, colon + 3),
				      "a destination is no URL; write example.org:443");
	if (bracketed) {
		rc = split_bracketed(text, &parts, &rest, ret_error);
		if (rc < 0)
			return rc;
	} else {
		rest = split_plain(text, &parts);
	}
	rc = split_rest(rest, bracketed, &parts, ret_error);
	if (rc < 0)
		return rc;
	*ret_parts = parts;
	return 0;
}

/* That '*' is not the first label at all is for rule_name_parse() to say. */
static int half_label_error(struct span host, struct rule_error *ret_error)
{
	struct span name = span_from(host, host.begin + 1);
	_cleanup_free_ char *text = NULL;
	int rc = rule_name_parse(name, &text, ret_error);

	if (rc < 0)
		return rc == -EINVAL ? rule_name_parse(host, &text, ret_error) : rc;
	return rule_error_set(ret_error, span_until(host, name.begin),
			      "'*' is a whole label: write *.%.90s", text);
}

static int wildcard_parse(struct span host, struct rule *rule, struct rule_error *ret_error)
{
	struct span star = span_until(host, host.begin + 1);
	struct span name = span_from(host, host.begin + 2);

	if (span_length(host) == 1)
		return rule_error_set(ret_error, star, "every destination is written any, not '*'");
	if (host.text[star.end] != '.')
		return half_label_error(host, ret_error);
	rule->destination = DESTINATION_WILDCARD;
	return rule_name_parse(name, &rule->name, ret_error);
}

static bool is_unspecified(const struct prefix *prefix)
{
	const struct address ipv4 = address_from_ipv4(&(struct in_addr){ 0 });
	const struct address ipv6 = { 0 };

	return prefix->bits == 128 && (!memcmp(&prefix->address, &ipv4, sizeof(ipv4)) ||
				       !memcmp(&prefix->address, &ipv6, sizeof(ipv6)));
}

/* connect(2) to 0.0.0.0 or :: reaches loopback, and whoever writes it means everything. */
static int prefix_parse(const struct parts *parts, struct rule *rule, struct rule_error *ret_error)
{
	bool ipv4;
	int rc;

	rule->destination = DESTINATION_PREFIX;
	rc = rule_prefix_parse(parts->host, parts->bits, &rule->prefix, ret_error);
	if (rc < 0 || !is_unspecified(&rule->prefix))
		return rc;
	ipv4 = address_is_ipv4(&rule->prefix.address);
	return rule_error_set(
		ret_error, parts->host,
		"%s means loopback; write localhost, or %s/0 for every %s address",
		ipv4 ? "0.0.0.0" : "::", ipv4 ? "0.0.0.0" : "::", ipv4 ? "IPv4" : "IPv6");
}

static int host_parse(const struct parts *parts, struct rule *rule, struct rule_error *ret_error)
{
	enum rule_word word = rule_word_find(parts->host);

	if (span_empty(parts->host))
		return rule_error_set(ret_error, parts->host,
				      "a destination is missing; every one is written any");
	if (parts->ipv6 || rule_prefix_is_address(parts->host))
		return prefix_parse(parts, rule, ret_error);
	if (span_begins_with(parts->host, '*'))
		return wildcard_parse(parts->host, rule, ret_error);
	if (word == WORD_COUNT) {
		rule->destination = DESTINATION_NAME;
		return rule_name_parse(parts->host, &rule->name, ret_error);
	}
	rule->destination = DESTINATION_WORD;
	rule->word = word;
	return 0;
}

int rule_destination_parse(struct span text, struct rule *rule, struct rule_error *ret_error)
{
	struct parts parts;
	int rc;

	rc = split(text, &parts, ret_error);
	if (rc < 0)
		return rc;
	rc = host_parse(&parts, rule, ret_error);
	if (rc < 0)
		return rc;
	if (parts.bits.text && rule->destination != DESTINATION_PREFIX)
		return rule_error_set(ret_error, parts.bits,
				      "only an address has a prefix length; ports follow ':', as "
				      "in example.org:443");
	/* Before the ports, because some services have a port for one of the protocols only. */
	if (parts.protocol.text)
		rc = rule_protocol_parse(parts.protocol, rule, ret_error);
	else if (rule->verb == RULE_DENY && !parts.ports.text)
		rule->protocols |= RULE_ICMP;
	if (rc < 0 || !parts.ports.text)
		return rc;
	if (rule->protocols == RULE_ICMP)
		return rule_error_set(ret_error, parts.ports, "icmp has no ports");
	return rule_ports_parse(parts.ports, rule, ret_error);
}

int rule_destination_parse_resolver(struct span text, struct rule *rule,
				    struct rule_error *ret_error)
{
	struct parts parts;
	int rc;

	rc = split(text, &parts, ret_error);
	if (rc < 0)
		return rc;
	if (parts.ports.text)
		return rule_error_set(ret_error, parts.ports,
				      "resolvers are always asked on port 53");
	if (parts.protocol.text)
		return rule_error_set(ret_error, parts.protocol,
				      "resolvers are asked over both udp and tcp");
	if (parts.bits.text)
		return rule_error_set(ret_error, parts.bits, "dns takes an address, not a prefix");
	if (!parts.ipv6 && !rule_prefix_is_address(parts.host))
		return rule_error_set(ret_error, parts.host, "dns takes the address of a resolver");
	rule->destination = DESTINATION_PREFIX;
	rc = rule_prefix_parse(parts.host, parts.bits, &rule->prefix, ret_error);
	if (rc < 0)
		return rc;
	if (is_unspecified(&rule->prefix))
		return rule_error_set(ret_error, parts.host,
				      "this means loopback; write 127.0.0.1 or ::1");
	return 0;
}
