// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "api.h"
#include "capability.h"
#include "journal.h"
#include "notify.h"
#include "policies.h"
#include "policydir.h"
#include "server.h"
#include "timer.h"

/* For 4,000 fences. Without CAP_SYS_RESOURCE what the hard limit is has to do. */
#define FILES_MAX (64 * 1024)
/* Pings in the time in which one is expected. */
#define WATCHDOG_SHARE 2

struct daemon {
	struct event_base *base;
	struct event *signal_event;
	int signal_fd;
	struct journal journal;
	struct notify notify;
	struct timer watchdog, again;
	struct policydir *dir;
	struct policies *policies;
	struct api *api;
	struct server *server;
	bool reloading, asked_again;
};

/* --- what is said ---------------------------------------------------------------------------- */

static void say(const struct daemon *daemon, enum journal_level level, const char *text)
{
	journal_write(&daemon->journal, level, text);
}

static void on_told(enum policies_level level, const char *text, void *data)
{
	static const enum journal_level levels[] = {
		[POLICIES_NOTE] = JOURNAL_INFO,
		[POLICIES_REPAIR] = JOURNAL_WARNING,
		[POLICIES_ALARM] = JOURNAL_ERROR,
	};

	say(data, levels[level], text);
}

static void on_decided(const char *policy, const char *fence, const struct cgf_decision *decision,
		       const struct decision_context *context, void *data)
{
	const struct daemon *daemon = data;

	api_decided(policy, fence, decision, context, daemon->api);
}

static void on_noted(const char *line, void *data)
{
	say(data, JOURNAL_INFO, line);
}

static void tell_manager(const struct daemon *daemon)
{
	size_t policies, fences;

	policies_count(daemon->policies, &policies, &fences);
	notify_status(&daemon->notify, "%zu policies, %zu fences", policies, fences);
}

static void say_count(const struct daemon *daemon, const char *what)
{
	_cleanup_free_ char *line = NULL;
	size_t policies, fences;
	int length;

	policies_count(daemon->policies, &policies, &fences);
	length = asprintf(&line, "%s: %zu polic%s, %zu fence%s", what, policies,
			  policies == 1 ? "y" : "ies", fences, fences == 1 ? "" : "s");
	if (length < 0)
		line = NULL;
	else
		say(daemon, JOURNAL_INFO, line);
}

/* --- the directory anew ---------------------------------------------------------------------- */

static void say_changed(const struct daemon *daemon, const struct policies_changed *changed)
{
	char text[API_CHANGED_BYTES];

	if (!changed->changed)
		return;
	api_changed_text(changed, text);
	say(daemon, JOURNAL_INFO, text);
}

static void on_changed(const struct policies_error *error, const struct policies_changed *changed,
		       void *data)
{
	_cleanup_free_ char *line = NULL, *path = NULL;
	const struct daemon *daemon = data;
	int length;

	if (!error) {
		say_changed(daemon, changed);
		return;
	}
	path = policydir_path(daemon->dir, changed->name);
	if (error->line)
		length = asprintf(&line, "%s:%zu:%zu: %s; what is in force stays",
				  path ? path : changed->name, error->line, error->column,
				  error->failure.text);
	else
		length = asprintf(&line, "%s: %s; what is in force stays",
				  path ? path : changed->name, error->failure.text);
	if (length < 0)
		line = NULL;
	else
		say(daemon, JOURNAL_ERROR, line);
}

/* A directory that could not be read may be one in a moment: the next SIGHUP says when. */
static void say_reloaded(const struct daemon *daemon, const struct policies_error *error)
{
	_cleanup_free_ char *line = NULL;

	if (!error)
		say_count(daemon, "the files were read again");
	else if (asprintf(&line, "%s; what is in force stays", error->failure.text) < 0)
		line = NULL;
	else
		say(daemon, JOURNAL_ERROR, line);
}

static void on_reloaded(const struct policies_error *error, void *data)
{
	struct daemon *daemon = data;
	uint64_t now_ns = monotonic_ns();

	daemon->reloading = false;
	/* From the loop: whoever calls is in the middle of the policies. */
	if (daemon->asked_again) {
		timer_set(&daemon->again, now_ns, now_ns);
		return;
	}
	say_reloaded(daemon, error);
	notify_ready(&daemon->notify);
	tell_manager(daemon);
}

/* Who asks once more meanwhile may mean a file that has been read already. */
static void reload(struct daemon *daemon)
{
	daemon->asked_again = daemon->reloading;
	if (daemon->reloading)
		return;
	daemon->reloading = true;
	notify_reloading(&daemon->notify);
	policies_reload(daemon->policies, on_changed, on_reloaded, daemon);
}

static void on_again(void *data)
{
	struct daemon *daemon = data;

	if (daemon->asked_again)
		reload(daemon);
}

/* --- signals --------------------------------------------------------------------------------- */

static void on_signal(evutil_socket_t fd, short what, void *data)
{
	struct signalfd_siginfo info;
	struct daemon *daemon = data;

	(void)what;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		reload(daemon);
		return;
	}
	say_count(daemon, info.ssi_signo == SIGTERM ? "ends by SIGTERM, and what is in force stays"
						    : "ends by SIGINT, and what is in force stays");
	notify_stopping(&daemon->notify);
	event_base_loopbreak(daemon->base);
}

