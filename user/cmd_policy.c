// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Policies as a whole: `show`, `check`, `delete`. */
#include <errno.h>
#include <string.h>

#include "cmd_client.h"
#include "command.h"
#include "escape.h"
#include "policyfile.h"

static const struct command_usage show_usage = {
	.name = "show",
	.help = "Usage: cgfence show [--json] [POLICY]\n"
		"Show the policies of the daemon; or of one, its rules with their addresses, how\n"
		"long these are allowed, how many flows they had, and its "
		"fences.\n\n" COMMAND_OPTIONS_HELP,
	.words_max = 1,
};

static const struct command_usage check_usage = {
	.name = "check",
	.help = "Usage: cgfence check [--json] POLICY HOST:PORT[/PROTOCOL]\n"
		"Say whether POLICY allows a destination now, and by which rule or why not:\n"
		"cgfence check build github.com:22/tcp\n"
		"The protocol is TCP if it is not said; /icmp has no port.\n\n" COMMAND_OPTIONS_HELP
		"\nThe exit status is 0 if it is allowed, 1 if it is denied, 125 for an error.\n",
	.words_min = 2,
	.words_max = 2,
	.missing = "no policy or no destination",
};

static const struct command_usage delete_usage = {
	.name = "delete",
	.help = "Usage: cgfence delete [--force] [--json] POLICY\n"
		"Delete POLICY, its file too.\n\n"
		"      --force               detach its fences first, which opens what they "
		"fence\n" COMMAND_OPTIONS_HELP,
	.options = COMMAND_FORCE,
	.words_min = 1,
	.words_max = 1,
	.missing = "no policy",
};

static int show(const struct command_options *options, const char *policy)
{
	_cleanup_free_ char *path = policy ? command_policy_path(policy, "")
					   : strdup("/v1/policies");
	const struct client_request request = { .method = "GET", .path = path };
	_cleanup_(command_answer_finish) struct command_answer answer = {};
	const struct paint paint = print_paint(stdout);
	int r = path ? command_get(options, &request, &answer) : command_end(options, -ENOMEM);

	if (r)
		return r;
	if (options->json)
		command_print_json(&answer);
	else if (policy)
		r = print_policy(stdout, answer.document, &paint);
	else
		r = print_policies(stdout, answer.document, &paint);
	return command_end(options, r);
}

int cmd_show(int argc, char *argv[])
{
	struct command_options options;
	enum command_parsed parsed = command_parse(&show_usage, argc, argv, &options);

	if (parsed != COMMAND_GO)
		return parsed == COMMAND_HELPED ? 0 : EXIT_CGFENCE;
	if (options.words[0] && !command_is_policy(&options, options.words[0]))
		return EXIT_CGFENCE;
	return show(&options, options.words[0]);
}

/* Whether it is a name or an address, as a rule has it: found here, with its place. */
static bool is_destination(const struct command_options *options, const char *text)
{
	_cleanup_(rule_finish) struct rule rule = {};
	struct rule_error error;
	char shown[512];

	if (!text[0] || text[strcspn(text, " \t")]) {
		command_complain(options,
				 "'%s' is no destination, which is one word: "
				 "github.com:22/tcp",
				 escape_text(text, shown, sizeof(shown)));
		return false;
	}
	if (!rule_parse(RULE_ALLOW, text, &rule, &error)) {
		if (rule.destination == DESTINATION_NAME || rule.destination == DESTINATION_PREFIX)
			return true;
		command_complain(options, "'%s' is many destinations; check one",
				 escape_text(text, shown, sizeof(shown)));
		return false;
	}
	command_say_rule(options, text, &error);
	return false;
}

static int check(const struct command_options *options, const char *policy, const char *destination)
{
	_cleanup_free_ char *encoded = client_encode(destination), *rest = NULL, *path = NULL;
	const struct paint paint = print_paint(stdout);
	_cleanup_(command_answer_finish) struct command_answer answer = {};
	struct client_request request = { .method = "GET" };
	const char *verdict;
	int r;

	if (!encoded || asprintf(&rest, "/check?destination=%s", encoded) < 0)
		return command_end(options, -ENOMEM);
	path = command_policy_path(policy, rest);
	if (!path)
		return command_end(options, -ENOMEM);
	request.path = path;
	r = command_get(options, &request, &answer);
	if (r)
		return r;
	if (options->json)
		command_print_json(&answer);
	else
		r = print_check(stdout, destination, answer.document, &paint);
	r = command_end(options, r);
	verdict = json_get_text(answer.document, "verdict");
	return r ? r : !verdict || strcmp(verdict, "allow") != 0;
}

int cmd_check(int argc, char *argv[])
{
	struct command_options options;
	enum command_parsed parsed = command_parse(&check_usage, argc, argv, &options);

	if (parsed != COMMAND_GO)
		return parsed == COMMAND_HELPED ? 0 : EXIT_CGFENCE;
	if (!command_is_policy(&options, options.words[0]) ||
	    !is_destination(&options, options.words[1]))
		return EXIT_CGFENCE;
	return check(&options, options.words[0], options.words[1]);
}

int cmd_delete(int argc, char *argv[])
{
	struct command_options options;
	enum command_parsed parsed = command_parse(&delete_usage, argc, argv, &options);
	_cleanup_(command_answer_finish) struct command_answer answer = {};
	struct client_request request = { .method = "DELETE" };
	_cleanup_free_ char *path = NULL;
	int r;

	if (parsed != COMMAND_GO)
		return parsed == COMMAND_HELPED ? 0 : EXIT_CGFENCE;
	if (!command_is_policy(&options, options.words[0]))
		return EXIT_CGFENCE;
	path = command_policy_path(options.words[0], options.force ? "?force=1" : "");
	if (!path)
		return command_end(&options, -ENOMEM);
	request.path = path;
	r = command_get(&options, &request, &answer);
	if (r)
		return r;
	if (options.json)
		command_print_json(&answer);
	else
		r = print_deleted(stdout, answer.document);
	return command_end(&options, r);
}
