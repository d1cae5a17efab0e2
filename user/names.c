// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "names.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "output.h"
#include "policy.h"
#include "resolver.h"

/* How often a person who waits for the first answers is told so. */
#define PROGRESS_S 2
/* What has run out lies in the datapath, allowing nothing new, for so long at most. */
#define SWEEP_NS (30 * NSEC_PER_SEC)
/* Names that one error message lists. */
#define LISTED_MAX 3
#define LOOPBACK_IFINDEX 1

enum family {
	FAMILY_IPV4,
	FAMILY_IPV6,
	FAMILY_COUNT
};

struct name {
	struct policy_name *policy_name;
	enum resolver_status status[FAMILY_COUNT];
	const char *error; /* words of the last failure; static */
	bool special_told;
	bool cut_told;
};

struct names {
	struct names_options options;
	struct resolver *resolver;
	struct event *flush_event, *progress_event;
	struct name *names; /* owned */
	uint64_t swept_ns;
	size_t count, answered;
	bool ready;
	bool full_told;
	bool given_up;
	bool overflow; /* a denied name has more addresses than can be denied */
};

static void tell_special(const struct names *names, struct name *name,
			 const struct policy_learned *learned)
{
	char text[ADDRESS_TEXT_BYTES];

	if (!learned->special || name->special_told)
		return;
	name->special_told = true;
	output_note(names->options.output,
		    "%s has the address %s, which is %s: a name alone does not allow that; "
		    "if it is meant, allow the address too",
		    policy_name_text(name->policy_name),
		    address_format(&learned->first_special, text),
		    address_special(&learned->first_special));
}

static void tell_cut(const struct names *names, struct name *name, bool cut)
{
	if (!cut || name->cut_told)
		return;
	name->cut_told = true;
	output_note(
		names->options.output,
		"%s has more than %d addresses: the rest is not allowed; allow a prefix instead",
		policy_name_text(name->policy_name), CGF_NAME_ADDRESSES_MAX);
}

static void learn(struct names *names, struct name *name, const struct resolver_answer *answer)
{
	const struct policy_answer addresses = {
		.addresses = answer->addresses,
		.count = answer->count,
		.ttl_s = answer->ttl_s,
		.fixed = answer->fixed,
		.now_ns = monotonic_ns(),
		.ipv6 = answer->ipv6,
	};
	struct policy_learned learned;

	bool incomplete = policy_learn(names->options.policy, name->policy_name, &addresses,
				       &learned) < 0;

	if (incomplete)
		output_note(names->options.output, "no memory for the addresses of %s",
			    policy_name_text(name->policy_name));
	tell_special(names, name, &learned);
	tell_cut(names, name, answer->cut || learned.refused);
	if ((answer->cut || learned.refused || incomplete) &&
	    policy_name_is_denied(names->options.policy, name->policy_name))
		names->overflow = true;
}

static void on_answer(const struct resolver_answer *answer, void *data)
{
	struct name *name = answer->name_data;
	struct names *names = data;

	name->status[answer->ipv6 ? FAMILY_IPV6 : FAMILY_IPV4] = answer->status;
	names->answered += answer->first;
	switch (answer->status) {
	case RESOLVER_OK:
		learn(names, name, answer);
		break;
	case RESOLVER_FAILED:
		name->error = answer->error;
		policy_resolver_failed(names->options.policy, name->policy_name, answer->ipv6);
		break;
	case RESOLVER_NOT_FOUND:
		break;
	}
	/* Once for all answers of this turn of the loop. */
	event_active(names->flush_event, EV_TIMEOUT, 0);
}

static bool has_status(const struct name *name, enum resolver_status status)
{
	return name->status[FAMILY_IPV4] == status || name->status[FAMILY_IPV6] == status;
}

/*
 * A name without an address is no fence to start in: a typing error, or a resolver that is not
 * there. A name that is denied may have none, but not for want of an answer: half an answer would
 * deny one family and leave the other open.
 */
static const char *why_unusable(const struct names *names, const struct name *name)
{
	bool failed = has_status(name, RESOLVER_FAILED);

	if (failed && policy_name_is_denied(names->options.policy, name->policy_name))
		return name->error;
	if (policy_name_address_count(name->policy_name) || name->special_told)
		return NULL;
	if (failed)
		return name->error;
	if (!policy_name_is_allowed(names->options.policy, name->policy_name))
		return NULL;
	return has_status(name, RESOLVER_NOT_FOUND) ? "no such host" : "it has no address";
}

static void list_resolvers(const struct names *names, struct failure *failure)
{
	const struct address *servers;
	size_t i, count = resolver_servers(names->resolver, &servers);
	char text[ADDRESS_TEXT_BYTES], list[LISTED_MAX * (ADDRESS_TEXT_BYTES + 2)] = "";
	size_t used = 0;

	for (i = 0; i < count && i < LISTED_MAX; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 address_format(&servers[i], text));
	failure_hint(failure, "asked: %s", list);
}

