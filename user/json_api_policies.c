// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Policies, as they are in force. */
#include <errno.h>

#include "json_api_internal.h"
#include "util.h"

static json_t *policy_object(const struct policies_policy *policy)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
			 json_api_text(policy->name), "mode", cgf_mode_to_string(policy->mode),
			 "file", json_api_text(policy->file), "rules",
			 json_api_count(policy->rules), "names", json_api_count(policy->names),
			 "addresses", json_api_count(policy->addresses), "entries",
			 json_api_count(policy->entries), "capacity",
			 json_api_count(policy->capacity), "fences", json_api_count(policy->fences),
			 "problem", json_api_text(policy->problem));
}

static void add_policy(const struct policies_policy *policy, void *data)
{
	json_append(data, policy_object(policy));
}

char *json_api_of_policies(struct policies *policies)
{
	json_t *array = json_array();

	policies_each(policies, add_policy, &array);
	return json_dump(json_pack("{s:o}", "policies", array));
}

/* --- one policy, in full --------------------------------------------------------------------- */

struct gathered {
	json_t *array;
	uint64_t now_ns;
};

static const char *const sources[] = {
	[POLICIES_FROM_RULE] = "rule",
	[POLICIES_FROM_ANSWER] = "answer",
	[POLICIES_FROM_POLL] = "poll",
};
_Static_assert(ARRAY_SIZE(sources) == POLICIES_SOURCE_COUNT, "a name for each");

static json_t *seconds_left(const struct policies_address *address, uint64_t now_ns)
{
	if (address->expires_ns == CGF_NEVER_EXPIRES)
		return json_null();
	return json_api_count(
		address->expires_ns > now_ns ? (address->expires_ns - now_ns) / NSEC_PER_SEC : 0);
}

static json_t *seconds_since(uint64_t then_ns, uint64_t now_ns)
{
	if (!then_ns)
		return json_null();
	return json_api_count(then_ns < now_ns ? (now_ns - then_ns) / NSEC_PER_SEC : 0);
}

static json_t *address_object(const struct policies_address *address, uint64_t now_ns)
{
	char text[PREFIX_TEXT_BYTES];

	return json_pack("{s:s, s:o, s:o, s:o, s:s}", "address",
			 prefix_format(&address->prefix, text), "expires_in_s",
			 seconds_left(address, now_ns), "idle_s",
			 seconds_since(address->used_ns, now_ns), "flows",
			 json_api_count(address->flows), "source", sources[address->source]);
}

static void add_rule(const struct policies_rule *rule, void *data)
{
	struct gathered *rules = data;
	json_t *addresses = json_array();
	size_t i;

	for (i = 0; i < rule->address_count; i++)
		json_append(&addresses, address_object(&rule->addresses[i], rules->now_ns));
	json_append(&rules->array,
		    json_pack("{s:o, s:o, s:o, s:o}", "rule", json_api_text(rule->text), "flows",
			      json_api_count(rule->flows), "addresses", addresses, "warning",
			      json_api_text(rule->warning)));
}

static void add_fence(const struct policies_fence *fence, void *data)
{
	json_append(data, json_api_fence_object(fence));
}

static json_t *text_of(struct policies *policies, const char *name)
{
	_cleanup_free_ char *text = NULL;
	size_t length;

	if (policies_text(policies, name, &text, &length, NULL))
		return json_null();
	return json_api_text_n(text, length);
}

static void take_policy(const struct policies_policy *policy, void *data)
{
	json_t **object = data;

	*object = policy_object(policy);
	if (*object && json_object_set_new(*object, "counters", json_counters(&policy->counters)))
		json_decref(TAKE_PTR(*object));
}

int json_api_of_policy(struct policies *policies, const char *name, char **ret_text)
{
	struct gathered rules = { .now_ns = monotonic_ns() };
	json_auto_t *object = NULL;
	json_t *fences;
	char *text;

	if (policies_get(policies, name, take_policy, &object))
		return -ENOENT;
	rules.array = json_array();
	policies_each_rule(policies, name, add_rule, &rules);
	fences = json_array();
	policies_each_fence(policies, name, add_fence, &fences);
	if (json_object_update_new(object, json_pack("{s:o, s:o, s:o}", "rule_list", rules.array,
						     "fence_list", fences, "text",
						     text_of(policies, name))))
		return -ENOMEM;
	text = json_dumps(object, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

/* --- what a destination would meet ----------------------------------------------------------- */

char *json_api_of_verdict(const struct policies_verdict *verdict)
{
	json_t *addresses = json_array();
	char text[ADDRESS_TEXT_BYTES];
	size_t i;

	for (i = 0; i < verdict->answer_count; i++)
		json_append(&addresses,
			    json_pack("{s:s, s:s}", "address",
				      address_format(&verdict->answers[i].address, text), "verdict",
				      verdict->answers[i].allowed ? "allow" : "deny"));
	return json_dump(json_pack("{s:s, s:s, s:o, s:o, s:o}", "verdict",
				   verdict->allowed ? "allow" : "deny", "mode",
				   cgf_mode_to_string(verdict->mode), "rule",
				   json_api_text(verdict->rule[0] ? verdict->rule : NULL), "reason",
				   json_api_text(verdict->reason), "addresses", addresses));
}
