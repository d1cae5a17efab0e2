// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fences as they stand, as JSON. */
#include <string.h>

#include "escape.h"
#include "json_internal.h"
#include "util.h"

static json_t *number_or_null(bool known, uint64_t number)
{
	return known ? json_integer((json_int_t)number) : json_null();
}

static json_t *escaped_or_null(const char *string)
{
	size_t size = ESCAPE_BYTES(string ? strlen(string) : 0);
	_cleanup_free_ char *text = malloc(size);

	if (!string || !string[0])
		return json_null();
	return text ? json_string(escape_text(string, text, size)) : NULL;
}

json_t *json_lacks(const struct standing_kernel *kernel)
{
	json_t *lacks = json_array();
	int i;

	for (i = 0; i < STANDING_LACK_COUNT; i++)
		if (kernel->lacks[i])
			json_append(&lacks, json_string(standing_lack_to_string(i)));
	return lacks;
}

json_t *json_problem(const struct standing_problem *problem)
{
	char text[STANDING_PROBLEM_BYTES];

	return json_pack("{s:s, s:s?, s:s}", "problem", standing_fault_to_string(problem->fault),
			 "of", problem->of, "message", standing_problem_format(problem, text));
}

static json_t *problems_of(const struct standing *standing)
{
	json_t *problems = json_array();
	size_t i;

	for (i = 0; i < standing->problem_count; i++)
		json_append(&problems, json_problem(&standing->problems[i]));
	return problems;
}

static json_t *resolver_of(const struct standing *standing,
			   const struct standing_resolver *resolver)
{
	enum standing_cause cause;
	enum standing_source source = standing_source(standing, resolver, &cause);
	uint64_t age_ns = standing->now_ns > resolver->answered_ns
				  ? standing->now_ns - resolver->answered_ns
				  : 0;
	char text[ADDRESS_TEXT_BYTES];

	return json_pack("{s:s, s:I, s:o, s:I, s:o, s:s, s:s?}", "address",
			 address_format(&resolver->address, text), "ifindex",
			 (json_int_t)resolver->ifindex, "device", escaped_or_null(resolver->device),
			 "answers", (json_int_t)resolver->answers, "answer_age_s",
			 number_or_null(resolver->answers, age_ns / NSEC_PER_SEC), "names",
			 standing_source_to_string(source), "cause",
			 standing_cause_to_string(cause));
}

static json_t *resolvers_of(const struct standing *standing)
{
	json_t *resolvers = json_array();
	size_t i;

	for (i = 0; i < standing->resolver_count; i++)
		json_append(&resolvers, resolver_of(standing, &standing->resolvers[i]));
	return resolvers;
}

json_t *json_counters(const struct cgf_counters *counters)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "allowed",
			 (json_int_t)counters->allowed, "denied", (json_int_t)counters->denied,
			 "audited", (json_int_t)counters->audited, "records_lost",
			 (json_int_t)counters->records_lost, "learned",
			 (json_int_t)counters->learned, "special", (json_int_t)counters->special,
			 "unlearned", (json_int_t)counters->unlearned);
}

static json_t *allow_of(const struct standing *standing)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "entries", (json_int_t)standing->entries,
			 "capacity", (json_int_t)standing->capacity, "learned",
			 (json_int_t)standing->learned, "expired", (json_int_t)standing->expired);
}

static json_t *policy_of(const struct standing *standing)
{
	const struct cgf_target *target = &standing->target;

	if (!standing->readable)
		return json_object();
	return json_pack("{s:s, s:b, s:b, s:b, s:b, s:o, s:I, s:o, s:o}", "mode",
			 cgf_mode_to_string(target->mode), "keeper", standing->has_keeper, "left",
			 standing_is_left(standing), "dns_filter",
			 !(target->flags & CGF_TARGET_ANY_QUESTION), "netns",
			 standing_knows_netns(standing), "allow", allow_of(standing), "names",
			 (json_int_t)standing->names, "counters",
			 json_counters(&standing->counters), "resolvers", resolvers_of(standing));
}

json_t *json_standing(const struct standing *standing)
{
	json_t *fence = json_pack(
		"{s:o, s:o, s:b, s:o, s:o, s:o, s:b, s:o, s:o, s:I, s:o, s:b}", "fence",
		escaped_or_null(standing->name), "target", escaped_or_null(standing->target_text),
		"whole", standing_is_whole(standing), "problems", problems_of(standing),
		"cgroup_id", number_or_null(standing->cgroup_id, standing->cgroup_id), "cgroup",
		escaped_or_null(standing->cgroup), "gone", standing->gone, "processes",
		number_or_null(standing->counted, standing->processes), "policy",
		escaped_or_null(standing->policy), "policy_fences",
		(json_int_t)standing->policy_fences, "build", escaped_or_null(standing->build),
		"families", standing->families);

	if (fence && json_object_update_new(fence, policy_of(standing)))
		json_decref(TAKE_PTR(fence));
	return fence;
}

char *json_of_standings(const struct standings *standings, const struct standing_kernel *kernel)
{
	json_t *fences = json_array();
	json_auto_t *object = NULL;
	bool whole = true;
	size_t i;

	for (i = 0; i < standings->count; i++) {
		whole &= standing_is_whole(&standings->items[i]);
		json_append(&fences, json_standing(&standings->items[i]));
	}
	object = json_pack("{s:s, s:b, s:o, s:o}", "event", "status", "whole", whole,
			   "kernel_lacks", json_lacks(kernel), "fences", fences);
	return object ? json_dumps(object, JSON_COMPACT) : NULL;
}
