/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Between the mounts*.c files that find out what is to be covered. */
#ifndef CGFENCE_MOUNTS_INTERNAL_H
#define CGFENCE_MOUNTS_INTERNAL_H

#include "mounts.h"

/* The steps are done from the last to the first: what is mounted on top comes before. */
int mounts_add(struct mounts *mounts, enum mounts_cover cover, const char *path);
bool mounts_is_listed(const struct mounts *mounts, enum mounts_cover cover, const char *path);

/* The Unix sockets of resolvers outside; see mounts_resolver.c. */
int mounts_find_resolvers(struct mounts *mounts);

#endif
