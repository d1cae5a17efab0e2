// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fences of policies: `attach`, `detach`. */
#include <errno.h>
#include <string.h>

#include "cmd_client.h"
#include "command.h"

#define TARGETS_HELP                                                                               \
	"TARGET is a directory of cgroup2, pid:N for the cgroup of that process,\n"                \
	"container:NAME of a running container of Docker or Podman, or unit:NAME of systemd.\n\n"

static const struct command_usage attach_usage = {
	.name = "attach",
	.help = "Usage: cgfence attach [--persistent] [--json] POLICY TARGET\n"
		"Put POLICY in force on TARGET; flows that it does not allow are "
		"cut.\n" TARGETS_HELP "      --persistent          also whenever TARGET comes "
		"back, and after a restart\n" COMMAND_OPTIONS_HELP,
	.options = COMMAND_PERSISTENT,
	.words_min = 2,
	.words_max = 2,
	.missing = "no policy or no target",
};

static const struct command_usage detach_usage = {
	.name = "detach",
	.help = "Usage: cgfence detach [--json] TARGET\n"
		"Remove the fence of TARGET, which may reach everything then, also if it comes "
		"back.\n" TARGETS_HELP COMMAND_OPTIONS_HELP,
	.words_min = 1,
	.words_max = 1,
	.missing = "no target",
};

static bool has_kind(const char *target)
{
	static const char *const kinds[] = { "pid:", "unit:", "container:" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strncmp(target, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

/* As of a variable that is not set: it would be the working directory. */
static bool is_target(const struct command_options *options, const char *target)
{
	if (!target[0])
		command_complain(options, "the target is empty");
	return target[0];
}

/* The daemon has another working directory. The caller frees it. */
static char *absolute(const char *target)
{
	_cleanup_free_ char *here = NULL;
	char *path = has_kind(target) ? NULL : realpath(target, NULL);

	if (path)
		return path;
	/* Of a kind that there is not the daemon says which there are. */
	if (has_kind(target) || target[0] == '/' || (strchr(target, ':') && !strchr(target, '/')))
		return strdup(target);
	/* One that is gone can still be detached. */
	here = getcwd(NULL, 0);
	return here && asprintf(&path, "%s/%s", here, target) >= 0 ? path : NULL;
}

static int ask(const struct command_options *options, const struct client_request *request,
	       const char *done, const char *waiting)
{
	_cleanup_(command_answer_finish) struct command_answer answer = {};
	const struct paint paint = print_paint(stdout);
	bool is_attach = !strcmp(request->method, "POST");
	int r = command_get(options, request, &answer);

	if (r)
		return r;
	if (options->json)
		command_print_json(&answer);
	else
		r = print_fence(stdout, answer.document,
				is_attach && answer.raw.status == 200 ? "is already on" : done,
				waiting, &paint);
	return command_end(options, r);
}

int cmd_attach(int argc, char *argv[])
{
	struct client_request request = {
		.method = "POST",
		.path = "/v1/fences",
		.type = "application/json",
	};
	struct command_options options;
	enum command_parsed parsed = command_parse(&attach_usage, argc, argv, &options);
	_cleanup_free_ char *target = NULL, *body = NULL;

	if (parsed != COMMAND_GO)
		return parsed == COMMAND_HELPED ? 0 : EXIT_CGFENCE;
	if (!command_is_policy(&options, options.words[0]) ||
	    !is_target(&options, options.words[1]))
		return EXIT_CGFENCE;
	target = absolute(options.words[1]);
	if (!target)
		return command_end(&options, -errno);
	body = json_of_attach(options.words[0], target, options.persistent);
	if (!body)
		return command_complain(&options, "a target is text in UTF-8");
	request.body = body;
	request.length = strlen(body);
	return ask(&options, &request, "attached to",
		   "it is not there now; the fence is made when it comes");
}

int cmd_detach(int argc, char *argv[])
{
	struct client_request request = { .method = "DELETE" };
	struct command_options options;
	enum command_parsed parsed = command_parse(&detach_usage, argc, argv, &options);
	_cleanup_free_ char *target = NULL, *encoded = NULL, *path = NULL;

	if (parsed != COMMAND_GO)
		return parsed == COMMAND_HELPED ? 0 : EXIT_CGFENCE;
	if (!is_target(&options, options.words[0]))
		return EXIT_CGFENCE;
	target = absolute(options.words[0]);
	encoded = target ? client_encode(target) : NULL;
	if (!encoded || asprintf(&path, "/v1/fences?target=%s", encoded) < 0)
		return command_end(&options, -errno);
	request.path = path;
	return ask(&options, &request, "detached from",
		   "it was waited for; it is not fenced any more when it comes");
}
