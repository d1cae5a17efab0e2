// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who changes what is kept in the kernel does so by a call that the kernel tells of, or mounts
 * something over the pins. So an idle daemon sleeps, and a busy host costs it no more than one
 * proof in PROOF_MS: what comes meanwhile is looked at then.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>

#include "policies_internal.h"

/* Its poll() tells that something is mounted or not any more: see proc_pid_mountinfo(5). */
#define MOUNTS "/proc/self/mountinfo"

static void on_notice(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	policies_prove_now(data);
}

/* Always readable, so edges count. */
static int open_mounts(struct policies *policies)
{
	policies->mounts_fd = open(MOUNTS, O_RDONLY | O_CLOEXEC);
	if (policies->mounts_fd < 0)
		return -errno;
	policies->mounts_event = event_new(policies->options.base, policies->mounts_fd,
					   EV_READ | EV_ET | EV_PERSIST, on_notice, policies);
	return policies->mounts_event && !event_add(policies->mounts_event, NULL) ? 0 : -ENOMEM;
}

/* Not persistent: it stays readable until it is taken, with the proof that follows. */
static int open_notice(struct policies *policies)
{
	int fd, r = datapath_notice_open(&policies->notice, &fd);

	if (r)
		return r;
	policies->notice_event = event_new(policies->options.base, fd, EV_READ, on_notice,
					   policies);
	return policies->notice_event ? open_mounts(policies) : -ENOMEM;
}

void policies_notice_open(struct policies *policies)
{
	int r = open_notice(policies);

	if (!r)
		return;
	policies_notice_close(policies);
	policies_tell(policies, POLICIES_NOTE,
		      "this kernel does not tell of what others change, for which it needs tracing "
		      "by BPF "
		      "(%s); that is no fault: fences are proved every %d ms",
		      strerror(-r), PROOF_MS);
}

bool policies_notice_take(struct policies *policies)
{
	if (!policies->notice)
		return false;
	datapath_notice_take(policies->notice);
	return !event_add(policies->notice_event, NULL);
}

void policies_notice_close(struct policies *policies)
{
	if (policies->notice_event)
		event_free(TAKE_PTR(policies->notice_event));
	if (policies->mounts_event)
		event_free(TAKE_PTR(policies->mounts_event));
	close_fd(&policies->mounts_fd);
	datapath_notice_close(&policies->notice);
}
