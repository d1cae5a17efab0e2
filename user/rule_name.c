// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "rule_parser.h"

/* Letters, digits and hyphens are RFC 1123 §2.1; '_' is in names of services (RFC 8552). */
static bool is_name_character(char c)
{
	return ascii_is_letter(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

/* What inet_aton(3), and so getaddrinfo(3), reads as a number: decimal, octal or 0x and hex. */
static bool is_number(struct span label)
{
	size_t digits = label.begin + 2;

	if (span_is_digits(label))
		return true;
	if (span_length(label) < 2 || !span_is(span_until(label, digits), "0x"))
		return false;
	while (digits < label.end && ascii_is_hex_digit(label.text[digits]))
		digits++;
	return digits == label.end;
}

/* Also a name could not be told from its look-alikes if it were shown as it is. */
static int not_ascii_error(struct span at, struct rule_error *ret_error)
{
	size_t end = at.begin;

	while (end < at.end && (at.text[end] & 0x80))
		end++;
	return rule_error_set(ret_error, span_until(at, end),
			      "names are ASCII; write it as an A-label (xn--...)");
}

static int character_error(struct span at, struct rule_error *ret_error)
{
	struct span one = span_until(at, at.begin + 1);
	char c = at.text[at.begin];

	if (c & 0x80)
		return not_ascii_error(at, ret_error);
	if (c == '*')
		return rule_error_set(ret_error, one,
				      "'*' stands only at the beginning, for every "
				      "name below, as in *.example.org");
	if (c == ',')
		return rule_error_set(ret_error, one,
				      "a rule has one destination; another one is another rule");
	if (c == '#')
		return rule_error_set(ret_error, one, "'#' begins a comment only after a blank");
	if (!ascii_is_printable(c))
		return rule_error_set(ret_error, one, "a control character in a name");
	return rule_error_set(ret_error, one, "'%c' cannot be part of a name", c);
}

static int label_check(struct span label, struct rule_error *ret_error)
{
	size_t i = label.begin;

	while (i < label.end && is_name_character(label.text[i]))
		i++;
	if (i < label.end)
		return character_error(span_from(label, i), ret_error);
	if (span_empty(label))
		return rule_error_set(ret_error, label, "a label of the name is empty");
	if (span_length(label) > CGF_LABEL_BYTES_MAX)
		return rule_error_set(ret_error, label, "a label has at most %d characters",
				      CGF_LABEL_BYTES_MAX);
	if (span_begins_with(label, '-'))
		return rule_error_set(ret_error, span_until(label, label.begin + 1),
				      "a label does not begin with '-'");
	if (label.text[label.end - 1] == '-')
		return rule_error_set(ret_error, span_from(label, label.end - 1),
				      "a label does not end with '-'");
	return 0;
}

static int labels_check(struct span name, struct rule_error *ret_error)
{
	struct span label = name;
	int rc;

	for (;;) {
		label.end = span_find(span_from(name, label.begin), ".");
		rc = label_check(label, ret_error);
		if (rc < 0)
			return rc;
		if (label.end == name.end)
			break;
		label.begin = label.end + 1;
	}
	/* As in WHATWG's URL standard, "ends in a number". */
	if (is_number(label))
		return rule_error_set(ret_error, name, "this looks like an address but is not one");
	return 0;
}

int rule_name_parse(struct span text, char **ret_name, struct rule_error *ret_error)
{
	struct span name = text;
	char *copy;
	int rc;

	if (span_length(name) > 1 && name.text[name.end - 1] == '.')
		name.end--;
	rc = labels_check(name, ret_error);
	if (rc < 0)
		return rc;
	if (span_length(name) > CGF_NAME_BYTES_MAX)
		return rule_error_set(ret_error, name, "a name has at most %d characters",
				      CGF_NAME_BYTES_MAX);
	copy = strndup(name.text + name.begin, span_length(name));
	if (!copy)
		return rule_error_no_memory(ret_error, name);
	for (char *c = copy; *c; c++)
		*c = ascii_to_lower(*c);
	*ret_name = copy;
	return 0;
}
