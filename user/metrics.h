/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What there is, in numbers, as Prometheus reads it (text exposition format 0.0.4). Flows are
 * counted by the kernel; why they were denied, by who reads its records.
 */
#ifndef CGFENCE_METRICS_H
#define CGFENCE_METRICS_H

#include <stdint.h>
#include <stdio.h>

struct cgf_decision;
struct metrics;
struct policies;

/* -ENOMEM */
int metrics_init(struct metrics **ret_metrics);
void metrics_finish(struct metrics **metrics);

/*
 * A record that stands for so many, of one of `policies`, which may be NULL: it is not known which
 * there are. Without memory it is not counted.
 */
void metrics_count(struct metrics *metrics, const struct policies *policies, const char *policy,
		   const struct cgf_decision *decision, uint64_t times);
/* The policy is gone, and so are its counts. */
void metrics_forget(struct metrics *metrics, const char *policy);

/* `out` is a stream in memory. Counts of policies that are gone go. */
void metrics_write(struct metrics *metrics, struct policies *policies, FILE *out);

#endif
