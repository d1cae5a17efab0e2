// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whether a command can begin with the first answers. */
#include <errno.h>

#include "names_internal.h"
#include "policy.h"

/* Names that one error message lists. */
#define LISTED_MAX 3

static bool has_status(const struct name *name, enum resolver_status status)
{
	return name->asked[FAMILY_IPV4].status == status ||
	       name->asked[FAMILY_IPV6].status == status;
}

/*
 * A name without an address is no fence to start in: a typing error, or a resolver that is not
 * there. A name that is denied may have none, but not for want of an answer: half an answer would
 * deny one family and leave the other open.
 */
const char *names_why_unusable(const struct names *names, const struct name *name)
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

int names_check(const struct names *names, struct failure *failure)
{
	size_t i, wrong = 0;
	const char *why;

	for (i = 0; i < names->count; i++) {
		why = names_why_unusable(names, names->names[i]);
		if (!why || wrong++ >= LISTED_MAX)
			continue;
		if (wrong == 1)
			failure_set(failure, 0, "cannot resolve %s: %s",
				    policy_name_text(names->names[i]->policy_name), why);
		else
			failure_hint(failure, "nor %s: %s",
				     policy_name_text(names->names[i]->policy_name), why);
	}
	if (!wrong)
		return 0;
	if (wrong > LISTED_MAX)
		failure_hint(failure, "nor %zu more", wrong - LISTED_MAX);
	list_resolvers(names, failure);
	return -EHOSTUNREACH;
}
