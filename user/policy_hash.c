// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* By which sets of rules are known again, after a restart, whatever numbers they have. */
#include <errno.h>
#include <string.h>

#include "policy_internal.h"

/* As many rules as most names have; of more, the list is on the heap. */
#define HASHES_ROOM 64
#define FNV_PRIME 0x100000001b3ULL

/* FNV-1a: against accidents, not against anybody. */
uint64_t policy_hash_bytes(uint64_t hash, const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	size_t i;

	for (i = 0; i < count; i++)
		hash = (hash ^ at[i]) * FNV_PRIME;
	return hash;
}

/* The same by words, as all of it is looked at each time. */
uint64_t policy_grant_hash(const struct cgf_grant *grant)
{
	uint64_t words[sizeof(*grant) / sizeof(uint64_t)], hash = POLICY_HASH_BEGIN;
	size_t i;

	memcpy(words, grant, sizeof(words));
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		hash = (hash ^ words[i]) * FNV_PRIME;
		hash ^= hash >> 32;
	}
	return hash;
}

uint64_t policy_name_hash(const char *text, bool below)
{
	uint64_t hash = POLICY_HASH_BEGIN;

	if (below)
		hash = policy_hash_bytes(hash, "*.", strlen("*."));
	return policy_hash_bytes(hash, text, strlen(text));
}

static int hash_rule(const struct rule *rule, uint64_t *ret_hash)
{
	char text[CGF_LINE_BYTES_MAX];
	int length = rule_format(rule, text, sizeof(text));
	uint64_t hash;

	if (length < 0)
		return length;
	hash = policy_hash_bytes(POLICY_HASH_BEGIN, &length, sizeof(length));
	*ret_hash = policy_hash_bytes(hash, text, (size_t)length);
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

	return first < second ? -1 : first > second;
}

int policy_rules_hash(const struct policy *policy, const uint32_t *rules, size_t count,
		      uint64_t *ret_hash)
{
	uint64_t few[HASHES_ROOM], *hashes = few, hash;
	_cleanup_free_ uint64_t *many = NULL;
	size_t i;
	int r = 0;

	if (count > ARRAY_SIZE(few)) {
		hashes = many = calloc(count, sizeof(*many));
		if (!many)
			return -ENOMEM;
	}
	for (i = 0; !r && i < count; i++)
		r = hash_rule(&policy->rules.rules[rules[i]], &hashes[i]);
	if (r)
		return r;
	qsort(hashes, count, sizeof(*hashes), compare);
	hash = policy_hash_bytes(POLICY_HASH_BEGIN, &count, sizeof(count));
	*ret_hash = policy_hash_bytes(hash, hashes, count * sizeof(*hashes));
	return 0;
}
