/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What entries*.c share. Not for other modules. */
#ifndef CGFENCE_ENTRIES_INTERNAL_H
#define CGFENCE_ENTRIES_INTERNAL_H

/* Out of memory is an error like any other. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "entries.h"

struct holder {
	struct holder *next;
	uint64_t expires_ns;
	uint32_t rule; /* CGF_RULE_NONE: see entries_keep() */
	uint32_t grant;
	bool several;		/* names of different grants have it by this rule, or had */
	uint64_t left_until_ns; /* see entries_leave(); 0: it was not left */
};

struct entry {
	UT_hash_handle hh;
	struct entry *prev, *next; /* in the list of changed ones */
	struct holder *holders;
	struct cgf_entry written; /* what the kernel has, if in_map */
	bool changed : 1;
	bool in_map : 1;
	bool shared : 1;  /* the kernel's says that several denied names have it */
	bool suspect : 1; /* the kernel may have learned it, and nobody knows by which answer */
	bool seen : 1;	  /* if it is as `round` is, in this round of comparing */
	/* key_bytes; it is looked at in place. */
	_Alignas(uint32_t) uint8_t key[];
};

struct entries {
	struct entry *table;
	struct entry *changed;
	size_t key_bytes;
	entries_grant_fn grant_lives;
	const void *grant_data;
	bool round;
	bool shared;	     /* the kernel may have what was not written from here */
	bool has_left;	     /* there may be holders with left_until_ns */
	uint64_t additions;  /* of keys to the kernel's map */
	bool added, removed; /* from the kernel's map, since entries_take_changes() */
};

struct entry *entries_find(struct entries *entries, const void *key);
/* NULL: no memory. */
struct entry *entries_find_or_add(struct entries *entries, const void *key);
void entry_mark_changed(struct entries *entries, struct entry *entry);
/* What the kernel is to have: the longest of the holders' times, the first of their rules. */
struct cgf_entry entry_value(const struct entry *entry);
/* Names of different rules have it, or a name and a rule that says the address. */
bool entry_is_shared(const struct entry *entry);
/* What the kernel has was learned, and by a rule that is still there. */
bool entries_were_taught(const struct entries *entries, const struct cgf_entry *value);
void entry_free(struct entries *entries, struct entry *entry);
/* The kernel has it as it is. */
void entry_mark_settled(struct entries *entries, struct entry *entry);

#endif
