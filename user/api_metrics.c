// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>

#include "api_internal.h"
#include "util.h"

void api_metrics(const struct api_call *call)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (out)
		metrics_write(call->api->metrics, call->api->policies, out);
	if (!out || fclose(out))
		api_answer(call->api, call->request, 500, NULL);
	else
		server_answer(call->request,
			      &(struct server_answer){ .status = 200,
						       .type = "text/plain; version=0.0.4; "
							       "charset=utf-8",
						       .body = text,
						       .length = length });
}
