/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the module share. */
#ifndef CGFENCE_ENGINE_INTERNAL_H
#define CGFENCE_ENGINE_INTERNAL_H

#include <stddef.h>

#include "engine.h"
#include "json_engine.h"

/* Containers that may be inspected have less to tell, and stores are smaller. */
#define ENGINE_TEXT_BYTES_MAX (8 << 20)

/*
 * GET `path` over HTTP, in all within ENGINE_TIMEOUT_MS: the status, such as 200, and the body,
 * which belongs to the caller. -ENOENT if there is no such socket; -ECONNREFUSED if nobody listens;
 * -ETIMEDOUT; -EPROTO if it is not HTTP; -EFBIG; -errno.
 */
int engine_get(const char *socket_path, const char *path, unsigned int *ret_status, char **ret_body,
	       size_t *ret_length);

/* The id of the container of that name, or by the id's beginning, in Podman's store; -ENOENT. */
int engine_stored(const struct engine_paths *paths, const char *name, char ret_id[ENGINE_ID_BYTES]);

#endif
