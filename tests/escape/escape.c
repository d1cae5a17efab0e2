// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Attempts to get out of a fence.
 *
 *   escape list
 *   escape [--kind KIND] run NONCE DIRECTORY [NAME…]
 *   escape outside DIRECTORY UID GID CGROUP KIND COMMAND…
 *
 * `list` prints the table of attempts, for judge.py: one line each, fields separated by tabs.
 * `run` makes those of KIND (main, stdin, directory, terminal, alone), one after another, each in a
 * process of its own whose name is the attempt's and whose time is bounded. It prints "NAME/4
 * OUTCOME", for people: the wire says what got out, by a token or by the attempt's own port.
 * `outside` starts a process that attempts may use from within, and COMMAND with some descriptors
 * left open.
 *
 * Linked statically and not relocated, so that it runs in any root file system, and so that two
 * processes of it have the same variables at the same addresses.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape_helper.h"
#include "escape_outside.h"

#define FIRST_PORT 2000
#define OTHER_PORT 3000
#define ATTEMPT_MS 1500
#define CALL_MS 300
#define KINDS (ESCAPE_STDIN | ESCAPE_DIRECTORY | ESCAPE_TERMINAL | ESCAPE_ALONE)

static const struct escape *const tables[] = {
	escape_control,	      escape_tcp,     escape_udp,  escape_uring,    escape_option,
	escape_report,	      escape_inbound, escape_raw,  escape_link,	    escape_inherit,
	escape_move_attempts, escape_break,   escape_race, escape_question,
};

struct selection {
	unsigned int kind;
	const char *nonce, *directory;
	char **names;
};

bool escape_is_ipv4(const struct attempt *attempt)
{
	return attempt->allowed.any.sa_family == AF_INET;
}

int escape_fail(const char *why)
{
	puts(why);
	return 1;
}

int escape_send_on(const struct attempt *attempt, int fd, const union address *to)
{
	if (fd < 0)
		return fail("socket");
	if (sendto(fd, attempt->payload, strlen(attempt->payload), MSG_NOSIGNAL, &to->any,
		   length_of(to)) < 0)
		return fail("sendto");
	return succeed(attempt, fd);
}

int escape_send(struct attempt *attempt)
{
	int fd = open_socket(attempt, attempt->to.any.sa_family, SOCK_DGRAM, 0);

	return escape_send_on(attempt, fd, &attempt->to);
}

/* One line to a pipe: what to do, at which port of ours, from which of its ports. */
int escape_ask_peer(const struct attempt *attempt, const char *what, int port)
{
	char path[256], line[128];
	int length, fd;

	snprintf(path, sizeof(path), "%s/peer", attempt->directory);
	length = snprintf(line, sizeof(line), "%s %d %d %d\n", what,
			  escape_is_ipv4(attempt) ? 4 : 6, port, ntohs(attempt->to.ipv4.sin_port));
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || write(fd, line, (size_t)length) != length)
		return fail("peer");
	close(fd);
	return 0;
}

static union address place(bool ipv4, const char *address4, const char *address6, int port)
{
	union address ret = { .any.sa_family = ipv4 ? AF_INET : AF_INET6 };

	ret.ipv4.sin_port = htons((uint16_t)port);
	if (ipv4)
		inet_pton(AF_INET, address4, &ret.ipv4.sin_addr);
	else
		inet_pton(AF_INET6, address6, &ret.ipv6.sin6_addr);
	return ret;
}

/* The laboratory's evil.test, github.test and gitlab.test. */
static struct attempt make_attempt(bool ipv4, int index, const char *token,
				   const struct selection *selection)
{
	return (struct attempt){
		.to = place(ipv4, "198.51.100.66", "2001:db8:1::66", FIRST_PORT + index),
		.allowed = place(ipv4, "198.51.100.10", "2001:db8:1::10", FIRST_PORT + index),
		.other = place(ipv4, "198.51.100.20", "2001:db8:1::20", OTHER_PORT + index),
		.payload = token,
		.timeout_ms = CALL_MS,
		.directory = selection->directory,
	};
}

static void __attribute__((noreturn))
attempt_alone(const struct escape *escape, const char *name, struct attempt *attempt)
{
	int status;

	setpgid(0, 0);
	prctl(PR_SET_NAME, name);
	status = escape->run(attempt);
	fflush(stdout);
	_exit(status);
}

