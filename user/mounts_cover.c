// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* In the process that is to become the command: system calls only. */
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "mounts.h"

static int cover_empty(const char *path)
{
	return mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		     "size=4k,nr_inodes=2,mode=555");
}

/* The kernel refuses to mount a file system right upon itself: hence something in between. */
static int cover_cgroup2(const char *path)
{
	return cover_empty(path) ||
	       mount("cgroup2", path, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static int make_read_only(const char *path, unsigned long flags)
{
	return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL);
}

static int cover(const struct mounts_step *step)
{
	switch (step->cover) {
	case MOUNTS_PRIVATE:
		return mount(NULL, step->path, NULL, MS_PRIVATE, NULL);
	case MOUNTS_CGROUP2:
		return cover_cgroup2(step->path);
	case MOUNTS_EMPTY:
		return cover_empty(step->path);
	case MOUNTS_READ_ONLY:
		return make_read_only(step->path, step->flags);
	case MOUNTS_PART:
		return mount(step->path, step->path, NULL, MS_BIND, NULL) ||
		       make_read_only(step->path, step->flags);
	}
	errno = EINVAL;
	return -1;
}

/*
 * In a chroot the root may be no mount, and EINVAL: then what is covered is made private one by
 * one, and what the host mounts later is seen.
 */
int mounts_unshare(const struct mounts *mounts)
{
	unsigned long propagation = mounts->separate ? MS_PRIVATE : MS_SLAVE;

	if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP))
		return -errno;
	if (mount(NULL, "/", NULL, MS_REC | propagation, NULL) && errno != EINVAL)
		return -errno;
	return 0;
}

int mounts_cover(const struct mounts *mounts, size_t *ret_step)
{
	size_t i;

	for (i = mounts->count; i-- > 0;)
		if (cover(&mounts->steps[i])) {
			*ret_step = i;
			return -errno;
		}
	return 0;
}

int mounts_enter_directory(const struct mounts *mounts)
{
	return mounts->directory && chdir(mounts->directory) ? -errno : 0;
}
