/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A one-shot timer that costs nothing to set to a time after the one it is set to. So it may go off
 * early, never late; what it calls looks at what is due, and sets it again.
 */
#ifndef CGFENCE_TIMER_H
#define CGFENCE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct event;
struct event_base;

typedef void (*timer_fn)(void *data);

struct timer {
	struct event *event;
	uint64_t when_ns; /* 0: not set */
	bool sharp;	  /* to be set after timer_init(): goes off when it is time, a tick early */
	timer_fn ring;
	void *data;
};

/* What falls into this time is done in one wake-up. Also hides the tick of a coarse clock. */
#define TIMER_SLACK_MS 20

/* `timer` must stay where it is: -ENOMEM. */
int timer_init(struct timer *timer, struct event_base *base, timer_fn ring, void *data);
/* At `when_ns` or, if it is not sharp, TIMER_SLACK_MS after it; in the loop's next turn if it is
 * past at `now_ns`. */
void timer_set(struct timer *timer, uint64_t now_ns, uint64_t when_ns);
void timer_clear(struct timer *timer);
/* All zero is fine. */
void timer_finish(struct timer *timer);

#endif
