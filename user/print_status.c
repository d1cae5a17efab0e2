// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fences as they stand: what json_of_standings() has. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "collect.h"
#include "escape.h"
#include "print.h"
#include "standing.h"
#include "table.h"
#include "util.h"

static int64_t number(const struct json_value *value, const char *key)
{
	return json_get_number(value, key, 0);
}

/* "; put right now" or " (for 2 min)"; the caller frees it. */
static char *format_since(const struct json_value *problem)
{
	int64_t since_s = json_get_number(problem, "since_s", -1);
	char time[PRINT_TIME_BYTES], *text;

	if (json_get_flag(problem, "repaired", false))
		return strdup("; put right now");
	if (since_s < 0)
		return strdup("");
	return asprintf(&text, " (for %s)", print_time(since_s, time)) < 0 ? NULL : text;
}

static void print_problems(FILE *out, const struct json_value *problems, const struct paint *paint)
{
	size_t i;

	for (i = 0; i < json_items(problems); i++) {
		const struct json_value *problem = json_item(problems, i);
		_cleanup_free_ char *since = format_since(problem), *text = NULL;
		const char *message = json_get_text(problem, "message"), *hint;

		message = message ? message : "";
		hint = strchrnul(message, '\n');
		/* A hint is a line of its own, and indented by 2. */
		if (!since ||
		    asprintf(&text, "%.*s%s%s", (int)(hint - message), message, since, hint) < 0)
			continue;
		fprintf(out, "  %swrong%s      ", paint->red, paint->plain);
		print_lines(out, text, "           ");
	}
}

static void print_repair(FILE *out, const struct json_value *repair)
{
	const struct json_value *problems = json_get(repair, "problems");
	char ago[PRINT_TIME_BYTES];
	size_t i;

	if (!json_items(problems))
		return;
	fprintf(out, "  repaired   %s ago: ", print_time(number(repair, "age_s"), ago));
	for (i = 0; i < json_items(problems); i++) {
		const char *message = json_get_text(json_item(problems, i), "message");
		_cleanup_free_ char *shown = escape_again(message ? message : "");

		fprintf(out, "%s%s", i ? "; " : "", shown ? shown : "");
	}
	fputc('\n', out);
}

static const char *no_cgroup(const struct json_value *fence)
{
	if (!number(fence, "cgroup_id"))
		return "(none)";
	return json_get_flag(fence, "gone", false) ? "(gone)" : "(out of sight)";
}

static void print_cgroup(FILE *out, const struct json_value *fence)
{
	const char *cgroup = json_get_text(fence, "cgroup"), *build = json_get_text(fence, "build");
	_cleanup_free_ char *path = escape_again(cgroup ? cgroup : no_cgroup(fence)),
			    *of = escape_again(build ? build : "");
	int64_t processes = json_get_number(fence, "processes", -1);

	if (!path || !of)
		return;
	fprintf(out, "  cgroup     %s\n", path);
	if (build)
		fprintf(out, "  programs   of build %s%s\n", of,
			json_get_flag(fence, "families", false)
				? ", with that for families of sockets"
				: "");
	else
		fputs("  programs   of a build that is not pinned any more\n", out);
	if (processes >= 0)
		fprintf(out, "  processes  %" PRId64 "\n", processes);
}

static bool is_of_daemon(const struct json_value *fence)
{
	const char *name = json_get_text(fence, "fence");

	return name && strncmp(name, COLLECT_PREFIX, strlen(COLLECT_PREFIX)) != 0;
}

/* Whose successor stands beside it already. */
static bool is_beside(const struct json_value *fence)
{
	const char *name = json_get_text(fence, "fence");

	return name && is_of_daemon(fence) && strstr(name, STANDING_ASIDE);
}

static const char *keeper_text(const struct json_value *fence)
{
	if (json_get_flag(fence, "keeper", false))
		return "running";
	if (is_beside(fence))
		return "of another version: it stays until all names that its policy denies have "
		       "been answered";
	if (is_of_daemon(fence))
		return "gone: the fence stands, and names are learned; what only the daemon looked "
		       "up runs out";
	if (json_get_flag(fence, "left", false))
		return "gone: the next cgfence run removes this fence";
	return "gone: names are learned still; refused questions get EPERM; what only it looked "
	       "up runs out";
}

