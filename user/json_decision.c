// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* json_of_decision(), the other way round. */
#include <errno.h>
#include <string.h>

#include "escape.h"
#include "json_client.h"
#include "util.h"

static const char *text_of(const struct json_value *value, const char *key)
{
	const char *text = json_get_text(value, key);

	return text ? text : "";
}

static const char *unescape_text(const char *text, char *bytes, size_t size)
{
	unescape(text, strlen(text), bytes, size);
	return bytes;
}

static int read_kind(const struct json_value *value, struct cgf_decision *decision)
{
	int verdict = decision_verdict_parse(text_of(value, "verdict")),
	    hook = decision_hook_parse(text_of(value, "hook")),
	    reason = decision_reason_parse(text_of(value, "reason"));

	if (verdict < 0 || hook < 0)
		return -EBADMSG;
	decision->verdict = (uint8_t)verdict;
	decision->hook = (uint8_t)hook;
	/* A newer daemon's has no words here. */
	decision->reason = (uint8_t)(reason < 0 ? UINT8_MAX : reason);
	return 0;
}

static int read_address(const struct json_value *value, struct cgf_decision *decision)
{
	const char *text = json_get_text(value, "address");
	struct address address;

	if (!text)
		return 0;
	if (address_parse(text, &address))
		return -EBADMSG;
	memcpy(decision->address, address.bytes, sizeof(address.bytes));
	return 0;
}

static uint16_t number_of(const struct json_value *value, const char *key)
{
	return (uint16_t)json_get_number(value, key, 0);
}

static void read_flow(const struct json_value *value, struct cgf_decision *decision)
{
	decision->protocol = (uint16_t)decision_protocol_parse(text_of(value, "protocol"));
	decision->port = number_of(value, "port");
	if (decision->hook == CGF_HOOK_INGRESS)
		decision->local_port = number_of(value, "local_port");
	if (decision->hook == CGF_HOOK_SOCKET) {
		decision->family = (uint8_t)decision_family_parse(text_of(value, "family"));
		decision->socket_type = (uint8_t)decision_socket_type_parse(
			text_of(value, "socket_type"));
	}
	if (decision->hook == CGF_HOOK_SETSOCKOPT) {
		decision->option_level = (uint16_t)decision_option_level_parse(
			text_of(value, "level"));
		decision->option = number_of(value, "option");
	}
}

static void read_process(const struct json_value *value, struct cgf_decision *decision)
{
	char comm[CGF_COMM_BYTES + 1] = "";

	decision->time_ns = (uint64_t)json_get_number(value, "time_ns", 0);
	decision->pid = (uint32_t)json_get_number(value, "pid", 0);
	decision->tid = (uint32_t)json_get_number(value, "tid", 0);
	decision->uid = (uint32_t)json_get_number(value, "uid", 0);
	unescape_text(text_of(value, "comm"), comm, sizeof(comm));
	memcpy(decision->comm, comm, strlen(comm));
}

static int read_question(const struct json_value *value, struct question *question)
{
	const char *name = json_get_text(value, "question"), *type = json_get_text(value, "type");
	int number = type ? question_type_parse(type) : -EBADMSG;

	if (!name)
		return 0;
	if (number < 0 || dname_parse(name, &question->name))
		return -EBADMSG;
	question->type = (uint16_t)number;
	question->class = QUESTION_CLASS_IN;
	return 0;
}

int json_read_decision(const struct json_value *document, struct json_decision *ret_decision)
{
	const char *name = json_get_text(document, "name"), *rule = json_get_text(document, "rule");
	struct json_decision *to = ret_decision;

	*to = (struct json_decision){};
	if (read_kind(document, &to->decision) || read_address(document, &to->decision) ||
	    read_question(document, &to->question))
		return -EBADMSG;
	read_flow(document, &to->decision);
	read_process(document, &to->decision);
	to->context.times = (uint64_t)json_get_number(document, "times", 1);
	if (name)
		to->context.name = unescape_text(name, to->name, sizeof(to->name));
	if (rule)
		to->context.rule = unescape_text(rule, to->rule, sizeof(to->rule));
	if (to->question.name.length)
		to->context.question = &to->question;
	return 0;
}
