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

/* A line of the text, with its end. */
struct line {
	const char *text;
	size_t length;
	struct rule *rule; /* or NULL */
};

/* What comes next. */
struct cursor {
	size_t at, rule_at;
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

static bool next_line(const struct policyfile *file, struct cursor *cursor, struct line *ret_line)
{
	const char *begin = file->text + cursor->at, *newline;

	if (cursor->at == file->length)
		return false;
	newline = memchr(begin, '\n', file->length - cursor->at);
	*ret_line = (struct line){ .text = begin };
	ret_line->length = newline ? (size_t)(newline - begin) + 1 : file->length - cursor->at;
	cursor->at += ret_line->length;
	if (has_rule(ret_line))
		ret_line->rule = &file->rules.rules[cursor->rule_at++];
	return true;
}

int policyfile_init(struct policyfile *ret_file, char *text, size_t length,
		    struct policyfile_error *ret_error)
{
	struct policyfile file = { .text = text, .length = length };
	int r = policyfile_parse(text, length, &file.rules, ret_error);

	if (r) {
		policyfile_finish(&file);
		ret_error->text = NULL;
		ret_error->text_length = 0;
	}
	*ret_file = file;
	return r;
}

void policyfile_finish(struct policyfile *file)
{
	rules_finish(&file->rules);
	free(file->text);
	*file = (struct policyfile){};
}

static void find_wanted(const struct rules *rules, struct wanted *wanted)
{
	struct wanted *item;
	size_t i;

	for (i = 0; i < rules->count; i++) {
		item = wanted_find(wanted, &rules->rules[i]);
		if (item)
			item->found = true;
	}
}

/* Of several modes the last one holds, of those that are added too. */
static const struct rule *last_mode(const struct rules *rules)
{
	size_t i;

	for (i = rules->count; i > 0; i--)
		if (rules->rules[i - 1].verb == RULE_MODE)
			return &rules->rules[i - 1];
	return NULL;
}

static void find_mode(const struct rules *there, const struct rules *added, struct wanted *wanted)
{
	const struct rule *now = last_mode(there), *last = last_mode(added);

	for (; wanted; wanted = wanted->hh.next)
		if (wanted->rule->verb == RULE_MODE)
			wanted->found = !rule_is_same(wanted->rule, last) ||
					(now && rule_is_same(now, last));
}

static bool ends_as_on_windows(const struct policyfile *file)
{
	const char *newline = file->length ? memchr(file->text, '\n', file->length) : NULL;

	return newline && newline > file->text && newline[-1] == '\r';
}

static int append_missing(struct policyfile *file, struct wanted *wanted, size_t *ret_length)
{
	const char *end = ends_as_on_windows(file) ? "\r\n" : "\n", *cut = "";
	size_t size = file->length, used = file->length;
	struct wanted *item;
	char *text;

	/* A '\r' at the end of the text is the first half of it. */
	if (used && file->text[used - 1] != '\n' && wanted_count(wanted, false))
		cut = file->text[used - 1] == '\r' ? "\n" : end;
	size += strlen(cut);
	for (item = wanted; item; item = item->hh.next)
		size += item->found ? 0 : strlen(item->text) + strlen(end);
	if (size > CGF_POLICY_FILE_BYTES_MAX)
		return -E2BIG;
	text = realloc(file->text, size + 1);
	if (!text)
		return -ENOMEM;
	file->text = text;
	used += (size_t)sprintf(text + used, "%s", cut);
	for (item = wanted; item; item = item->hh.next)
		if (!item->found)
			used += (size_t)sprintf(text + used, "%s%s", item->text, end);
	*ret_length = used;
	return 0;
}

int policyfile_add_rules(struct policyfile *file, const struct rules *rules,
			 struct policyfile_edited *ret_edited)
{
	_cleanup_(wanted_finish) struct wanted *wanted = NULL;
	struct policyfile_error error;
	size_t length;
	int r = wanted_init(&wanted, rules);

	if (r)
		return r;
	find_wanted(&file->rules, wanted);
	find_mode(&file->rules, rules, wanted);
	r = append_missing(file, wanted, &length);
	if (r)
		return r;
	r = policyfile_parse(file->text + file->length, length - file->length, &file->rules,
			     &error);
	if (r) {
		file->text[file->length] = '\0';
		return r;
	}
	file->length = length;
	*ret_edited = (struct policyfile_edited){ .changed = wanted_count(wanted, false) };
	return 0;
}

/* What stays moves to where it went. */
static void drop_wanted(struct policyfile *file, struct wanted *wanted)
{
	struct cursor cursor = {};
	struct line line;
	size_t used = 0, count = 0;

	while (next_line(file, &cursor, &line)) {
		if (line.rule && wanted_find(wanted, line.rule)) {
			rule_finish(line.rule);
			continue;
		}
		memmove(file->text + used, line.text, line.length);
		used += line.length;
		if (line.rule)
			file->rules.rules[count++] = *line.rule;
	}
	file->text[used] = '\0';
	file->length = used;
	file->rules.count = count;
}

static const struct wanted *first_missing(const struct wanted *wanted)
{
	while (wanted && wanted->found)
		wanted = wanted->hh.next;
	return wanted;
}

int policyfile_remove_rules(struct policyfile *file, const struct rules *rules,
			    struct policyfile_edited *ret_edited)
{
	_cleanup_(wanted_finish) struct wanted *wanted = NULL;
	const struct wanted *missing;
	int r = wanted_init(&wanted, rules);

	if (r)
		return r;
	find_wanted(&file->rules, wanted);
	missing = first_missing(wanted);
	if (missing) {
		ret_edited->first_wrong = missing->index;
		return -ENOENT;
	}
	if (wanted)
		drop_wanted(file, wanted);
	*ret_edited = (struct policyfile_edited){ .changed = wanted_count(wanted, true) };
	return 0;
}
