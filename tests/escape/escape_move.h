/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Leaving the cgroup, for attempts that need more than that. */
#ifndef ESCAPE_MOVE_H
#define ESCAPE_MOVE_H

#include "escape.h"

/* Moves this process to the root of a cgroup2 that is mounted; -1 and errno. */
int escape_move(void);
#endif
