// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is done before the command's process exists, and the words for what went wrong in it. */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "capability.h"
#include "confine.h"
#include "escape.h"
#include "filter.h"
#include "landlock.h"

/* Who is not root has no capabilities, and gets none: no_new_privs. */
static uint64_t capabilities_of(const struct confine_options *options)
{
	return options->root ? capability_defaults | options->keep_caps : 0;
}

static int find_highest_fd(int *ret_fd)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	int fd, highest = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		fd = atoi(entry->d_name);
		if (fd > highest)
			highest = fd;
	}
	*ret_fd = highest;
	return 0;
}

static int find_mounts(const struct confine_options *options, struct confinement *confinement)
{
	bool admin = capability_in(confinement->capabilities, CAP_SYS_ADMIN);
	const struct mounts_needs needs = {
		.bpf = admin || capability_in(confinement->capabilities, CAP_BPF),
		.resolvers = options->no_dns_filter,
		.root = options->root && !admin,
	};

	return mounts_find(&needs, &confinement->mounts);
}

/* It forbids mount(2) too, so who has to mount goes without. */
static int open_landlock(struct confinement *confinement)
{
	int r;

	if (capability_in(confinement->capabilities, CAP_SYS_ADMIN))
		return 0;
	r = landlock_open(&confinement->landlock_fd);
	return r == -EOPNOTSUPP ? 0 : r;
}

int confine_prepare(const struct confine_options *options, struct confinement *ret_confinement,
		    struct failure *failure)
{
	_cleanup_(confine_finish) struct confinement confinement = {
		.capabilities = capabilities_of(options),
		.landlock_fd = -1,
	};
	int r = find_mounts(options, &confinement);

	if (r)
		return failure_set(failure, -r, "cannot find out what is mounted");
	r = open_landlock(&confinement);
	if (r)
		return failure_set(failure, -r, "cannot make a Landlock rule set");
	if (!options->no_filter)
		r = filter_compile(&confinement.filter);
	if (r)
		return failure_set(failure, -r, "cannot make the seccomp filter");
	r = find_highest_fd(&confinement.highest_fd);
	if (r)
		return failure_set(failure, -r, "/proc/self/fd");
	*ret_confinement = TAKE(confinement, (struct confinement){ .landlock_fd = -1 });
	return 0;
}

void confine_finish(struct confinement *confinement)
{
	mounts_finish(&confinement->mounts);
	close_fd(&confinement->landlock_fd);
	free(TAKE_PTR(confinement->filter.filter));
}

static const struct {
	const char *what;
	const char *next;
} steps[] = {
	[CONFINE_CHROOT] = { "cannot find out whether this is a chroot", "cgfence needs /proc" },
	[CONFINE_NAMESPACES] = { "cannot give the command mounts of its own",
				 "a container that cgfence runs in must let it mount" },
	[CONFINE_MOUNTS] = { "cannot cover", "a container that cgfence runs in must let it mount" },
	[CONFINE_DIRECTORY] = { "the command cannot be in", "start it in another directory" },
	[CONFINE_CAPABILITIES] = { "cannot take capabilities from the command",
				   "cgfence needs CAP_SETPCAP" },
	[CONFINE_NO_NEW_PRIVILEGES] = { "cannot set no_new_privs", "see prctl(2)" },
	[CONFINE_LANDLOCK] = { "cannot enter a Landlock domain",
			       "the kernel takes no more than 16, one in another" },
	[CONFINE_DESCRIPTORS] = { "cannot close the command's file descriptors",
				  "see close_range(2)" },
	[CONFINE_FILTER] = { "cannot put the seccomp filter in force",
			     "--no-seccomp goes without it, and opens what it closes" },
};

static const char *object_of(const struct confinement *confinement,
			     const struct confine_report *report)
{
	if (report->step == CONFINE_MOUNTS && report->mount < confinement->mounts.count)
		return confinement->mounts.steps[report->mount].path;
	return report->step == CONFINE_DIRECTORY ? confinement->mounts.directory : NULL;
}

int confine_failure(const struct confinement *confinement, const struct confine_report *report,
		    struct failure *failure)
{
	const char *object = object_of(confinement, report);
	char escaped[256];

	if (object)
		failure_set(failure, report->error, "%s %s", steps[report->step].what,
			    escape_text(object, escaped, sizeof(escaped)));
	else
		failure_set(failure, report->error, "%s", steps[report->step].what);
	failure_hint(failure, "%s", steps[report->step].next);
	return -ECANCELED;
}
