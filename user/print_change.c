// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a request has changed, or would decide. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "escape.h"
#include "print.h"
#include "util.h"

/* Of rules that were added or removed; the rest is a number. */
#define SHOWN_MAX 20

static void print_rules(FILE *out, const struct json_value *rules, const char *mark,
			const char *color, const struct paint *paint)
{
	size_t count = json_items(rules), i;

	for (i = 0; i < count && i < SHOWN_MAX; i++) {
		const char *rule = json_item_text(rules, i);
		_cleanup_free_ char *shown = escape_again(rule ? rule : "");

		fprintf(out, "  %s%s%s %s\n", color, mark, paint->plain, shown ? shown : "");
	}
	if (count > SHOWN_MAX)
		fprintf(out, "  %s%s%s %zu more\n", color, mark, paint->plain, count - SHOWN_MAX);
}

int print_change(FILE *out, const struct json_value *answer, const struct paint *paint)
{
	const struct json_value *added = json_get(answer, "added"),
				*removed = json_get(answer, "removed");
	const char *name = json_get_text(answer, "name");
	_cleanup_free_ char *shown = escape_again(name ? name : "");
	char count[PRINT_COUNT_BYTES];

	if (!shown)
		return -ENOMEM;
	fprintf(out, "%s%s%s: ", paint->bold, shown, paint->plain);
	if (!json_items(added) && !json_items(removed) && json_get_flag(answer, "created", false))
		fputs("created, without rules: nothing is allowed\n", out);
	else if (!json_items(added) && !json_items(removed))
		fputs(json_get_flag(answer, "changed", false) ? "changed\n" : "unchanged\n", out);
	else
		fprintf(out, "%s added, %zu removed\n",
			print_count((int64_t)json_items(added), "rule", "rules", count),
			json_items(removed));
	print_rules(out, added, "+", paint->green, paint);
	print_rules(out, removed, "-", paint->red, paint);
	print_warnings(out, json_get(answer, "warnings"), paint);
	return 0;
}

int print_deleted(FILE *out, const struct json_value *answer)
{
	const struct json_value *detached = json_get(answer, "detached");
	const char *name = json_get_text(answer, "name");
	_cleanup_free_ char *shown = escape_again(name ? name : "");
	size_t i;

	if (!shown)
		return -ENOMEM;
	fprintf(out, "%s: deleted\n", shown);
	for (i = 0; i < json_items(detached); i++) {
		const char *fence = json_item_text(detached, i);
		_cleanup_free_ char *text = print_target(fence ? fence : "");

		fprintf(out, "  detached %s\n", text ? text : "");
	}
	return 0;
}

static bool is_allowed(const struct json_value *verdict)
{
	const char *text = json_get_text(verdict, "verdict");

	return text && !strcmp(text, "allow");
}

static void print_verdict(FILE *out, const struct json_value *verdict, const struct paint *paint)
{
	bool allowed = is_allowed(verdict);

	fprintf(out, "%s%s%s", allowed ? paint->green : paint->red, allowed ? "allowed" : "denied",
		paint->plain);
}

/* The rules deny it, and only that is told. */
static bool is_let_through(const struct json_value *answer)
{
	const char *mode = json_get_text(answer, "mode");

	return !is_allowed(answer) && mode && !strcmp(mode, "audit");
}

int print_check(FILE *out, const char *destination, const struct json_value *answer,
		const struct paint *paint)
{
	const char *rule = json_get_text(answer, "rule"), *reason = json_get_text(answer, "reason");
	const struct json_value *addresses = json_get(answer, "addresses");
	bool audited = is_let_through(answer);
	_cleanup_free_ char *what = escape_again(destination), *why = escape_again(rule	    ? rule
										   : reason ? reason
											    : "");
	size_t i;

	if (!what || !why)
		return -ENOMEM;
	fprintf(out, "%s: ", what);
	print_verdict(out, answer, paint);
	fprintf(out, "%s%s%s", why[0] ? " (" : "", why, why[0] ? ")" : "");
	fputs(audited ? " (let through: mode audit)\n" : "\n", out);
	/* One that is what was asked for says nothing new. */
	for (i = 0; i < json_items(addresses); i++) {
		const struct json_value *item = json_item(addresses, i);
		const char *address = json_get_text(item, "address");
		_cleanup_free_ char *shown = escape_again(address ? address : "");

		fprintf(out, "  %s ", shown ? shown : "");
		print_verdict(out, item, paint);
		fputc('\n', out);
	}
	return 0;
}

int print_fence(FILE *out, const struct json_value *answer, const char *done, const char *waiting,
		const struct paint *paint)
{
	const char *target = json_get_text(answer, "target"),
		   *policy = json_get_text(answer, "policy"),
		   *cgroup = json_get_text(answer, "cgroup"),
		   *state = json_get_text(answer, "state");
	_cleanup_free_ char *from = escape_again(policy ? policy : ""),
			    *to = escape_again(target ? target : ""),
			    *path = escape_again(cgroup ? cgroup : "");
	char processes[PRINT_COUNT_BYTES];

	if (!from || !to || !path)
		return -ENOMEM;
	fprintf(out, "%s%s%s: %s %s\n", paint->bold, from, paint->plain, done, to);
	/* A warning says why it does not stand though it is there, or may be. */
	if (state && !strcmp(state, "waiting") && !json_items(json_get(answer, "warnings")))
		fprintf(out, "  %s\n", waiting);
	else if (path[0])
		fprintf(out, "  cgroup %s, %s\n", path,
			print_count(json_get_number(answer, "processes", 0), "process", "processes",
				    processes));
	print_warnings(out, json_get(answer, "warnings"), paint);
	return 0;
}
