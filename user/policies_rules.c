// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What each rule of a policy gives now, and has let through. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "decisions.h"
#include "names.h"
#include "policies_internal.h"

struct rule_walk {
	struct kept_policy *kept;
	policies_rule_fn found;
	void *data;
	const struct rule *rule;
	struct policies_address *addresses;
	size_t count;
	uint64_t flows;
	uint64_t *others; /* by rule: flows to what is no address of `addresses` */
	size_t other_count;
};

/* Numbers beyond are of no rule. */
#define RULE_NUMBERS_MAX (4 * CGF_POLICY_RULES_MAX)

static int add_others(struct rule_walk *walk, uint32_t rule, uint64_t flows)
{
	uint64_t *larger;
	size_t count;

	if (!flows || rule >= RULE_NUMBERS_MAX)
		return 0;
	if (rule >= walk->other_count) {
		count = 2 * (rule + 1);
		larger = reallocarray(walk->others, count, sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		memset(larger + walk->other_count, 0,
		       (count - walk->other_count) * sizeof(*larger));
		walk->others = larger;
		walk->other_count = count;
	}
	walk->others[rule] += flows;
	return 0;
}

static int add_prefix(const struct cgf_prefix_key *key, const struct cgf_prefix *prefix, void *data)
{
	return key->verdict == CGF_ALLOW ? add_others(data, prefix->rule, prefix->flows) : 0;
}

/* An address of a word, such as localhost. */
static int add_of_word(const struct cgf_key *key, const struct cgf_entry *entry, void *data)
{
	struct rule_walk *walk = data;
	const struct rule *rule = policy_rule(walk->kept->policy, entry->rule);

	(void)key;
	return rule && rule->destination == DESTINATION_WORD
		       ? add_others(walk, entry->rule, entry->flows)
		       : 0;
}

static int count_others(struct rule_walk *walk)
{
	int r = 0;

	if (!walk->kept->datapath)
		return 0;
	r = datapath_prefix_each(walk->kept->datapath, add_prefix, walk);
	return r ? r : datapath_allow_each(walk->kept->datapath, add_of_word, walk);
}

static const struct {
	uint8_t flag, number;
} protocols[] = {
	{ RULE_TCP, IPPROTO_TCP },
	{ RULE_UDP, IPPROTO_UDP },
	{ RULE_ICMP, IPPROTO_ICMP },
};

/* All that the rule gives to the address, of every port block, as one. */
static void add_entry(struct policies_address *address, const struct cgf_entry *entry)
{
	address->flows += entry->flows;
	if (entry->used_ns > address->used_ns)
		address->used_ns = entry->used_ns;
	if (entry->learned && address->source == POLICIES_FROM_POLL)
		address->source = POLICIES_FROM_ANSWER;
	if (entry->expires_ns > address->expires_ns)
		address->expires_ns = entry->expires_ns;
}

static void read_entries(const struct rule_walk *walk, const struct address *at,
			 struct policies_address *address)
{
	struct port_block blocks[RULE_BLOCKS_ALL];
	struct cgf_key key = {};
	struct cgf_entry entry;
	size_t i, j, count;

	memcpy(key.address, at->bytes, sizeof(key.address));
	for (i = 0; i < ARRAY_SIZE(protocols); i++) {
		key.protocol = protocols[i].number;
		count = rule_blocks(walk->rule, protocols[i].flag, blocks);
		for (j = 0; j < count; j++) {
			key.port = blocks[j].port;
			key.port_bits = blocks[j].bits;
			if (!datapath_allow_read(walk->kept->datapath, &key, &entry))
				add_entry(address, &entry);
		}
	}
}

static int on_address(const struct policy_rule_address *found, void *data)
{
	struct rule_walk *walk = data;
	struct policies_address *larger = reallocarray(walk->addresses, walk->count + 1,
						       sizeof(*larger));
	struct policies_address *address;

	if (!larger)
		return -ENOMEM;
	walk->addresses = larger;
	address = &larger[walk->count++];
	*address = (struct policies_address){
		.prefix = prefix_of(&found->address, 128),
		.source = found->name ? POLICIES_FROM_POLL : POLICIES_FROM_RULE,
		.expires_ns = found->expires_ns,
	};
	if (walk->kept->datapath && walk->rule->verb == RULE_ALLOW)
		read_entries(walk, &found->address, address);
	walk->flows += address->flows;
	return 0;
}

/* Of a rule that has a name: why it gives nothing, or less than was answered. */
static bool explain_rule(const struct rule_walk *walk, char why[NAMES_WHY_BYTES])
{
	return walk->kept->names && walk->rule->destination == DESTINATION_NAME &&
	       (walk->rule->verb == RULE_ALLOW || walk->rule->verb == RULE_DENY) &&
	       names_explain(walk->kept->names, walk->rule->name, why);
}

static int on_rule(const struct rule *rule, uint32_t number, void *data)
{
	struct rule_walk *walk = data;
	char text[CGF_LINE_BYTES_MAX], why[NAMES_WHY_BYTES];
	struct policies_rule described = { .text = text };
	int r;

	walk->rule = rule;
	walk->count = 0;
	walk->flows = 0;
	if (rule_format(rule, text, sizeof(text)) < 0)
		return -EINVAL;
	r = policy_each_rule_address(walk->kept->policy, number, on_address, walk);
	if (r)
		return r;
	described.addresses = walk->addresses;
	described.address_count = walk->count;
	described.flows = walk->flows;
	if (number < walk->other_count)
		described.flows += walk->others[number];
	if (explain_rule(walk, why))
		described.warning = why;
	walk->found(&described, walk->data);
	return 0;
}

int policies_each_rule(struct policies *policies, const char *name, policies_rule_fn found,
		       void *data)
{
	struct rule_walk walk = { .found = found, .data = data };
	int r;

	walk.kept = kept_policy_find(policies, name);
	if (!walk.kept || !walk.kept->policy)
		return walk.kept ? 0 : -ENOENT;
	if (walk.kept->decisions)
		decisions_catch_up(walk.kept->decisions);
	r = count_others(&walk);
	if (!r)
		r = policy_each_rule(walk.kept->policy, on_rule, &walk);
	free(walk.addresses);
	free(walk.others);
	return r;
}