static int check_first_answers(const struct names *names, struct failure *failure)
{
	size_t i, wrong = 0;
	const char *why;

	for (i = 0; i < names->count; i++) {
		why = why_unusable(names, &names->names[i]);
		if (!why || wrong++ >= LISTED_MAX)
			continue;
		if (wrong == 1)
			failure_set(failure, 0, "cannot resolve %s: %s",
				    policy_name_text(names->names[i].policy_name), why);
		else
			failure_hint(failure, "nor %s: %s",
				     policy_name_text(names->names[i].policy_name), why);
	}
	if (!wrong)
		return 0;
	if (wrong > LISTED_MAX)
		failure_hint(failure, "nor %zu more", wrong - LISTED_MAX);
	list_resolvers(names, failure);
	return -EHOSTUNREACH;
}

static void become_ready(struct names *names)
{
	struct failure failure;
	int r = check_first_answers(names, &failure);

	names->ready = true;
	event_del(names->progress_event);
	names->options.ready(r, &failure, names->options.data);
}

static void tell_full(struct names *names, size_t refused)
{
	if (names->full_told)
		return;
	names->full_told = true;
	output_note(names->options.output, "the policy's map is full: %zu entries are not allowed",
		    refused);
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
	int r = policy_flush(names->options.policy, names->options.datapath, &refused);

	if (r == -ENOSPC)
		tell_full(names, refused);
	else if (r || names->overflow)
		give_up(names, r ? r : -EOVERFLOW);
	if (policy_take_narrowed(names->options.policy) && names->ready)
		names->options.narrowed(names->options.data);
}

static void on_flush(evutil_socket_t fd, short what, void *data)
{
	struct names *names = data;

	(void)fd;
	(void)what;
	sweep(names);
	flush(names);
	if (!names->ready && resolver_settled(names->resolver))
		become_ready(names);
}

static void on_progress(evutil_socket_t fd, short what, void *data)
{
	struct names *names = data;

	(void)fd;
	(void)what;
	output_note(names->options.output, "waiting for %zu of %zu answers from the resolver",
		    FAMILY_COUNT * names->count - names->answered, FAMILY_COUNT * names->count);
}

static int count_name(struct policy_name *policy_name, const char *text, void *data)
{
	struct names *names = data;

	(void)policy_name;
	(void)text;
	names->count++;
	return 0;
}

static int add_name(struct policy_name *policy_name, const char *text, void *data)
{
	struct names *names = data;
	struct name *name = &names->names[names->count++];

	name->policy_name = policy_name;
	return resolver_add(names->resolver, text, name);
}

static int add_names(struct names *names)
{
	policy_each_name(names->options.policy, count_name, names);
	names->names = calloc(names->count + 1, sizeof(*names->names));
	names->count = 0;
	return names->names ? policy_each_name(names->options.policy, add_name, names) : -ENOMEM;
}

/* Deny wins over everything, so a denied resolver is not asked; better said than searched for. */
static void tell_denied_resolver(const struct names *names, const struct address *server)
{
	uint32_t rule = policy_denied_by(names->options.policy, server, CGF_DNS_PORT);
	char text[ADDRESS_TEXT_BYTES], rule_text[CGF_LINE_BYTES_MAX];

	if (rule == CGF_RULE_NONE ||
	    rule_format(policy_rule(names->options.policy, rule), rule_text, sizeof(rule_text)) < 0)
		return;
	output_note(
		names->options.output,
		"the rule '%s' denies the resolver %s: the command cannot look up names with it",
		rule_text, address_format(server, text));
}

static bool is_loopback(const struct address *server)
{
	const char *special = address_special(server);

	return special && !strcmp(special, "loopback");
}

static int allow_resolvers(struct names *names)
{
	const struct address *servers;
	size_t i, count = resolver_servers(names->resolver, &servers);
	int r = 0;

	for (i = 0; !r && i < count; i++) {
		tell_denied_resolver(names, &servers[i]);
		r = policy_add_resolver(names->options.policy, &servers[i],
					is_loopback(&servers[i]) ? LOOPBACK_IFINDEX : 0);
	}
	return r;
}

static int open_resolver(struct names *names)
{
	struct address servers[CGF_RESOLVERS_MAX];
	size_t count = policy_dns(names->options.policy, servers);
	const struct resolver_options options = {
		.base = names->options.base,
		.servers = count ? servers : NULL,
		.server_count = count,
		.answer = on_answer,
		.answer_data = names,
	};

	return resolver_init(&names->resolver, &options);
}

static int make_events(struct names *names)
{
	static const struct timeval period = { .tv_sec = PROGRESS_S };

	names->flush_event = event_new(names->options.base, -1, 0, on_flush, names);
	names->progress_event = event_new(names->options.base, -1, EV_PERSIST, on_progress, names);
	if (!names->flush_event || !names->progress_event ||
	    event_add(names->progress_event, &period))
		return -ENOMEM;
	/* Also with no name at all: the rest of the policy is to be written. */
	event_active(names->flush_event, EV_TIMEOUT, 0);
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
	r = open_resolver(names);
	if (r)
		return failure_set(failure, -r, "cannot use the resolvers of /etc/resolv.conf");
	r = allow_resolvers(names);
	if (!r)
		r = make_events(names);
	if (!r)
		r = add_names(names);
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
	free((*names)->names);
	free(TAKE_PTR(*names));
}
