// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "http_client.h"

#include <jansson.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "api.h"
#include "fake_policies.h"
#include "server.h"

#define HOST "Host: x\r\nConnection: close\r\n"

struct fixture {
	struct event_base *base;
	struct server *server;
	struct api *api;
	struct policies policies;
	char directory[64], path[96], noted[512];
};

static void on_noted(const char *line, void *data)
{
	struct fixture *fixture = data;

	snprintf(fixture->noted, sizeof(fixture->noted), "%s", line);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct failure failure;

	*state = fixture;
	fixture->base = event_base_new();
	strcpy(fixture->directory, "/tmp/cgfence-api.XXXXXX");
	if (!mkdtemp(fixture->directory))
		return -1;
	snprintf(fixture->path, sizeof(fixture->path), "%s/socket", fixture->directory);
	if (api_init(&fixture->api, &(struct api_options){ .noted = on_noted, .data = fixture }))
		return -1;
	api_use(fixture->api, &fixture->policies);
	return server_init(&fixture->server,
			   &(struct server_options){ .base = fixture->base,
						     .path = fixture->path,
						     .requested = api_requested,
						     .refused = api_refused,
						     .data = fixture->api },
			   &failure);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char line[128];

	server_finish(&fixture->server);
	fake_finish(&fixture->policies);
	api_finish(&fixture->api);
	event_base_free(fixture->base);
	snprintf(line, sizeof(line), "rm -rf %s", fixture->directory);
	free(fixture);
	return system(line);
}

/* --- requests and answers -------------------------------------------------------------------- */

struct answer {
	unsigned int status;
	char *head, *body; /* `body` in `head` */
	json_t *json;	   /* or NULL */
};

static void answer_finish(struct answer *answer)
{
	free(answer->head);
	json_decref(answer->json);
}

static struct answer take_answer(struct client *client)
{
	struct answer answer = { .head = strdup(client->data) };

	assert_int_equal(sscanf(answer.head, "HTTP/1.1 %u", &answer.status), 1);
	answer.body = strstr(answer.head, "\r\n\r\n");
	assert_non_null(answer.body);
	answer.body += 4;
	answer.json = json_loads(answer.body, JSON_REJECT_DUPLICATES, NULL);
	return answer;
}

static struct client *begin(struct fixture *fixture, const char *line, const char *body)
{
	struct client *client = client_open(fixture->base, fixture->path);
	char head[512];

	snprintf(head, sizeof(head), "%s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", line,
		 strlen(body));
	client_send(client, head);
	client_send(client, body);
	return client;
}

static struct answer ask(struct fixture *fixture, const char *line, const char *body)
{
	_cleanup_(client_close) struct client *client = begin(fixture, line, body);

	client_wait_closed(client);
	return take_answer(client);
}

/* What is at "a.b.0.c", as text. */
static const json_t *at(const json_t *json, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	char *rest = copy, *step;

	while (json && (step = strsep(&rest, ".")))
		json = json_is_array(json) ? json_array_get(json, strtoul(step, NULL, 10))
					   : json_object_get(json, step);
	return json;
}

static void assert_at(const struct answer *answer, const char *path, const char *expected)
{
	_cleanup_free_ char *text = json_dumps(at(answer->json, path), JSON_ENCODE_ANY);

	if (!text || strcmp(text, expected) != 0)
		fail_msg("%s is %s, not %s, in %s", path, text, expected, answer->head);
}

static void assert_error(struct fixture *fixture, const char *line, const char *body,
			 unsigned int status, const char *code, const char *field)
{
	_cleanup_(answer_finish) struct answer answer = ask(fixture, line, body);

	if (answer.status != status)
		fail_msg("%s: not %u but %s", line, status, answer.head);
	assert_non_null(strstr(answer.head, "Content-Type: application/json\r\n"));
	assert_at(&answer, "error.code", code);
	assert_at(&answer, "error.field", field);
	assert_true(json_string_length(at(answer.json, "error.message")) > 0);
}

static void put_policy(struct fixture *fixture, const char *name)
{
	_cleanup_(answer_finish) struct answer answer = {};
	char line[64];

	snprintf(line, sizeof(line), "PUT /v1/policies/%s", name);
	answer = ask(fixture, line, "allow github.com:22 # \xc3\xbc\nmode audit\n");
	assert_int_equal(answer.status, 201);
}

