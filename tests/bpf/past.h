/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Times that have gone by. */
#ifndef CGFENCE_TESTS_BPF_PAST_H
#define CGFENCE_TESTS_BPF_PAST_H

#include <poll.h>
#include <stdint.h>

#include "util.h"

/* When it was `age_s` ago. The clock starts with the machine, so a young one has to wait for that.
 */
static inline uint64_t past_ns(uint64_t age_s)
{
	while (monotonic_ns() < age_s * NSEC_PER_SEC)
		poll(NULL, 0, 100);
	return monotonic_ns() - age_s * NSEC_PER_SEC;
}

#endif
