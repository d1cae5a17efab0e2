// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "powers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tree.h"
#include "util.h"

#define PERMITTED "CapPrm:"

static bool is_of_this_host(pid_t tid, const struct stat *own)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", tid);
	return !stat(path, &st) && st.st_dev == own->st_dev && st.st_ino == own->st_ino;
}

static uint64_t permitted(pid_t tid)
{
	char path[64], line[256];
	_cleanup_fclose_ FILE *file = NULL;
	uint64_t capabilities = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, PERMITTED " %" SCNx64, &capabilities) == 1)
			break;
	return capabilities;
}

int powers_find(int cgroup_fd, uint64_t *ret_capabilities)
{
	_cleanup_(tree_finish) struct tree tree = {};
	struct stat own;
	size_t i;
	int r = stat("/proc/self/ns/user", &own) ? -errno : tree_read(cgroup_fd, &tree);

	if (r)
		return r;
	*ret_capabilities = 0;
	for (i = 0; i < tree.thread_count; i++)
		if (is_of_this_host(tree.threads[i], &own))
			*ret_capabilities |= permitted(tree.threads[i]);
	return 0;
}