static void put_web(struct fixture *fixture)
{
	put_policy(fixture, "web");
}

static void attach_web(struct fixture *fixture)
{
	_cleanup_(answer_finish) struct answer answer = ask(
		fixture, "POST /v1/fences",
		"{\"policy\":\"web\",\"target\":\"container:a\",\"persistent\":true}");

	assert_int_equal(answer.status, 201);
	assert_at(&answer, "target", "\"container:a\"");
	assert_at(&answer, "persistent", "true");
	assert_at(&answer, "state", "\"standing\"");
	assert_at(&answer, "cgroup_id", "42");
	assert_at(&answer, "places", "[]");
}

/* --- policies -------------------------------------------------------------------------------- */

static void a_policy_is_made_changed_shown_and_deleted(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer list = { 0 }, one = { 0 }, edit = { 0 },
					       gone = { 0 };

	put_web(fixture);
	assert_non_null(strstr(fixture->noted, "PUT /v1/policies/web by uid 0, pid "));
	assert_non_null(strstr(fixture->noted, ": 201 Created"));

	list = ask(fixture, "GET /v1/policies", "");
	assert_at(&list, "policies.0.name", "\"web\"");
	assert_at(&list, "policies.0.rules", "2");
	assert_at(&list, "policies.0.problem", "null");

	one = ask(fixture, "GET /v1/policies/web", "");
	assert_at(&one, "rule_list.0.rule", "\"allow github.com:22\"");
	assert_at(&one, "rule_list.0.addresses.0.address", "\"203.0.113.7\"");
	assert_at(&one, "rule_list.0.addresses.0.expires_in_s", "0");
	assert_at(&one, "rule_list.0.addresses.0.source", "\"answer\"");
	assert_at(&one, "rule_list.0.addresses.1.address", "\"198.51.100.0/24\"");
	assert_at(&one, "rule_list.0.addresses.1.expires_in_s", "null");
	assert_at(&one, "counters.denied", "20");
	assert_string_equal(json_string_value(at(one.json, "text")),
			    "allow github.com:22 # \xc3\xbc\nmode audit\n");

	edit = ask(fixture, "POST /v1/policies/web/rules", "{\"add\":[\"allow a.test:22\"]}");
	assert_int_equal(edit.status, 200);
	assert_at(&edit, "changed", "true");
	assert_at(&edit, "added.0", "\"allow github.com:22\"");
	assert_at(&edit, "generation", "7");
	assert_string_equal(json_string_value(at(edit.json, "warnings.0")),
			    "no answer yet for \xef\xbf\xbd.test");

	gone = ask(fixture, "DELETE /v1/policies/web", "");
	assert_int_equal(gone.status, 200);
	assert_at(&gone, "name", "\"web\"");
	assert_error(fixture, "GET /v1/policies/web", "", 404, "\"not_found\"", "null");
}

static void what_is_wrong_with_a_policy_has_its_place(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer answer = ask(fixture, "PUT /v1/policies/web",
							    "allow a.test\n  alow b.test\n");

	assert_int_equal(answer.status, 400);
	assert_at(&answer, "error.code", "\"invalid_policy\"");
	assert_at(&answer, "error.line", "2");
	assert_at(&answer, "error.column", "3");
	assert_error(fixture, "PUT /v1/policies/..", "", 400, "\"invalid_name\"", "null");
	assert_error(fixture, "PUT /v1/policies/a%2Fb", "", 400, "\"invalid_name\"", "null");
}

static void what_is_wrong_with_a_change_names_the_rule(void **state)
{
	struct fixture *fixture = *state;

	put_web(fixture);
	assert_error(fixture, "POST /v1/policies/web/rules",
		     "{\"add\":[\"allow a.test\",\"alow b\"]}", 400, "\"invalid_rule\"",
		     "\"add[1]\"");
	assert_error(fixture, "POST /v1/policies/web/rules",
		     "{\"add\":[\"allow a.test\"],\"remove\":[\"allow b.test\"]}", 404,
		     "\"not_found\"", "\"remove[0]\"");
	assert_error(fixture, "POST /v1/policies/web/rules", "{\"add\":[\"allow a\\nallow b\"]}",
		     400, "\"invalid_rule\"", "\"add[0]\"");
	assert_error(fixture, "POST /v1/policies/none/rules", "{\"remove\":[\"allow a\"]}", 404,
		     "\"not_found\"", "null");
}

