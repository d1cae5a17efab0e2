// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inherited.h"

#include <errno.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "escape.h"

#define ANONYMOUS "anon_inode:"
/* Of the misc devices: see Documentation/admin-guide/devices.txt. */
#define MINOR_TUN 200
#define MINOR_VHOST_NET 238
#define MINOR_VHOST_VSOCK 241

static const char *const names[] = { "standard input", "standard output", "standard error" };

static const char *socket_kind(int domain, int type)
{
	bool inet = domain == AF_INET || domain == AF_INET6;

	if (inet && type == SOCK_STREAM)
		return "TCP socket";
	if (inet && type == SOCK_DGRAM)
		return "UDP socket";
	return inet ? "raw socket" : "network socket";
}

static const char *check_socket(int fd)
{
	int domain = -1, type = 0;
	socklen_t length = sizeof(int);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
	length = sizeof(int);
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
	return domain == AF_UNIX ? NULL : socket_kind(domain, type);
}

static const char *check_device(dev_t device)
{
	if (major(device) != MISC_MAJOR)
		return NULL;
	switch (minor(device)) {
	case MINOR_TUN:
		return "network device";
	case MINOR_VHOST_NET:
	case MINOR_VHOST_VSOCK:
		return "network device of virtual machines";
	}
	return NULL;
}

/* From such a directory the mounts outside are reached; such a file can be opened for writing. */
static const char *check_file(int fd, mode_t mode)
{
	struct statfs fs;

	if (S_ISDIR(mode))
		return "directory";
	if (fstatfs(fd, &fs))
		return NULL;
	if (fs.f_type == CGROUP2_SUPER_MAGIC || fs.f_type == CGROUP_SUPER_MAGIC)
		return "file of a cgroup";
	return fs.f_type == BPF_FS_MAGIC ? "file of a BPF file system" : NULL;
}

/* io_uring rings, BPF maps and links, virtual machines: all that has no file. */
static bool is_anonymous(int fd, char *name, size_t size)
{
	char path[64], target[256];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	if (strncmp(target, ANONYMOUS, sizeof(ANONYMOUS) - 1) != 0)
		return false;
	escape_text(target + sizeof(ANONYMOUS) - 1, name, size);
	return true;
}

int inherited_check(int fd, struct failure *failure)
{
	const char *what = NULL;
	char anonymous[64];
	struct stat st;

	if (fstat(fd, &st))
		return 0;
	if (S_ISSOCK(st.st_mode))
		what = check_socket(fd);
	else if (S_ISCHR(st.st_mode))
		what = check_device(st.st_rdev);
	else if (is_anonymous(fd, anonymous, sizeof(anonymous)))
		what = anonymous;
	else
		what = check_file(fd, st.st_mode);
	if (!what)
		return 0;
	failure_set(failure, 0, "%s is a %s, made outside of the fence", names[fd], what);
	return -EPERM;
}
