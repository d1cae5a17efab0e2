/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What names*.c share. Not for other modules. */
#ifndef CGFENCE_NAMES_INTERNAL_H
#define CGFENCE_NAMES_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "names.h"
#include "resolver.h"
#include "util.h"

enum family {
	FAMILY_IPV4,
	FAMILY_IPV6,
	FAMILY_COUNT
};

/* Who waits for the first answers of some names. */
struct names_wait {
	struct names_wait *next;
	names_settled_fn settled;
	void *data;
	size_t pending; /* answers */
};

/* What came of one question. */
struct asked {
	enum resolver_status status;
	bool answered; /* once at least */
	bool fixed;
	bool cut; /* it had more addresses than are kept */
	uint32_t ttl_s;
	unsigned int failures; /* since the last good answer */
	uint64_t good_ns;
};

struct name {
	struct policy_name *policy_name;
	struct names_wait *wait; /* until it is settled */
	struct asked asked[FAMILY_COUNT];
	const char *error; /* words of the last failure; static */
	bool wanted;
	bool special_told;
	bool cut_told;
};

/* Denials that make names be asked again: how much of it there was in this second. */
struct again {
	uint64_t since_ns;
	unsigned int denials, names;
	size_t turn; /* where the next search begins, so that each name has its turn */
};

struct names {
	struct names_options options;
	struct resolver *resolver;
	struct event *flush_event, *progress_event;
	struct name **names; /* owned, each of them too */
	struct names_wait *waits;
	struct again again;
	uint64_t swept_ns;
	size_t count, answered;
	unsigned int specials_told; /* of names below wildcards */
	size_t refused;
	uint64_t failures;
	bool watches;
	bool ready;
	bool full_told;
	bool given_up;
	bool overflow; /* a denied name has more addresses than can be denied */
};

/* The resolver's answer to one question, for the policy. */
void names_answer(const struct resolver_answer *answer, void *names);
/* Asks for what the policy has now. -ENOMEM. */
int names_take(struct names *names, struct names_wait *wait);
/* Once there are names, /etc/hosts is followed. */
int names_watch(struct names *names);
/* The policy's names have nothing of ours any more. */
void names_drop_all(struct names *names);
/* After a flush. */
void names_settle(struct names *names);
/* Something the user should know, a line without a newline. */
void names_note(const struct names *names, const char *format, ...) _printf_(2, 3);
/* "NAME has (only) the address …", and what to do if that is meant; returns `text`. */
const char *names_special_text(const struct names *names, const char *name,
			       const struct address *address, bool only,
			       char text[NAMES_WHY_BYTES]);
/* Why nothing is allowed by it, or what it denies is not known; NULL. */
const char *names_why_unusable(const struct names *names, const struct name *name);
/* Once all have had their first answer: -EHOSTUNREACH, and which have no address. */
int names_check(const struct names *names, struct failure *failure);

#endif