static int watch_signals(struct daemon *daemon)
{
	sigset_t signals;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	daemon->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (daemon->signal_fd < 0)
		return -errno;
	daemon->signal_event = event_new(daemon->base, daemon->signal_fd, EV_READ | EV_PERSIST,
					 on_signal, daemon);
	return daemon->signal_event && !event_add(daemon->signal_event, NULL) ? 0 : -ENOMEM;
}

/* --- begin ----------------------------------------------------------------------------------- */

static int open_loop(struct daemon *daemon)
{
	struct event_config *config = event_config_new();

	/* One thread uses the loop. */
	if (config) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		/* Or else it wakes up twice for a timer: by its clock it is too early by a tick. */
		event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
		daemon->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	return daemon->base ? 0 : -ENOMEM;
}

static void on_watchdog(void *data)
{
	struct daemon *daemon = data;
	uint64_t now_ns = monotonic_ns();

	notify_alive(&daemon->notify);
	timer_set(&daemon->watchdog, now_ns, now_ns + daemon->notify.watchdog_ns / WATCHDOG_SHARE);
}

/* Each fence has a descriptor for each of its links, each policy for each of its maps. */
static void raise_limit(int resource, rlim_t wanted)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) || limit.rlim_cur >= wanted)
		return;
	if (limit.rlim_max < wanted &&
	    !setrlimit(resource, &(struct rlimit){ .rlim_cur = wanted, .rlim_max = wanted }))
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	setrlimit(resource, &limit);
}

/* As capabilities(7) writes it. */
static void name_capability(unsigned int capability, char *text, size_t size)
{
	snprintf(text, size, "CAP_%s", capability_name(capability));
	for (; *text; text++)
		if (*text >= 'a' && *text <= 'z')
			*text = (char)(*text - 'a' + 'A');
}

static int require_privileges(struct failure *failure)
{
	char name[64];
	int missing;

	if (geteuid() != 0) {
		failure_set(failure, 0, "must be run as root");
		return -EPERM;
	}
	missing = capability_missing(capability_daemon);
	if (missing < 0)
		return 0;
	name_capability((unsigned int)missing, name, sizeof(name));
	failure_set(failure, 0, "root without %s, which is needed", name);
	return -EPERM;
}

static int open_socket(struct daemon *daemon, const char *path, struct failure *failure)
{
	const struct api_options api = { .noted = on_noted, .data = daemon };
	struct server_options server = {
		.base = daemon->base,
		.path = path,
		.group = DAEMON_GROUP,
		.requested = api_requested,
		.refused = api_refused,
	};
	int r = api_init(&daemon->api, &api);

	if (r)
		return failure_set(failure, -r, "cannot serve %s", path);
	server.data = daemon->api;
	return server_init(&daemon->server, &server, failure);
}

static int open_policies(struct daemon *daemon, const char *directory, struct failure *failure)
{
	struct policies_options options = {
		.base = daemon->base,
		.told = on_told,
		.decided = on_decided,
		.data = daemon,
	};
	int r = policydir_open(&daemon->dir, directory, failure);

	options.dir = daemon->dir;
	return r ? r : policies_init(&daemon->policies, &options, failure);
}

static int prepare(struct daemon *daemon, struct failure *failure)
{
	int r = open_loop(daemon);

	if (!r)
		r = watch_signals(daemon);
	if (!r)
		r = timer_init(&daemon->watchdog, daemon->base, on_watchdog, daemon);
	if (!r)
		r = timer_init(&daemon->again, daemon->base, on_again, daemon);
	if (r)
		return failure_set(failure, -r, "cannot prepare the daemon");
	r = notify_init(&daemon->notify);
	if (r)
		say(daemon, JOURNAL_ERROR, "cannot tell the service manager how it goes");
	return 0;
}

/* First the socket, which one daemon has; nobody is answered before there is something to say. */
static int begin(struct daemon *daemon, const struct daemon_options *options,
		 struct failure *failure)
{
	int r = require_privileges(failure);

	if (r)
		return r;
	umask(022);
	raise_limit(RLIMIT_NOFILE, FILES_MAX);
	raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
	r = prepare(daemon, failure);
	if (!r)
		r = open_socket(daemon, options->socket, failure);
	if (!r)
		r = open_policies(daemon, options->policy_dir, failure);
	if (r)
		return r;
	r = capability_limit(capability_daemon);
	if (r)
		return failure_set(failure, -r, "cannot give up capabilities");
	api_use(daemon->api, daemon->policies);
	return 0;
}

static void daemon_finish(struct daemon *daemon)
{
	server_finish(&daemon->server);
	policies_finish(&daemon->policies);
	api_finish(&daemon->api);
	policydir_close(&daemon->dir);
	timer_finish(&daemon->watchdog);
	timer_finish(&daemon->again);
	notify_finish(&daemon->notify);
	if (daemon->signal_event)
		event_free(daemon->signal_event);
	if (daemon->base)
		event_base_free(daemon->base);
	close_fd(&daemon->signal_fd);
}

int daemon_run(const struct daemon_options *options, struct failure *failure)
{
	_cleanup_(daemon_finish) struct daemon daemon = { .signal_fd = -1, .notify.fd = -1 };
	int r;

	journal_init(&daemon.journal);
	r = begin(&daemon, options, failure);
	if (r)
		return r;
	say_count(&daemon, "version " CGFENCE_VERSION " has started");
	notify_ready(&daemon.notify);
	tell_manager(&daemon);
	if (daemon.notify.watchdog_ns)
		on_watchdog(&daemon);
	if (event_base_dispatch(daemon.base) < 0)
		return failure_set(failure, EIO, "the loop of the daemon ended");
	return 0;
}
