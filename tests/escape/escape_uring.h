/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ring that `escape outside` makes for others to inherit. */
#ifndef ESCAPE_URING_H
#define ESCAPE_URING_H

#include "escape.h"

/* Where all who use that ring map what its entries point to: its thread reads its maker's memory.
 */
#define ESCAPE_URING_SHARED 0x70000000UL

/* A file of the directory; MAP_FAILED and errno. */
void *escape_uring_share(const char *directory);
/* A ring with a kernel thread, whose parameters are in the shared memory; -1 and errno. */
int escape_uring_leave(const char *directory);

#endif
