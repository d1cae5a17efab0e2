// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "cgroup.h"
#include "command.h"
#include "datapath.h"
#include "escape.h"
#include "json.h"
#include "tree.h"

#define BOLD "\x1b[1m"
#define RED "\x1b[31m"
#define PLAIN "\x1b[0m"

/* Since Linux 5.14; <sys/socket.h> may be older. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

enum {
	OPTION_JSON = 0x100,
};

static const struct option long_options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{},
};

static void print_help(void)
{
	fputs("Usage: cgfence status [--json] [FENCE]...\n"
	      "Say of every fence, or of these, whether it stands, as the kernel tells it; what it "
	      "has\n"
	      "decided and learned; and of each resolver, whether names are learned from its "
	      "answers "
	      "or\n"
	      "only polled.\n\n"
	      "FENCE is a name as it is shown: run-PID for that of `cgfence run`, PID being "
	      "cgfence's.\n\n"
	      "      --json                one JSON object instead of text\n"
	      "  -h, --help                this text\n\n"
	      "The exit status is 0 if all of them stand whole, or there is none, 1 if one does "
	      "not,\n"
	      "125 for an error.\n",
	      stdout);
}

/* --- text ------------------------------------------------------------------------------------ */

struct paint {
	const char *bold, *red, *plain;
};

static void print_problems(const struct standing *standing, const struct paint *paint)
{
	char text[STANDING_PROBLEM_BYTES];
	size_t i;

	for (i = 0; i < standing->problem_count; i++)
		printf("  %swrong%s      %s\n", paint->red, paint->plain,
		       standing_problem_format(&standing->problems[i], text));
}

static const char *no_cgroup(const struct standing *standing)
{
	if (!standing->cgroup_id)
		return "(none)";
	return standing->gone ? "(gone)" : "(out of sight)";
}

static void print_cgroup(const struct standing *standing)
{
	char path[ESCAPE_BYTES(4096)];

	printf("  cgroup     %s\n", standing->cgroup
					    ? escape_text(standing->cgroup, path, sizeof(path))
					    : no_cgroup(standing));
	if (standing->build[0])
		printf("  programs   of build %s%s\n",
		       escape_text(standing->build, path, sizeof(path)),
		       standing->families ? ", with that for families of sockets" : "");
	else
		printf("  programs   of a build that is not pinned any more\n");
	if (standing->counted)
		printf("  processes  %zu\n", standing->processes);
}

static const char *keeper_text(const struct standing *standing)
{
	if (standing->has_keeper)
		return "running";
	if (standing_is_left(standing))
		return "gone: the next cgfence run removes this fence";
	return "gone: names are learned still; refused questions get EPERM; what only it looked "
	       "up runs out";
}

static void print_policy(const struct standing *standing)
{
	const struct cgf_target *target = &standing->target;
	char name[ESCAPE_BYTES(STANDING_NAME_BYTES)];

	printf("  policy     %s, %s\n",
	       standing->policy[0] ? escape_text(standing->policy, name, sizeof(name))
				   : "(not pinned)",
	       target->mode == CGF_MODE_AUDIT ? "audit: what it denies is let through" : "enforce");
	printf("  cgfence    %s\n", keeper_text(standing));
	printf("  questions  %s\n", target->flags & CGF_TARGET_ANY_QUESTION
					    ? "any may be asked: --no-dns-filter"
					    : "only for names in rules");
	printf("  namespace  %s\n", target->netns_cookie
					    ? "known: answers in this network namespace are learned"
					    : "not known yet: no answer is learned");
}

static void print_counts(const struct standing *standing)
{
	const struct cgf_counters *counters = &standing->counters;

	printf("  allow      %" PRIu32 " of %" PRIu32 " entries, %" PRIu32
	       " of them by answers, %" PRIu32 " run out\n",
	       standing->entries, standing->capacity, standing->learned, standing->expired);
	printf("  names      %" PRIu32 " of %d, search domains included\n", standing->names,
	       CGF_NAMES_MAX);
	printf("  decisions  %llu allowed, %llu denied, %llu would be denied, %llu not recorded\n",
	       counters->allowed, counters->denied, counters->audited, counters->records_lost);
	printf("  answers    %llu entries written, where none lasted as long; %llu without room; "
	       "%llu addresses not for names\n",
	       counters->learned, counters->unlearned, counters->special);
}

