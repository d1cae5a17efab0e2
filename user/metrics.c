// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "metrics.h"

#include <errno.h>
#include <string.h>

#include "metrics_internal.h"
#include "util.h"

int metrics_init(struct metrics **ret_metrics)
{
	*ret_metrics = calloc(1, sizeof(**ret_metrics));
	return *ret_metrics ? 0 : -ENOMEM;
}

static void drop(struct metrics *metrics, struct metrics_counts *counts)
{
	HASH_DEL(metrics->policies, counts);
	free(counts);
}

void metrics_finish(struct metrics **metrics_)
{
	struct metrics *metrics = TAKE_PTR(*metrics_);

	if (!metrics)
		return;
	while (metrics->policies)
		drop(metrics, metrics->policies);
	free(metrics);
}

/* There are no more policies than this at once, so the first one is of a policy that is gone. */
static void make_room(struct metrics *metrics)
{
	if (HASH_COUNT(metrics->policies) >= CGF_POLICIES_MAX)
		drop(metrics, metrics->policies);
}

static struct metrics_counts *counts_of(struct metrics *metrics, const char *policy)
{
	struct metrics_counts *counts;

	HASH_FIND_STR(metrics->policies, policy, counts);
	if (counts || strlen(policy) >= sizeof(counts->policy))
		return counts;
	make_room(metrics);
	counts = calloc(1, sizeof(*counts));
	if (!counts)
		return NULL;
	strcpy(counts->policy, policy);
	HASH_ADD_STR(metrics->policies, policy, counts);
	return counts;
}

void metrics_count(struct metrics *metrics, const char *policy, const struct cgf_decision *decision,
		   uint64_t times)
{
	struct metrics_counts *counts = counts_of(metrics, policy);

	if (counts && decision->verdict <= CGF_ALLOW && decision->reason < CGF_REASON_COUNT)
		counts->counts[decision->verdict][decision->reason] += times;
}

void metrics_forget(struct metrics *metrics, const char *policy)
{
	struct metrics_counts *counts;

	HASH_FIND_STR(metrics->policies, policy, counts);
	if (counts)
		drop(metrics, counts);
}
