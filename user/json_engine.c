// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "json_engine.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "util.h"

#define HEX "0123456789abcdef"
/* Linux has no greater one. */
#define PID_MAX 4194304

/* It becomes part of a path. */
static bool is_id(const char *text)
{
	return text && strlen(text) == ENGINE_ID_BYTES - 1 &&
	       strspn(text, HEX) == ENGINE_ID_BYTES - 1;
}

int json_engine_container(const char *text, size_t length, struct engine_container *ret_container)
{
	json_auto_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	const char *id = NULL;
	json_int_t pid = 0;
	int running = 0;

	if (json_unpack(root, "{s:s, s:{s:b, s:I}}", "Id", &id, "State", "Running", &running, "Pid",
			&pid) ||
	    !is_id(id) || pid < 0 || pid > PID_MAX)
		return -EBADMSG;
	strcpy(ret_container->id, id);
	ret_container->pid = running ? (pid_t)pid : 0;
	return 0;
}

static bool has_name(const json_t *container, const char *name)
{
	const json_t *names = json_object_get(container, "names");
	const char *one;
	size_t i;

	for (i = 0; i < json_array_size(names); i++) {
		one = json_string_value(json_array_get(names, i));
		if (one && !strcmp(one, name))
			return true;
	}
	return false;
}

static bool begins(const char *id, const char *name, size_t bytes_min)
{
	return strlen(name) >= bytes_min && !strncmp(id, name, strlen(name));
}

/* A name counts for more than an id that begins like it. */
int json_engine_stored(const char *text, size_t length, const char *name, size_t id_bytes_min,
		       char ret_id[ENGINE_ID_BYTES])
{
	json_auto_t *root = json_loadb(text, length, 0, NULL);
	const char *id, *found = NULL;
	size_t i, by_id = 0;

	if (!json_is_array(root))
		return -EBADMSG;
	for (i = 0; i < json_array_size(root); i++) {
		id = json_string_value(json_object_get(json_array_get(root, i), "id"));
		if (!is_id(id))
			continue;
		if (has_name(json_array_get(root, i), name)) {
			strcpy(ret_id, id);
			return 0;
		}
		if (begins(id, name, id_bytes_min)) {
			found = id;
			by_id++;
		}
	}
	if (by_id == 1)
		strcpy(ret_id, found);
	return by_id == 1 ? 0 : by_id ? -ENOTUNIQ : -ENOENT;
}
