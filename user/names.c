// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "names.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <string.h>

#include "hosts.h"
#include "names_internal.h"
#include "output.h"
#include "policy.h"
#include "watch.h"

/* How often a person who waits for the first answers is told so. */
#define PROGRESS_S 2
/* What has run out lies in the datapath, allowing nothing new, for so long at most. */
#define SWEEP_NS (30 * NSEC_PER_SEC)

static void become_ready(struct names *names)
{
	struct failure failure;
	int r = names_check(names, &failure);

	names->ready = true;
	if (names->progress_event)
		event_del(names->progress_event);
	names->options.ready(r, &failure, names->options.data);
}

void names_note(const struct names *names, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if (names->options.output)
		output_note(names->options.output, "%s", text);
	else
		names->options.note(text, names->options.data);
}

static void tell_full(struct names *names, size_t refused)
{
	if (!names->full_told)
		names_note(names, "the policy's map is full: %zu entries are not allowed", refused);
	names->full_told = true;
	if (names->options.full)
		names->options.full(refused, names->options.data);
}

/* The rest of the policy must not stay in force without what could not be written. */
static void give_up(struct names *names, int error)
{
	struct failure failure;

	if (names->given_up)
		return;
	names->given_up = true;
	if (error == -EOVERFLOW)
		failure_set(&failure, 0,
			    "what is to be denied does not fit: at most %d addresses for a name, "
			    "and %d prefixes in all",
			    CGF_NAME_ADDRESSES_MAX, CGF_PREFIXES_MAX);
	else
		failure_set(&failure, -error, "cannot put the policy in force");
	if (names->ready)
		names->options.broken(&failure, names->options.data);
	else
		names->options.ready(error, &failure, names->options.data);
	names->ready = true;
}

/* At an answer, so that nothing wakes up for it alone. What cannot be swept now is so later. */
static void sweep(struct names *names)
{
	uint64_t now_ns = monotonic_ns();

	if (names->swept_ns + SWEEP_NS > now_ns)
		return;
	names->swept_ns = now_ns;
	policy_sweep(names->options.policy, names->options.datapath, now_ns);
}

static void flush(struct names *names)
{
	size_t refused = 0;
	int r;

	if (names->options.may_flush && !names->options.may_flush(names->options.data))
		return;
	r = policy_flush(names->options.policy, names->options.datapath, &refused);
	names->refused = refused;
	names->full_told &= r == -ENOSPC;
	if (r == -ENOSPC)
		tell_full(names, refused);
	if (r && r != -ENOSPC)
		give_up(names, r);
	else if (names->overflow)
		give_up(names, -EOVERFLOW);
	else
		names->given_up = false;
	if (policy_take_narrowed(names->options.policy) && names->ready)
		names->options.narrowed(names->options.data);
}

static void on_flush(evutil_socket_t fd, short what, void *data)
{
	struct names *names = data;

	(void)fd;
	(void)what;
	names->options.catch_up(names->options.catch_up_data);
	sweep(names);
	flush(names);
	if (!names->ready && resolver_settled(names->resolver))
		become_ready(names);
	names_settle(names);
}

static void on_progress(evutil_socket_t fd, short what, void *data)
{
	struct names *names = data;

	(void)fd;
	(void)what;
	names_note(names, "waiting for %zu of %zu answers from the resolver",
		   FAMILY_COUNT * names->count - names->answered, FAMILY_COUNT * names->count);
}

static int open_resolver(struct names *names, struct failure *failure)
{
	const struct resolver_options options = {
		.base = names->options.base,
		.servers = names->options.servers,
		.server_count = names->options.server_count,
		.answer = names_answer,
		.answer_data = names,
	};

	return resolver_init(&names->resolver, &options, failure);
}

int names_use_servers(struct names *names, const struct address *servers, size_t count)
{
	return resolver_use_servers(names->resolver, servers, count);
}

static void on_hosts_changed(void *data)
{
	struct names *names = data;
	int r = resolver_reread_hosts(names->resolver);

	if (r)
		names_note(names,
			   HOSTS_PATH " has changed and cannot be read, so what it said counts: %s",
			   strerror(-r));
}

/* Before it is read, so that no change is missed. */
static int watch_hosts(struct names *names)
{
	int r;

	if (names->watches || !policy_has_names(names->options.policy))
		return 0;
	r = watch_add(names->options.watch, HOSTS_PATH, on_hosts_changed, names);
	names->watches = !r;
	return r;
}

/* The file was read before it was watched, if there were names then. */
int names_watch(struct names *names)
{
	bool watched = names->watches;
	int r = watch_hosts(names);

	if (!r && names->watches && !watched)
		on_hosts_changed(names);
	return r;
}

void names_flush(struct names *names)
{
	event_active(names->flush_event, EV_TIMEOUT, 0);
}

static int make_events(struct names *names)
{
	static const struct timeval period = { .tv_sec = PROGRESS_S };

	names->flush_event = event_new(names->options.base, -1, 0, on_flush, names);
	if (!names->flush_event)
		return -ENOMEM;
	/* There is a person who waits. */
	if (names->options.output) {
		names->progress_event = event_new(names->options.base, -1, EV_PERSIST, on_progress,
						  names);
		if (!names->progress_event || event_add(names->progress_event, &period))
			return -ENOMEM;
	}
	/* Also with no name at all: the rest of the policy is to be written. */
	names_flush(names);
	return 0;
}

int names_start(struct names **ret_names, const struct names_options *options,
		struct failure *failure)
{
	_cleanup_(names_stop) struct names *names = calloc(1, sizeof(*names));
	int r;

	if (!names)
		return failure_set(failure, ENOMEM, "cannot resolve names");
	names->options = *options;
	r = watch_hosts(names);
	if (r)
		return failure_set(failure, -r, "cannot watch " HOSTS_PATH);
	r = open_resolver(names, failure);
	if (r)
		return r;
	r = make_events(names);
	if (!r)
		r = names_take(names, NULL);
	if (r)
		return failure_set(failure, -r, "cannot resolve names");
	*ret_names = TAKE_PTR(names);
	return 0;
}

void names_stop(struct names **names)
{
	if (!*names)
		return;
	resolver_finish(&(*names)->resolver);
	if ((*names)->flush_event)
		event_free((*names)->flush_event);
	if ((*names)->progress_event)
		event_free((*names)->progress_event);
	if ((*names)->watches && (*names)->options.watch_is_shared)
		watch_remove((*names)->options.watch, *names);
	names_drop_all(*names);
	free(TAKE_PTR(*names));
}
