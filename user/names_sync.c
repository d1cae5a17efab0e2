// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names that come and go while others are kept fresh, and what is known of each. */
#include <errno.h>
#include <event2/event.h>

#include "names_internal.h"
#include "policy.h"

/* After so many times its TTL, and so much for the resolver, a name is late: it is asked at two. */
#define OVERDUE_TTLS 4
#define OVERDUE_S 10

static int mark_wanted(struct policy_name *policy_name, const char *text, void *data)
{
	struct name *name = policy_name_data(policy_name);

	(void)text;
	(void)data;
	if (name)
		name->wanted = true;
	return 0;
}

static bool is_unwanted(const void *data)
{
	return !((const struct name *)data)->wanted;
}

static size_t count_answered(const struct name *name)
{
	return (size_t)name->asked[FAMILY_IPV4].answered + name->asked[FAMILY_IPV6].answered;
}

static void name_free(struct names *names, struct name *name)
{
	size_t answered = count_answered(name);

	if (name->wait)
		name->wait->pending -= FAMILY_COUNT - answered;
	names->answered -= answered;
	free(name);
}

/* What the policy had for it may be gone: it is not looked at. */
static void drop_unwanted(struct names *names)
{
	size_t i, kept = 0;

	for (i = 0; i < names->count; i++)
		names->names[i]->wanted = false;
	policy_each_name(names->options.policy, mark_wanted, NULL);
	resolver_drop(names->resolver, is_unwanted);
	for (i = 0; i < names->count; i++) {
		if (names->names[i]->wanted)
			names->names[kept++] = names->names[i];
		else
			name_free(names, names->names[i]);
	}
	names->count = kept;
}

static int forget_data(struct policy_name *policy_name, const char *text, void *data)
{
	(void)text;
	(void)data;
	policy_name_set_data(policy_name, NULL);
	return 0;
}

void names_drop_all(struct names *names)
{
	struct names_wait *wait;
	size_t i;

	if (names->options.policy && names->names)
		policy_each_name(names->options.policy, forget_data, NULL);
	for (i = 0; i < names->count; i++)
		free(names->names[i]);
	free(TAKE_PTR(names->names));
	while (names->waits) {
		wait = names->waits;
		names->waits = wait->next;
		free(wait);
	}
}

static int count_name(struct policy_name *policy_name, const char *text, void *data)
{
	(void)policy_name;
	(void)text;
	(*(size_t *)data)++;
	return 0;
}

struct taker {
	struct names *names;
	struct names_wait *wait;
};

static int take_name(struct policy_name *policy_name, const char *text, void *data)
{
	struct taker *taker = data;
	struct names *names = taker->names;
	struct name *name;
	int r;

	if (policy_name_data(policy_name))
		return 0;
	name = calloc(1, sizeof(*name));
	r = name ? resolver_add(names->resolver, text, name) : -ENOMEM;
	if (r) {
		free(name);
		return r;
	}
	name->policy_name = policy_name;
	name->wait = taker->wait;
	if (name->wait)
		name->wait->pending += FAMILY_COUNT;
	policy_name_set_data(policy_name, name);
	names->names[names->count++] = name;
	return 0;
}

int names_take(struct names *names, struct names_wait *wait)
{
	struct taker taker = { names, wait };
	struct name **grown;
	size_t count = 0;

	policy_each_name(names->options.policy, count_name, &count);
	grown = reallocarray(names->names, count + 1, sizeof(struct name *));
	if (!grown)
		return -ENOMEM;
	names->names = grown;
	return policy_each_name(names->options.policy, take_name, &taker);
}

static void let_go(struct names *names, const struct names_wait *wait)
{
	size_t i;

	for (i = 0; i < names->count; i++)
		if (names->names[i]->wait == wait)
			names->names[i]->wait = NULL;
}

/* What could not be denied may be no more, or what is denied since could not be. */
static void check_overflow(struct names *names)
{
	const struct name *name;
	size_t i;

	names->overflow = false;
	for (i = 0; i < names->count; i++) {
		name = names->names[i];
		if ((name->asked[FAMILY_IPV4].cut || name->asked[FAMILY_IPV6].cut) &&
		    policy_name_is_denied(names->options.policy, name->policy_name))
			names->overflow = true;
	}
	names->given_up &= names->overflow;
}

