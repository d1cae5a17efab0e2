// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `cgfence run`: the fence is made and the first names are resolved, then the command is created
 * inside; names stay fresh and decisions are told until it ends; then nothing is left.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/signalfd.h>

#include "account.h"
#include "command.h"
#include "confine.h"
#include "fence.h"
#include "inherited.h"
#include "keeper.h"
#include "launch.h"
#include "options.h"
#include "output.h"
#include "policy.h"

/* Signals that are passed on to the command. */
static const int forwarded_signals[] = { SIGHUP,  SIGINT,  SIGQUIT,   SIGTERM, SIGUSR1,
					 SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO };

struct run {
	struct run_options options;
	struct output output;
	struct account account;
	struct confinement confinement;
	struct policy *policy;
	struct fence fence;
	struct event_base *base;
	struct keeper *keeper;
	struct event *signal_event;
	sigset_t old_mask;
	sighandler_t old_sigpipe, old_sigchld;
	int signal_fd;
	pid_t command; /* 0: not started */
	int status;
};

static int exit_status_of(int error)
{
	switch (error) {
	case -ECANCELED:
		return EXIT_CGFENCE;
	case -ENOENT:
		return EXIT_NOT_FOUND;
	}
	return EXIT_NOT_EXECUTABLE;
}

static void stop(struct run *run, int status)
{
	run->status = status;
	event_base_loopbreak(run->base);
}

static void warn(const char *text, void *data)
{
	struct run *run = data;

	output_note(&run->output, "%s", text);
}

static int confine(struct run *run, struct failure *failure)
{
	const struct confine_options options = {
		.root = account_is_root(&run->account),
		.keep_caps = run->options.keep_caps,
		.no_filter = run->options.no_seccomp,
		.no_dns_filter = run->options.no_dns_filter,
		.families_held = run->options.no_seccomp && fence_holds_families(&run->fence),
	};
	int r = confine_prepare(&options, &run->confinement, failure);

	if (!r)
		confine_each_warning(&options, &run->confinement, warn, run);
	return r ? -ECANCELED : 0;
}

/* Every name has had its first answer: the command may begin. */
static void on_names_ready(int error, const struct failure *why, void *data)
{
	struct run *run = data;
	const struct launch launch = {
		.argv = run->options.command,
		.cgroup_fd = run->fence.cgroup.fd,
		.account = &run->account,
		.confinement = &run->confinement,
		.mask = &run->old_mask,
		.sigpipe = run->old_sigpipe,
		.sigchld = run->old_sigchld,
	};
	struct failure failure;
	int r;

	if (error) {
		output_failure(why);
		stop(run, EXIT_CGFENCE);
		return;
	}
	policy_each_warning(run->policy, run->options.no_dns_filter, warn, run);
	r = confine(run, &failure);
	if (!r)
		r = launch_start(&launch, &run->command, &failure);
	if (r) {
		output_failure(&failure);
		stop(run, exit_status_of(r));
		return;
	}
}

/* Closed rather than without what a rule denies; what is connected is cut. */
static void on_names_broken(const struct failure *why, void *data)
{
	struct run *run = data;

	/* An audit denies nothing anyway. */
	if (policy_target(run->policy).mode == CGF_MODE_AUDIT) {
		output_alarm(&run->output, why->text);
		return;
	}
	fence_shut(&run->fence);
	output_alarm(&run->output, why->text);
	output_alarm(&run->output, "the fence is shut: nothing is allowed from now on");
}

/* What is denied from now on shall not hang until it times out. */
static void on_names_narrowed(void *data)
{
	struct run *run = data;
	size_t count = 0;
	int r;

	if (!run->command || policy_target(run->policy).mode == CGF_MODE_AUDIT)
		return;
	r = fence_cut(&run->fence, run->policy, &count);
	if (r)
		output_note(&run->output,
			    "flows that are not allowed any more cannot be cut, and will hang: %s",
			    strerror(-r));
	else if (count)
		output_note(&run->output, "%zu flow%s not allowed any more %s cut", count,
			    count == 1 ? " that is" : "s that are", count == 1 ? "was" : "were");
}

static void reap_command(struct run *run)
{
	int status, r = run->command ? launch_reap(run->command, &status) : -EAGAIN;

	if (r != -EAGAIN)
		stop(run, r ? EXIT_CGFENCE : status);
}

/* A command that is stopped must be able to take what is to end it. */
static void forward(const struct run *run, int number)
{
	kill(run->command, number);
	if (number == SIGTERM || number == SIGHUP)
		kill(run->command, SIGCONT);
}

/*
 * What the terminal sends goes to the whole foreground process group, the command included; passing
 * it on would make it two.
 */
