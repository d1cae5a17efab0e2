/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the commands share that talk to the daemon: their options, a request with its answer read,
 * and the words for what went wrong. Returns are exit statuses: 0, or EXIT_CGFENCE after it was
 * said why.
 */
#ifndef CGFENCE_CMD_CLIENT_H
#define CGFENCE_CMD_CLIENT_H

#include <stdbool.h>

#include "client.h"
#include "json_client.h"
#include "print.h"
#include "rule.h"

enum {
	COMMAND_FORCE = 1,
	COMMAND_PERSISTENT = 2,
};

/* For `help`, after the command's own options. */
#define COMMAND_OPTIONS_HELP                                                                       \
	"      --socket PATH         the daemon's socket, if not " CLIENT_SOCKET "\n"              \
	"      --json                the daemon's answer, a JSON object, instead of text\n"        \
	"  -h, --help                this text\n"

struct command_usage {
	const char *name; /* of the command */
	const char *help;
	int options;	     /* COMMAND_FORCE | …, beside --socket, --json and --help */
	int words_min;	     /* how many words it needs */
	int words_max;	     /* 0: any number */
	const char *missing; /* "no policy": said if there are fewer */
};

struct command_options {
	const char *command; /* its name */
	const char *socket;
	bool socket_is_given, json, force, persistent;
	char **words; /* ends in NULL */
	int word_count;
};

enum command_parsed {
	COMMAND_GO,
	COMMAND_HELPED, /* help was asked for and printed */
	COMMAND_WRONG	/* and what is wrong was printed */
};

enum command_parsed command_parse(const struct command_usage *usage, int argc, char *argv[],
				  struct command_options *ret_options);

/*
 * What the command finds itself, on standard error, and as JSON too if that is asked for; they
 * return EXIT_CGFENCE. "cgfence: COMMAND: …"
 */
int command_complain(const struct command_options *options, const char *format, ...) _printf_(2, 3);
/* That JSON alone; `line` and `column` from 1, or 0 for none. */
void command_print_error(const struct command_options *options, const char *code,
			 const char *message, size_t line, size_t column);
/* "cgfence: …" */
int command_fail(const struct command_options *options, const struct failure *failure);
/* With its place; see rule_error_print(). */
int command_say_rule(const struct command_options *options, const char *text,
		     const struct rule_error *error);
/* Whether it can be a policy's name; complains. */
bool command_is_policy(const struct command_options *options, const char *name);

struct command_answer {
	struct client_answer raw;
	struct json_value *document; /* NULL if there was no answer that could be read */
};
void command_answer_finish(struct command_answer *answer);

/*
 * Asks, and reads the answer. An error of the daemon is an answer, too: it is left to the caller,
 * who sees it by command_refused().
 */
int command_ask(const struct command_options *options, const struct client_request *request,
		struct command_answer *ret_answer);
/* The "error" of an answer; NULL if it is none. */
const struct json_value *command_refused(const struct command_answer *answer);
/* Says the daemon's error, as JSON too if that is asked for. Returns EXIT_CGFENCE. */
int command_say_refusal(const struct command_options *options, const struct command_answer *answer);
/* Both: asks, and says it if the daemon refused. */
int command_get(const struct command_options *options, const struct client_request *request,
		struct command_answer *ret_answer);
/* The answer as it came, a line, on standard output. */
void command_print_json(const struct command_answer *answer);
/* What a change of a policy was answered with, as text or JSON. */
int command_print_change(const struct command_options *options,
			 const struct command_answer *answer);
/* After all was printed: whether it was. */
int command_end(const struct command_options *options, int r);

/* "/v1/policies/NAME" and what follows it; the caller frees it. */
char *command_policy_path(const char *policy, const char *rest);

#endif
