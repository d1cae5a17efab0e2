/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What policy.c and policy_name.c share. Not for other modules. */
#ifndef CGFENCE_POLICY_INTERNAL_H
#define CGFENCE_POLICY_INTERNAL_H

/* Out of memory is an error like any other. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "entries.h"
#include "policy.h"

struct name_address {
	struct address address;
	uint64_t base_ns; /* its TTL ends then; CGF_NEVER_EXPIRES if it has none */
	uint64_t expires_ns;
	bool allowed; /* not refused to the name's allow rules as special */
};

struct policy_name {
	UT_hash_handle hh;
	uint32_t *rules;
	size_t rule_count;
	struct name_address *addresses;
	size_t address_count, address_capacity;
	char text[];
};

struct policy {
	struct rules rules;
	struct policy_name *names;
	struct entries *allow;
	struct entries *prefixes;
	struct entries *listens;
	struct cgf_target target;
	uint64_t name_keys; /* of all names, if each had one address */
};

/* Where a rule's keys go, and what is done with them there. */
struct gift {
	uint32_t rule;
	struct prefix prefix;
	bool whole; /* an address, not a network */
	bool hold;  /* or release */
	uint64_t expires_ns;
};

/* How many keys the rule has for one address. */
size_t policy_rule_keys(const struct rule *rule);
/* Every port block and protocol of the rule, for one address or prefix. */
int policy_give(struct policy *policy, const struct gift *gift);
/*
 * Which widths of port blocks the rule has keys of, now or when its name is answered: a width that
 * the target lacks is not looked up. `whole` if the keys are addresses, not networks.
 */
void policy_add_port_mask(struct policy *policy, const struct rule *rule, bool whole);
/* What the target says of the rules as a whole: see CGF_TARGET_*. */
void policy_add_flags(struct policy *policy, const struct rule *rule);
int policy_deny_wildcards(struct policy *policy, struct failure *failure);
int policy_check_limits(const struct policy *policy, struct failure *failure);
/* Whether an allow rule says this special address without a name. */
bool policy_allows_by_address(const struct policy *policy, const struct address *address);

int policy_name_add_rule(struct policy *policy, uint32_t rule);
int policy_name_hold_rule(struct policy_name *name, uint32_t rule);
/* No answer gives the rule anything any more. */
void policy_name_release_rule(struct policy *policy, uint32_t rule);
void policy_name_free_all(struct policy *policy);

#endif
