// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "policyfile_edit.h"

#include <errno.h>
#include <string.h>

/* Without memory uthash is to leave the element out, not to end the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "rule_parser.h"

#define FEW 8

/* A rule that the change is about, once, however often it is given. In the order as given. */
struct wanted {
	UT_hash_handle hh; /* by `text` */
	const struct rule *rule;
	size_t index;
	bool found;  /* the text has it */
	char text[]; /* canonical */
};

/* A line of the text, with its end; a text that was parsed has its rules in the same order. */
struct line {
	const char *text;
	size_t length;
	const struct rule *rule; /* or NULL */
};

struct lines {
	const char *text;
	size_t length, at;
	struct rules rules;
	size_t rule_at;
};

static void wanted_finish(struct wanted **wanted)
{
	struct wanted *item, *next;

	HASH_ITER (hh, *wanted, item, next) {
		HASH_DEL(*wanted, item);
		free(item);
	}
}

static int wanted_add(struct wanted **wanted, const struct rule *rule, size_t index)
{
	char text[CGF_LINE_BYTES_MAX];
	int length = rule_format(rule, text, sizeof(text));
	struct wanted *item;

	if (length < 0)
		return length;
	HASH_FIND(hh, *wanted, text, (size_t)length, item);
	if (item)
		return 0;
	item = calloc(1, sizeof(*item) + (size_t)length + 1);
	if (!item)
		return -ENOMEM;
	item->rule = rule;
	item->index = index;
	memcpy(item->text, text, (size_t)length);
	HASH_ADD(hh, *wanted, text, (size_t)length, item);
	if (item->hh.tbl)
		return 0;
	free(item);
	return -ENOMEM;
}

static int wanted_init(struct wanted **ret_wanted, const struct rules *rules)
{
	_cleanup_(wanted_finish) struct wanted *wanted = NULL;
	size_t i;
	int r;

	for (i = 0; i < rules->count; i++) {
		r = wanted_add(&wanted, &rules->rules[i], i);
		if (r)
			return r;
	}
	*ret_wanted = TAKE_PTR(wanted);
	return 0;
}

/* Most changes are of a rule or two, and every rule of the text is compared. */
static struct wanted *find_among_few(struct wanted *wanted, const struct rule *rule)
{
	while (wanted && !rule_is_same(wanted->rule, rule))
		wanted = wanted->hh.next;
	return wanted;
}

static struct wanted *wanted_find(struct wanted *wanted, const struct rule *rule)
{
	char text[CGF_LINE_BYTES_MAX];
	struct wanted *item = NULL;
	int length;

	if (HASH_COUNT(wanted) <= FEW)
		return find_among_few(wanted, rule);
	length = rule_format(rule, text, sizeof(text));
	if (length >= 0)
		HASH_FIND(hh, wanted, text, (size_t)length, item);
	return item;
}

static size_t wanted_count(struct wanted *wanted, bool found)
{
	struct wanted *item;
	size_t count = 0;

	for (item = wanted; item; item = item->hh.next)
		count += item->found == found;
	return count;
}

static void lines_finish(struct lines *lines)
{
	rules_finish(&lines->rules);
}

static int lines_init(struct lines *ret_lines, const char *text, size_t length)
{
	struct lines lines = { .text = text, .length = length };
	struct policyfile_error error;
	int r = policyfile_parse(text, length, &lines.rules, &error);

	if (r) {
		rules_finish(&lines.rules);
		return r;
	}
	*ret_lines = lines;
	return 0;
}

/* Of a line of a policy: neither blank nor a comment. */
static bool has_rule(const struct line *line)
{
	struct span span = { line->text, 0, line->length };

	if (!span_empty(span) && span.text[span.end - 1] == '\n')
		span.end--;
	if (!span_empty(span) && span.text[span.end - 1] == '\r')
		span.end--;
	span = rule_skip_blanks(span);
	return !span_empty(span) && !span_begins_with(span, '#');
}

static bool lines_next(struct lines *lines, struct line *ret_line)
{
	const char *begin, *newline;

	if (lines->at == lines->length)
		return false;
	begin = lines->text + lines->at;
	newline = memchr(begin, '\n', lines->length - lines->at);
	*ret_line = (struct line){ .text = begin };
	ret_line->length = newline ? (size_t)(newline - begin) + 1 : lines->length - lines->at;
	lines->at += ret_line->length;
	if (has_rule(ret_line) && lines->rule_at < lines->rules.count)
		ret_line->rule = &lines->rules.rules[lines->rule_at++];
	return true;
}

