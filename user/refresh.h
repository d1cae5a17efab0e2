/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When a question is to be asked again; see "Refresh" in resolver.h. Pure. */
#ifndef CGFENCE_REFRESH_H
#define CGFENCE_REFRESH_H

#include <stdint.h>

/* What is remembered of the answers so far. All zero: none. */
struct refresh {
	uint64_t runs_out_ns; /* when the last good answer does */
	uint32_t failures;    /* since then */
};

/* How long to wait from `now_ns` on; `random` is any number. */
uint64_t refresh_after_answer(struct refresh *refresh, uint64_t now_ns, uint64_t ttl_ns,
			      uint32_t random);
uint64_t refresh_after_failure(struct refresh *refresh);

#endif
