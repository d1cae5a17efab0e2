// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rule.h"

#include <errno.h>
#include <string.h>

#include "rule_parser.h"

#define BLANKS " \t"

typedef int (*argument_fn)(struct span text, struct rule *rule, struct rule_error *ret_error);

static const char *const modes[] = {
	[CGF_MODE_ENFORCE] = "enforce",
	[CGF_MODE_AUDIT] = "audit",
};
_Static_assert(ARRAY_SIZE(modes) == CGF_MODE_AUDIT + 1, "modes");

const char *rule_mode_to_string(enum cgf_mode mode)
{
	return modes[mode];
}

static int parse_listen(struct span text, struct rule *rule, struct rule_error *ret_error)
{
	struct span ports = span_until(text, span_find(text, "/"));
	size_t address = span_find(ports, ":[*");
	int rc = 0;

	if (address < ports.end || span_is(ports, "any"))
		return rule_error_set(ret_error, ports,
				      "listen takes ports alone, such as 8080 or 1-65535");
	if (ports.end < text.end)
		rc = rule_protocol_parse(span_from(text, ports.end + 1), rule, ret_error);
	if (rc < 0)
		return rc;
	return rule_ports_parse(ports, rule, ret_error);
}

static int parse_mode(struct span text, struct rule *rule, struct rule_error *ret_error)
{
	size_t mode = 0;

	while (mode < ARRAY_SIZE(modes) && !span_is(text, modes[mode]))
		mode++;
	if (mode == ARRAY_SIZE(modes))
		return rule_error_set(ret_error, text, "the mode is enforce or audit");
	rule->mode = (enum cgf_mode)mode;
	return 0;
}

static const struct {
	const char *text;
	argument_fn parse;
	const char *argument;
} verbs[] = {
	[RULE_ALLOW] = { "allow", rule_destination_parse, "a destination such as example.org:443" },
	[RULE_DENY] = { "deny", rule_destination_parse, "a destination such as 198.51.100.0/24" },
	[RULE_LISTEN] = { "listen", parse_listen, "ports such as 8080/tcp" },
	[RULE_DNS] = { "dns", rule_destination_parse_resolver, "the address of a resolver" },
	[RULE_MODE] = { "mode", parse_mode, "enforce or audit" },
};
_Static_assert(ARRAY_SIZE(verbs) == RULE_VERB_COUNT, "verbs");

const char *rule_verb_to_string(enum rule_verb verb)
{
	return verbs[verb].text;
}

static int parse_argument(enum rule_verb verb, struct span text, struct rule *ret_rule,
			  struct rule_error *ret_error)
{
	_cleanup_(rule_finish) struct rule rule = { .verb = verb,
						    .protocols = RULE_TCP | RULE_UDP };
	struct span argument, rest;
	int rc;

	argument = rule_skip_blanks(text);
	argument.end = span_find(argument, BLANKS);
	rest = rule_skip_blanks(span_from(text, argument.end));
	if (span_empty(argument))
		return rule_error_set(ret_error, argument, "%s needs %s", verbs[verb].text,
				      verbs[verb].argument);
	rc = verbs[verb].parse(argument, &rule, ret_error);
	if (rc >= 0)
		rc = rule_options_parse(rest, &rule, ret_error);
	if (rc < 0)
		return rc;
	*ret_rule = TAKE(rule, (struct rule){ 0 });
	return 0;
}

int rule_parse(enum rule_verb verb, const char *text, struct rule *ret_rule,
	       struct rule_error *ret_error)
{
	return parse_argument(verb, (struct span){ text, 0, strlen(text) }, ret_rule, ret_error);
}

/* The line without its comment and the '\r' of files that were written on Windows. */
static struct span strip_comment(const char *line)
{
	struct span text = { line, 0, strlen(line) };
	size_t i = 0;

	if (!span_empty(text) && line[text.end - 1] == '\r')
		text.end--;
	while (i < text.end && (line[i] != '#' || (i && !strchr(BLANKS, line[i - 1]))))
		i++;
	return span_until(text, i);
}

static int parse_verb(struct span text, enum rule_verb *ret_verb, struct rule_error *ret_error)
{
	enum rule_verb verb = 0;

	while (verb < RULE_VERB_COUNT && !span_is(text, verbs[verb].text))
		verb++;
	if (verb == RULE_VERB_COUNT)
		return rule_error_set(ret_error, text,
				      "a rule begins with allow, deny, listen, dns or mode");
	*ret_verb = verb;
	return 0;
}

int rule_parse_line(const char *line, struct rule *ret_rule, struct rule_error *ret_error)
{
	struct span text = rule_skip_blanks(strip_comment(line));
	struct span verb_text = span_until(text, span_find(text, BLANKS));
	const char *newline = strchr(line, '\n');
	enum rule_verb verb;
	int rc;

	/* Or else a comment would hide the rules of the lines after it. */
	if (newline)
		return rule_error_set(ret_error, span_from(text, (size_t)(newline - line)),
				      "a rule is one line");
	if (span_empty(text))
		return 0;
	rc = parse_verb(verb_text, &verb, ret_error);
	if (rc < 0)
		return rc;
	rc = parse_argument(verb, span_from(text, verb_text.end), ret_rule, ret_error);
	return rc < 0 ? rc : 1;
}

static bool same_ports(const struct rule *a, const struct rule *b)
{
	return a->port_count == b->port_count &&
	       (!a->port_count || !memcmp(a->ports, b->ports, a->port_count * sizeof(*a->ports)));
}

static bool same_name(const struct rule *a, const struct rule *b)
{
	return a->name && b->name ? !strcmp(a->name, b->name) : a->name == b->name;
}

bool rule_is_same(const struct rule *a, const struct rule *b)
{
	return a->verb == b->verb && a->destination == b->destination && a->word == b->word &&
	       a->mode == b->mode && a->protocols == b->protocols &&
	       a->private_addresses == b->private_addresses && a->ttl_floor_s == b->ttl_floor_s &&
	       same_name(a, b) && same_ports(a, b) &&
	       !memcmp(&a->prefix, &b->prefix, sizeof(a->prefix));
}

void rule_finish(struct rule *rule)
{
	free(rule->name);
	free(rule->ports);
	*rule = (struct rule){ 0 };
}
