/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where processes of fences are: network namespaces, each with the resolvers that the processes in
 * it ask. A place is shared by all fences that have processes in it.
 *
 * The resolvers are those of the resolv.conf that the processes see. If that is not the host's own
 * file they may write it themselves, so a server counts only if nobody inside can be it: on
 * loopback (what is forged there the programs refuse), an address of the host, or a server of the
 * host's own resolv.conf. The rest is left out, and told. A domain to search in counts only if the
 * host searches there too, or if the public DNS has none like it: what is asked in any other would
 * be read by whoever has it.
 *
 * A namespace of another user namespace is no place: whoever made that one could have made the
 * network, with whatever address at its other end. So are those of containers that have a user
 * namespace of their own.
 */
#ifndef CGFENCE_PLACES_H
#define CGFENCE_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "failure.h"

struct cgf_message;
struct event_base;
struct place;
struct places;
struct watch;

/* That one fence may be in; what is beyond is not looked at. */
#define PLACES_OF_FENCE_MAX 4096

struct places_options {
	struct event_base *base;
	struct watch *watch; /* for the host's resolv.conf; ends before the places */
	/* Resolvers, domains or interfaces of it have changed; from the loop. */
	void (*changed)(struct place *place, void *data);
	void *data;
};

int places_init(struct places **ret_places, const struct places_options *options);
/* All sets are to be released before. */
void places_finish(struct places **places);

/* The one that this process is in, with the host's own resolv.conf. It is always there. */
struct place *places_host(const struct places *places);

/*
 * The places of the processes that are in the cgroup now, read anew, with what they see: each is
 * referred to until place_set_release(). None for an empty cgroup. A process that ends meanwhile is
 * no error. What has changed of a place that others refer to is told them, from the loop.
 * CAP_SYS_PTRACE and CAP_SYS_ADMIN are needed, CAP_NET_RAW for place_refuse().
 */
struct place_set {
	struct place **items; /* owned */
	size_t count;
	size_t foreign;	    /* network namespaces that are no places */
	uint64_t cgroup_id; /* whose processes they are of */
};
int places_find(struct places *places, int cgroup_fd, struct place_set *ret_found,
		struct failure *failure);
void place_set_release(struct place_set *set);

/* By its cookie, which messages have; NULL. No reference. */
struct place *places_by_cookie(const struct places *places, uint64_t netns_cookie);

/* 0: this kernel does not tell (before Linux 5.14), and no answer there teaches. */
uint64_t place_cookie(const struct place *place);
/* Whether it is the daemon's own network namespace. */
bool place_is_host(const struct place *place);

struct place_resolver {
	struct address address;
	uint32_t ifindex; /* as of struct cgf_resolver */
};
/* Trusted ones; the array belongs to the place, until it changes. */
size_t place_resolvers(const struct place *place, const struct place_resolver **ret_resolvers);
/* Those that are asked there and not trusted. */
size_t place_strangers(const struct place *place, const struct address **ret_servers);
size_t place_domains(const struct place *place, const char *const **ret_domains);
/* By which device an address is reached from there, as of struct cgf_resolver. */
uint32_t place_interface(const struct place *place, const struct address *address);

/* As refusal_send(), there. */
int place_refuse(struct place *place, const struct cgf_message *message, size_t size);

#endif
