/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A process outside of the fence, of the same user as the one inside, for that one to use. */
#ifndef ESCAPE_OUTSIDE_H
#define ESCAPE_OUTSIDE_H

#include <sys/types.h>

#include "escape.h"

/* What that process sends once it is given; a multiple of the size of long. */
struct order {
	union address to;
	char payload[96];
	long given;
};

/* At the same address in every process of this program. */
extern struct order escape_outside_order;

/* -1 if there is none. */
pid_t escape_outside_pid(const char *directory);
/* Waits for two descriptors; -1 and errno. */
int escape_outside_receive(int fd, int ret_fds[2]);
/* Waits until the order has been carried out, and says so. */
int escape_outside_done(const struct attempt *attempt);
/* escape outside DIRECTORY UID GID CGROUP KIND COMMAND…; its exit status is the command's. */
int escape_outside(int argc, char **argv);

#endif
