// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "decisions.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <string.h>

#include "answer.h"
#include "datapath.h"
#include "output.h"
#include "policy.h"
#include "refusal.h"
#include "report.h"

struct decisions {
	struct decisions_options options;
	struct report *report;
	struct refusal *refusal; /* NULL: nobody answers */
	struct event *ring_event, *report_event;
};

/* Such a one is held by the report until that is known. */
static bool may_be_probe(const struct cgf_decision *decision)
{
	return decision->hook == CGF_HOOK_CONNECT && decision->protocol == IPPROTO_UDP;
}

static void denied(const struct decisions *decisions, const struct cgf_decision *decision)
{
	decisions->options.denied(decision, decisions->options.data);
}

static void refused(const struct decisions *decisions, const struct cgf_decision *decision,
		    uint64_t netns_cookie)
{
	if (decisions->options.refused)
		decisions->options.refused(decision, netns_cookie, decisions->options.data);
}

/* The kernel knows of a question only that it is refused. */
static const struct rule *rule_of(const struct policy *policy, const struct cgf_decision *decision,
				  const struct question *question)
{
	char name[DNAME_TEXT_BYTES];

	if (!question)
		return policy_rule(policy, decision->rule);
	dname_format(&question->name, name);
	return policy_rule(policy, policy_question_denied_by(policy, name));
}

static void tell(const struct cgf_decision *decision, const struct question *question,
		 uint64_t times, void *data)
{
	struct decisions *decisions = data;
	const struct rule *rule = rule_of(decisions->options.policy, decision, question);
	char rule_text[CGF_LINE_BYTES_MAX];
	struct address address;
	struct decision_context context = { .question = question, .times = times };

	memcpy(address.bytes, decision->address, sizeof(address.bytes));
	if (may_be_probe(decision))
		denied(decisions, decision);
	if (decision_has_destination(decision) && !question)
		context.name = policy_name_of(decisions->options.policy, &address);
	if (rule && rule_format(rule, rule_text, sizeof(rule_text)) > 0)
		context.rule = rule_text;
	output_decision(decisions->options.output, decision, &context);
}

/* One timer for whatever the report has to tell next. */
static void arm_report_timer(struct decisions *decisions)
{
	uint64_t now_ns = monotonic_ns(), due_ns = report_due_ns(decisions->report);
	uint64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;
	const struct timeval wait = {
		.tv_sec = (time_t)(wait_ns / NSEC_PER_SEC),
		.tv_usec = (suseconds_t)(wait_ns % NSEC_PER_SEC / 1000 + 1),
	};

	if (due_ns)
		event_add(decisions->report_event, &wait);
	else
		event_del(decisions->report_event);
}

void decisions_catch_up(struct decisions *decisions)
{
	datapath_decisions_drain(decisions->options.datapath);
	arm_report_timer(decisions);
}

/* What it tells may have a name by now. */
static void on_report_due(evutil_socket_t fd, short what, void *data)
{
	struct decisions *decisions = data;

	(void)fd;
	(void)what;
	datapath_decisions_drain(decisions->options.datapath);
	report_flush(decisions->report, monotonic_ns(), false);
	arm_report_timer(decisions);
}

static void on_decision(const struct cgf_decision *decision, void *data)
{
	struct decisions *decisions = data;

	refused(decisions, decision, 0);
	if (!may_be_probe(decision))
		denied(decisions, decision);
	report_add(decisions->report, decision, NULL, monotonic_ns());
}

static size_t length_of(const struct cgf_message *message, size_t size)
{
	size_t room = size - sizeof(*message);

	return message->length < room ? message->length : room;
}

static void answer(const struct decisions *decisions, const struct cgf_message *message,
		   size_t size)
{
	if (decisions->options.answer)
		decisions->options.answer(message, size, decisions->options.data);
	else if (decisions->refusal)
		refusal_send(decisions->refusal, message, size);
}

