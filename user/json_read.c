// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Documents, looked into; `struct json_value` is jansson's value. */
#include <errno.h>
#include <jansson.h>

#include "json_client.h"
#include "util.h"

static json_t *of(const struct json_value *value)
{
	return (json_t *)value;
}

int json_read(const char *text, size_t length, struct json_value **ret_document)
{
	json_t *document = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(document)) {
		json_decref(document);
		return -EBADMSG;
	}
	*ret_document = (struct json_value *)document;
	return 0;
}

void json_release(struct json_value **document)
{
	json_decref(of(TAKE_PTR(*document)));
}

const struct json_value *json_get(const struct json_value *value, const char *key)
{
	json_t *member = json_object_get(of(value), key);

	return json_is_null(member) ? NULL : (const struct json_value *)member;
}

const char *json_get_text(const struct json_value *value, const char *key)
{
	return json_string_value(of(json_get(value, key)));
}

bool json_get_flag(const struct json_value *value, const char *key, bool missing)
{
	const json_t *flag = of(json_get(value, key));

	return json_is_boolean(flag) ? json_is_true(flag) : missing;
}

int64_t json_get_number(const struct json_value *value, const char *key, int64_t missing)
{
	const json_t *number = of(json_get(value, key));

	return json_is_integer(number) ? json_integer_value(number) : missing;
}

size_t json_items(const struct json_value *array)
{
	return json_array_size(of(array));
}

const struct json_value *json_item(const struct json_value *array, size_t index)
{
	return (const struct json_value *)json_array_get(of(array), index);
}

const char *json_item_text(const struct json_value *array, size_t index)
{
	return json_string_value(json_array_get(of(array), index));
}

void json_keep(struct json_value *document, const char *key, json_keep_fn keep, void *data)
{
	json_t *array = json_object_get(of(document), key);
	size_t i = 0;

	while (i < json_array_size(array))
		if (keep((const struct json_value *)json_array_get(array, i), data))
			i++;
		else
			json_array_remove(array, i);
}

void json_set_flag(struct json_value *document, const char *key, bool flag)
{
	json_object_set_new(of(document), key, json_boolean(flag));
}

char *json_write(const struct json_value *document)
{
	return json_dumps(of(document), JSON_COMPACT);
}
