// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `cgfence daemon` */
#include <getopt.h>
#include <stdio.h>

#include "client.h"
#include "command.h"
#include "daemon.h"
#include "output.h"

#define POLICY_DIRECTORY CGFENCE_SYSCONFDIR "/cgfence/policies.d"

enum {
	OPTION_POLICY_DIR = 0x100,
	OPTION_SOCKET,
};

static const struct option long_options[] = {
	{ "policy-dir", required_argument, NULL, OPTION_POLICY_DIR },
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "help", no_argument, NULL, 'h' },
	{},
};

static void print_help(void)
{
	fputs("Usage: cgfence daemon [OPTION]...\n"
	      "Keep policies in force on running cgroups, containers and services.\n\n"
	      "      --policy-dir DIR      where policies are kept, as NAME.policy;\n"
	      "                            " POLICY_DIRECTORY "\n"
	      "      --socket PATH         where it is talked to; " CLIENT_SOCKET "\n"
	      "  -h, --help                this text\n\n"
	      "SIGHUP reads the policies anew. SIGTERM ends it, and all fences stay as they are:\n"
	      "the next one takes them up. The exit status is 0 then, or 125 if it failed.\n",
	      stdout);
}

int cmd_daemon(int argc, char *argv[])
{
	struct daemon_options options = {
		.policy_dir = POLICY_DIRECTORY,
		.socket = CLIENT_SOCKET,
	};
	struct failure failure;
	int option;

	argv[0] = (char *)"cgfence";
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (option) {
		case 'h':
			print_help();
			return 0;
		case OPTION_POLICY_DIR:
			options.policy_dir = optarg;
			break;
		case OPTION_SOCKET:
			options.socket = optarg;
			break;
		default:
			fputs("cgfence: see cgfence daemon --help\n", stderr);
			return EXIT_CGFENCE;
		}
	}
	if (argv[optind]) {
		fprintf(stderr,
			"cgfence: daemon: it takes no argument; see cgfence daemon --help\n");
		return EXIT_CGFENCE;
	}
	if (daemon_run(&options, &failure)) {
		output_failure(&failure);
		return EXIT_CGFENCE;
	}
	return 0;
}
