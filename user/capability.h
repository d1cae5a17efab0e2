/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Capabilities by name, and which of them a command that runs as root has. A set has one bit for
 * each capability number.
 */
#ifndef CGFENCE_CAPABILITY_H
#define CGFENCE_CAPABILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What root programs need, and nothing that leads around the fence. */
extern const uint64_t capability_defaults;

bool capability_in(uint64_t set, unsigned int capability);

/* What the daemon needs when it has begun. */
extern const uint64_t capability_daemon;

/* One of the set that this process has not, or -1. */
int capability_missing(uint64_t set);
/* "net_raw" */
const char *capability_name(unsigned int capability);
/*
 * This thread, and what it starts, has these at most from now on and for ever. Needs CAP_SETPCAP.
 * -errno.
 */
int capability_limit(uint64_t set);

/*
 * "net_raw,CAP_SYS_TIME", or "all". -EINVAL: the word at `ret_word`, of `ret_length` bytes, is not
 * a capability.
 */
int capability_parse(const char *list, uint64_t *ret_set, const char **ret_word,
		     size_t *ret_length);

#endif
