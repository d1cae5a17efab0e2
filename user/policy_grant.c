// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the kernel may give to an address that it learns: the rules of a name, as one grant. */
#include <errno.h>
#include <string.h>

#include "datapath.h"
#include "policy_internal.h"

/* Between all that is allowed and what is left of it. */
#define BLOCKS_ROOM 512
/* Room above it for as many numbers as are ever used. */
#define CLOCK_MASK 0x3fffffff

struct blocks {
	struct cgf_port_block blocks[BLOCKS_ROOM];
	size_t count;
};

static bool same_block(const struct cgf_port_block *a, const struct cgf_port_block *b)
{
	return a->port == b->port && a->protocol == b->protocol && a->port_bits == b->port_bits;
}

static int add_block(struct blocks *blocks, struct cgf_port_block block)
{
	size_t i;

	for (i = 0; i < blocks->count; i++)
		if (same_block(&blocks->blocks[i], &block))
			return 0;
	if (blocks->count == BLOCKS_ROOM)
		return -E2BIG;
	blocks->blocks[blocks->count++] = block;
	return 0;
}

static uint16_t leading_bits(uint16_t port, uint8_t bits)
{
	return port & (uint16_t)(0xffff0000U >> bits);
}

static bool contains(const struct cgf_port_block *wide, const struct cgf_port_block *block)
{
	return wide->protocol == block->protocol && wide->port_bits <= block->port_bits &&
	       leading_bits(block->port, wide->port_bits) == wide->port;
}

/* No range opens port 53: see rule_blocks(). */
static bool opens_dns(const struct cgf_port_block *block)
{
	return block->port == CGF_DNS_PORT && block->port_bits == CGF_PORT_BITS_ONE;
}

/* What is left of a block when one inside it goes: at each width on the way, the other half. */
static int add_around(struct blocks *blocks, const struct cgf_port_block *wide,
		      const struct cgf_port_block *hole)
{
	struct cgf_port_block half = { .protocol = wide->protocol, .port_bits = wide->port_bits };
	int r = 0;

	while (!r && half.port_bits < hole->port_bits) {
		half.port_bits++;
		half.port = leading_bits(hole->port, half.port_bits);
		half.port ^= (uint16_t)(1U << (CGF_PORT_BITS_ONE - half.port_bits));
		if (!opens_dns(&half))
			r = add_block(blocks, half);
	}
	return r;
}

/* Blocks are disjoint, or one contains the other. */
static int subtract_block(struct blocks *blocks, struct cgf_port_block hole)
{
	struct blocks left = { .count = 0 };
	size_t i;
	int r = 0;

	for (i = 0; !r && i < blocks->count; i++) {
		const struct cgf_port_block *block = &blocks->blocks[i];

		if (contains(&hole, block))
			continue;
		if (contains(block, &hole))
			r = add_around(&left, block, &hole);
		else
			r = add_block(&left, *block);
	}
	if (!r)
		*blocks = left;
	return r;
}

static int apply_rule(struct blocks *blocks, const struct rule *rule,
		      int (*apply)(struct blocks *, struct cgf_port_block))
{
	struct port_block said[RULE_BLOCKS_ALL];
	size_t i, p, count;
	int r = 0;

	for (p = 0; p < POLICY_PROTOCOLS; p++) {
		count = rule_blocks(rule, policy_protocols[p].flag, said);
		for (i = 0; !r && i < count; i++)
			r = apply(blocks, (struct cgf_port_block){
						  .port = said[i].port,
						  .protocol = policy_protocols[p].number,
						  .port_bits = said[i].bits,
					  });
	}
	return r;
}

static int apply_rules(const struct policy *policy, const uint32_t *rules, size_t count,
		       enum rule_verb verb, struct blocks *blocks)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < count; i++)
		if (policy->rules.rules[rules[i]].verb == verb)
			r = apply_rule(blocks, &policy->rules.rules[rules[i]],
				       verb == RULE_ALLOW ? add_block : subtract_block);
	return r;
}

