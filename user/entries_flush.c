// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From the table to the kernel's maps. */
#include <errno.h>
#include <string.h>

#include "datapath.h"
#include "entries_internal.h"

/* A system call for so many; more do not make it cheaper by much. */
#define BATCH 256
#define ENTRY_SLACK_NS NSEC_PER_SEC

static void settle_written(struct entries *entries, struct entry *entry,
			   const struct cgf_entry *value)
{
	entry->written = *value;
	entry->in_map = true;
	entry_mark_settled(entries, entry);
}

/* Up to BATCH changed entries that have holders, as the kernel is to have them. */
struct batch {
	struct entry *entries[BATCH];
	struct cgf_key keys[BATCH];
	struct cgf_entry values[BATCH];
	size_t count;
};

/*
 * What is in the map is replaced with the time of its last use; a use in between is one of many:
 * every packet of a flow tells it anew. What the kernel learned meanwhile is not cut short.
 */
static void merge(const struct entries *entries, const struct cgf_entry *there,
		  struct cgf_entry *value)
{
	value->used_ns = there->used_ns;
	value->flows = there->flows;
	if (!entries_were_taught(entries, there) || there->expires_ns == CGF_NEVER_EXPIRES ||
	    there->expires_ns <= value->expires_ns)
		return;
	value->expires_ns = there->expires_ns;
	value->grant = there->grant;
	value->learned = there->learned;
}

/* The clocks of an answer's record and of its entry are not read at once. */
static bool is_as_good(const struct cgf_entry *there, const struct cgf_entry *value)
{
	return there->rule == value->rule && there->expires_ns <= value->expires_ns &&
	       value->expires_ns - there->expires_ns <= ENTRY_SLACK_NS;
}

/* Whose it is; what a living grant has taught is known by that. */
static bool has_grant_of(const struct entries *entries, const struct cgf_entry *there,
			 const struct cgf_entry *value)
{
	return there->grant == value->grant || entries_were_taught(entries, there);
}

/* False if the kernel turns out to have it. */
static bool batch_add(struct batch *batch, struct entries *entries, struct datapath_policy *policy,
		      struct entry *entry, const struct cgf_entry *value)
{
	struct cgf_key *key = &batch->keys[batch->count];
	struct cgf_entry there, merged = *value;

	memcpy(key, entry->key, sizeof(*key));
	if ((entry->in_map || entries->shared) && !datapath_allow_read(policy, key, &there)) {
		merge(entries, &there, &merged);
		if (is_as_good(&there, &merged) && has_grant_of(entries, &there, &merged)) {
			settle_written(entries, entry, &there);
			return false;
		}
	}
	entries->additions += !entry->in_map;
	batch->entries[batch->count] = entry;
	batch->values[batch->count++] = merged;
	return true;
}

/* One that does not fit must not keep those behind it out: they may be in the map already. */
static int batch_write(struct batch *batch, struct entries *entries, struct datapath_policy *policy,
		       size_t *refused)
{
	size_t i, written, done = 0;
	int r;

	while (done < batch->count) {
		r = datapath_allow_write(policy, batch->keys + done, batch->values + done,
					 batch->count - done, &written);
		if (r && r != -ENOSPC)
			return r;
		for (i = done; i < done + written; i++)
			settle_written(entries, batch->entries[i], &batch->values[i]);
		done += written;
		if (r) {
			*refused += 1;
			done++;
		}
	}
	batch->count = 0;
	return 0;
}

static int remove_allow(struct datapath_policy *policy, const struct entry *entry)
{
	struct cgf_key key;

	memcpy(&key, entry->key, sizeof(key));
	return datapath_allow_delete(policy, &key, 1);
}

static bool is_settled(const struct entry *entry, const struct cgf_entry *value)
{
	return entry->in_map && entry->written.expires_ns == value->expires_ns &&
	       entry->written.rule == value->rule && entry->written.grant == value->grant;
}

/* Which of a table's entries, and how they are written and removed, one by one. */
struct kind {
	bool (*is_of)(const struct entry *entry);
	int (*write)(struct datapath_policy *policy, const struct entry *entry,
		     const struct cgf_entry *value);
	int (*remove)(struct datapath_policy *policy, const struct entry *entry);
};

static int remove_changed(struct entries *entries, struct datapath_policy *policy,
			  const struct kind *kind)
{
	struct entry *entry, *next;
	int r;

	DL_FOREACH_SAFE (entries->changed, entry, next) {
		if (entry->holders || (kind->is_of && !kind->is_of(entry)))
			continue;
		r = entry->in_map ? kind->remove(policy, entry) : 0;
		if (r)
			return r;
		entries->removed |= entry->in_map;
		entry_mark_settled(entries, entry);
		entry_free(entries, entry);
	}
	return 0;
}

/* Most of what a policy begins with is written before anything can be learned. */
static bool may_be_shared(const struct entries *entries, struct datapath_policy *policy)
{
	struct cgf_counters counters;

	if (entries->shared || !entries->grant_lives || !entries->changed)
		return entries->shared;
	return datapath_counters(policy, &counters) || counters.learned;
}

