// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "arrivals.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/inotify.h>

#include <utlist.h>

#include "arrivals_internal.h"
#include "util.h"

/* --- telling --------------------------------------------------------------------------------- */

/* False if it is not there any more. */
static bool tell(struct arrival *arrival, enum arrival_event event)
{
	struct arrivals *arrivals = arrival->arrivals;

	arrivals->telling = arrival;
	arrival->told(event, arrival->data);
	return TAKE_PTR(arrivals->telling) != NULL;
}

static void set_timer(struct timer *timer, uint64_t wait_ms)
{
	uint64_t now_ns = monotonic_ns();

	timer_set(timer, now_ns, now_ns + wait_ms * NSEC_PER_MSEC);
}

static uint64_t again_ns(const struct arrival *arrival)
{
	const uint64_t step_ns = ARRIVALS_AGAIN_MS * NSEC_PER_MSEC;
	uint64_t wait_ns = step_ns;
	unsigned int i;

	for (i = arrival->again; i < ARRIVALS_AGAIN_TIMES; i++)
		wait_ns += wait_ns / 16 > step_ns ? wait_ns / 16 : step_ns;
	return arrival->came_ns + wait_ns;
}

/* Of what is due by now, if there is any, once is enough. */
static bool skip_due(struct arrival *arrival, uint64_t now_ns)
{
	bool due = false;

	for (; arrival->again && again_ns(arrival) <= now_ns; arrival->again--)
		due = true;
	return due;
}

static void tell_again(struct arrival *arrival, bool populated)
{
	uint64_t now_ns = monotonic_ns();

	arrival->again = populated ? ARRIVALS_AGAIN_TIMES : 0;
	arrival->came_ns = now_ns;
	if (arrival->again)
		timer_set(&arrival->arrivals->again, now_ns, again_ns(arrival));
}

/* How many processes there were in between is not known: that some may have come is enough. */
static bool is_changed(const struct view *before, const struct view *now, unsigned int dirt)
{
	return now->of_ids != before->of_ids ||
	       (now->populated &&
		((dirt & DIRT_FILL) || now->of_populated != before->of_populated));
}

/* What is not watched is looked at again later. */
static void see(struct arrival *arrival)
{
	if (arrivals_see(arrival, &arrival->view))
		set_timer(&arrival->arrivals->look, ARRIVALS_LOOK_MS);
}

static void look(struct arrival *arrival)
{
	const struct view before = arrival->view;
	unsigned int dirt = TAKE(arrival->dirt, 0);
	struct view now;
	bool other;

	see(arrival);
	now = arrival->view;
	other = now.inode != before.inode;
	if (other || is_changed(&before, &now, dirt))
		tell_again(arrival, now.populated);
	if (other && before.inode && !tell(arrival, ARRIVAL_WENT))
		return;
	if (other && now.inode)
		tell(arrival, ARRIVAL_CAME);
	else if (!other && (is_changed(&before, &now, dirt) || (now.partial && dirt & DIRT_WAY)))
		tell(arrival, ARRIVAL_CHANGED);
}

/* From the first again each time, because any may have been removed. */
static void look_at_those(struct arrivals *arrivals, unsigned int dirt)
{
	struct arrival *arrival = arrivals->all;

	while (arrival)
		if (arrival->dirt & dirt) {
			look(arrival);
			arrival = arrivals->all;
		} else {
			arrival = arrival->next;
		}
}

static void dirty_all(struct arrivals *arrivals)
{
	struct arrival *arrival;

	DL_FOREACH (arrivals->all, arrival)
		arrival->dirt |= DIRT_WAY;
}

/* --- events ---------------------------------------------------------------------------------- */

static unsigned int dirt_of(const struct sight *sight, const struct inotify_event *event)
{
	if (!sight->entry)
		return event->mask & IN_MODIFY ? DIRT_FILL : DIRT_TREE;
	return event->len && strlen(event->name) == sight->entry_length &&
			       !memcmp(event->name, sight->entry, sight->entry_length)
		       ? DIRT_WAY
		       : 0;
}

/* Who makes and removes cgroups all the time takes a tenth of ours. */
static uint64_t settle_ms(const struct arrivals *arrivals)
{
	uint64_t wait_ms = 9 * arrivals->cost_ns / NSEC_PER_MSEC;

	return wait_ms < ARRIVALS_SETTLE_MS ? ARRIVALS_SETTLE_MS
	       : wait_ms > ARRIVALS_LOOK_MS ? ARRIVALS_LOOK_MS
					    : wait_ms;
}

