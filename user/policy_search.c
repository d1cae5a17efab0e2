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

/* One that no rule says any more is there for this, if it is not gone yet. */
static int search_known(struct policy *policy, struct policy_name *searched)
{
	if (searched->own_count)
		return 0;
	searched->searched = true;
	policy_name_undecided(policy, searched);
	return 0;
}

static int search_new(struct policy *policy, const char *text, struct policy_name **ret_searched)
{
	struct policy_name *learned, *searched;

	if (HASH_COUNT(policy->names) + HASH_COUNT(policy->wildcards) >= CGF_NAMES_MAX)
		return -E2BIG;
	learned = policy_name_promote(policy, text);
	searched = learned ? learned : policy_name_find_or_add(&policy->names, text);
	if (!searched)
		return -ENOMEM;
	searched->searched = true;
	policy_name_undecided(policy, searched);
	if (!learned && policy_name_inherit(policy, searched))
		return -ENOMEM;
	*ret_searched = searched;
	return 0;
}

static int search_one(struct policy *policy, const struct policy_name *name, const char *domain)
{
	char text[CGF_NAME_BYTES_MAX + 1];
	struct policy_name *searched;
	int r;

	if (!name->own_count || join(name->text, domain, text))
		return 0;
	searched = policy_name_find(policy->names, text, strlen(text));
	r = searched ? search_known(policy, searched) : search_new(policy, text, &searched);
	/* Of a name without a dot this is what is meant. */
	return r || has_dot(name->text) ? r : append_missing(policy, searched, name);
}

int policy_name_search(struct policy *policy, const struct policy_name *name)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < policy->search_count; i++)
		r = search_one(policy, name, policy->searches[i]);
	return r;
}

/* --- domains that come and go ---------------------------------------------------------------- */

static bool is_listed(char *const *list, size_t count, const char *domain)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(list[i], domain))
			return true;
	return false;
}

/* What several names give by the same rule is given anew by those that are left. */
static void leave_one(struct policy *policy, struct policy_name *name, const char *domain)
{
	char text[CGF_NAME_BYTES_MAX + 1];
	struct policy_name *searched;

	if (join(name->text, domain, text))
		return;
	searched = policy_name_find(policy->names, text, strlen(text));
	if (!searched)
		return;
	policy_name_undecided(policy, searched);
	if (has_dot(name->text))
		return;
	policy_name_release_meant(policy, searched);
	policy_name_undecided(policy, name);
	policy_searched_undecided(policy, name);
}

/* The names are gone when they have been flushed. */
static void leave(struct policy *policy, const char *domain)
{
	struct policy_name *name;

	for (name = policy->names; name; name = name->hh.next)
		leave_one(policy, name, domain);
	policy->left = policy->questions_changed = true;
}

/* What is added has no rule of its own, and is met at the end. */
static int come(struct policy *policy, char **domain)
{
	const char *text = *domain;
	const struct policy_name *name;
	int r = 0;

	policy->searches[policy->search_count++] = TAKE_PTR(*domain);
	for (name = policy->names; !r && name; name = name->hh.next)
		r = search_one(policy, name, text);
	policy->questions_changed = true;
	if (!r)
		return 0;
	*domain = policy->searches[--policy->search_count];
	leave(policy, *domain);
	return r;
}

struct policy_searches {
	char *items[POLICY_SEARCHES_MAX]; /* owned; NULL: taken */
	size_t count;
};

/* In one form, each once; what can be none is left out. -E2BIG: and what is too many. */
static int canonical(const char *const *domains, size_t count, struct policy_searches *ret_list)
{
	struct cgf_name_key key;
	size_t i;

	for (i = 0; i < count; i++) {
		_cleanup_free_ char *text = policy_name_canonical(domains[i]);

		if (!text)
			return -ENOMEM;
		if (name_key_below(text, &key) || is_listed(ret_list->items, ret_list->count, text))
			continue;
		if (ret_list->count == POLICY_SEARCHES_MAX)
			return -E2BIG;
		ret_list->items[ret_list->count++] = TAKE_PTR(text);
	}
	return 0;
}

static void free_list(struct policy_searches *list)
{
	while (list->count)
		free(list->items[--list->count]);
}

/* Those that are in the list as well stay, in their order. */
static void leave_others(struct policy *policy, const struct policy_searches *list)
{
	char *gone[POLICY_SEARCHES_MAX];
	size_t i, kept = 0, count = 0;

	for (i = 0; i < policy->search_count; i++)
		if (is_listed(list->items, list->count, policy->searches[i]))
			policy->searches[kept++] = policy->searches[i];
		else
			gone[count++] = policy->searches[i];
	policy->search_count = kept;
	for (i = 0; i < count; i++) {
		leave(policy, gone[i]);
		free(gone[i]);
	}
}

int policy_use_searches(struct policy *policy, const char *const *domains, size_t count)
{
	_cleanup_(free_list) struct policy_searches list = {};
	int r = 0, left_out = canonical(domains, count, &list);
	bool changes = policy->search_count != list.count;
	size_t i;

	if (left_out == -ENOMEM)
		return left_out;
	leave_others(policy, &list);
	for (i = 0; !r && i < list.count; i++) {
		if (is_listed(policy->searches, policy->search_count, list.items[i]))
			continue;
		changes = true;
		r = come(policy, &list.items[i]);
	}
	/* Of a name without a dot a rule may allow addresses inside, and it is another name's now.
	 */
	if (changes)
		policy_names_judge(policy, true);
	return r ? r : left_out;
}
