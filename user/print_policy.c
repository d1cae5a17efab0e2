// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Policies as they are in force: all of them, or one with its rules and fences. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "escape.h"
#include "print.h"
#include "table.h"
#include "util.h"

static void add_number(struct table *table, const struct json_value *value, const char *key)
{
	table_add(table, "%" PRId64, json_get_number(value, key, 0));
}

static void add_headline(struct table *table, const char *const *words)
{
	size_t i;

	for (i = 0; i < table->columns; i++)
		table_add(table, "%s", words[i]);
}

static void add_policy(struct table *table, const struct json_value *policy)
{
	table_add_text(table, json_get_text(policy, "name"));
	table_add_text(table, json_get_text(policy, "mode"));
	add_number(table, policy, "rules");
	add_number(table, policy, "names");
	add_number(table, policy, "addresses");
	table_add(table, "%" PRId64 " of %" PRId64, json_get_number(policy, "entries", 0),
		  json_get_number(policy, "capacity", 0));
	add_number(table, policy, "fences");
}

static void print_problem(FILE *out, const struct json_value *policy, const char *before,
			  const char *gap, const struct paint *paint)
{
	const char *problem = json_get_text(policy, "problem");

	if (!problem)
		return;
	fprintf(out, "%s%swrong%s%s", before, paint->red, paint->plain, gap);
	print_lines(out, problem, "           ");
}

static void print_named_problem(FILE *out, const struct json_value *policy,
				const struct paint *paint)
{
	const char *name = json_get_text(policy, "name");
	_cleanup_free_ char *before = NULL, *shown = escape_again(name ? name : "");

	if (shown && asprintf(&before, "%s: ", shown) >= 0)
		print_problem(out, policy, before, "  ", paint);
}

int print_policies(FILE *out, const struct json_value *answer, const struct paint *paint)
{
	static const char *const words[] = { "POLICY",	  "MODE",    "RULES", "NAMES",
					     "ADDRESSES", "ENTRIES", "FENCES" };
	_cleanup_(table_finish) struct table table = { .columns = ARRAY_SIZE(words) };
	const struct json_value *policies = json_get(answer, "policies");
	size_t i;
	int r;

	if (!json_items(policies)) {
		fputs("no policy\n", out);
		return 0;
	}
	add_headline(&table, words);
	for (i = 0; i < json_items(policies); i++)
		add_policy(&table, json_item(policies, i));
	r = table_print(&table, out, "", paint->bold, paint->plain);
	for (i = 0; !r && i < json_items(policies); i++)
		print_named_problem(out, json_item(policies, i), paint);
	return r;
}

static void print_head(FILE *out, const struct json_value *policy, const struct paint *paint)
{
	char rules[PRINT_COUNT_BYTES], names[PRINT_COUNT_BYTES], addresses[PRINT_COUNT_BYTES];
	const char *name = json_get_text(policy, "name"), *file = json_get_text(policy, "file"),
		   *mode = json_get_text(policy, "mode");
	_cleanup_free_ char *shown = escape_again(name ? name : ""),
			    *path = escape_again(file ? file : "(gone; it stays as it was)");

	if (!shown || !path)
		return;
	fprintf(out, "%s%s%s: %s, %s, %s, %s\n", paint->bold, shown, paint->plain,
		mode && !strcmp(mode, "audit") ? "audit, what it denies is let through" : "enforce",
		print_count(json_get_number(policy, "rules", 0), "rule", "rules", rules),
		print_count(json_get_number(policy, "names", 0), "name", "names", names),
		print_count(json_get_number(policy, "addresses", 0), "address", "addresses",
			    addresses));
	print_problem(out, policy, "  ", "      ", paint);
	fprintf(out, "  file       %s\n", path);
	fprintf(out, "  allow      %" PRId64 " of %" PRId64 " entries\n",
		json_get_number(policy, "entries", 0), json_get_number(policy, "capacity", 0));
}

