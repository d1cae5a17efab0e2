/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the module share. */
#ifndef CGFENCE_PLACES_INTERNAL_H
#define CGFENCE_PLACES_INTERNAL_H

#include <sys/stat.h>

#include <uthash.h>

#include "places.h"
#include "resolvconf.h"
#include "timer.h"

/*
 * Different files that count, of one cgroup in one place; and servers and domains of all of them.
 * Whoever may make mount namespaces may have as many files.
 */
#define SEEN_OF_TENANT_MAX 8
#define PLACE_SERVERS_MAX 64
#define PLACE_DOMAINS_MAX 32

/* Tells namespaces and files from others. */
struct inode {
	dev_t device;
	ino_t number;
};

/* A resolv.conf as processes see it. */
struct seen {
	struct inode file; /* all zero: there is none */
	bool host;	   /* it is the host's own, and becomes what that becomes */
	size_t server_count, domain_count;
	struct address *servers; /* owned, as all of these */
	char **domains;
};

/* A cgroup with processes in a place. */
struct tenant {
	struct tenant *next;
	uint64_t cgroup_id;
	size_t references;
	struct seen seen[SEEN_OF_TENANT_MAX];
	size_t count;
};

/* What comes of it. */
struct place_lists {
	struct place_resolver *resolvers;
	struct address *strangers;
	char **domains;
	size_t resolver_count, stranger_count, domain_count;
};

struct place {
	struct places *places;
	struct inode netns;
	uint64_t cookie;
	size_t references; /* by tenants' sets; and one of the host's place */
	int fd;
	struct routes *routes; /* NULL: they cannot be asked for */
	struct event *routes_event;
	struct refusal *refusal; /* NULL: not yet needed */
	struct tenant *tenants;
	struct place_lists lists;
	bool routes_changed; /* to be looked at */
	bool changed;	     /* to be told */
	UT_hash_handle hh, by_cookie;
};

struct places {
	struct places_options options;
	struct place *all, *by_cookie;
	struct place *host;
	struct inode user_namespace;
	struct resolvconf conf; /* the host's */
	struct inode conf_file;
	struct address *addresses; /* of the host, sorted; owned */
	size_t address_count;
	struct timer settle, tell;
};

/* --- places.c -------------------------------------------------------------------------------- */

/* One reference less. */
void place_let_go(struct place **place);
/* It has changed: those who refer to it are told, from the loop. */
void place_tell(struct place *place);
/* What the host has, if the kernel has told, or will, that it may be other than before. */
void places_refresh(struct places *places);

/* --- places_place.c -------------------------------------------------------------------------- */

/* Takes over the descriptor. Not in any list of `places` yet. -errno. */
int place_open(struct places *places, int own_fd, struct place **ret_place);
void place_close(struct place **place);

struct place *places_by_netns(const struct places *places, const struct inode *netns);
/* The place of the namespace, which may be known: adds no reference. Takes over the descriptor. */
int places_add(struct places *places, int own_fd, struct place **ret_place);

/* --- places_seen.c --------------------------------------------------------------------------- */

/* What a thread sees, told from what others do. */
struct viewpoint {
	struct inode netns, mounts, root;
};
/* -ENOENT if it has ended; -EACCES. */
int viewpoint_of(pid_t tid, struct viewpoint *ret_viewpoint);
/*
 * Its resolv.conf: one that is not there, or cannot be one, has nothing. What is in its place may
 * be anything, and is not waited for. -ENOMEM.
 */
int seen_read(const struct places *places, pid_t tid, struct seen *ret_seen);
void seen_finish(struct seen *seen);

/* --- places_trust.c -------------------------------------------------------------------------- */

/* Again from what tenants see; true if that is other than before. */
bool place_judge(struct place *place);
void place_lists_finish(struct place_lists *lists);
/* The host's addresses. */
int places_read_addresses(struct places *places);
/* The host's resolv.conf. */
void places_read_conf(struct places *places);

#endif
