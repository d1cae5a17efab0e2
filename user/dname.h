/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A domain name as it stands in a DNS message (RFC 1035 §3.1), decompressed and in lower case, so
 * that equal names have equal bytes. Pure.
 */
#ifndef CGFENCE_DNAME_H
#define CGFENCE_DNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgfence.h"

/* RFC 1035 §2.3.4: with the lengths of all labels and the root's. */
#define DNAME_BYTES 255

struct dname {
	uint8_t length;
	uint8_t bytes[DNAME_BYTES];
};

/*
 * Reads the name at `*at` and moves `*at` behind it. Without `pointers` compression is an error;
 * with it a pointer must lead backwards. -EBADMSG: no name, and `*at` is untouched.
 */
int dname_read(const uint8_t *message, size_t length, size_t *at, bool pointers,
	       struct dname *ret_name);
bool dname_equal(const struct dname *left, const struct dname *right);

/*
 * "a.example", and "." for the root, harmless as of escape.h: what is not printable ASCII, and a
 * dot or a backslash inside a label, is \xNN. Returns `text`.
 */
#define DNAME_TEXT_BYTES (4 * CGF_NAME_BYTES_MAX + 1)
const char *dname_format(const struct dname *name, char text[DNAME_TEXT_BYTES]);
/* The other way round; -EINVAL. */
int dname_parse(const char *text, struct dname *ret_name);

#endif
