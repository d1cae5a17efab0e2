/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers by chance, by xorshift64*: the same everywhere for a seed. */
#ifndef CGFENCE_TESTS_BPF_CHANCE_H
#define CGFENCE_TESTS_BPF_CHANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "util.h"

/* Of the environment: a number. */
static inline uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

struct chance {
	uint64_t state;
};

static inline uint64_t chance_next(struct chance *chance)
{
	chance->state ^= chance->state >> 12;
	chance->state ^= chance->state << 25;
	chance->state ^= chance->state >> 27;
	return chance->state * 0x2545f4914f6cdd1dULL;
}

static inline unsigned int chance_below(struct chance *chance, unsigned int limit)
{
	return (unsigned int)(chance_next(chance) >> 33) % limit;
}

static inline bool chance_percent(struct chance *chance, unsigned int percent)
{
	return chance_below(chance, 100) < percent;
}

#define CHANCE_OF(chance, array) ((array)[chance_below(chance, ARRAY_SIZE(array))])

#endif
