// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whether the kernel runs LSM programs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/syscall.h>

#include "datapath_internal.h"

/* A securityfs that only this file descriptor knows: on the host it may not be mounted. */
static int open_securityfs(void)
{
	_cleanup_close_ int context_fd = (int)syscall(SYS_fsopen, "securityfs", FSOPEN_CLOEXEC);

	if (context_fd < 0 ||
	    syscall(SYS_fsconfig, context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	return (int)syscall(SYS_fsmount, context_fd, FSMOUNT_CLOEXEC, 0);
}

static bool list_has(char *list, const char *wanted)
{
	char *next, *name = strtok_r(list, ",\n", &next);

	while (name && strcmp(name, wanted))
		name = strtok_r(NULL, ",\n", &next);
	return name;
}

/* A kernel may have BPF LSM in its list and refuse its programs. */
static bool takes_programs(void)
{
	return libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_LSM, NULL) == 1;
}

/*
 * The list is asked, because a kernel with BPF LSM compiled in and not chosen at boot loads such
 * programs, attaches them, and never runs one.
 */
bool datapath_lsm_runs(void)
{
	_cleanup_close_ int root_fd = open_securityfs(), fd = -1;
	char list[1024];
	ssize_t length;

	if (root_fd >= 0)
		fd = openat(root_fd, "lsm", O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, list, sizeof(list) - 1);
	if (length < 0)
		return false;
	list[length] = '\0';
	return list_has(list, "bpf") && takes_programs();
}
