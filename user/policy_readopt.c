// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Maps that are in force, of a process that is no more, which may have ended while it wrote. All
 * that is there is taken up as written; grants are known again by what they are, and by grants
 * which addresses names have. If a name's rules have changed, its old grant tells the name.
 */
#include <errno.h>
#include <string.h>

#include "datapath.h"
#include "name_key.h"
#include "policy_denials.h"
#include "policy_heirs.h"

/* One that is in the map. */
struct old_grant {
	uint32_t number;
	struct cgf_grant value;
	bool known;
};

struct readopt {
	struct policy *policy;
	uint32_t last; /* the highest number of a grant */
	struct old_grant *grants;
	size_t count, capacity;
	struct policy_founds founds;
	struct policy_heirs heirs;
	struct policy_denials denies;
};

static void readopt_finish(struct readopt *readopt)
{
	free(readopt->grants);
	policy_heirs_finish(&readopt->heirs);
	policy_denials_finish(&readopt->denies);
	policy_founds_finish(&readopt->founds);
}

static void note_number(struct readopt *readopt, uint32_t number)
{
	if (number > readopt->last)
		readopt->last = number;
}

/* --- what is there --------------------------------------------------------------------------- */

static int take_allow(const struct cgf_key *key, const struct cgf_entry *entry, void *data)
{
	struct readopt *readopt = data;

	note_number(readopt, entry->grant);
	return entries_take_up(readopt->policy->allow, key, entry, false);
}

static int take_prefix(const struct cgf_prefix_key *key, const struct cgf_prefix *prefix,
		       void *data)
{
	const struct cgf_entry there = { .rule = prefix->rule, .grant = prefix->grant };
	struct readopt *readopt = data;

	note_number(readopt, prefix->grant);
	return entries_take_up(readopt->policy->prefixes, key, &there, prefix->shared != 0);
}

static int take_listen(const struct cgf_listen_key *key, const struct cgf_listen *listen,
		       void *data)
{
	const struct cgf_entry there = { .rule = listen->rule };

	return entries_take_up(((struct readopt *)data)->policy->listens, key, &there, false);
}

static int take_grant(uint32_t number, const struct cgf_grant *grant, void *data)
{
	struct readopt *readopt = data;
	size_t capacity = readopt->capacity ? 2 * readopt->capacity : 64;
	struct old_grant *grants;

	note_number(readopt, number);
	if (readopt->count == readopt->capacity) {
		grants = reallocarray(readopt->grants, capacity, sizeof(*grants));
		if (!grants)
			return -ENOMEM;
		readopt->grants = grants;
		readopt->capacity = capacity;
	}
	readopt->grants[readopt->count++] = (struct old_grant){ number, *grant, false };
	return 0;
}

/* --- grants ---------------------------------------------------------------------------------- */

static int compare_grants(const void *a, const void *b)
{
	const struct old_grant *first = a, *second = b;

	if (first->value.rules_hash != second->value.rules_hash)
		return first->value.rules_hash < second->value.rules_hash ? -1 : 1;
	return first->number < second->number ? -1 : first->number > second->number;
}

/* But for the number of its first rule. */
static bool same_value(struct cgf_grant there, const struct cgf_grant *wanted)
{
	there.rule = wanted->rule;
	return !memcmp(&there, wanted, sizeof(there));
}

static struct old_grant *find_old(const struct readopt *readopt, const struct cgf_grant *wanted)
{
	const struct old_grant first = { .value.rules_hash = wanted->rules_hash };
	size_t i = lower_bound(&first, readopt->grants, readopt->count, sizeof(first),
			       compare_grants);

	for (; i < readopt->count; i++) {
		if (readopt->grants[i].value.rules_hash != wanted->rules_hash)
			break;
		if (!readopt->grants[i].known && same_value(readopt->grants[i].value, wanted))
			return &readopt->grants[i];
	}
	return NULL;
}

static int number_one(struct readopt *readopt, struct grant *grant)
{
	struct cgf_grant wanted;
	struct old_grant *old;
	int r = policy_grant_value(readopt->policy, grant, &wanted);

	if (r)
		return r;
	old = grant->users ? find_old(readopt, &wanted) : NULL;
	grant->number = old ? old->number : ++readopt->policy->grant_last;
	if (!old)
		return 0;
	old->known = true;
	grant->in_map = true;
	grant->differs = old->value.rule != wanted.rule;
	grant->teaches = wanted.block_count > 0;
	grant->written = policy_grant_hash(&old->value);
	return 0;
}

