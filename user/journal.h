/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines on standard error, for a person or for the journal: with the priority that it knows them by
 * if standard error leads there, see $JOURNAL_STREAM in systemd.exec(5) and sd-daemon(3).
 */
#ifndef CGFENCE_JOURNAL_H
#define CGFENCE_JOURNAL_H

#include <stdbool.h>

enum journal_level {
	JOURNAL_ERROR = 3,
	JOURNAL_WARNING = 4,
	JOURNAL_INFO = 6
};

struct journal {
	bool has_priorities;
};

void journal_init(struct journal *ret_journal);
/* Further lines of `text` are lines of their own. What cannot be written is lost. */
void journal_write(const struct journal *journal, enum journal_level level, const char *text);

#endif
