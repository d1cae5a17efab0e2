// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "datapath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "cgfence.skel.h"
#include "datapath_internal.h"

/* The lock is held for a few milliseconds. */
#define LOCK_RETRY_MS 2
#define BUILD_ROOT DATAPATH_ROOT "/datapath"
#define BUILD_PATH BUILD_ROOT "/" CGFENCE_BUILD_ID
/* No dots: the BPF file system keeps names with dots to itself. */
#define BUILD_PATH_NEW BUILD_PATH "-new"

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

int pin_path(char ret_path[static PIN_PATH_BYTES], const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(ret_path, PIN_PATH_BYTES, format, arguments);
	va_end(arguments);
	return length < PIN_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

int pin_mkdir(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

int pin_remove_dir(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	const struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	return rmdir(path) ? -errno : 0;
}

static void build_remove(const char *build)
{
	char path[PIN_PATH_BYTES];

	if (!pin_path(path, "%s/programs", build))
		pin_remove_dir(path);
	if (!pin_path(path, "%s/maps", build))
		pin_remove_dir(path);
	rmdir(build);
}

/*
 * Objects of other builds: fences that use them hold them by their links, and those who run them by
 * their fds, so nothing that is in force goes.
 */
static void build_remove_others(void)
{
	_cleanup_closedir_ DIR *dir = opendir(BUILD_ROOT);
	const struct dirent *entry;
	char path[PIN_PATH_BYTES];

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, CGFENCE_BUILD_ID) &&
		    !pin_path(path, BUILD_ROOT "/%s", entry->d_name))
			build_remove(path);
}

static bool helper_exists(enum bpf_prog_type type, enum bpf_func_id helper)
{
	return libbpf_probe_bpf_helper(type, helper, NULL) == 1;
}

static int be_silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static int pin_object(const struct cgfence_bpf *object)
{
	struct bpf_program *program;
	char path[PIN_PATH_BYTES];
	struct bpf_map *map;
	int r = 0;

	bpf_object__for_each_program(program, object->obj)
	{
		if (!bpf_program__autoload(program))
			continue;
		r = pin_path(path, BUILD_PATH_NEW "/programs/%s", bpf_program__name(program));
		if (!r)
			r = bpf_obj_pin(bpf_program__fd(program), path);
		if (r)
			return r;
	}
	bpf_object__for_each_map(map, object->obj)
	{
		if (bpf_map__is_internal(map))
			continue;
		r = pin_path(path, BUILD_PATH_NEW "/maps/%s", bpf_map__name(map));
		if (!r)
			r = bpf_obj_pin(bpf_map__fd(map), path);
		if (r)
			return r;
	}
	return 0;
}

/* Pinned under another name first: what stands under the build's own is whole. */
static int build_pin(const struct cgfence_bpf *object)
{
	int r;

	build_remove(BUILD_PATH_NEW);
	if ((r = pin_mkdir(BUILD_ROOT)) || (r = pin_mkdir(BUILD_PATH_NEW)) ||
	    (r = pin_mkdir(BUILD_PATH_NEW "/programs")) ||
	    (r = pin_mkdir(BUILD_PATH_NEW "/maps")) || (r = pin_object(object)))
		return r;
	build_remove(BUILD_PATH);
	return rename(BUILD_PATH_NEW, BUILD_PATH) ? -errno : 0;
}

static void skeleton_destroy(struct cgfence_bpf **object)
{
	cgfence_bpf__destroy(*object);
}

/* Without `lsm` the object asks nothing of the kernel's BTF. */
static int object_load(struct cgfence_bpf **ret_object, bool lsm)
{
	_cleanup_(skeleton_destroy) struct cgfence_bpf *object = cgfence_bpf__open();
	int r;

	if (!object)
		return -errno;
	bpf_program__set_autoload(object->progs.socket_create, lsm);
	object->rodata->has_set_retval = helper_exists(BPF_PROG_TYPE_CGROUP_SOCK,
						       BPF_FUNC_set_retval);
	object->rodata->has_coarse_clock = helper_exists(BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
							 BPF_FUNC_ktime_get_coarse_ns);
	object->rodata->has_sockopt_task = helper_exists(BPF_PROG_TYPE_CGROUP_SOCKOPT,
							 BPF_FUNC_get_current_comm);
	r = cgfence_bpf__load(object);
	if (!r)
		*ret_object = TAKE_PTR(object);
	return r;
}