static int number_all(struct readopt *readopt)
{
	struct policy *policy = readopt->policy;
	struct grant *grant;
	int r = 0;

	if (readopt->count)
		qsort(readopt->grants, readopt->count, sizeof(*readopt->grants), compare_grants);
	HASH_CLEAR(hh_number, policy->grant_numbers);
	for (grant = policy->grants; grant; grant = grant->hh.next)
		grant->hh_number.tbl = NULL;
	policy->grant_last = policy_grant_last(readopt->last);
	for (grant = policy->grants; !r && grant; grant = grant->hh.next) {
		r = number_one(readopt, grant);
		if (r)
			break;
		HASH_ADD(hh_number, policy->grant_numbers, number, sizeof(grant->number), grant);
		r = grant->hh_number.tbl ? 0 : -ENOMEM;
	}
	return r;
}

static int add_strays(struct readopt *readopt)
{
	const struct old_grant *old;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < readopt->count; i++) {
		old = &readopt->grants[i];
		if (old->known)
			continue;
		r = policy_stray_grant(readopt->policy, old->number, old->value.block_count > 0);
		if (!r)
			r = policy_heirs_add(&readopt->heirs, old->number, old->value.name_hash);
	}
	return r;
}

/* --- questions ------------------------------------------------------------------------------- */

static void renumber_questions(struct policy_name *names)
{
	struct policy_name *name;

	for (name = names; name; name = name->hh.next)
		if (name->question.wanted.grant != CGF_GRANT_NONE)
			name->question.wanted.grant = name->grant->number;
}

/* The nearest wildcard above a name that no rule says any more, which has it now; or NULL. */
static const struct policy_name *name_above(const struct policy *policy,
					    const struct cgf_name_key *key)
{
	char text[CGF_NAME_BYTES_MAX + 1];
	const struct policy_name *above = NULL;
	const char *dot;
	bool below;

	if (name_key_read(key, text, &below))
		return NULL;
	for (dot = strchr(text, '.'); !above && dot; dot = strchr(dot + 1, '.'))
		above = policy_name_find(policy->wildcards, dot + 1, strlen(dot + 1));
	return above;
}

static int use_grant(const struct cgf_name_key *key, const struct cgf_name *there, void *data)
{
	struct readopt *readopt = data;

	(void)key;
	policy_heirs_use(&readopt->heirs, there->grant);
	return 0;
}

/* Of a grant that names in search domains had in common nobody knows what is this one's. */
static int take_question(const struct cgf_name_key *key, const struct cgf_name *there, void *data)
{
	struct readopt *readopt = data;
	struct policy_name *known = policy_name_of_key(readopt->policy, key);
	const struct policy_name *above = known ? NULL : name_above(readopt->policy, key);
	int r = known ? 0 : policy_stray_name(readopt->policy, key);
	const struct grant *grant;

	if (known) {
		known->question.written = *there;
		known->question.in_map = true;
	}
	if (r || !above || !policy_heirs_had_one_user(&readopt->heirs, there->grant))
		return r;
	grant = above->grant ? above->grant : above->deny_grant;
	return grant ? policy_founds_inherit(&readopt->founds, there->grant, grant) : 0;
}

/* --- addresses of names ---------------------------------------------------------------------- */

static int find_allowed(const void *key, const struct cgf_entry *there, void *data)
{
	struct policy_found found = { .expires_ns = there->expires_ns };
	struct readopt *readopt = data;
	struct cgf_key at;
	int r;

	/* A rule that says the address, or a resolver. */
	if (there->grant == CGF_GRANT_NONE)
		return 0;
	memcpy(&at, key, sizeof(at));
	memcpy(found.address.bytes, at.address, sizeof(at.address));
	r = policy_founds_add(readopt->policy, &readopt->founds, there->grant, &found);
	return r ? r : policy_heirs_allowed(&readopt->heirs, there->grant, &found);
}

