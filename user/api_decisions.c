// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Decisions, as lines: the last ones are kept, and readers may follow what comes. One that reads
 * too slowly is told how many it has missed; nobody waits for it.
 */
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "api_internal.h"
#include "util.h"

#define NDJSON "application/x-ndjson"

/* --- the last ones --------------------------------------------------------------------------- */

static void free_record(struct api_record *record)
{
	free(record->policy);
	free(record->line);
	*record = (struct api_record){ NULL, NULL };
}

/* Without memory it is not kept. */
static void keep(struct api *api, const char *policy, const char *line)
{
	struct api_record *record = &api->records[api->record_next];

	free_record(record);
	record->policy = strdup(policy);
	record->line = strdup(line);
	if (!record->policy || !record->line)
		free_record(record);
	api->record_next = (api->record_next + 1) % API_DECISIONS_KEPT;
	if (api->record_count < API_DECISIONS_KEPT)
		api->record_count++;
}

static bool is_wanted(const char *wanted, const char *policy)
{
	return !wanted || !strcmp(wanted, policy);
}

/* Oldest first; NULL without memory. */
static char *kept_lines(const struct api *api, const char *policy, size_t *ret_length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_length);
	size_t i, first = api->record_next + API_DECISIONS_KEPT - api->record_count;

	if (!out)
		return NULL;
	for (i = 0; i < api->record_count; i++) {
		const struct api_record *record = &api->records[(first + i) % API_DECISIONS_KEPT];

		if (record->line && is_wanted(policy, record->policy))
			fputs(record->line, out);
	}
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

static void answer_kept(const struct api_call *call, const char *policy)
{
	size_t length = 0;
	_cleanup_free_ char *text = kept_lines(call->api, policy, &length);

	if (text)
		server_answer(call->request, &(struct server_answer){ .status = 200,
								      .type = NDJSON,
								      .body = text,
								      .length = length });
	else
		api_answer(call->api, call->request, 500, NULL);
}

/* --- who follows ----------------------------------------------------------------------------- */

static void free_follower(struct api_follower *follower)
{
	DL_DELETE(follower->api->followers, follower);
	follower->api->follower_count--;
	free(follower->policy);
	free(follower);
}

/* What was lost is told before what comes then. */
static bool tell_lost(struct api_follower *follower)
{
	_cleanup_free_ char *line = NULL;

	if (!follower->lost)
		return true;
	line = json_api_of_lost(follower->lost);
	if (!line || server_stream_write(follower->stream, line, strlen(line)))
		return false;
	follower->lost = 0;
	return true;
}

static void on_ready(struct server_stream *stream, void *data)
{
	(void)stream;
	tell_lost(data);
}

static void on_left(struct server_stream *stream, void *data)
{
	(void)stream;
	free_follower(data);
}

static struct api_follower *new_follower(struct api *api, const char *policy)
{
	struct api_follower *follower = calloc(1, sizeof(*follower));

	if (!follower)
		return NULL;
	follower->api = api;
	follower->policy = policy ? strdup(policy) : NULL;
	if (policy && !follower->policy) {
		free(follower);
		return NULL;
	}
	DL_APPEND(api->followers, follower);
	api->follower_count++;
	return follower;
}

static void follow(const struct api_call *call, const char *policy)
{
	bool is_root = !server_request_peer(call->request)->uid;
	size_t most = is_root ? API_FOLLOWERS_MAX : API_FOLLOWERS_OTHERS_MAX;
	struct api_follower *follower = NULL;
	struct server_stream_options options = { .type = NDJSON,
						 .ready = on_ready,
						 .left = on_left };

	if (call->api->follower_count >= most) {
		api_fail(call, 503, "too_many", "as many as may follow decisions do already");
		return;
	}
	follower = new_follower(call->api, policy);
	if (!follower) {
		api_answer(call->api, call->request, 500, NULL);
		return;
	}
	options.data = follower;
	follower->stream = server_stream(call->request, &options);
	if (!follower->stream)
		free_follower(follower);
}

void api_decisions(const struct api_call *call)
{
	const char *policy = api_parameter(call->http, "policy");

	if (policy && !policies_has(call->api->policies, policy))
		api_fail_policy(call, "policy", policy);
	else if (api_flag(call->http, "follow"))
		follow(call, policy);
	else
		answer_kept(call, policy);
}

/* --- what comes ------------------------------------------------------------------------------ */

/* What the clock of people said then. */
static int64_t time_of(const struct cgf_decision *decision)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * (int64_t)NSEC_PER_SEC + now.tv_nsec -
	       (int64_t)(monotonic_ns() - decision->time_ns);
}

void api_decided(const char *policy, const char *fence, const struct cgf_decision *decision,
		 const struct decision_context *context, void *data)
{
	struct api *api = data;
	const struct json_api_record record = { policy, fence, time_of(decision), decision,
						context };
	_cleanup_free_ char *line = json_api_of_record(&record);
	struct api_follower *follower;

	metrics_count(api->metrics, api->policies, policy, decision, context->times);
	if (!line)
		return;
	keep(api, policy, line);
	DL_FOREACH (api->followers, follower) {
		if (!is_wanted(follower->policy, policy))
			continue;
		if (!tell_lost(follower) ||
		    server_stream_write(follower->stream, line, strlen(line)))
			follower->lost++;
	}
}

void api_decisions_finish(struct api *api)
{
	size_t i;

	for (i = 0; i < API_DECISIONS_KEPT; i++)
		free_record(&api->records[i]);
	while (api->followers)
		free_follower(api->followers);
}