int entries_write_allow(struct entries *entries, struct datapath_policy *policy,
			size_t *ret_refused)
{
	struct batch batch = { .count = 0 };
	struct entry *entry, *next;
	struct cgf_entry value;
	size_t refused = 0;
	int r;

	entries->shared = may_be_shared(entries, policy);
	DL_FOREACH_SAFE (entries->changed, entry, next) {
		if (!entry->holders)
			continue;
		value = entry_value(entry);
		if (is_settled(entry, &value)) {
			entry_mark_settled(entries, entry);
			continue;
		}
		if (!batch_add(&batch, entries, policy, entry, &value) || batch.count < BATCH)
			continue;
		r = batch_write(&batch, entries, policy, &refused);
		if (r)
			return r;
	}
	r = batch_write(&batch, entries, policy, &refused);
	*ret_refused = refused;
	return r;
}

int entries_remove_allow(struct entries *entries, struct datapath_policy *policy)
{
	static const struct kind allow = { .remove = remove_allow };

	return remove_changed(entries, policy, &allow);
}

static int write_each(struct entries *entries, struct datapath_policy *policy,
		      const struct kind *kind, size_t *ret_refused)
{
	struct entry *entry, *next;
	struct cgf_entry value;
	size_t refused = 0;
	int r;

	DL_FOREACH_SAFE (entries->changed, entry, next) {
		if (!entry->holders || (kind->is_of && !kind->is_of(entry)))
			continue;
		value = entry_value(entry);
		if (entry->in_map && entry->written.rule == value.rule &&
		    entry->written.grant == value.grant &&
		    entry->shared == entry_is_shared(entry)) {
			entry_mark_settled(entries, entry);
			continue;
		}
		r = kind->write(policy, entry, &value);
		if (r == -ENOSPC) {
			refused++;
			continue;
		}
		if (r)
			return r;
		entries->added |= !entry->in_map;
		entries->additions += !entry->in_map;
		entry->shared = entry_is_shared(entry);
		settle_written(entries, entry, &value);
	}
	*ret_refused = refused;
	return 0;
}

static struct cgf_prefix_key prefix_key_of(const struct entry *entry)
{
	struct cgf_prefix_key key;

	memcpy(&key, entry->key, sizeof(key));
	return key;
}

static bool is_denied(const struct entry *entry)
{
	return prefix_key_of(entry).verdict == CGF_DENY;
}

static bool is_allowed(const struct entry *entry)
{
	return prefix_key_of(entry).verdict == CGF_ALLOW;
}

/* The flows of one whose rule becomes another are counted on. */
static int write_prefix(struct datapath_policy *policy, const struct entry *entry,
			const struct cgf_entry *value)
{
	const struct cgf_prefix_key key = prefix_key_of(entry);
	struct cgf_prefix prefix = {};

	if (!entry->in_map || datapath_prefix_read(policy, &key, &prefix))
		prefix.flows = 0;
	prefix.rule = value->rule;
	prefix.grant = value->grant;
	prefix.shared = entry_is_shared(entry);
	return datapath_prefix_write(policy, &key, &prefix);
}

static int remove_prefix(struct datapath_policy *policy, const struct entry *entry)
{
	const struct cgf_prefix_key key = prefix_key_of(entry);

	return datapath_prefix_delete(policy, &key);
}

static const struct kind prefix_kinds[] = {
	[CGF_DENY] = { is_denied, write_prefix, remove_prefix },
	[CGF_ALLOW] = { is_allowed, write_prefix, remove_prefix },
};

int entries_write_prefixes(struct entries *entries, struct datapath_policy *policy,
			   enum cgf_verdict verdict, size_t *ret_refused)
{
	return write_each(entries, policy, &prefix_kinds[verdict], ret_refused);
}

int entries_remove_prefixes(struct entries *entries, struct datapath_policy *policy,
			    enum cgf_verdict verdict)
{
	return remove_changed(entries, policy, &prefix_kinds[verdict]);
}

static int write_listen(struct datapath_policy *policy, const struct entry *entry,
			const struct cgf_entry *value)
{
	struct cgf_listen_key key;

	memcpy(&key, entry->key, sizeof(key));
	return datapath_listen_write(policy, &key, &(struct cgf_listen){ value->rule });
}

static int remove_listen(struct datapath_policy *policy, const struct entry *entry)
{
	struct cgf_listen_key key;

	memcpy(&key, entry->key, sizeof(key));
	return datapath_listen_delete(policy, &key);
}

static const struct kind listen_kind = { .write = write_listen, .remove = remove_listen };

int entries_write_listens(struct entries *entries, struct datapath_policy *policy,
			  size_t *ret_refused)
{
	return write_each(entries, policy, &listen_kind, ret_refused);
}

int entries_remove_listens(struct entries *entries, struct datapath_policy *policy)
{
	return remove_changed(entries, policy, &listen_kind);
}
