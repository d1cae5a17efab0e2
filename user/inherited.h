/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the command would inherit as standard input, output or error although it leads around the
 * fence: programs of a cgroup decide on sockets that are made in it, and on no others.
 */
#ifndef CGFENCE_INHERITED_H
#define CGFENCE_INHERITED_H

#include "failure.h"

/*
 * -EPERM, with what it is and where it leads in `failure`, if `fd` is a socket (not AF_UNIX, which
 * is how systemd and others hand out standard output), something else that sends, or opens what is
 * hidden from the command.
 */
int inherited_check(int fd, struct failure *failure);

#endif
