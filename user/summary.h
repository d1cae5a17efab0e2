/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a run comes to, in one line. Pure. */
#ifndef CGFENCE_SUMMARY_H
#define CGFENCE_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_summary {
	uint64_t allowed;
	uint64_t denied;    /* what was told, and what was lost; in audit mode: would be denied */
	uint64_t probes;    /* refused too, and no one's attempt */
	uint64_t lost;	    /* of `denied`: not told, as there were too many at once */
	uint64_t learned;   /* entries that answers to the command gave or renewed */
	uint64_t special;   /* addresses in them that names must not have */
	uint64_t unlearned; /* entries there was no room for */
	size_t names;	    /* that have addresses */
	size_t addresses;   /* of names */
	bool audit;
};

/*
 * "cgfence: 12 allowed, 3 denied; 2 names, 5 addresses", and what was not shown or not learned, if
 * anything. Returns the length or -ENOSPC.
 */
int run_summary_format(const struct run_summary *summary, char *text, size_t size);

#endif
