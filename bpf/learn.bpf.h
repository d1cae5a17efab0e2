/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From an address in an answer to entries of the policy. */
#ifndef CGFENCE_LEARN_BPF_H
#define CGFENCE_LEARN_BPF_H

#include "decision.bpf.h"
#include "dns.bpf.h"
#include "special.bpf.h"

/* An entry that would last longer by less than this stays as it is. */
#define LEARN_STEP_NS 1000000000ULL
#define NSEC_PER_SEC 1000000000ULL

static __always_inline __u64 learn_until(struct __sk_buff *ctx, const struct cgf_grant *grant,
					 __u32 ttl_s)
{
	if (ttl_s > message_ttl(ctx))
		ttl_s = message_ttl(ctx);
	if (ttl_s < grant->ttl_floor_s)
		ttl_s = grant->ttl_floor_s;
	if (ttl_s > CGF_TTL_CEILING_S)
		ttl_s = CGF_TTL_CEILING_S;
	return clock_ns() + (ttl_s + CGF_TTL_GRACE_S) * NSEC_PER_SEC;
}

/*
 * One entry, replaced and not written: userspace, which takes out what has run out, sees the old
 * one or the new one. What lasts longer stays, and the time of the last use too.
 */
static __always_inline void learn_entry(void *allow, const struct cgf_key *key,
					const struct cgf_entry *learned,
					struct cgf_counters *counted)
{
	const struct cgf_entry *known = bpf_map_lookup_elem(allow, key);
	struct cgf_entry entry = *learned;
	long r;

	if (known) {
		if (known->expires_ns == CGF_NEVER_EXPIRES ||
		    known->expires_ns + LEARN_STEP_NS >= entry.expires_ns)
			return;
		entry.used_ns = known->used_ns;
		entry.flows = known->flows;
		if (known->rule < entry.rule)
			entry.rule = known->rule;
	}
	r = bpf_map_update_elem(allow, key, &entry, BPF_ANY);
	if (counted)
		count(r ? &counted->unlearned : &counted->learned);
}

/* A key for each block of ports of the grant. */
static __always_inline bool learn_address(struct __sk_buff *ctx, __u32 slot, __u32 id,
					  struct cgf_flow *flow, __u32 ttl_s)
{
	void *grants = bpf_map_lookup_elem(&grants_maps, &slot);
	void *allow = bpf_map_lookup_elem(&allow_maps, &slot);
	struct cgf_counters *counted = counters_of(slot);
	struct cgf_entry entry = { .grant = id, .learned = true };
	const struct cgf_grant *grant;
	__u32 i;

	grant = grants ? bpf_map_lookup_elem(grants, &id) : NULL;
	if (!grant || !allow)
		return true;
	if (!(grant->flags & CGF_GRANT_PRIVATE) && flow_is_special(flow)) {
		if (counted)
			count(&counted->special);
		return false;
	}
	entry.rule = grant->rule;
	entry.expires_ns = learn_until(ctx, grant, ttl_s);
	for (i = 0; i < CGF_GRANT_BLOCKS_MAX; i++) {
		if (i >= grant->block_count)
			break;
		/* A block has the layout of what a key has after its address. */
		*(__u32 *)&flow->key.port = *(const __u32 *)&grant->blocks[i];
		learn_entry(allow, &flow->key, &entry, counted);
	}
	return true;
}

#endif
