// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "json_api.h"

#include <string.h>
#include <time.h>

#include "json_api_internal.h"
#include "util.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD in UTF-8 */
#define TIME_BYTES sizeof("2026-11-22T16:25:15.123456Z")

/* Every byte beyond ASCII: where the text breaks off is not looked for. */
static json_t *replaced(const char *text, size_t length)
{
	_cleanup_free_ char *copy = malloc(length * (sizeof(REPLACEMENT) - 1) + 1);
	size_t i, to = 0;

	for (i = 0; copy && i < length; i++) {
		if ((unsigned char)text[i] < 0x80) {
			copy[to++] = text[i];
			continue;
		}
		memcpy(copy + to, REPLACEMENT, sizeof(REPLACEMENT) - 1);
		to += sizeof(REPLACEMENT) - 1;
	}
	return copy ? json_stringn(copy, to) : NULL;
}

json_t *json_api_text_n(const char *text, size_t length)
{
	json_t *string = json_stringn(text, length);

	return string ? string : replaced(text, length);
}

json_t *json_api_text(const char *text)
{
	return text ? json_api_text_n(text, strlen(text)) : json_null();
}

json_t *json_api_texts(const char *const *texts, size_t count)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_append(&array, json_api_text(texts[i]));
	return array;
}

json_t *json_api_count(uint64_t count)
{
	return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

/* --- errors ---------------------------------------------------------------------------------- */

json_t *json_api_error_object(const struct json_api_error *error)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "code", error->code, "message",
			 json_api_text(error->message), "field", json_api_text(error->field),
			 "line", error->line ? json_api_count(error->line) : json_null(), "column",
			 error->column ? json_api_count(error->column) : json_null());
}

char *json_api_of_error(const struct json_api_error *error)
{
	return json_dump(json_pack("{s:o}", "error", json_api_error_object(error)));
}

/* --- changes --------------------------------------------------------------------------------- */

json_t *json_api_changed_object(const struct policies_changed *changed)
{
	return json_pack("{s:o, s:b, s:b, s:o, s:o, s:o, s:o}", "name",
			 json_api_text(changed->name), "created", changed->created, "changed",
			 changed->changed, "added",
			 json_api_texts(changed->added, changed->added_count), "removed",
			 json_api_texts(changed->removed, changed->removed_count), "warnings",
			 json_api_texts(changed->warnings, changed->warning_count), "generation",
			 json_api_count(changed->generation));
}

char *json_api_of_changed(const struct policies_changed *changed)
{
	return json_dump(json_api_changed_object(changed));
}

struct json_api_list {
	json_t *items; /* NULL: there was no memory for one of them */
};

struct json_api_list *json_api_list(void)
{
	struct json_api_list *list = malloc(sizeof(*list));

	if (list)
		list->items = json_array();
	return list;
}

void json_api_list_add_name(struct json_api_list *list, const char *name)
{
	json_append(&list->items, json_api_text(name));
}

void json_api_list_add_changed(struct json_api_list *list, const struct policies_changed *changed)
{
	json_append(&list->items, json_api_changed_object(changed));
}

void json_api_list_add_error(struct json_api_list *list, const char *name,
			     const struct json_api_error *error)
{
	json_append(&list->items, json_pack("{s:o, s:o}", "name", json_api_text(name), "error",
					    json_api_error_object(error)));
}

void json_api_list_free(struct json_api_list **list_)
{
	struct json_api_list *list = TAKE_PTR(*list_);

	if (!list)
		return;
	json_decref(list->items);
	free(list);
}

static json_t *take_items(struct json_api_list **list)
{
	json_t *items = TAKE_PTR((*list)->items);

	json_api_list_free(list);
	return items;
}

char *json_api_of_deleted(const char *name, struct json_api_list **list)
{
	return json_dump(
		json_pack("{s:o, s:o}", "name", json_api_text(name), "detached", take_items(list)));
}

char *json_api_of_reload(struct json_api_list **list)
{
	return json_dump(json_pack("{s:o}", "policies", take_items(list)));
}

/* --- decisions ------------------------------------------------------------------------------- */

static char *line_of(json_t *object)
{
	char *text = json_dump(object), *line;
	size_t length = text ? strlen(text) : 0;

	line = text ? realloc(text, length + 2) : NULL;
	if (line)
		strcpy(line + length, "\n");
	else
		free(text);
	return line;
}

/* RFC 3339, with what CLOCK_REALTIME gives of use. */
static const char *time_text(int64_t time_ns, char text[TIME_BYTES])
{
	time_t seconds = (time_t)(time_ns / (int64_t)NSEC_PER_SEC);
	size_t length = 0;
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		length = strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + length, TIME_BYTES - length, ".%06dZ",
		 (int)(time_ns % (int64_t)NSEC_PER_SEC / 1000));
	return text;
}

char *json_api_of_record(const struct json_api_record *record)
{
	json_t *object = json_decision(record->decision, record->context);
	char text[TIME_BYTES];

	if (object &&
	    json_object_update_new(object, json_pack("{s:o, s:o, s:s}", "policy",
						     json_api_text(record->policy), "fence",
						     json_api_text(record->fence), "time",
						     time_text(record->time_ns, text))))
		json_decref(TAKE_PTR(object));
	return line_of(object);
}

char *json_api_of_lost(uint64_t count)
{
	return line_of(json_pack("{s:s, s:o}", "event", "lost", "count", json_api_count(count)));
}
