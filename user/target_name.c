// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target_name.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "engine.h"
#include "target_internal.h"

/* Linux has no greater process id: PID_MAX_LIMIT. */
#define PID_MAX 4194304UL
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char *const prefixes[TARGET_KIND_COUNT] = {
	[TARGET_CGROUP] = "",
	[TARGET_PID] = "pid:",
	[TARGET_UNIT] = "unit:",
	[TARGET_CONTAINER] = "container:",
};

/* What follows the prefix; the kind of what has none of them is TARGET_CGROUP. */
static enum target_kind split(const char *text, const char **ret_rest)
{
	enum target_kind kind;
	size_t length;

	for (kind = TARGET_PID; kind < TARGET_KIND_COUNT; kind++) {
		length = strlen(prefixes[kind]);
		if (!strncmp(text, prefixes[kind], length)) {
			*ret_rest = text + length;
			return kind;
		}
	}
	*ret_rest = text;
	return TARGET_CGROUP;
}

static int refuse(struct failure *failure, const char *text, const char *why)
{
	failure_set(failure, 0, "'%.200s' is no target: %s", text, why);
	failure_hint(failure, "a target is the directory of a cgroup, pid:N, unit:NAME or "
			      "container:NAME");
	return -EINVAL;
}

/* --- paths ----------------------------------------------------------------------------------- */

/* Takes the last component off `path`, and puts it before `rest`. */
static int split_last(char *path, char *rest, size_t size)
{
	char *slash = strrchr(path, '/'), copy[CGROUP_PATH_BYTES];

	if (!slash || !slash[1])
		return -EINVAL;
	/* What is not there has no ".." that could be known. */
	if (!strcmp(slash, "/.") || !strcmp(slash, "/.."))
		return -EINVAL;
	snprintf(copy, sizeof(copy), "%s", rest);
	if ((size_t)snprintf(rest, size, "%s%s", slash, copy) >= size)
		return -ENAMETOOLONG;
	*slash = '\0';
	return 0;
}

/* Slashes that mean nothing go, so that the last component is what follows the last one. */
static void squeeze(char *path)
{
	char *from = path, *to = path;

	for (; *from; from++)
		if (*from != '/' || (from[1] != '/' && from[1] != '\0'))
			*to++ = *from;
	*to = '\0';
}

/* The links of what is there are followed; the rest, which may come, is as it is written. */
static int canonical(const char *text, char ret_path[CGROUP_PATH_BYTES])
{
	char path[CGROUP_PATH_BYTES], rest[CGROUP_PATH_BYTES] = "", real[PATH_MAX], cwd[PATH_MAX];
	int length;

	if (text[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return -errno;
	length = snprintf(path, sizeof(path), "%s%s%s", text[0] == '/' ? "" : cwd,
			  text[0] == '/' ? "" : "/", text);
	if (length >= (int)sizeof(path))
		return -ENAMETOOLONG;
	squeeze(path);
	while (!realpath(path[0] ? path : "/", real))
		if (errno != ENOENT)
			return -errno;
		else if (split_last(path, rest, sizeof(rest)))
			return -EINVAL;
	length = snprintf(ret_path, CGROUP_PATH_BYTES, "%s%s", rest[0] && !real[1] ? "" : real,
			  rest);
	return length < CGROUP_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

/* "docker:web": a word that looks like a kind of target, and is none. */
static bool is_other_kind(const char *text)
{
	size_t length = strspn(text, LETTERS);

	return length && text[length] == ':' && !strchr(text, '/');
}

static int parse_path(const char *text, struct target_name *ret_name, struct failure *failure)
{
	int r;

	if (is_other_kind(text))
		return refuse(failure, text, "there is no such kind of target");
	r = canonical(text, ret_name->text);
	return r ? refuse(failure, text, strerror(-r)) : 0;
}

/* --- other kinds ----------------------------------------------------------------------------- */

/* One way to write it, so that a process has one name. */
static bool is_pid(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long number;

	if (!digits || text[digits] || text[0] == '0' || digits > 7)
		return false;
	number = strtoul(text, NULL, 10);
	return number <= PID_MAX;
}

static int parse_kind(enum target_kind kind, const char *rest, struct target_name *ret_name,
		      const char **ret_why)
{
	bool fits = strlen(rest) < sizeof(ret_name->text), good = false;

	switch (kind) {
	case TARGET_PID:
		good = is_pid(rest);
		*ret_why = "a process id is a number from 1 to 4194304";
		break;
	case TARGET_UNIT:
		*ret_why = "a unit has letters, digits and \":-_.\\@\" in its name";
		return target_unit_name(rest, ret_name->text) ? 0 : -EINVAL;
	case TARGET_CONTAINER:
		good = engine_is_name(rest);
		*ret_why = "a container has letters, digits and \"_.-\" in its name";
		break;
	case TARGET_CGROUP:
	case TARGET_KIND_COUNT:
		return -EINVAL;
	}
	if (!good || !fits)
		return -EINVAL;
	strcpy(ret_name->text, rest);
	return 0;
}

int target_name_parse(const char *text, struct target_name *ret_name, struct failure *failure)
{
	struct target_name name = {};
	const char *rest, *why = "";
	int r;

	name.kind = split(text, &rest);
	if (!text[0])
		return refuse(failure, text, "it is empty");
	if (strchr(text, '\n'))
		return refuse(failure, text, "it has more than one line");
	if (name.kind == TARGET_CGROUP) {
		r = parse_path(text, &name, failure);
	} else {
		r = parse_kind(name.kind, rest, &name, &why);
		if (r)
			r = refuse(failure, text, why);
	}
	if (!r)
		*ret_name = name;
	return r ? -EINVAL : 0;
}

const char *target_name_format(const struct target_name *name, char text[TARGET_TEXT_BYTES])
{
	snprintf(text, TARGET_TEXT_BYTES, "%s%s", prefixes[name->kind], name->text);
	return text;
}
