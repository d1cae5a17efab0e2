/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What went wrong, in words: modules below the command layer never log, they fill one of these and
 * return -errno, and the command prints it. What, which object, why, and the next step.
 */
#ifndef CGFENCE_FAILURE_H
#define CGFENCE_FAILURE_H

#include "util.h"

struct failure {
	char text[512];
};

/*
 * Fills `failure` (which may be NULL) and returns -error. If `error` is not 0 its words follow the
 * text after a colon.
 */
int failure_set(struct failure *failure, int error, const char *format, ...) _printf_(3, 4);

/* Appends the next step, on a line of its own. */
void failure_hint(struct failure *failure, const char *format, ...) _printf_(2, 3);

#endif