enum column {
	COLUMN_ADDRESS,
	COLUMN_DEVICE,
	COLUMN_ANSWERS,
	COLUMN_LAST,
	COLUMN_NAMES,
	COLUMN_COUNT
};

struct row {
	char cells[COLUMN_COUNT][STANDING_SOURCE_BYTES];
};

static struct row row_of(const struct standing *standing, const struct standing_resolver *resolver)
{
	struct row row;

	address_format(&resolver->address, row.cells[COLUMN_ADDRESS]);
	standing_device(resolver, row.cells[COLUMN_DEVICE]);
	snprintf(row.cells[COLUMN_ANSWERS], sizeof(row.cells[0]), "%" PRIu64, resolver->answers);
	standing_ago(standing, resolver, row.cells[COLUMN_LAST]);
	standing_source_format(standing, resolver, row.cells[COLUMN_NAMES]);
	return row;
}

/* Every column but the last as wide as its widest cell. */
static void print_row(const struct row *row, const int widths[COLUMN_COUNT])
{
	int i;

	for (i = 0; i < COLUMN_NAMES; i++)
		printf("  %-*s", widths[i], row->cells[i]);
	printf("  %s\n", row->cells[COLUMN_NAMES]);
}

static void print_resolvers(const struct standing *standing, const struct paint *paint)
{
	struct row rows[STANDING_RESOLVERS_MAX + 1] = {
		{ { "RESOLVER", "DEVICE", "ANSWERS", "LAST", "NAMES ARE" } },
	};
	int widths[COLUMN_COUNT] = {}, length, j;
	size_t i;

	if (!standing->resolver_count)
		return;
	for (i = 0; i < standing->resolver_count; i++)
		rows[i + 1] = row_of(standing, &standing->resolvers[i]);
	for (i = 0; i <= standing->resolver_count; i++)
		for (j = 0; j < COLUMN_COUNT; j++) {
			length = (int)strlen(rows[i].cells[j]);
			widths[j] = length > widths[j] ? length : widths[j];
		}
	fputs(paint->bold, stdout);
	print_row(&rows[0], widths);
	fputs(paint->plain, stdout);
	for (i = 1; i <= standing->resolver_count; i++)
		print_row(&rows[i], widths);
}

static void print_fence(const struct standing *standing, const struct paint *paint)
{
	char name[ESCAPE_BYTES(STANDING_NAME_BYTES)];
	bool whole = standing_is_whole(standing);

	printf("%s%s%s: %s%s%s\n", paint->bold, escape_text(standing->name, name, sizeof(name)),
	       paint->plain, whole ? "" : paint->red, whole ? "stands whole" : "not whole",
	       paint->plain);
	print_problems(standing, paint);
	print_cgroup(standing);
	if (!standing->readable)
		return;
	print_policy(standing);
	print_counts(standing);
	print_resolvers(standing, paint);
}

static void print_kernel(const struct standing_kernel *kernel)
{
	int i, count = 0;

	for (i = 0; i < STANDING_LACK_COUNT; i++)
		if (kernel->lacks[i])
			printf("%s%s", count++ ? "; " : "\nthis kernel: ", standing_lack_text(i));
	if (count)
		putchar('\n');
}

static void print_text(const struct standings *standings, const struct standing_kernel *kernel)
{
	bool color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	const struct paint paint = color ? (struct paint){ BOLD, RED, PLAIN }
					 : (struct paint){ "", "", "" };
	size_t i;

	for (i = 0; i < standings->count; i++) {
		fputs(i ? "\n" : "", stdout);
		print_fence(&standings->items[i], &paint);
	}
	if (!standings->count)
		puts("no fence");
	print_kernel(kernel);
}