static void take_event(struct arrivals *arrivals, const struct inotify_event *event)
{
	struct sight *sight;
	struct mark *mark;

	if (event->mask & IN_Q_OVERFLOW)
		dirty_all(arrivals);
	HASH_FIND_INT(arrivals->marks, &event->wd, mark);
	if (!mark)
		return;
	DL_FOREACH (mark->sights, sight) {
		sight->arrival->dirt |= dirt_of(sight, event);
		if (sight->arrival->dirt & (DIRT_TREE | DIRT_FILL))
			set_timer(&arrivals->settle, settle_ms(arrivals));
	}
}

static void on_events(evutil_socket_t fd, short what, void *data)
{
	_Alignas(struct inotify_event) char buffer[16384];
	struct arrivals *arrivals = data;
	const struct inotify_event *event;
	ssize_t length = 1, at;

	(void)what;
	while (length > 0) {
		length = read(fd, buffer, sizeof(buffer));
		for (at = 0; at < length; at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const struct inotify_event *)(buffer + at);
			take_event(arrivals, event);
		}
	}
	look_at_those(arrivals, DIRT_WAY);
}

static void on_settled(void *data)
{
	struct arrivals *arrivals = data;
	uint64_t began_ns = monotonic_ns();

	look_at_those(arrivals, DIRT_TREE | DIRT_FILL);
	arrivals->cost_ns = monotonic_ns() - began_ns;
}

static void on_look(void *data)
{
	struct arrivals *arrivals = data;

	dirty_all(arrivals);
	look_at_those(arrivals, DIRT_WAY);
}

static void on_again(void *data)
{
	struct arrivals *arrivals = data;
	uint64_t now_ns = monotonic_ns();
	struct arrival *arrival = arrivals->all;

	while (arrival)
		if (skip_due(arrival, now_ns)) {
			tell(arrival, ARRIVAL_CHANGED);
			arrival = arrivals->all;
		} else {
			arrival = arrival->next;
		}
	DL_FOREACH (arrivals->all, arrival)
		if (arrival->again)
			timer_set(&arrivals->again, now_ns, again_ns(arrival));
}

/* --- begin and end --------------------------------------------------------------------------- */

/* Without an inotify instance all is looked at now and then. */
static int open_queue(struct arrivals *arrivals)
{
	arrivals->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (arrivals->fd < 0)
		return 0;
	arrivals->event = event_new(arrivals->base, arrivals->fd, EV_READ | EV_PERSIST, on_events,
				    arrivals);
	return !arrivals->event || event_add(arrivals->event, NULL) ? -ENOMEM : 0;
}

int arrivals_init(struct arrivals **ret_arrivals, struct event_base *base)
{
	_cleanup_(arrivals_finish) struct arrivals *arrivals = calloc(1, sizeof(*arrivals));
	int r;

	if (!arrivals)
		return -ENOMEM;
	arrivals->base = base;
	r = open_queue(arrivals);
	if (!r)
		r = timer_init(&arrivals->settle, base, on_settled, arrivals);
	if (!r)
		r = timer_init(&arrivals->look, base, on_look, arrivals);
	if (!r)
		r = timer_init(&arrivals->again, base, on_again, arrivals);
	if (r)
		return r;
	arrivals->settle.sharp = arrivals->again.sharp = true;
	*ret_arrivals = TAKE_PTR(arrivals);
	return 0;
}

void arrivals_finish(struct arrivals **arrivals)
{
	if (!*arrivals)
		return;
	if ((*arrivals)->event)
		event_free((*arrivals)->event);
	close_fd(&(*arrivals)->fd);
	timer_finish(&(*arrivals)->settle);
	timer_finish(&(*arrivals)->look);
	timer_finish(&(*arrivals)->again);
	free(TAKE_PTR(*arrivals));
}

int arrivals_add(struct arrivals *arrivals, const char *path, arrival_fn told, void *data,
		 struct arrival **ret_arrival)
{
	struct arrival *arrival = calloc(1, sizeof(*arrival) + strlen(path) + 1);

	if (!arrival)
		return -ENOMEM;
	arrival->arrivals = arrivals;
	arrival->told = told;
	arrival->data = data;
	strcpy(arrival->path, path);
	DL_APPEND(arrivals->all, arrival);
	see(arrival);
	*ret_arrival = arrival;
	return 0;
}

void arrival_remove(struct arrival **arrival)
{
	struct arrivals *arrivals;

	if (!*arrival)
		return;
	arrivals = (*arrival)->arrivals;
	if (arrivals->telling == *arrival)
		arrivals->telling = NULL;
	arrivals_forget(*arrival);
	DL_DELETE(arrivals->all, *arrival);
	free(TAKE_PTR(*arrival));
}
