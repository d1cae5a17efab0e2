// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Domains in which libc looks for names, and the names that it makes of those of rules. */
#include <errno.h>
#include <string.h>

#include "name_key.h"
#include "policy_internal.h"
#include "span.h"

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

static bool is_asked_with_dot(const struct policy_name *name)
{
	return name->question.is_wanted && !name->question.wanted.refused && has_dot(name->text) &&
	       !name->searched;
}

/* The name of which this one is made by a domain, if it is. */
static const struct policy_name *name_before(const struct policy *policy, const char *text,
					     const char *domain)
{
	size_t length = strlen(text), domain_length = strlen(domain);

	if (length < domain_length + 2 || text[length - domain_length - 1] != '.' ||
	    strcmp(text + length - domain_length, domain))
		return NULL;
	return policy_name_find(policy->names, text, length - domain_length - 1);
}

bool policy_is_searched_for(const struct policy *policy, const struct policy_name *searched)
{
	const struct policy_name *name;
	size_t i;

	for (i = 0; i < policy->search_count; i++) {
		name = name_before(policy, searched->text, policy->searches[i]);
		if (name && is_asked_with_dot(name))
			return true;
	}
	return false;
}

bool policy_is_made_of_another(const struct policy *policy, const struct policy_name *searched)
{
	const struct policy_name *name;
	size_t i;

	for (i = 0; i < policy->search_count; i++) {
		name = name_before(policy, searched->text, policy->searches[i]);
		if (name && name->own_count)
			return true;
	}
	return false;
}

void policy_searched_undecided(struct policy *policy, const struct policy_name *name)
{
	char text[CGF_NAME_BYTES_MAX + 1];
	struct policy_name *searched;
	size_t i;

	for (i = 0; i < policy->search_count; i++) {
		if (name->searched || join(name->text, policy->searches[i], text))
			continue;
		searched = policy_name_find(policy->names, text, strlen(text));
		if (searched && searched->searched)
			policy_name_undecided(policy, searched);
	}
}

static int append_missing(struct policy *policy, struct policy_name *searched,
			  const struct policy_name *name)
{
	size_t i, j;
	int r = 0;

	for (i = 0; !r && i < name->own_count; i++) {
		for (j = 0; j < searched->rule_count; j++)
			if (searched->rules[j] == name->rules[i])
				break;
		if (j < searched->rule_count)
			continue;
		r = policy_name_append_rules(searched, &name->rules[i], 1);
		policy_name_undecided(policy, searched);
	}
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
		policy_name_undecided(policy, searched);
		if (policy_name_inherit(policy, searched))
			return -ENOMEM;
	}
	/* Of a name without a dot this is what is meant. */
	return has_dot(name->text) ? 0 : append_missing(policy, searched, name);
}

int policy_name_search(struct policy *policy, const struct policy_name *name)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < policy->search_count; i++)
		r = search_one(policy, name, policy->searches[i]);
	return r;
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
	_cleanup_free_ char *text = policy_name_canonical(domain);
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