static void a_body_that_is_not_as_it_should_be_is_refused(void **state)
{
	static const struct {
		const char *body, *code, *field;
	} cases[] = {
		{ "", "\"invalid_json\"", "null" },
		{ "{", "\"invalid_json\"", "null" },
		{ "[]", "\"invalid_json\"", "null" },
		{ "{} {}", "\"invalid_json\"", "null" },
		{ "{\"add\":[\"\\u0000\"]}", "\"invalid_json\"", "null" },
		{ "{\"add\":[\"\xff\"]}", "\"invalid_json\"", "null" },
		{ "{\"add\":[],\"add\":[]}", "\"invalid_json\"", "null" },
		{ "{}", "\"bad_request\"", "null" },
		{ "{\"add\":[]}", "\"bad_request\"", "null" },
		{ "{\"add\":\"allow a\"}", "\"bad_request\"", "\"add\"" },
		{ "{\"add\":[1]}", "\"bad_request\"", "\"add[0]\"" },
		{ "{\"ad\":[\"allow a\"]}", "\"bad_request\"", "\"ad\"" },
	};
	struct fixture *fixture = *state;

	put_web(fixture);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_error(fixture, "POST /v1/policies/web/rules", cases[i].body, 400,
			     cases[i].code, cases[i].field);
}

static void deep_nesting_is_refused(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_free_ char *body = malloc(100001);

	memset(body, '[', 100000);
	body[100000] = '\0';
	put_web(fixture);
	assert_error(fixture, "POST /v1/policies/web/rules", body, 400, "\"invalid_json\"", "null");
}

static void a_change_is_answered_when_it_is_done_though_its_maker_has_left(void **state)
{
	struct fixture *fixture = *state;
	struct client *leaves = NULL, *drops = NULL;
	_cleanup_(client_close) struct client *stays = NULL;
	_cleanup_(answer_finish) struct answer answer = { 0 };

	put_web(fixture);
	fixture->policies.later = true;
	leaves = begin(fixture, "PUT /v1/policies/a", "");
	stays = begin(fixture, "PUT /v1/policies/b", "");
	while (fixture->policies.pending_count < 2)
		event_base_loop(fixture->base, EVLOOP_ONCE);
	client_close(&leaves);
	fake_complete(&fixture->policies);
	client_wait_closed(stays);
	answer = take_answer(stays);
	assert_int_equal(answer.status, 201);
	/* One that is never done: it is dropped with the API. */
	drops = begin(fixture, "PUT /v1/policies/c", "");
	while (!fixture->policies.pending_count)
		event_base_loop(fixture->base, EVLOOP_ONCE);
	client_close(&drops);
}

static void a_reload_answers_for_each_policy(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer first = ask(fixture, "PUT /v1/policies/a", "");
	_cleanup_(answer_finish) struct answer answer = { 0 };

	assert_int_equal(first.status, 201);
	put_web(fixture);
	answer = ask(fixture, "POST /v1/reload", "");
	assert_int_equal(answer.status, 200);
	assert_at(&answer, "policies.0.changed", "false");
	assert_at(&answer, "policies.1.name", "\"web\"");
	assert_at(&answer, "policies.1.error.code", "\"invalid_policy\"");
	assert_at(&answer, "policies.1.error.line", "3");
	fixture->policies.no_directory = true;
	assert_error(fixture, "POST /v1/reload", "", 507, "\"storage\"", "null");
}

static void a_destination_is_checked(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer yes = { 0 }, no = { 0 };

	put_web(fixture);
	yes = ask(fixture, "GET /v1/policies/web/check?destination=github.com:22%2Ftcp", "");
	assert_at(&yes, "verdict", "\"allow\"");
	assert_at(&yes, "rule", "\"allow github.com:22\"");
	no = ask(fixture, "GET /v1/policies/web/check?destination=evil.test:22", "");
	assert_int_equal(no.status, 200);
	assert_at(&no, "verdict", "\"deny\"");
	assert_at(&no, "rule", "null");
	assert_error(fixture, "GET /v1/policies/web/check", "", 400, "\"bad_request\"",
		     "\"destination\"");
	assert_error(fixture, "GET /v1/policies/web/check?destination=wrong", "", 400,
		     "\"invalid_destination\"", "\"destination\"");
	assert_error(fixture, "GET /v1/policies/none/check?destination=a", "", 404, "\"not_found\"",
		     "null");
}

