// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The ring of decisions. What was not read of it stays there for whoever opens the policy next. */
#include <errno.h>

#include "datapath_internal.h"

static int record_arrived(void *data, void *record, size_t size)
{
	const struct datapath_policy *policy = data;

	if (size == sizeof(struct cgf_decision) && policy->decision)
		policy->decision(record, policy->decision_data);
	if (size >= sizeof(struct cgf_message) && policy->message)
		policy->message(record, size, policy->decision_data);
	return 0;
}

static int open_ring(struct datapath_policy *policy)
{
	if (policy->ring)
		return 0;
	policy->ring = ring_buffer__new(policy->maps[KIND_DECISIONS], record_arrived, policy, NULL);
	return policy->ring ? 0 : -errno;
}

/* There is no callback yet. */
int datapath_decisions_skip(struct datapath_policy *policy)
{
	int r = open_ring(policy);

	return r ? r : datapath_decisions_drain(policy);
}

int datapath_decisions_open(struct datapath_policy *policy, datapath_decision_fn decision,
			    datapath_message_fn message, void *data, int *ret_fd)
{
	int r = open_ring(policy);

	if (r)
		return r;
	policy->decision = decision;
	policy->message = message;
	policy->decision_data = data;
	*ret_fd = ring_buffer__epoll_fd(policy->ring);
	return 0;
}

int datapath_decisions_drain(struct datapath_policy *policy)
{
	int r = ring_buffer__consume(policy->ring);

	return r < 0 ? r : 0;
}
