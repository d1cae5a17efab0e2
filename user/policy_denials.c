// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "policy_denials.h"

#include <errno.h>

/* A block is a node of a binary tree: its parent is the block twice as wide, the root is all. */
#define TREE_NODES (2U << CGF_PORT_BITS_ONE)

enum {
	NODE_DENIED = 1,
	NODE_HAS_DENIED = 2
};

static uint32_t node_of(uint16_t port, uint8_t bits)
{
	return 1U << bits | (uint32_t)port >> (CGF_PORT_BITS_ONE - bits);
}

static void add_block(uint8_t *tree, const struct port_block *block)
{
	uint32_t node = node_of(block->port, block->bits);

	tree[node] |= NODE_DENIED;
	for (node /= 2; node; node /= 2)
		tree[node] |= NODE_HAS_DENIED;
}

static void add_rule(struct policy_denials *denials, const struct rule *rule)
{
	struct port_block blocks[RULE_BLOCKS_ALL];
	size_t i, p, count;

	for (p = 0; p < POLICY_PROTOCOLS; p++) {
		count = rule_blocks(rule, policy_protocols[p].flag, blocks);
		for (i = 0; i < count; i++)
			add_block(denials->nodes + p * TREE_NODES, &blocks[i]);
	}
	denials->below |= rule->destination == DESTINATION_WILDCARD;
}

int policy_denials_find(struct policy_denials *denials, const struct policy *policy)
{
	const struct rule *rule;
	size_t i;

	denials->nodes = calloc(POLICY_PROTOCOLS, TREE_NODES);
	if (!denials->nodes)
		return -ENOMEM;
	for (i = 0; i < policy->order_count; i++) {
		rule = &policy->rules.rules[policy->order[i]];
		if (rule->verb == RULE_DENY && rule->name)
			add_rule(denials, rule);
	}
	return 0;
}

bool policy_denials_meet(const struct policy_denials *denials, const struct cgf_prefix_key *key)
{
	uint32_t node = node_of(key->port, key->port_bits);
	const uint8_t *tree = denials->nodes;
	size_t p;

	for (p = 0; policy_protocols[p].number != key->protocol; p++)
		if (p + 1 == POLICY_PROTOCOLS)
			return false;
	tree += p * TREE_NODES;
	if (tree[node])
		return true;
	for (node /= 2; node; node /= 2)
		if (tree[node] & NODE_DENIED)
			return true;
	return false;
}

void policy_denials_finish(struct policy_denials *denials)
{
	free(TAKE_PTR(denials->nodes));
}
