// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who keeps the policies that are pinned: one process at a time. */
#include <errno.h>
#include <fcntl.h>

#include "datapath_internal.h"
#include "file.h"

#define CLAIM DATAPATH_ROOT "/keeper"

int datapath_claim(int *ret_fd, struct failure *failure)
{
	_cleanup_close_ int fd = -1;
	int r = datapath_require_bpffs(failure);
	pid_t holder;

	if (r)
		return r;
	r = pin_mkdir(DATAPATH_ROOT);
	if (!r)
		r = pin_mkdir(CLAIM);
	if (r)
		return failure_set(failure, -r, "cannot make " CLAIM);
	fd = open(CLAIM, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return failure_set(failure, errno, "cannot open " CLAIM);
	r = file_lock(fd);
	if (r) {
		if (r != -EWOULDBLOCK)
			return failure_set(failure, -r, "cannot lock " CLAIM);
		failure_set(failure, 0, "another cgfence daemon keeps the policies of this host");
		holder = file_lock_holder(fd);
		if (holder)
			failure_hint(failure, "it is process %d", (int)holder);
		return -EBUSY;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}
