// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the programs would decide, by the same maps: bpf/policy.bpf.h and inbound.bpf.h once more.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "datapath_internal.h"

static struct address address_of(const struct cgf_key *key)
{
	struct address address;

	memcpy(address.bytes, key->address, sizeof(address.bytes));
	return address;
}

/*
 * Also what has run out: the flow is established. That a resolver may be asked does not mean that
 * its port may be served.
 */
static bool allow_has(const struct datapath_policy *policy, const struct cgf_target *target,
		      const struct cgf_key *key, bool serve)
{
	uint32_t mask = target->allow_wide_port_mask | 1U << CGF_PORT_BITS_ONE;
	struct cgf_key block = *key;
	struct cgf_entry entry;
	int bits;

	for (bits = CGF_PORT_BITS_ONE; bits >= CGF_PORT_BITS_ANY; bits--) {
		if (!(mask & 1U << bits) || datapath_is_shut(key, bits))
			continue;
		block.port = datapath_port_of_block(key->port, bits);
		block.port_bits = (uint8_t)bits;
		if (!bpf_map_lookup_elem(policy->maps[KIND_ALLOW], &block, &entry) &&
		    (!serve || entry.rule != CGF_RULE_RESOLVER))
			return true;
	}
	return false;
}

static bool prefixes_have(const struct datapath_policy *policy, enum cgf_verdict verdict,
			  uint32_t mask, const struct cgf_key *key)
{
	uint32_t rule;

	return datapath_find_prefix(policy, verdict, mask, key, &rule);
}

bool datapath_denies(const struct datapath_policy *policy, const struct cgf_target *target,
		     const struct cgf_key *key)
{
	return prefixes_have(policy, CGF_DENY, target->deny_prefix_port_mask, key);
}

static bool allows(const struct datapath_policy *policy, const struct cgf_target *target,
		   const struct cgf_key *key)
{
	return allow_has(policy, target, key, false) ||
	       prefixes_have(policy, CGF_ALLOW, target->allow_prefix_port_mask, key);
}

/* A loopback address that is allowed as a destination may be served. */
static bool serves(const struct datapath_policy *policy, const struct cgf_target *target,
		   const struct cgf_key *key)
{
	return !datapath_denies(policy, target, key) &&
	       (allow_has(policy, target, key, true) ||
		prefixes_have(policy, CGF_ALLOW, target->allow_prefix_port_mask, key));
}

static bool listens(const struct datapath_policy *policy, const struct cgf_target *target,
		    const struct cgf_key *local)
{
	struct cgf_listen_key key = { .protocol = local->protocol };
	struct cgf_listen listen;
	int bits;

	for (bits = CGF_PORT_BITS_ONE; bits >= CGF_PORT_BITS_ANY; bits--) {
		if (!(target->listen_port_mask & 1U << bits))
			continue;
		key.port = datapath_port_of_block(local->port, bits);
		key.port_bits = (uint8_t)bits;
		if (!bpf_map_lookup_elem(policy->maps[KIND_LISTENS], &key, &listen))
			return true;
	}
	return false;
}

static bool is_loopback(const struct cgf_key *key)
{
	const struct address address = address_of(key);
	const char *special = address_special(&address);

	return special && !strcmp(special, "loopback");
}

static bool peer_was_heard(const struct datapath_policy *policy, const struct datapath_flow *flow)
{
	struct cgf_peer_key key = {
		.socket_cookie = flow->socket_cookie,
		.port = flow->remote.port,
	};
	struct cgf_peer peer;

	memcpy(key.address, flow->remote.address, sizeof(key.address));
	return !bpf_map_lookup_elem(policy->maps[KIND_PEERS], &key, &peer);
}

static bool is_reply(const struct datapath_policy *policy, const struct cgf_target *target,
		     const struct datapath_flow *flow)
{
	if (flow->local.protocol == IPPROTO_UDP)
		return peer_was_heard(policy, flow);
	if (flow->connected)
		return false;
	return listens(policy, target, &flow->local) ||
	       (is_loopback(&flow->local) && is_loopback(&flow->remote) &&
		serves(policy, target, &flow->local));
}

bool datapath_flow_passes(const struct datapath_policy *policy, const struct cgf_target *target,
			  const struct datapath_flow *flow)
{
	return !(target->flags & CGF_TARGET_SHUT) &&
	       !datapath_denies(policy, target, &flow->remote) &&
	       (allows(policy, target, &flow->remote) || is_reply(policy, target, flow));
}

/* Which local address it was heard at is not known: on loopback, its own will do. */
static bool may_answer(const struct datapath_policy *policy, const struct cgf_target *target,
		       const struct cgf_peer_key *key, const struct cgf_peer *peer)
{
	struct cgf_key remote = {
		.port = key->port,
		.protocol = IPPROTO_UDP,
		.port_bits = CGF_PORT_BITS_ONE,
	};
	struct cgf_key local;

	memcpy(remote.address, key->address, sizeof(remote.address));
	local = remote;
	local.port = peer->local_port;
	return allows(policy, target, &remote) || listens(policy, target, &local) ||
	       (is_loopback(&remote) && serves(policy, target, &local));
}

int datapath_peers_prune(struct datapath_policy *policy, const struct cgf_target *target)
{
	int more, seen, fd = policy->maps[KIND_PEERS];
	struct cgf_peer_key key, next;
	struct cgf_peer peer;
	int r = bpf_map_get_next_key(fd, NULL, &key);

	/*
	 * The next key is asked for before the one at hand goes. What is heard meanwhile may have
	 * the kernel begin anew.
	 */
	for (seen = 0; !r && seen < 2 * CGF_PEERS_MAX; seen++) {
		more = bpf_map_get_next_key(fd, &key, &next);
		r = bpf_map_lookup_elem(fd, &key, &peer);
		if (!r && !may_answer(policy, target, &key, &peer))
			r = bpf_map_delete_elem(fd, &key);
		if (r && r != -ENOENT)
			return r;
		key = next;
		r = more;
	}
	return r == -ENOENT ? 0 : r;
}
