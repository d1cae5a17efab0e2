/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Starting a command inside a cgroup: it is created there, so not one of its instructions runs
 * outside of the fence.
 */
#ifndef CGFENCE_LAUNCH_H
#define CGFENCE_LAUNCH_H

#include <signal.h>

#include "account.h"
#include "failure.h"

struct launch {
	char *const *argv;
	int cgroup_fd;
	const struct account *account;
	const sigset_t *signals; /* the mask the command starts with */
};

struct launched {
	pid_t pid;
	int pidfd; /* readable when the command has ended; the caller closes it */
};

/*
 * Returns when the command has been executed. -ENOENT: there is no such command; -EACCES, -ENOEXEC
 * and the like: it is there and cannot be executed; -ECANCELED: it failed before, see `failure`.
 */
int launch_start(const struct launch *launch, struct launched *ret_launched,
		 struct failure *failure);

/* Reaps the command: its exit status, or 128 + the signal that ended it, as a shell says it. */
int launch_wait(const struct launched *launched, int *ret_status);

#endif
