// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The resolv.conf that a process sees, which it may have put there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "mountinfo.h"
#include "places_internal.h"
#include "util.h"

/* By what is known: whoever serves the file system of a root need not answer. */
static int inode_of(pid_t tid, const char *name, struct inode *ret_inode)
{
	char path[64];
	struct statx st;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO, &st))
		return errno == ESRCH ? -ENOENT : -errno;
	*ret_inode = (struct inode){ makedev(st.stx_dev_major, st.stx_dev_minor), st.stx_ino };
	return 0;
}

/* --- who may not answer ---------------------------------------------------------------------- */

/* File systems that a process, or another host, serves: to look into them can take for ever. */
static bool is_served(const char *type)
{
	static const char *const types[] = { "9p",  "afs",  "autofs", "ceph",	  "cifs",
					     "nfs", "nfs4", "smb3",   "virtiofs", "fuse" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(type, types[i]))
			return true;
	return !strncmp(type, "fuse", strlen("fuse"));
}

static bool is_on_the_way(const char *point)
{
	size_t length = strlen(point);

	if (length == 1)
		length = 0;
	return !strncmp(RESOLVCONF_PATH, point, length) &&
	       (!RESOLVCONF_PATH[length] || RESOLVCONF_PATH[length] == '/');
}

/*
 * Whether links may be followed to resolv.conf, which could lead to such a one, as a flag; -EREMOTE
 * if it is itself in one.
 */
static int resolve_flags(pid_t tid)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	struct mountinfo mount;
	char path[64];
	size_t size = 0;
	int flags = 0;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", tid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (getline(&line, &size, file) > 0) {
		if (mountinfo_parse(line, &mount) || !is_served(mount.type))
			continue;
		if (is_on_the_way(mount.point))
			return -EREMOTE;
		flags = RESOLVE_NO_SYMLINKS;
	}
	return flags;
}

/* --- the file -------------------------------------------------------------------------------- */

int viewpoint_of(pid_t tid, struct viewpoint *ret_viewpoint)
{
	struct viewpoint viewpoint = {};
	int r = inode_of(tid, "ns/net", &viewpoint.netns);

	if (!r)
		r = inode_of(tid, "ns/mnt", &viewpoint.mounts);
	if (!r)
		r = inode_of(tid, "root", &viewpoint.root);
	if (!r)
		*ret_viewpoint = viewpoint;
	return r;
}

/* Links lead to what is below its root, as they do for the process. Not opened yet: O_PATH. */
static int find_file(pid_t tid)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd, flags = resolve_flags(tid);
	_cleanup_close_ int root = -1;
	char path[64];

	if (flags < 0)
		return flags;
	how.resolve |= (uint64_t)flags;
	snprintf(path, sizeof(path), "/proc/%d/root", tid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, root, RESOLVCONF_PATH, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

/* A device or a FIFO is not even opened, because that alone may do something, or wait. */
static int read_file(int path_fd, struct inode *ret_inode, struct resolvconf *ret_conf)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	struct stat st;

	if (fstat(path_fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	*ret_inode = (struct inode){ st.st_dev, st.st_ino };
	return resolvconf_read_fd(fd, ret_conf);
}

static int copy_domains(struct seen *seen, const struct resolvconf *conf)
{
	seen->domains = calloc(conf->domain_count + 1, sizeof(*seen->domains));
	if (!seen->domains)
		return -ENOMEM;
	for (; seen->domain_count < conf->domain_count; seen->domain_count++) {
		seen->domains[seen->domain_count] = strdup(conf->domains[seen->domain_count]);
		if (!seen->domains[seen->domain_count])
			return -ENOMEM;
	}
	return 0;
}

/* As small as it is: there are many. */
static int copy_conf(struct seen *seen, const struct resolvconf *conf)
{
	seen->servers = calloc(conf->server_count + 1, sizeof(*seen->servers));
	if (!seen->servers)
		return -ENOMEM;
	memcpy(seen->servers, conf->servers, conf->server_count * sizeof(*seen->servers));
	seen->server_count = conf->server_count;
	return copy_domains(seen, conf);
}

int seen_read(const struct places *places, pid_t tid, struct seen *ret_seen)
{
	_cleanup_(seen_finish) struct seen seen = {};
	_cleanup_close_ int fd = find_file(tid);
	struct resolvconf conf;
	int r = fd < 0 ? fd : read_file(fd, &seen.file, &conf);

	/* To libc it is as an empty one. */
	if (r)
		resolvconf_parse("", 0, &conf);
	if (!conf.server_count)
		address_parse(RESOLVCONF_DEFAULT_SERVER, &conf.servers[conf.server_count++]);
	seen.host = !r && seen.file.number == places->conf_file.number &&
		    seen.file.device == places->conf_file.device;
	r = copy_conf(&seen, &conf);
	if (!r)
		*ret_seen = TAKE(seen, (struct seen){});
	return r;
}

void seen_finish(struct seen *seen)
{
	size_t i;

	for (i = 0; i < seen->domain_count; i++)
		free(seen->domains[i]);
	free(seen->domains);
	free(seen->servers);
	*seen = (struct seen){};
}
