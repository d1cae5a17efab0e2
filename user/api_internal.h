/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the API share. */
#ifndef CGFENCE_API_INTERNAL_H
#define CGFENCE_API_INTERNAL_H

#include "api.h"
#include "json_api.h"
#include "metrics.h"
#include "policies.h"
#include "server.h"

/* A request, and what its path names. */
struct api_call {
	struct api *api;
	struct server_request *request;
	const struct http_request *http;
	const char *name; /* of the policy, or NULL */
};

/* --- answers: api_answer.c ------------------------------------------------------------------- */

/* Takes over the request, and `text`, JSON or NULL without memory. */
void api_answer(struct api *api, struct server_request *request, unsigned int status, char *text);
void api_answer_error(struct api *api, struct server_request *request, unsigned int status,
		      const struct json_api_error *error);
/* With words for what is wrong, and nothing else. */
void api_fail(const struct api_call *call, unsigned int status, const char *code,
	      const char *message);
void api_fail_field(const struct api_call *call, unsigned int status, const char *code,
		    const char *field, const char *message);
void api_fail_policies(struct api *api, struct server_request *request,
		       const struct policies_error *error, const char *field);
/* Of a parameter, or NULL. */
void api_fail_policy(const struct api_call *call, const char *field, const char *name);
void api_fail_name(const struct api_call *call);
/* "invalid_rule"; as JSON has it, without a field. */
struct json_api_error api_error_of(const struct policies_error *error);

/* What is done by the answer that follows, for the log: "web: attached to container:shop". */
void api_say(struct api *api, const char *format, ...) _printf_(2, 3);
void api_say_changed(struct api *api, const struct policies_changed *changed);

/* The value, "" for a parameter without one, or NULL. */
const char *api_parameter(const struct http_request *http, const char *name);
/* It is there, and neither 0 nor false. */
bool api_flag(const struct http_request *http, const char *name);

/* --- operations that are answered later: api_operation.c ------------------------------------- */

struct api_operation {
	struct api *api;
	struct server_request *request;
	struct api_operation *prev, *next;
	struct json_api_list *list; /* of a reload */
	size_t add_count;	    /* of an edit */
	bool is_edit;
};
/* Remembers the request until it is ended; NULL without memory: it is answered then. */
struct api_operation *api_operation_begin(const struct api_call *call);
/* Gives the request back. */
struct server_request *api_operation_end(struct api_operation *operation);
void api_operations_drop(struct api *api);

/* --- routes ---------------------------------------------------------------------------------- */

typedef void (*api_route_fn)(const struct api_call *call);

void api_list_policies(const struct api_call *call);
void api_show_policy(const struct api_call *call);
void api_put_policy(const struct api_call *call);
void api_edit_policy(const struct api_call *call);
void api_delete_policy(const struct api_call *call);
void api_check_policy(const struct api_call *call);
void api_reload(const struct api_call *call);
void api_list_fences(const struct api_call *call);
void api_attach(const struct api_call *call);
void api_detach(const struct api_call *call);
void api_status(const struct api_call *call);
void api_decisions(const struct api_call *call);
void api_metrics(const struct api_call *call);

/* --- decisions: api_decisions.c -------------------------------------------------------------- */

struct api_record {
	char *policy, *line; /* owned */
};

struct api_follower {
	struct api *api;
	struct api_follower *prev, *next;
	struct server_stream *stream;
	char *policy;  /* owned; NULL: of all */
	uint64_t lost; /* not told yet */
};
void api_decisions_finish(struct api *api);

#define API_SAID_BYTES API_CHANGED_BYTES
struct api {
	struct api_options options;
	char said[API_SAID_BYTES]; /* what the next answer is about, for the log; or "" */
	struct policies *policies;
	struct metrics *metrics;
	struct api_operation *operations;
	struct api_record records[API_DECISIONS_KEPT];
	size_t record_next, record_count;
	struct api_follower *followers;
	size_t follower_count;
};

#endif
