// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The words behind a name that is allowed: `private` and `ttl SECONDS`. */
#include "rule_parser.h"

#define BLANKS " \t"

struct span rule_skip_blanks(struct span text)
{
	while (span_begins_with(text, ' ') || span_begins_with(text, '\t'))
		text.begin++;
	return text;
}

/* The word that `text` begins with; what follows it, without the blanks, is left in `text`. */
static struct span take_word(struct span *text)
{
	struct span word = span_until(*text, span_find(*text, BLANKS));

	*text = rule_skip_blanks(span_from(*text, word.end));
	return word;
}

static int private_parse(struct span word, struct rule *rule, struct rule_error *ret_error)
{
	if (rule->private_addresses)
		return rule_error_set(ret_error, word, "private is given twice");
	rule->private_addresses = true;
	return 0;
}

static int ttl_parse(struct span word, struct span *rest, struct rule *rule,
		     struct rule_error *ret_error)
{
	struct span seconds = take_word(rest);
	uint32_t number;

	if (rule->ttl_floor_s)
		return rule_error_set(ret_error, word, "ttl is given twice");
	if (span_empty(seconds))
		return rule_error_set(ret_error, seconds, "ttl needs seconds, such as ttl 300");
	number = span_is_digits(seconds) ? span_to_number(seconds) : 0;
	if (number < 1 || number > CGF_TTL_CEILING_S)
		return rule_error_set(ret_error, seconds, "ttl takes seconds from 1 to %d",
				      CGF_TTL_CEILING_S);
	rule->ttl_floor_s = number;
	return 0;
}

static bool takes_options(const struct rule *rule)
{
	return rule->verb == RULE_ALLOW &&
	       (rule->destination == DESTINATION_NAME || rule->destination == DESTINATION_WILDCARD);
}

/* Why nothing can follow a rule that has no options. */
static int no_options_error(struct span rest, struct rule_error *ret_error)
{
	struct span all = rest, word = take_word(&rest);

	if (!span_is(word, "private") && !span_is(word, "ttl"))
		return rule_error_set(ret_error, all, "nothing else can follow the rule");
	return rule_error_set(ret_error, word,
			      "private and ttl follow only a name that is allowed, as in "
			      "allow example.org:443 private");
}

int rule_options_parse(struct span text, struct rule *rule, struct rule_error *ret_error)
{
	int rc = 0;

	if (!span_empty(text) && !takes_options(rule))
		return no_options_error(text, ret_error);
	while (!rc && !span_empty(text)) {
		struct span word = take_word(&text);

		if (span_is(word, "private"))
			rc = private_parse(word, rule, ret_error);
		else if (span_is(word, "ttl"))
			rc = ttl_parse(word, &text, rule, ret_error);
		else
			rc = rule_error_set(ret_error, word,
					    "only private and ttl SECONDS can follow here; another "
					    "destination is another rule");
	}
	return rc;
}
