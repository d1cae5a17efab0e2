// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which names may be asked for, and what their answers give: the trie of names. */
#include <errno.h>
#include <string.h>

#include "datapath.h"
#include "name_key.h"
#include "policy_internal.h"
#include "span.h"

/* It is only refused where it would else be allowed: below a wildcard. */
static bool needs_refusal(const struct policy *policy, const struct policy_name *name)
{
	size_t i;

	for (i = name->own_count; i < name->rule_count; i++)
		if (policy->rules.rules[name->rules[i]].verb == RULE_ALLOW)
			return true;
	return false;
}

/* A set of rules that is too large for a grant: the name may be asked for, and is polled. */
static int decide_one(struct policy *policy, struct policy_name *name)
{
	struct cgf_port_block blocks[CGF_GRANT_BLOCKS_MAX];
	struct policy_question *question = &name->question;
	struct grant *grant;
	size_t count;
	int r;

	question->wanted = (struct cgf_name){};
	question->is_wanted = false;
	if (!name_key_fits(name->text) || !policy_name_has(policy, name, RULE_ALLOW))
		return 0;
	r = policy_grant_blocks(policy, name->rules, name->rule_count, blocks, &count);
	if (!r && !count) {
		question->wanted.refused = 1;
		question->is_wanted = needs_refusal(policy, name);
		return 0;
	}
	question->is_wanted = true;
	if (r == -E2BIG)
		return 0;
	grant = policy_grant_get(policy, name->rules, name->rule_count);
	if (!grant)
		return -ENOMEM;
	grant->in_use = true;
	question->wanted.grant = grant->number;
	return 0;
}

/* -ENAMETOOLONG: there is no such name. */
static int join(const char *name, const char *domain, char text[static CGF_NAME_BYTES_MAX + 1])
{
	int length = snprintf(text, CGF_NAME_BYTES_MAX + 1, "%s.%s", name, domain);

	return length <= CGF_NAME_BYTES_MAX && name_key_fits(text) ? 0 : -ENAMETOOLONG;
}

static bool has_dot(const char *name)
{
	return strchr(name, '.');
}

/*
 * libc tries a name in its search domains, and gives all up if it may not ask for one of them.
 * Where a wildcard has something to say of it, that holds.
 */
static void want_searched(struct policy *policy, const struct policy_name *name, const char *domain)
{
	char text[CGF_NAME_BYTES_MAX + 1];
	struct policy_name *searched;

	if (!name->question.is_wanted || name->question.wanted.refused || !has_dot(name->text) ||
	    name->searched || join(name->text, domain, text))
		return;
	searched = policy_name_find(policy->names, text, strlen(text));
	if (searched && searched->searched && !searched->rule_count)
		searched->question.is_wanted = true;
}

static int decide_all(struct policy *policy, struct policy_name *names)
{
	struct policy_name *name;
	int r = 0;

	for (name = names; !r && name; name = name->hh.next)
		r = decide_one(policy, name);
	return r;
}

int policy_questions_decide(struct policy *policy)
{
	const struct policy_name *name;
	struct grant *grant;
	size_t i;
	int r;

	if (!policy->questions_changed)
		return 0;
	policy->questions_unwritten = true;
	for (grant = policy->grants; grant; grant = grant->hh.next)
		grant->in_use = false;
	r = decide_all(policy, policy->wildcards);
	if (!r)
		r = decide_all(policy, policy->names);
	for (i = 0; !r && i < policy->search_count; i++)
		for (name = policy->names; name; name = name->hh.next)
			want_searched(policy, name, policy->searches[i]);
	policy->questions_changed = r != 0;
	return r;
}

static int search_one(struct policy *policy, const struct policy_name *name, const char *domain)
{
	char text[CGF_NAME_BYTES_MAX + 1];
	struct policy_name *searched;
	bool known;

	if (!name->own_count || join(name->text, domain, text))
		return 0;
	known = policy_name_find(policy->names, text, strlen(text));
	if (known && has_dot(name->text))
		return 0;
	if (!known && HASH_COUNT(policy->names) + HASH_COUNT(policy->wildcards) >= CGF_NAMES_MAX)
		return -E2BIG;
	searched = policy_name_find_or_add(&policy->names, text);
	if (!searched)
		return -ENOMEM;
	if (!known) {
		searched->searched = true;
		if (policy_name_inherit(policy, searched))
			return -ENOMEM;
	}
	/* Of a name without a dot this is what is meant. */
	return has_dot(name->text)
		       ? 0
		       : policy_name_append_rules(searched, name->rules, name->own_count);
}

/* In lower case, without the dot that may end it. */
static char *canonical(const char *domain)
{
	char *copy = strdup(domain);
	size_t i, length = copy ? strlen(copy) : 0;

	for (i = 0; i < length; i++)
		copy[i] = ascii_to_lower(copy[i]);
	if (length && copy[length - 1] == '.')
		copy[length - 1] = '\0';
	return copy;
}

