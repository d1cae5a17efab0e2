/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Leaving the cgroup, for attempts that need more than that. */
#ifndef ESCAPE_MOVE_H
#define ESCAPE_MOVE_H

#include "escape.h"

/* Moves this process to the root of a cgroup2 that is mounted; -1 and errno. */
int escape_move(void);
/*
 * In a mount namespace of its own: where file systems of this type are mounted one over the other,
 * the lowest is seen again. -1 and errno.
 */
int escape_uncover(const char *type);

#endif
