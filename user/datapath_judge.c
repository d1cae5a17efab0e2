// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the programs would decide of a new flow, by the same maps, and which rule says so. */
#include <string.h>

#include "address.h"
#include "datapath_internal.h"

static bool is_ipv4(const struct cgf_key *key)
{
	struct address address;

	memcpy(address.bytes, key->address, sizeof(address.bytes));
	return address_is_ipv4(&address);
}

bool datapath_find_prefix(const struct datapath_policy *policy, enum cgf_verdict verdict,
			  uint32_t mask, const struct cgf_key *key, uint32_t *ret_rule)
{
	struct cgf_prefix_key prefix = {
		.prefix_bits = CGF_PREFIX_LOOKUP_BITS,
		.verdict = verdict,
		.ip_version = is_ipv4(key) ? 4 : 6,
		.protocol = key->protocol,
	};
	struct cgf_prefix found;
	int bits;

	memcpy(prefix.address, key->address, sizeof(prefix.address));
	for (bits = CGF_PORT_BITS_ONE; bits >= CGF_PORT_BITS_ANY; bits--) {
		if (!(mask & 1U << bits) || (verdict == CGF_ALLOW && datapath_is_shut(key, bits)))
			continue;
		prefix.port = datapath_port_of_block(key->port, bits);
		prefix.port_bits = (uint8_t)bits;
		if (!bpf_map_lookup_elem(policy->maps[KIND_PREFIXES], &prefix, &found)) {
			*ret_rule = found.rule;
			return true;
		}
	}
	return false;
}

/* One that has run out is remembered, and the search goes on. */
static enum datapath_judgement find_entry(const struct datapath_policy *policy, uint32_t mask,
					  const struct cgf_key *key, uint64_t now_ns,
					  uint32_t *ret_rule)
{
	enum datapath_judgement judgement = DATAPATH_DENIED;
	struct cgf_key block = *key;
	struct cgf_entry entry;
	int bits;

	for (bits = CGF_PORT_BITS_ONE; bits >= CGF_PORT_BITS_ANY; bits--) {
		if (!(mask & 1U << bits) || datapath_is_shut(key, bits))
			continue;
		block.port = datapath_port_of_block(key->port, bits);
		block.port_bits = (uint8_t)bits;
		if (bpf_map_lookup_elem(policy->maps[KIND_ALLOW], &block, &entry))
			continue;
		*ret_rule = entry.rule;
		if (entry.expires_ns > now_ns)
			return DATAPATH_ALLOWED_BY_ENTRY;
		judgement = DATAPATH_DENIED_EXPIRED;
	}
	return judgement;
}

enum datapath_judgement datapath_judge(const struct datapath_policy *policy,
				       const struct cgf_target *target, const struct cgf_key *key,
				       uint64_t now_ns, uint32_t *ret_rule)
{
	uint32_t mask = target->allow_wide_port_mask | 1U << CGF_PORT_BITS_ONE;
	uint32_t expired = CGF_RULE_NONE;
	enum datapath_judgement judgement;

	*ret_rule = CGF_RULE_NONE;
	if (!target->policy || target->flags & CGF_TARGET_SHUT)
		return DATAPATH_SHUT;
	if (datapath_find_prefix(policy, CGF_DENY, target->deny_prefix_port_mask, key, ret_rule))
		return DATAPATH_DENIED_BY_PREFIX;
	judgement = find_entry(policy, mask, key, now_ns, &expired);
	if (judgement != DATAPATH_ALLOWED_BY_ENTRY &&
	    datapath_find_prefix(policy, CGF_ALLOW, target->allow_prefix_port_mask, key, ret_rule))
		return DATAPATH_ALLOWED_BY_PREFIX;
	*ret_rule = expired;
	return judgement;
}
