// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The exposition. The samples of one name stand together, so all is gathered first. */
#include <inttypes.h>
#include <string.h>

#include "decision.h"
#include "metrics_internal.h"
#include "policies.h"
#include "util.h"

/* A policy, as it was when it was looked at. */
struct sample {
	char *name; /* owned */
	struct policies_policy policy;
};

struct samples {
	struct sample *items; /* owned */
	size_t count, capacity;
};

static void samples_finish(struct samples *samples)
{
	size_t i;

	for (i = 0; i < samples->count; i++)
		free(samples->items[i].name);
	free(samples->items);
}

/* Without memory it is missing. */
static void take_policy(const struct policies_policy *policy, void *data)
{
	struct samples *samples = data;
	struct sample sample = { strdup(policy->name), *policy };

	if (sample.name && samples->count == samples->capacity) {
		size_t capacity = samples->capacity ? samples->capacity * 2 : 16;
		struct sample *items = reallocarray(samples->items, capacity, sizeof(*items));

		if (items) {
			samples->items = items;
			samples->capacity = capacity;
		}
	}
	if (!sample.name || samples->count == samples->capacity) {
		free(sample.name);
		return;
	}
	samples->items[samples->count++] = sample;
}

/* --- lines ----------------------------------------------------------------------------------- */

/* A label's value may be any text in UTF-8. */
static void write_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '\\' || *value == '"')
			fprintf(out, "\\%c", *value);
		else
			fputc((unsigned char)*value < 0x80 ? *value : '?', out);
	}
	fputc('"', out);
}

static void write_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* --- policies -------------------------------------------------------------------------------- */

#define VALUE(field)                                                                               \
	static uint64_t value_of_##field(const struct policies_policy *policy)                     \
	{                                                                                          \
		return (uint64_t)policy->field;                                                    \
	}
#define COUNTER(field)                                                                             \
	static uint64_t counter_of_##field(const struct policies_policy *policy)                   \
	{                                                                                          \
		return policy->counters.field;                                                     \
	}

VALUE(rules)
VALUE(names)
VALUE(addresses)
VALUE(entries)
VALUE(capacity)
VALUE(generation)
VALUE(names_overdue)
VALUE(resolver_failures)
COUNTER(records_lost)
COUNTER(learned)
COUNTER(unlearned)
COUNTER(special)

static uint64_t is_problem(const struct policies_policy *policy)
{
	return policy->problem != NULL;
}

static uint64_t is_audit(const struct policies_policy *policy)
{
	return policy->mode == CGF_MODE_AUDIT;
}

static const struct family {
	const char *name, *type, *help;
	uint64_t (*value)(const struct policies_policy *policy);
} families[] = {
	{ "cgfence_policy_rules", "gauge", "Rules of the policy.", value_of_rules },
	{ "cgfence_policy_names", "gauge", "Names of the policy that have addresses.",
	  value_of_names },
	{ "cgfence_policy_addresses", "gauge", "Addresses of these names.", value_of_addresses },
	{ "cgfence_policy_entries", "gauge", "Entries in the kernel's map of what is allowed.",
	  value_of_entries },
	{ "cgfence_policy_entries_capacity", "gauge", "Entries that this map has room for.",
	  value_of_capacity },
	{ "cgfence_policy_audit", "gauge", "1 if what is denied is let through, or 0.", is_audit },
	{ "cgfence_policy_problem", "gauge",
	  "1 if what is in force is not what the policy's file says, or 0.", is_problem },
	{ "cgfence_policy_changes_total", "counter",
	  "Changes of the policy since the daemon began.", value_of_generation },
	{ "cgfence_policy_names_overdue", "gauge",
	  "Names that should have been answered anew by now.", value_of_names_overdue },
	{ "cgfence_resolver_failures_total", "counter",
	  "Questions of the daemon that got no usable answer.", value_of_resolver_failures },
	{ "cgfence_records_lost_total", "counter",
	  "Decisions that were not recorded, as the ring buffer was full.",
	  counter_of_records_lost },
	{ "cgfence_learned_entries_total", "counter",
	  "Entries that DNS answers gave or renewed in the kernel.", counter_of_learned },
	{ "cgfence_unlearned_entries_total", "counter",
	  "Entries of DNS answers that the map had no room for.", counter_of_unlearned },
	{ "cgfence_special_addresses_total", "counter",
	  "Addresses in DNS answers that a public name must not have.", counter_of_special },
};

static void write_family(FILE *out, const struct family *family, const struct samples *samples)
{
	size_t i;

	write_head(out, family->name, family->type, family->help);
	for (i = 0; i < samples->count; i++) {
		fprintf(out, "%s{", family->name);
		write_label(out, "policy", samples->items[i].name);
		fprintf(out, "} %" PRIu64 "\n", family->value(&samples->items[i].policy));
	}
}

static void write_flow(FILE *out, const char *policy, const char *verdict, uint64_t count)
{
	fputs("cgfence_flows_total{", out);
	write_label(out, "policy", policy);
	fprintf(out, ",verdict=\"%s\"} %" PRIu64 "\n", verdict, count);
}

static void write_flows(FILE *out, const struct samples *samples)
{
	size_t i;

	write_head(out, "cgfence_flows_total", "counter",
		   "Flows, as the kernel decided; audited: would have been denied.");
	for (i = 0; i < samples->count; i++) {
		const struct cgf_counters *counters = &samples->items[i].policy.counters;
		const char *policy = samples->items[i].name;

		write_flow(out, policy, "allowed", counters->allowed);
		write_flow(out, policy, "denied", counters->denied);
		write_flow(out, policy, "audited", counters->audited);
	}
}

/* --- decisions ------------------------------------------------------------------------------- */

