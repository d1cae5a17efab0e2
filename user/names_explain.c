// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Why a name allows nothing, in words. */
#include <string.h>

#include "names_internal.h"
#include "policy.h"

/* What its rule has behind the name, as `:443/tcp`; a wildcard is for more than is to be opened. */
static const char *ports_of(const struct names *names, const char *name,
			    char text[CGF_LINE_BYTES_MAX])
{
	const struct policy *policy = names->options.policy;
	const struct rule *rule = policy_rule(policy, policy_question_allowed_by(policy, name));
	const char *destination;

	if (!rule || rule_format(rule, text, CGF_LINE_BYTES_MAX) < 0)
		return "";
	destination = text + strlen(rule_verb_to_string(rule->verb));
	return strstr(destination, rule->name) + strlen(rule->name);
}

const char *names_special_text(const struct names *names, const char *name,
			       const struct address *address, bool only, char text[NAMES_WHY_BYTES])
{
	char shown[ADDRESS_TEXT_BYTES], rule[CGF_LINE_BYTES_MAX];

	snprintf(text, NAMES_WHY_BYTES,
		 "%s has %sthe address %s, which is %s: a name alone does not allow that; if it "
		 "is meant, allow '%s%s private', or the address too",
		 name, only ? "only " : "", address_format(address, shown),
		 address_special(address), name, ports_of(names, name, rule));
	return text;
}

static const char *why_no_address(const struct name *name)
{
	const struct asked *ipv4 = &name->asked[FAMILY_IPV4], *ipv6 = &name->asked[FAMILY_IPV6];

	if (ipv4->status == RESOLVER_FAILED || ipv6->status == RESOLVER_FAILED)
		return name->error;
	return ipv4->status == RESOLVER_NOT_FOUND || ipv6->status == RESOLVER_NOT_FOUND
		       ? "no such host"
		       : "it has no address";
}

static bool cannot_resolve(const char *text, const char *why, char ret_text[NAMES_WHY_BYTES])
{
	if (why)
		snprintf(ret_text, NAMES_WHY_BYTES, "cannot resolve %s: %s", text, why);
	return why;
}

/* Of one that is looked up, and has no address to allow. */
static bool explain_none(const struct name *name, const char *text, char ret_text[NAMES_WHY_BYTES])
{
	if (name->asked[FAMILY_IPV4].answered && name->asked[FAMILY_IPV6].answered)
		return cannot_resolve(text, why_no_address(name), ret_text);
	snprintf(ret_text, NAMES_WHY_BYTES, "%s is not resolved yet", text);
	return true;
}

bool names_explain(const struct names *names, const char *text, char ret_text[NAMES_WHY_BYTES])
{
	const struct policy *policy = names->options.policy;
	const struct policy_name *known = policy_name_known(policy, text);
	const struct name *name = known ? policy_name_data(known) : NULL;
	struct policy_name_addresses addresses;

	if (!known)
		return false;
	addresses = policy_name_addresses(known);
	if (policy_name_is_allowed(policy, known) && addresses.special) {
		names_special_text(names, text, &addresses.first_special, !addresses.allowed,
				   ret_text);
		return true;
	}
	if (!name)
		return false;
	if (policy_name_is_allowed(policy, known) && !addresses.allowed)
		return explain_none(name, text, ret_text);
	return cannot_resolve(text, names_why_unusable(names, name), ret_text);
}
