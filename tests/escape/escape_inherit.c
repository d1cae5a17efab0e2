// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sockets made outside, and processes outside that have some. `escape outside` (escape_outside.c)
 * is that process: of the same user, with the same variables at the same addresses.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape_outside.h"

static int udp_fd(const struct attempt *attempt)
{
	return escape_is_ipv4(attempt) ? ESCAPE_FD_UDP4 : ESCAPE_FD_UDP6;
}

static int inherited(struct attempt *attempt)
{
	return escape_send_on(attempt, udp_fd(attempt), &attempt->to);
}

static int standard_input(struct attempt *attempt)
{
	map_address(&attempt->to);
	return escape_send_on(attempt, 0, &attempt->to);
}

/* The outside hands one over: to whoever asks. */
static int passed(struct attempt *attempt)
{
	struct sockaddr_un there = { .sun_family = AF_UNIX };
	int fd = open_socket(attempt, AF_UNIX, SOCK_STREAM, 0);
	int fds[2] = { -1, -1 };

	snprintf(there.sun_path, sizeof(there.sun_path), "%s/outside", attempt->directory);
	if (fd < 0 || connect(fd, (struct sockaddr *)&there, sizeof(there)))
		return fail("connect");
	if (escape_outside_receive(fd, fds))
		return fail("recvmsg");
	return escape_send_on(attempt, fds[escape_is_ipv4(attempt) ? 0 : 1], &attempt->to);
}

static int stolen(struct attempt *attempt)
{
	pid_t pid = escape_outside_pid(attempt->directory);
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	int fd = (int)syscall(SYS_pidfd_getfd, process, udp_fd(attempt), 0);

	if (fd < 0)
		return fail("pidfd_getfd");
	return escape_send_on(attempt, fd, &attempt->to);
}

static struct order order_of(const struct attempt *attempt)
{
	struct order ret = { .to = attempt->to, .given = true };

	snprintf(ret.payload, sizeof(ret.payload), "%s", attempt->payload);
	return ret;
}

/* Another process is made to send, by a change of its memory. */
static int written_by_call(struct attempt *attempt)
{
	struct order order = order_of(attempt);
	struct iovec here = { &order, sizeof(order) };
	struct iovec there = { (void *)&escape_outside_order, sizeof(order) };

	if (process_vm_writev(escape_outside_pid(attempt->directory), &here, 1, &there, 1, 0) < 0)
		return fail("process_vm_writev");
	return escape_outside_done(attempt);
}

static int written_by_file(struct attempt *attempt)
{
	struct order order = order_of(attempt);
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", escape_outside_pid(attempt->directory));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return fail("open");
	if (pwrite(fd, &order, sizeof(order), (off_t)(uintptr_t)&escape_outside_order) < 0)
		return fail("pwrite");
	return escape_outside_done(attempt);
}

static int written_by_debugger(struct attempt *attempt)
{
	struct order order = order_of(attempt);
	pid_t pid = escape_outside_pid(attempt->directory);
	long words[sizeof(order) / sizeof(long)];

	memcpy(words, &order, sizeof(words));
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL))
		return fail("PTRACE_ATTACH");
	waitpid(pid, NULL, __WALL);
	for (size_t i = 0; i < sizeof(words) / sizeof(long); i++)
		ptrace(PTRACE_POKEDATA, pid, (char *)&escape_outside_order + i * sizeof(long),
		       words[i]);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return escape_outside_done(attempt);
}

/* A resolver outside is asked, once what may cover its socket is taken away. */
static int ask_outside(const struct attempt *attempt, const char *cover, const char *path)
{
	struct sockaddr_un there = { .sun_family = AF_UNIX };
	int fd = open_socket(attempt, AF_UNIX, SOCK_STREAM, 0);

	umount2(cover, MNT_DETACH);
	snprintf(there.sun_path, sizeof(there.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&there, sizeof(there)))
		return fail("connect");
	if (send(fd, attempt->payload, strlen(attempt->payload), MSG_NOSIGNAL) < 0)
		return fail("send");
	return succeed(attempt, fd);
}

static int ask_nscd(struct attempt *attempt)
{
	return ask_outside(attempt, "/run/nscd", "/run/nscd/socket");
}

#define RESOLVED_SOCKET "/run/systemd/resolve/io.systemd.Resolve"

static int ask_resolved(struct attempt *attempt)
{
	return ask_outside(attempt, RESOLVED_SOCKET, RESOLVED_SOCKET);
}

#define MEMORY (ESCAPE_BARE_USER | ESCAPE_OPEN_FULL)

const struct escape escape_inherit[] = {
	{ "inherited", "a UDP socket inherited above descriptor 2", inherited, ESCAPE_BOTH,
	  "closed descriptors" },
	{ "stdin", "a UDP socket as standard input", standard_input,
	  ESCAPE_BOTH | ESCAPE_STDIN | ESCAPE_OPEN_USER, "refused at the start",
	  "`--allow-inherited`" },
	{ "passed", "a UDP socket passed by a process outside", passed,
	  ESCAPE_BOTH | ESCAPE_OPEN_EVERYWHERE, NULL, "a process outside acts" },
	{ "pidfd-getfd", "the same, stolen (`pidfd_getfd`)", stolen, ESCAPE_BOTH | MEMORY,
	  "Landlock, seccomp", "`CAP_SYS_PTRACE`" },
	{ "vm-writev", "a process outside made to send (`process_vm_writev`)", written_by_call,
	  ESCAPE_BOTH | MEMORY, "Landlock, seccomp", "`CAP_SYS_PTRACE`" },
	{ "proc-mem", "the same by `/proc/PID/mem`", written_by_file,
	  ESCAPE_BOTH | MEMORY | ESCAPE_BARE_CONFINED, "Landlock", "`CAP_SYS_PTRACE`" },
	{ "ptrace", "the same by `ptrace`", written_by_debugger, ESCAPE_BOTH | MEMORY,
	  "Landlock, seccomp", "`CAP_SYS_PTRACE`" },
	{ "nscd", "a name, asked of nscd by its socket", ask_nscd, ESCAPE_ONCE | ESCAPE_OPEN_FULL,
	  "covered sockets", "`CAP_SYS_ADMIN`" },
	{ "resolved", "the same of systemd-resolved", ask_resolved, ESCAPE_ONCE | ESCAPE_OPEN_FULL,
	  "covered sockets", "`CAP_SYS_ADMIN`" },
	{ 0 },
};
