// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd_client.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "command.h"
#include "escape.h"
#include "output.h"
#include "policyfile.h"

#define CODE_OWN "command"

enum {
	OPTION_SOCKET = 0x100,
	OPTION_JSON,
	OPTION_FORCE,
	OPTION_PERSISTENT,
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "persistent", no_argument, NULL, OPTION_PERSISTENT },
	{},
};

void command_print_error(const struct command_options *options, const char *code,
			 const char *message, size_t line, size_t column)
{
	_cleanup_free_ char *text = NULL;

	if (!options->json)
		return;
	text = json_of_error(code, message ? message : strerror(ENOMEM), line, column);
	if (text)
		puts(text);
}

int command_complain(const struct command_options *options, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	fprintf(stderr, "cgfence: %s: %s\n", options->command, text ? text : strerror(ENOMEM));
	command_print_error(options, CODE_OWN, text, 0, 0);
	return EXIT_CGFENCE;
}

int command_fail(const struct command_options *options, const struct failure *failure)
{
	output_failure(failure);
	command_print_error(options, CODE_OWN, failure->text, 0, 0);
	return EXIT_CGFENCE;
}

int command_say_rule(const struct command_options *options, const char *text,
		     const struct rule_error *error)
{
	char source[64];

	snprintf(source, sizeof(source), "cgfence: %s", options->command);
	rule_error_print(stderr, source, 0, text, strlen(text), error);
	command_print_error(options, "invalid_rule", error->message, 0, error->column + 1);
	return EXIT_CGFENCE;
}

/* Those that only some commands have. */
static bool take_special(const struct command_usage *usage, struct command_options *options,
			 int option)
{
	if (option == OPTION_FORCE && usage->options & COMMAND_FORCE) {
		options->force = true;
		return true;
	}
	if (option == OPTION_PERSISTENT && usage->options & COMMAND_PERSISTENT) {
		options->persistent = true;
		return true;
	}
	if (option == OPTION_FORCE || option == OPTION_PERSISTENT)
		command_complain(options, "there is no --%s",
				 option == OPTION_FORCE ? "force" : "persistent");
	return false;
}

static bool take(const struct command_usage *usage, struct command_options *options, int option)
{
	switch (option) {
	case OPTION_SOCKET:
		options->socket = optarg;
		options->socket_is_given = true;
		return true;
	case OPTION_JSON:
		options->json = true;
		return true;
	}
	return take_special(usage, options, option);
}

static bool check_words(const struct command_usage *usage, struct command_options *options)
{
	const char *extra;
	char shown[256];

	if (options->word_count < usage->words_min) {
		command_complain(options, "%s", usage->missing);
		return false;
	}
	if (!usage->words_max || options->word_count <= usage->words_max)
		return true;
	extra = options->words[usage->words_max];
	command_complain(options, "there is no use for '%s'",
			 escape_text(extra, shown, sizeof(shown)));
	return false;
}

enum command_parsed command_parse(const struct command_usage *usage, int argc, char *argv[],
				  struct command_options *ret_options)
{
	struct command_options options = { .command = usage->name, .socket = CLIENT_SOCKET };
	bool good = true;
	int option;

	argv[0] = (char *)"cgfence";
	while (good && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage->help, stdout);
			return COMMAND_HELPED;
		}
		good = take(usage, &options, option);
	}
	options.words = argv + optind;
	options.word_count = argc - optind;
	if (!good || !check_words(usage, &options)) {
		fprintf(stderr, "cgfence: see cgfence %s --help\n", usage->name);
		return COMMAND_WRONG;
	}
	*ret_options = options;
	return COMMAND_GO;
}

bool command_is_policy(const struct command_options *options, const char *name)
{
	char policy[CGF_POLICY_NAME_MAX + 1], shown[256];

	if (!policyfile_name(name, policy) && !strcmp(name, policy))
		return true;
	command_complain(options,
			 "'%s' is no name of a policy, which has letters, digits, '_' and '-', "
			 "at most %d",
			 escape_text(name, shown, sizeof(shown)), CGF_POLICY_NAME_MAX);
	return false;
}

void command_answer_finish(struct command_answer *answer)
{
	client_answer_finish(&answer->raw);
	json_release(&answer->document);
}

int command_ask(const struct command_options *options, const struct client_request *request,
		struct command_answer *ret_answer)
{
	struct command_answer answer = {};
	struct failure failure;

	if (client_ask(options->socket, request, &answer.raw, &failure))
		return command_fail(options, &failure);
	if (json_read(answer.raw.body, answer.raw.length, &answer.document)) {
		command_complain(options,
				 "what answers at %s is no cgfence daemon: status %d, and no JSON",
				 options->socket, answer.raw.status);
		command_answer_finish(&answer);
		return EXIT_CGFENCE;
	}
	*ret_answer = answer;
	return 0;
}

const struct json_value *command_refused(const struct command_answer *answer)
{
	return json_get(answer->document, "error");
}

int command_say_refusal(const struct command_options *options, const struct command_answer *answer)
{
	const struct json_value *error = command_refused(answer);
	const char *message = json_get_text(error, "message");

	if (options->json)
		command_print_json(answer);
	fprintf(stderr, "cgfence: %s: ", options->command);
	print_lines(stderr, message ? message : "the daemon refused, and did not say why", "");
	return EXIT_CGFENCE;
}

int command_get(const struct command_options *options, const struct client_request *request,
		struct command_answer *ret_answer)
{
	_cleanup_(command_answer_finish) struct command_answer answer = {};
	int r = command_ask(options, request, &answer);

	if (r)
		return r;
	if (command_refused(&answer) || answer.raw.status >= 300)
		return command_say_refusal(options, &answer);
	*ret_answer = TAKE(answer, (struct command_answer){});
	return 0;
}

void command_print_json(const struct command_answer *answer)
{
	size_t length = answer->raw.length;

	while (length && answer->raw.body[length - 1] == '\n')
		length--;
	fwrite(answer->raw.body, 1, length, stdout);
	putchar('\n');
}

int command_print_change(const struct command_options *options, const struct command_answer *answer)
{
	const struct paint paint = print_paint(stdout);
	int r = 0;

	if (options->json)
		command_print_json(answer);
	else
		r = print_change(stdout, answer->document, &paint);
	return command_end(options, r);
}

int command_end(const struct command_options *options, int r)
{
	if (!r && (fflush(stdout) || ferror(stdout)))
		r = -errno;
	if (!r)
		return 0;
	/* There is nowhere to write it as JSON. */
	fprintf(stderr, "cgfence: %s: cannot write: %s\n", options->command, strerror(-r));
	return EXIT_CGFENCE;
}

char *command_policy_path(const char *policy, const char *rest)
{
	char *path;

	return asprintf(&path, "/v1/policies/%s%s", policy, rest) < 0 ? NULL : path;
}
