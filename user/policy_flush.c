// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From the tables to the maps, in an order in which no flow meets a verdict that neither the rules
 * before nor those from now on give: what is denied, then what is allowed, and then, in the other
 * order, what goes.
 *
 * A program looks up one key after the other, and may stand between two while it is changed here.
 * So those that began before are waited for: who has seen no denial yet must not see what is
 * allowed since, and who has not seen the new must see the old.
 */
#include <errno.h>

#include "datapath.h"
#include "policy_internal.h"

/*
 * What does not fit may, when what goes is gone. For what is allowed that is a moment in which it
 * is not.
 */
static int deny(struct policy *policy, struct datapath_policy *datapath)
{
	size_t refused = 0;
	int r = entries_write_prefixes(policy->prefixes, datapath, CGF_DENY, &refused);

	if (!r && refused)
		r = entries_remove_prefixes(policy->prefixes, datapath, CGF_ALLOW);
	if (!r && refused)
		r = entries_write_prefixes(policy->prefixes, datapath, CGF_DENY, &refused);
	return r ? r : refused ? -EOVERFLOW : 0;
}

static int allow_prefixes(struct policy *policy, struct datapath_policy *datapath,
			  size_t *ret_refused)
{
	int r = entries_write_prefixes(policy->prefixes, datapath, CGF_ALLOW, ret_refused);

	if (r || !*ret_refused)
		return r;
	r = entries_remove_prefixes(policy->prefixes, datapath, CGF_ALLOW);
	return r ? r : entries_write_prefixes(policy->prefixes, datapath, CGF_ALLOW, ret_refused);
}

static int serve(struct policy *policy, struct datapath_policy *datapath, size_t *ret_refused)
{
	int r = entries_write_listens(policy->listens, datapath, ret_refused);

	if (r || !*ret_refused)
		return r;
	r = entries_remove_listens(policy->listens, datapath);
	return r ? r : entries_write_listens(policy->listens, datapath, ret_refused);
}

/*
 * What gives no more takes with it what the kernel has learned by it. An answer that is read at
 * this moment may have found the grant, and give what it says when it is gone: that is waited for.
 */
static int drop_stale(struct policy *policy, struct datapath_policy *datapath)
{
	int r = policy->in_force ? datapath_settle() : 0;

	return r ? r : entries_drop_stale_allow(policy->allow, datapath);
}

static int remove_allowed(struct policy *policy, struct datapath_policy *datapath)
{
	int r = policy->allow_has_stale ? drop_stale(policy, datapath) : 0;

	if (r)
		return r;
	policy->allow_has_stale = false;
	return entries_remove_allow(policy->allow, datapath);
}

/* What the kernel has learned by a rule that goes may be what another gives: that is written. */
static int allow_others(struct policy *policy, struct datapath_policy *datapath,
			size_t *ret_refused)
{
	int r = remove_allowed(policy, datapath);

	return r ? r : entries_write_allow(policy->allow, datapath, ret_refused);
}

struct refused {
	size_t names, grants, allow, prefixes, listens;
};

/*
 * First the grants, which a question finds in the map, and by which whoever takes up what was not
 * written to its end knows whose the addresses are, those that are denied too. A resolver is known
 * before it may be asked, as what is sent to it is not looked at otherwise.
 */
static int write_all(struct policy *policy, struct datapath_policy *datapath,
		     struct refused *refused)
{
	uint64_t additions = entries_additions(policy->prefixes);
	int r = policy_questions_begin(policy, datapath, &refused->grants);

	if (!r)
		r = deny(policy, datapath);
	if (!r && policy->in_force && entries_additions(policy->prefixes) != additions)
		r = datapath_settle();
	if (!r)
		r = policy_resolvers_write(policy, datapath);
	if (!r)
		r = policy_questions_write(policy, datapath, &refused->names);
	if (!r)
		r = entries_write_allow(policy->allow, datapath, &refused->allow);
	if (!r)
		r = allow_prefixes(policy, datapath, &refused->prefixes);
	return r ? r : serve(policy, datapath, &refused->listens);
}

static int remove_all(struct policy *policy, struct datapath_policy *datapath,
		      struct refused *refused)
{
	int r = policy_questions_remove(policy, datapath, &refused->names, &refused->grants);

	if (!r)
		r = allow_others(policy, datapath, &refused->allow);
	if (!r)
		r = entries_remove_prefixes(policy->prefixes, datapath, CGF_ALLOW);
	if (!r)
		r = entries_remove_listens(policy->listens, datapath);
	if (!r)
		r = policy_resolvers_remove(policy, datapath);
	if (!r)
		r = entries_remove_prefixes(policy->prefixes, datapath, CGF_DENY);
	return r ? r : policy_questions_end(policy, datapath, refused->names + refused->grants);
}

static uint64_t additions_of(const struct policy *policy)
{
	return entries_additions(policy->allow) + entries_additions(policy->prefixes) +
	       entries_additions(policy->listens);
}

/* Something goes, and something has come that may be in its place. */
static bool replaces(const struct policy *policy, uint64_t additions_before)
{
	return (policy->leaving_count || policy->strays || policy->taken_up) &&
	       additions_of(policy) != additions_before;
}

int policy_flush(struct policy *policy, struct datapath_policy *datapath, size_t *ret_refused)
{
	struct refused refused = {};
	uint64_t additions = additions_of(policy);
	int r = write_all(policy, datapath, &refused);

	if (!r && replaces(policy, additions))
		r = datapath_settle();
	if (!r)
		r = remove_all(policy, datapath, &refused);
	if (r)
		return r;
	policy_flushed(policy);
	*ret_refused = refused.names + refused.grants + refused.allow + refused.prefixes +
		       refused.listens;
	return *ret_refused ? -ENOSPC : 0;
}

int policy_flush_shut(struct policy *policy, struct datapath_policy *datapath, size_t *ret_refused)
{
	int r = entries_remove_prefixes(policy->prefixes, datapath, CGF_DENY);

	return r ? r : policy_flush(policy, datapath, ret_refused);
}