int policy_grant_blocks(const struct policy *policy, const uint32_t *rules, size_t count,
			struct cgf_port_block ret_blocks[CGF_GRANT_BLOCKS_MAX], size_t *ret_count)
{
	struct blocks blocks = { .count = 0 };
	int r = apply_rules(policy, rules, count, RULE_ALLOW, &blocks);

	if (!r)
		r = apply_rules(policy, rules, count, RULE_DENY, &blocks);
	if (r)
		return r;
	if (blocks.count > CGF_GRANT_BLOCKS_MAX)
		return -E2BIG;
	memcpy(ret_blocks, blocks.blocks, blocks.count * sizeof(*ret_blocks));
	*ret_count = blocks.count;
	return 0;
}

uint32_t policy_grant_ttl_floor_s(const struct policy *policy, const uint32_t *rules, size_t count)
{
	uint32_t floor_s = POLICY_TTL_FLOOR_S;
	size_t i;

	for (i = 0; i < count; i++)
		if (policy->rules.rules[rules[i]].ttl_floor_s > floor_s)
			floor_s = policy->rules.rules[rules[i]].ttl_floor_s;
	return floor_s < CGF_TTL_CEILING_S ? floor_s : CGF_TTL_CEILING_S;
}

bool policy_grant_is_private(const struct policy *policy, const uint32_t *rules, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (policy->rules.rules[rules[i]].private_addresses)
			return true;
	return false;
}

static int compare_rules(const void *a, const void *b)
{
	uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;

	return first < second ? -1 : first > second;
}

/*
 * A question that waits for its answer knows its grant by number, and may wait while its policy is
 * taken up by another process, or its maps are made another policy's: what is not in the maps any
 * more must not be another name's. So numbers begin at the milliseconds since the machine started,
 * or well beyond those that are known.
 */
uint32_t policy_grant_last(uint32_t last)
{
	uint32_t now = (uint32_t)(monotonic_ns() / NSEC_PER_MSEC) & CLOCK_MASK;

	if (now > last)
		return now;
	return last < UINT32_MAX - 2 * CGF_GRANTS_MAX ? last + CGF_GRANTS_MAX : last;
}

static int grant_add(struct policy *policy, struct grant *grant)
{
	HASH_ADD_KEYPTR(hh, policy->grants, grant->rules, grant->rule_count * sizeof(*grant->rules),
			grant);
	if (!grant->hh.tbl)
		return -ENOMEM;
	HASH_ADD(hh_number, policy->grant_numbers, number, sizeof(grant->number), grant);
	if (grant->hh_number.tbl)
		return 0;
	HASH_DEL(policy->grants, grant);
	return -ENOMEM;
}

static struct grant *grant_get(struct policy *policy, const uint32_t *rules, size_t count)
{
	_cleanup_free_ struct grant *grant = calloc(1, sizeof(*grant) + count * sizeof(*rules));
	struct grant *known;

	if (!grant)
		return NULL;
	grant->rule_count = count;
	memcpy(grant->rules, rules, count * sizeof(*rules));
	qsort(grant->rules, count, sizeof(*grant->rules), compare_rules);
	HASH_FIND(hh, policy->grants, grant->rules, count * sizeof(*rules), known);
	if (known)
		return known;
	grant->number = policy->grant_last + 1;
	if (grant_add(policy, grant))
		return NULL;
	policy->grant_last++;
	return TAKE_PTR(grant);
}

int policy_grant_use(struct policy *policy, struct grant **used, const uint32_t *rules,
		     size_t count)
{
	struct grant *grant = count ? grant_get(policy, rules, count) : NULL;

	if (count && !grant)
		return -ENOMEM;
	if (grant == *used)
		return 0;
	if (grant)
		grant->users++;
	if (*used)
		(*used)->users--;
	*used = grant;
	return 0;
}

struct grant *policy_grant_find(const struct policy *policy, uint32_t number)
{
	struct grant *grant;

	HASH_FIND(hh_number, policy->grant_numbers, &number, sizeof(number), grant);
	return grant;
}

bool policy_grant_lives(uint32_t number, const void *data)
{
	const struct grant *grant = policy_grant_find(data, number);

	return grant && grant->users;
}

