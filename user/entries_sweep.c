// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is to go from the kernel's map of what is allowed, which the kernel writes too. */
#include <errno.h>
#include <string.h>

#include "datapath.h"
#include "entries_internal.h"

struct sweep {
	struct entries *entries;
	struct datapath_policy *policy;
	uint64_t now_ns;
};

static bool is_idle(const struct cgf_entry *value, uint64_t now_ns)
{
	return value->expires_ns <= now_ns &&
	       (!value->used_ns || value->used_ns + CGF_IDLE_NS <= now_ns);
}

/* False if it was renewed, or used, between the look at it and its end: it is put back. */
static int take_idle(struct sweep *sweep, const struct cgf_key *key, bool *ret_gone)
{
	struct cgf_entry value;
	int r = datapath_allow_take(sweep->policy, key, &value);

	*ret_gone = r == -ENOENT || (!r && is_idle(&value, sweep->now_ns));
	if (r || *ret_gone)
		return r == -ENOENT ? 0 : r;
	r = datapath_allow_add(sweep->policy, key, &value);
	/* The kernel has learned it once more. */
	return r == -EEXIST ? 0 : r;
}

static int drop_idle(struct sweep *sweep, const struct cgf_key *key, struct entry *entry)
{
	bool gone;
	int r = take_idle(sweep, key, &gone);

	if (r != -ENOSPC && (r || !gone))
		return r;
	if (entry && gone)
		entry_free(sweep->entries, entry);
	/* Its room was taken by another: it is written again when there is some. */
	if (entry && !gone) {
		entry->in_map = false;
		entry_mark_changed(sweep->entries, entry);
	}
	return 0;
}

/* The next flush makes of it what it is to be. */
static void look_again(struct entries *entries, struct entry *entry, const struct cgf_entry *there)
{
	entry->written = *there;
	entry->in_map = true;
	entry_mark_changed(entries, entry);
}

static int sweep_one(const struct cgf_key *key, const struct cgf_entry *value, void *data)
{
	struct sweep *sweep = data;
	struct entry *entry;

	if (!is_idle(value, sweep->now_ns))
		return 0;
	entry = entries_find(sweep->entries, key);
	if (!entry || (!entry->changed && entry_value(entry).expires_ns <= sweep->now_ns))
		return drop_idle(sweep, key, entry);
	look_again(sweep->entries, entry, value);
	return 0;
}

int entries_sweep_allow(struct entries *entries, struct datapath_policy *policy, uint64_t now_ns)
{
	struct sweep sweep = { entries, policy, now_ns };

	return datapath_allow_each(policy, sweep_one, &sweep);
}

/* What other rules give stays for their time. */
static int drop_stale(const struct cgf_key *key, const struct cgf_entry *value, void *data)
{
	struct sweep *sweep = data;
	struct entry *entry;

	if (!value->learned || entries_were_taught(sweep->entries, value))
		return 0;
	entry = entries_find(sweep->entries, key);
	if (!entry || !entry->holders) {
		sweep->entries->removed = true;
		return datapath_allow_delete(sweep->policy, key, 1);
	}
	look_again(sweep->entries, entry, value);
	return 0;
}

int entries_drop_stale_allow(struct entries *entries, struct datapath_policy *policy)
{
	struct sweep sweep = { entries, policy, 0 };

	return datapath_allow_each(policy, drop_stale, &sweep);
}
