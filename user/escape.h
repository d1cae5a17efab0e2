/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Text from outside (comm, names, rules), made harmless for a terminal and a log, and valid UTF-8
 * for JSON: all but printable ASCII becomes \xNN, and so does the backslash, so that no other text
 * looks the same. Pure.
 */
#ifndef CGFENCE_ESCAPE_H
#define CGFENCE_ESCAPE_H

#include <stddef.h>

/* Room for any text of so many bytes. */
#define ESCAPE_BYTES(bytes) ((size_t)4 * (bytes) + sizeof("..."))

/* Writes at most `size` bytes, at least sizeof("..."); what is cut ends in "...". Returns `text`.
 */
const char *escape(const char *bytes, size_t count, char *text, size_t size);

/* The same for a string that may be missing, and is missing then: NULL. */
const char *escape_text(const char *string, char *text, size_t size);

/*
 * The bytes that were escaped, and a NUL; what does not fit is cut, and what is no escape of ours
 * stays. Returns how many there are.
 */
size_t unescape(const char *text, size_t length, char *bytes, size_t size);

/*
 * Text that is escaped already, or is plain, harmless in any case: as above, but a backslash stays.
 * The caller frees it; NULL without memory.
 */
char *escape_again(const char *text);

#endif
