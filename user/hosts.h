/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * /etc/hosts as a table, see hosts(5). Names match in any case. What is not an address followed by
 * names is skipped, as libc does: a line with bad bytes or an address that has a scope, a name that
 * is too long. The addresses of a name on several lines are all its addresses.
 */
#ifndef CGFENCE_HOSTS_H
#define CGFENCE_HOSTS_H

#include <stddef.h>

#include "address.h"

#define HOSTS_PATH "/etc/hosts"
/* Block lists of a million names are some 30 MB. */
#define HOSTS_FILE_BYTES_MAX (64UL * 1024 * 1024)

struct hosts;

struct hosts_entry {
	const char *name; /* belongs to the table */
	struct address address;
};

/* -ENOMEM. The text is not needed afterwards. */
int hosts_parse(const char *text, size_t length, struct hosts **ret_hosts);
/* A file that does not exist is empty. -errno of open(2) or read(2), -EFBIG, -ENOMEM. */
int hosts_read(const char *path, struct hosts **ret_hosts);
void hosts_finish(struct hosts **hosts);

/* The entries of `name` in the order of the file, NULL without one; returns how many. */
size_t hosts_find(const struct hosts *hosts, const char *name,
		  const struct hosts_entry **ret_entries);

#endif
