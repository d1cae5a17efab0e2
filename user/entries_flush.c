// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From the table to the kernel's maps. */
#include <errno.h>
#include <string.h>

#include "datapath.h"
#include "entries_internal.h"

/* A system call for so many; more do not make it cheaper by much. */
#define BATCH 256

/* The longest of the holders' times, and the first of their rules. */
static struct cgf_entry value_of(const struct entry *entry)
{
	struct cgf_entry value = { .rule = CGF_RULE_NONE };
	const struct holder *holder;

	LL_FOREACH (entry->holders, holder) {
		if (holder->expires_ns > value.expires_ns)
			value.expires_ns = holder->expires_ns;
		if (holder->rule < value.rule)
			value.rule = holder->rule;
	}
	return value;
}

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
 * every packet of a flow tells it anew.
 */
static void batch_add(struct batch *batch, struct datapath_policy *policy, struct entry *entry,
		      const struct cgf_entry *value)
{
	struct cgf_key *key = &batch->keys[batch->count];
	uint64_t used_ns = 0;

	batch->entries[batch->count] = entry;
	memcpy(key, entry->key, sizeof(*key));
	batch->values[batch->count] = *value;
	if (entry->in_map)
		datapath_allow_used(policy, key, &used_ns);
	batch->values[batch->count].used_ns = used_ns;
	batch->count++;
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
	       entry->written.rule == value->rule;
}

/* What goes makes room before what comes needs it. */
static int flush_removals(struct entries *entries, struct datapath_policy *policy,
			  int (*remove_entry)(struct datapath_policy *, const struct entry *))
{
	struct entry *entry, *next;
	int r;

	DL_FOREACH_SAFE (entries->changed, entry, next) {
		if (entry->holders)
			continue;
		r = entry->in_map ? remove_entry(policy, entry) : 0;
		if (r)
			return r;
		entries->removed |= entry->in_map;
		entry_mark_settled(entries, entry);
		entry_free(entries, entry);
	}
	return 0;
}

int entries_flush_allow(struct entries *entries, struct datapath_policy *policy,
			size_t *ret_refused)
{
	struct batch batch = { .count = 0 };
	struct entry *entry, *next;
	struct cgf_entry value;
	size_t refused = 0;
	int r = flush_removals(entries, policy, remove_allow);

	if (r)
		return r;
	DL_FOREACH_SAFE (entries->changed, entry, next) {
		value = value_of(entry);
		if (is_settled(entry, &value)) {
			entry_mark_settled(entries, entry);
			continue;
		}
		batch_add(&batch, policy, entry, &value);
		if (batch.count < BATCH)
			continue;
		r = batch_write(&batch, entries, policy, &refused);
		if (r)
			return r;
	}
	r = batch_write(&batch, entries, policy, &refused);
	*ret_refused = refused;
	return r;
}

static bool is_idle(const struct cgf_entry *value, uint64_t used_ns, uint64_t now_ns)
{
	return value->expires_ns <= now_ns && (!used_ns || used_ns + CGF_IDLE_NS <= now_ns);
}

static int sweep_one(struct entries *entries, struct datapath_policy *policy, struct entry *entry,
		     uint64_t now_ns)
{
	struct cgf_entry value = value_of(entry);
	uint64_t used_ns = 0;
	struct cgf_key key;
	int r;

	if (!entry->in_map || entry->changed || value.expires_ns > now_ns)
		return 0;
	memcpy(&key, entry->key, sizeof(key));
	r = datapath_allow_used(policy, &key, &used_ns);
	if (!r && !is_idle(&value, used_ns, now_ns))
		return 0;
	if (!r)
		r = datapath_allow_delete(policy, &key, 1);
	if (r && r != -ENOENT)
		return r;
	entry_free(entries, entry);
	return 0;
}

int entries_sweep_allow(struct entries *entries, struct datapath_policy *policy, uint64_t now_ns)
{
	struct entry *entry, *next;
	int r = 0;

	HASH_ITER (hh, entries->table, entry, next) {
		r = sweep_one(entries, policy, entry, now_ns);
		if (r)
			break;
	}
	return r;
}

/* Of the maps that are written one by one: what their keys and values are. */
struct kind {
	int (*write)(struct datapath_policy *policy, const struct entry *entry, uint32_t rule);
	int (*remove)(struct datapath_policy *policy, const struct entry *entry);
};

static int flush_each(struct entries *entries, struct datapath_policy *policy,
		      const struct kind *kind, size_t *ret_refused)
{
	struct entry *entry, *next;
	struct cgf_entry value;
	size_t refused = 0;
	int r = flush_removals(entries, policy, kind->remove);

	if (r)
		return r;
	DL_FOREACH_SAFE (entries->changed, entry, next) {
		value = value_of(entry);
		if (entry->in_map && entry->written.rule == value.rule) {
			entry_mark_settled(entries, entry);
			continue;
		}
		r = kind->write(policy, entry, value.rule);
		if (r == -ENOSPC) {
			refused++;
			continue;
		}
		if (r)
			return r;
		entries->added = true;
		settle_written(entries, entry, &value);
	}
	*ret_refused = refused;
	return 0;
}

static int write_prefix(struct datapath_policy *policy, const struct entry *entry, uint32_t rule)
{
	struct cgf_prefix_key key;

	memcpy(&key, entry->key, sizeof(key));
	return datapath_prefix_write(policy, &key, &(struct cgf_prefix){ rule });
}

static int remove_prefix(struct datapath_policy *policy, const struct entry *entry)
{
	struct cgf_prefix_key key;

	memcpy(&key, entry->key, sizeof(key));
	return datapath_prefix_delete(policy, &key);
}

int entries_flush_prefixes(struct entries *entries, struct datapath_policy *policy,
			   size_t *ret_refused)
{
	static const struct kind prefixes = { write_prefix, remove_prefix };

	return flush_each(entries, policy, &prefixes, ret_refused);
}

static int write_listen(struct datapath_policy *policy, const struct entry *entry, uint32_t rule)
{
	struct cgf_listen_key key;

	memcpy(&key, entry->key, sizeof(key));
	return datapath_listen_write(policy, &key, &(struct cgf_listen){ rule });
}

static int remove_listen(struct datapath_policy *policy, const struct entry *entry)
{
	struct cgf_listen_key key;

	memcpy(&key, entry->key, sizeof(key));
	return datapath_listen_delete(policy, &key);
}

int entries_flush_listens(struct entries *entries, struct datapath_policy *policy,
			  size_t *ret_refused)
{
	static const struct kind listens = { write_listen, remove_listen };

	return flush_each(entries, policy, &listens, ret_refused);
}
