// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "journal.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "escape.h"
#include "util.h"

#define LINE_BYTES 3072

void journal_init(struct journal *ret_journal)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uint64_t device, inode;
	struct stat st;

	ret_journal->has_priorities = stream &&
				      sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) ==
					      2 &&
				      !fstat(STDERR_FILENO, &st) && st.st_dev == device &&
				      st.st_ino == inode;
}

/* Whoever does not read a pipe or a terminal must not stop the daemon. */
static void put(const char *line, size_t length)
{
	struct pollfd error = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&error, 1, 0) == 1 && write(STDERR_FILENO, line, length) < 0)
		return;
}

static void write_line(const struct journal *journal, enum journal_level level, const char *text,
		       size_t length)
{
	char priority[sizeof("<6>")] = "", escaped[ESCAPE_BYTES(LINE_BYTES)];
	char line[sizeof(escaped) + sizeof("<6>cgfence: \n")];
	int written;

	if (journal->has_priorities)
		snprintf(priority, sizeof(priority), "<%d>", (int)level);
	if (length > LINE_BYTES)
		length = LINE_BYTES;
	written = snprintf(line, sizeof(line), "%scgfence: %s\n", priority,
			   escape(text, length, escaped, sizeof(escaped)));
	if (written > 0)
		put(line, (size_t)written);
}

void journal_write(const struct journal *journal, enum journal_level level, const char *text)
{
	size_t length;

	for (; *text; text += length) {
		length = strcspn(text, "\n");
		write_line(journal, level, text, length);
		length += text[length] == '\n';
	}
}
