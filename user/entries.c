// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "entries_internal.h"

int entries_init(struct entries **ret_entries, size_t key_bytes)
{
	struct entries *entries = calloc(1, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	entries->key_bytes = key_bytes;
	*ret_entries = entries;
	return 0;
}

void entry_free(struct entries *entries, struct entry *entry)
{
	struct holder *holder, *next;

	LL_FOREACH_SAFE (entry->holders, holder, next)
		free(holder);
	HASH_DEL(entries->table, entry);
	free(entry);
}

void entries_use_grants(struct entries *entries, entries_grant_fn lives, const void *data)
{
	entries->grant_lives = lives;
	entries->grant_data = data;
}

static bool lives(const struct entries *entries, uint32_t grant)
{
	return entries->grant_lives && entries->grant_lives(grant, entries->grant_data);
}

bool entries_were_taught(const struct entries *entries, const struct cgf_entry *value)
{
	return value->learned && lives(entries, value->grant);
}

void entries_finish(struct entries **entries)
{
	struct entry *entry, *next;

	if (!*entries)
		return;
	HASH_ITER (hh, (*entries)->table, entry, next)
		entry_free(*entries, entry);
	free(TAKE_PTR(*entries));
}

void entry_mark_changed(struct entries *entries, struct entry *entry)
{
	if (!entry->changed)
		DL_APPEND(entries->changed, entry);
	entry->changed = true;
}

void entry_mark_settled(struct entries *entries, struct entry *entry)
{
	DL_DELETE(entries->changed, entry);
	entry->changed = false;
}

struct entry *entries_find(struct entries *entries, const void *key)
{
	struct entry *entry;

	HASH_FIND(hh, entries->table, key, entries->key_bytes, entry);
	return entry;
}

struct entry *entries_find_or_add(struct entries *entries, const void *key)
{
	struct entry *entry = entries_find(entries, key);

	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry) + entries->key_bytes);
	if (!entry)
		return NULL;
	memcpy(entry->key, key, entries->key_bytes);
	HASH_ADD_KEYPTR(hh, entries->table, entry->key, entries->key_bytes, entry);
	if (!entry->hh.tbl) {
		free(entry);
		return NULL;
	}
	return entry;
}

static struct holder *find_holder(const struct entry *entry, uint32_t rule)
{
	struct holder *holder;

	LL_SEARCH_SCALAR(entry->holders, holder, rule, rule);
	return holder;
}

int entries_hold_named(struct entries *entries, const void *key, uint32_t rule, uint32_t grant,
		       uint64_t expires_ns)
{
	struct entry *entry = entries_find_or_add(entries, key);
	struct holder *holder;

	if (!entry)
		return -ENOMEM;
	holder = find_holder(entry, rule);
	if (!holder) {
		holder = calloc(1, sizeof(*holder));
		if (!holder) {
			if (!entry->holders && !entry->in_map && !entry->changed)
				entry_free(entries, entry);
			return -ENOMEM;
		}
		holder->rule = rule;
		LL_PREPEND(entry->holders, holder);
	}
	/* Of one that lives no more the name has another now. */
	holder->several |= holder->grant != grant && lives(entries, holder->grant);
	if (expires_ns >= holder->expires_ns) {
		holder->expires_ns = expires_ns;
		holder->grant = grant;
	} else if (!lives(entries, holder->grant)) {
		holder->grant = grant;
	}
	entry_mark_changed(entries, entry);
	return 0;
}

int entries_hold(struct entries *entries, const void *key, uint32_t rule, uint64_t expires_ns)
{
	return entries_hold_named(entries, key, rule, CGF_GRANT_NONE, expires_ns);
}

int entries_keep(struct entries *entries, const void *key, uint32_t grant, uint64_t until_ns)
{
	return entries_hold_named(entries, key, CGF_RULE_NONE, grant, until_ns);
}

uint64_t entries_let_kept_go(struct entries *entries, uint64_t now_ns)
{
	struct holder *holder;
	struct entry *entry;
	uint64_t next_ns = 0;

	for (entry = entries->table; entry; entry = entry->hh.next) {
		holder = find_holder(entry, CGF_RULE_NONE);
		if (!holder)
			continue;
		if (holder->expires_ns > now_ns) {
			next_ns = !next_ns || holder->expires_ns < next_ns ? holder->expires_ns
									   : next_ns;
			continue;
		}
		LL_DELETE(entry->holders, holder);
		free(holder);
		entry_mark_changed(entries, entry);
	}
	return next_ns;
}