/* --- fences ---------------------------------------------------------------------------------- */

static void a_fence_is_put_and_taken(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer list = { 0 }, taken = { 0 };

	put_web(fixture);
	attach_web(fixture);
	list = ask(fixture, "GET /v1/fences", "");
	assert_at(&list, "fences.0.name", "\"container:a\"");
	assert_error(fixture, "POST /v1/fences", "{\"policy\":\"web\",\"target\":\"container:a\"}",
		     409, "\"exists\"", "\"target\"");
	assert_error(fixture, "POST /v1/fences", "{\"policy\":\"none\",\"target\":\"pid:1\"}", 404,
		     "\"not_found\"", "\"policy\"");
	assert_error(fixture, "POST /v1/fences", "{\"policy\":\"web\",\"target\":\"a\"}", 400,
		     "\"invalid_target\"", "\"target\"");
	assert_error(fixture, "POST /v1/fences", "{\"policy\":\"web\"}", 400, "\"bad_request\"",
		     "\"target\"");
	assert_error(fixture, "POST /v1/fences",
		     "{\"policy\":\"web\",\"target\":\"pid:1\",\"persistent\":1}", 400,
		     "\"bad_request\"", "\"persistent\"");
	assert_error(fixture, "DELETE /v1/policies/web", "", 409, "\"in_use\"", "null");
	assert_error(fixture, "DELETE /v1/policies/web?force=0", "", 409, "\"in_use\"", "null");
	assert_error(fixture, "DELETE /v1/fences", "", 400, "\"bad_request\"", "\"target\"");
	assert_error(fixture, "DELETE /v1/fences?target=pid:9", "", 404, "\"not_found\"",
		     "\"target\"");
	taken = ask(fixture, "DELETE /v1/fences?target=container%3Aa", "");
	assert_int_equal(taken.status, 200);
	assert_at(&taken, "target", "\"container:a\"");
}

static void a_policy_goes_with_its_fences_if_that_is_wanted(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer gone = { 0 };

	put_web(fixture);
	attach_web(fixture);
	gone = ask(fixture, "DELETE /v1/policies/web?force=1", "");
	assert_int_equal(gone.status, 200);
	assert_at(&gone, "detached.0", "\"container:a\"");
}

static void status_joins_what_the_kernel_says_and_what_the_daemon_knows(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer good = { 0 }, bad = { 0 }, waiting = { 0 };

	put_web(fixture);
	attach_web(fixture);
	good = ask(fixture, "GET /v1/status", "");
	assert_int_equal(good.status, 200);
	assert_at(&good, "event", "\"status\"");
	assert_at(&good, "whole", "true");
	assert_at(&good, "fences.0.fence", "\"container:a\"");
	assert_at(&good, "fences.0.target", "\"container:a\"");
	assert_at(&good, "fences.0.kept", "true");
	assert_at(&good, "fences.0.proved", "true");
	assert_at(&good, "fences.0.repairs", "1");
	assert_at(&good, "fences.0.generation", "1");
	assert_at(&good, "fences.1.fence", "\"run-7\"");
	assert_at(&good, "fences.1.kept", "false");

	fixture->policies.fences[0].problem = (struct standing_problem){ STANDING_LINK_MISSING,
									 "egress" };
	fixture->policies.fences[0].problem_count = 1;
	fixture->policies.fences[0].since_ns = monotonic_ns() - 3 * NSEC_PER_SEC;
	bad = ask(fixture, "GET /v1/status", "");
	assert_at(&bad, "whole", "false");
	assert_at(&bad, "fences.0.proved", "false");
	assert_at(&bad, "fences.0.problems.0.problem", "\"link_missing\"");
	assert_at(&bad, "fences.0.problems.0.of", "\"egress\"");
	assert_at(&bad, "fences.0.problems.0.since_s", "3");

	fixture->policies.fences[0].problem_count = 0;
	fixture->policies.fences[0].state = FENCE_WAITING;
	waiting = ask(fixture, "GET /v1/status", "");
	assert_at(&waiting, "whole", "true");
	assert_at(&waiting, "fences.1.fence", "\"container:a\"");
	assert_at(&waiting, "fences.1.state", "\"waiting\"");
	assert_at(&waiting, "fences.1.proved", "false");
	assert_at(&waiting, "fences.1.whole", "true");
	assert_at(&waiting, "fences.1.problems", "[]");
}

