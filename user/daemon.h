/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daemon: policies kept in force, and the control API, on one loop, until a signal ends it.
 * Fences stay as they are then. SIGHUP reads the policies anew.
 */
#ifndef CGFENCE_DAEMON_H
#define CGFENCE_DAEMON_H

#include "failure.h"

/* Whose members may connect. */
#define DAEMON_GROUP "cgfence"

struct daemon_options {
	const char *policy_dir, *socket;
};

/* 0 if it was asked to end; -errno if it could not begin, or go on. */
int daemon_run(const struct daemon_options *options, struct failure *failure);

#endif
