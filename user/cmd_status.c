// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `status`: what the daemon has proved; or the kernel itself tells, where there is none. */
#include <errno.h>
#include <string.h>

#include "cmd_client.h"
#include "command.h"
#include "escape.h"
#include "json.h"
#include "output.h"
#include "standings.h"
#include "target_name.h"

static const struct command_usage usage = {
	.name = "status",
	.help = "Usage: cgfence status [--json] [FENCE]...\n"
		"Say of every fence, or of these, whether it stands, as the kernel tells it; what "
		"it has\n"
		"decided and learned; and of each resolver, whether names are learned from its "
		"answers or\n"
		"only polled. If no daemon runs, the kernel is asked without it, as root.\n\n"
		"FENCE is a name as it is shown, or a target: run-PID for that of `cgfence run`, "
		"PID\n"
		"being cgfence's.\n\n"
		"      --socket PATH         the daemon's socket, if not " CLIENT_SOCKET "\n"
		"      --json                one JSON object instead of text\n"
		"  -h, --help                this text\n\n"
		"The exit status is 0 if all of them stand whole, or there is none, 1 if one does "
		"not,\n"
		"125 for an error.\n",
};

/* --- without a daemon ------------------------------------------------------------------------- */

/* Of runs it is the run's own cgfence that keeps them. */
static void add_unkept(struct standings *standings)
{
	size_t i;

	for (i = 0; i < standings->count; i++)
		if (standings->items[i].of_daemon)
			standing_add_problem(&standings->items[i], STANDING_NOT_KEPT, NULL);
}

static int ask_kernel(const struct command_options *options, struct json_value **ret_document)
{
	_cleanup_(standings_finish) struct standings standings = {};
	_cleanup_free_ char *text = NULL;
	struct standing_kernel kernel;
	struct failure failure;

	if (geteuid() != 0)
		return command_complain(options, "only root can ask the kernel; use sudo(8)");
	if (standings_read(&standings, &kernel, &failure))
		return command_complain(options, "%s", failure.text);
	add_unkept(&standings);
	text = json_of_standings(&standings, &kernel);
	if (!text || json_read(text, strlen(text), ret_document))
		return command_end(options, -ENOMEM);
	return 0;
}

/* --- the command ----------------------------------------------------------------------------- */

/* Without a daemon, which is nothing to tell of, or one that does not answer, which is. */
static int ask(const struct command_options *options, struct json_value **ret_document)
{
	const struct client_request request = { .method = "GET", .path = "/v1/status" };
	_cleanup_(command_answer_finish) struct command_answer answer = {};
	struct failure failure;
	int r = client_ask(options->socket, &request, &answer.raw, &failure);

	if (r) {
		if ((r != -ENOENT && r != -ECONNREFUSED) || options->socket_is_given)
			output_failure(&failure);
		return ask_kernel(options, ret_document);
	}
	if (json_read(answer.raw.body, answer.raw.length, &answer.document) ||
	    command_refused(&answer))
		return command_say_refusal(options, &answer);
	*ret_document = TAKE_PTR(answer.document);
	return 0;
}

/* As attach takes it: also a path that is relative, or has links. */
static bool is_fence_of(const char *fence, const char *target)
{
	char text[TARGET_FENCE_BYTES];
	struct target_name name;

	return !target_name_parse(target, &name, NULL) &&
	       !strcmp(target_name_fence(&name, text), fence);
}

static bool is_called(const struct json_value *fence, const char *name)
{
	const char *own = json_get_text(fence, "fence"), *target = json_get_text(fence, "target");

	return (own && (!strcmp(own, name) || is_fence_of(own, name))) ||
	       (target && !strcmp(target, name));
}

static bool is_chosen(const struct json_value *fence, void *data)
{
	char **name;

	for (name = data; *name; name++)
		if (is_called(fence, *name))
			return true;
	return false;
}

static bool has_fence(const struct json_value *fences, const char *name)
{
	size_t i;

	for (i = 0; i < json_items(fences); i++)
		if (is_called(json_item(fences, i), name))
			return true;
	return false;
}

static bool are_whole(const struct json_value *fences)
{
	size_t i;

	for (i = 0; i < json_items(fences); i++)
		if (!json_get_flag(json_item(fences, i), "whole", false))
			return false;
	return true;
}

/* Leaves those that are named; the name of none is an error. */
static int choose(const struct command_options *options, struct json_value *document)
{
	const struct json_value *fences = json_get(document, "fences");
	char shown[ESCAPE_BYTES(STANDING_NAME_BYTES)];
	char **name;

	for (name = options->words; *name; name++)
		if (!has_fence(fences, *name))
			return command_complain(
				options,
				"there is no fence '%s'; a fence is called by its target, "
				"and cgfence show tells of policies",
				escape_text(*name, shown, sizeof(shown)));
	if (!options->words[0])
		return 0;
	json_keep(document, "fences", is_chosen, options->words);
	json_set_flag(document, "whole", are_whole(fences));
	return 0;
}

static int print(const struct command_options *options, const struct json_value *document)
{
	const struct paint paint = print_paint(stdout);
	_cleanup_free_ char *text = NULL;

	if (!options->json)
		return command_end(options, print_status(stdout, document, &paint));
	text = json_write(document);
	if (text)
		puts(text);
	return command_end(options, text ? 0 : -ENOMEM);
}

int cmd_status(int argc, char *argv[])
{
	struct command_options options;
	enum command_parsed parsed = command_parse(&usage, argc, argv, &options);
	_cleanup_(json_release) struct json_value *document = NULL;
	int r;

	if (parsed != COMMAND_GO)
		return parsed == COMMAND_HELPED ? 0 : EXIT_CGFENCE;
	r = ask(&options, &document);
	if (!r)
		r = choose(&options, document);
	if (!r)
		r = print(&options, document);
	if (r)
		return r;
	return !json_get_flag(document, "whole", false);
}
