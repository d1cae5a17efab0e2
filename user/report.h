/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which decisions a person is told of, and when: the first of a kind at once, its repetitions
 * together, and none of the probes by which getaddrinfo() sorts addresses. Pure: the caller brings
 * decisions and the time, which must not go back, and gets lines back.
 *
 * Decisions are of one kind if fence, verdict, hook, protocol, address, port and comm are the same,
 * for CGF_HOOK_SOCKET also family and type, and for a refused question also what is asked for.
 * Repetitions are told after REPORT_REPEAT_MS, then after twice that, and so on, and at the end.
 * What comes back after its interval is told at once; the interval grows all the same, and starts
 * anew when nothing was told for REPORT_REPEAT_MAX_MS.
 *
 * A refused UDP connect() may be a probe: RFC 6724 makes libraries connect a UDP socket to each
 * address of a host to see which source address it gets. So it is held for REPORT_HOLD_MS, and not
 * told if by then the same process tried TCP on that port, or connected the same socket to another
 * address, or if the port is one that only probes use (0, 9 and 65535: c-ares, Go and musl).
 */
#ifndef CGFENCE_REPORT_H
#define CGFENCE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "cgfence.h"
#include "question.h"

#define REPORT_HOLD_MS 1000
#define REPORT_REPEAT_MS 1000
#define REPORT_REPEAT_MAX_MS 60000
/*
 * Kinds remembered at once. Beyond it the one that was told longest ago is forgotten, or if all
 * have something to tell, the one that is due first is told and forgotten; back again it is a new
 * kind.
 */
#define REPORT_KINDS_MAX 1024

struct report;

/*
 * `times` counts all of this kind up to now, those told before included; `decision` is the last of
 * them, and `question` what it refused, or NULL. Must not call back into the report.
 */
typedef void (*report_fn)(const struct cgf_decision *decision, const struct question *question,
			  uint64_t times, void *data);

int report_init(struct report **ret_report, report_fn tell, void *data);
void report_finish(struct report **report);

/* Tells, too, what is due. -ENOMEM: told at once instead of remembered. */
int report_add(struct report *report, const struct cgf_decision *decision,
	       const struct question *question, uint64_t now_ns);
/* Tells what is due; with `all`, also what is not yet due. */
void report_flush(struct report *report, uint64_t now_ns, bool all);
/* When report_flush() next has something to tell; 0 if nothing waits. */
uint64_t report_due_ns(const struct report *report);

/* Decisions that were not probes; suspects count when they are judged. */
uint64_t report_decisions(const struct report *report);

#endif
