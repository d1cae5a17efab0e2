// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* What the child tells its parent through a pipe when it cannot become the command. */
enum stage {
	STAGE_CGROUP,
	STAGE_CONFINEMENT,
	STAGE_IDENTITY,
	STAGE_FENCE,
	STAGE_EXECUTE
};

struct report {
	enum stage stage;
	int error;
	struct confine_report confinement;
};

/* glibc has no wrapper. Without CLONE_VM the child has a copy of everything, as after fork(). */
static pid_t clone_into_cgroup(int cgroup_fd)
{
	struct clone_args arguments = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup_fd,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));

	return pid < 0 ? -errno : pid;
}

/*
 * Where a seccomp filter answers clone3 with ENOSYS, as some container engines and valgrind do: the
 * child moves itself, and is still this program until it has.
 */
static int enter_cgroup(int cgroup_fd)
{
	_cleanup_close_ int fd = openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, "0", 1) == 1 ? 0 : -errno;
}

/*
 * By system calls: glibc's functions would have all threads of the process change, and in a child
 * that glibc knows nothing of its list has threads that are not there.
 */
static int become(const struct account *account)
{
	uid_t real, effective, saved;

	if (!account->change)
		return 0;
	if (syscall(SYS_setgroups, (size_t)account->group_count, account->groups) ||
	    syscall(SYS_setresgid, account->gid, account->gid, account->gid) ||
	    syscall(SYS_setresuid, account->uid, account->uid, account->uid))
		return -errno;
	/* A kernel that says yes and does no would leave the command root. */
	if (getresuid(&real, &effective, &saved) || real != account->uid ||
	    effective != account->uid || saved != account->uid)
		return -EPERM;
	return 0;
}

/*
 * Where the programs hold this process they refuse this address and port with EPERM, whatever the
 * policy and the mode, and record nothing. Otherwise the kernel has no such answer: a broadcast
 * takes an option first, EACCES. 0, or the error that came instead; ESTALE for none at all.
 */
static int check_fence(void)
{
	const struct sockaddr_in nowhere = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_BROADCAST),
	};
	int fd = (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -errno;
	error = syscall(SYS_connect, fd, &nowhere, sizeof(nowhere)) ? errno : ESTALE;
	close(fd);
	return error == EPERM ? 0 : -error;
}

/* What is ignored stays so across execve: as it was for whoever called cgfence. */
static void reset_signals(const struct launch *launch)
{
	signal(SIGPIPE, launch->sigpipe);
	signal(SIGCHLD, launch->sigchld);
	sigprocmask(SIG_SETMASK, launch->mask, NULL);
}

/* Returns only if it cannot become the command. */
static void become_command(const struct launch *launch, char *const *environment, bool inside,
			   int *report_fd, struct report *report)
{
	report->stage = STAGE_CGROUP;
	report->error = inside ? 0 : -enter_cgroup(launch->cgroup_fd);
	if (report->error)
		return;
	report->stage = STAGE_CONFINEMENT;
	if (confine_surroundings(launch->confinement, report_fd, &report->confinement))
		return;
	report->stage = STAGE_IDENTITY;
	report->error = -become(launch->account);
	if (report->error)
		return;
	report->stage = STAGE_CONFINEMENT;
	if (confine_self(launch->confinement, &report->confinement))
		return;
	report->stage = STAGE_FENCE;
	report->error = -check_fence();
	if (report->error)
		return;
	reset_signals(launch);
	report->stage = STAGE_EXECUTE;
	execvpe(launch->argv[0], launch->argv, environment);
	report->error = errno;
}

static void __attribute__((noreturn))
run_child(const struct launch *launch, char *const *environment, bool inside, int report_fd)
{
	struct report report = {};
	ssize_t written;

	become_command(launch, environment, inside, &report_fd, &report);
	written = write(report_fd, &report, sizeof(report));
	_exit(written == sizeof(report) ? 127 : 126);
}

static int explain_execute(int error, const char *command, struct failure *failure)
{
	if (error != ENOENT || strchr(command, '/'))
		return failure_set(failure, error, "%s", command);
	failure_set(failure, 0, "%s: command not found", command);
	return -ENOENT;
}

static int explain(const struct report *report, const struct launch *launch,
		   struct failure *failure)
{
	switch (report->stage) {
	case STAGE_CGROUP:
		failure_set(failure, report->error, "the command cannot enter its cgroup");
		return -ECANCELED;
	case STAGE_CONFINEMENT:
		return confine_failure(launch->confinement, &report->confinement, failure);
	case STAGE_IDENTITY:
		failure_set(failure, report->error, "cannot become user %u", launch->account->uid);
		return -ECANCELED;
	case STAGE_FENCE:
		failure_set(failure, 0,
			    "the fence does not hold the command: what it refuses was answered "
			    "with error %d",
			    report->error);
		failure_hint(failure, "is there a BPF program that undoes it? See: bpftool cgroup "
				      "tree");
		return -ECANCELED;
	case STAGE_EXECUTE:
		return explain_execute(report->error, launch->argv[0], failure);
	}
	return -ECANCELED;
}

/* The pipe closes without a word when execve succeeds. */
static int read_report(int fd, const struct launch *launch, struct failure *failure)
{
	struct report report;
	ssize_t length;

	do
		length = read(fd, &report, sizeof(report));
	while (length < 0 && errno == EINTR);
	if (length == 0)
		return 0;
	if (length != sizeof(report))
		return failure_set(failure, ECANCELED, "cannot tell whether the command started");
	return explain(&report, launch, failure);
}

int launch_start(const struct launch *launch, pid_t *ret_pid, struct failure *failure)
{
	_cleanup_(account_free_environment) char **environment = account_environment(
		launch->account);
	_cleanup_close_ int read_fd = -1, write_fd = -1;
	int r, ends[2];
	bool inside;
	pid_t pid;

	if (!environment || pipe2(ends, O_CLOEXEC)) {
		failure_set(failure, environment ? errno : ENOMEM, "cannot start the command");
		return -ECANCELED;
	}
	read_fd = ends[0];
	write_fd = ends[1];
	pid = clone_into_cgroup(launch->cgroup_fd);
	inside = pid != -ENOSYS;
	if (!inside)
		pid = fork();
	if (pid == 0)
		run_child(launch, environment, inside, write_fd);
	if (pid < 0) {
		failure_set(failure, inside ? -pid : errno,
			    "cannot start the command in its cgroup");
		return -ECANCELED;
	}
	close_fd(&write_fd);
	r = read_report(read_fd, launch, failure);
	if (r) {
		waitpid(pid, NULL, 0);
		return r;
	}
	*ret_pid = pid;
	return 0;
}

int launch_reap(pid_t pid, int *ret_status)
{
	siginfo_t info = {};

	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG))
		return -errno;
	if (!info.si_pid)
		return -EAGAIN;
	*ret_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	return 0;
}
