// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `watch`: decisions as they happen, until somebody ends it. */
#include <errno.h>
#include <string.h>

#include "cmd_client.h"
#include "command.h"

static const struct command_usage watch_usage = {
	.name = "watch",
	.help = "Usage: cgfence watch [--json] [POLICY]\n"
		"Tell what fences deny, as it happens, of all policies or of one, until it is\n"
		"interrupted.\n\n" COMMAND_OPTIONS_HELP "\nWith --json each line is an object.\n",
	.words_max = 1,
};

struct watch {
	const struct command_options *options;
	const char *policy; /* or NULL */
	struct paint paint;
};

/* Each line at once: somebody looks at it, or reads it from a pipe. */
static int tell(const char *line, void *data)
{
	const struct watch *watch = data;
	struct json_value *event = NULL;
	int r = 0;

	if (watch->options->json) {
		puts(line);
	} else if (!json_read(line, strlen(line), &event)) {
		r = print_event(stdout, event, !watch->policy, &watch->paint);
		json_release(&event);
	}
	return r ? r : fflush(stdout) ? -errno : 0;
}

/* What the daemon says instead of a stream. */
static int say_refusal(const struct watch *watch, struct client_answer *raw)
{
	_cleanup_(command_answer_finish) struct command_answer answer = { .raw = *raw };

	*raw = (struct client_answer){};
	json_read(answer.raw.body, answer.raw.length, &answer.document);
	return command_say_refusal(watch->options, &answer);
}

static int follow(const struct watch *watch, const char *path)
{
	const char *socket = watch->options->socket;
	struct client_answer answer = {};
	struct failure failure = {};
	int r = client_follow(socket, path, tell, (void *)watch, &answer, &failure);

	if (r && failure.text[0])
		return command_fail(watch->options, &failure);
	if (r)
		return command_end(watch->options, r);
	if (answer.status != 200)
		return say_refusal(watch, &answer);
	return command_complain(watch->options, "the daemon at %s has ended", socket);
}

int cmd_watch(int argc, char *argv[])
{
	struct command_options options;
	enum command_parsed parsed = command_parse(&watch_usage, argc, argv, &options);
	struct watch watch = { .options = &options, .paint = print_paint(stdout) };
	_cleanup_free_ char *path = NULL;

	if (parsed != COMMAND_GO)
		return parsed == COMMAND_HELPED ? 0 : EXIT_CGFENCE;
	watch.policy = options.words[0];
	if (watch.policy && !command_is_policy(&options, watch.policy))
		return EXIT_CGFENCE;
	if (asprintf(&path, "/v1/decisions?follow%s%s", watch.policy ? "&policy=" : "",
		     watch.policy ? watch.policy : "") < 0)
		return command_end(&options, -ENOMEM);
	return follow(&watch, path);
}
