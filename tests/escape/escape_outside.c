// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "escape_outside.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape_uring.h"

#define TURN_MS 5

struct order escape_outside_order;

pid_t escape_outside_pid(const char *directory)
{
	char path[256];
	int pid = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/outside.pid", directory);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%d", &pid) != 1)
		pid = -1;
	return pid;
}

int escape_outside_done(const struct attempt *attempt)
{
	poll(NULL, 0, attempt->timeout_ms / 3);
	puts("OK");
	return 0;
}

static struct msghdr message_with_fds(struct iovec *data, char *control, size_t size)
{
	struct msghdr ret = {
		.msg_iov = data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = size
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&ret);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(2 * sizeof(int));
	return ret;
}

int escape_outside_receive(int fd, int ret_fds[2])
{
	char control[CMSG_SPACE(2 * sizeof(int))] __attribute__((aligned(8))) = { 0 }, byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = message_with_fds(&data, control, sizeof(control));

	if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) < 0)
		return -1;
	memcpy(ret_fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), 2 * sizeof(int));
	return 0;
}

static void hand_over(int listener)
{
	char control[CMSG_SPACE(2 * sizeof(int))] __attribute__((aligned(8))) = { 0 }, byte = 0;
	int fds[2] = { ESCAPE_FD_UDP4, ESCAPE_FD_UDP6 };
	struct iovec data = { &byte, 1 };
	struct msghdr message = message_with_fds(&data, control, sizeof(control));
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, sizeof(fds));
	sendmsg(fd, &message, MSG_NOSIGNAL);
	close(fd);
}

static void carry_out(struct order *order)
{
	int fd = order->to.any.sa_family == AF_INET ? ESCAPE_FD_UDP4 : ESCAPE_FD_UDP6;

	sendto(fd, order->payload, strlen(order->payload), 0, &order->to.any,
	       length_of(&order->to));
	order->given = false;
}

static int listen_at(const char *directory)
{
	struct sockaddr_un own = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(own.sun_path, sizeof(own.sun_path), "%s/outside", directory);
	unlink(own.sun_path);
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) || chmod(own.sun_path, 0666) ||
	    listen(fd, 8))
		return -1;
	return fd;
}

/* A process as any: it may be debugged by who has the same user, also where Yama forbids that. */
static void __attribute__((noreturn)) be_outside(const char *directory, uid_t uid, gid_t gid)
{
	struct pollfd asked = { .fd = listen_at(directory), .events = POLLIN };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (asked.fd < 0 ||
	    (uid && (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))))
		_exit(1);
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (true) {
		if (poll(&asked, 1, TURN_MS) == 1)
			hand_over(asked.fd);
		if (*(volatile long *)&escape_outside_order.given)
			carry_out(&escape_outside_order);
	}
}

/* What the command finds open. */
static int leave_open(const char *directory, const char *cgroup)
{
	int fds[] = { open(cgroup, O_RDONLY | O_DIRECTORY), escape_uring_leave(directory),
		      socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET6, SOCK_DGRAM, 0) };

	for (int i = 3; i >= 0; i--)
		if (fds[i] < 0 || dup3(fds[i], 20 + i, 0) < 0)
			return -1;
	for (int i = 0; i < 4; i++)
		if (dup2(20 + i, ESCAPE_FD_DIRECTORY + i) < 0 || close(20 + i))
			return -1;
	return 0;
}

static int set_standard_input(const char *kind)
{
	if (!strcmp(kind, "stdin"))
		return dup2(ESCAPE_FD_UDP6, STDIN_FILENO);
	if (!strcmp(kind, "directory"))
		return dup2(ESCAPE_FD_DIRECTORY, STDIN_FILENO);
	return 0;
}

static int write_pid(const char *directory, pid_t pid)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/outside.pid", directory);
	file = fopen(path, "we");
	return file && fprintf(file, "%d\n", pid) > 0 && !fclose(file) ? 0 : -1;
}

int escape_outside(int argc, char **argv)
{
	int status = 1;
	pid_t helper, command;

	if (argc < 6 || leave_open(argv[0], argv[3])) {
		perror("escape outside");
		return 1;
	}
	helper = fork();
	if (helper == 0)
		be_outside(argv[0], (uid_t)atoi(argv[1]), (gid_t)atoi(argv[2]));
	if (write_pid(argv[0], helper))
		return 1;
	command = fork();
	if (command == 0) {
		if (chdir(argv[3]) || set_standard_input(argv[4]))
			_exit(126);
		execvp(argv[5], argv + 5);
		_exit(127);
	}
	waitpid(command, &status, 0);
	kill(helper, SIGKILL);
	waitpid(helper, NULL, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