static int build_load(struct failure *failure)
{
	_cleanup_(skeleton_destroy) struct cgfence_bpf *object = NULL;
	int r = -ENOTSUP;

	libbpf_set_print(be_silent);
	/* LSM programs for cgroups came later than LSM programs, and with 6.0. */
	if (datapath_lsm_runs())
		r = object_load(&object, true);
	if (r)
		r = object_load(&object, false);
	if (r) {
		failure_set(failure, -r, "the kernel does not take the BPF programs");
		failure_hint(failure,
			     r == -EPERM ? HINT_LOCKED_MEMORY
					 : "Linux 5.10 or newer with CONFIG_CGROUP_BPF is needed");
		return r;
	}
	r = build_pin(object);
	if (r)
		return failure_set(failure, -r, "cannot pin the BPF programs below %s", BUILD_ROOT);
	build_remove_others();
	datapath_spare_forget();
	return 0;
}

static int open_pin(int *ret_fd, const char *kind, const char *name)
{
	char path[PIN_PATH_BYTES];
	int fd, r = pin_path(path, BUILD_PATH "/%s/%s", kind, name);

	if (r)
		return r;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

static int open_array(struct datapath *datapath, enum datapath_kind kind)
{
	char name[2 * CGF_COMM_BYTES];

	snprintf(name, sizeof(name), "%s_maps", datapath_kind_names[kind]);
	return open_pin(&datapath->arrays[kind], "maps", name);
}

static int build_open(struct datapath *datapath)
{
	int i, r;

	for (i = 0; i < PROGRAM_COUNT; i++) {
		r = open_pin(&datapath->programs[i], "programs", datapath_program_names[i]);
		if (r && (r != -ENOENT || i != PROGRAM_SOCKET_CREATE))
			return r;
	}
	for (i = 0; i < KIND_COUNT; i++) {
		r = open_pin(&datapath->shapes[i], "maps", datapath_kind_names[i]);
		if (!r)
			r = open_array(datapath, i);
		if (r)
			return r;
	}
	r = open_pin(&datapath->keepers, "maps", "keepers");
	return r ? r : open_pin(&datapath->targets, "maps", "targets");
}

static int require_bpffs(struct failure *failure)
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

	while (flock(datapath->lock_fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return failure_set(failure, errno, "cannot lock %s", DATAPATH_ROOT);
		if (can_stop && asked_to_stop())
			return failure_set(failure, EINTR, "another cgfence holds %s",
					   DATAPATH_ROOT);
		nanosleep(&pause, NULL);
	}
	return 0;
}

void datapath_unlock(struct datapath *datapath)
{
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

static struct datapath *datapath_new(void)
{
	struct datapath *datapath = malloc(sizeof(*datapath));

	/* Every member is a file descriptor. */
	return datapath ? memset(datapath, 0xff, sizeof(*datapath)) : NULL;
}

int datapath_open(struct datapath **ret_datapath, struct failure *failure)
{
	_cleanup_(datapath_close) struct datapath *datapath = datapath_new();
	int r;

	if (!datapath)
		return failure_set(failure, ENOMEM, "cannot open the datapath");
	r = require_bpffs(failure);
	if (r)
		return r;
	r = open_root(&datapath->lock_fd, failure);
	if (!r)
		r = datapath_lock(datapath, true, failure);
	if (r)
		return r;
	r = build_open(datapath);
	if (r == -ENOENT) {
		r = build_load(failure);
		if (r)
			return r;
		r = build_open(datapath);
	}
	if (r)
		return failure_set(failure, -r, "cannot open what is pinned in %s", BUILD_PATH);
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
	close_fd(&(*datapath)->lock_fd);
	free(TAKE_PTR(*datapath));
}
