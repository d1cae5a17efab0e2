// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Policies: what there is of them, and changes. */
#include <errno.h>
#include <string.h>

#include "api_internal.h"
#include "util.h"

#define FIELD_BYTES 64

void api_list_policies(const struct api_call *call)
{
	api_answer(call->api, call->request, 200, json_api_of_policies(call->api->policies));
}

void api_show_policy(const struct api_call *call)
{
	char *text = NULL;

	if (json_api_of_policy(call->api->policies, call->name, &text) == -ENOENT)
		api_fail_name(call);
	else
		api_answer(call->api, call->request, 200, text);
}

static bool is_there(const struct api_call *call)
{
	return policies_has(call->api->policies, call->name);
}

/* --- changes --------------------------------------------------------------------------------- */

/* Which of the rules of the request it is about. */
static const char *field_of(const struct api_operation *operation,
			    const struct policies_error *error, char text[FIELD_BYTES])
{
	bool is_rule = error->code == POLICIES_INVALID_RULE || error->code == POLICIES_NOT_FOUND;

	if (!operation->is_edit || !is_rule)
		return NULL;
	if (error->index < operation->add_count)
		snprintf(text, FIELD_BYTES, "add[%zu]", error->index);
	else
		snprintf(text, FIELD_BYTES, "remove[%zu]", error->index - operation->add_count);
	return text;
}

static void on_changed(const struct policies_error *error, const struct policies_changed *changed,
		       void *data)
{
	struct api_operation *operation = data;
	struct api *api = operation->api;
	char text[FIELD_BYTES];
	const char *field;

	if (!error) {
		api_say_changed(api, changed);
		api_answer(api, api_operation_end(operation), changed->created ? 201 : 200,
			   json_api_of_changed(changed));
		return;
	}
	field = field_of(operation, error, text);
	api_fail_policies(api, api_operation_end(operation), error, field);
}

void api_put_policy(const struct api_call *call)
{
	struct api_operation *operation = api_operation_begin(call);
	size_t length;
	const char *text;

	if (!operation)
		return;
	text = server_request_body(call->request, &length);
	policies_put(call->api->policies, call->name, text, length, on_changed, operation);
}

void api_edit_policy(const struct api_call *call)
{
	_cleanup_(json_api_edit_finish) struct json_api_edit edit = { .root = NULL };
	struct api_operation *operation;
	struct json_api_wrong wrong;
	size_t length;
	const char *body = server_request_body(call->request, &length);

	if (json_api_parse_edit(body, length, &edit, &wrong)) {
		api_answer_error(call->api, call->request, 400, &wrong.error);
		return;
	}
	if (!is_there(call)) {
		api_fail_name(call);
		return;
	}
	operation = api_operation_begin(call);
	if (!operation)
		return;
	operation->is_edit = true;
	operation->add_count = edit.edit.add_count;
	policies_edit(call->api->policies, call->name, &edit.edit, on_changed, operation);
}

static void on_detached(const char *fence, void *data)
{
	json_api_list_add_name(data, fence);
}

void api_delete_policy(const struct api_call *call)
{
	_cleanup_(json_api_list_free) struct json_api_list *list = json_api_list();
	struct policies_error error = { .code = POLICIES_OK };

	if (!list) {
		api_fail(call, 500, "internal", "no memory");
		return;
	}
	if (policies_delete(call->api->policies, call->name, api_flag(call->http, "force"),
			    on_detached, list, &error)) {
		api_fail_policies(call->api, call->request, &error, NULL);
		return;
	}
	metrics_forget(call->api->metrics, call->name);
	api_say(call->api, "%s: deleted", call->name);
	api_answer(call->api, call->request, 200, json_api_of_deleted(call->name, &list));
}

/* --- reload ---------------------------------------------------------------------------------- */

static void on_reloaded(const struct policies_error *error, const struct policies_changed *changed,
			void *data)
{
	struct api_operation *operation = data;
	struct json_api_error out;

	if (!error) {
		json_api_list_add_changed(operation->list, changed);
		return;
	}
	out = api_error_of(error);
	json_api_list_add_error(operation->list, changed ? changed->name : NULL, &out);
}

static void on_reload_finished(const struct policies_error *error, void *data)
{
	struct api_operation *operation = data;
	struct api *api = operation->api;
	char *text;

	if (error) {
		api_fail_policies(api, api_operation_end(operation), error, NULL);
		return;
	}
	text = json_api_of_reload(&operation->list);
	api_answer(api, api_operation_end(operation), 200, text);
}

void api_reload(const struct api_call *call)
{
	struct api_operation *operation = api_operation_begin(call);

	if (!operation)
		return;
	operation->list = json_api_list();
	if (operation->list)
		policies_reload(call->api->policies, on_reloaded, on_reload_finished, operation);
	else
		api_answer(call->api, api_operation_end(operation), 500, NULL);
}

/* --- what a destination would meet ----------------------------------------------------------- */

void api_check_policy(const struct api_call *call)
{
	_cleanup_free_ struct policies_verdict *verdict = calloc(1, sizeof(*verdict));
	const char *destination = api_parameter(call->http, "destination");
	struct policies_error error = { .code = POLICIES_OK };

	if (!destination || !*destination)
		api_fail_field(call, 400, "bad_request", "destination",
			       "a destination is needed, such as ?destination=github.com:22");
	else if (!is_there(call))
		api_fail_name(call);
	else if (!verdict)
		api_answer(call->api, call->request, 500, NULL);
	else if (policies_check(call->api->policies, call->name, destination, verdict, &error))
		api_fail_policies(call->api, call->request, &error, "destination");
	else
		api_answer(call->api, call->request, 200, json_api_of_verdict(verdict));
}
