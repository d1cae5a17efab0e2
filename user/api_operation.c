// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Changes whose answer comes later: who asked may have left by then. */
#include <utlist.h>

#include "api_internal.h"
#include "util.h"

struct api_operation *api_operation_begin(const struct api_call *call)
{
	struct api_operation *operation = calloc(1, sizeof(*operation));

	if (!operation) {
		api_fail(call, 500, "internal", "no memory");
		return NULL;
	}
	operation->api = call->api;
	operation->request = call->request;
	DL_APPEND(call->api->operations, operation);
	return operation;
}

struct server_request *api_operation_end(struct api_operation *operation)
{
	struct server_request *request = operation->request;

	DL_DELETE(operation->api->operations, operation);
	json_api_list_free(&operation->list);
	free(operation);
	return request;
}

/* There is no connection any more, so the answer goes nowhere. */
void api_operations_drop(struct api *api)
{
	while (api->operations)
		server_answer(api_operation_end(api->operations),
			      &(struct server_answer){ .status = 503, .type = "", .body = "" });
}
