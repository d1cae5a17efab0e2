/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which refused UDP connects are probes and which are attempts. A suspect is held for
 * REPORT_HOLD_MS. It is a probe if, as long before or after it,
 * - its process tried TCP on that port, or
 * - its socket was connected to another address, be it another suspect or what the kernel already
 *   knew for a probe (CGF_FLAG_PROBE),
 * and at once if its port is 0, 9 or 65535. An allowed connect leaves no record and is not seen.
 *
 * No more than PROBES_HELD_MAX suspects and PROBES_TRACES_MAX traces (what a process or a socket
 * did lately) are kept; beyond it the oldest suspect counts as an attempt, and the oldest trace is
 * forgotten, with its suspects. So a flood makes lines early, or lines too many, never too few.
 */
#ifndef CGFENCE_PROBES_H
#define CGFENCE_PROBES_H

#include <stdbool.h>
#include <stdint.h>

#include "cgfence.h"

#define PROBES_HELD_MAX 1024
#define PROBES_TRACES_MAX 4096

struct probes;

/* Called with a suspect that was an attempt after all. */
typedef void (*probes_fn)(const struct cgf_decision *decision, uint64_t now_ns, void *data);

int probes_init(struct probes **ret_probes, probes_fn attempt, void *data);
void probes_finish(struct probes **probes);

/*
 * After probes_flush() of the same time. 0: held, or a probe; 1: an attempt, for the caller to
 * tell; -ENOMEM: also an attempt, and of what it says about others nothing is remembered.
 */
int probes_add(struct probes *probes, const struct cgf_decision *decision, uint64_t now_ns);
/* Judges the suspects that are due; with `all`, all of them. */
void probes_flush(struct probes *probes, uint64_t now_ns, bool all);
/* When the first suspect is due; 0 if none is held. */
uint64_t probes_due_ns(const struct probes *probes);

#endif
