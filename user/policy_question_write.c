// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The trie of names and the grants, as they are to be. What is refused is written before what is
 * allowed, and goes after it, as each is below or above the other.
 */
#include <errno.h>

#include "datapath.h"
#include "name_key.h"
#include "policy_internal.h"

struct writer {
	struct datapath_policy *datapath;
	bool below;   /* wildcards */
	bool refused; /* these, or the others */
	size_t no_room;
};

static bool is_written(const struct policy_question *question)
{
	return question->in_map && question->wanted.grant == question->written.grant &&
	       question->wanted.refused == question->written.refused;
}

static int key_of(const struct policy_name *name, bool below, struct cgf_name_key *ret_key)
{
	return below ? name_key_below(name->text, ret_key) : name_key_exact(name->text, ret_key);
}

static int write_one(struct policy_name *name, struct writer *writer)
{
	struct policy_question *question = &name->question;
	struct cgf_name_key key;
	int r;

	if (!question->is_wanted || writer->refused != (question->wanted.refused != 0) ||
	    is_written(question))
		return 0;
	/* What it had stays, until there is room for the new grant. */
	if (question->wanted.grant != CGF_GRANT_NONE && !name->grant->in_map) {
		writer->no_room++;
		return 0;
	}
	r = key_of(name, writer->below, &key);
	if (!r)
		r = datapath_name_write(writer->datapath, &key, &question->wanted);
	if (r == -ENOSPC)
		writer->no_room++;
	if (r)
		return r == -ENOSPC ? 0 : r;
	question->in_map = true;
	question->written = question->wanted;
	return 0;
}

static int remove_one(struct policy_name *name, struct writer *writer)
{
	struct policy_question *question = &name->question;
	struct cgf_name_key key;
	int r;

	if (question->is_wanted || !question->in_map ||
	    writer->refused != (question->written.refused != 0))
		return 0;
	r = key_of(name, writer->below, &key);
	if (!r)
		r = datapath_name_delete(writer->datapath, &key);
	question->in_map = r != 0;
	return r;
}

static int each(struct policy *policy, struct writer *writer,
		int (*call)(struct policy_name *, struct writer *))
{
	struct policy_name *name;
	int r = 0;

	writer->below = true;
	for (name = policy->wildcards; !r && name; name = name->hh.next)
		r = call(name, writer);
	writer->below = false;
	for (name = policy->names; !r && name; name = name->hh.next)
		r = call(name, writer);
	return r;
}

static int write_names(struct policy *policy, struct datapath_policy *datapath, size_t *ret_no_room)
{
	struct writer writer = { .datapath = datapath, .refused = true };
	int r = each(policy, &writer, write_one);

	writer.refused = false;
	if (!r)
		r = each(policy, &writer, write_one);
	*ret_no_room = writer.no_room;
	return r;
}

static int remove_names(struct policy *policy, struct datapath_policy *datapath)
{
	struct writer writer = { .datapath = datapath, .refused = false };
	int r = each(policy, &writer, remove_one);

	writer.refused = true;
	return r ? r : each(policy, &writer, remove_one);
}

int policy_questions_begin(struct policy *policy, struct datapath_policy *datapath,
			   size_t *ret_refused)
{
	int r = policy_questions_decide(policy);

	*ret_refused = 0;
	return r || !policy->questions_unwritten
		       ? r
		       : policy_grants_write(policy, datapath, ret_refused);
}

int policy_questions_write(struct policy *policy, struct datapath_policy *datapath,
			   size_t *ret_refused)
{
	*ret_refused = 0;
	return policy->questions_unwritten ? write_names(policy, datapath, ret_refused) : 0;
}

/* What nobody has any more may have been in the way of what is new. */
int policy_questions_remove(struct policy *policy, struct datapath_policy *datapath,
			    size_t *names_refused, size_t *grants_refused)
{
	int r;

	if (!policy->questions_unwritten)
		return 0;
	r = remove_names(policy, datapath);
	if (!r)
		r = policy_strays_remove(policy, datapath, true);
	if (!r && (!*names_refused || *grants_refused))
		r = policy_grants_remove_unused(policy, datapath, true);
	if (!r && *grants_refused)
		r = policy_grants_write(policy, datapath, grants_refused);
	if (r || !*names_refused)
		return r;
	r = write_names(policy, datapath, names_refused);
	return r || *names_refused ? r : policy_grants_remove_unused(policy, datapath, true);
}

int policy_questions_end(struct policy *policy, struct datapath_policy *datapath, size_t refused)
{
	int r;

	if (!policy->questions_unwritten)
		return 0;
	r = policy_strays_remove(policy, datapath, false);
	if (!r)
		r = policy_grants_remove_unused(policy, datapath, false);
	if (!r)
		policy->questions_unwritten = refused > 0;
	return r;
}
