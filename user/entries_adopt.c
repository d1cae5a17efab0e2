// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From the kernel's maps to the table: what another process wrote, and what nobody did. */
#include <errno.h>

#include "entries_internal.h"

/* No answer gives anything for longer. */
#define LEARNED_NS_MAX ((CGF_TTL_CEILING_S + CGF_TTL_GRACE_S + 1) * NSEC_PER_SEC)

int entries_take_up(struct entries *entries, const void *key, const struct cgf_entry *there,
		    bool shared)
{
	struct entry *entry = entries_find_or_add(entries, key);

	if (!entry)
		return -ENOMEM;
	entry->written = *there;
	entry->in_map = true;
	entry->shared = shared;
	entries->shared = true;
	entry_mark_changed(entries, entry);
	return 0;
}

/* What is held meanwhile is at the end of the table, and nothing that was taken up. */
int entries_each_taken(struct entries *entries, entries_entry_fn call, void *data)
{
	struct entry *entry;
	int r = 0;

	for (entry = entries->table; !r && entry; entry = entry->hh.next)
		if (entry->in_map)
			r = call(entry->key, &entry->written, data);
	return r;
}

void entries_round_begin(struct entries *entries)
{
	entries->round = !entries->round;
}

/* By the kernel, upon what it has a time for. */
static bool was_learned_over(const struct entries *entries, const struct cgf_entry *written,
			     const struct cgf_entry *there)
{
	return entries_were_taught(entries, there) && there->expires_ns != CGF_NEVER_EXPIRES &&
	       written->expires_ns != CGF_NEVER_EXPIRES &&
	       there->expires_ns <= monotonic_ns() + LEARNED_NS_MAX;
}

/* It only prolongs what it finds, and takes the first of the rules. */
static bool is_as_written(const struct entries *entries, const struct cgf_entry *written,
			  const struct cgf_entry *there)
{
	if (there->rule == written->rule && there->grant == written->grant &&
	    there->expires_ns == written->expires_ns && there->learned == written->learned)
		return true;
	return was_learned_over(entries, written, there) &&
	       there->expires_ns >= written->expires_ns && there->rule <= written->rule;
}

/* It is new to the table: an answer may be on its way that tells of it. */
static int compare_unknown(struct entries *entries, struct entry *entry,
			   const struct cgf_entry *there, bool untold)
{
	bool again = entry->suspect;

	entry->written = *there;
	entry->in_map = true;
	entry->suspect = false;
	if (there->learned && there->expires_ns != CGF_NEVER_EXPIRES) {
		if (untold && entries_were_taught(entries, there))
			return ENTRIES_UNTOLD;
		entry->suspect = !again;
		if (!again)
			return ENTRIES_UNSURE;
	}
	entry_mark_changed(entries, entry);
	return ENTRIES_FOREIGN;
}

int entries_compare(struct entries *entries, const void *key, const struct cgf_entry *there,
		    bool untold)
{
	struct entry *entry = entries_find(entries, key);
	bool learned;

	if (!entry)
		entry = entries_find_or_add(entries, key);
	if (!entry)
		return -ENOMEM;
	entry->seen = entries->round;
	/* What waits to be written is not as it is to be. */
	if (entry->changed && entry->in_map)
		return ENTRIES_AS_WRITTEN;
	if (!entry->holders)
		return compare_unknown(entries, entry, there, untold);
	entry->suspect = false;
	if (entry->in_map && is_as_written(entries, &entry->written, there))
		return ENTRIES_AS_WRITTEN;
	/* There was no room for it, and the kernel has learned it. */
	if (!entry->in_map && entries_were_taught(entries, there))
		return ENTRIES_AS_WRITTEN;
	/* The kernel looked, this was written, and the kernel wrote by what it had seen. */
	learned = entry->in_map && was_learned_over(entries, &entry->written, there);
	entry->written = *there;
	entry->in_map = true;
	entry_mark_changed(entries, entry);
	return learned ? ENTRIES_AS_WRITTEN : ENTRIES_CHANGED;
}

int entries_compare_value(struct entries *entries, const void *key, const struct cgf_entry *there,
			  bool shared)
{
	struct entry *entry = entries_find_or_add(entries, key);
	bool known;

	if (!entry)
		return -ENOMEM;
	entry->seen = entries->round;
	if (entry->changed && entry->in_map)
		return ENTRIES_AS_WRITTEN;
	if (entry->in_map && entry->written.rule == there->rule &&
	    entry->written.grant == there->grant && entry->shared == shared)
		return ENTRIES_AS_WRITTEN;
	known = entry->in_map;
	entry->shared = shared;
	entry->written = *there;
	entry->in_map = true;
	entry_mark_changed(entries, entry);
	return known ? ENTRIES_CHANGED : ENTRIES_FOREIGN;
}

void entries_round_end(struct entries *entries, entries_there_fn is_there,
		       entries_missing_fn missing, void *data)
{
	struct entry *entry, *next;

	HASH_ITER (hh, entries->table, entry, next) {
		if (!entry->in_map || entry->seen == entries->round || is_there(entry->key, data))
			continue;
		/* What nobody holds was a suspect that has gone by itself, or was to go. */
		if (!entry->holders) {
			if (entry->changed)
				entry_mark_settled(entries, entry);
			entry_free(entries, entry);
			continue;
		}
		entry->in_map = false;
		if (!entry->changed)
			missing(entry->key, data);
		entry_mark_changed(entries, entry);
	}
}
