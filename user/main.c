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
	{ "run", cmd_run, "run a command that reaches only what rules allow" },
	{ "sockets", cmd_sockets, "list sockets in a cgroup that no fence on it judges" },
	{ "status", cmd_status, "say of every fence whether it stands, and how it learns names" },
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
	      "  --version  the version\n\n"
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

int main(int argc, char *argv[])
{
	const struct command *command;

	fill_standard_fds();

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
		fprintf(stderr, "cgfence: there is no command '%s'; see cgfence --help\n", argv[1]);
		return EXIT_CGFENCE;
	}
	return command->run(argc - 1, argv + 1);
}