static void what_is_not_fenced_is_said_once(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer status = { 0 }, fences = { 0 };

	put_web(fixture);
	attach_web(fixture);
	fixture->policies.fences[0].state = FENCE_WAITING;
	fixture->policies.fences[0].obstacle = "its target is there";
	fixture->policies.fences[0].is_uncounted = true;
	status = ask(fixture, "GET /v1/status", "");
	assert_at(&status, "whole", "false");
	assert_at(&status, "fences.1.problems.0.problem", "\"not_fenced\"");
	assert_at(&status, "fences.1.problems.0.message", "\"its target is there\"");
	assert_at(&status, "fences.1.warnings", "[]");
	fences = ask(fixture, "GET /v1/fences", "");
	assert_at(&fences, "fences.0.warnings", "[\"its target is there\"]");
	assert_at(&fences, "fences.0.processes", "null");
}

static void status_says_what_its_own_proof_put_right(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer found = { 0 }, after = { 0 };

	put_web(fixture);
	attach_web(fixture);
	fixture->policies.fences[0].repaired = (struct standing_problem){ STANDING_ENTRY_MISSING,
									  "allow" };
	fixture->policies.fences[0].is_broken = true;
	found = ask(fixture, "GET /v1/status", "");
	assert_at(&found, "whole", "false");
	assert_at(&found, "fences.0.whole", "false");
	assert_at(&found, "fences.0.problems.0.problem", "\"entry_missing\"");
	assert_at(&found, "fences.0.problems.0.repaired", "true");
	after = ask(fixture, "GET /v1/status", "");
	assert_at(&after, "whole", "true");
	assert_at(&after, "fences.0.problems", "[]");
	assert_at(&after, "fences.0.last_repair.age_s", "0");
	assert_at(&after, "fences.0.last_repair.problems.0.of", "\"allow\"");
}

/* Never without a word of it. */
static void a_status_that_is_not_whole_says_why(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer overdue = { 0 }, unpinned = { 0 };

	put_web(fixture);
	attach_web(fixture);
	fixture->policies.name_is_overdue = true;
	overdue = ask(fixture, "GET /v1/status", "");
	assert_at(&overdue, "whole", "false");
	assert_at(&overdue, "fences.0.whole", "false");
	assert_at(&overdue, "fences.0.names_overdue", "1");
	assert_at(&overdue, "fences.0.problems.0.problem", "\"names_overdue\"");
	assert_at(&overdue, "fences.0.problems.0.since_s", "500");
	fixture->policies.name_is_overdue = false;
	fixture->policies.fences[0].is_unpinned = true;
	unpinned = ask(fixture, "GET /v1/status", "");
	assert_at(&unpinned, "whole", "false");
	assert_at(&unpinned, "fences.1.problems.0.problem", "\"unattached\"");
}

/* --- paths and methods ----------------------------------------------------------------------- */

static void what_is_no_path_or_method_is_said(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer answer = ask(fixture, "PATCH /v1/policies/web", "");

	assert_int_equal(answer.status, 405);
	assert_at(&answer, "error.code", "\"method_not_allowed\"");
	assert_non_null(strstr(answer.head, "\r\nAllow: GET, HEAD, PUT, DELETE\r\n"));
	assert_error(fixture, "GET /", "", 404, "\"not_found\"", "null");
	assert_error(fixture, "GET /v2/policies", "", 404, "\"not_found\"", "null");
	assert_error(fixture, "GET /v1/policies/web/", "", 404, "\"not_found\"", "null");
	assert_error(fixture, "GET /v1/policies?x=1", "", 400, "\"bad_request\"", "\"x\"");
	assert_error(fixture, "DELETE /v1/fences?target=a&target=b", "", 400, "\"bad_request\"",
		     "\"target\"");
	assert_error(fixture, "GET /%00", "", 400, "\"bad_request\"", "null");
	assert_error(fixture, "OPTIONS *", "", 404, "\"not_found\"", "null");
}

