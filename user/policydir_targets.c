// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* NAME.targets: a target a line, which may have blanks in it. */
#include <errno.h>
#include <string.h>

#include "escape.h"
#include "policydir_internal.h"
#include "span.h"
#include "target_name.h"

#define BLANKS " \t"

/* What is shown of a target that cannot be one. */
#define SHOWN_BYTES 256

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The target of a line without its end; empty if it has none. As comments of a policy. */
static struct span target_of(struct span line)
{
	size_t i;

	if (!span_empty(line) && line.text[line.end - 1] == '\r')
		line.end--;
	for (i = line.begin; i < line.end; i++)
		if (line.text[i] == '#' && (i == line.begin || is_blank(line.text[i - 1])))
			line.end = i;
	while (!span_empty(line) && is_blank(line.text[line.begin]))
		line.begin++;
	while (!span_empty(line) && is_blank(line.text[line.end - 1]))
		line.end--;
	return line;
}

/* The line that begins where `rest` does, without its newline; `rest` is what follows it. */
static struct span cut_line(struct span *rest)
{
	struct span line = *rest;
	const char *newline = memchr(line.text + line.begin, '\n', span_length(line));

	if (newline)
		line.end = (size_t)(newline - line.text);
	rest->begin = newline ? line.end + 1 : line.end;
	return line;
}

/* However somebody has written it. */
static bool is_target(struct span line, const char *target)
{
	char text[TARGET_TEXT_BYTES], canonical[TARGET_TEXT_BYTES];
	struct span span = target_of(line);
	struct target_name parsed;
	struct failure failure;

	if (span_length(span) == strlen(target) &&
	    !memcmp(span.text + span.begin, target, span_length(span)))
		return true;
	return !span_empty(span) && span_length(span) < sizeof(text) &&
	       !span_copy(span, text, sizeof(text)) &&
	       !target_name_parse(text, &parsed, &failure) &&
	       !strcmp(target_name_format(&parsed, canonical), target);
}

/* No file is an empty one. */
static int read_targets(const struct policydir *dir, const char *file, char **ret_text,
			size_t *ret_length, struct failure *failure)
{
	int r = policydir_file_read(dir, file, ret_text, ret_length, failure);

	if (r != -ENOENT)
		return r;
	*ret_text = strdup("");
	*ret_length = 0;
	return *ret_text ? 0 : failure_set(failure, ENOMEM, "cannot read '%s'", file);
}

int policydir_each_target(const struct policydir *dir, const char *name, policydir_target_fn found,
			  void *data, struct failure *failure)
{
	_cleanup_free_ char *text = NULL;
	char file[POLICYDIR_FILE_BYTES];
	struct span rest = {}, target;
	size_t length, line = 0;
	int r = policydir_file(name, POLICYDIR_TARGETS, file, failure);

	if (!r)
		r = read_targets(dir, file, &text, &length, failure);
	if (r)
		return r;
	rest = (struct span){ text, 0, length };
	while (!r && !span_empty(rest)) {
		target = target_of(cut_line(&rest));
		line++;
		if (span_empty(target))
			continue;
		/* Behind it is a blank, a comment, the end of the line or the text's NUL. */
		text[target.end] = '\0';
		r = found(text + target.begin, line, data);
	}
	return r;
}

/* One that would be read as something else. */
static int check_target(const char *target, struct failure *failure)
{
	struct span whole = { target, 0, strlen(target) }, read = target_of(whole);
	char shown[SHOWN_BYTES];

	if (!span_empty(read) && span_length(read) == span_length(whole) && !strchr(target, '\n'))
		return 0;
	return failure_set(failure, EINVAL, "'%s' cannot be a line of a file",
			   escape_text(target, shown, sizeof(shown)));
}

static bool has_target(const char *text, size_t length, const char *target)
{
	struct span rest = { text, 0, length };

	while (!span_empty(rest))
		if (is_target(cut_line(&rest), target))
			return true;
	return false;
}

int policydir_add_target(const struct policydir *dir, const char *name, const char *target,
			 bool *ret_added, struct failure *failure)
{
	_cleanup_free_ char *text = NULL, *more = NULL;
	char file[POLICYDIR_FILE_BYTES];
	size_t length;
	bool cut;
	int r = policydir_file(name, POLICYDIR_TARGETS, file, failure);

	if (!r)
		r = check_target(target, failure);
	if (!r)
		r = read_targets(dir, file, &text, &length, failure);
	if (r)
		return r;
	if (has_target(text, length, target)) {
		if (ret_added)
			*ret_added = false;
		return 0;
	}
	cut = length && text[length - 1] != '\n';
	if (memchr(text, '\0', length))
		return failure_set(failure, EINVAL, "a NUL byte in '%s/%s'", dir->path, file);
	r = asprintf(&more, "%s%s%s\n", text, cut ? "\n" : "", target);
	if (r < 0)
		return failure_set(failure, ENOMEM, "cannot write '%s/%s'", dir->path, file);
	r = policydir_file_write(dir, file, more, (size_t)r, failure);
	if (!r && ret_added)
		*ret_added = true;
	return r;
}

/* All lines but those of the target; returns how long that is. */
static size_t without(char *text, size_t length, const char *target)
{
	struct span rest = { text, 0, length }, line;
	size_t used = 0, begin;

	while (!span_empty(rest)) {
		begin = rest.begin;
		line = cut_line(&rest);
		if (is_target(line, target))
			continue;
		memmove(text + used, text + begin, rest.begin - begin);
		used += rest.begin - begin;
	}
	return used;
}

int policydir_remove_target(const struct policydir *dir, const char *name, const char *target,
			    struct failure *failure)
{
	_cleanup_free_ char *text = NULL;
	char file[POLICYDIR_FILE_BYTES];
	size_t length, left;
	int r = policydir_file(name, POLICYDIR_TARGETS, file, failure);

	if (!r)
		r = read_targets(dir, file, &text, &length, failure);
	if (r)
		return r;
	left = without(text, length, target);
	if (left == length)
		return 0;
	return left ? policydir_file_write(dir, file, text, left, failure)
		    : policydir_file_remove(dir, file, failure);
}
