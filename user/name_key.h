/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The text of a name to the key of the `names` trie: see CGF_NAME_KEY_BYTES in cgfence.h. Pure.
 *
 * The text has labels with dots between, no dot at the end and no escapes: a label that has a dot
 * or a NUL in it has no text.
 */
#ifndef CGFENCE_NAME_KEY_H
#define CGFENCE_NAME_KEY_H

#include <stdbool.h>

#include "cgfence.h"

/* Names of which this is true have a key: their text is shorter by one than what is looked up. */
bool name_key_fits(const char *name);

/*
 * The key of exactly this name, or of every name below it. -EINVAL for what is no name;
 * -ENAMETOOLONG for one that is, and is longer than what is looked up.
 */
int name_key_exact(const char *name, struct cgf_name_key *ret_key);
int name_key_below(const char *name, struct cgf_name_key *ret_key);

/* The name of which this is the key; `ret_below`: of what is below it. -EINVAL if it is of none. */
int name_key_read(const struct cgf_name_key *key, char ret_text[static CGF_NAME_BYTES_MAX + 1],
		  bool *ret_below);

#endif
