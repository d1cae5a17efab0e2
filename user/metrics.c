// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "metrics.h"

#include <errno.h>
#include <string.h>

#include "metrics_internal.h"
#include "policies.h"
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

/* What is not there any more, such as one whose file a reload did not find. */
void metrics_forget_others(struct metrics *metrics, const struct policies *policies)
{
	struct metrics_counts *counts, *next;

	HASH_ITER (hh, metrics->policies, counts, next)
		if (!policies_has(policies, counts->policy))
			drop(metrics, counts);
}

/* There are no more policies than this at once. */
static bool make_room(struct metrics *metrics, const struct policies *policies)
{
	if (HASH_COUNT(metrics->policies) >= CGF_POLICIES_MAX && policies)
		metrics_forget_others(metrics, policies);
	return HASH_COUNT(metrics->policies) < CGF_POLICIES_MAX;
}

static struct metrics_counts *counts_of(struct metrics *metrics, const struct policies *policies,
					const char *policy)
{
	struct metrics_counts *counts;

	HASH_FIND_STR(metrics->policies, policy, counts);
	if (counts || strlen(policy) >= sizeof(counts->policy))
		return counts;
	counts = make_room(metrics, policies) ? calloc(1, sizeof(*counts)) : NULL;
	if (!counts)
		return NULL;
	strcpy(counts->policy, policy);
	HASH_ADD_STR(metrics->policies, policy, counts);
	return counts;
}

void metrics_count(struct metrics *metrics, const struct policies *policies, const char *policy,
		   const struct cgf_decision *decision, uint64_t times)
{
	struct metrics_counts *counts = counts_of(metrics, policies, policy);

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
