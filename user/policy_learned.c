// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the kernel has learned, by what it says of it. */
#include <errno.h>
#include <string.h>

#include "policy_internal.h"
#include "span.h"

/* Names below wildcards that are known by name: what the others have is in force all the same. */
#define LEARNED_MAX 4096

struct policy_name *policy_learned_add(struct policy *policy, const char *text)
{
	struct policy_name *name;

	if (HASH_COUNT(policy->learned) >= LEARNED_MAX) {
		policy_name_leave(policy, policy->learned);
		policy_name_free(policy, &policy->learned, policy->learned);
	}
	name = policy_name_find_or_add(&policy->learned, text);
	if (!name || policy_name_inherit(policy, name) || policy_name_decide(policy, name)) {
		if (name)
			policy_name_free(policy, &policy->learned, name);
		return NULL;
	}
	return name;
}

static int find_name(struct policy *policy, const char *text, struct policy_name **ret_name)
{
	size_t length = strlen(text);
	struct policy_name *name = policy_name_find(policy->names, text, length);

	if (!name)
		name = policy_name_find(policy->learned, text, length);
	if (!name)
		name = policy_learned_add(policy, text);
	if (!name)
		return -ENOMEM;
	*ret_name = name;
	return 0;
}

static int to_lower(const char *text, char ret_text[static CGF_NAME_BYTES_MAX + 1])
{
	size_t i, length = strlen(text);

	if (length > CGF_NAME_BYTES_MAX)
		return -EINVAL;
	for (i = 0; i <= length; i++)
		ret_text[i] = ascii_to_lower(text[i]);
	return 0;
}

/*
 * Nothing is written here. At the next flush the kernel turns out to have most of it; the rest is
 * what only the address of another rule allows, and what its map had no room for.
 */
int policy_adopt(struct policy *policy, const char *text, const struct policy_answer *answer,
		 uint32_t grant, struct policy_learned *ret_learned, const char **ret_name)
{
	char lower[CGF_NAME_BYTES_MAX + 1];
	struct policy_name *name;
	int r = to_lower(text, lower);

	if (!r)
		r = find_name(policy, lower, &name);
	if (r)
		return r;
	/* Its rules changed while the answer was on its way. */
	if (grant != CGF_GRANT_NONE && !policy_grant_lives(grant, policy))
		policy->allow_has_stale = true;
	if (!policy_name_has(policy, name, RULE_ALLOW))
		return -ENOENT;
	r = policy_learn(policy, name, answer, ret_learned);
	policy->untold |= ret_learned->refused > 0;
	*ret_name = name->text;
	return r;
}

void policy_untold(struct policy *policy)
{
	policy->untold = true;
}

static bool is_given(const void *key, uint32_t rule, const void *data)
{
	struct cgf_prefix_key at;
	struct address address;

	memcpy(&at, key, sizeof(at));
	memcpy(address.bytes, at.address, sizeof(address.bytes));
	return policy_names_share(data, NULL, rule, &address);
}

static void forget_both(struct policy *policy, struct policy_name *name, uint64_t now_ns)
{
	policy_name_forget(policy, name, false, now_ns);
	policy_name_forget(policy, name, true, now_ns);
}

void policy_learned_forget(struct policy *policy, uint64_t now_ns)
{
	struct policy_name *name, *next;

	HASH_ITER (hh, policy->learned, name, next) {
		forget_both(policy, name, now_ns);
		if (!name->address_count)
			policy_name_free(policy, &policy->learned, name);
	}
	for (name = policy->names; name; name = name->hh.next)
		if (name->searched)
			forget_both(policy, name, now_ns);
	entries_release_left(policy->prefixes, now_ns, is_given, policy);
}