static void what_is_asked_too_often_is_refused_and_not_noted(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = client_open(fixture->base, fixture->path);

	for (int i = 0; i < 4 * SERVER_BURST && !client->closed; i++) {
		client_send(client, "PUT /v1/policies/web HTTP/1.1\r\nHost: x\r\n"
				    "Content-Length: 0\r\n\r\n");
		event_base_loop(fixture->base, EVLOOP_NONBLOCK);
	}
	client_wait_closed(client);
	assert_non_null(strstr(client->data, "HTTP/1.1 429 "));
	assert_non_null(strstr(client->data, "\r\nRetry-After: 1\r\n"));
	assert_non_null(strstr(fixture->noted, ": 200 OK"));
}

static void before_there_are_policies_nothing_can_be_asked(void **state)
{
	struct fixture *fixture = *state;

	api_use(fixture->api, NULL);
	assert_error(fixture, "GET /v1/policies", "", 503, "\"internal\"", "null");
}

/* --- decisions ------------------------------------------------------------------------------- */

static void decide(struct fixture *fixture, const char *policy, uint16_t port)
{
	const struct cgf_decision decision = { .time_ns = monotonic_ns(),
					       .address = { [10] = 0xff, 0xff, 203, 0, 113, 9 },
					       .port = port,
					       .protocol = IPPROTO_TCP,
					       .rule = CGF_RULE_NONE,
					       .comm = "curl\xff" };
	const struct decision_context context = { .name = "evil.test", .times = 2 };

	api_decided(policy, "container:a", &decision, &context, fixture->api);
}

static void the_last_decisions_can_be_read_of_one_policy_too(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer all = { 0 }, one = { 0 };

	put_policy(fixture, "web");
	put_policy(fixture, "other");
	decide(fixture, "old", 1);
	for (uint16_t i = 0; i < API_DECISIONS_KEPT - 1; i++)
		decide(fixture, "web", (uint16_t)(1000 + i));
	decide(fixture, "other", 2);
	all = ask(fixture, "GET /v1/decisions", "");
	assert_non_null(strstr(all.head, "Content-Type: application/x-ndjson\r\n"));
	assert_null(strstr(all.body, "\"old\""));
	assert_non_null(strstr(all.body, "\"port\":1000,"));
	assert_true(strstr(all.body, "\"port\":1000,") < strstr(all.body, "\"port\":1001,"));
	assert_non_null(
		strstr(all.body, "\"policy\":\"web\",\"fence\":\"container:a\",\"time\":\"20"));
	one = ask(fixture, "GET /v1/decisions?policy=other", "");
	assert_null(strstr(one.body, "\"web\""));
	assert_at(&one, "port", "2");
	assert_at(&one, "times", "2");
	assert_error(fixture, "GET /v1/decisions?policy=old", "", 404, "\"not_found\"",
		     "\"policy\"");
	assert_error(fixture, "GET /v1/decisions?follow&policy=old", "", 404, "\"not_found\"",
		     "\"policy\"");
}

static bool has_followers(void *data)
{
	return !strncmp(((struct client *)data)->data, "HTTP/1.1 200", 12);
}

static struct client *follow(struct fixture *fixture, const char *line)
{
	struct client *client = begin(fixture, line, "");

	assert_true(turn_until(fixture->base, has_followers, client));
	return client;
}

static void new_decisions_are_followed(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *all = follow(fixture, "GET /v1/decisions?follow");
	_cleanup_(client_close) struct client *web = NULL;

	put_web(fixture);
	web = follow(fixture, "GET /v1/decisions?follow=1&policy=web");
	decide(fixture, "other", 1);
	decide(fixture, "web", 2);
	client_wait(all, "\"event\":\"decision\"", 2);
	client_wait(web, "\"port\":2,", 1);
	assert_null(strstr(web->data, "other"));
}

