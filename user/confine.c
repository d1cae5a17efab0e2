// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* In the process that is to become the command: system calls only. */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "capability.h"
#include "filter.h"
#include "landlock.h"

#define KEPT_FD (STDERR_FILENO + 1)

/* The first that the kernel does not know ends the list. */
static int drop_bounding(uint64_t keep)
{
	unsigned int i;
	int have;

	for (i = 0; i < 64; i++) {
		have = prctl(PR_CAPBSET_READ, i, 0, 0, 0);
		if (have < 0)
			return 0;
		if (have && !capability_in(keep, i) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0))
			return -errno;
	}
	return 0;
}

/* Of what the process has, no more than `keep`; nothing to hand on beside the bounding set. */
static int reduce_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	size_t i;

	if (syscall(SYS_capget, &header, data))
		return -errno;
	for (i = 0; i < ARRAY_SIZE(data); i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective &= data[i].permitted;
		data[i].inheritable = 0;
	}
	/* Clearing what is inheritable clears what is ambient. */
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static int drop_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	data[capability / 32].permitted &= ~(1U << capability % 32);
	data[capability / 32].effective &= data[capability / 32].permitted;
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

/*
 * What is outside of a chroot is covered by nothing, so there the command must not have what leads
 * out of it.
 */
static int hold_in_chroot(uint64_t *keep)
{
	bool chroot = false;
	int r;

	if (!capability_in(*keep, CAP_SYS_CHROOT) || capability_in(*keep, CAP_SYS_ADMIN))
		return 0;
	r = mounts_is_chroot(&chroot);
	if (r && r != -EPERM)
		return r;
	if (!r && !chroot)
		return 0;
	*keep &= ~(1ULL << CAP_SYS_CHROOT);
	return drop_capability(CAP_SYS_CHROOT);
}

/* close_range is as old as 5.9, but container engines whose filter is older refuse it. */
static int close_all_but(const struct confinement *confinement, int *keep_fd)
{
	int fd;

	if (*keep_fd != KEPT_FD && dup3(*keep_fd, KEPT_FD, O_CLOEXEC) < 0)
		return -errno;
	*keep_fd = KEPT_FD;
	if (!syscall(SYS_close_range, KEPT_FD + 1U, ~0U, 0U))
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	for (fd = KEPT_FD + 1; fd <= confinement->highest_fd; fd++)
		close(fd);
	return 0;
}

static int enter_landlock(const struct confinement *confinement)
{
	return confinement->landlock_fd < 0 ? 0 : landlock_enter(confinement->landlock_fd);
}

static int fail(struct confine_report *report, enum confine_step step, int error)
{
	report->step = step;
	report->error = -error;
	return error;
}

static int confine_mounts(const struct confinement *confinement, struct confine_report *report)
{
	int r = mounts_unshare(&confinement->mounts);

	if (r)
		return fail(report, CONFINE_NAMESPACES, r);
	r = mounts_cover(&confinement->mounts, &report->mount);
	if (r)
		return fail(report, CONFINE_MOUNTS, r);
	r = mounts_enter_directory(&confinement->mounts);
	return r ? fail(report, CONFINE_DIRECTORY, r) : 0;
}

int confine_surroundings(const struct confinement *confinement, int *keep_fd,
			 struct confine_report *report)
{
	uint64_t keep = confinement->capabilities;
	int r = confine_mounts(confinement, report);

	if (r)
		return r;
	r = hold_in_chroot(&keep);
	if (r)
		return fail(report, CONFINE_CHROOT, r);
	r = drop_bounding(keep);
	if (r)
		return fail(report, CONFINE_CAPABILITIES, r);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail(report, CONFINE_NO_NEW_PRIVILEGES, -errno);
	r = enter_landlock(confinement);
	if (r)
		return fail(report, CONFINE_LANDLOCK, r);
	r = close_all_but(confinement, keep_fd);
	return r ? fail(report, CONFINE_DESCRIPTORS, r) : 0;
}

int confine_self(const struct confinement *confinement, struct confine_report *report)
{
	int r = reduce_capabilities(confinement->capabilities);

	if (r)
		return fail(report, CONFINE_CAPABILITIES, r);
	if (confinement->filter.len)
		r = filter_enter(&confinement->filter);
	return r ? fail(report, CONFINE_FILTER, r) : 0;
}
