/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the module share. */
#ifndef CGFENCE_TARGET_INTERNAL_H
#define CGFENCE_TARGET_INTERNAL_H

#include <stdbool.h>

#include "target_name.h"

/* Whether `name` may be one; `ret_text` gets it with a suffix, ".service" if it has none. */
bool target_unit_name(const char *name, char ret_text[CGROUP_PATH_BYTES]);

/* As target_name_find(), in a hierarchy that is mounted at `mount`. */
int target_find_unit(const char *mount, const char *unit, char ret_path[CGROUP_PATH_BYTES],
		     struct failure *failure);
int target_find_process(const char *mount, const char *pid, char ret_path[CGROUP_PATH_BYTES],
			struct failure *failure);

#endif
