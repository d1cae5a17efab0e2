// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <netdb.h>
#include <string.h>

#include "rule_parser.h"

/* IANA allows 15 (RFC 6335 §5.1); /etc/services may have longer ones of its own. */
#define SERVICE_BYTES_MAX 63

static int number_parse(struct span text, uint16_t *ret_port, struct rule_error *ret_error)
{
	uint32_t number = span_to_number(text);

	if (number < 1 || number > UINT16_MAX)
		return rule_error_set(ret_error, text, "a port is a number from 1 to 65535");
	*ret_port = (uint16_t)number;
	return 0;
}

static int range_parse(struct span text, size_t hyphen, struct rule_ports *ret_ports,
		       struct rule_error *ret_error)
{
	struct rule_ports ports;
	int rc;

	rc = number_parse(span_until(text, hyphen), &ports.first, ret_error);
	if (rc < 0)
		return rc;
	rc = number_parse(span_from(text, hyphen + 1), &ports.last, ret_error);
	if (rc < 0)
		return rc;
	if (ports.first > ports.last)
		return rule_error_set(ret_error, text, "the range ends before it starts");
	*ret_ports = ports;
	return 0;
}

/* The message repeats the name, so nothing gets there that a terminal or a log would obey. */
static bool is_service_name(const char *name)
{
	for (; *name; name++) {
		if (!ascii_is_printable(*name) || strchr("\"\\:[]*", *name))
			return false;
	}
	return true;
}

static int unknown_error(struct span text, struct rule_error *ret_error)
{
	size_t comment = span_find(text, "#");

	if (comment < text.end)
		return rule_error_set(ret_error, span_until(span_from(text, comment), comment + 1),
				      "'#' begins a comment only after a blank");
	if (span_is(text, "*"))
		return rule_error_set(ret_error, text, "every port is meant if none is written");
	return rule_error_set(ret_error, text, "this is not a port, a range of ports or a service");
}

static int service_parse(struct span text, uint8_t protocols, struct rule_ports *ret_ports,
			 struct rule_error *ret_error)
{
	const char *protocol = rule_protocol_to_string(protocols);
	char name[SERVICE_BYTES_MAX + 1];
	const struct servent *service;
	uint16_t port;

	if (span_copy(text, name, sizeof(name)) < 0 || !is_service_name(name) || strchr(name, '#'))
		return unknown_error(text, ret_error);
	service = getservbyname(name, protocol);
	if (!service)
		return rule_error_set(ret_error, text, "no service \"%s\"%s%s in /etc/services",
				      name, protocol ? " for " : "", protocol ? protocol : "");
	port = ntohs((uint16_t)service->s_port);
	if (!port)
		return rule_error_set(ret_error, text, "service \"%s\" has port 0", name);
	*ret_ports = (struct rule_ports){ port, port };
	return 0;
}

static int item_parse(struct span text, uint8_t protocols, struct rule_ports *ret_ports,
		      struct rule_error *ret_error)
{
	size_t hyphen = span_find(text, "-");
	struct rule_ports ports;
	int rc;

	if (span_empty(text))
		return rule_error_set(ret_error, text,
				      "a port is missing; several stand without blanks, as in "
				      "22,443");
	if (span_is_digits(text)) {
		rc = number_parse(text, &ports.first, ret_error);
		if (rc < 0)
			return rc;
		ports.last = ports.first;
		*ret_ports = ports;
		return 0;
	}
	if (hyphen < text.end && span_is_digits(span_until(text, hyphen)) &&
	    span_is_digits(span_from(text, hyphen + 1)))
		return range_parse(text, hyphen, ret_ports, ret_error);
	return service_parse(text, protocols, ret_ports, ret_error);
}

/* How many items there are, but no more than one beyond the limit: `ret_last` is that one. */
static size_t items_count(struct span text, struct span *ret_last)
{
	struct span item = text;
	size_t count = 1;

	while ((item.end = span_find(item, ",")) < text.end && count <= CGF_RULE_PORTS_MAX) {
		item = (struct span){ text.text, item.end + 1, text.end };
		count++;
	}
	*ret_last = item;
	return count;
}

static int compare_ports(const void *left, const void *right)
{
	const struct rule_ports *a = left, *b = right;

	return a->first != b->first ? a->first - b->first : a->last - b->last;
}

int rule_ports_parse(struct span text, struct rule *rule, struct rule_error *ret_error)
{
	_cleanup_free_ struct rule_ports *ports = NULL;
	struct span item;
	size_t count = items_count(text, &item);
	int rc;

	if (count > CGF_RULE_PORTS_MAX)
		return rule_error_set(ret_error, item, "a rule has at most %d ports and ranges",
				      CGF_RULE_PORTS_MAX);
	ports = calloc(count, sizeof(*ports));
	if (!ports)
		return rule_error_no_memory(ret_error, text);
	item = text;
	for (size_t i = 0; i < count; i++) {
		item.end = span_find(span_from(text, item.begin), ",");
		rc = item_parse(item, rule->protocols, &ports[i], ret_error);
		if (rc < 0)
			return rc;
		item.begin = item.end + 1;
	}
	rule->ports = TAKE_PTR(ports);
	/* In the order of numbers, so that a rule is the same in whatever order they are given. */
	qsort(rule->ports, count, sizeof(*rule->ports), compare_ports);
	rule->port_count = (uint8_t)count;
	return 0;
}
