// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* In the process that is to become the command: system calls only. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

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
	case MOUNTS_SLAVE:
		return mount(NULL, step->path, NULL, MS_SLAVE, NULL);
	case MOUNTS_CGROUP2:
		return cover_cgroup2(step->path);
	case MOUNTS_EMPTY:
		return cover_empty(step->path);
	case MOUNTS_NULL:
		return mount("/dev/null", step->path, NULL, MS_BIND, NULL);
	case MOUNTS_READ_ONLY:
		return make_read_only(step->path, step->flags);
	case MOUNTS_PART:
		return mount(step->path, step->path, NULL, MS_BIND, NULL) ||
		       make_read_only(step->path, step->flags);
	}
	errno = EINVAL;
	return -1;
}

struct place {
	dev_t device;
	ino_t inode;
	uint64_t mount;
};

static int find_place(struct place *ret_place)
{
	struct statx st;

	if (statx(AT_FDCWD, ".", 0, STATX_INO | STATX_MNT_ID, &st))
		return -errno;
	*ret_place = (struct place){
		.device = makedev(st.stx_dev_major, st.stx_dev_minor),
		.inode = st.stx_ino,
		.mount = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0,
	};
	return 0;
}

static bool is_same(const struct place *a, const struct place *b)
{
	return a->device == b->device && a->inode == b->inode && a->mount == b->mount;
}

static int climb(struct place *ret_top)
{
	struct place here, above;
	int r = find_place(&above);

	do {
		here = above;
		if (!r && chdir(".."))
			r = -errno;
		if (!r)
			r = find_place(&above);
	} while (!r && !is_same(&here, &above));
	*ret_top = above;
	return r;
}

/* As one leaves a chroot: with the root directory elsewhere nothing stops the way up. */
int mounts_is_chroot(bool *ret_chroot)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int own = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct place bottom, top;
	int r = 0;

	if (root < 0 || own < 0 || chroot("/proc") || fchdir(root))
		return -errno;
	r = find_place(&bottom);
	if (!r)
		r = climb(&top);
	if (!r)
		*ret_chroot = !is_same(&bottom, &top);
	if (fchdir(root) || chroot(".") || fchdir(own))
		return -errno;
	return r;
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
