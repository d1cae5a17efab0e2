// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "standing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

#define LOOPBACK_INDEX 1

struct words {
	const char *name, *text;
};

/* `%s` is the program or the map. */
static const struct words faults[] = {
	[STANDING_UNATTACHED] = { "unattached", "no program is attached: the cgroup is gone, or "
						"somebody has detached them%s" },
	[STANDING_LINK_MISSING] = { "link_missing", "the %s program has no link" },
	[STANDING_LINK_DETACHED] = { "link_detached", "the %s program is detached" },
	[STANDING_LINK_ASTRAY] = { "link_astray", "the %s program is on another cgroup" },
	[STANDING_LINK_FOREIGN] = { "link_foreign", "the %s program is not the fence's" },
	[STANDING_UNREADABLE] = { "unreadable", "another version of cgfence made it, whose maps "
						"this one cannot read%s" },
	[STANDING_SHUT] = { "shut", "it is shut: everything is denied%s" },
	[STANDING_SLOT_EMPTY] = { "slot_empty",
				  "the map %s of the policy is gone: everything is denied" },
	[STANDING_SLOT_UNPINNED] = { "slot_unpinned",
				     "the map %s that decides is not the one that is pinned" },
	[STANDING_SLOT_FOREIGN] = { "slot_foreign",
				    "the map %s that decides was not the policy's" },
	[STANDING_PROGRAM_REPLACED] = { "program_replaced", "the %s program was replaced" },
	[STANDING_PIN_REMOVED] = { "pin_removed", "the pin of %s was removed" },
	[STANDING_PIN_FOREIGN] = { "pin_foreign", "something else was pinned as %s" },
	[STANDING_TARGET_CHANGED] = { "target_changed", "which policy it has, and how, was "
							"changed%s" },
	[STANDING_ENTRY_MISSING] = { "entry_missing", "an entry of the map %s was deleted" },
	[STANDING_ENTRY_FOREIGN] = { "entry_foreign",
				     "the map %s had an entry that is not the policy's" },
	[STANDING_ENTRY_CHANGED] = { "entry_changed", "an entry of the map %s was changed" },
	[STANDING_UNPROVED] = { "unproved", "whether it is as it was made cannot be known%s" },
	[STANDING_NOT_KEPT] = { "not_kept", "no daemon keeps it: start cgfence daemon%s" },
	[STANDING_NAMES_OVERDUE] = { "names_overdue", "names could not be looked up for too "
						      "long%s" },
};
_Static_assert(ARRAY_SIZE(faults) == STANDING_FAULT_COUNT, "a fault has no words");

static const struct words sources[] = {
	[STANDING_LEARNED] = { "learned", "learned" },
	[STANDING_UNANSWERED] = { "unanswered", "learned, no answer yet" },
	[STANDING_POLLED] = { "polled", "polled" },
	[STANDING_NOT_AT_ALL] = { "not_at_all", "neither learned nor polled" },
};
_Static_assert(ARRAY_SIZE(sources) == STANDING_SOURCE_COUNT, "a source has no words");

static const struct words causes[] = {
	[STANDING_NO_CAUSE] = { NULL, NULL },
	[STANDING_CAUSE_DENIED] = { "denied", "a deny rule shuts it" },
	[STANDING_CAUSE_PROGRAMS] = { "programs", "these programs do not learn" },
	[STANDING_CAUSE_LINKS] = { "links", "not every program is attached" },
	[STANDING_CAUSE_NETNS] = { "netns", "the fence's network namespace is not known" },
};
_Static_assert(ARRAY_SIZE(causes) == STANDING_CAUSE_COUNT, "a cause has no words");

static const struct words lacks[] = {
	[STANDING_LACK_SET_RETVAL] = { "set_retval", "what cannot be fenced fails with EPERM, not "
						     "with EPROTONOSUPPORT" },
	[STANDING_LACK_COARSE_CLOCK] = { "coarse_clock",
					 "entries that run out cost a slower clock" },
	[STANDING_LACK_SOCKOPT_TASK] = { "sockopt_task",
					 "denied socket options are told without their process" },
	[STANDING_LACK_LSM] = { "lsm",
				"no BPF LSM runs, so AF_PACKET and the like are refused by the "
				"seccomp filter of cgfence run only, and not by a daemon's fences: "
				"take CAP_NET_RAW from the container" },
};
_Static_assert(ARRAY_SIZE(lacks) == STANDING_LACK_COUNT, "a lack has no words");

void standings_finish(struct standings *standings)
{
	size_t i;

	for (i = 0; i < standings->count; i++) {
		free(TAKE_PTR(standings->items[i].cgroup));
		free(TAKE_PTR(standings->items[i].target_text));
	}
	free(TAKE_PTR(standings->items));
	standings->count = 0;
}

static int compare(const void *left, const void *right)
{
	return strverscmp(((const struct standing *)left)->name,
			  ((const struct standing *)right)->name);
}

void standings_sort(struct standings *standings)
{
	if (standings->count)
		qsort(standings->items, standings->count, sizeof(*standings->items), compare);
}

static int compare_name(const void *name, const void *standing)
{
	return strverscmp(name, ((const struct standing *)standing)->name);
}

const struct standing *standings_find(const struct standings *standings, const char *name)
{
	return standings->count ? bsearch(name, standings->items, standings->count,
					  sizeof(*standings->items), compare_name)
				: NULL;
}

void standing_add_problem(struct standing *standing, enum standing_fault fault, const char *of)
{
	if (standing->problem_count == STANDING_PROBLEMS_MAX)
		return;
	standing->problems[standing->problem_count++] = (struct standing_problem){ fault, of };
}

