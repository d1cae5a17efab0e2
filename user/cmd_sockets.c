// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "command.h"
#include "escape.h"
#include "json.h"
#include "strangers.h"
#include "tree.h"
#include "util.h"

#define BOLD "\x1b[1m"
#define PLAIN "\x1b[0m"

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
	fputs("Usage: cgfence sockets [--json] CGROUP\n"
	      "List what processes in a cgroup hold that a fence on it does not judge: sockets "
	      "that\n"
	      "were made outside, or that no hook sees, and who holds them.\n\n"
	      "CGROUP is a directory of cgroup2; cgroups below it are part of it.\n\n"
	      "      --json                one JSON object a line instead of a table\n"
	      "  -h, --help                this text\n\n"
	      "The exit status is 0 if there are none, 1 if there are some, 125 for an error.\n",
	      stdout);
}

/* --- a table: every column but the last as wide as its widest cell --------------------------- */

enum column {
	COLUMN_KIND,
	COLUMN_LOCAL,
	COLUMN_REMOTE,
	COLUMN_ORIGIN,
	COLUMN_HOLDERS,
	COLUMN_COUNT
};

struct row {
	char *cells[COLUMN_COUNT]; /* owned */
};

static void row_finish(struct row *row)
{
	size_t i;

	for (i = 0; i < COLUMN_COUNT; i++)
		free(TAKE_PTR(row->cells[i]));
}

static int fill_row(const struct stranger *stranger, struct row *ret_row)
{
	char kind[STRANGER_KIND_BYTES], local[STRANGER_END_BYTES], remote[STRANGER_END_BYTES];
	_cleanup_(row_finish) struct row
		row = { .cells = {
				[COLUMN_KIND] = strdup(stranger_kind(stranger, kind)),
				[COLUMN_LOCAL] = strdup(stranger_local(stranger, local)),
				[COLUMN_REMOTE] = strdup(stranger_remote(stranger, remote)),
				[COLUMN_ORIGIN] = stranger_origin(stranger),
				[COLUMN_HOLDERS] = stranger_holders(stranger),
			} };
	size_t i;

	for (i = 0; i < COLUMN_COUNT; i++)
		if (!row.cells[i])
			return -ENOMEM;
	*ret_row = TAKE(row, (struct row){});
	return 0;
}

static void print_row(const struct row *row, const size_t widths[COLUMN_COUNT])
{
	size_t i;

	for (i = 0; i < COLUMN_HOLDERS; i++)
		printf("%-*s  ", (int)widths[i], row->cells[i]);
	puts(row->cells[COLUMN_HOLDERS]);
}

static void print_rows(const struct row *rows, size_t count)
{
	static const struct row header = { .cells = { (char *)"SOCKET", (char *)"LOCAL",
						      (char *)"REMOTE", (char *)"MADE IN",
						      (char *)"HELD BY" } };
	bool color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	size_t widths[COLUMN_COUNT] = {}, length, i, j;

	for (j = 0; j < COLUMN_COUNT; j++) {
		widths[j] = strlen(header.cells[j]);
		for (i = 0; i < count; i++) {
			length = strlen(rows[i].cells[j]);
			widths[j] = length > widths[j] ? length : widths[j];
		}
	}
	fputs(color ? BOLD : "", stdout);
	print_row(&header, widths);
	fputs(color ? PLAIN : "", stdout);
	for (i = 0; i < count; i++)
		print_row(&rows[i], widths);
}

static int print_table(const struct strangers *strangers)
{
	struct row *rows = calloc(strangers->count, sizeof(*rows));
	size_t i, filled = 0;
	int r = rows ? 0 : -ENOMEM;

	while (!r && filled < strangers->count) {
		r = fill_row(&strangers->items[filled], &rows[filled]);
		filled += !r;
	}
	if (!r)
		print_rows(rows, filled);
	for (i = 0; i < filled; i++)
		row_finish(&rows[i]);
	free(rows);
	return r;
}

static int print_json(const struct strangers *strangers)
{
	size_t i;

	for (i = 0; i < strangers->count; i++) {
		_cleanup_free_ char *line = json_of_stranger(&strangers->items[i]);

		if (!line)
			return -ENOMEM;
		puts(line);
	}
	return 0;
}

static int print(const struct strangers *strangers, const char *path, bool json)
{
	char shown[ESCAPE_BYTES(4096)];
	int r = 0;

	if (json)
		r = print_json(strangers);
	else if (strangers->count)
		r = print_table(strangers);
	else
		printf("%s: no sockets that were made outside, and none that no hook sees\n",
		       escape_text(path, shown, sizeof(shown)));
	if (!r && fflush(stdout))
		r = -errno;
	return r;
}

/* --- the command ----------------------------------------------------------------------------- */

static int complain(const char *path, const char *why)
{
	char shown[ESCAPE_BYTES(4096)];

	fprintf(stderr, "cgfence: sockets: %s: %s\n", escape_text(path, shown, sizeof(shown)), why);
	return EXIT_CGFENCE;
}

static int list(const char *path, bool json)
{
	_cleanup_(strangers_finish) struct strangers strangers = {};
	_cleanup_close_ int fd = -1;
	struct failure failure;
	int r;

	if (geteuid() != 0)
		return complain(path, "only root sees what all processes hold; use sudo(8)");
	r = tree_open(path, &fd);
	if (r)
		return complain(path, r == -EINVAL ? "not a cgroup2 directory" : strerror(-r));
	if (strangers_find(fd, &strangers, &failure))
		return complain(path, failure.text);
	r = print(&strangers, path, json);
	if (r)
		return complain(path, strerror(-r));
	return strangers.count ? 1 : 0;
}

int cmd_sockets(int argc, char *argv[])
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
			fputs("cgfence: see cgfence sockets --help\n", stderr);
			return EXIT_CGFENCE;
		}
		json = true;
	}
	if (argc - optind != 1) {
		fprintf(stderr, "cgfence: sockets: %s; see cgfence sockets --help\n",
			optind < argc ? "only one cgroup" : "no cgroup");
		return EXIT_CGFENCE;
	}
	return list(argv[optind], json);
}
