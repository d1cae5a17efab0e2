/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What container engines say, as JSON, of their containers. Pure. */
#ifndef CGFENCE_JSON_ENGINE_H
#define CGFENCE_JSON_ENGINE_H

#include <stddef.h>
#include <sys/types.h>

#define ENGINE_ID_BYTES 65

struct engine_container {
	char id[ENGINE_ID_BYTES]; /* 64 hexadecimal digits */
	pid_t pid;		  /* of its first process; 0: it does not run */
};

/* Of "inspect"; -EBADMSG. */
int json_engine_container(const char *text, size_t length, struct engine_container *ret_container);

/*
 * Of containers.json, by name or the beginning of the id, of `id_bytes_min` or more: -ENOENT;
 * -ENOTUNIQ if several are meant; -EBADMSG.
 */
int json_engine_stored(const char *text, size_t length, const char *name, size_t id_bytes_min,
		       char ret_id[ENGINE_ID_BYTES]);

#endif
