// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The same of what may be asked for, by whom it is answered, and what an answer gives. */
#include <errno.h>
#include <string.h>

#include "name_key.h"
#include "policy_verify.h"

static int look_at_grant(uint32_t number, const struct cgf_grant *there, void *data)
{
	struct verifier *verifier = data;
	struct policy *policy = verifier->policy;
	struct grant *grant = policy_grant_find(policy, number);

	if (!grant || !grant->in_map) {
		policy_differs(verifier, &verifier->differences.foreign,
			       "grants: %u is not of the policy", number);
		return policy_stray_grant(policy, number, there->block_count > 0);
	}
	grant->seen = policy->round;
	if (policy_grant_hash(there) == grant->written)
		return 0;
	policy_differs(verifier, &verifier->differences.changed, "grants: %u was changed", number);
	grant->differs = true;
	policy->questions_unwritten = true;
	return 0;
}

static int verify_grants(struct verifier *verifier)
{
	struct policy *policy = verifier->policy;
	struct grant *grant;
	int r = datapath_grant_each(verifier->datapath, look_at_grant, verifier);

	for (grant = policy->grants; !r && grant; grant = grant->hh.next) {
		if (!grant->in_map || grant->seen == policy->round)
			continue;
		policy_differs(verifier, &verifier->differences.missing, "grants: %u is missing",
			       grant->number);
		grant->in_map = false;
		policy->questions_unwritten = true;
	}
	return r;
}

static int foreign_name(struct verifier *verifier, const struct cgf_name_key *key)
{
	char text[CGF_NAME_BYTES_MAX + 1];
	bool below = false;

	if (name_key_read(key, text, &below))
		snprintf(text, sizeof(text), "what is no name");
	policy_differs(verifier, &verifier->differences.foreign,
		       "names: %s%.96s is not of the policy", below ? "*." : "", text);
	return policy_stray_name(verifier->policy, key);
}

static int look_at_name(const struct cgf_name_key *key, const struct cgf_name *there, void *data)
{
	struct verifier *verifier = data;
	struct policy *policy = verifier->policy;
	struct policy_name *name = policy_name_of_key(policy, key);
	struct policy_question *question = name ? &name->question : NULL;

	if (!question || !question->in_map)
		return foreign_name(verifier, key);
	question->seen = policy->round;
	if (there->grant == question->written.grant && there->refused == question->written.refused)
		return 0;
	policy_differs(verifier, &verifier->differences.changed, "names: %.96s was changed",
		       name->text);
	question->written = *there;
	policy->questions_unwritten = true;
	return 0;
}

static void miss_names(struct verifier *verifier, struct policy_name *names)
{
	struct policy *policy = verifier->policy;
	struct policy_name *name;

	for (name = names; name; name = name->hh.next) {
		if (!name->question.in_map || name->question.seen == policy->round)
			continue;
		policy_differs(verifier, &verifier->differences.missing, "names: %.96s is missing",
			       name->text);
		name->question.in_map = false;
		policy->questions_unwritten = true;
	}
}

int policy_verify_questions(struct verifier *verifier)
{
	struct policy *policy = verifier->policy;
	int r;

	if (policy->questions_unwritten || policy->questions_changed || policy->strays)
		return 0;
	r = datapath_question_each(verifier->datapath, look_at_name, verifier);
	if (r)
		return r;
	miss_names(verifier, policy->names);
	miss_names(verifier, policy->wildcards);
	return verify_grants(verifier);
}

/* --- resolvers ------------------------------------------------------------------------------- */

/* Used by nobody, it is removed. */
static void foreign_resolver(struct verifier *verifier, const struct cgf_resolver_key *key)
{
	struct policy *policy = verifier->policy;
	struct policy_resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return;
	resolver->key = *key;
	resolver->seen = policy->round;
	HASH_ADD(hh, policy->resolvers, key, sizeof(resolver->key), resolver);
	if (!resolver->hh.tbl)
		free(resolver);
}

static void look_at_resolver(const struct cgf_resolver_key *key, const struct cgf_resolver *there,
			     void *data)
{
	struct verifier *verifier = data;
	struct policy_differences *differences = &verifier->differences;
	char text[ADDRESS_TEXT_BYTES];
	struct policy_resolver *known;
	struct address address;

	memcpy(address.bytes, key->address, sizeof(address.bytes));
	HASH_FIND(hh, verifier->policy->resolvers, key, sizeof(*key), known);
	if (!known) {
		foreign_resolver(verifier, key);
		policy_differs(verifier, &differences->foreign,
			       "resolvers: %s is not of the policy",
			       address_format(&address, text));
		return;
	}
	known->seen = verifier->policy->round;
	if (known->changed || !policy_resolver_is_used(known) || known->ifindex == there->ifindex)
		return;
	known->changed = true;
	policy_differs(verifier, &differences->changed, "resolvers: %s was changed",
		       address_format(&address, text));
}

int policy_verify_resolvers(struct verifier *verifier)
{
	char text[ADDRESS_TEXT_BYTES];
	struct policy_resolver *resolver;
	struct address address;
	int r = datapath_resolver_each(verifier->datapath, look_at_resolver, verifier);

	for (resolver = verifier->policy->resolvers; !r && resolver; resolver = resolver->hh.next) {
		if (resolver->seen == verifier->policy->round || resolver->changed ||
		    !policy_resolver_is_used(resolver))
			continue;
		memcpy(address.bytes, resolver->key.address, sizeof(address.bytes));
		resolver->changed = true;
		policy_differs(verifier, &verifier->differences.missing, "resolvers: %s is missing",
			       address_format(&address, text));
	}
	return r;
}
