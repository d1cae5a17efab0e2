/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A Landlock domain around the command. It takes no access to files away: it is for the border,
 * across which nobody inside can trace, read or write the memory of a process, or use the links in
 * its /proc/PID. mount(2) fails inside.
 */
#ifndef CGFENCE_LANDLOCK_H
#define CGFENCE_LANDLOCK_H

#include "failure.h"

/* A rule set, for landlock_enter(); -EOPNOTSUPP if the kernel has no Landlock that can do this. */
int landlock_open(int *ret_fd);
/* In the process that is to become the command: a system call only. Needs no_new_privs. */
int landlock_enter(int fd);

#endif
