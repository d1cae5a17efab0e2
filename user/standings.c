// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "standings.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "cgroup.h"
#include "collect.h"
#include "datapath.h"
#include "target_name.h"
#include "tree.h"
#include "util.h"

/* Since Linux 5.14; <sys/socket.h> may be older. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static void find_cgroups(struct standings *standings)
{
	_cleanup_close_ int fd = -1;
	char mount[CGROUP_PATH_BYTES];
	size_t i;

	if (cgroup_mount(mount, NULL) || tree_open(mount, &fd))
		return;
	for (i = 0; i < standings->count; i++) {
		struct standing *standing = &standings->items[i];

		if (standing->cgroup_id)
			standing->gone = tree_find_path(fd, standing->cgroup_id,
							&standing->cgroup) == -ENOENT;
		if (standing->cgroup)
			standing->counted = !cgroup_count(standing->cgroup, &standing->processes,
							  &standing->populated);
	}
}

/* Of the caller's network namespace; 0 if the kernel does not say. */
static uint64_t netns_cookie(void)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length))
		return 0;
	return cookie;
}

/* A number is another device's in another network namespace. Of daemons each resolver has its own.
 */
static void find_device(const struct standing *standing, struct standing_resolver *resolver,
			uint64_t own)
{
	uint64_t netns_cookie = resolver->netns_cookie ? resolver->netns_cookie
						       : standing->target.netns_cookie;

	if (netns_cookie != own || !if_indextoname(resolver->ifindex, resolver->device))
		resolver->device[0] = '\0';
}

static void find_devices(struct standings *standings)
{
	uint64_t own = netns_cookie();
	size_t i, j;

	for (i = 0; own && i < standings->count; i++)
		for (j = 0; j < standings->items[i].resolver_count; j++)
			find_device(&standings->items[i], &standings->items[i].resolvers[j], own);
}

static int find_target(struct standing *standing)
{
	_cleanup_free_ struct target_name *name = malloc(sizeof(*name));
	char text[TARGET_TEXT_BYTES];

	standing->of_daemon = strncmp(standing->name, COLLECT_PREFIX, strlen(COLLECT_PREFIX)) != 0;
	if (!name)
		return -ENOMEM;
	if (!standing->of_daemon || target_name_of_fence(standing->name, name))
		return 0;
	standing->target_text = strdup(target_name_format(name, text));
	return standing->target_text ? 0 : -ENOMEM;
}

/* Counters are of the policy: whoever reads them should know whose they are. */
static size_t count_policy(const struct standings *standings, const char *policy)
{
	size_t i, count = 0;

	for (i = 0; policy[0] && i < standings->count; i++)
		count += !strcmp(standings->items[i].policy, policy);
	return count;
}

static int find_names(struct standings *standings)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < standings->count; i++) {
		r = find_target(&standings->items[i]);
		standings->items[i].policy_fences = count_policy(standings,
								 standings->items[i].policy);
	}
	return r;
}

int standings_read(struct standings *ret_standings, struct standing_kernel *ret_kernel,
		   struct failure *failure)
{
	int r = datapath_standings(ret_standings, failure);

	if (r)
		return r;
	r = find_names(ret_standings);
	if (r) {
		standings_finish(ret_standings);
		return failure_set(failure, -r, "cannot name the fences");
	}
	find_cgroups(ret_standings);
	find_devices(ret_standings);
	datapath_kernel(ret_kernel);
	return 0;
}
