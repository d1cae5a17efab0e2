/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a text may have. Pure. */
#ifndef CGFENCE_TEXT_H
#define CGFENCE_TEXT_H

#include <stddef.h>

/*
 * Where a line of a text has what a person who reads it would not see, or would see something else
 * for: a control character that is no tab, or what is no UTF-8 (RFC 3629). Returns the offset, with
 * what it is in `ret_what`; or `length` and NULL.
 */
size_t text_find_unreadable(const char *line, size_t length, const char **ret_what);

#endif
