// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "refresh.h"

#include <stdbool.h>

#include "resolver.h"
#include "util.h"

#define EARLY_PERMILLE_MIN 800
#define EARLY_PERMILLE_RANGE 151 /* up to 950 */

/* More doublings than lead from RESOLVER_RETRY_S to RESOLVER_RETRY_MAX_S, and no overflow. */
#define DOUBLINGS_MAX 16

uint64_t refresh_after_answer(struct refresh *refresh, uint64_t now_ns, uint64_t ttl_ns,
			      uint32_t random)
{
	uint64_t permille = random % EARLY_PERMILLE_RANGE, wait_ns;
	bool same = now_ns + ttl_ns <= refresh->runs_out_ns + NSEC_PER_SEC;

	refresh->failures = 0;
	refresh->runs_out_ns = now_ns + ttl_ns;
	if (same && ttl_ns / 1000 * permille > NSEC_PER_SEC)
		wait_ns = ttl_ns + NSEC_PER_SEC;
	else if (same)
		wait_ns = ttl_ns + ttl_ns / 1000 * permille;
	else
		wait_ns = ttl_ns / 1000 * (EARLY_PERMILLE_MIN + permille);
	if (wait_ns < RESOLVER_TTL_FLOOR_S * NSEC_PER_SEC)
		return RESOLVER_TTL_FLOOR_S * NSEC_PER_SEC;
	return wait_ns;
}

uint64_t refresh_after_failure(struct refresh *refresh)
{
	uint64_t wait_s = (uint64_t)RESOLVER_RETRY_S << refresh->failures;

	if (refresh->failures < DOUBLINGS_MAX)
		refresh->failures++;
	return (wait_s < RESOLVER_RETRY_MAX_S ? wait_s : RESOLVER_RETRY_MAX_S) * NSEC_PER_SEC;
}