/*
 * Where others may have it too, the very key stays denied until they are known; for long if it may
 * be of a name that nobody asks for, below a denied wildcard.
 */
static int keep_denied(struct readopt *readopt, const struct cgf_prefix_key *key,
		       const struct cgf_prefix *prefix, enum policy_whose whose)
{
	const bool is_sure = whose == POLICY_WHOSE_KNOWN && !prefix->shared;
	const bool for_long = !is_sure && readopt->denies.below;
	uint64_t until_ns = 1;

	if (!prefix->shared && !for_long && whose != POLICY_WHOSE_UNKNOWN)
		return 0;
	if (!policy_denials_meet(&readopt->denies, key))
		return 0;
	if (for_long)
		until_ns = monotonic_ns() + CGF_TTL_CEILING_S * NSEC_PER_SEC;
	readopt->policy->keeps_denied_ns = 1;
	readopt->policy->kept_port_mask |= 1U << key->port_bits;
	return entries_keep(readopt->policy->prefixes, key, prefix->grant, until_ns);
}

/* Not by a rule that says the address; nor what nobody of ours has written. */
static bool is_of_name(const struct cgf_prefix_key *key, const struct cgf_prefix *prefix)
{
	return key->verdict == CGF_DENY && key->prefix_bits == CGF_PREFIX_LOOKUP_BITS &&
	       key->port_bits <= CGF_PORT_BITS_ONE &&
	       (prefix->grant != CGF_GRANT_NONE || prefix->shared);
}

static int find_denied(const struct cgf_prefix_key *key, const struct cgf_prefix *prefix,
		       void *data)
{
	struct policy_found found = { .denied = true };
	struct readopt *readopt = data;
	enum policy_whose whose = POLICY_WHOSE_UNKNOWN;
	int r = 0;

	if (!is_of_name(key, prefix))
		return 0;
	memcpy(found.address.bytes, key->address, sizeof(key->address));
	if (prefix->grant != CGF_GRANT_NONE)
		r = policy_heirs_denied(&readopt->heirs, prefix->grant, &found, &whose);
	return r ? r : keep_denied(readopt, key, prefix, whose);
}

/* --- all of it ------------------------------------------------------------------------------- */

static int take_maps(struct readopt *readopt, struct datapath_policy *datapath)
{
	int r = datapath_allow_each(datapath, take_allow, readopt);

	if (!r)
		r = datapath_prefix_each(datapath, take_prefix, readopt);
	if (!r)
		r = datapath_listen_each(datapath, take_listen, readopt);
	return r ? r : datapath_grant_each(datapath, take_grant, readopt);
}

static int take_names(struct readopt *readopt, struct datapath_policy *datapath)
{
	struct policy *policy = readopt->policy;
	int r = number_all(readopt);

	if (!r)
		r = add_strays(readopt);
	if (r)
		return r;
	policy_heirs_sort(&readopt->heirs);
	renumber_questions(policy->names);
	renumber_questions(policy->wildcards);
	policy->questions_unwritten = true;
	r = datapath_question_each(datapath, use_grant, readopt);
	if (!r)
		r = datapath_question_each(datapath, take_question, readopt);
	if (!r)
		r = policy_heirs_find(&readopt->heirs);
	if (!r)
		r = policy_denials_find(&readopt->denies, policy);
	if (!r)
		r = entries_each_taken(policy->allow, find_allowed, readopt);
	if (!r)
		r = datapath_prefix_each(datapath, find_denied, readopt);
	return r ? r : policy_founds_give(policy, &readopt->founds);
}

int policy_readopt(struct policy *policy, struct datapath_policy *datapath)
{
	_cleanup_(readopt_finish) struct readopt readopt = {
		.policy = policy,
		.heirs = { .policy = policy, .founds = &readopt.founds },
	};
	struct cgf_counters counters;
	int r = policy_questions_decide(policy);

	if (!r)
		r = datapath_counters(datapath, &counters);
	if (!r)
		r = take_maps(&readopt, datapath);
	if (!r)
		r = take_names(&readopt, datapath);
	if (!r)
		r = policy_resolvers_take_up(policy, datapath);
	if (r)
		return r;
	policy->lost_before = counters.records_lost;
	policy->in_force = policy->taken_up = true;
	return 0;
}
