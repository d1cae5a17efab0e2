// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What clients ask for. */
#include <jansson.h>

#include "escape.h"
#include "json_client.h"
#include "util.h"

static json_t *texts(const char *const *items, size_t count)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; array && i < count; i++)
		if (json_array_append_new(array, json_string(items[i])))
			json_decref(TAKE_PTR(array));
	return array;
}

static char *dump(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

char *json_of_edit(const char *const *add, size_t add_count, const char *const *remove,
		   size_t remove_count)
{
	return dump(json_pack("{s:o, s:o}", "add", texts(add, add_count), "remove",
			      texts(remove, remove_count)));
}

char *json_of_attach(const char *policy, const char *target, bool persistent)
{
	return dump(json_pack("{s:s, s:s, s:b}", "policy", policy, "target", target, "persistent",
			      persistent));
}

/* Of bytes that are no UTF-8, which only what was typed may have, the harmless form. */
static json_t *message_of(const char *message)
{
	json_t *text = json_string(message);
	_cleanup_free_ char *harmless = text ? NULL : escape_again(message);

	return harmless ? json_string(harmless) : text;
}

static json_t *number_or_null(size_t number)
{
	return number ? json_integer((json_int_t)number) : json_null();
}

char *json_of_error(const char *code, const char *message, size_t line, size_t column)
{
	return dump(json_pack("{s:{s:s, s:o, s:n, s:o, s:o}}", "error", "code", code, "message",
			      message_of(message), "field", "line", number_or_null(line), "column",
			      number_or_null(column)));
}
