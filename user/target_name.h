/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Targets as people name them, and the cgroups they are:
 *
 *   /sys/fs/cgroup/a/b   the directory of a cgroup of version 2
 *   pid:N                the cgroup that process N is in now
 *   unit:NAME            a unit of systemd's system manager, such as nginx.service
 *   container:NAME       a running container of Docker or Podman, by its name or id
 *
 * And the names that fences are pinned by, which are those of their targets.
 */
#ifndef CGFENCE_TARGET_NAME_H
#define CGFENCE_TARGET_NAME_H

#include <stddef.h>

#include "cgroup.h"
#include "failure.h"

enum target_kind {
	TARGET_CGROUP,
	TARGET_PID,
	TARGET_UNIT,
	TARGET_CONTAINER,
	TARGET_KIND_COUNT
};

#define TARGET_TEXT_BYTES (CGROUP_PATH_BYTES + sizeof("container:"))

struct target_name {
	enum target_kind kind;
	char text[CGROUP_PATH_BYTES]; /* what follows "pid:", or the absolute path, made canonical
				       */
};

/*
 * -EINVAL, and what is wrong with it. A relative path is taken from the working directory, and what
 * of it is there has no links any more; a unit without a suffix is a service.
 */
int target_name_parse(const char *text, struct target_name *ret_name, struct failure *failure);
/* "container:web", "/sys/fs/cgroup/a"; parsed again it gives the same. Returns `text`. */
const char *target_name_format(const struct target_name *name, char text[TARGET_TEXT_BYTES]);

/*
 * The directory of its cgroup. -ENOENT if there is none now; -EINVAL if it is the root cgroup, or
 * not of version 2, or none alone, or a path where none can come; -EAGAIN if an engine could not be
 * asked, which may take ENGINE_TIMEOUT_MS for each.
 */
int target_name_find(const struct target_name *name, char ret_path[CGROUP_PATH_BYTES],
		     struct failure *failure);

/*
 * The name of its fence: the target, of a cgroup relative to where cgroup2 is mounted after
 * "cgroup:", with '%' and two digits for every byte but letters, digits and "_-@:+=,". A pin's name
 * can have no '.' and no '/'. What would be longer than this is cut, and ends in '~' and a hash.
 */
#define TARGET_FENCE_BYTES 128
const char *target_name_fence(const struct target_name *name, char text[TARGET_FENCE_BYTES]);
/* The target of a fence; -EINVAL if the name is no such one, or was cut. */
int target_name_of_fence(const char *fence, struct target_name *ret_name);

#endif
