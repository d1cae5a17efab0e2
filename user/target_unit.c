// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Units by their cgroups, which are in those of their slices, see systemd.slice(5): what is below a
 * service or a scope is its own matter, or that of another systemd.
 */
#include <errno.h>
#include <string.h>

#include "cgroup_search.h"
#include "target_internal.h"

#define UNIT_BYTES_MAX 255
#define SLICE ".slice"
#define CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length > end_length && !strcmp(text + length - end_length, end);
}

/* Kinds of units that have processes. */
static bool has_suffix(const char *name)
{
	static const char *const suffixes[] = { ".service", ".scope", ".socket",
						".mount",   ".swap",  SLICE };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (ends_in(name, suffixes[i]))
			return true;
	return false;
}

bool target_unit_name(const char *name, char ret_text[CGROUP_PATH_BYTES])
{
	int length = snprintf(ret_text, CGROUP_PATH_BYTES, "%s%s", name,
			      has_suffix(name) ? "" : ".service");

	return name[0] && name[0] != '.' && !name[strspn(name, CHARACTERS)] &&
	       length <= UNIT_BYTES_MAX;
}

/* What could be mistaken for a file of the cgroup's has '_' before it. */
static const char *unescaped(const char *directory)
{
	return directory[0] == '_' ? directory + 1 : directory;
}

static enum cgroup_judged judge(const char *name, const void *unit)
{
	if (!strcmp(unescaped(name), unit))
		return CGROUP_FOUND;
	return ends_in(name, SLICE) ? CGROUP_ENTER : CGROUP_PASS;
}

int target_find_unit(const char *mount, const char *unit, char ret_path[CGROUP_PATH_BYTES],
		     struct failure *failure)
{
	struct cgroup_found found;
	int r;

	if (!strcmp(unit, "-.slice")) {
		failure_set(failure, 0, "the unit -.slice is the root cgroup, the whole machine");
		return -EINVAL;
	}
	r = cgroup_search(mount, CGROUP_OWNERS, judge, unit, &found);
	if (r)
		return failure_set(failure, -r, "cannot look for units in %s", mount);
	if (!found.count) {
		failure_set(failure, 0, "no process of a unit %s runs: there is no cgroup of it",
			    unit);
		return -ENOENT;
	}
	if (found.count > 1) {
		failure_set(failure, 0, "there are several cgroups of a unit %s: %.150s and %.150s",
			    unit, found.paths[0], found.paths[1]);
		return -EINVAL;
	}
	strcpy(ret_path, found.paths[0]);
	return 0;
}