static void on_refused(struct decisions *decisions, const struct cgf_message *message, size_t size)
{
	const struct cgf_decision *decision = &message->decision;
	bool is_question = decision->reason == CGF_REASON_QUESTION;
	bool waits = message->answered || decision->protocol == IPPROTO_TCP;
	struct question question;
	size_t end;

	/* First this: somebody waits for it. In audit mode it is on its way to the resolver. */
	if (waits && decision->verdict == CGF_DENY)
		answer(decisions, message, size);
	refused(decisions, decision, message->netns_cookie);
	is_question = is_question &&
		      !question_read(message->bytes, length_of(message, size), &question, &end);
	report_add(decisions->report, decision, is_question ? &question : NULL, monotonic_ns());
}

/* What cannot be read taught the kernel nothing either, but for what it refused. */
static void on_answer(const struct decisions *decisions, const struct cgf_message *message,
		      size_t size)
{
	struct answer learned;

	if (!answer_read(message->bytes, length_of(message, size), &learned))
		decisions->options.learned(&learned, message->grant, message->decision.time_ns,
					   decisions->options.data);
}

static void on_message(const struct cgf_message *message, size_t size, void *data)
{
	if (message->decision.hook == CGF_HOOK_INGRESS && message->decision.verdict == CGF_ALLOW)
		on_answer(data, message, size);
	else
		on_refused(data, message, size);
}

static void on_decisions(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	decisions_catch_up(data);
}

/* Of what the kernel refused, the report knows what was an attempt. */
static void summarize(const struct decisions *decisions, const struct cgf_counters *counters,
		      struct run_summary *summary)
{
	uint64_t refused = counters->denied + counters->audited;

	summary->allowed = counters->allowed;
	summary->lost = counters->records_lost + decisions->options.output->dropped;
	summary->denied = report_decisions(decisions->report) + counters->records_lost;
	summary->probes = refused > summary->denied ? refused - summary->denied : 0;
	summary->audit = policy_target(decisions->options.policy).mode == CGF_MODE_AUDIT;
	summary->learned = counters->learned;
	summary->special = counters->special;
	summary->unlearned = counters->unlearned;
	policy_count_names(decisions->options.policy, &summary->names, &summary->addresses);
}

void decisions_sum_up(struct decisions *decisions)
{
	struct run_summary summary = {};
	struct cgf_counters counters;

	datapath_decisions_drain(decisions->options.datapath);
	report_flush(decisions->report, monotonic_ns(), true);
	if (datapath_counters(decisions->options.datapath, &counters))
		return;
	summarize(decisions, &counters, &summary);
	output_summary(decisions->options.output, &summary);
}

static int watch(struct decisions *decisions)
{
	int fd, r = datapath_decisions_open(decisions->options.datapath, on_decision, on_message,
					    decisions, &fd);

	if (r)
		return r;
	decisions->ring_event = event_new(decisions->options.base, fd, EV_READ | EV_PERSIST,
					  on_decisions, decisions);
	decisions->report_event = event_new(decisions->options.base, -1, 0, on_report_due,
					    decisions);
	if (!decisions->ring_event || !decisions->report_event)
		return -ENOMEM;
	return event_add(decisions->ring_event, NULL) ? -ENOMEM : 0;
}

int decisions_start(struct decisions **ret_decisions, const struct decisions_options *options)
{
	_cleanup_(decisions_stop) struct decisions *decisions = calloc(1, sizeof(*decisions));
	int r;

	if (!decisions)
		return -ENOMEM;
	decisions->options = *options;
	r = report_init(&decisions->report, tell, decisions);
	if (!r)
		r = watch(decisions);
	if (!r)
		*ret_decisions = TAKE_PTR(decisions);
	return r;
}

int decisions_answer_refused(struct decisions *decisions)
{
	return refusal_open(&decisions->refusal);
}

void decisions_stop(struct decisions **decisions)
{
	if (!*decisions)
		return;
	if ((*decisions)->ring_event)
		event_free((*decisions)->ring_event);
	if ((*decisions)->report_event)
		event_free((*decisions)->report_event);
	refusal_close(&(*decisions)->refusal);
	report_finish(&(*decisions)->report);
	free(TAKE_PTR(*decisions));
}
