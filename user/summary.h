/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a run comes to, in one line. Pure. */
#ifndef CGFENCE_SUMMARY_H
#define CGFENCE_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>

#include "cgfence.h"

struct run_summary {
	struct cgf_counters counters;
	bool audit;
	size_t names;	  /* that have addresses */
	size_t addresses; /* of names */
};

/* "cgfence: 12 allowed, 3 denied; 2 names, 5 addresses". Returns the length or -ENOSPC. */
int run_summary_format(const struct run_summary *summary, char *text, size_t size);

#endif
