// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "policyfile.h"

#include <errno.h>
#include <string.h>

#include "rule_parser.h"
#include "text.h"

#define RULES_CAPACITY_FIRST 16
#define NAME_SUFFIX ".policy"
#define MARK "\xef\xbb\xbf"

static int rules_reserve(struct rules *rules)
{
	size_t capacity = rules->capacity ? rules->capacity * 2 : RULES_CAPACITY_FIRST;
	struct rule *grown;

	if (rules->count >= CGF_POLICY_RULES_MAX)
		return -E2BIG;
	if (rules->count < rules->capacity)
		return 0;
	grown = reallocarray(rules->rules, capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	rules->rules = grown;
	rules->capacity = capacity;
	return 0;
}

int rules_add(struct rules *rules, struct rule *rule)
{
	int rc = rules_reserve(rules);

	if (rc < 0) {
		rule_finish(rule);
		return rc;
	}
	rules->rules[rules->count++] = TAKE(*rule, (struct rule){ 0 });
	return 0;
}

static void rules_truncate(struct rules *rules, size_t count)
{
	while (rules->count > count)
		rule_finish(&rules->rules[--rules->count]);
}

void rules_finish(struct rules *rules)
{
	rules_truncate(rules, 0);
	free(rules->rules);
	*rules = (struct rules){ 0 };
}

/* Without the first half of "\r\n". */
static struct span line_span(const struct policyfile_error *line)
{
	struct span span = { line->text, 0, line->text_length };

	if (!span_empty(span) && span.text[span.end - 1] == '\r')
		span.end--;
	return span;
}

/* A comment too: what a terminal obeys, or hides, would show other rules than there are. */
static int line_check(struct policyfile_error *line, struct span span)
{
	const char *what;

	span.begin = text_find_unreadable(span.text, span.end, &what);
	if (!what)
		return 0;
	return rule_error_set(&line->rule, span_until(span, span.begin + 1), "%s in a text", what);
}

/* Copies the line with a NUL behind it, for rule_parse_line(), which knows what '\r' means. */
static int line_copy(struct policyfile_error *line, char ret_text[static CGF_LINE_BYTES_MAX + 2])
{
	struct span span = line_span(line);
	int rc;

	if (span_length(span) > CGF_LINE_BYTES_MAX)
		return rule_error_set(&line->rule, span_from(span, CGF_LINE_BYTES_MAX),
				      "a line has at most %d bytes", CGF_LINE_BYTES_MAX);
	rc = line_check(line, span);
	if (rc < 0)
		return rc;
	span.end = line->text_length;
	return span_copy(span, ret_text, CGF_LINE_BYTES_MAX + 2);
}

/* Some editors begin a file with it; nobody sees it. */
static bool has_mark(const struct policyfile_error *line)
{
	return line->line == 1 && line->text_length >= strlen(MARK) &&
	       !memcmp(line->text, MARK, strlen(MARK));
}

static int line_parse(struct policyfile_error *line, struct rules *rules)
{
	char text[CGF_LINE_BYTES_MAX + 2];
	struct rule rule;
	int rc;

	if (has_mark(line))
		return rule_error_set(&line->rule, span_until(line_span(line), strlen(MARK)),
				      "a byte order mark: save the file as UTF-8 without one");
	rc = line_copy(line, text);
	if (rc < 0)
		return rc;
	rc = rule_parse_line(text, &rule, &line->rule);
	if (rc <= 0)
		return rc;
	rc = rules_add(rules, &rule);
	if (rc == -ENOMEM)
		return rule_error_no_memory(&line->rule, line_span(line));
	if (rc == -E2BIG)
		rule_error_write(&line->rule, line_span(line), "a policy has at most %d rules",
				 CGF_POLICY_RULES_MAX);
	return rc;
}

/* On failure `line` is the one at fault. */
static int lines_parse(const char *text, size_t length, struct rules *rules,
		       struct policyfile_error *line)
{
	const char *newline;
	int rc;

	/* The step beyond the newline may go beyond the end, where there was none. */
	for (size_t begin = 0; begin < length; begin += line->text_length + 1) {
		line->line++;
		line->text = text + begin;
		newline = memchr(line->text, '\n', length - begin);
		line->text_length = newline ? (size_t)(newline - line->text) : length - begin;
		rc = line_parse(line, rules);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int policyfile_parse(const char *text, size_t length, struct rules *rules,
		     struct policyfile_error *ret_error)
{
	struct policyfile_error line = { 0 };
	size_t count = rules->count;
	int rc;

	if (length > CGF_POLICY_FILE_BYTES_MAX) {
		rule_error_write(&line.rule, (struct span){ 0 }, "a policy has at most %d bytes",
				 CGF_POLICY_FILE_BYTES_MAX);
		*ret_error = line;
		return -E2BIG;
	}
	rc = lines_parse(text, length, rules, &line);
	if (rc == 0)
		return 0;
	line.text_length = line_span(&line).end;
	rules_truncate(rules, count);
	*ret_error = line;
	return rc;
}

static bool is_policy_name(const char *name, size_t length)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_-";

	/* It becomes a directory of the BPF file system, which takes no dots, and an argument. */
	return length >= 1 && length <= CGF_POLICY_NAME_MAX && name[0] != '-' &&
	       strspn(name, allowed) >= length;
}

int policyfile_name(const char *path, char ret_name[static CGF_POLICY_NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t length = strlen(name), suffix = strlen(NAME_SUFFIX);

	if (length >= suffix && !strcmp(name + length - suffix, NAME_SUFFIX))
		length -= suffix;
	if (!is_policy_name(name, length))
		return -EINVAL;
	memcpy(ret_name, name, length);
	ret_name[length] = '\0';
	return 0;
}
