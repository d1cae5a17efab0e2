// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Out of the cgroup itself: what is sent then is sent from outside. */
#include "escape_move.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape_outside.h"

#define PATH_BYTES 512

/* The place of the next mount of that type, or of any (NULL). */
static bool next_mount(FILE *mounts, const char *type, char ret[PATH_BYTES])
{
	char line[4096], *dash, *path;

	while (fgets(line, sizeof(line), mounts)) {
		dash = strstr(line, " - ");
		path = line;
		for (int i = 0; i < 4 && path; i++)
			path = strchr(path + 1, ' ');
		if (!dash || !path || sscanf(path, " %511s", ret) != 1)
			continue;
		if (!type ||
		    (!strncmp(dash + 3, type, strlen(type)) && dash[3 + strlen(type)] == ' '))
			return true;
	}
	return false;
}

static int enter_at(int directory, const char *path)
{
	int fd = openat(directory, path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, "0", 1) == 1;

	if (fd >= 0)
		close(fd);
	return done ? 0 : -1;
}

/* To the root of each cgroup2 that is below the prefix; how many times it worked. */
static int enter_all(const char *prefix)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char mount[PATH_BYTES], path[2 * PATH_BYTES];
	int done = 0;

	while (mounts && next_mount(mounts, "cgroup2", mount)) {
		snprintf(path, sizeof(path), "%s%s/cgroup.procs", prefix, mount);
		done += !enter_at(AT_FDCWD, path);
	}
	if (mounts)
		fclose(mounts);
	return done;
}

int escape_move(void)
{
	return enter_all("") > 0 ? 0 : -1;
}

static int by_mount(struct attempt *attempt)
{
	return escape_move() ? fail("cgroup.procs") : escape_send(attempt);
}

/* The directory in which the command was started. */
static int by_cwd(struct attempt *attempt)
{
	return enter_at(AT_FDCWD, "cgroup.procs") ? fail("cgroup.procs") : escape_send(attempt);
}

static int by_stdin(struct attempt *attempt)
{
	return enter_at(STDIN_FILENO, "cgroup.procs") ? fail("cgroup.procs") : escape_send(attempt);
}

static int by_descriptor(struct attempt *attempt)
{
	return enter_at(ESCAPE_FD_DIRECTORY, "cgroup.procs") ? fail("cgroup.procs")
							     : escape_send(attempt);
}

/* A child that is born elsewhere, for which a cgroup file system may be read-only. */
static int by_clone(struct attempt *attempt)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	struct clone_args arguments = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	char mount[PATH_BYTES];
	long pid = -1;

	while (mounts && pid < 0 && next_mount(mounts, "cgroup2", mount)) {
		arguments.cgroup = (uint64_t)open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
	}
	if (pid < 0)
		return fail("clone3");
	if (pid == 0)
		return escape_send(attempt);
	return waitpid((pid_t)pid, NULL, 0) < 0 ? fail("waitpid") : 0;
}

/*
 * In a mount namespace of its own: of what is mounted over the first cgroup2 nothing is left. The
 * laboratory has nothing of the machine's below its own.
 */
static int uncover(void)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char first[PATH_BYTES], place[PATH_BYTES];
	int over = 0;

	if (!mounts || !next_mount(mounts, "cgroup2", first))
		return -1;
	while (next_mount(mounts, NULL, place))
		over += !strcmp(first, place);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	for (; over > 0; over--)
		if (umount2(first, MNT_DETACH))
			return -1;
	return 0;
}

static int by_umount(struct attempt *attempt)
{
	if (uncover())
		return fail("umount");
	return escape_move() ? fail("cgroup.procs") : escape_send(attempt);
}

/* The cgroup namespace of a process outside, in which a fresh mount shows what it sees. */
static int by_namespace(struct attempt *attempt)
{
	char path[64], place[PATH_BYTES];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/cgroup", escape_outside_pid(attempt->directory));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWCGROUP))
		return fail("setns");
	snprintf(place, sizeof(place), "%s/mount", attempt->directory);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return fail("unshare");
	if ((mkdir(place, 0700) && errno != EEXIST) || mount("none", place, "cgroup2", 0, NULL))
		return fail("mount");
	snprintf(place, sizeof(place), "%s/mount/cgroup.procs", attempt->directory);
	return enter_at(AT_FDCWD, place) ? fail("cgroup.procs") : escape_send(attempt);
}

static int by_mount_namespace(struct attempt *attempt)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", escape_outside_pid(attempt->directory));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNS))
		return fail("setns");
	return escape_move() ? fail("cgroup.procs") : escape_send(attempt);
}

/* Through the root directory of a process outside. */
static int by_root(struct attempt *attempt)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/root", escape_outside_pid(attempt->directory));
	return enter_all(path) > 0 ? escape_send(attempt) : fail("cgroup.procs");
}

/* Programs that become more than their caller: "escape-suid leave …" and so on. */
static int by_program(struct attempt *attempt, const char *name, const char *what)
{
	char path[PATH_BYTES], port[8];

	snprintf(path, sizeof(path), "%s/%s", attempt->directory, name);
	snprintf(port, sizeof(port), "%d", ntohs(attempt->to.ipv4.sin_port));
	execl(path, path, what, attempt->payload, port, NULL);
	return fail("execl");
}

static int by_setuid(struct attempt *attempt)
{
	return by_program(attempt, "escape-setuid", "leave");
}

static int by_file_capability(struct attempt *attempt)
{
	return by_program(attempt, "escape-filecap", "packet");
}

#define ROOT (ESCAPE_ONCE | ESCAPE_ROOT)
#define NAMESPACE "namespaces"

const struct escape escape_move_attempts[] = {
	{ "move", "moving out: `cgroup.procs` of every cgroup2 that is mounted", by_mount, ROOT,
	  NAMESPACE },
	{ "move-cwd", "the same from the working directory", by_cwd, ROOT, NAMESPACE },
	{ "move-stdin", "the same from standard input, a directory", by_stdin,
	  ROOT | ESCAPE_DIRECTORY, "refused at the start" },
	{ "move-fd", "the same from an inherited directory", by_descriptor, ROOT,
	  "closed descriptors" },
	{ "move-clone", "a child born outside (`CLONE_INTO_CGROUP`)", by_clone, ROOT, NAMESPACE },
	{ "move-umount", "moving out below what `run` has mounted", by_umount,
	  ROOT | ESCAPE_OPEN_FULL, "capabilities", "`CAP_SYS_ADMIN`" },
	{ "move-setns", "`setns` to the cgroup namespace outside, and moving out", by_namespace,
	  ROOT | ESCAPE_OPEN_FULL, "capabilities", "`CAP_SYS_ADMIN`" },
	{ "move-setmnt", "`setns` to the mount namespace outside, and moving out",
	  by_mount_namespace, ROOT | ESCAPE_OPEN_FULL, "capabilities", "`CAP_SYS_ADMIN`" },
	{ "move-root", "moving out through `/proc/PID/root` of a process outside", by_root,
	  ROOT | ESCAPE_OPEN_FULL, "capabilities, Landlock", "`CAP_SYS_PTRACE`" },
	{ "setuid", "a set-user-ID program that moves out", by_setuid, ESCAPE_ONCE,
	  "no_new_privs" },
	{ "filecap", "a program with a file capability (`CAP_NET_RAW`)", by_file_capability,
	  ESCAPE_ONCE | ESCAPE_FAMILY | ESCAPE_OPEN_DOCKER | ESCAPE_OPEN_FULL, "no_new_privs",
	  "`CAP_NET_RAW`" },
	{ 0 },
};
