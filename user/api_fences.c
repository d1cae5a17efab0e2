// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fences: what there is of them, where they are put and taken from, and how they stand. */
#include <string.h>

#include "api_internal.h"
#include "util.h"

void api_list_fences(const struct api_call *call)
{
	api_answer(call->api, call->request, 200, json_api_of_fences(call->api->policies));
}

static const char *field_of(const struct policies_error *error)
{
	bool target = error->code == POLICIES_INVALID_TARGET ||
		      error->code == POLICIES_NO_SUCH_TARGET || error->code == POLICIES_EXISTS;
	bool policy = error->code == POLICIES_INVALID_NAME || error->code == POLICIES_NOT_FOUND;

	if (target)
		return "target";
	return policy ? "policy" : NULL;
}

static void answer_fence(const struct api_call *call, const struct policies_fence *fence,
			 const char *done, unsigned int status)
{
	const char *not_there = fence->obstacle ? ", and not fenced yet" : ", which is not there";

	api_say(call->api, "%s: %s %s%s%s", fence->policy, done, fence->target,
		fence->persistent ? ", persistent" : "",
		fence->state == FENCE_WAITING ? not_there : "");
	api_answer(call->api, call->request, status, json_api_of_fence(fence));
}

void api_attach(const struct api_call *call)
{
	_cleanup_(json_api_attach_finish) struct json_api_attach attach = { .root = NULL };
	struct policies_error error = { .code = POLICIES_OK };
	struct policies_fence fence = { .name = "" };
	struct json_api_wrong wrong;
	size_t length;
	const char *body = server_request_body(call->request, &length);

	if (json_api_parse_attach(body, length, &attach, &wrong))
		api_answer_error(call->api, call->request, 400, &wrong.error);
	else if (policies_attach(call->api->policies, attach.policy, attach.target,
				 attach.persistent, &fence, &error))
		api_fail_policies(call->api, call->request, &error, field_of(&error));
	else
		answer_fence(call, &fence, fence.unchanged ? "is already on" : "attached to",
			     fence.unchanged ? 200 : 201);
}

void api_detach(const struct api_call *call)
{
	const char *target = api_parameter(call->http, "target");
	struct policies_error error = { .code = POLICIES_OK };
	struct policies_fence fence = { .name = "" };

	if (!target || !*target)
		api_fail_field(call, 400, "bad_request", "target",
			       "a target is needed, such as ?target=container:web");
	else if (policies_detach(call->api->policies, target, &fence, &error))
		api_fail_policies(call->api, call->request, &error, "target");
	else
		answer_fence(call, &fence, "detached from", 200);
}

void api_status(const struct api_call *call)
{
	_cleanup_(standings_finish) struct standings standings = { 0 };
	struct policies *policies = call->api->policies;
	uint64_t began_ns = monotonic_ns();
	struct standing_kernel kernel = { 0 };
	struct failure failure = { "" };

	if (policies_prove(policies, &failure) ||
	    policies_standings(policies, &standings, &kernel, &failure))
		api_fail(call, 500, "kernel", failure.text);
	else
		api_answer(call->api, call->request, 200,
			   json_api_of_status(policies, &standings, &kernel, began_ns));
}
