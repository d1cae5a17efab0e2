/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Containers of Docker and Podman, and the cgroups they are in. An engine is asked by its API, if
 * it has a socket here. What Podman keeps without a service is looked up in its store, of root's
 * containers; and any container of any engine is found by its id, from the names of cgroups.
 */
#ifndef CGFENCE_ENGINE_H
#define CGFENCE_ENGINE_H

#include <stdbool.h>

#include "cgroup.h"
#include "failure.h"

/* That each of the engines may take to answer. */
#define ENGINE_TIMEOUT_MS 1000
#define ENGINE_NAME_BYTES_MAX 253

/* Where engines are looked for; anything may be missing. */
struct engine_paths {
	const char *docker, *podman; /* sockets */
	/* Later ones count if the first is not there, or has no graphroot. */
	const char *storage_conf[2];
	const char *graphroot; /* if none of them says */
};
#define ENGINE_PATHS                                                                               \
	{                                                                                          \
		.docker = "/run/docker.sock", .podman = "/run/podman/podman.sock",                 \
		.storage_conf = { "/etc/containers/storage.conf",                                  \
				  "/usr/share/containers/storage.conf" },                          \
		.graphroot = "/var/lib/containers/storage",                                        \
	}

/* Whether it may be the name or the id of a container. */
bool engine_is_name(const char *text);

/*
 * The directory of the container's cgroup, in the hierarchy that is mounted at `mount`, by its
 * name, its id, or the first 12 digits of it or more. It is the whole container's, whatever it has
 * made below. -ENOENT if no such container runs; -EINVAL if there are several, or it has no cgroup
 * of its own; -EAGAIN if it is not found and an engine did not answer.
 */
int engine_find(const struct engine_paths *paths, const char *mount, const char *name,
		char ret_path[CGROUP_PATH_BYTES], struct failure *failure);

#endif