bool standing_is_left(const struct standing *standing)
{
	bool nobody = !standing->cgroup_id || standing->gone ||
		      (standing->counted && !standing->populated);

	return standing->readable && !standing->has_keeper && !standing->of_daemon && nobody;
}

const char *standing_fault_to_string(enum standing_fault fault)
{
	return faults[fault].name;
}

const char *standing_problem_format(const struct standing_problem *problem,
				    char text[STANDING_PROBLEM_BYTES])
{
	const char *place = strstr(faults[problem->fault].text, "%s");

	snprintf(text, STANDING_PROBLEM_BYTES, "%.*s%s%s",
		 (int)(place - faults[problem->fault].text), faults[problem->fault].text,
		 problem->of ? problem->of : "", place + sizeof("%s") - 1);
	return text;
}

static bool is_link_fault(enum standing_fault fault)
{
	return fault == STANDING_UNATTACHED || fault == STANDING_LINK_MISSING ||
	       fault == STANDING_LINK_DETACHED || fault == STANDING_LINK_ASTRAY ||
	       fault == STANDING_LINK_FOREIGN || fault == STANDING_PROGRAM_REPLACED;
}

static bool lacks_a_link(const struct standing *standing)
{
	size_t i;

	for (i = 0; i < standing->problem_count; i++)
		if (is_link_fault(standing->problems[i].fault))
			return true;
	return false;
}

static enum standing_cause cause_of(const struct standing *standing,
				    const struct standing_resolver *resolver)
{
	if (resolver->denied)
		return STANDING_CAUSE_DENIED;
	if (lacks_a_link(standing))
		return STANDING_CAUSE_LINKS;
	if (!standing->learns)
		return STANDING_CAUSE_PROGRAMS;
	return resolver->netns_cookie || standing->target.netns_cookie ? STANDING_NO_CAUSE
								       : STANDING_CAUSE_NETNS;
}

bool standing_knows_netns(const struct standing *standing)
{
	size_t i;

	for (i = 0; i < standing->resolver_count; i++)
		if (standing->resolvers[i].netns_cookie)
			return true;
	return standing->target.netns_cookie;
}

enum standing_source standing_source(const struct standing *standing,
				     const struct standing_resolver *resolver,
				     enum standing_cause *ret_cause)
{
	*ret_cause = cause_of(standing, resolver);
	if (*ret_cause)
		return standing->has_keeper ? STANDING_POLLED : STANDING_NOT_AT_ALL;
	return resolver->answers ? STANDING_LEARNED : STANDING_UNANSWERED;
}

const char *standing_source_to_string(enum standing_source source)
{
	return sources[source].name;
}

const char *standing_cause_to_string(enum standing_cause cause)
{
	return causes[cause].name;
}

static const char *text_of(const struct words *table, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (table[i].name && !strcmp(table[i].name, name))
			return table[i].text;
	return name;
}

const char *standing_source_text(const char *source)
{
	return text_of(sources, ARRAY_SIZE(sources), source);
}

const char *standing_cause_text(const char *cause)
{
	return text_of(causes, ARRAY_SIZE(causes), cause);
}

const char *standing_lack_name_text(const char *lack)
{
	return text_of(lacks, ARRAY_SIZE(lacks), lack);
}

const char *standing_source_format(const struct standing *standing,
				   const struct standing_resolver *resolver,
				   char text[STANDING_SOURCE_BYTES])
{
	enum standing_cause cause;
	enum standing_source source = standing_source(standing, resolver, &cause);

	snprintf(text, STANDING_SOURCE_BYTES, "%s%s%s", sources[source].text, cause ? ": " : "",
		 cause ? causes[cause].text : "");
	return text;
}

const char *standing_device(const struct standing_resolver *resolver,
			    char text[STANDING_DEVICE_BYTES])
{
	if (resolver->ifindex == 0)
		snprintf(text, STANDING_DEVICE_BYTES, "any");
	else if (resolver->ifindex == LOOPBACK_INDEX)
		snprintf(text, STANDING_DEVICE_BYTES, "loopback");
	else if (resolver->device[0])
		snprintf(text, STANDING_DEVICE_BYTES, "%s", resolver->device);
	else
		snprintf(text, STANDING_DEVICE_BYTES, "number %" PRIu32, resolver->ifindex);
	return text;
}

/* The clocks of programs and of userspace may be a tick apart. */
const char *standing_ago(const struct standing *standing, const struct standing_resolver *resolver,
			 char text[STANDING_AGO_BYTES])
{
	uint64_t ns = standing->now_ns > resolver->answered_ns
			      ? standing->now_ns - resolver->answered_ns
			      : 0;
	uint64_t s = ns / NSEC_PER_SEC;

	if (!resolver->answers)
		snprintf(text, STANDING_AGO_BYTES, "-");
	else if (s < 120)
		snprintf(text, STANDING_AGO_BYTES, "%" PRIu64 " s ago", s);
	else if (s < 2 * 3600)
		snprintf(text, STANDING_AGO_BYTES, "%" PRIu64 " min ago", s / 60);
	else
		snprintf(text, STANDING_AGO_BYTES, "%" PRIu64 " h ago", s / 3600);
	return text;
}

const char *cgf_mode_to_string(uint32_t mode)
{
	return mode == CGF_MODE_AUDIT ? "audit" : "enforce";
}

const char *standing_lack_to_string(enum standing_lack lack)
{
	return lacks[lack].name;
}

const char *standing_lack_text(enum standing_lack lack)
{
	return lacks[lack].text;
}
