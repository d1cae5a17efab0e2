// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>

/*
 * Every domain forbids to move files between directories unless a rule allows it, which the first
 * version has no rule for.
 */
#define ABI_MIN 2

static int allow_moves_below_root(int fd)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_REFER,
		.parent_fd = root,
	};

	if (root < 0 || syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0))
		return -errno;
	return 0;
}

int landlock_open(int *ret_fd)
{
	const struct landlock_ruleset_attr attributes = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_REFER,
	};
	_cleanup_close_ int fd = -1;
	int r;

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) <
	    ABI_MIN)
		return -EOPNOTSUPP;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
	if (fd < 0)
		return -errno;
	r = allow_moves_below_root(fd);
	if (!r)
		*ret_fd = TAKE_FD(fd);
	return r;
}

int landlock_enter(int fd)
{
	return syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
}
