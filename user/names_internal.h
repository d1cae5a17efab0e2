/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What names*.c share. Not for other modules. */
#ifndef CGFENCE_NAMES_INTERNAL_H
#define CGFENCE_NAMES_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "names.h"
#include "resolver.h"

enum family {
	FAMILY_IPV4,
	FAMILY_IPV6,
	FAMILY_COUNT
};

struct name {
	struct policy_name *policy_name;
	enum resolver_status status[FAMILY_COUNT];
	const char *error; /* words of the last failure; static */
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
	struct name *names; /* owned */
	struct again again;
	uint64_t swept_ns;
	size_t count, answered;
	unsigned int specials_told; /* of names below wildcards */
	bool ready;
	bool full_told;
	bool given_up;
	bool overflow; /* a denied name has more addresses than can be denied */
};

/* The resolver's answer to one question, for the policy. */
void names_answer(const struct resolver_answer *answer, void *names);
/* Once all have had their first answer: -EHOSTUNREACH, and which have no address. */
int names_check(const struct names *names, struct failure *failure);

#endif
