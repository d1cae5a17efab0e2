// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Answers in JSON, errors, and what is noted of changes. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api_internal.h"
#include "escape.h"
#include "util.h"

#define NO_MEMORY "{\"error\":{\"code\":\"internal\",\"message\":\"no memory\"}}"
#define NOTE_PATH_BYTES 256
#define SAID_RULES_MAX 10

/* --- what is noted --------------------------------------------------------------------------- */

static bool is_change(const struct http_request *http)
{
	return http->method == HTTP_PUT || http->method == HTTP_POST || http->method == HTTP_DELETE;
}

/* "/v1/policies/web", escaped, and cut if it is long. */
static void path_text(const struct http_request *http, char text[NOTE_PATH_BYTES])
{
	size_t i, used = 0;

	text[0] = '\0';
	for (i = 0; i < http->segment_count && used + 16 < NOTE_PATH_BYTES; i++) {
		text[used++] = '/';
		escape_text(http->segments[i], text + used, NOTE_PATH_BYTES - used);
		used += strlen(text + used);
	}
}

void api_say(struct api *api, const char *format, ...)
{
	size_t used = strlen(api->said);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(api->said + used, sizeof(api->said) - used, format, arguments);
	va_end(arguments);
}

/* The rest is a number. */
static void print_rules(FILE *out, char sign, const char *const *rules, size_t count)
{
	size_t i;

	for (i = 0; i < count && i < SAID_RULES_MAX; i++)
		fprintf(out, ", %c%.100s", sign, rules[i]);
	if (count > SAID_RULES_MAX)
		fprintf(out, ", %c%zu more", sign, count - SAID_RULES_MAX);
}

void api_changed_text(const struct policies_changed *changed, char text[API_CHANGED_BYTES])
{
	_cleanup_fclose_ FILE *out = fmemopen(text, API_CHANGED_BYTES, "w");

	text[0] = '\0';
	if (!out)
		return;
	fprintf(out, "%s: %s", changed->name,
		changed->created   ? "made"
		: changed->changed ? "changed"
				   : "unchanged");
	print_rules(out, '+', changed->added, changed->added_count);
	print_rules(out, '-', changed->removed, changed->removed_count);
}

void api_say_changed(struct api *api, const struct policies_changed *changed)
{
	char text[API_CHANGED_BYTES];

	api_changed_text(changed, text);
	api_say(api, "%s", text);
}

static void note(const struct api *api, const struct server_request *request, unsigned int status)
{
	const struct http_request *http = server_request_http(request);
	const struct server_peer *peer = server_request_peer(request);
	char path[NOTE_PATH_BYTES], line[NOTE_PATH_BYTES + API_SAID_BYTES + 128];

	/* Who asks too often has no end of that. */
	if (!api->options.noted || !is_change(http) || status == 429)
		return;
	path_text(http, path);
	snprintf(line, sizeof(line), "%s %s by uid %u, pid %d: %u %s%s%s",
		 http_method_to_string(http->method), path, (unsigned int)peer->uid, (int)peer->pid,
		 status, http_phrase(status), api->said[0] ? "; " : "", api->said);
	api->options.noted(line, api->options.data);
}

/* --- answers --------------------------------------------------------------------------------- */

void api_answer(struct api *api, struct server_request *request, unsigned int status, char *text)
{
	struct server_answer answer = { .status = text ? status : 500,
					.type = "application/json",
					.body = text ? text : NO_MEMORY };

	answer.length = strlen(answer.body);
	if (status == 429 || status == 503)
		answer.header = "Retry-After: 1";
	note(api, request, answer.status);
	api->said[0] = '\0';
	server_answer(request, &answer);
	free(text);
}

void api_answer_error(struct api *api, struct server_request *request, unsigned int status,
		      const struct json_api_error *error)
{
	const char *message = error->message ? error->message : "";

	api_say(api, "%.*s", (int)strcspn(message, "\n"), message);
	api_answer(api, request, status, json_api_of_error(error));
}

void api_fail_field(const struct api_call *call, unsigned int status, const char *code,
		    const char *field, const char *message)
{
	const struct json_api_error error = { .code = code, .message = message, .field = field };

	api_answer_error(call->api, call->request, status, &error);
}

void api_fail(const struct api_call *call, unsigned int status, const char *code,
	      const char *message)
{
	api_fail_field(call, status, code, NULL, message);
}

void api_fail_policy(const struct api_call *call, const char *field, const char *name)
{
	char message[CGF_POLICY_NAME_MAX + 64];

	snprintf(message, sizeof(message), "there is no policy '%.*s'", CGF_POLICY_NAME_MAX, name);
	api_fail_field(call, 404, "not_found", field, message);
}

void api_fail_name(const struct api_call *call)
{
	api_fail_policy(call, NULL, call->name);
}

/* --- errors of the policies ------------------------------------------------------------------ */

static unsigned int status_of(enum policies_code code)
{
	switch (code) {
	case POLICIES_INVALID_NAME:
	case POLICIES_INVALID_POLICY:
	case POLICIES_INVALID_RULE:
	case POLICIES_INVALID_TARGET:
	case POLICIES_INVALID_DESTINATION:
		return 400;
	case POLICIES_NOT_FOUND:
	case POLICIES_NO_SUCH_TARGET:
		return 404;
	case POLICIES_EXISTS:
	case POLICIES_IN_USE:
		return 409;
	case POLICIES_STORAGE:
	case POLICIES_CAPACITY:
		return 507;
	case POLICIES_KERNEL:
	case POLICIES_INTERNAL:
	case POLICIES_OK:
	case POLICIES_CODE_COUNT:
		break;
	}
	return 500;
}

struct json_api_error api_error_of(const struct policies_error *error)
{
	return (struct json_api_error){ .code = policies_code_to_string(error->code),
					.message = error->failure.text,
					.line = error->line,
					.column = error->column };
}

void api_fail_policies(struct api *api, struct server_request *request,
		       const struct policies_error *error, const char *field)
{
	struct json_api_error out = api_error_of(error);

	out.field = field;
	api_answer_error(api, request, status_of(error->code), &out);
}

/* --- parameters ------------------------------------------------------------------------------ */

const char *api_parameter(const struct http_request *http, const char *name)
{
	size_t i;

	for (i = 0; i < http->parameter_count; i++)
		if (!strcmp(http->parameters[i].name, name))
			return http->parameters[i].value;
	return NULL;
}

bool api_flag(const struct http_request *http, const char *name)
{
	const char *value = api_parameter(http, name);

	return value && strcmp(value, "0") != 0 && strcmp(value, "false") != 0;
}
