// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

int run_summary_format(const struct run_summary *summary, char *text, size_t size)
{
	char lost[64] = "", unlearned[64] = "";
	int length;

	if (summary->lost)
		snprintf(lost, sizeof(lost), "; %" PRIu64 " not shown: too many at once",
			 summary->lost);
	if (summary->unlearned)
		snprintf(unlearned, sizeof(unlearned), "; %" PRIu64 " not learned: the map is full",
			 summary->unlearned);
	length = snprintf(
		text, size,
		"cgfence: %" PRIu64 " allowed, %" PRIu64 " %s; %zu name%s, %zu address%s%s%s",
		summary->allowed, summary->denied, summary->audit ? "would be denied" : "denied",
		summary->names, summary->names == 1 ? "" : "s", summary->addresses,
		summary->addresses == 1 ? "" : "es", lost, unlearned);
	return (size_t)length < size ? length : -ENOSPC;
}