bool names_overflow(const struct names *names)
{
	return names->overflow;
}

void names_written(struct names *names)
{
	names->given_up = false;
}

bool names_know_denied(const struct names *names)
{
	const struct name *name;
	size_t i;

	for (i = 0; i < names->count; i++) {
		name = names->names[i];
		if ((!name->asked[FAMILY_IPV4].good_ns || !name->asked[FAMILY_IPV6].good_ns) &&
		    policy_name_is_denied(names->options.policy, name->policy_name))
			return false;
	}
	return true;
}

int names_sync(struct names *names, names_settled_fn settled, void *data,
	       struct names_wait **ret_wait)
{
	_cleanup_free_ struct names_wait *wait = NULL;
	int r = 0;

	drop_unwanted(names);
	check_overflow(names);
	names_flush(names);
	if (settled) {
		wait = calloc(1, sizeof(*wait));
		if (!wait)
			return -ENOMEM;
		*wait = (struct names_wait){ .settled = settled, .data = data };
	}
	r = names_take(names, wait);
	if (!r)
		r = names_watch(names);
	if (r)
		let_go(names, wait);
	if (r || !wait)
		return r;
	wait->next = names->waits;
	names->waits = wait;
	*ret_wait = TAKE_PTR(wait);
	return 0;
}

static void take_out(struct names *names, const struct names_wait *wait)
{
	struct names_wait **at = &names->waits;

	while (*at && *at != wait)
		at = &(*at)->next;
	if (*at)
		*at = wait->next;
	let_go(names, wait);
}

void names_wait_cancel(struct names *names, struct names_wait **wait)
{
	if (!*wait)
		return;
	take_out(names, *wait);
	free(TAKE_PTR(*wait));
}

static struct names_wait *first_settled(const struct names *names)
{
	struct names_wait *wait = names->waits;

	while (wait && wait->pending)
		wait = wait->next;
	return wait;
}

/* Each may cancel others, and begin to wait. */
void names_settle(struct names *names)
{
	struct names_wait *wait, done;

	while ((wait = first_settled(names))) {
		done = *wait;
		take_out(names, wait);
		free(wait);
		done.settled(done.data);
	}
}

/* --- what is known --------------------------------------------------------------------------- */

static bool is_overdue(const struct asked *asked, uint64_t now_ns)
{
	uint64_t late_ns = ((uint64_t)OVERDUE_TTLS * asked->ttl_s + OVERDUE_S) * NSEC_PER_SEC;

	if (!asked->answered)
		return false;
	return asked->failures || (!asked->fixed && now_ns > asked->good_ns + late_ns);
}

static struct names_state describe(const struct names *names, const struct name *name,
				   uint64_t now_ns)
{
	const struct asked *ipv4 = &name->asked[FAMILY_IPV4], *ipv6 = &name->asked[FAMILY_IPV6];
	struct names_state state = {
		.name = policy_name_text(name->policy_name),
		.addresses = policy_name_address_count(name->policy_name),
		.settled = ipv4->answered && ipv6->answered,
		.overdue = is_overdue(ipv4, now_ns) || is_overdue(ipv6, now_ns),
		.answered_ns = ipv4->good_ns < ipv6->good_ns ? ipv4->good_ns : ipv6->good_ns,
		.failures = ipv4->failures > ipv6->failures ? ipv4->failures : ipv6->failures,
	};

	state.error = state.failures ? name->error : NULL;
	if (state.settled)
		state.unusable = names_why_unusable(names, name);
	return state;
}

void names_each(const struct names *names, names_state_fn call, void *data)
{
	uint64_t now_ns = monotonic_ns();
	struct names_state state;
	size_t i;

	for (i = 0; i < names->count; i++) {
		state = describe(names, names->names[i], now_ns);
		call(&state, data);
	}
}

struct names_totals names_totals(const struct names *names)
{
	struct names_totals totals = {
		.names = names->count,
		.refused = names->refused,
		.failures = names->failures,
	};
	uint64_t now_ns = monotonic_ns();
	size_t i;

	for (i = 0; i < names->count; i++)
		totals.overdue += is_overdue(&names->names[i]->asked[FAMILY_IPV4], now_ns) ||
				  is_overdue(&names->names[i]->asked[FAMILY_IPV6], now_ns);
	return totals;
}
