// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cut.h"

#include <netinet/tcp.h>
#include <string.h>

#include "datapath.h"
#include "flows.h"

struct cut {
	const struct datapath_policy *policy;
	const struct cgf_target *target;
};

static struct cgf_key key_of(const struct address *address, uint16_t port, uint8_t protocol)
{
	struct cgf_key key = {
		.port = port,
		.protocol = protocol,
		.port_bits = CGF_PORT_BITS_ONE,
	};

	memcpy(key.address, address->bytes, sizeof(key.address));
	return key;
}

/* A listener is no flow: who may come in is decided for each. */
static bool must_be_cut(const struct flow *flow, void *data)
{
	const struct datapath_flow established = {
		.socket_cookie = flow->socket_cookie,
		.local = key_of(&flow->local, flow->local_port, flow->protocol),
		.remote = key_of(&flow->remote, flow->remote_port, flow->protocol),
		.connected = flow->connected,
	};
	const struct cut *cut = data;

	return flow->state != TCP_LISTEN &&
	       !datapath_flow_passes(cut->policy, cut->target, &established);
}

/* On loopback a rule allows what is there; a resolver, what is asked of it. */
static bool may_hold_refused(const struct flow *flow, void *data)
{
	return flow_may_hold_questions(flow) &&
	       (flow->remote_port == CGF_DNS_PORT || must_be_cut(flow, data));
}

int cut_questions(int cgroup_fd, const struct datapath_policy *policy,
		  const struct cgf_target *target)
{
	struct cut cut = { policy, target };
	size_t count;

	if (target->mode == CGF_MODE_AUDIT)
		return 0;
	return flows_cut(cgroup_fd, may_hold_refused, &cut, &count);
}

int cut_flows(const struct datapath *datapath, const int *cgroup_fds, size_t cgroup_count,
	      struct datapath_policy *policy, const struct cgf_target *target, size_t *ret_count)
{
	struct cut cut = { policy, target };
	int pruned = datapath_peers_prune(policy, target);
	const int connected_fd = datapath_connected_fd(datapath);
	const struct flows_query query = { cgroup_fds, cgroup_count, &connected_fd };
	int r = flows_cut_several(&query, must_be_cut, &cut, ret_count);

	return r ? r : pruned;
}
