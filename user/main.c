// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "util.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char *argv[]);
	const char *summary;
} commands[] = {
	{ "daemon", cmd_daemon, "keep policies in force on cgroups, containers and services" },
	{ "run", cmd_run, "run a command that reaches only what rules allow" },
	{ "status", cmd_status, "say of every fence whether it stands, and how it learns names" },
	{ "sockets", cmd_sockets, "list sockets in a cgroup that no fence on it judges" },
	{ "attach", cmd_attach, "put a policy in force on a container, service or cgroup" },
	{ "detach", cmd_detach, "remove the fence of a container, service or cgroup" },
	{ "apply", cmd_apply, "store files as policies, and put them in force" },
	{ "allow", cmd_allow, "add rules to a policy, in force and in its file" },
	{ "remove", cmd_remove, "remove rules from a policy, in force and in its file" },
	{ "delete", cmd_delete, "delete a policy" },
	{ "show", cmd_show, "show policies, their rules and addresses" },
	{ "check", cmd_check, "say whether a policy allows a destination" },
	{ "watch", cmd_watch, "tell decisions as they happen" },
};

static void print_usage(FILE *out)
{
	size_t i;

	fputs("Usage: cgfence COMMAND [ARGUMENT]...\n"
	      "An eBPF fence around the network egress of a cgroup.\n\n"
	      "Commands:\n",
	      out);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n"
	      "  --help     this text; cgfence COMMAND --help for a command\n"
	      "  --version  the version\n"
	      "  --socket PATH  the daemon's socket, before or after COMMAND\n\n"
	      "See cgfence(8), and cgfence-policy(5) for rules.\n",
	      out);
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* A file opened as 0, 1 or 2 would be read and written by mistake. */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* How many words "--socket PATH", which may stand before a command's name, takes; -1: wrong. */
static int socket_words(int argc, char *argv[])
{
	if (argc < 2 || strncmp(argv[1], "--socket", strlen("--socket")))
		return 0;
	if (argv[1][strlen("--socket")] == '=')
		return 1;
	return argc > 2 && !argv[1][strlen("--socket")] ? 2 : -1;
}

static const char *words_problem(const char *word, int words)
{
	if (words > 0)
		return "no command";
	return word[strlen("--socket")] ? "there is no such option" : "--socket needs a PATH";
}

/* The command gets it behind its name, as if it stood there. */
static void move_behind_name(char *argv[], int count)
{
	char *name = argv[count + 1];

	memmove(argv + 2, argv + 1, (size_t)count * sizeof(*argv));
	argv[1] = name;
}

int main(int argc, char *argv[])
{
	const struct command *command;
	int words = socket_words(argc, argv);

	fill_standard_fds();

	if (words && (words < 0 || argc < words + 2)) {
		fprintf(stderr, "cgfence: %s; see cgfence --help\n", words_problem(argv[1], words));
		return EXIT_CGFENCE;
	}
	if (words)
		move_behind_name(argv, words);

	if (argc < 2) {
		print_usage(stderr);
		return EXIT_CGFENCE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_usage(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("cgfence %s\n", CGFENCE_VERSION);
		return 0;
	}
	command = find_command(argv[1]);
	if (!command) {
		fprintf(stderr, "cgfence: there is no %s '%s'; see cgfence --help\n",
			argv[1][0] == '-' ? "option" : "command", argv[1]);
		return EXIT_CGFENCE;
	}
	return command->run(argc - 1, argv + 1);
}
