// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "timer.h"

#include <errno.h>
#include <event2/event.h>

#include "util.h"

static void on_event(int fd, short events, void *data)
{
	struct timer *timer = data;

	(void)fd;
	(void)events;
	timer->when_ns = 0;
	timer->ring(timer->data);
}

int timer_init(struct timer *timer, struct event_base *base, timer_fn ring, void *data)
{
	struct event *event = event_new(base, -1, 0, on_event, timer);

	if (!event)
		return -ENOMEM;
	*timer = (struct timer){ .event = event, .ring = ring, .data = data };
	return 0;
}

static uint64_t slack_ns(const struct timer *timer)
{
	return timer->sharp ? 0 : TIMER_SLACK_MS * NSEC_PER_MSEC;
}

void timer_set(struct timer *timer, uint64_t now_ns, uint64_t when_ns)
{
	uint64_t wait_ns = 0;
	struct timeval wait;

	if (timer->when_ns && timer->when_ns <= when_ns)
		return;
	if (when_ns > now_ns)
		wait_ns = when_ns - now_ns + slack_ns(timer);
	wait.tv_sec = (time_t)(wait_ns / NSEC_PER_SEC);
	wait.tv_usec = (suseconds_t)(wait_ns % NSEC_PER_SEC / 1000);
	event_add(timer->event, &wait);
	timer->when_ns = when_ns;
}

void timer_clear(struct timer *timer)
{
	if (timer->when_ns)
		event_del(timer->event);
	timer->when_ns = 0;
}

void timer_finish(struct timer *timer)
{
	if (timer->event)
		event_free(timer->event);
	*timer = (struct timer){ 0 };
}