static void print_keeper(FILE *out, const struct json_value *fence)
{
	char changes[PRINT_COUNT_BYTES], repairs[PRINT_COUNT_BYTES], names[PRINT_COUNT_BYTES];

	if (!json_get_flag(fence, "kept", false)) {
		fprintf(out, "  cgfence    %s\n", keeper_text(fence));
		return;
	}
	fprintf(out, "  cgfence    the daemon keeps it: %s, %s, %s overdue\n",
		print_count(number(fence, "generation"), "change", "changes", changes),
		print_count(number(fence, "repairs"), "repair", "repairs", repairs),
		print_count(number(fence, "names_overdue"), "name", "names", names));
	print_repair(out, json_get(fence, "last_repair"));
}

static void print_policy_of(FILE *out, const struct json_value *fence)
{
	const char *policy = json_get_text(fence, "policy"), *mode = json_get_text(fence, "mode");
	_cleanup_free_ char *name = escape_again(policy ? policy : "(not pinned)");

	fprintf(out, "  policy     %s, %s\n", name ? name : "",
		mode && !strcmp(mode, "audit") ? "audit: what it denies is let through"
					       : "enforce");
	print_keeper(out, fence);
	fprintf(out, "  questions  %s\n",
		json_get_flag(fence, "dns_filter", true) ? "only for names in rules"
							 : "any may be asked: --no-dns-filter");
	/* A daemon knows the namespaces of a fence by their places. */
	if (!json_get_flag(fence, "kept", false))
		fprintf(out, "  namespace  %s\n",
			json_get_flag(fence, "netns", false)
				? "known: answers in this network namespace are learned"
				: "not known yet: no answer is learned");
}

static void print_counts(FILE *out, const struct json_value *fence)
{
	const struct json_value *counters = json_get(fence, "counters"),
				*allow = json_get(fence, "allow");
	int64_t fences = number(fence, "policy_fences");
	char special[PRINT_COUNT_BYTES];

	if (fences > 1)
		fprintf(out, "  counted    for all %" PRId64 " fences of the policy together:\n",
			fences);
	fprintf(out,
		"  allow      %" PRId64 " of %" PRId64 " entries, %" PRId64
		" of them by answers, %" PRId64 " run out\n",
		number(allow, "entries"), number(allow, "capacity"), number(allow, "learned"),
		number(allow, "expired"));
	fprintf(out, "  names      %" PRId64 " of %d, search domains included\n",
		number(fence, "names"), CGF_NAMES_MAX);
	fprintf(out,
		"  decisions  %" PRId64 " allowed, %" PRId64 " denied, %" PRId64
		" would be denied, %" PRId64 " not recorded\n",
		number(counters, "allowed"), number(counters, "denied"),
		number(counters, "audited"), number(counters, "records_lost"));
	fprintf(out,
		"  answers    %" PRId64 " entries written, where none lasted as long; %" PRId64
		" without room; %s not for names\n",
		number(counters, "learned"), number(counters, "unlearned"),
		print_count(number(counters, "special"), "address", "addresses", special));
}

static void add_device(struct table *table, const struct json_value *resolver)
{
	struct standing_resolver known = { .ifindex = (uint32_t)number(resolver, "ifindex") };
	const char *device = json_get_text(resolver, "device");
	char text[STANDING_DEVICE_BYTES];

	snprintf(known.device, sizeof(known.device), "%s", device ? device : "");
	table_add_text(table, standing_device(&known, text));
}

static void add_last(struct table *table, const struct json_value *resolver)
{
	struct standing_resolver known = { .answers = (uint64_t)number(resolver, "answers") };
	struct standing now = { .now_ns = (uint64_t)number(resolver, "answer_age_s") *
					  NSEC_PER_SEC };
	char text[STANDING_AGO_BYTES];

	table_add(table, "%s", standing_ago(&now, &known, text));
}

static void add_source(struct table *table, const struct json_value *resolver)
{
	const char *source = json_get_text(resolver, "names"),
		   *cause = json_get_text(resolver, "cause");
	_cleanup_free_ char *names = escape_again(source ? standing_source_text(source) : ""),
			    *why = escape_again(cause ? standing_cause_text(cause) : "");

	table_add(table, "%s%s%s", names ? names : "", cause ? ": " : "", why ? why : "");
}

