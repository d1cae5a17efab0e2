// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The bodies of requests. What is not known is refused: it may have been meant. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "json_api_internal.h"
#include "util.h"

static int wrong(struct json_api_wrong *wrong, const char *code, const char *field,
		 const char *format, ...) _printf_(4, 5);

static int wrong(struct json_api_wrong *wrong, const char *code, const char *field,
		 const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(wrong->message, sizeof(wrong->message), format, arguments);
	va_end(arguments);
	snprintf(wrong->field, sizeof(wrong->field), "%s", field ? field : "");
	wrong->error = (struct json_api_error){ .code = code,
						.message = wrong->message,
						.field = field ? wrong->field : NULL };
	return -EINVAL;
}

static json_t *parse_object(const char *body, size_t length, struct json_api_wrong *ret_wrong)
{
	json_error_t error;
	json_t *root = json_loadb(body, length, JSON_REJECT_DUPLICATES, &error);

	if (!root) {
		wrong(ret_wrong, "invalid_json", NULL, "the body is no JSON: %s", error.text);
		ret_wrong->error.line = error.line > 0 ? (size_t)error.line : 0;
		ret_wrong->error.column = error.column > 0 ? (size_t)error.column : 0;
		return NULL;
	}
	if (!json_is_object(root)) {
		json_decref(root);
		wrong(ret_wrong, "invalid_json", NULL, "the body is no JSON object");
		return NULL;
	}
	return root;
}

static int check_members(json_t *root, const char *const *known, size_t count,
			 struct json_api_wrong *ret_wrong)
{
	const char *key;
	json_t *value;

	json_object_foreach(root, key, value)
	{
		size_t i = 0;

		while (i < count && strcmp(known[i], key) != 0)
			i++;
		if (i == count)
			return wrong(ret_wrong, "bad_request", key, "there is no such member here");
	}
	return 0;
}

/* --- rules to add and to remove -------------------------------------------------------------- */

static int take_rule(const json_t *value, const char *member, size_t index, const char **ret_rule,
		     struct json_api_wrong *ret_wrong)
{
	const char *text = json_string_value(value);
	char field[64];

	snprintf(field, sizeof(field), "%s[%zu]", member, index);
	if (!text)
		return wrong(ret_wrong, "bad_request", field, "a rule must be a string");
	if (strpbrk(text, "\r\n"))
		return wrong(ret_wrong, "invalid_rule", field, "a rule must be one line");
	*ret_rule = text;
	return 0;
}

static int take_rules(const json_t *root, const char *member, const char **ret_rules,
		      size_t *ret_count, struct json_api_wrong *ret_wrong)
{
	const json_t *array = json_object_get(root, member);
	size_t i, count = json_array_size(array);

	*ret_count = 0;
	if (array && !json_is_array(array))
		return wrong(ret_wrong, "bad_request", member, "it must be an array of rules");
	for (i = 0; i < count; i++) {
		int error = take_rule(json_array_get(array, i), member, i, &ret_rules[i],
				      ret_wrong);

		if (error)
			return error;
	}
	*ret_count = count;
	return 0;
}

static int take_edit(struct json_api_edit *edit, struct json_api_wrong *ret_wrong)
{
	static const char *const known[] = { "add", "remove" };
	size_t adds = json_array_size(json_object_get(edit->root, "add"));
	size_t removes = json_array_size(json_object_get(edit->root, "remove"));
	int error = check_members(edit->root, known, ARRAY_SIZE(known), ret_wrong);

	edit->strings = calloc(adds + removes + 1, sizeof(*edit->strings));
	if (!edit->strings)
		return wrong(ret_wrong, "internal", NULL, "no memory");
	edit->edit.add = edit->strings;
	edit->edit.remove = edit->strings + adds;
	if (!error)
		error = take_rules(edit->root, "add", edit->strings, &edit->edit.add_count,
				   ret_wrong);
	if (!error)
		error = take_rules(edit->root, "remove", edit->strings + adds,
				   &edit->edit.remove_count, ret_wrong);
	if (!error && !adds && !removes)
		error = wrong(ret_wrong, "bad_request", NULL,
			      "there is no rule to add nor to remove");
	return error;
}

void json_api_edit_finish(struct json_api_edit *edit)
{
	free(edit->strings);
	json_decref(edit->root);
	*edit = (struct json_api_edit){ 0 };
}

int json_api_parse_edit(const char *body, size_t length, struct json_api_edit *ret_edit,
			struct json_api_wrong *ret_wrong)
{
	struct json_api_edit edit = { .root = parse_object(body, length, ret_wrong) };
	int error;

	if (!edit.root)
		return -EINVAL;
	error = take_edit(&edit, ret_wrong);
	if (error) {
		json_api_edit_finish(&edit);
		return error;
	}
	*ret_edit = edit;
	return 0;
}

/* --- a fence --------------------------------------------------------------------------------- */

static int take_string(const json_t *root, const char *member, const char **ret_text,
		       struct json_api_wrong *ret_wrong)
{
	const char *text = json_string_value(json_object_get(root, member));

	if (!text || !*text)
		return wrong(ret_wrong, "bad_request", member, "a string is needed");
	*ret_text = text;
	return 0;
}

static int take_attach(struct json_api_attach *attach, struct json_api_wrong *ret_wrong)
{
	static const char *const known[] = { "policy", "target", "persistent" };
	const json_t *persistent = json_object_get(attach->root, "persistent");
	int error = check_members(attach->root, known, ARRAY_SIZE(known), ret_wrong);

	if (!error)
		error = take_string(attach->root, "policy", &attach->policy, ret_wrong);
	if (!error)
		error = take_string(attach->root, "target", &attach->target, ret_wrong);
	if (!error && persistent && !json_is_boolean(persistent))
		error = wrong(ret_wrong, "bad_request", "persistent", "it must be true or false");
	attach->persistent = json_is_true(persistent);
	return error;
}

void json_api_attach_finish(struct json_api_attach *attach)
{
	json_decref(attach->root);
	*attach = (struct json_api_attach){ 0 };
}

int json_api_parse_attach(const char *body, size_t length, struct json_api_attach *ret_attach,
			  struct json_api_wrong *ret_wrong)
{
	struct json_api_attach attach = { .root = parse_object(body, length, ret_wrong) };
	int error;

	if (!attach.root)
		return -EINVAL;
	error = take_attach(&attach, ret_wrong);
	if (error) {
		json_api_attach_finish(&attach);
		return error;
	}
	*ret_attach = attach;
	return 0;
}
