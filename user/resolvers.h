/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The resolvers of a fence: whom the command may ask and whose answers teach, on which interface.
 * Those of `dns` rules, or of /etc/resolv.conf, which is followed when it becomes another; its
 * search list is in either case. Routes are followed too.
 */
#ifndef CGFENCE_RESOLVERS_H
#define CGFENCE_RESOLVERS_H

#include <stdbool.h>
#include <stddef.h>

#include "address.h"
#include "failure.h"

struct event_base;
struct output;
struct policy;
struct resolvers;
struct watch;

struct resolvers_options {
	struct event_base *base;
	struct policy *policy;
	struct output *output;
	struct watch *watch; /* for resolv.conf; it ends before the resolvers are stopped */
	/* The policy is to be flushed; with `others`, there are other servers or another search
	 * list. */
	void (*changed)(bool others, void *data);
	void *data;
};

/* Puts them into the policy. The options' objects stay in use. -errno. */
int resolvers_start(struct resolvers **ret_resolvers, const struct resolvers_options *options,
		    struct failure *failure);
void resolvers_stop(struct resolvers **resolvers);

/* At least one; the array belongs to `resolvers`. */
size_t resolvers_list(const struct resolvers *resolvers, const struct address **ret_servers);

#endif
