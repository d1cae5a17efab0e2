// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "datapath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "datapath_internal.h"

/* The lock is held for a few milliseconds. */
#define LOCK_RETRY_MS 2

const char *const datapath_program_names[] = {
	[PROGRAM_CONNECT4] = "connect4",
	[PROGRAM_CONNECT6] = "connect6",
	[PROGRAM_SENDMSG4] = "sendmsg4",
	[PROGRAM_SENDMSG6] = "sendmsg6",
	[PROGRAM_SOCK_CREATE] = "sock_create",
	[PROGRAM_BIND4] = "bind4",
	[PROGRAM_BIND6] = "bind6",
	[PROGRAM_SETSOCKOPT] = "setsockopt",
	[PROGRAM_EGRESS] = "egress",
	[PROGRAM_INGRESS] = "ingress",
	[PROGRAM_SOCKET_CREATE] = "socket_create",
};
_Static_assert(ARRAY_SIZE(datapath_program_names) == PROGRAM_COUNT, "a program has no name");

const enum bpf_attach_type datapath_attach_types[] = {
	[PROGRAM_CONNECT4] = BPF_CGROUP_INET4_CONNECT,
	[PROGRAM_CONNECT6] = BPF_CGROUP_INET6_CONNECT,
	[PROGRAM_SENDMSG4] = BPF_CGROUP_UDP4_SENDMSG,
	[PROGRAM_SENDMSG6] = BPF_CGROUP_UDP6_SENDMSG,
	[PROGRAM_SOCK_CREATE] = BPF_CGROUP_INET_SOCK_CREATE,
	[PROGRAM_BIND4] = BPF_CGROUP_INET4_BIND,
	[PROGRAM_BIND6] = BPF_CGROUP_INET6_BIND,
	[PROGRAM_SETSOCKOPT] = BPF_CGROUP_SETSOCKOPT,
	[PROGRAM_EGRESS] = BPF_CGROUP_INET_EGRESS,
	[PROGRAM_INGRESS] = BPF_CGROUP_INET_INGRESS,
	[PROGRAM_SOCKET_CREATE] = BPF_LSM_CGROUP,
};
_Static_assert(ARRAY_SIZE(datapath_attach_types) == PROGRAM_COUNT, "a program has no hook");

const char *const datapath_kind_names[] = {
	[KIND_ALLOW] = "allow",		[KIND_PREFIXES] = "prefixes",
	[KIND_LISTENS] = "listens",	[KIND_PEERS] = "peers",
	[KIND_NAMES] = "names",		[KIND_GRANTS] = "grants",
	[KIND_RESOLVERS] = "resolvers", [KIND_COUNTERS] = "counters",
	[KIND_DECISIONS] = "decisions",
};
_Static_assert(ARRAY_SIZE(datapath_kind_names) == KIND_COUNT, "a kind of map has no name");

int datapath_require_bpffs(struct failure *failure)
{
	struct statfs fs;

	if (!statfs(DATAPATH_BPFFS, &fs) && fs.f_type == BPF_FS_MAGIC)
		return 0;
	failure_set(failure, 0, "no BPF file system is mounted at %s", DATAPATH_BPFFS);
	failure_hint(failure, "mount it: mount -t bpf -o mode=700 bpf %s", DATAPATH_BPFFS);
	return -ENODEV;
}

/* A signal that is blocked and waits: whoever asked for it wants to stop. */
static bool asked_to_stop(void)
{
	sigset_t pending;

	return !sigpending(&pending) &&
	       (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
		sigismember(&pending, SIGHUP) == 1 || sigismember(&pending, SIGQUIT) == 1);
}

int datapath_lock(struct datapath *datapath, bool can_stop, struct failure *failure)
{
	const struct timespec pause = { .tv_nsec = LOCK_RETRY_MS * NSEC_PER_MSEC };

	if (datapath->lock_depth++)
		return 0;
	while (flock(datapath->lock_fd, LOCK_EX | LOCK_NB)) {
		datapath->lock_depth = 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return failure_set(failure, errno, "cannot lock %s", DATAPATH_ROOT);
		if (can_stop && asked_to_stop())
			return failure_set(failure, EINTR, "another cgfence holds %s",
					   DATAPATH_ROOT);
		nanosleep(&pause, NULL);
	}
	datapath->lock_depth = 1;
	return 0;
}

