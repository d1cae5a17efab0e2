// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is done for a policy while it is in force: its names are looked up, its decisions told. */
#include <errno.h>
#include <string.h>

#include "answer.h"
#include "decisions.h"
#include "names.h"
#include "policies_internal.h"

/* Roughly, of most. */
#define RULE_TEXT_BYTES 32

/* --- what happens ---------------------------------------------------------------------------- */

static void on_denied(const struct cgf_decision *decision, void *data)
{
	const struct kept_policy *kept = data;

	names_denied(kept->names, decision);
}

static void on_learned(const struct answer *answer, uint32_t grant, uint64_t time_ns, void *data)
{
	const struct kept_policy *kept = data;

	names_adopt(kept->names, answer, grant, time_ns);
	/* There may have been no room for it. */
	policies_prove_now(kept->policies);
}

static bool asks_a_stranger(const struct cgf_decision *decision, uint64_t netns_cookie)
{
	if (decision->reason == CGF_REASON_NOT_A_RESOLVER)
		return decision->port == CGF_DNS_PORT;
	return decision->reason == CGF_REASON_QUESTION && !netns_cookie;
}

static void on_refused(const struct cgf_decision *decision, uint64_t netns_cookie, void *data)
{
	const struct kept_policy *kept = data;
	struct kept_fence *fence;

	if (!asks_a_stranger(decision, netns_cookie))
		return;
	fence = kept_fence_by_cgroup(kept->policies, decision->cgroup_id);
	if (fence)
		kept_fence_look_soon(fence);
}

static void on_answer(const struct cgf_message *message, size_t size, void *data)
{
	const struct kept_policy *kept = data;
	struct place *place = places_by_cookie(kept->policies->places, message->netns_cookie);

	if (place)
		place_refuse(place, message, size);
}

static void on_catch_up(void *data)
{
	const struct kept_policy *kept = data;

	decisions_catch_up(kept->decisions);
}

/* What is half written is written by the next proof; but for that its fences must look it up. */
static bool may_flush(void *data)
{
	struct kept_policy *kept = data;

	return !kept->half_written || !kept_policy_widen(kept);
}

static void on_broken(const struct failure *why, void *data)
{
	kept_policy_shut(data, why);
}

static void on_narrowed(void *data)
{
	struct kept_policy *kept = data;

	kept->narrowed = true;
	kept_policy_cut(kept);
}

static void on_full(size_t refused, void *data)
{
	struct kept_policy *kept = data;

	(void)refused;
	if (!kept_policy_enlarge(kept))
		names_flush(kept->names);
}

static void on_name_note(const char *text, void *data)
{
	kept_policy_note(text, false, data);
}

/* A name that has no address is nothing that a policy could not wait for; all else is. */
static void on_ready(int error, const struct failure *why, void *data)
{
	struct kept_policy *kept = data;

	kept->ready = true;
	policies_trim(policy_rule_count(kept->policy) * RULE_TEXT_BYTES);
	if (error && error != -EHOSTUNREACH)
		kept_policy_shut(kept, why);
	else if (error)
		policies_tell(kept->policies, POLICIES_NOTE, "%s: %s", kept->name, why->text);
	kept_policy_reopen(kept);
	kept_policy_replace_stale(kept);
	kept_policy_answer_all(kept, NULL);
}

/* --- begin ----------------------------------------------------------------------------------- */

static int start_decisions(struct kept_policy *kept)
{
	const struct decisions_options options = {
		.base = kept->policies->options.base,
		.policy = kept->policy,
		.datapath = kept->datapath,
		.output = &kept->output,
		.denied = on_denied,
		.learned = on_learned,
		.refused = on_refused,
		.answer = on_answer,
		.data = kept,
	};

	return decisions_start(&kept->decisions, &options);
}

static int start_names(struct kept_policy *kept, struct failure *failure)
{
	struct address servers[CGF_RESOLVERS_MAX];
	size_t count = kept_policy_servers(kept, servers);
	const struct names_options options = {
		.base = kept->policies->options.base,
		.policy = kept->policy,
		.datapath = kept->datapath,
		.watch = kept->policies->watch,
		.watch_is_shared = true,
		.note = on_name_note,
		.servers = servers,
		.server_count = count,
		.catch_up = on_catch_up,
		.catch_up_data = kept,
		.ready = on_ready,
		.may_flush = may_flush,
		.broken = on_broken,
		.full = on_full,
		.narrowed = on_narrowed,
		.data = kept,
	};

	return names_start(&kept->names, &options, failure);
}

int kept_policy_start(struct kept_policy *kept, struct failure *failure)
{
	int r = start_names(kept, failure);

	if (r)
		return r;
	r = start_decisions(kept);
	if (!r)
		r = datapath_keep(kept->policies->datapath, kept->datapath);
	if (!r) {
		kept->half_written |= kept_policy_widen(kept) != 0;
		return kept_policy_flush(kept, failure);
	}
	/* Half of it is not to be taken for all by who comes later. */
	decisions_stop(&kept->decisions);
	names_stop(&kept->names);
	return failure_set(failure, -r, "cannot watch what policy %s decides", kept->name);
}