static void a_slow_follower_is_told_what_it_missed(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = follow(fixture, "GET /v1/decisions?follow");
	const char *lost;
	unsigned long count = 0, told = 0, lines = 0;

	event_del(client->event);
	for (int i = 0; i < 5000; i++) {
		decide(fixture, "web", 1);
		event_base_loop(fixture->base, EVLOOP_NONBLOCK);
	}
	client_listen(client);
	client_wait(client, "\"event\":\"lost\"", 1);
	decide(fixture, "web", 7777);
	client_wait(client, "\"port\":7777,", 1);
	for (lost = client->data; (lost = strstr(lost, "\"lost\",\"count\":")); lost++) {
		assert_int_equal(sscanf(lost, "\"lost\",\"count\":%lu", &count), 1);
		told += count;
	}
	for (lost = client->data; (lost = strstr(lost, "\"event\":\"decision\"")); lost++)
		lines++;
	assert_true(told > 0);
	assert_int_equal(told + lines, 5001);
}

static void so_many_may_follow_and_no_more(void **state)
{
	struct fixture *fixture = *state;
	struct client *clients[API_FOLLOWERS_MAX];

	for (size_t i = 0; i < API_FOLLOWERS_MAX; i++)
		clients[i] = follow(fixture, "GET /v1/decisions?follow");
	assert_error(fixture, "GET /v1/decisions?follow", "", 503, "\"too_many\"", "null");
	client_close(&clients[0]);
	while (server_clients(fixture->server) >= API_FOLLOWERS_MAX)
		event_base_loop(fixture->base, EVLOOP_ONCE);
	clients[0] = follow(fixture, "GET /v1/decisions?follow");
	for (size_t i = 0; i < API_FOLLOWERS_MAX; i++)
		client_close(&clients[i]);
}

/* As root. */
static void others_leave_root_room_to_follow(void **state)
{
	struct fixture *fixture = *state;
	struct client *clients[API_FOLLOWERS_OTHERS_MAX + 1], *root;

	assert_int_equal(chmod(fixture->directory, 0755), 0);
	assert_int_equal(chmod(fixture->path, 0666), 0);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		clients[i] = client_open_as(fixture->base, fixture->path, 65534);
		client_send(clients[i], "GET /v1/decisions?follow HTTP/1.1\r\n" HOST "\r\n");
		client_wait(clients[i], "HTTP/1.1 ", 1);
	}
	assert_non_null(strstr(clients[API_FOLLOWERS_OTHERS_MAX]->data, "\"too_many\""));
	root = follow(fixture, "GET /v1/decisions?follow");
	client_close(&root);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		client_close(&clients[i]);
}

/* --- metrics --------------------------------------------------------------------------------- */

static void assert_line(const struct answer *answer, const char *line)
{
	char text[256];

	snprintf(text, sizeof(text), "\n%s\n", line);
	if (!strstr(answer->body, text))
		fail_msg("no line '%s' in: %s", line, answer->body);
}

static void what_is_of_another_version_still_is_not_whole(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer status = { 0 }, metrics = { 0 };

	put_web(fixture);
	attach_web(fixture);
	fixture->policies.fences[0].state = FENCE_UNREPLACED;
	fixture->policies.fences[0].obstacle = "another version's is on it";
	status = ask(fixture, "GET /v1/status", "");
	assert_at(&status, "whole", "false");
	assert_at(&status, "fences.1.state", "\"unreplaced\"");
	assert_at(&status, "fences.1.proved", "false");
	assert_at(&status, "fences.1.problems.0.problem", "\"not_replaced\"");
	assert_at(&status, "fences.1.problems.0.message", "\"another version's is on it\"");
	metrics = ask(fixture, "GET /metrics", "");
	assert_line(&metrics, "cgfence_fences{state=\"unreplaced\"} 1");
	assert_line(&metrics, "cgfence_fences{state=\"waiting\"} 0");
}

/* That the whole is well-formed is for metrics.py to say. */
static int check_format(const struct answer *answer)
{
	FILE *checker = popen("python3 tests/tools/metrics.py >/dev/null", "w");

	assert_non_null(checker);
	fputs(answer->body, checker);
	return pclose(checker);
}

