// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is told of a fence that stands: what it does not hold, and whom it does not believe. */
#include <linux/capability.h>

#include "capability.h"
#include "policies_internal.h"
#include "powers.h"
#include "strangers.h"

/* --- what no hook of a cgroup sees ----------------------------------------------------------- */

static void warn_of_powers(struct kept_fence *fence)
{
	const struct datapath *datapath = fence->policy->policies->datapath;
	uint64_t powers;

	if (powers_find(fence->cgroup_fd, &powers)) {
		texts_add_warning(&fence->warnings,
				  "what capabilities processes inside have cannot be seen");
		return;
	}
	if (capability_in(powers, CAP_SYS_ADMIN)) {
		texts_add_warning(&fence->warnings,
				  "processes inside have CAP_SYS_ADMIN: they can leave the fence");
		return;
	}
	if (capability_in(powers, CAP_NET_ADMIN))
		texts_add_warning(&fence->warnings,
				  "processes inside have CAP_NET_ADMIN: they can lead traffic "
				  "around the fence, by tunnels and redirections");
	if (capability_in(powers, CAP_NET_RAW) && !datapath_holds_families(datapath))
		texts_add_warning(
			&fence->warnings,
			"processes inside have CAP_NET_RAW: they can send any packet past "
			"the fence (AF_PACKET): no cgroup hook sees it, and BPF LSM, which "
			"would refuse it, is not active in this kernel");
}

void kept_fence_count_strangers(struct kept_fence *fence)
{
	struct strangers strangers = {};
	struct failure failure;

	fence->strangers = 0;
	fence->strangers_unknown = strangers_find(fence->cgroup_fd, &strangers, &failure) != 0;
	if (fence->strangers_unknown)
		return;
	fence->strangers = strangers.count;
	strangers_finish(&strangers);
}

static void warn_of_strangers(struct kept_fence *fence)
{
	if (fence->strangers_unknown)
		texts_add_warning(&fence->warnings,
				  "when it was attached, what sockets processes inside held could "
				  "not be seen: it may not judge them all");
	if (fence->strangers)
		texts_add_warning(
			&fence->warnings,
			"when it was attached, processes inside held %zu socket%s that it "
			"does not judge, made in another cgroup or of a family that no "
			"hook sees: see 'cgfence sockets %s'",
			fence->strangers, fence->strangers == 1 ? "" : "s",
			fence->cgroup ? fence->cgroup : fence->target);
}

/* --- whom they ask --------------------------------------------------------------------------- */

static void warn_of_server(struct kept_fence *fence, const struct address *server)
{
	char text[ADDRESS_TEXT_BYTES];

	texts_add_warning(&fence->warnings,
			  "the resolver %s, which processes inside are told to ask, is not "
			  "trusted: if it is meant, add the rule 'dns %s'",
			  address_format(server, text), text);
}

static void warn_of_place(struct kept_fence *fence, const struct place *place)
{
	const struct address *servers;
	size_t i, count = place_strangers(place, &servers);

	for (i = 0; i < count; i++)
		warn_of_server(fence, &servers[i]);
	if (!place_cookie(place))
		texts_add_warning(&fence->warnings,
				  "this kernel does not tell network namespaces apart (Linux 5.14 "
				  "does): names are looked up by the daemon only, and not learned "
				  "from answers");
}

void kept_fence_warn(struct kept_fence *fence)
{
	struct address by_rule[CGF_RESOLVERS_MAX];
	size_t i;

	texts_finish(&fence->warnings);
	if (fence->unseen)
		texts_add_warning(
			&fence->warnings,
			"which processes are inside cannot be seen now: whom they ask may "
			"be others than are known, and is not trusted");
	warn_of_powers(fence);
	warn_of_strangers(fence);
	if (!fence->policy->policy || policy_dns(fence->policy->policy, by_rule))
		return;
	for (i = 0; i < fence->places.count; i++)
		warn_of_place(fence, fence->places.items[i]);
}
