// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "json.h"

#include <jansson.h>
#include <string.h>

/* Takes over `object`, which is NULL if it could not be made. */
static char *dump(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

static json_t *flow_of(const struct cgf_decision *decision)
{
	char family[DECISION_NUMBER_BYTES], type[DECISION_NUMBER_BYTES],
		protocol[DECISION_NUMBER_BYTES];
	const char *protocol_text = decision_protocol(decision, protocol);
	char level[DECISION_NUMBER_BYTES];
	char address[ADDRESS_TEXT_BYTES];
	bool ipv4;

	if (decision->hook == CGF_HOOK_SOCKET)
		return json_pack("{s:s, s:s, s:s}", "family", decision_family(decision, family),
				 "socket_type", decision_socket_type(decision, type), "protocol",
				 protocol_text);
	if (decision->hook == CGF_HOOK_SETSOCKOPT)
		return json_pack("{s:s, s:s, s:i}", "protocol", protocol_text, "level",
				 decision_option_level(decision, level), "option",
				 (int)decision->option);
	if (decision->hook == CGF_HOOK_INGRESS)
		return json_pack("{s:s, s:s, s:i, s:i}", "protocol", protocol_text, "address",
				 decision_address(decision, &ipv4, address), "port",
				 (int)decision->port, "local_port", (int)decision->local_port);
	return json_pack("{s:s, s:s, s:i}", "protocol", protocol_text, "address",
			 decision_address(decision, &ipv4, address), "port", (int)decision->port);
}

static json_t *cause_of(const struct cgf_decision *decision, const struct decision_context *context)
{
	char name[ESCAPE_BYTES(CGF_NAME_BYTES_MAX)], rule[ESCAPE_BYTES(CGF_LINE_BYTES_MAX)];

	return json_pack("{s:s?, s:s, s:s?}", "name",
			 escape_text(context->name, name, sizeof(name)), "reason",
			 cgf_reason_to_string(decision->reason), "rule",
			 escape_text(context->rule, rule, sizeof(rule)));
}

static json_t *process_of(const struct cgf_decision *decision, uint64_t times)
{
	char comm[DECISION_COMM_BYTES];

	return json_pack("{s:I, s:I, s:I, s:s, s:I}", "pid", (json_int_t)decision->pid, "tid",
			 (json_int_t)decision->tid, "uid", (json_int_t)decision->uid, "comm",
			 decision_comm(decision, comm), "times", (json_int_t)times);
}

/* Only what is denied, or would be, is recorded: a decision that allows is one of audit mode. */
char *json_of_decision(const struct cgf_decision *decision, const struct decision_context *context)
{
	json_auto_t *object = json_pack("{s:s, s:I, s:s, s:s, s:s}", "event", "decision", "time_ns",
					(json_int_t)decision->time_ns, "verdict",
					cgf_verdict_to_string(decision->verdict), "mode",
					decision->verdict == CGF_ALLOW ? "audit" : "enforce",
					"hook", cgf_hook_to_string(decision->hook));

	if (!object || json_object_update_new(object, flow_of(decision)) ||
	    json_object_update_new(object, cause_of(decision, context)) ||
	    json_object_update_new(object, process_of(decision, context->times)))
		return NULL;
	return json_dumps(object, JSON_COMPACT);
}

char *json_of_note(const char *note)
{
	return dump(json_pack("{s:s, s:s}", "event", "note", "message", note));
}

char *json_of_summary(const struct run_summary *summary)
{
	return dump(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "event", "summary",
			      "mode", summary->audit ? "audit" : "enforce", "allowed",
			      (json_int_t)summary->allowed, "denied", (json_int_t)summary->denied,
			      "probes", (json_int_t)summary->probes, "lost",
			      (json_int_t)summary->lost, "names", (json_int_t)summary->names,
			      "addresses", (json_int_t)summary->addresses));
}
