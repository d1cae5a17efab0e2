// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which addresses a rule has in force, by itself and by its names. */
#include <string.h>

#include "policy_internal.h"

struct teller {
	uint32_t rule;
	bool allows;
	policy_rule_address_fn found;
	void *data;
};

/* What is denied stays so until an answer says otherwise, though its time is over. */
static int tell_name(const struct policy_name *name, const struct teller *teller)
{
	uint64_t now_ns = monotonic_ns();
	struct policy_rule_address told = { .name = name->text };
	size_t i;
	int r = 0;

	for (i = 0; !r && i < name->address_count; i++) {
		if (teller->allows &&
		    (!name->addresses[i].allowed || name->addresses[i].expires_ns <= now_ns))
			continue;
		told.address = name->addresses[i].address;
		told.expires_ns = teller->allows ? name->addresses[i].expires_ns
						 : name_address_ends_ns(&name->addresses[i]);
		r = teller->found(&told, teller->data);
	}
	return r;
}

static int tell_all(const struct policy_name *names, const struct teller *teller)
{
	const struct policy_name *name;
	int r = 0;

	for (name = names; !r && name; name = name->hh.next)
		if (policy_name_has_rule(name, teller->rule))
			r = tell_name(name, teller);
	return r;
}

/* The name itself, and what libc makes of one without a dot. */
static int tell_own(const struct policy *policy, const char *text, const struct teller *teller)
{
	const struct policy_name *name;

	if (policy->search_count && !strchr(text, '.'))
		return tell_all(policy->names, teller);
	name = policy_name_find(policy->names, text, strlen(text));
	return name && policy_name_has_rule(name, teller->rule) ? tell_name(name, teller) : 0;
}

int policy_each_rule_address(const struct policy *policy, uint32_t rule,
			     policy_rule_address_fn found, void *data)
{
	const struct rule *said = policy_rule(policy, rule);
	const struct teller teller = { rule, said && said->verb == RULE_ALLOW, found, data };
	struct policy_rule_address told = { .expires_ns = CGF_NEVER_EXPIRES };
	int r;

	if (!said || (said->verb != RULE_ALLOW && said->verb != RULE_DENY))
		return 0;
	switch (said->destination) {
	case DESTINATION_NAME:
		return tell_own(policy, said->name, &teller);
	case DESTINATION_WILDCARD:
		r = tell_all(policy->names, &teller);
		return r ? r : tell_all(policy->learned, &teller);
	case DESTINATION_PREFIX:
		told.address = said->prefix.address;
		return said->prefix.bits == 128 ? found(&told, data) : 0;
	case DESTINATION_WORD:
	case DESTINATION_NONE:
		break;
	}
	return 0;
}

const struct policy_name *policy_name_known(const struct policy *policy, const char *text)
{
	size_t length = strlen(text);
	const struct policy_name *name = policy_name_find(policy->names, text, length);

	return name ? name : policy_name_find(policy->learned, text, length);
}

size_t policy_name_address_count(const struct policy_name *name)
{
	size_t i, count = 0;

	for (i = 0; i < name->address_count; i++)
		count += name->addresses[i].allowed;
	return count;
}

struct policy_name_addresses policy_name_addresses(const struct policy_name *name)
{
	struct policy_name_addresses addresses = {};
	uint64_t now_ns = monotonic_ns();
	size_t i;

	for (i = 0; i < name->address_count; i++) {
		if (name->addresses[i].expires_ns <= now_ns)
			continue;
		if (name->addresses[i].allowed)
			addresses.allowed++;
		else if (!addresses.special++)
			addresses.first_special = name->addresses[i].address;
	}
	return addresses;
}

static void count_names(const struct policy_name *names, size_t *count, size_t *addresses)
{
	const struct policy_name *name;

	for (name = names; name; name = name->hh.next) {
		*count += policy_name_address_count(name) > 0;
		*addresses += policy_name_address_count(name);
	}
}

void policy_count_names(const struct policy *policy, size_t *ret_names, size_t *ret_addresses)
{
	size_t names = 0, addresses = 0;

	count_names(policy->names, &names, &addresses);
	count_names(policy->learned, &names, &addresses);
	*ret_names = names;
	*ret_addresses = addresses;
}
