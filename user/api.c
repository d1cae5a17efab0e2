// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which path and method is answered where. */
#include "api.h"

#include <errno.h>
#include <string.h>

#include "api_internal.h"
#include "util.h"

#define SEGMENTS_MAX 4
#define PARAMETERS_MAX 2

/* In a path "*" is the name of a policy. */
static const struct route {
	enum http_method method;
	const char *path[SEGMENTS_MAX];
	api_route_fn answer;
	const char *parameters[PARAMETERS_MAX];
} routes[] = {
	{ HTTP_GET, { "v1", "policies" }, api_list_policies, {} },
	{ HTTP_GET, { "v1", "policies", "*" }, api_show_policy, {} },
	{ HTTP_PUT, { "v1", "policies", "*" }, api_put_policy, {} },
	{ HTTP_DELETE, { "v1", "policies", "*" }, api_delete_policy, { "force" } },
	{ HTTP_POST, { "v1", "policies", "*", "rules" }, api_edit_policy, {} },
	{ HTTP_GET, { "v1", "policies", "*", "check" }, api_check_policy, { "destination" } },
	{ HTTP_GET, { "v1", "fences" }, api_list_fences, {} },
	{ HTTP_POST, { "v1", "fences" }, api_attach, {} },
	{ HTTP_DELETE, { "v1", "fences" }, api_detach, { "target" } },
	{ HTTP_GET, { "v1", "status" }, api_status, {} },
	{ HTTP_POST, { "v1", "reload" }, api_reload, {} },
	{ HTTP_GET, { "v1", "decisions" }, api_decisions, { "follow", "policy" } },
	{ HTTP_GET, { "metrics" }, api_metrics, {} },
};

static size_t count_segments(const struct route *route)
{
	size_t count = 0;

	while (count < SEGMENTS_MAX && route->path[count])
		count++;
	return count;
}

static bool has_path(const struct route *route, const struct http_request *http,
		     const char **ret_name)
{
	size_t i, count = count_segments(route);

	*ret_name = NULL;
	if (count != http->segment_count)
		return false;
	for (i = 0; i < count; i++) {
		if (!strcmp(route->path[i], "*"))
			*ret_name = http->segments[i];
		else if (strcmp(route->path[i], http->segments[i]) != 0)
			return false;
	}
	return true;
}

/* HEAD is GET without the body, which the server sees to. */
static const struct route *find_route(struct api_call *call, bool *ret_path)
{
	enum http_method method = call->http->method == HTTP_HEAD ? HTTP_GET : call->http->method;
	const struct route *found = NULL;
	const char *name;
	size_t i;

	*ret_path = false;
	for (i = 0; i < ARRAY_SIZE(routes); i++) {
		if (!has_path(&routes[i], call->http, &name))
			continue;
		*ret_path = true;
		if (routes[i].method != method)
			continue;
		call->name = name;
		found = &routes[i];
	}
	return found;
}

static const char *unknown_parameter(const struct route *route, const struct http_request *http)
{
	size_t i, j;

	for (i = 0; i < http->parameter_count; i++) {
		for (j = 0; j < PARAMETERS_MAX; j++)
			if (route->parameters[j] &&
			    !strcmp(route->parameters[j], http->parameters[i].name))
				break;
		if (j == PARAMETERS_MAX)
			return http->parameters[i].name;
	}
	return NULL;
}

/* Of the same name twice: which of them is meant cannot be known. */
static const char *repeated_parameter(const struct http_request *http)
{
	size_t i, j;

	for (i = 1; i < http->parameter_count; i++)
		for (j = 0; j < i; j++)
			if (!strcmp(http->parameters[i].name, http->parameters[j].name))
				return http->parameters[i].name;
	return NULL;
}

/* One that is neither yes nor no. */
static const char *wrong_flag(const struct http_request *http)
{
	static const char *const flags[] = { "follow", "force" };
	static const char *const values[] = { "", "0", "1", "false", "true" };
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		const char *value = api_parameter(http, flags[i]);

		for (j = 0; value && j < ARRAY_SIZE(values); j++)
			if (!strcmp(value, values[j]))
				value = NULL;
		if (value)
			return flags[i];
	}
	return NULL;
}

/* "Allow: GET, PUT, HEAD" is what HTTP wants of a 405. */
static void refuse_method(const struct api_call *call)
{
	char allow[128] = "Allow:";
	const char *name;
	size_t i;
	_cleanup_free_ char *text = json_api_of_error(&(struct json_api_error){
		.code = "method_not_allowed", .message = "this path has other methods" });

	for (i = 0; i < ARRAY_SIZE(routes); i++) {
		size_t used = strlen(allow);

		if (has_path(&routes[i], call->http, &name))
			snprintf(allow + used, sizeof(allow) - used, "%s %s%s",
				 allow[used - 1] == ':' ? "" : ",",
				 http_method_to_string(routes[i].method),
				 routes[i].method == HTTP_GET ? ", HEAD" : "");
	}
	server_answer(call->request, &(struct server_answer){ .status = 405,
							      .type = "application/json",
							      .header = allow,
							      .body = text ? text : "",
							      .length = text ? strlen(text) : 0 });
}

void api_requested(struct server_request *request, void *data)
{
	struct api_call call = { data, request, server_request_http(request), NULL };
	const char *unknown;
	bool is_path;
	const struct route *route = find_route(&call, &is_path);

	if (!is_path) {
		api_fail(&call, 404, "not_found", "there is no such path; see cgfence-api(7)");
		return;
	}
	if (!route) {
		refuse_method(&call);
		return;
	}
	unknown = unknown_parameter(route, call.http);
	if (unknown)
		api_fail_field(&call, 400, "bad_request", unknown,
			       "this path has no such parameter");
	else if (repeated_parameter(call.http))
		api_fail_field(&call, 400, "bad_request", repeated_parameter(call.http),
			       "this parameter is given twice");
	else if (wrong_flag(call.http))
		api_fail_field(&call, 400, "bad_request", wrong_flag(call.http),
			       "this parameter is 1 or 0");
	else if (!call.api->policies)
		api_fail(&call, 503, "internal", "cgfence is starting, or about to end");
	else
		route->answer(&call);
}

void api_refused(struct server_request *request, unsigned int status, const char *wrong, void *data)
{
	struct json_api_error error = { .code = "bad_request", .message = wrong };

	if (status == 413 || status == 431)
		error.code = "too_large";
	else if (status == 429 || status == 503)
		error.code = "too_many";
	else if (status == 404)
		error.code = "not_found";
	api_answer_error(data, request, status, &error);
}

int api_init(struct api **ret_api, const struct api_options *options)
{
	struct api *api = calloc(1, sizeof(*api));

	if (!api || metrics_init(&api->metrics)) {
		free(api);
		return -ENOMEM;
	}
	api->options = *options;
	*ret_api = api;
	return 0;
}

void api_use(struct api *api, struct policies *policies)
{
	api->policies = policies;
}

void api_finish(struct api **api_)
{
	struct api *api = TAKE_PTR(*api_);

	if (!api)
		return;
	api_operations_drop(api);
	api_decisions_finish(api);
	metrics_finish(&api->metrics);
	free(api);
}
