// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "keeper.h"

#include <errno.h>
#include <string.h>

#include "decisions.h"
#include "fence.h"
#include "output.h"
#include "resolvers.h"
#include "watch.h"

struct keeper {
	struct keeper_options options;
	struct watch *watch;
	struct decisions *decisions;
	struct resolvers *resolvers;
	struct names *names;
};

/* --- what one part has for another ----------------------------------------------------------- */

static void on_denied(const struct cgf_decision *decision, void *data)
{
	struct keeper *keeper = data;

	if (keeper->names)
		names_denied(keeper->names, decision);
}

static void on_learned(const struct answer *answer, uint32_t grant, uint64_t time_ns, void *data)
{
	struct keeper *keeper = data;

	if (keeper->names)
		names_adopt(keeper->names, answer, grant, time_ns);
}

/* Those that cannot be asked may be so later: the channel before would ask no one better. */
static void on_resolvers(bool others, void *data)
{
	struct keeper *keeper = data;
	const struct address *servers;
	size_t count = resolvers_list(keeper->resolvers, &servers);
	int r = others ? names_use_servers(keeper->names, servers, count) : 0;

	if (r)
		output_note(keeper->options.output, "cannot ask the new resolvers: %s",
			    strerror(-r));
	names_flush(keeper->names);
}

/* --- begin and end --------------------------------------------------------------------------- */

static int start_decisions(struct keeper *keeper, struct failure *failure)
{
	const struct decisions_options options = {
		.base = keeper->options.base,
		.policy = keeper->options.policy,
		.datapath = keeper->options.fence->policy,
		.output = keeper->options.output,
		.denied = on_denied,
		.learned = on_learned,
		.data = keeper,
	};
	int r = decisions_start(&keeper->decisions, &options);

	return r ? failure_set(failure, -r, "cannot watch the fence") : 0;
}

/* First who answers, then that there is someone. Not for want of it does the command not begin. */
static void answer_refused(struct keeper *keeper)
{
	int r = decisions_answer_refused(keeper->decisions);

	if (!r)
		r = fence_keep(keeper->options.fence);
	if (r)
		output_note(keeper->options.output,
			    "questions that are refused get EPERM and no answer, for which some "
			    "programs wait: %s",
			    strerror(-r));
}

static int start_resolvers(struct keeper *keeper, struct failure *failure)
{
	const struct resolvers_options options = {
		.base = keeper->options.base,
		.policy = keeper->options.policy,
		.output = keeper->options.output,
		.watch = keeper->watch,
		.changed = on_resolvers,
		.data = keeper,
	};

	return resolvers_start(&keeper->resolvers, &options, failure);
}

/* The kernel wakes no one for an answer that it has learned from. */
static void on_catch_up(void *data)
{
	const struct keeper *keeper = data;

	decisions_catch_up(keeper->decisions);
}

static int start_names(struct keeper *keeper, struct failure *failure)
{
	const struct address *servers;
	size_t count = resolvers_list(keeper->resolvers, &servers);
	const struct names_options options = {
		.base = keeper->options.base,
		.policy = keeper->options.policy,
		.datapath = keeper->options.fence->policy,
		.output = keeper->options.output,
		.watch = keeper->watch,
		.servers = servers,
		.server_count = count,
		.catch_up = on_catch_up,
		.catch_up_data = keeper,
		.ready = keeper->options.ready,
		.broken = keeper->options.broken,
		.narrowed = keeper->options.narrowed,
		.data = keeper->options.data,
	};

	return names_start(&keeper->names, &options, failure);
}

int keeper_start(struct keeper **ret_keeper, const struct keeper_options *options,
		 struct failure *failure)
{
	_cleanup_(keeper_stop) struct keeper *keeper = calloc(1, sizeof(*keeper));
	int r;

	if (!keeper)
		return failure_set(failure, ENOMEM, "cannot keep the fence");
	keeper->options = *options;
	if (watch_init(&keeper->watch, options->base))
		return failure_set(failure, ENOMEM, "cannot keep the fence");
	r = start_decisions(keeper, failure);
	if (r)
		return r;
	answer_refused(keeper);
	r = start_resolvers(keeper, failure);
	if (!r)
		r = start_names(keeper, failure);
	if (!r)
		*ret_keeper = TAKE_PTR(keeper);
	return r;
}

void keeper_sum_up(struct keeper *keeper)
{
	decisions_sum_up(keeper->decisions);
}

/* First who calls the others; the names last of those that are called. */
void keeper_stop(struct keeper **keeper)
{
	if (!*keeper)
		return;
	watch_finish(&(*keeper)->watch);
	resolvers_stop(&(*keeper)->resolvers);
	decisions_stop(&(*keeper)->decisions);
	names_stop(&(*keeper)->names);
	free(TAKE_PTR(*keeper));
}
