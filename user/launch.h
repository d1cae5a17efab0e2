/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Starting a command inside a cgroup: it is created there, so not one of its instructions runs
 * outside of the fence; and confined before it is executed.
 */
#ifndef CGFENCE_LAUNCH_H
#define CGFENCE_LAUNCH_H

#include <signal.h>

#include "account.h"
#include "confine.h"
#include "failure.h"

struct launch {
	char *const *argv;
	int cgroup_fd;
	const struct account *account;
	const struct confinement *confinement;
	/* What the command starts with: its caller's. */
	const sigset_t *mask;
	sighandler_t sigpipe, sigchld;
};

/*
 * Returns when the command has been executed. -ENOENT: there is no such command; -EACCES, -ENOEXEC
 * and the like: it is there and cannot be executed; -ECANCELED: it failed before, see `failure`.
 */
int launch_start(const struct launch *launch, pid_t *ret_pid, struct failure *failure);

/*
 * Reaps the command if it has ended: its exit status, or 128 + the signal that ended it, as a shell
 * says it. -EAGAIN: it has not.
 */
int launch_reap(pid_t pid, int *ret_status);

#endif
