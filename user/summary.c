// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

/* Probes were no one's attempt, and are not told of; see CGF_FLAG_PROBE. */
static uint64_t attempts_refused(const struct run_summary *summary)
{
	uint64_t refused = summary->audit ? summary->counters.audited : summary->counters.denied;

	return refused > summary->counters.probes ? refused - summary->counters.probes : 0;
}

int run_summary_format(const struct run_summary *summary, char *text, size_t size)
{
	char lost[64] = "";
	int length;

	if (summary->counters.records_lost)
		snprintf(lost, sizeof(lost), "; %" PRIu64 " not shown: too many at once",
			 (uint64_t)summary->counters.records_lost);
	length = snprintf(text, size,
			  "cgfence: %" PRIu64 " allowed, %" PRIu64
			  " %s; %zu name%s, %zu address%s%s",
			  (uint64_t)summary->counters.allowed, attempts_refused(summary),
			  summary->audit ? "would be denied" : "denied", summary->names,
			  plural(summary->names), summary->addresses,
			  summary->addresses == 1 ? "" : "es", lost);
	return (size_t)length < size ? length : -ENOSPC;
}