struct cgf_entry entry_value(const struct entry *entry)
{
	struct cgf_entry value = { .rule = CGF_RULE_NONE };
	const struct holder *holder, *kept = NULL;

	LL_FOREACH (entry->holders, holder) {
		if (holder->rule == CGF_RULE_NONE) {
			kept = holder;
			continue;
		}
		/* What has no end by a rule has none, whatever a name says. */
		if (holder->expires_ns > value.expires_ns ||
		    (holder->expires_ns == value.expires_ns && holder->grant == CGF_GRANT_NONE)) {
			value.expires_ns = holder->expires_ns;
			value.grant = holder->grant;
		}
		if (holder->rule < value.rule)
			value.rule = holder->rule;
	}
	if (kept && value.rule == CGF_RULE_NONE)
		value.grant = kept->grant;
	return value;
}

bool entry_is_shared(const struct entry *entry)
{
	const struct holder *holder, *first = entry->holders;

	LL_FOREACH (entry->holders, holder)
		if (holder->several || holder->rule == CGF_RULE_NONE ||
		    holder->grant != first->grant)
			return true;
	return false;
}

void entries_shorten(struct entries *entries, const void *key, uint32_t rule, uint32_t grant,
		     uint64_t expires_ns)
{
	struct entry *entry = entries_find(entries, key);
	struct holder *holder = entry ? find_holder(entry, rule) : NULL;

	if (!holder)
		return;
	holder->expires_ns = expires_ns;
	holder->grant = grant;
	entry_mark_changed(entries, entry);
}

void entries_release(struct entries *entries, const void *key, uint32_t rule)
{
	struct entry *entry = entries_find(entries, key);
	struct holder *holder = entry ? find_holder(entry, rule) : NULL;

	if (!holder || holder->left_until_ns > monotonic_ns())
		return;
	LL_DELETE(entry->holders, holder);
	free(holder);
	entry_mark_changed(entries, entry);
}

void entries_leave(struct entries *entries, const void *key, uint32_t rule, uint64_t until_ns)
{
	const struct entry *entry = entries_find(entries, key);
	struct holder *holder = entry ? find_holder(entry, rule) : NULL;

	if (!holder)
		return;
	if (until_ns > holder->left_until_ns)
		holder->left_until_ns = until_ns;
	entries->has_left = true;
}

static void release_left(struct entries *entries, struct entry *entry, uint64_t now_ns,
			 entries_gives_fn gives, const void *data)
{
	struct holder *holder, *next;

	LL_FOREACH_SAFE (entry->holders, holder, next) {
		if (!holder->left_until_ns)
			continue;
		if (holder->left_until_ns > now_ns) {
			entries->has_left = true;
			continue;
		}
		holder->left_until_ns = 0;
		if (gives(entry->key, holder->rule, data))
			continue;
		LL_DELETE(entry->holders, holder);
		free(holder);
		entry_mark_changed(entries, entry);
	}
}

void entries_release_left(struct entries *entries, uint64_t now_ns, entries_gives_fn gives,
			  const void *data)
{
	struct entry *entry;

	if (!entries->has_left)
		return;
	entries->has_left = false;
	for (entry = entries->table; entry; entry = entry->hh.next)
		release_left(entries, entry, now_ns, gives, data);
}

void entries_run_out(struct entries *entries, const void *key, uint32_t rule, uint64_t expires_ns)
{
	const struct entry *entry = entries_find(entries, key);
	const struct holder *holder = entry ? find_holder(entry, rule) : NULL;

	if (holder && holder->expires_ns <= expires_ns && entry->holders->next)
		entries_release(entries, key, rule);
}

void entries_release_rules(struct entries *entries, const bool *gone, size_t count)
{
	struct holder *holder, *next;
	struct entry *entry;

	for (entry = entries->table; entry; entry = entry->hh.next) {
		LL_FOREACH_SAFE (entry->holders, holder, next) {
			if (holder->rule >= count || !gone[holder->rule])
				continue;
			LL_DELETE(entry->holders, holder);
			free(holder);
			entry_mark_changed(entries, entry);
		}
	}
}

uint64_t entries_additions(const struct entries *entries)
{
	return entries->additions;
}

void entries_take_changes(struct entries *entries, bool *ret_added, bool *ret_removed)
{
	*ret_added = TAKE(entries->added, false);
	*ret_removed = TAKE(entries->removed, false);
}

size_t entries_count(const struct entries *entries)
{
	return HASH_COUNT(entries->table);
}
