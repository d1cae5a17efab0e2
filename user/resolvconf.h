/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* /etc/resolv.conf as libc reads it, see resolv.conf(5). Pure but for reading the file. */
#ifndef CGFENCE_RESOLVCONF_H
#define CGFENCE_RESOLVCONF_H

#include <stddef.h>

#include "address.h"
#include "cgfence.h"

#define RESOLVCONF_PATH "/etc/resolv.conf"
/* What libc asks if resolv.conf names no one, see resolv.conf(5). */
#define RESOLVCONF_DEFAULT_SERVER "127.0.0.1"
#define RESOLVCONF_FILE_BYTES_MAX 65536
/* More than glibc has had room for (6 until 2.26; without a limit since). */
#define RESOLVCONF_DOMAINS_MAX 32
/* resolv.conf(5): at most 15, and 1 if nothing is said. */
#define RESOLVCONF_NDOTS_MAX 15

struct resolvconf {
	struct address servers[CGF_RESOLVERS_MAX];
	size_t server_count; /* those beyond CGF_RESOLVERS_MAX, and with a scope, are left out */
	char domains[RESOLVCONF_DOMAINS_MAX][CGF_NAME_BYTES_MAX + 1]; /* lower case, no last dot */
	size_t domain_count;
	unsigned int ndots;
};

/*
 * What cannot be read is skipped, as libc does. `search` and `domain`: the last line of either
 * counts. Without any `nameserver` there are no servers.
 */
void resolvconf_parse(const char *text, size_t length, struct resolvconf *ret_conf);
/* $LOCALDOMAIN, which takes the place of the search list, see resolv.conf(5); NULL: it is not set.
 */
void resolvconf_search(struct resolvconf *conf, const char *domains);
/* -errno of open(2) or read(2), -EFBIG. */
int resolvconf_read(const char *path, struct resolvconf *ret_conf);
/* From where it is now. */
int resolvconf_read_fd(int fd, struct resolvconf *ret_conf);

#endif