static void metrics_are_what_prometheus_reads(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer answer = { 0 }, gone = { 0 }, after = { 0 };

	put_web(fixture);
	attach_web(fixture);
	decide(fixture, "web", 1);
	decide(fixture, "web", 1);
	answer = ask(fixture, "GET /metrics", "");
	assert_int_equal(answer.status, 200);
	assert_non_null(
		strstr(answer.head, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_line(&answer, "cgfence_build_info{version=\"" CGFENCE_VERSION "\"} 1");
	assert_line(&answer, "cgfence_fences{state=\"standing\"} 1");
	assert_null(strstr(answer.body, "state=\"gone\""));
	assert_line(&answer, "cgfence_flows_total{policy=\"web\",verdict=\"denied\"} 20");
	assert_line(&answer, "cgfence_decisions_total{policy=\"web\",verdict=\"deny\","
			     "reason=\"no_rule\"} 4");
	assert_line(&answer, "cgfence_policy_entries{policy=\"web\"} 3");
	assert_line(&answer, "cgfence_policy_entries_capacity{policy=\"web\"} 64");
	assert_line(&answer, "cgfence_records_lost_total{policy=\"web\"} 40");
	assert_line(&answer, "cgfence_resolver_failures_total{policy=\"web\"} 5");
	assert_line(&answer,
		    "cgfence_name_age_seconds{policy=\"web\",name=\"\\\"odd\\\\\\n?.test\"} "
		    "+Inf");
	assert_line(&answer, "cgfence_fence_repairs_total{policy=\"web\",fence=\"container:a\"} 1");
	assert_int_equal(check_format(&answer), 0);
	gone = ask(fixture, "DELETE /v1/policies/web?force", "");
	assert_int_equal(gone.status, 200);
	after = ask(fixture, "GET /metrics", "");
	assert_null(strstr(after.body, "web"));
	assert_int_equal(check_format(&after), 0);
}

/* A reload drops policies without a word. */
static void decisions_are_counted_of_policies_that_are_there(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(answer_finish) struct answer answer = { 0 };
	char name[32];
	int i;

	put_web(fixture);
	decide(fixture, "web", 1);
	for (i = 0; i < CGF_POLICIES_MAX; i++) {
		snprintf(name, sizeof(name), "dropped%d", i);
		decide(fixture, name, 1);
	}
	decide(fixture, "web", 1);
	answer = ask(fixture, "GET /metrics", "");
	assert_line(&answer, "cgfence_decisions_total{policy=\"web\",verdict=\"deny\","
			     "reason=\"no_rule\"} 4");
	assert_null(strstr(answer.body, "dropped"));
}

#define API_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(a_policy_is_made_changed_shown_and_deleted),
		API_TEST(what_is_wrong_with_a_policy_has_its_place),
		API_TEST(what_is_wrong_with_a_change_names_the_rule),
		API_TEST(a_body_that_is_not_as_it_should_be_is_refused),
		API_TEST(deep_nesting_is_refused),
		API_TEST(a_change_is_answered_when_it_is_done_though_its_maker_has_left),
		API_TEST(a_reload_answers_for_each_policy),
		API_TEST(a_destination_is_checked),
		API_TEST(a_fence_is_put_and_taken),
		API_TEST(a_policy_goes_with_its_fences_if_that_is_wanted),
		API_TEST(status_joins_what_the_kernel_says_and_what_the_daemon_knows),
		API_TEST(what_is_not_fenced_is_said_once),
		API_TEST(what_is_of_another_version_still_is_not_whole),
		API_TEST(status_says_what_its_own_proof_put_right),
		API_TEST(a_status_that_is_not_whole_says_why),
		API_TEST(what_is_no_path_or_method_is_said),
		API_TEST(what_is_asked_too_often_is_refused_and_not_noted),
		API_TEST(before_there_are_policies_nothing_can_be_asked),
		API_TEST(the_last_decisions_can_be_read_of_one_policy_too),
		API_TEST(new_decisions_are_followed),
		API_TEST(a_slow_follower_is_told_what_it_missed),
		API_TEST(so_many_may_follow_and_no_more),
		API_TEST(others_leave_root_room_to_follow),
		API_TEST(metrics_are_what_prometheus_reads),
		API_TEST(decisions_are_counted_of_policies_that_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
