// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `apply`: files become policies. All are read before any is sent. */
#include <errno.h>
#include <string.h>

#include "cmd_client.h"
#include "command.h"
#include "escape.h"
#include "file.h"
#include "policyfile.h"

static const struct command_usage apply_usage = {
	.name = "apply",
	.help = "Usage: cgfence apply [--json] FILE...\n"
		"Store each FILE as the policy of its name, without '.policy', and put it in "
		"force:\n"
		"what differs from before changes, the rest stays. If a file has an error, none "
		"is\n"
		"sent.\n\n" COMMAND_OPTIONS_HELP,
	.words_min = 1,
	.missing = "no file",
};

struct source {
	const char *path;
	char name[CGF_POLICY_NAME_MAX + 1];
	char *text; /* owned */
	size_t length;
};

struct sources {
	struct source *items; /* owned */
	size_t count;
};

static void sources_finish(struct sources *sources)
{
	while (sources->count)
		free(sources->items[--sources->count].text);
	free(TAKE_PTR(sources->items));
}

static void say_line(const char *path, size_t line, const char *text, size_t length,
		     const struct rule_error *error)
{
	_cleanup_free_ char *source = NULL;

	if (asprintf(&source, "cgfence: %s", path) >= 0)
		rule_error_print(stderr, source, line, text, length, error);
}

static int read_source(const struct command_options *options, struct source *source)
{
	_cleanup_(rules_finish) struct rules rules = {};
	struct policyfile_error error;
	char shown[512];
	int r;

	escape_text(source->path, shown, sizeof(shown));
	if (policyfile_name(source->path, source->name))
		return command_complain(options,
					"'%s' is no name of a policy, which has letters, digits, "
					"'_' and '-', at most %d, and then '.policy'",
					shown, CGF_POLICY_NAME_MAX);
	r = file_read(source->path, CGF_POLICY_FILE_BYTES_MAX, &source->text, &source->length);
	if (r)
		return command_complain(options, "cannot read '%s': %s", shown, strerror(-r));
	if (!policyfile_parse(source->text, source->length, &rules, &error))
		return 0;
	say_line(source->path, error.line, error.text, error.text_length, &error.rule);
	command_print_error(options, "invalid_policy", error.rule.message, error.line,
			    error.rule.column + 1);
	return EXIT_CGFENCE;
}

static const struct source *find_name(const struct sources *sources, const char *name)
{
	size_t i;

	for (i = 0; i < sources->count; i++)
		if (!strcmp(sources->items[i].name, name))
			return &sources->items[i];
	return NULL;
}

/* All of them, so that every one with an error is told. */
static int read_sources(const struct command_options *options, struct sources *sources)
{
	const struct source *other;
	int i, r = 0;

	sources->items = calloc((size_t)options->word_count, sizeof(*sources->items));
	if (!sources->items)
		return command_end(options, -ENOMEM);
	for (i = 0; i < options->word_count; i++) {
		struct source source = { .path = options->words[i] };

		if (read_source(options, &source))
			r = EXIT_CGFENCE;
		other = source.name[0] ? find_name(sources, source.name) : NULL;
		if (other)
			r = command_complain(options, "'%s' is in two files", source.name);
		sources->items[sources->count++] = source;
	}
	return r;
}

/* Line `number` of the text, from 1; an empty one if it has less. */
static size_t find_line(const struct source *source, size_t number, const char **ret_line)
{
	const char *line = source->text, *end = source->text + source->length, *newline;

	for (; number > 1 && line < end; number--) {
		newline = memchr(line, '\n', (size_t)(end - line));
		line = newline ? newline + 1 : end;
	}
	newline = memchr(line, '\n', (size_t)(end - line));
	*ret_line = line;
	return (size_t)((newline ? newline : end) - line);
}

/* What this client takes and the daemon does not, such as a name with no address. */
static int say_refused(const struct command_options *options, const struct source *source,
		       const struct command_answer *answer)
{
	const struct json_value *error = command_refused(answer);
	int64_t line = json_get_number(error, "line", 0),
		column = json_get_number(error, "column", 0);
	const char *message = json_get_text(error, "message"), *text;
	struct rule_error place = { .length = 1 };
	size_t length;

	if (line < 1 || !message || strchr(message, '\n'))
		return command_say_refusal(options, answer);
	if (options->json)
		command_print_json(answer);
	length = find_line(source, (size_t)line, &text);
	place.column = column > 0 ? (size_t)column - 1 : 0;
	snprintf(place.message, sizeof(place.message), "%s", message);
	say_line(source->path, (size_t)line, text, length, &place);
	return EXIT_CGFENCE;
}

static int put(const struct command_options *options, const struct source *source)
{
	_cleanup_(command_answer_finish) struct command_answer answer = {};
	_cleanup_free_ char *path = command_policy_path(source->name, "");
	const struct client_request request = {
		.method = "PUT",
		.path = path,
		.type = "text/plain",
		.body = source->text,
		.length = source->length,
	};
	int r = path ? command_ask(options, &request, &answer) : command_end(options, -ENOMEM);

	if (r)
		return r;
	return command_refused(&answer) ? say_refused(options, source, &answer)
					: command_print_change(options, &answer);
}

int cmd_apply(int argc, char *argv[])
{
	_cleanup_(sources_finish) struct sources sources = {};
	struct command_options options;
	enum command_parsed parsed = command_parse(&apply_usage, argc, argv, &options);
	size_t i;
	int r;

	if (parsed != COMMAND_GO)
		return parsed == COMMAND_HELPED ? 0 : EXIT_CGFENCE;
	r = read_sources(&options, &sources);
	for (i = 0; !r && i < sources.count; i++)
		r = put(&options, &sources.items[i]);
	return r;
}