static int print(const struct standings *standings, bool json)
{
	_cleanup_free_ char *object = NULL;
	struct standing_kernel kernel;

	datapath_kernel(&kernel);
	if (json) {
		object = json_of_standings(standings, &kernel);
		if (!object)
			return -ENOMEM;
		puts(object);
	} else {
		print_text(standings, &kernel);
	}
	return fflush(stdout) ? -errno : 0;
}

/* --- what the datapath does not know --------------------------------------------------------- */

static void find_cgroups(struct standings *standings)
{
	_cleanup_close_ int fd = -1;
	char mount[CGROUP_PATH_BYTES];
	size_t i;

	if (cgroup_mount(mount, NULL) || tree_open(mount, &fd))
		return;
	for (i = 0; i < standings->count; i++) {
		struct standing *standing = &standings->items[i];

		if (standing->cgroup_id)
			standing->gone = tree_find_path(fd, standing->cgroup_id,
							&standing->cgroup) == -ENOENT;
		if (standing->cgroup)
			standing->counted = !cgroup_count(standing->cgroup, &standing->processes,
							  &standing->populated);
	}
}

/* Of the caller's network namespace; 0 if the kernel does not say. */
static uint64_t netns_cookie(void)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length))
		return 0;
	return cookie;
}

/* A number is another device's in another network namespace. */
static void find_devices(struct standings *standings)
{
	uint64_t own = netns_cookie();
	size_t i, j;

	for (i = 0; own && i < standings->count; i++) {
		struct standing *standing = &standings->items[i];

		if (standing->target.netns_cookie != own)
			continue;
		for (j = 0; j < standing->resolver_count; j++)
			if (!if_indextoname(standing->resolvers[j].ifindex,
					    standing->resolvers[j].device))
				standing->resolvers[j].device[0] = '\0';
	}
}

/* --- the command ----------------------------------------------------------------------------- */

static int complain(const char *text)
{
	fprintf(stderr, "cgfence: status: %s\n", text);
	return EXIT_CGFENCE;
}

static bool is_named(const char *name, char *names[])
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

static bool has_fence(const struct standings *standings, const char *name)
{
	size_t i;

	for (i = 0; i < standings->count; i++)
		if (!strcmp(standings->items[i].name, name))
			return true;
	return false;
}

/* Leaves those that are named; the name of none is an error. */
static int choose(struct standings *standings, char *names[])
{
	char shown[ESCAPE_BYTES(STANDING_NAME_BYTES)];
	size_t i, kept = 0;

	for (i = 0; names[i]; i++)
		if (!has_fence(standings, names[i])) {
			fprintf(stderr, "cgfence: status: there is no fence '%s'\n",
				escape_text(names[i], shown, sizeof(shown)));
			return -ENOENT;
		}
	for (i = 0; names[0] && i < standings->count; i++) {
		if (is_named(standings->items[i].name, names))
			standings->items[kept++] = standings->items[i];
		else
			free(standings->items[i].cgroup);
	}
	standings->count = names[0] ? kept : standings->count;
	return 0;
}

static int show(char *names[], bool json)
{
	_cleanup_(standings_finish) struct standings standings = {};
	struct failure failure;
	size_t i;
	int r;

	if (geteuid() != 0)
		return complain("only root can ask the kernel; use sudo(8)");
	if (datapath_standings(&standings, &failure))
		return complain(failure.text);
	if (choose(&standings, names))
		return EXIT_CGFENCE;
	find_cgroups(&standings);
	find_devices(&standings);
	r = print(&standings, json);
	if (r)
		return complain(strerror(-r));
	for (i = 0; i < standings.count; i++)
		if (!standing_is_whole(&standings.items[i]))
			return 1;
	return 0;
}

int cmd_status(int argc, char *argv[])
{
	bool json = false;
	int option;

	argv[0] = (char *)"cgfence";
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (option == 'h') {
			print_help();
			return 0;
		}
		if (option != OPTION_JSON) {
			fputs("cgfence: see cgfence status --help\n", stderr);
			return EXIT_CGFENCE;
		}
		json = true;
	}
	return show(argv + optind, json);
}
