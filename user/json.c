// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "json.h"

#include <string.h>

#include "json_internal.h"
#include "util.h"

void json_append(json_t **array, json_t *item)
{
	if (*array && json_array_append_new(*array, item))
		json_decref(TAKE_PTR(*array));
}

char *json_dump(json_t *object)
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

static json_t *question_of(const struct question *question)
{
	char type[QUESTION_TYPE_TEXT_BYTES], text[DNAME_TEXT_BYTES];

	if (!question)
		return json_object();
	return json_pack("{s:s, s:s}", "question", dname_format(&question->name, text), "type",
			 question_type(question->type, type));
}

/* Only what is denied, or would be, is recorded: a decision that allows is one of audit mode. */
json_t *json_decision(const struct cgf_decision *decision, const struct decision_context *context)
{
	json_auto_t *object = json_pack("{s:s, s:I, s:s, s:s, s:s}", "event", "decision", "time_ns",
					(json_int_t)decision->time_ns, "verdict",
					cgf_verdict_to_string(decision->verdict), "mode",
					decision->verdict == CGF_ALLOW ? "audit" : "enforce",
					"hook", cgf_hook_to_string(decision->hook));

	if (!object || json_object_update_new(object, flow_of(decision)) ||
	    json_object_update_new(object, question_of(context->question)) ||
	    json_object_update_new(object, cause_of(decision, context)) ||
	    json_object_update_new(object, process_of(decision, context->times)))
		return NULL;
	return json_incref(object);
}

char *json_of_decision(const struct cgf_decision *decision, const struct decision_context *context)
{
	return json_dump(json_decision(decision, context));
}

char *json_of_note(const char *note)
{
	return json_dump(json_pack("{s:s, s:s}", "event", "note", "message", note));
}

char *json_of_summary(const struct run_summary *summary)
{
	return json_dump(json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "event", "summary",
		"mode", summary->audit ? "audit" : "enforce", "allowed",
		(json_int_t)summary->allowed, "denied", (json_int_t)summary->denied, "probes",
		(json_int_t)summary->probes, "lost", (json_int_t)summary->lost, "learned",
		(json_int_t)summary->learned, "special", (json_int_t)summary->special, "unlearned",
		(json_int_t)summary->unlearned, "names", (json_int_t)summary->names, "addresses",
		(json_int_t)summary->addresses));
}

static json_t *holders_of(const struct stranger *stranger)
{
	char comm[ESCAPE_BYTES(CGF_COMM_BYTES)];
	json_t *holders = json_array();
	size_t i;

	for (i = 0; holders && i < stranger->holder_count; i++) {
		const struct stranger_holder *holder = &stranger->holders[i];

		escape(holder->comm, strnlen(holder->comm, sizeof(holder->comm)), comm,
		       sizeof(comm));
		if (json_array_append_new(holders, json_pack("{s:i, s:i, s:s}", "pid", holder->pid,
							     "fd", holder->fd, "comm", comm))) {
			json_decref(TAKE_PTR(holders));
		}
	}
	return holders;
}

/* What the kernel did not say is null. */
static json_t *kind_of(const struct stranger *stranger)
{
	char family[STRANGER_KIND_BYTES], type[DECISION_NUMBER_BYTES],
		protocol[DECISION_NUMBER_BYTES];
	const struct cgf_decision of = { .protocol = (uint16_t)stranger->protocol,
					 .socket_type = (uint8_t)stranger->type };

	return json_pack("{s:s?, s:s?, s:s?, s:I}", "family",
			 stranger->family < 0 ? NULL : stranger_family(stranger, family),
			 "socket_type", stranger->type < 0 ? NULL : decision_socket_type(&of, type),
			 "protocol",
			 stranger->protocol < 0 ? NULL : decision_protocol(&of, protocol), "inode",
			 (json_int_t)stranger->inode);
}

static json_t *ends_of(const struct stranger *stranger)
{
	char local[ADDRESS_TEXT_BYTES], remote[ADDRESS_TEXT_BYTES];

	if (!stranger->has_flow)
		return json_object();
	return json_pack("{s:i, s:s, s:i, s:s, s:i}", "state", (int)stranger->state, "local",
			 address_format(&stranger->local, local), "local_port",
			 (int)stranger->local_port, "remote",
			 address_format(&stranger->remote, remote), "remote_port",
			 (int)stranger->remote_port);
}

static json_t *origin_of(const struct stranger *stranger)
{
	size_t size = ESCAPE_BYTES(stranger->cgroup ? strlen(stranger->cgroup) : 0);
	_cleanup_free_ char *path = malloc(size);

	if (!path)
		return NULL;
	return json_pack("{s:o, s:s?}", "cgroup_id",
			 stranger->cgroup_id ? json_integer((json_int_t)stranger->cgroup_id)
					     : json_null(),
			 "cgroup", escape_text(stranger->cgroup, path, size));
}

char *json_of_stranger(const struct stranger *stranger)
{
	bool ring = stranger->reason == STRANGER_THREAD_OUTSIDE;
	json_auto_t *object = json_pack("{s:s, s:s}", "event", ring ? "ring" : "socket", "reason",
					stranger_reason_to_string(stranger->reason));

	if (!object)
		return NULL;
	if (ring && json_object_set_new(object, "thread", json_integer(stranger->thread)))
		return NULL;
	if (!ring && (json_object_update_new(object, kind_of(stranger)) ||
		      json_object_update_new(object, ends_of(stranger)) ||
		      json_object_update_new(object, origin_of(stranger))))
		return NULL;
	if (json_object_set_new(object, "holders", holders_of(stranger)))
		return NULL;
	return json_dumps(object, JSON_COMPACT);
}