void datapath_unlock(struct datapath *datapath)
{
	if (datapath->lock_depth && !--datapath->lock_depth)
		flock(datapath->lock_fd, LOCK_UN);
}

/*
 * Where the BPF file system may be written by all, someone may have been here before: whoever owns
 * the directory can move pins away.
 */
static int open_root(int *ret_fd, struct failure *failure)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r = pin_mkdir(DATAPATH_ROOT);

	if (!r)
		fd = open(DATAPATH_ROOT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return failure_set(failure, r ? -r : errno, "cannot open %s", DATAPATH_ROOT);
	if (st.st_uid != 0 || (st.st_mode & 077)) {
		failure_set(failure, 0, "%s is not root's alone: uid %u, mode %03o", DATAPATH_ROOT,
			    st.st_uid, st.st_mode & 0777);
		failure_hint(failure, "remove it, and mount %s with mode=700", DATAPATH_BPFFS);
		return -EPERM;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Whoever removed the directory has left this process a lock that nobody else takes. */
int datapath_relock(struct datapath *datapath)
{
	_cleanup_close_ int fd = -1;
	struct stat ours, root;
	int r;

	if (!fstat(datapath->lock_fd, &ours) && !stat(DATAPATH_ROOT, &root) &&
	    ours.st_dev == root.st_dev && ours.st_ino == root.st_ino)
		return datapath_lock(datapath, false, NULL);
	r = open_root(&fd, NULL);
	if (r)
		return r;
	close_fd(&datapath->lock_fd);
	datapath->lock_fd = TAKE_FD(fd);
	datapath->lock_depth = 0;
	return datapath_lock(datapath, false, NULL);
}

struct datapath *datapath_new(void)
{
	struct datapath *datapath = calloc(1, sizeof(*datapath));

	if (!datapath)
		return NULL;
	datapath->lock_fd = datapath->targets = datapath->keepers = datapath->btf_fd = -1;
	datapath->connected = -1;
	memset(datapath->programs, 0xff, sizeof(datapath->programs));
	memset(datapath->shapes, 0xff, sizeof(datapath->shapes));
	memset(datapath->arrays, 0xff, sizeof(datapath->arrays));
	return datapath;
}

int datapath_open(struct datapath **ret_datapath, struct failure *failure)
{
	_cleanup_(datapath_close) struct datapath *datapath = datapath_new();
	int r;

	if (!datapath)
		return failure_set(failure, ENOMEM, "cannot open the datapath");
	r = datapath_require_bpffs(failure);
	if (r)
		return r;
	r = open_root(&datapath->lock_fd, failure);
	if (!r)
		r = datapath_lock(datapath, true, failure);
	if (r)
		return r;
	r = datapath_build_open(datapath, failure);
	if (r)
		return r;
	*ret_datapath = TAKE_PTR(datapath);
	return 0;
}

void datapath_close(struct datapath **datapath)
{
	int i;

	if (!*datapath)
		return;
	for (i = 0; i < PROGRAM_COUNT; i++)
		close_fd(&(*datapath)->programs[i]);
	for (i = 0; i < KIND_COUNT; i++) {
		close_fd(&(*datapath)->shapes[i]);
		close_fd(&(*datapath)->arrays[i]);
	}
	close_fd(&(*datapath)->targets);
	close_fd(&(*datapath)->keepers);
	close_fd(&(*datapath)->connected);
	close_fd(&(*datapath)->btf_fd);
	datapath_upkeep_free(&(*datapath)->upkeep);
	close_fd(&(*datapath)->lock_fd);
	free(TAKE_PTR(*datapath));
}

int datapath_connected_fd(const struct datapath *datapath)
{
	return datapath->connected;
}