static bool is_searched(const struct policy *policy, const char *domain)
{
	size_t i;

	for (i = 0; i < policy->search_count; i++)
		if (!strcmp(policy->searches[i], domain))
			return true;
	return false;
}

static int remember_search(struct policy *policy, char **domain)
{
	char **searches = reallocarray(policy->searches, policy->search_count + 1,
				       sizeof(*searches));

	if (!searches)
		return -ENOMEM;
	policy->searches = searches;
	searches[policy->search_count++] = TAKE_PTR(*domain);
	return 0;
}

int policy_add_search(struct policy *policy, const char *domain)
{
	_cleanup_free_ char *text = canonical(domain);
	const struct policy_name *name;
	struct cgf_name_key key;
	int r = text ? name_key_below(text, &key) : -ENOMEM;

	if (r)
		return r == -ENAMETOOLONG ? 0 : r;
	if (is_searched(policy, text))
		return 0;
	r = remember_search(policy, &text);
	/* What is added has no rule of its own, and is met at the end. */
	for (name = policy->names; !r && name; name = name->hh.next)
		r = search_one(policy, name, policy->searches[policy->search_count - 1]);
	policy->questions_changed = true;
	return r;
}

static int write_one(struct policy_name *name, bool below, struct datapath_policy *datapath)
{
	struct policy_question *question = &name->question;
	struct cgf_name_key key;
	int r;

	if (!question->is_wanted && !question->in_map)
		return 0;
	if (question->is_wanted && question->in_map &&
	    !memcmp(&question->wanted, &question->written, sizeof(question->wanted)))
		return 0;
	r = below ? name_key_below(name->text, &key) : name_key_exact(name->text, &key);
	if (!r)
		r = question->is_wanted ? datapath_name_write(datapath, &key, &question->wanted)
					: datapath_name_delete(datapath, &key);
	if (r)
		return r;
	question->in_map = question->is_wanted;
	question->written = question->wanted;
	return 0;
}

static int write_all(struct policy_name *names, bool below, struct datapath_policy *datapath,
		     size_t *refused)
{
	struct policy_name *name;
	int r;

	for (name = names; name; name = name->hh.next) {
		r = write_one(name, below, datapath);
		if (r && r != -ENOSPC)
			return r;
		*refused += r == -ENOSPC;
	}
	return 0;
}

/* A question finds a grant that is there, whatever it was that it found in the trie. */
int policy_flush_questions(struct policy *policy, struct datapath_policy *datapath,
			   size_t *ret_refused)
{
	size_t refused = 0;
	int r = policy_questions_decide(policy);

	if (r || !policy->questions_unwritten)
		return r;
	r = policy_grants_write(policy, datapath);
	if (!r)
		r = write_all(policy->wildcards, true, datapath, &refused);
	if (!r)
		r = write_all(policy->names, false, datapath, &refused);
	if (!r && !refused)
		r = policy_grants_remove_unused(policy, datapath);
	if (r)
		return r;
	policy->questions_unwritten = refused > 0;
	*ret_refused += refused;
	return 0;
}

/* --- by which rules -------------------------------------------------------------------------- */

/* The first of each verb, the nearest first. */
struct found {
	uint32_t rules[RULE_VERB_COUNT];
};

static void look(const struct policy *policy, const uint32_t *rules, size_t count,
		 struct found *found)
{
	size_t i;

	for (i = 0; i < count; i++) {
		uint32_t *first = &found->rules[policy->rules.rules[rules[i]].verb];

		if (*first == CGF_RULE_NONE)
			*first = rules[i];
	}
}

static struct found find_rules(const struct policy *policy, const char *text)
{
	struct found found = { { [RULE_ALLOW] = CGF_RULE_NONE, [RULE_DENY] = CGF_RULE_NONE } };
	_cleanup_free_ char *lower = canonical(text);
	const struct policy_name *name, *above;
	const char *dot = lower;

	if (!lower)
		return found;
	name = policy_name_find(policy->names, lower, strlen(lower));
	if (name)
		look(policy, name->rules, name->rule_count, &found);
	for (; !name && (dot = strchr(dot, '.')); dot++) {
		above = policy_name_find(policy->wildcards, dot + 1, strlen(dot + 1));
		if (above)
			look(policy, above->rules, above->own_count, &found);
	}
	return found;
}

uint32_t policy_question_allowed_by(const struct policy *policy, const char *text)
{
	return find_rules(policy, text).rules[RULE_ALLOW];
}

uint32_t policy_question_denied_by(const struct policy *policy, const char *text)
{
	struct found found = find_rules(policy, text);

	return found.rules[RULE_ALLOW] == CGF_RULE_NONE ? CGF_RULE_NONE : found.rules[RULE_DENY];
}
