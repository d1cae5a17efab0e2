// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which names may be asked for, and what their answers give: the trie of names. */
#include <errno.h>
#include <string.h>

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

/* Of more rules than most names have, the list is on the heap. */
#define RULES_ROOM 64

/* What its rules give is what is known of a name: a set without a port, too, and one of denials. */
static int decide_grants(struct policy *policy, struct policy_name *name)
{
	uint32_t denied[RULES_ROOM], *list = denied;
	_cleanup_free_ uint32_t *many = NULL;
	size_t i, count = 0;
	int r;

	if (name->rule_count > ARRAY_SIZE(denied)) {
		list = many = calloc(name->rule_count, sizeof(*many));
		if (!many)
			return -ENOMEM;
	}
	for (i = 0; i < name->rule_count; i++)
		if (policy->rules.rules[name->rules[i]].verb == RULE_DENY)
			list[count++] = name->rules[i];
	r = policy_grant_use(policy, &name->deny_grant, list, count);
	if (r)
		return r;
	return policy_grant_use(policy, &name->grant, name->rules,
				count < name->rule_count ? name->rule_count : 0);
}

/* Not a name that is known by a wildcard alone: that has a question's answer in the trie. */
static bool is_asked_for(const struct policy *policy, const struct policy_name *name)
{
	return name->own_count || (name->searched && policy_is_made_of_another(policy, name));
}

/* A set of rules that is too large for a grant: the name may be asked for, and is polled. */
static int decide_question(struct policy *policy, struct policy_name *name)
{
	struct cgf_port_block blocks[CGF_GRANT_BLOCKS_MAX];
	struct policy_question *question = &name->question;
	size_t count;
	int r;

	question->wanted = (struct cgf_name){};
	question->is_wanted = false;
	if (!name_key_fits(name->text) || !name->grant || !is_asked_for(policy, name))
		return 0;
	r = policy_grant_blocks(policy, name->rules, name->rule_count, blocks, &count);
	if (!r && !count) {
		question->wanted.refused = 1;
		question->is_wanted = needs_refusal(policy, name);
		return 0;
	}
	question->is_wanted = true;
	if (!r)
		question->wanted.grant = name->grant->number;
	return 0;
}

/*
 * Of a name that is searched: libc tries a name in its search domains, and gives all up if it may
 * not ask for one of them. Where a wildcard has something to say of it, that holds.
 */
static void decide_searched(struct policy *policy, struct policy_name *name)
{
	name->question.wanted = (struct cgf_name){};
	name->question.is_wanted = policy_is_searched_for(policy, name);
}

/* Its addresses are given anew, by the grant that it has now. */
int policy_name_decide(struct policy *policy, struct policy_name *name)
{
	const struct policy_question before = name->question;
	int r = decide_grants(policy, name);

	if (r)
		return r;
	if (name->searched && !name->rule_count)
		decide_searched(policy, name);
	else
		r = decide_question(policy, name);
	if (!r && before.is_wanted != name->question.is_wanted)
		policy_searched_undecided(policy, name);
	if (!r)
		r = policy_name_give_all(policy, name);
	name->undecided = r != 0;
	return r;
}

static int decide_all(struct policy *policy, struct policy_name *names)
{
	struct policy_name *name;
	int r = 0;

	for (name = names; !r && name; name = name->hh.next)
		if (name->undecided)
			r = policy_name_decide(policy, name);
	return r;
}

/* The second time for names that are searched, whose names are decided then. */
int policy_questions_decide(struct policy *policy)
{
	int r;

	if (!policy->questions_changed)
		return 0;
	policy->questions_unwritten = true;
	r = decide_all(policy, policy->wildcards);
	if (!r)
		r = decide_all(policy, policy->names);
	if (!r && policy->search_count)
		r = decide_all(policy, policy->names);
	if (!r)
		r = decide_all(policy, policy->learned);
	policy->questions_changed = r != 0;
	return r;
}

struct policy_name *policy_name_of_key(const struct policy *policy, const struct cgf_name_key *key)
{
	char text[CGF_NAME_BYTES_MAX + 1];
	bool below;

	if (name_key_read(key, text, &below))
		return NULL;
	return policy_name_find(below ? policy->wildcards : policy->names, text, strlen(text));
}

/* --- by which rules -------------------------------------------------------------------------- */

/* In lower case, without the dot that may end it. */
char *policy_name_canonical(const char *text)
{
	char *copy = strdup(text);
	size_t i, length = copy ? strlen(copy) : 0;

	for (i = 0; i < length; i++)
		copy[i] = ascii_to_lower(copy[i]);
	if (length && copy[length - 1] == '.')
		copy[length - 1] = '\0';
	return copy;
}

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
	_cleanup_free_ char *lower = policy_name_canonical(text);
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
