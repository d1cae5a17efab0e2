/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The decisions of one fence, told while it stands: from the kernel through the report to the
 * output, with what is known of names and rules, and summed up at the end.
 */
#ifndef CGFENCE_DECISIONS_H
#define CGFENCE_DECISIONS_H

struct datapath_policy;
struct decisions;
struct event_base;
struct output;
struct policy;

struct decisions_options {
	struct event_base *base;
	const struct policy *policy;
	struct datapath_policy *datapath;
	struct output *output;
};

/* From now on decisions are told from the loop. The options' objects stay in use. -errno. */
int decisions_start(struct decisions **ret_decisions, const struct decisions_options *options);
/* Tells what is still to be told, and the summary: nothing runs inside any more. */
void decisions_sum_up(struct decisions *decisions);
/* Before the policy's maps are closed. */
void decisions_stop(struct decisions **decisions);

#endif