static void print_counters(FILE *out, const struct json_value *counters)
{
	char special[PRINT_COUNT_BYTES];

	if (!counters)
		return;
	fprintf(out,
		"  decisions  %" PRId64 " allowed, %" PRId64 " denied, %" PRId64
		" would be denied, %" PRId64 " not recorded\n",
		json_get_number(counters, "allowed", 0), json_get_number(counters, "denied", 0),
		json_get_number(counters, "audited", 0),
		json_get_number(counters, "records_lost", 0));
	fprintf(out,
		"  answers    %" PRId64 " entries written, %" PRId64
		" without room; %s not for names\n",
		json_get_number(counters, "learned", 0), json_get_number(counters, "unlearned", 0),
		print_count(json_get_number(counters, "special", 0), "address", "addresses",
			    special));
}

static void add_address(struct table *table, const struct json_value *address)
{
	_cleanup_free_ char *shown = NULL;
	const char *text = json_get_text(address, "address");
	char left[PRINT_TIME_BYTES], idle[PRINT_TIME_BYTES];

	shown = escape_again(text ? text : "-");
	table_add(table, "  %s", shown ? shown : "-");
	add_number(table, address, "flows");
	table_add(table, "%s", print_time(json_get_number(address, "expires_in_s", -1), left));
	table_add(table, "%s", print_time(json_get_number(address, "idle_s", -1), idle));
	table_add_text(table, json_get_text(address, "source"));
}

static void add_rule(struct table *table, const struct json_value *rule)
{
	const struct json_value *addresses = json_get(rule, "addresses");
	size_t i;

	table_add_text(table, json_get_text(rule, "rule"));
	add_number(table, rule, "flows");
	table_add(table, "%s", "");
	table_add(table, "%s", "");
	table_add(table, "%s", "");
	for (i = 0; i < json_items(addresses); i++)
		add_address(table, json_item(addresses, i));
}

static int print_rules(FILE *out, const struct json_value *rules, const struct paint *paint)
{
	static const char *const words[] = { "RULE", "FLOWS", "LEFT", "IDLE", "FROM" };
	_cleanup_(table_finish) struct table table = { .columns = ARRAY_SIZE(words) };
	const char *warning;
	size_t i;
	int r;

	if (!json_items(rules))
		return 0;
	add_headline(&table, words);
	for (i = 0; i < json_items(rules); i++)
		add_rule(&table, json_item(rules, i));
	r = table_print(&table, out, "  ", paint->bold, paint->plain);
	for (i = 0; i < json_items(rules); i++) {
		warning = json_get_text(json_item(rules, i), "warning");
		if (!warning)
			continue;
		fprintf(out, "  %swarning%s    ", paint->yellow, paint->plain);
		print_lines(out, warning, "             ");
	}
	return r;
}

static void add_fence(struct table *table, const struct json_value *fence)
{
	const char *state = json_get_text(fence, "state");
	_cleanup_free_ char *shown = escape_again(state ? state : "-");

	table_add_text(table, json_get_text(fence, "target"));
	table_add(table, "%s%s", shown ? shown : "-",
		  json_get_flag(fence, "persistent", false) ? ", persistent" : "");
	if (json_get_number(fence, "processes", -1) < 0)
		table_add(table, "-");
	else
		add_number(table, fence, "processes");
	table_add_text(table, json_get_text(fence, "cgroup"));
}

static int print_fences(FILE *out, const struct json_value *fences, const struct paint *paint)
{
	static const char *const words[] = { "FENCE", "STATE", "PROCESSES", "CGROUP" };
	_cleanup_(table_finish) struct table table = { .columns = ARRAY_SIZE(words) };
	size_t i;

	if (!json_items(fences))
		return 0;
	add_headline(&table, words);
	for (i = 0; i < json_items(fences); i++)
		add_fence(&table, json_item(fences, i));
	return table_print(&table, out, "  ", paint->bold, paint->plain);
}

int print_policy(FILE *out, const struct json_value *answer, const struct paint *paint)
{
	int r;

	print_head(out, answer, paint);
	print_counters(out, json_get(answer, "counters"));
	r = print_rules(out, json_get(answer, "rule_list"), paint);
	return r ? r : print_fences(out, json_get(answer, "fence_list"), paint);
}
