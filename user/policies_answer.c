// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who asked for a change, and waits until names that are new have been looked up. */
#include <string.h>

#include "names.h"
#include "policies_internal.h"

void waiter_free(struct waiter *waiter)
{
	texts_finish(&waiter->added);
	texts_finish(&waiter->removed);
	texts_finish(&waiter->warnings);
	free(waiter);
}

static void add_warning(const char *text, void *data)
{
	texts_add_warning(data, "%s", text);
}

/* As in "allow github.com:22", and not in one of a name that ends so, or of all below it. */
static bool is_of_name(const char *rule, const char *name)
{
	const char *destination = strchr(rule, ' ');
	size_t length;

	if (!destination)
		return false;
	length = strcspn(++destination, ":/ ");
	/* The dot that tells a name from a word. */
	if (length && destination[length - 1] == '.')
		length--;
	return length == strlen(name) && !strncmp(destination, name, length);
}

/* Those that the change is about. */
static void add_name_warning(const struct names_state *state, void *data)
{
	struct waiter *waiter = data;
	char why[NAMES_WHY_BYTES];
	size_t i;

	/* That not all have been is said once. */
	if (!state->settled)
		return;
	for (i = 0; i < waiter->added.count; i++) {
		if (!is_of_name(waiter->added.items[i], state->name))
			continue;
		if (names_explain(waiter->kept->names, state->name, why))
			texts_add_warning(&waiter->warnings, "%s", why);
		return;
	}
}

void waiter_answer(struct waiter *waiter, const struct policies_error *error)
{
	const struct kept_policy *kept = waiter->kept;
	struct policies_changed changed = {
		.name = kept->name,
		.created = waiter->created,
		.changed = waiter->changed || waiter->created,
		.generation = kept->generation,
	};

	if (!error && kept->policy) {
		policy_each_warning(kept->policy, false, add_warning, &waiter->warnings);
		names_each(kept->names, add_name_warning, waiter);
	}
	changed.added = (const char *const *)waiter->added.items;
	changed.added_count = waiter->added.count;
	changed.removed = (const char *const *)waiter->removed.items;
	changed.removed_count = waiter->removed.count;
	changed.warnings = (const char *const *)waiter->warnings.items;
	changed.warning_count = waiter->warnings.count;
	waiter->done(error, &changed, waiter->data);
	waiter_free(waiter);
}

/* They may begin to wait anew. */
void kept_policy_answer_all(struct kept_policy *kept, const struct policies_error *error)
{
	struct waiter **at = &kept->waiters, *waiter, *next, *going = NULL;

	while ((waiter = *at)) {
		if (!error && waiter->wait) {
			at = &waiter->next;
			continue;
		}
		if (waiter->wait)
			names_wait_cancel(kept->names, &waiter->wait);
		*at = waiter->next;
		waiter->next = going;
		going = waiter;
	}
	for (waiter = going; waiter; waiter = next) {
		next = waiter->next;
		waiter_answer(waiter, error);
	}
}

void waiter_settled(void *data)
{
	struct waiter *waiter = data, **at = &waiter->kept->waiters;

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	waiter_answer(waiter, NULL);
}

void waiter_enqueue(struct waiter *waiter)
{
	struct kept_policy *kept = waiter->kept;
	struct waiter **at = &kept->waiters;
	uint64_t now_ns = monotonic_ns();

	while (*at)
		at = &(*at)->next;
	*at = waiter;
	waiter->deadline_ns = now_ns + POLICIES_ANSWER_S * NSEC_PER_SEC;
	timer_set(&kept->policies->answers, now_ns, waiter->deadline_ns);
}

void policies_answer_late(void *data)
{
	struct policies *policies = data;
	struct kept_policy *kept, *next;
	uint64_t now_ns = monotonic_ns();

	HASH_ITER (hh, policies->policies, kept, next) {
		while (kept->waiters && kept->waiters->deadline_ns <= now_ns) {
			struct waiter *waiter = kept->waiters;

			kept->waiters = waiter->next;
			if (waiter->wait)
				names_wait_cancel(kept->names, &waiter->wait);
			texts_add_warning(&waiter->warnings,
					  "not every name has had an answer yet, after %d s",
					  POLICIES_ANSWER_S);
			waiter_answer(waiter, NULL);
		}
		if (kept->waiters)
			timer_set(&policies->answers, now_ns, kept->waiters->deadline_ns);
	}
}