static int print_resolvers(FILE *out, const struct json_value *resolvers, const struct paint *paint)
{
	static const char *const words[] = { "RESOLVER", "DEVICE", "ANSWERS", "LAST", "NAMES ARE" };
	_cleanup_(table_finish) struct table table = { .columns = ARRAY_SIZE(words) };
	size_t i;

	if (!json_items(resolvers))
		return 0;
	for (i = 0; i < ARRAY_SIZE(words); i++)
		table_add(&table, "%s", words[i]);
	for (i = 0; i < json_items(resolvers); i++) {
		const struct json_value *resolver = json_item(resolvers, i);

		table_add_text(&table, json_get_text(resolver, "address"));
		add_device(&table, resolver);
		table_add(&table, "%" PRId64, number(resolver, "answers"));
		add_last(&table, resolver);
		add_source(&table, resolver);
	}
	return table_print(&table, out, "  ", paint->bold, paint->plain);
}

static bool has_problem(const struct json_value *fence, const char *name)
{
	const struct json_value *problems = json_get(fence, "problems");
	const char *problem;
	size_t i;

	for (i = 0; i < json_items(problems); i++) {
		problem = json_get_text(json_item(problems, i), "problem");
		if (problem && !strcmp(problem, name))
			return true;
	}
	return false;
}

/* In one word, and whether it is a good one. */
static const char *verdict_of(const struct json_value *fence, bool *ret_good)
{
	const char *state = json_get_text(fence, "state");

	*ret_good = json_get_flag(fence, "whole", false);
	if (state && !strcmp(state, "waiting"))
		return has_problem(fence, "not_fenced") ? "not fenced" : "waits for its target";
	return *ret_good ? "stands whole" : "not whole";
}

static int print_standing(FILE *out, const struct json_value *fence, const struct paint *paint)
{
	const char *target = json_get_text(fence, "target"),
		   *name = target ? target : json_get_text(fence, "fence");
	_cleanup_free_ char *shown = escape_again(name ? name : "");
	const char *verdict;
	bool good;

	if (!shown)
		return -ENOMEM;
	verdict = verdict_of(fence, &good);
	fprintf(out, "%s%s%s: %s%s%s%s\n", paint->bold, shown, paint->plain, good ? "" : paint->red,
		verdict, good ? "" : paint->plain,
		json_get_flag(fence, "persistent", false) ? ", persistent" : "");
	print_problems(out, json_get(fence, "problems"), paint);
	print_warnings(out, json_get(fence, "warnings"), paint);
	/* There is nothing of it in the kernel. */
	if (!json_get(fence, "build") && !json_get(fence, "cgroup_id"))
		return 0;
	print_cgroup(out, fence);
	/* Without them its maps could not be read. */
	if (!json_get(fence, "counters"))
		return 0;
	print_policy_of(out, fence);
	print_counts(out, fence);
	return print_resolvers(out, json_get(fence, "resolvers"), paint);
}

/* Of no fence. */
static void print_file_problems(FILE *out, const struct json_value *problems,
				const struct paint *paint)
{
	if (!json_items(problems))
		return;
	fprintf(out, "\n%sfiles%s: %snot as they should be%s\n", paint->bold, paint->plain,
		paint->red, paint->plain);
	print_problems(out, problems, paint);
}

static void print_kernel(FILE *out, const struct json_value *lacks)
{
	size_t i;

	for (i = 0; i < json_items(lacks); i++) {
		const char *lack = json_item_text(lacks, i);
		_cleanup_free_ char *text = escape_again(lack ? standing_lack_name_text(lack) : "");

		fprintf(out, "%s%s", i ? "; " : "\nthis kernel: ", text ? text : "");
	}
	if (json_items(lacks))
		fputc('\n', out);
}

int print_status(FILE *out, const struct json_value *answer, const struct paint *paint)
{
	const struct json_value *fences = json_get(answer, "fences");
	size_t i;
	int r = 0;

	for (i = 0; !r && i < json_items(fences); i++) {
		fputs(i ? "\n" : "", out);
		r = print_standing(out, json_item(fences, i), paint);
	}
	if (!json_items(fences))
		fputs("no fence\n", out);
	print_file_problems(out, json_get(answer, "problems"), paint);
	print_kernel(out, json_get(answer, "kernel_lacks"));
	return r;
}