static void on_signal(evutil_socket_t fd, short what, void *data)
{
	struct signalfd_siginfo info;
	struct run *run = data;

	(void)what;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap_command(run);
	else if (!run->command)
		stop(run, 128 + (int)info.ssi_signo);
	else if (info.ssi_code != SI_KERNEL)
		forward(run, (int)info.ssi_signo);
}

static int watch_signals(struct run *run)
{
	sigset_t signals;
	size_t i;

	run->old_sigpipe = signal(SIGPIPE, SIG_IGN);
	/* Ignored by whoever started this, it would not say that the command has ended. */
	run->old_sigchld = signal(SIGCHLD, SIG_DFL);
	sigemptyset(&signals);
	for (i = 0; i < ARRAY_SIZE(forwarded_signals); i++)
		sigaddset(&signals, forwarded_signals[i]);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, &run->old_mask);
	run->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return -errno;
	run->signal_event = event_new(run->base, run->signal_fd, EV_READ | EV_PERSIST, on_signal,
				      run);
	return run->signal_event && !event_add(run->signal_event, NULL) ? 0 : -ENOMEM;
}

static int open_loop(struct run *run)
{
	struct event_config *config = event_config_new();

	/* One thread uses the loop. */
	if (config) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		run->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	return run->base ? 0 : -ENOMEM;
}

static int start_keeper(struct run *run, struct failure *failure)
{
	const struct keeper_options options = {
		.base = run->base,
		.policy = run->policy,
		.fence = &run->fence,
		.output = &run->output,
		.ready = on_names_ready,
		.broken = on_names_broken,
		.narrowed = on_names_narrowed,
		.data = run,
	};

	return keeper_start(&run->keeper, &options, failure);
}

/* The fence stands. Whatever happens from here on, it is taken down before this returns. */
static int run_inside(struct run *run)
{
	struct failure failure;
	int r = start_keeper(run, &failure);

	if (r) {
		output_failure(&failure);
		run->status = EXIT_CGFENCE;
	} else if (event_base_dispatch(run->base) < 0) {
		run->status = EXIT_CGFENCE;
	}
	if (run->command) {
		cgroup_empty(&run->fence.cgroup);
		keeper_sum_up(run->keeper);
	}
	keeper_stop(&run->keeper);
	if (fence_destroy(&run->fence, &failure))
		output_failure(&failure);
	return run->status;
}

/* What the command would have from outside. */
static int check_inherited(struct run *run, struct failure *failure)
{
	int fd, r;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		r = inherited_check(fd, failure);
		if (r && !run->options.allow_inherited) {
			failure_hint(failure, "use a pipe or a file; or --allow-inherited, if the "
					      "command may go around the fence by it");
			return r;
		}
		if (r)
			output_note(&run->output, "--allow-inherited: %s", failure->text);
	}
	return 0;
}

static int create_fence(struct run *run, struct failure *failure)
{
	const struct fence_options options = {
		/* The seccomp filter refuses these families for less. */
		.families = run->options.no_seccomp,
		.any_question = run->options.no_dns_filter,
		.filtered = !run->options.no_seccomp,
	};

	return fence_create(&run->fence, run->policy, &options, failure);
}

static int prepare(struct run *run, struct failure *failure)
{
	int r = account_require_privileges(failure);

	if (!r)
		r = account_find(run->options.user, &run->account, failure);
	if (!r)
		r = output_open(&run->output, run->options.log_path, failure);
	if (!r)
		r = check_inherited(run, failure);
	if (r)
		return r;
	r = policy_init(&run->policy, &run->options.rules, failure);
	if (r)
		return r;
	r = open_loop(run);
	if (!r)
		r = watch_signals(run);
	if (r)
		return failure_set(failure, -r, "cannot prepare the run");
	return create_fence(run, failure);
}

static void run_finish(struct run *run)
{
	if (run->signal_event)
		event_free(run->signal_event);
	if (run->base)
		event_base_free(run->base);
	close_fd(&run->signal_fd);
	policy_finish(&run->policy);
	account_finish(&run->account);
	confine_finish(&run->confinement);
	output_close(&run->output);
	run_options_finish(&run->options);
}

int cmd_run(int argc, char *argv[])
{
	_cleanup_(run_finish) struct run run = {
		.signal_fd = -1,
		.confinement.landlock_fd = -1,
	};
	struct failure failure;

	switch (run_options_parse(argc, argv, &run.options)) {
	case OPTIONS_HELP:
		return 0;
	case OPTIONS_WRONG:
		return EXIT_CGFENCE;
	case OPTIONS_OK:
		break;
	}
	run.output.quiet = run.options.quiet;
	run.output.json = run.options.json;
	if (prepare(&run, &failure)) {
		output_failure(&failure);
		return EXIT_CGFENCE;
	}
	return run_inside(&run);
}
