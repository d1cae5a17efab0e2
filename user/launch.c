// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* What the child tells its parent through a pipe when it cannot become the command. */
enum stage {
	STAGE_IDENTITY,
	STAGE_EXECUTE
};

struct report {
	enum stage stage;
	int error;
};

/* glibc has no wrapper. Without CLONE_VM the child has its own copy of everything, as after fork.
 */
static pid_t clone_into_cgroup(int cgroup_fd, int *ret_pidfd)
{
	int pidfd = -1;
	struct clone_args arguments = {
		.flags = CLONE_INTO_CGROUP | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup_fd,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));

	if (pid > 0)
		*ret_pidfd = pidfd;
	return pid < 0 ? -errno : pid;
}

static int become(const struct account *account)
{
	uid_t real, effective, saved;

	if (!account->change)
		return 0;
	if (setgroups((size_t)account->group_count, account->groups) ||
	    setresgid(account->gid, account->gid, account->gid) ||
	    setresuid(account->uid, account->uid, account->uid))
		return -errno;
	/* A kernel that says yes and does no would leave the command root. */
	if (getresuid(&real, &effective, &saved) || real != account->uid ||
	    effective != account->uid || saved != account->uid)
		return -EPERM;
	return 0;
}

/* cgfence ignores SIGPIPE; an ignored signal stays ignored across execve. */
static void reset_signals(const sigset_t *mask)
{
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
}

static void __attribute__((noreturn))
run_child(const struct launch *launch, char *const *environment, int report_fd)
{
	struct report report = { .stage = STAGE_IDENTITY };
	ssize_t written;

	report.error = -become(launch->account);
	if (!report.error) {
		reset_signals(launch->signals);
		report.stage = STAGE_EXECUTE;
		execvpe(launch->argv[0], launch->argv, environment);
		report.error = errno;
	}
	written = write(report_fd, &report, sizeof(report));
	_exit(written == sizeof(report) ? 127 : 126);
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
	if (report.stage == STAGE_EXECUTE)
		return failure_set(failure, report.error, "%s", launch->argv[0]);
	failure_set(failure, report.error, "cannot become user %u", launch->account->uid);
	return -ECANCELED;
}

int launch_start(const struct launch *launch, struct launched *ret_launched,
		 struct failure *failure)
{
	_cleanup_(account_free_environment) char **environment = account_environment(
		launch->account);
	_cleanup_close_ int read_fd = -1, write_fd = -1;
	struct launched launched = { .pidfd = -1 };
	int r, ends[2];

	if (!environment || pipe2(ends, O_CLOEXEC)) {
		failure_set(failure, environment ? errno : ENOMEM, "cannot start the command");
		return -ECANCELED;
	}
	read_fd = ends[0];
	write_fd = ends[1];
	launched.pid = clone_into_cgroup(launch->cgroup_fd, &launched.pidfd);
	if (launched.pid == 0)
		run_child(launch, environment, write_fd);
	if (launched.pid < 0) {
		failure_set(failure, -launched.pid, "cannot start the command in its cgroup");
		return -ECANCELED;
	}
	close_fd(&write_fd);
	r = read_report(read_fd, launch, failure);
	if (r) {
		waitpid(launched.pid, NULL, 0);
		close_fd(&launched.pidfd);
		return r;
	}
	*ret_launched = launched;
	return 0;
}

int launch_wait(const struct launched *launched, int *ret_status)
{
	siginfo_t info = {};

	if (waitid(P_PIDFD, (id_t)launched->pidfd, &info, WEXITED))
		return -errno;
	*ret_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	return 0;
}
