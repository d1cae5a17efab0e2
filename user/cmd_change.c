// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rules of a policy: `allow`, `remove`. Wrong ones are found before any is sent. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cmd_client.h"
#include "command.h"
#include "escape.h"
#include "policyfile.h"

static const struct command_usage allow_usage = {
	.name = "allow",
	.help = "Usage: cgfence allow [--json] POLICY RULE...\n"
		"Add rules to POLICY, while it is in force and in its file: all of them or none.\n"
		"RULE is what follows 'allow' in a file, one word: github.com:22, or\n"
		"'inside.example:80 private'. When this returns they are in force, and names have\n"
		"their first addresses.\n\n" COMMAND_OPTIONS_HELP,
	.words_min = 2,
	.missing = "no policy or no rule",
};

static const struct command_usage remove_usage = {
	.name = "remove",
	.help = "Usage: cgfence remove [--json] POLICY RULE...\n"
		"Remove rules from POLICY, while it is in force and from its file: all of them or\n"
		"none. RULE is as for cgfence allow; or with its verb, 'deny 10.0.0.0/8'. Flows\n"
		"that nothing allows any more are cut.\n\n" COMMAND_OPTIONS_HELP,
	.words_min = 2,
	.missing = "no policy or no rule",
};

/* Rules as lines, in canonical form. */
struct lines {
	char **items; /* owned */
	size_t count;
};

static void lines_finish(struct lines *lines)
{
	while (lines->count)
		free(lines->items[--lines->count]);
	free(TAKE_PTR(lines->items));
}

static bool is_any_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(word, *words))
			return true;
	return false;
}

/*
 * What stands behind a name in a file is a word of its own on a command line, if it is not quoted;
 * and `private` alone is a rule that opens a lot.
 */
static bool is_stray(const char *word, const struct rule *before)
{
	static const char *const options[] = { "private", "ttl", NULL };

	return before && before->verb == RULE_ALLOW &&
	       (before->destination == DESTINATION_NAME ||
		before->destination == DESTINATION_WILDCARD) &&
	       is_any_of(word, options);
}

/* With a verb in front only if there is something behind it, and if it may have one. */
static bool has_verb(const char *word)
{
	size_t length = strcspn(word, " \t"), verb;

	for (verb = 0; verb < RULE_VERB_COUNT; verb++)
		if (!strncasecmp(word, rule_verb_to_string(verb), length) &&
		    !rule_verb_to_string(verb)[length])
			return word[length] && word[length + strspn(word + length, " \t")];
	return false;
}

static int parse(const struct command_options *options, const char *word, bool verbs,
		 struct rule *rule)
{
	struct rule_error error;
	int r;

	if (!verbs && has_verb(word))
		return command_complain(options,
					"a rule is what follows 'allow', such as github.com:22; "
					"other rules, as deny, come by cgfence apply");
	if (verbs && has_verb(word))
		r = rule_parse_line(word, rule, &error) == 1 ? 0 : -EINVAL;
	else
		r = rule_parse(RULE_ALLOW, word, rule, &error);
	if (!r)
		return 0;
	command_say_rule(options, word, &error);
	return r;
}

static int parse_all(const struct command_options *options, bool verbs, struct rules *rules)
{
	char **words = options->words + 1;
	struct rule *before = NULL, rule;
	char shown[256];

	for (; *words; words++) {
		if (is_stray(*words, before))
			return command_complain(options,
						"'%s' is a rule of its own here; if it belongs to "
						"the one before it, quote both as one word",
						escape_text(*words, shown, sizeof(shown)));
		if (parse(options, *words, verbs, &rule))
			return EXIT_CGFENCE;
		if (rules_add(rules, &rule))
			return command_complain(options, "too many rules");
		before = &rules->rules[rules->count - 1];
	}
	return 0;
}

static int lines_init(struct lines *lines, const struct rules *rules)
{
	char text[CGF_LINE_BYTES_MAX];
	size_t i;

	lines->items = calloc(rules->count, sizeof(*lines->items));
	for (i = 0; lines->items && i < rules->count; i++) {
		if (rule_format(&rules->rules[i], text, sizeof(text)) < 0)
			return -E2BIG;
		lines->items[i] = strdup(text);
		if (!lines->items[i])
			return -ENOMEM;
		lines->count++;
	}
	return lines->items ? 0 : -ENOMEM;
}

/* "add[1]": which rule it is about; NULL. */
static const char *find_rule(const struct json_value *error, const struct lines *lines)
{
	const char *field = json_get_text(error, "field"),
		   *bracket = field ? strchr(field, '[') : NULL;
	size_t index = bracket ? strtoul(bracket + 1, NULL, 10) : lines->count;

	return index < lines->count ? lines->items[index] : NULL;
}

/* What this client takes and the daemon does not: with its place, as far as that is known. */
static int say_refusal(const struct command_options *options, const struct command_answer *answer,
		       const struct lines *lines)
{
	const struct json_value *error = command_refused(answer);
	const char *rule = find_rule(error, lines), *message = json_get_text(error, "message");
	int64_t column = json_get_number(error, "column", 0);
	struct rule_error place = { .length = 1 };
	char source[64];

	if (!rule || !message || column < 1 || strchr(message, '\n')) {
		command_say_refusal(options, answer);
		if (rule && column < 1 && message && !strstr(message, rule))
			fprintf(stderr, "  rule: %s\n", rule);
		return EXIT_CGFENCE;
	}
	if (options->json)
		command_print_json(answer);
	place.column = (size_t)column - 1;
	snprintf(place.message, sizeof(place.message), "%s", message);
	snprintf(source, sizeof(source), "cgfence: %s", options->command);
	rule_error_print(stderr, source, 0, rule, strlen(rule), &place);
	return EXIT_CGFENCE;
}

static int send_edit(const struct command_options *options, const struct lines *lines,
		     const char *path, const char *body)
{
	const struct client_request request = {
		.method = "POST",
		.path = path,
		.type = "application/json",
		.body = body,
		.length = strlen(body),
	};
	_cleanup_(command_answer_finish) struct command_answer answer = {};
	int r = command_ask(options, &request, &answer);

	if (r)
		return r;
	return command_refused(&answer) ? say_refusal(options, &answer, lines)
					: command_print_change(options, &answer);
}

static int change(const struct command_usage *usage, bool remove, int argc, char *argv[])
{
	_cleanup_(rules_finish) struct rules rules = {};
	_cleanup_(lines_finish) struct lines lines = {};
	_cleanup_free_ char *path = NULL, *body = NULL;
	struct command_options options;
	enum command_parsed parsed = command_parse(usage, argc, argv, &options);
	const char *const *texts;
	int r;

	if (parsed != COMMAND_GO)
		return parsed == COMMAND_HELPED ? 0 : EXIT_CGFENCE;
	if (!command_is_policy(&options, options.words[0]) || parse_all(&options, remove, &rules))
		return EXIT_CGFENCE;
	r = lines_init(&lines, &rules);
	if (r)
		return command_end(&options, r);
	texts = (const char *const *)lines.items;
	path = command_policy_path(options.words[0], "/rules");
	body = json_of_edit(remove ? NULL : texts, remove ? 0 : lines.count, remove ? texts : NULL,
			    remove ? lines.count : 0);
	return path && body ? send_edit(&options, &lines, path, body)
			    : command_end(&options, -ENOMEM);
}

int cmd_allow(int argc, char *argv[])
{
	return change(&allow_usage, false, argc, argv);
}

int cmd_remove(int argc, char *argv[])
{
	return change(&remove_usage, true, argc, argv);
}
