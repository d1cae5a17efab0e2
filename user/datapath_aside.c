// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pins of another contract, moved to other names, so that theirs are free. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "datapath_internal.h"

/* Of upgrades that were killed, one after the other. */
#define ASIDES_MAX 10

static int move(const char *root, const char *name, char ret_aside[STANDING_NAME_BYTES])
{
	char from[PIN_PATH_BYTES], to[PIN_PATH_BYTES], aside[STANDING_NAME_BYTES];
	int i, r = pin_path(from, "%s/%s", root, name);

	for (i = 0; !r && i < ASIDES_MAX; i++) {
		if (snprintf(aside, sizeof(aside), "%s%s%d", name, STANDING_ASIDE, i) >=
		    (int)sizeof(aside))
			return -ENAMETOOLONG;
		r = pin_path(to, "%s/%s", root, aside);
		if (r)
			return r;
		/* What is there already is no empty directory. */
		if (!rename(from, to)) {
			memcpy(ret_aside, aside, sizeof(aside));
			return 0;
		}
		r = errno == ENOTEMPTY || errno == EEXIST ? 0 : -errno;
	}
	return r ? r : -EEXIST;
}

int datapath_policy_set_aside(struct datapath *datapath, const char *name,
			      char ret_aside[STANDING_NAME_BYTES], struct failure *failure)
{
	int r = move(POLICIES_ROOT, name, ret_aside);

	(void)datapath;
	return r ? failure_set(failure, -r, "cannot move policy %s aside", name) : 0;
}

int datapath_fence_set_aside(struct datapath *datapath, const char *name,
			     char ret_aside[STANDING_NAME_BYTES], struct failure *failure)
{
	int r = move(LINKS_ROOT, name, ret_aside);

	(void)datapath;
	return r ? failure_set(failure, -r, "cannot move the fence %s aside", name) : 0;
}

bool datapath_aside_of(const char *aside, char ret_name[STANDING_NAME_BYTES])
{
	const char *suffix = strstr(aside, STANDING_ASIDE);

	if (!suffix)
		return false;
	snprintf(ret_name, STANDING_NAME_BYTES, "%.*s", (int)(suffix - aside), aside);
	return true;
}
