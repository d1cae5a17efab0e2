/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words of policies and fences. Not for modules but policies*.c. */
#ifndef CGFENCE_POLICIES_TEXTS_H
#define CGFENCE_POLICIES_TEXTS_H

#include <stddef.h>
#include <stdint.h>

#include "util.h"

/* Of one answer, and of one fence. */
#define WARNINGS_MAX 16

/* Words that are owned. */
struct texts {
	char **items;
	size_t count;
};

int texts_add(struct texts *texts, const char *text);
/* What is beyond WARNINGS_MAX is left out. */
void texts_add_warning(struct texts *texts, const char *format, ...) _printf_(2, 3);
void texts_sort(struct texts *texts);
void texts_finish(struct texts *texts);

/* What is wrong, and since when. */
struct trouble {
	char *text; /* NULL: nothing is */
	uint64_t since_ns;
};
/* `text` may be NULL. */
void trouble_set(struct trouble *trouble, const char *text);

#endif
