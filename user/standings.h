/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All fences that are pinned as they stand, with what the datapath does not know of them: the paths
 * of their cgroups, what is in these, and the names of devices.
 */
#ifndef CGFENCE_STANDINGS_H
#define CGFENCE_STANDINGS_H

#include "failure.h"
#include "standing.h"

/* As of datapath_standings(). */
int standings_read(struct standings *ret_standings, struct standing_kernel *ret_kernel,
		   struct failure *failure);

#endif
