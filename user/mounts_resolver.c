// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The Unix sockets by which libc has another process look names up: nscd, systemd-resolved and
 * avahi. That process is in no fence, so nobody would judge the question or learn from the answer.
 * Where nobody listens, libc asks by DNS itself, at once.
 *
 * Directories are covered rather than sockets: a socket that is made later is covered too, and
 * removing a socket, as a service does that starts anew, takes away what is mounted on it, also in
 * other mount namespaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "mounts_internal.h"
#include "util.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLVED "/run/systemd/resolve"

static const char *const directories[] = { "/run/nscd", "/var/run/nscd", "/run/avahi-daemon",
					   "/var/run/avahi-daemon" };

/* Monitor is for root only, and takes no questions; but tells of those of others. */
static const char *const resolved_sockets[] = { RESOLVED "/io.systemd.Resolve",
						RESOLVED "/io.systemd.Resolve.Monitor" };

static bool is_within(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return !strncmp(path, directory, length) && (!path[length] || path[length] == '/');
}

/* Cuts `path` down to the mount that it is on; to "/" if that has no name, as in a chroot. */
static int cut_to_mount(char *path)
{
	struct statx st;
	char *slash;

	while (true) {
		if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &st))
			return -errno;
		slash = strrchr(path, '/');
		if (!slash || !path[1] || st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
			return 0;
		slash[slash == path] = '\0';
	}
}

/*
 * Nothing that is mounted there may be seen outside: a mount that cannot be told apart from the
 * host's is an error when it is made a slave.
 */
static int add_cover(struct mounts *mounts, enum mounts_cover cover, const char *path)
{
	_cleanup_free_ char *point = strdup(path);
	int r = point ? cut_to_mount(point) : -ENOMEM;

	if (!r)
		r = mounts_add(mounts, cover, path);
	return r ? r : mounts_add(mounts, MOUNTS_SLAVE, point);
}

/* Whoever is in the directory would still be in what is below the cover. */
static int leave_directory(struct mounts *mounts, const char *path)
{
	_cleanup_free_ char *own = getcwd(NULL, 0);

	if (!own || mounts->directory || !is_within(own, path))
		return 0;
	mounts->directory = TAKE_PTR(own);
	return 0;
}

static int cover_directory(struct mounts *mounts, const char *path)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	struct stat st;
	int r;

	if (!real || stat(real, &st) || !S_ISDIR(st.st_mode) ||
	    mounts_is_listed(mounts, MOUNTS_EMPTY, real))
		return 0;
	r = add_cover(mounts, MOUNTS_EMPTY, real);
	return r ? r : leave_directory(mounts, real);
}

static int cover_socket(struct mounts *mounts, const char *path)
{
	struct stat st;

	if (lstat(path, &st) || !S_ISSOCK(st.st_mode))
		return 0;
	return add_cover(mounts, MOUNTS_NULL, path);
}

/* What /etc/resolv.conf leads to has to stay. */
static int cover_resolved(struct mounts *mounts)
{
	_cleanup_free_ char *conf = realpath(RESOLV_CONF, NULL);
	size_t i;
	int r = 0;

	if (!conf || !is_within(conf, RESOLVED))
		return cover_directory(mounts, RESOLVED);
	for (i = 0; !r && i < ARRAY_SIZE(resolved_sockets); i++)
		r = cover_socket(mounts, resolved_sockets[i]);
	return r;
}

int mounts_find_resolvers(struct mounts *mounts)
{
	int r = cover_resolved(mounts);
	size_t i;

	for (i = 0; !r && i < ARRAY_SIZE(directories); i++)
		r = cover_directory(mounts, directories[i]);
	return r;
}
