// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "decisions.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "datapath.h"
#include "output.h"
#include "policy.h"
#include "report.h"

struct decisions {
	struct decisions_options options;
	struct report *report;
	struct event *ring_event, *report_event;
};

static void tell(const struct cgf_decision *decision, const struct question *question,
		 uint64_t times, void *data)
{
	struct decisions *decisions = data;
	const struct rule *rule = policy_rule(decisions->options.policy, decision->rule);
	char rule_text[CGF_LINE_BYTES_MAX];
	struct address address;
	struct decision_context context = { .question = question, .times = times };

	memcpy(address.bytes, decision->address, sizeof(address.bytes));
	if (decision_has_destination(decision))
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

static void on_report_due(evutil_socket_t fd, short what, void *data)
{
	struct decisions *decisions = data;

	(void)fd;
	(void)what;
	report_flush(decisions->report, monotonic_ns(), false);
	arm_report_timer(decisions);
}

static void on_decision(const struct cgf_decision *decision, void *data)
{
	struct decisions *decisions = data;

	report_add(decisions->report, decision, NULL, monotonic_ns());
}

/* A question that was refused is a decision like any other. */
static void on_message(const struct cgf_message *message, size_t size, void *data)
{
	(void)size;
	if (message->decision.hook != CGF_HOOK_INGRESS)
		on_decision(&message->decision, data);
}

static void on_decisions(evutil_socket_t fd, short what, void *data)
{
	struct decisions *decisions = data;

	(void)fd;
	(void)what;
	datapath_decisions_drain(decisions->options.datapath);
	arm_report_timer(decisions);
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

void decisions_stop(struct decisions **decisions)
{
	if (!*decisions)
		return;
	if ((*decisions)->ring_event)
		event_free((*decisions)->ring_event);
	if ((*decisions)->report_event)
		event_free((*decisions)->report_event);
	report_finish(&(*decisions)->report);
	free(TAKE_PTR(*decisions));
}