static void run_one(const struct escape *escape, bool ipv4, int index,
		    const struct selection *selection)
{
	char name[16], token[64];
	struct attempt attempt;
	struct pollfd end;
	pid_t pid;

	snprintf(name, sizeof(name), "%.13s/%c", escape->name, ipv4 ? '4' : '6');
	snprintf(token, sizeof(token), "cgf-%s-%s", selection->nonce, name);
	attempt = make_attempt(ipv4, index, token, selection);
	printf("%s ", name);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		attempt_alone(escape, name, &attempt);
	end = (struct pollfd){ .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	if (poll(&end, 1, ATTEMPT_MS) != 1)
		puts("TIMEOUT");
	/* And what it has started. */
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(end.fd);
}

static bool selected(const struct escape *escape, const struct selection *selection)
{
	if ((escape->flags & KINDS) != selection->kind)
		return false;
	if (!selection->names[0])
		return true;
	for (char **name = selection->names; *name; name++)
		if (!strcmp(*name, escape->name))
			return true;
	return false;
}

static int run(const struct selection *selection)
{
	int index = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct escape *escape = tables[i]; escape->name; escape++, index += 2) {
			if (!selected(escape, selection))
				continue;
			if (escape->flags & ESCAPE_IPV4)
				run_one(escape, true, index, selection);
			if (escape->flags & ESCAPE_IPV6)
				run_one(escape, false, index + 1, selection);
		}
	}
	return 0;
}

static const struct {
	unsigned int flag;
	const char *name;
} words[] = {
	{ ESCAPE_ROOT, "root" },
	{ ESCAPE_MADE, "made" },
	{ ESCAPE_REPORTS, "reports" },
	{ ESCAPE_CONTROL, "control" },
	{ ESCAPE_RARE, "rare" },
	{ ESCAPE_SELDOM, "seldom" },
	{ ESCAPE_INBOUND, "inbound" },
	{ ESCAPE_STDIN, "stdin" },
	{ ESCAPE_DIRECTORY, "directory" },
	{ ESCAPE_TERMINAL, "terminal" },
	{ ESCAPE_ALONE, "alone" },
	{ ESCAPE_OPEN_USER, "open:user" },
	{ ESCAPE_OPEN_CONFINED, "open:confined" },
	{ ESCAPE_OPEN_DOCKER, "open:docker" },
	{ ESCAPE_OPEN_ROOT, "open:root" },
	{ ESCAPE_OPEN_FULL, "open:full" },
	{ ESCAPE_BARE_USER, "bare:user" },
	{ ESCAPE_BARE_CONFINED, "bare:confined" },
	{ ESCAPE_FAMILY, "family" },
};

static void list_one(const struct escape *escape, int index)
{
	printf("%s\t%s%s\t%d\t", escape->name, escape->flags & ESCAPE_IPV4 ? "4" : "",
	       escape->flags & ESCAPE_IPV6 ? "6" : "", FIRST_PORT + index);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (escape->flags & words[i].flag)
			printf("%s ", words[i].name);
	printf("\t%s\t%s\t%s\n", escape->says, escape->closed_by ? escape->closed_by : "",
	       escape->because ? escape->because : "");
}

static int list(void)
{
	int index = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct escape *escape = tables[i]; escape->name; escape++, index += 2)
			list_one(escape, index);
	return 0;
}

static unsigned int kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((words[i].flag & KINDS) && !strcmp(name, words[i].name))
			return words[i].flag;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "kind", required_argument, NULL, 'k' }, { 0 } };
	struct selection selection = { 0 };
	int option;

	if (argc > 1 && !strcmp(argv[1], "outside"))
		return escape_outside(argc - 2, argv + 2);
	option = escape_helper(argc, argv);
	if (option >= 0)
		return option;
	while ((option = getopt_long(argc, argv, "+", options, NULL)) == 'k')
		selection.kind = kind_of(optarg);
	argc -= optind;
	argv += optind;
	if (option == -1 && argc == 1 && !strcmp(argv[0], "list"))
		return list();
	if (option != -1 || argc < 3 || strcmp(argv[0], "run") != 0) {
		fputs("Usage: escape list | escape [--kind KIND] run NONCE DIRECTORY [NAME…]\n",
		      stderr);
		return 2;
	}
	selection.nonce = argv[1];
	selection.directory = argv[2];
	selection.names = argv + 3;
	return run(&selection);
}