static void write_counts(FILE *out, const struct metrics_counts *counts)
{
	enum cgf_verdict verdict;
	enum cgf_reason reason;

	for (verdict = CGF_DENY; verdict <= CGF_ALLOW; verdict++)
		for (reason = 0; reason < CGF_REASON_COUNT; reason++) {
			if (!counts->counts[verdict][reason])
				continue;
			fputs("cgfence_decisions_total{", out);
			write_label(out, "policy", counts->policy);
			fprintf(out, ",verdict=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
				cgf_verdict_to_string(verdict), cgf_reason_to_string(reason),
				counts->counts[verdict][reason]);
		}
}

static void write_decisions(FILE *out, const struct metrics *metrics)
{
	const struct metrics_counts *counts;

	write_head(out, "cgfence_decisions_total", "counter",
		   "Decisions that were recorded, by reason; verdict allow: in audit mode.");
	for (counts = metrics->policies; counts; counts = counts->hh.next)
		write_counts(out, counts);
}

/* --- names ----------------------------------------------------------------------------------- */

struct names {
	FILE *out;
	const char *policy;
	uint64_t now_ns;
};

/* One that was never answered is older than any limit. */
static void write_name(const struct policies_name *name, void *data)
{
	const struct names *names = data;
	uint64_t age_ns = name->answered_ns < names->now_ns ? names->now_ns - name->answered_ns : 0;

	fputs("cgfence_name_age_seconds{", names->out);
	write_label(names->out, "policy", names->policy);
	fputc(',', names->out);
	write_label(names->out, "name", name->name);
	if (name->answered_ns)
		fprintf(names->out, "} %llu.%03llu\n", age_ns / NSEC_PER_SEC,
			age_ns % NSEC_PER_SEC / NSEC_PER_MSEC);
	else
		fputs("} +Inf\n", names->out);
}

static void write_names(FILE *out, struct policies *policies, const struct samples *samples)
{
	struct names names = { out, NULL, monotonic_ns() };
	size_t i;

	write_head(out, "cgfence_name_age_seconds", "gauge",
		   "Time since the name's last good answer; +Inf if there was none.");
	for (i = 0; i < samples->count; i++) {
		names.policy = samples->items[i].name;
		policies_each_name(policies, names.policy, write_name, &names);
	}
}

/* --- fences ---------------------------------------------------------------------------------- */

struct fences {
	FILE *out;
	const char *name;
	uint64_t (*value)(const struct policies_fence *fence);
};

static uint64_t is_standing(const struct policies_fence *fence)
{
	return fence->state == FENCE_STANDING && !fence->problem_count && !fence->policy_problem &&
	       !fence->obstacle;
}

static uint64_t processes_of(const struct policies_fence *fence)
{
	return fence->processes;
}

static uint64_t repairs_of(const struct policies_fence *fence)
{
	return fence->repairs;
}

static void write_fence(const struct policies_fence *fence, void *data)
{
	const struct fences *fences = data;

	fprintf(fences->out, "%s{", fences->name);
	write_label(fences->out, "policy", fence->policy);
	fputc(',', fences->out);
	write_label(fences->out, "fence", fence->name);
	fprintf(fences->out, "} %" PRIu64 "\n", fences->value(fence));
}

static void write_fences(FILE *out, const struct policies *policies)
{
	struct fences fences = { out, "cgfence_fence_whole", is_standing };

	write_head(out, fences.name, "gauge",
		   "1 if the fence stands as it should, or 0: see cgfence status.");
	policies_each_fence(policies, NULL, write_fence, &fences);
	fences = (struct fences){ out, "cgfence_fence_processes", processes_of };
	write_head(out, fences.name, "gauge", "Processes in the fence.");
	policies_each_fence(policies, NULL, write_fence, &fences);
	fences = (struct fences){ out, "cgfence_fence_repairs_total", repairs_of };
	write_head(out, fences.name, "counter", "Times that a part of the fence was put right.");
	policies_each_fence(policies, NULL, write_fence, &fences);
}

struct totals {
	uint64_t states[FENCE_STATE_COUNT];
};

static void count_fence(const struct policies_fence *fence, void *data)
{
	((struct totals *)data)->states[fence->state]++;
}

static void write_totals(FILE *out, const struct policies *policies, size_t count)
{
	struct totals totals = { { 0 } };

	policies_each_fence(policies, NULL, count_fence, &totals);
	write_head(out, "cgfence_build_info", "gauge", "The version; always 1.");
	fprintf(out, "cgfence_build_info{version=\"%s\"} 1\n", CGFENCE_VERSION);
	write_head(out, "cgfence_policies", "gauge", "Policies.");
	fprintf(out, "cgfence_policies %zu\n", count);
	write_head(out, "cgfence_fences", "gauge",
		   "Fences; waiting: its target is not there; unreplaced: "
		   "one of another version is on it still.");
	fprintf(out,
		"cgfence_fences{state=\"standing\"} %" PRIu64 "\n"
		"cgfence_fences{state=\"waiting\"} %" PRIu64 "\n"
		"cgfence_fences{state=\"unreplaced\"} %" PRIu64 "\n",
		totals.states[FENCE_STANDING], totals.states[FENCE_WAITING],
		totals.states[FENCE_UNREPLACED]);
}

void metrics_write(struct metrics *metrics, struct policies *policies, FILE *out)
{
	_cleanup_(samples_finish) struct samples samples = { 0 };
	size_t i;

	metrics_forget_others(metrics, policies);
	policies_each(policies, take_policy, &samples);
	write_totals(out, policies, samples.count);
	write_flows(out, &samples);
	write_decisions(out, metrics);
	for (i = 0; i < ARRAY_SIZE(families); i++)
		write_family(out, &families[i], &samples);
	write_names(out, policies, &samples);
	write_fences(out, policies);
}