static uint32_t first_rule(const struct policy *policy, const struct grant *grant)
{
	size_t i;

	for (i = 0; i < grant->rule_count; i++)
		if (policy->rules.rules[grant->rules[i]].verb == RULE_ALLOW)
			return grant->rules[i];
	return grant->rules[0];
}

static int compare_blocks(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct cgf_port_block));
}

/* Of a name in a search domain the rules of the one without a dot are farther than its own. */
static bool is_nearer(const struct rule *rule, const struct rule *other)
{
	if (rule->destination != other->destination)
		return rule->destination == DESTINATION_NAME;
	return strlen(rule->name) > strlen(other->name);
}

const struct rule *policy_grant_nearest(const struct policy *policy, const struct grant *grant)
{
	const struct rule *rule, *nearest = NULL;
	size_t i;

	for (i = 0; i < grant->rule_count; i++) {
		rule = &policy->rules.rules[grant->rules[i]];
		if (!nearest || is_nearer(rule, nearest))
			nearest = rule;
	}
	return nearest;
}

static uint64_t name_hash(const struct policy *policy, const struct grant *grant)
{
	const struct rule *nearest = policy_grant_nearest(policy, grant);

	return policy_name_hash(nearest->name, nearest->destination == DESTINATION_WILDCARD);
}

/*
 * The same for the same rules, whatever their numbers and their order. Of a set that is too large,
 * or that only denies, there are no blocks: it says whose an address is, and no answer gives it.
 */
int policy_grant_value(const struct policy *policy, const struct grant *grant,
		       struct cgf_grant *ret_value)
{
	struct cgf_grant value = {
		.name_hash = name_hash(policy, grant),
		.rule = first_rule(policy, grant),
		.ttl_floor_s = policy_grant_ttl_floor_s(policy, grant->rules, grant->rule_count),
	};
	size_t count = 0;
	uint64_t hash;
	int r = policy_grant_blocks(policy, grant->rules, grant->rule_count, value.blocks, &count);

	if (r && r != -E2BIG)
		return r;
	r = policy_rules_hash(policy, grant->rules, grant->rule_count, &hash);
	if (r)
		return r;
	value.rules_hash = hash;
	qsort(value.blocks, count, sizeof(value.blocks[0]), compare_blocks);
	value.block_count = (uint32_t)count;
	if (policy_grant_is_private(policy, grant->rules, grant->rule_count))
		value.flags |= CGF_GRANT_PRIVATE;
	*ret_value = value;
	return 0;
}

int policy_grants_write(struct policy *policy, struct datapath_policy *datapath,
			size_t *ret_no_room)
{
	struct cgf_grant value;
	struct grant *grant;
	int r;

	*ret_no_room = 0;
	for (grant = policy->grants; grant; grant = grant->hh.next) {
		if ((grant->in_map && !grant->differs) || !grant->users)
			continue;
		r = policy_grant_value(policy, grant, &value);
		if (!r)
			r = datapath_grant_write(datapath, grant->number, &value);
		if (r && r != -ENOSPC)
			return r;
		*ret_no_room += r != 0;
		if (r)
			continue;
		grant->in_map = true;
		grant->differs = false;
		grant->teaches = value.block_count > 0;
		grant->written = policy_grant_hash(&value);
	}
	return 0;
}

static void grant_free(struct policy *policy, struct grant *grant)
{
	HASH_DELETE(hh, policy->grants, grant);
	if (grant->hh_number.tbl)
		HASH_DELETE(hh_number, policy->grant_numbers, grant);
	free(grant);
}

int policy_grants_remove_unused(struct policy *policy, struct datapath_policy *datapath,
				bool teaching)
{
	struct grant *grant, *next;
	int r;

	HASH_ITER (hh, policy->grants, grant, next) {
		if (grant->users || (grant->in_map && grant->teaches != teaching))
			continue;
		r = grant->in_map ? datapath_grant_delete(datapath, grant->number) : 0;
		if (r)
			return r;
		policy->allow_has_stale |= grant->in_map && grant->teaches;
		grant_free(policy, grant);
	}
	return 0;
}

void policy_grants_free(struct policy *policy)
{
	struct grant *grant, *next;

	HASH_ITER (hh, policy->grants, grant, next)
		grant_free(policy, grant);
}
