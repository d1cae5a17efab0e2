// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rules as text, and what one policy has and another has not. */
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <string.h>

#include "policies_internal.h"

/* Of a text from which on it is worth the time: some 500 rules. */
#define TRIM_BYTES (16 * 1024)

/* What a large policy needed for a moment is not kept: a daemon lives long. */
void policies_trim(size_t bytes)
{
	if (bytes >= TRIM_BYTES)
		malloc_trim(0);
}

void trouble_set(struct trouble *trouble, const char *text)
{
	if (text && !trouble->text)
		trouble->since_ns = monotonic_ns();
	free(trouble->text);
	trouble->text = text ? strdup(text) : NULL;
}

int texts_add(struct texts *texts, const char *text)
{
	char **larger = texts->items;

	/* A power of two is full. */
	if (!(texts->count & (texts->count - 1)))
		larger = reallocarray(texts->items, texts->count ? 2 * texts->count : 1,
				      sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	texts->items = larger;
	texts->items[texts->count] = strdup(text);
	if (!texts->items[texts->count])
		return -ENOMEM;
	texts->count++;
	return 0;
}

void texts_add_warning(struct texts *texts, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list arguments;
	int length;

	if (texts->count >= WARNINGS_MAX)
		return;
	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length >= 0)
		texts_add(texts, text);
	else
		text = NULL;
}

static int compare_texts(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

void texts_sort(struct texts *texts)
{
	if (texts->count)
		qsort(texts->items, texts->count, sizeof(*texts->items), compare_texts);
}

void texts_finish(struct texts *texts)
{
	size_t i;

	for (i = 0; i < texts->count; i++)
		free(texts->items[i]);
	free(texts->items);
	*texts = (struct texts){};
}

static int add_rule(const struct rule *rule, struct texts *texts)
{
	char text[CGF_LINE_BYTES_MAX];

	return rule_format(rule, text, sizeof(text)) < 0 ? -EINVAL : texts_add(texts, text);
}

static int add_added(const struct rule *rule, uint32_t number, void *data)
{
	struct waiter *waiter = data;

	(void)number;
	return add_rule(rule, &waiter->added);
}

static int add_removed(const struct rule *rule, uint32_t number, void *data)
{
	struct waiter *waiter = data;

	(void)number;
	return add_rule(rule, &waiter->removed);
}

int waiter_compare(struct waiter *waiter, const struct policy *before, const struct policy *after)
{
	int r = before ? policy_compare(before, after, add_added, add_removed, waiter)
		       : policy_each_rule(after, add_added, waiter);

	texts_sort(&waiter->added);
	texts_sort(&waiter->removed);
	return r;
}
