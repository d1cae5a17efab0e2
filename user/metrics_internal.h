/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the metrics share. */
#ifndef CGFENCE_METRICS_INTERNAL_H
#define CGFENCE_METRICS_INTERNAL_H

#include <uthash.h>

#include "cgfence.h"
#include "metrics.h"

/* Records of one policy. */
struct metrics_counts {
	char policy[CGF_POLICY_NAME_MAX + 1];
	uint64_t counts[CGF_ALLOW + 1][CGF_REASON_COUNT];
	UT_hash_handle hh;
};

struct metrics {
	struct metrics_counts *policies;
};

/* Drops the counts of all but these. */
void metrics_forget_others(struct metrics *metrics, const struct policies *policies);

#endif
