// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The socket in the file system: one server at a time, and nobody before it is as it should be. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "file.h"
#include "server_internal.h"
#include "util.h"

#define BACKLOG 64

static int make_directory(const char *path, struct failure *failure)
{
	_cleanup_free_ char *directory = strdup(path);
	char *slash = directory ? strrchr(directory, '/') : NULL;

	if (!directory)
		return failure_set(failure, ENOMEM, "no memory");
	if (!slash || slash == directory)
		return 0;
	*slash = '\0';
	if (!mkdir(directory, 0755))
		return chmod(directory, 0755)
			       ? failure_set(failure, errno, "cannot open '%s'", directory)
			       : 0;
	if (errno != EEXIST)
		return failure_set(failure, errno, "cannot make the directory '%s'", directory);
	return 0;
}

/* Held until the process ends; the file stays, as whoever waits for the lock has it open. */
static int take_lock(struct server_socket *socket, struct failure *failure)
{
	_cleanup_free_ char *path = NULL;
	pid_t holder;
	int r;

	if (asprintf(&path, "%s.lock", socket->path) < 0)
		return failure_set(failure, ENOMEM, "no memory");
	socket->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (socket->lock < 0)
		return failure_set(failure, errno, "cannot open '%s'", path);
	r = file_lock(socket->lock);
	if (!r)
		return 0;
	if (r != -EWOULDBLOCK)
		return failure_set(failure, -r, "cannot lock '%s'", path);
	failure_set(failure, 0, "another daemon serves '%s'", socket->path);
	holder = file_lock_holder(socket->lock);
	if (holder)
		failure_hint(failure, "process %d holds the lock '%s'", (int)holder, path);
	else
		failure_hint(failure, "it holds the lock '%s'", path);
	return -EADDRINUSE;
}

/* Somebody who knows nothing of the lock may serve there, too. */
static bool is_served(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) ||
			   errno == EAGAIN);
}

static int remove_stale(const struct sockaddr_un *address, struct failure *failure)
{
	struct stat stat;

	if (lstat(address->sun_path, &stat))
		return errno == ENOENT ? 0
				       : failure_set(failure, errno, "cannot look at '%s'",
						     address->sun_path);
	if (!S_ISSOCK(stat.st_mode))
		return failure_set(failure, EEXIST, "'%s' is no socket", address->sun_path);
	if (is_served(address)) {
		failure_set(failure, 0, "somebody else serves '%s'", address->sun_path);
		return -EADDRINUSE;
	}
	if (unlink(address->sun_path) && errno != ENOENT)
		return failure_set(failure, errno, "cannot remove '%s'", address->sun_path);
	return 0;
}

/* Nobody but root may connect until it is open to the group. */
static int bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t before = umask(0177);
	int error = bind(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;

	umask(before);
	return -error;
}

static int open_to_group(const char *path, const char *name)
{
	const struct group *group = name ? getgrnam(name) : NULL;

	if (!group)
		return 0;
	return lchown(path, (uid_t)-1, group->gr_gid) || chmod(path, 0660) ? -errno : 0;
}

static int listen_there(struct server_socket *socket_, const struct sockaddr_un *address,
			const char *group, struct failure *failure)
{
	struct stat stat;
	int error;

	socket_->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (socket_->fd < 0)
		return failure_set(failure, errno, "cannot make a socket");
	error = bind_private(socket_->fd, address);
	if (error)
		return failure_set(failure, -error, "cannot make the socket '%s'", socket_->path);
	if (lstat(socket_->path, &stat))
		return failure_set(failure, errno, "cannot look at '%s'", socket_->path);
	socket_->device = stat.st_dev;
	socket_->inode = stat.st_ino;
	error = open_to_group(socket_->path, group);
	if (error)
		return failure_set(failure, -error, "cannot give '%s' to the group %s",
				   socket_->path, group);
	if (listen(socket_->fd, BACKLOG))
		return failure_set(failure, errno, "cannot listen on '%s'", socket_->path);
	return 0;
}

int server_socket_open(struct server_socket *ret_socket, const char *path, const char *group,
		       struct failure *failure)
{
	_cleanup_(server_socket_close) struct server_socket socket = SERVER_NO_SOCKET;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int error;

	if (strlen(path) >= sizeof(address.sun_path))
		return failure_set(failure, ENAMETOOLONG, "cannot make the socket '%s'", path);
	strcpy(address.sun_path, path);
	socket.path = strdup(path);
	if (!socket.path)
		return failure_set(failure, ENOMEM, "no memory");
	error = make_directory(path, failure);
	if (!error)
		error = take_lock(&socket, failure);
	if (!error)
		error = remove_stale(&address, failure);
	if (!error)
		error = listen_there(&socket, &address, group, failure);
	if (error)
		return error;
	*ret_socket = socket;
	socket = (struct server_socket)SERVER_NO_SOCKET;
	return 0;
}

/* What is there by now may be another's. */
void server_socket_close(struct server_socket *socket)
{
	struct stat stat;

	if (socket->inode && !lstat(socket->path, &stat) && stat.st_dev == socket->device &&
	    stat.st_ino == socket->inode)
		unlink(socket->path);
	close_fd(&socket->fd);
	close_fd(&socket->lock);
	free(socket->path);
	*socket = (struct server_socket)SERVER_NO_SOCKET;
}
