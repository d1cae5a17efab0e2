// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Podman's containers as containers/storage keeps them, see containers-storage.conf(5): in
 * GRAPHROOT/DRIVER-containers/containers.json, which is replaced whole, so it needs no lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#include "engine_internal.h"
#include "util.h"

#define ID_BYTES_MIN 12

/* graphroot = "/var/lib/containers/storage" */
static bool parse_graphroot(const char *line, char ret_path[CGROUP_PATH_BYTES])
{
	const char *text = line + strspn(line, " \t"), *end;
	char quote;

	if (strncmp(text, "graphroot", strlen("graphroot")) != 0)
		return false;
	text += strlen("graphroot");
	text += strspn(text, " \t");
	if (*text++ != '=')
		return false;
	text += strspn(text, " \t");
	quote = *text++;
	end = quote == '"' || quote == '\'' ? strchr(text, quote) : NULL;
	if (!end || *text != '/' || end - text >= CGROUP_PATH_BYTES)
		return false;
	memcpy(ret_path, text, (size_t)(end - text));
	ret_path[end - text] = '\0';
	return true;
}

static bool read_graphroot(const char *path, char ret_path[CGROUP_PATH_BYTES])
{
	_cleanup_fclose_ FILE *file = path ? fopen(path, "re") : NULL;
	char line[CGROUP_PATH_BYTES + 64];

	while (file && fgets(line, sizeof(line), file))
		if (parse_graphroot(line, ret_path))
			return true;
	return false;
}

static void find_graphroot(const struct engine_paths *paths, char ret_path[CGROUP_PATH_BYTES])
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths->storage_conf); i++)
		if (read_graphroot(paths->storage_conf[i], ret_path))
			return;
	snprintf(ret_path, CGROUP_PATH_BYTES, "%s", paths->graphroot ? paths->graphroot : "");
}

/* -errno; -EFBIG. */
static int read_text(const char *path, char **ret_text, size_t *ret_length)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	ssize_t count;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > ENGINE_TEXT_BYTES_MAX)
		return -EFBIG;
	text = malloc((size_t)st.st_size + 1);
	count = text ? read(fd, text, (size_t)st.st_size) : -1;
	if (count < 0)
		return text ? -errno : -ENOMEM;
	*ret_length = (size_t)count;
	*ret_text = TAKE_PTR(text);
	return 0;
}

static int look_in(const char *path, const char *name, char ret_id[ENGINE_ID_BYTES])
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int r = read_text(path, &text, &length);

	return r ? r : json_engine_stored(text, length, name, ID_BYTES_MIN, ret_id);
}

int engine_stored(const struct engine_paths *paths, const char *name, char ret_id[ENGINE_ID_BYTES])
{
	char root[CGROUP_PATH_BYTES], pattern[CGROUP_PATH_BYTES + 64];
	_cleanup_(globfree) glob_t files = {};
	int r = -ENOENT;
	size_t i;

	find_graphroot(paths, root);
	snprintf(pattern, sizeof(pattern), "%s/*-containers/containers.json", root);
	if (!root[0] || glob(pattern, 0, NULL, &files))
		return -ENOENT;
	for (i = 0; r && r != -ENOTUNIQ && i < files.gl_pathc; i++)
		r = look_in(files.gl_pathv[i], name, ret_id);
	return r == -ENOTUNIQ || !r ? r : -ENOENT;
}