/* Of several modes the last one holds, so one that is followed by another is as good as not there.
 */
static void forget_modes(struct wanted *wanted)
{
	for (; wanted; wanted = wanted->hh.next)
		if (wanted->rule->verb == RULE_MODE)
			wanted->found = false;
}

static bool ends_as_on_windows(const struct lines *lines)
{
	const char *newline = memchr(lines->text, '\n', lines->length);

	return newline && newline > lines->text && newline[-1] == '\r';
}

static int append_missing(const struct lines *lines, struct wanted *wanted, char **ret_text,
			  size_t *ret_length)
{
	const char *end = lines->length && ends_as_on_windows(lines) ? "\r\n" : "\n";
	bool cut = lines->length && lines->text[lines->length - 1] != '\n';
	size_t size = lines->length + strlen(end) + 1, used = lines->length;
	_cleanup_free_ char *text = NULL;
	struct wanted *item;

	for (item = wanted; item; item = item->hh.next)
		size += item->found ? 0 : strlen(item->text) + strlen(end);
	text = malloc(size);
	if (!text)
		return -ENOMEM;
	if (used)
		memcpy(text, lines->text, used);
	text[used] = '\0';
	/* A '\r' at the end of the text is the first half of it. */
	if (cut && wanted_count(wanted, false))
		used += (size_t)sprintf(text + used, "%s", text[used - 1] == '\r' ? "\n" : end);
	for (item = wanted; item; item = item->hh.next)
		if (!item->found)
			used += (size_t)sprintf(text + used, "%s%s", item->text, end);
	if (used > CGF_POLICY_FILE_BYTES_MAX)
		return -E2BIG;
	*ret_text = TAKE_PTR(text);
	*ret_length = used;
	return 0;
}

int policyfile_add_rules(const char *text, size_t length, const struct rules *rules,
			 char **ret_text, size_t *ret_length, struct policyfile_edited *ret_edited)
{
	_cleanup_(wanted_finish) struct wanted *wanted = NULL;
	_cleanup_(lines_finish) struct lines lines = {};
	struct wanted *item;
	struct line line;
	size_t added;
	int r = lines_init(&lines, text, length);

	if (!r)
		r = wanted_init(&wanted, rules);
	if (r)
		return r;
	while (lines_next(&lines, &line)) {
		if (line.rule && line.rule->verb == RULE_MODE)
			forget_modes(wanted);
		item = line.rule ? wanted_find(wanted, line.rule) : NULL;
		if (item)
			item->found = true;
	}
	added = wanted_count(wanted, false);
	if (lines.rules.count + added > CGF_POLICY_RULES_MAX)
		return -E2BIG;
	r = append_missing(&lines, wanted, ret_text, ret_length);
	if (!r)
		*ret_edited = (struct policyfile_edited){ .changed = added };
	return r;
}

/* All lines but those that are wanted; returns how long that is. */
static size_t copy_unwanted(struct lines *lines, struct wanted *wanted, char *text)
{
	struct wanted *item;
	struct line line;
	size_t used = 0;

	while (lines_next(lines, &line)) {
		item = line.rule ? wanted_find(wanted, line.rule) : NULL;
		if (item) {
			item->found = true;
			continue;
		}
		memcpy(text + used, line.text, line.length);
		used += line.length;
	}
	text[used] = '\0';
	return used;
}

static const struct wanted *first_missing(const struct wanted *wanted)
{
	while (wanted && wanted->found)
		wanted = wanted->hh.next;
	return wanted;
}

int policyfile_remove_rules(const char *text, size_t length, const struct rules *rules,
			    char **ret_text, size_t *ret_length,
			    struct policyfile_edited *ret_edited)
{
	_cleanup_(wanted_finish) struct wanted *wanted = NULL;
	_cleanup_(lines_finish) struct lines lines = {};
	_cleanup_free_ char *left = malloc(length + 1);
	const struct wanted *missing;
	size_t used;
	int r = left ? lines_init(&lines, text, length) : -ENOMEM;

	if (!r)
		r = wanted_init(&wanted, rules);
	if (r)
		return r;
	used = copy_unwanted(&lines, wanted, left);
	missing = first_missing(wanted);
	if (missing) {
		ret_edited->first_wrong = missing->index;
		return -ENOENT;
	}
	*ret_text = TAKE_PTR(left);
	*ret_length = used;
	*ret_edited = (struct policyfile_edited){ .changed = wanted_count(wanted, true) };
	return 0;
}
