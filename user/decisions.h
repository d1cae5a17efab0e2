/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The decisions by one policy, told while it is in force: from the kernel through the report to the
 * output, with what is known of names and rules, and summed up at the end.
 */
#ifndef CGFENCE_DECISIONS_H
#define CGFENCE_DECISIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct datapath_policy;
struct decisions;
struct event_base;
struct output;
struct policy;

struct answer;
struct cgf_decision;
struct cgf_message;

struct decisions_options {
	struct event_base *base;
	const struct policy *policy;
	struct datapath_policy *datapath;
	struct output *output;
	/*
	 * Called for each denial that is an attempt: at once, or, of a UDP connect(), which may be
	 * a probe, when it is told.
	 */
	void (*denied)(const struct cgf_decision *decision, void *data);
	/* Called when the kernel has learned from an answer. */
	void (*learned)(const struct answer *answer, uint32_t grant, uint64_t time_ns, void *data);
	/*
	 * Called for each refusal at once, be it an attempt or not; `netns_cookie` is 0 if the
	 * kernel does not say. May be NULL.
	 */
	void (*refused)(const struct cgf_decision *decision, uint64_t netns_cookie, void *data);
	/* Answers a question that was refused; NULL: see decisions_answer_refused(). */
	void (*answer)(const struct cgf_message *message, size_t size, void *data);
	void *data; /* for all */
};

/*
 * Sees to it that questions which are refused are answered, or why not: -errno. Without it the
 * command gets EPERM.
 */
int decisions_answer_refused(struct decisions *decisions);
/* From now on decisions are told from the loop. The options' objects stay in use. -errno. */
int decisions_start(struct decisions **ret_decisions, const struct decisions_options *options);
/*
 * Reads what the kernel has to tell by now: it wakes no one for what it learned, so whoever needs
 * to know that calls this. Not from the callbacks.
 */
void decisions_catch_up(struct decisions *decisions);
/* Tells what is still to be told, and the summary: nothing runs inside any more. */
void decisions_sum_up(struct decisions *decisions);
/* Before the policy's maps are closed. */
void decisions_stop(struct decisions **decisions);

#endif
