// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Maps that are in force, of a process that is no more. All that is there is taken up as written;
 * grants are known again by what they are, and by grants which addresses names have.
 */
#include <errno.h>
#include <string.h>

#include "datapath.h"
#include "name_key.h"
#include "policy_found.h"

/* Where very many names have changed, what one of them may have had is not denied to all. */
#define DENIED_ANEW_MAX 4096

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
	size_t denied_anew; /* addresses, once for each name */
};

static void readopt_finish(struct readopt *readopt)
{
	free(readopt->grants);
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
	return entries_take_up(readopt->policy->allow, key, entry);
}

static int take_prefix(const struct cgf_prefix_key *key, const struct cgf_prefix *prefix,
		       void *data)
{
	const struct cgf_entry there = { .rule = prefix->rule, .grant = prefix->grant };
	struct readopt *readopt = data;

	note_number(readopt, prefix->grant);
	return entries_take_up(readopt->policy->prefixes, key, &there);
}

static int take_listen(const struct cgf_listen_key *key, const struct cgf_listen *listen,
		       void *data)
{
	const struct cgf_entry there = { .rule = listen->rule };

	return entries_take_up(((struct readopt *)data)->policy->listens, key, &there);
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
	size_t begin = 0, end = readopt->count, middle;

	while (begin < end) {
		middle = begin + (end - begin) / 2;
		if (readopt->grants[middle].value.rules_hash < wanted->rules_hash)
			begin = middle + 1;
		else
			end = middle;
	}
	for (; begin < readopt->count; begin++) {
		if (readopt->grants[begin].value.rules_hash != wanted->rules_hash)
			break;
		if (!readopt->grants[begin].known &&
		    same_value(readopt->grants[begin].value, wanted))
			return &readopt->grants[begin];
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
	old = find_old(readopt, &wanted);
	grant->number = old ? old->number : ++readopt->policy->grant_last;
	if (!old)
		return 0;
	old->known = true;
	grant->in_map = old->value.rule == wanted.rule;
	grant->written = policy_grant_hash(&wanted);
	return 0;
}

static int number_all(struct readopt *readopt)
{
	struct policy *policy = readopt->policy;
	struct grant *grant;
	size_t i;
	int r = 0;

	if (readopt->count)
		qsort(readopt->grants, readopt->count, sizeof(*readopt->grants), compare_grants);
	HASH_CLEAR(hh_number, policy->grant_numbers);
	policy->grant_last = policy_grant_last(readopt->last);
	for (grant = policy->grants; !r && grant; grant = grant->hh.next) {
		r = number_one(readopt, grant);
		if (r)
			break;
		HASH_ADD(hh_number, policy->grant_numbers, number, sizeof(grant->number), grant);
		r = grant->hh_number.tbl ? 0 : -ENOMEM;
	}
	for (i = 0; !r && i < readopt->count; i++)
		if (!readopt->grants[i].known)
			r = policy_stray_grant(policy, readopt->grants[i].number);
	return r;
}

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

static int take_question(const struct cgf_name_key *key, const struct cgf_name *there, void *data)
{
	struct readopt *readopt = data;
	struct policy_name *known = policy_name_of_key(readopt->policy, key);
	const struct policy_name *name = known ? known : name_above(readopt->policy, key);
	int r = known ? 0 : policy_stray_name(readopt->policy, key);

	if (known) {
		known->question.written = *there;
		known->question.in_map = true;
	}
	if (r || !name || !there->grant || !name->question.wanted.grant ||
	    policy_grant_find(readopt->policy, there->grant))
		return 0;
	return policy_founds_inherit(&readopt->founds, there->grant, name->grant);
}

/* --- addresses of names ---------------------------------------------------------------------- */

static int find_allowed(const void *key, const struct cgf_entry *there, void *data)
{
	struct policy_found found = { .expires_ns = there->expires_ns };
	struct readopt *readopt = data;
	struct cgf_key at;

	memcpy(&at, key, sizeof(at));
	memcpy(found.address.bytes, at.address, sizeof(at.address));
	return policy_founds_add(readopt->policy, &readopt->founds, there->grant, &found);
}

/* It is asked for, and what denies it is not what denied any name before. */
static bool is_denied_anew(const struct readopt *readopt, const struct policy_name *name)
{
	return name->own_count && name->deny_grant && name->deny_grant->number > readopt->last;
}

/*
 * By rules that are no more, of a name that nothing tells: it may be one whose rules have changed,
 * so each of these has it until its first answer.
 */
static int deny_anew(struct readopt *readopt, const struct policy_found *found)
{
	const struct policy_name *name;
	int r = 0;

	for (name = readopt->policy->names; !r && name; name = name->hh.next)
		if (is_denied_anew(readopt, name) && readopt->denied_anew++ < DENIED_ANEW_MAX)
			r = policy_founds_add(readopt->policy, &readopt->founds,
					      name->deny_grant->number, found);
	return r;
}

static int find_denied(const void *key, const struct cgf_entry *there, void *data)
{
	struct policy_found found = { .denied = true };
	struct readopt *readopt = data;
	struct cgf_prefix_key at;

	memcpy(&at, key, sizeof(at));
	if (there->grant == CGF_GRANT_NONE)
		return 0;
	memcpy(found.address.bytes, at.address, sizeof(at.address));
	if (!policy_grant_find(readopt->policy, there->grant))
		return deny_anew(readopt, &found);
	return policy_founds_add(readopt->policy, &readopt->founds, there->grant, &found);
}

/* --- resolvers ------------------------------------------------------------------------------- */

struct resolver_taker {
	struct policy *policy;
	bool of_namespaces; /* first these, as each has a key without one */
	int result;
};

static void take_resolver(const struct cgf_resolver_key *key, const struct cgf_resolver *resolver,
			  void *data)
{
	struct policy_resolver_at at = { .netns_cookie = key->netns_cookie,
					 .ifindex = resolver->ifindex };
	struct resolver_taker *taker = data;
	struct policy_resolver *known;

	if (taker->result || taker->of_namespaces != (key->netns_cookie != 0))
		return;
	HASH_FIND(hh, taker->policy->resolvers, key, sizeof(*key), known);
	if (!known) {
		memcpy(at.address.bytes, key->address, sizeof(key->address));
		taker->result = policy_add_resolver(taker->policy, &at);
		HASH_FIND(hh, taker->policy->resolvers, key, sizeof(*key), known);
	}
	if (known)
		known->changed = known->ifindex != resolver->ifindex;
}

static int take_resolvers(struct policy *policy, struct datapath_policy *datapath)
{
	struct resolver_taker taker = { .policy = policy, .of_namespaces = true };
	int r = datapath_resolver_each(datapath, take_resolver, &taker);

	taker.of_namespaces = false;
	if (!r && !taker.result)
		r = datapath_resolver_each(datapath, take_resolver, &taker);
	return r ? r : taker.result;
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

	if (r)
		return r;
	renumber_questions(policy->names);
	renumber_questions(policy->wildcards);
	policy->questions_unwritten = true;
	r = datapath_question_each(datapath, take_question, readopt);
	if (!r)
		r = entries_each_taken(policy->allow, find_allowed, readopt);
	if (!r)
		r = entries_each_taken(policy->prefixes, find_denied, readopt);
	return r ? r : policy_founds_give(policy, &readopt->founds);
}

int policy_readopt(struct policy *policy, struct datapath_policy *datapath)
{
	_cleanup_(readopt_finish) struct readopt readopt = { .policy = policy };
	struct cgf_counters counters;
	int r = policy_questions_decide(policy);

	if (!r)
		r = datapath_counters(datapath, &counters);
	if (!r)
		r = take_maps(&readopt, datapath);
	if (!r)
		r = take_names(&readopt, datapath);
	if (!r)
		r = take_resolvers(policy, datapath);
	if (r)
		return r;
	policy->lost_before = counters.records_lost;
	policy->in_force = policy->taken_up = true;
	return 0;
}
