// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "escape.h"
#include "policydir_internal.h"
#include "policyfile.h"

struct names {
	char **items;
	size_t count, capacity;
};

static void names_finish(struct names *names)
{
	while (names->count)
		free(names->items[--names->count]);
	free(names->items);
}

static int names_add(struct names *names, const char *name, size_t length)
{
	size_t capacity = names->capacity ? 2 * names->capacity : 64;
	char **grown;

	if (names->count == names->capacity) {
		grown = reallocarray(names->items, capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		names->items = grown;
		names->capacity = capacity;
	}
	names->items[names->count] = strndup(name, length);
	return names->items[names->count++] ? 0 : -ENOMEM;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_usable(const char *name)
{
	char policy[CGF_POLICY_NAME_MAX + 1];

	return !policyfile_name(name, policy) && !strcmp(policy, name);
}

int policydir_file(const char *name, const char *suffix, char ret_file[static POLICYDIR_FILE_BYTES],
		   struct failure *failure)
{
	char shown[ESCAPE_BYTES(CGF_POLICY_NAME_MAX)];

	if (!is_usable(name))
		return failure_set(failure, EINVAL, "'%s' is no name of a policy",
				   escape_text(name, shown, sizeof(shown)));
	snprintf(ret_file, POLICYDIR_FILE_BYTES, "%s%s", name, suffix);
	return 0;
}

static int check_writers(int fd, const char *path, struct failure *failure)
{
	struct stat status;

	if (fstat(fd, &status))
		return failure_set(failure, errno, "cannot look at '%s'", path);
	if ((status.st_uid == 0 || status.st_uid == geteuid()) &&
	    !(status.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	failure_set(failure, 0, "others than root may write to '%s'", path);
	failure_hint(failure, "chown root '%s' && chmod go-w '%s'", path, path);
	return -EPERM;
}

int policydir_open_fd(const struct policydir *dir, int *ret_fd, struct failure *failure)
{
	_cleanup_close_ int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return failure_set(failure, errno, "cannot open '%s'", dir->path);
	r = check_writers(fd, dir->path, failure);
	if (!r)
		*ret_fd = TAKE_FD(fd);
	return r;
}

/* Whoever opens it may go to another working directory later. */
static char *absolute(const char *path)
{
	_cleanup_free_ char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
	char *whole;

	if (path[0] == '/')
		return strdup(path);
	if (!here || asprintf(&whole, "%s/%s", here, path) < 0)
		return NULL;
	return whole;
}

int policydir_open(struct policydir **ret_dir, const char *path, struct failure *failure)
{
	_cleanup_(policydir_close) struct policydir *dir = calloc(1, sizeof(*dir));
	_cleanup_close_ int fd = -1;
	int r;

	if (dir)
		dir->path = absolute(path);
	if (!dir || !dir->path)
		return failure_set(failure, errno, "cannot open '%s'", path);
	if (access(dir->path, F_OK) && errno == ENOENT && mkdir(dir->path, 0755) && errno != EEXIST)
		return failure_set(failure, errno, "cannot make '%s'", dir->path);
	r = policydir_open_fd(dir, &fd, failure);
	if (!r)
		*ret_dir = TAKE_PTR(dir);
	return r;
}

void policydir_close(struct policydir **dir)
{
	if (!*dir)
		return;
	free((*dir)->path);
	free(TAKE_PTR(*dir));
}

/* Editors' locks and backups are hidden, or end otherwise. */
static int collect(DIR *stream, const char *end, struct names *names)
{
	const size_t suffix = strlen(end);
	struct dirent *entry;
	size_t length;
	int r = 0;

	errno = 0;
	while (!r && (entry = readdir(stream))) {
		length = strlen(entry->d_name);
		if (entry->d_name[0] != '.' && length > suffix &&
		    !strcmp(entry->d_name + length - suffix, end))
			r = names_add(names, entry->d_name, length - suffix);
	}
	return r ? r : -errno;
}

static int each(const struct policydir *dir, const char *end, policydir_name_fn found, void *data,
		struct failure *failure)
{
	_cleanup_(names_finish) struct names names = {};
	_cleanup_closedir_ DIR *stream = NULL;
	size_t i;
	int fd, r = policydir_open_fd(dir, &fd, failure);

	if (r)
		return r;
	stream = fdopendir(fd);
	if (!stream) {
		r = failure_set(failure, errno, "cannot read '%s'", dir->path);
		close(fd);
		return r;
	}
	r = collect(stream, end, &names);
	if (r)
		return failure_set(failure, -r, "cannot read '%s'", dir->path);
	if (names.count)
		qsort(names.items, names.count, sizeof(*names.items), compare_names);
	for (i = 0; !r && i < names.count; i++)
		r = found(names.items[i], is_usable(names.items[i]), data);
	return r;
}

int policydir_each(const struct policydir *dir, policydir_name_fn found, void *data,
		   struct failure *failure)
{
	return each(dir, POLICYDIR_POLICY, found, data, failure);
}

int policydir_each_with_targets(const struct policydir *dir, policydir_name_fn found, void *data,
				struct failure *failure)
{
	return each(dir, POLICYDIR_TARGETS, found, data, failure);
}

char *policydir_targets_path(const struct policydir *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s" POLICYDIR_TARGETS, dir->path, name) < 0 ? NULL : path;
}

char *policydir_path(const struct policydir *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s" POLICYDIR_POLICY, dir->path, name) < 0 ? NULL : path;
}

int policydir_read(const struct policydir *dir, const char *name, char **ret_text,
		   size_t *ret_length, struct failure *failure)
{
	char file[POLICYDIR_FILE_BYTES];
	int r = policydir_file(name, POLICYDIR_POLICY, file, failure);

	return r ? r : policydir_file_read(dir, file, ret_text, ret_length, failure);
}

int policydir_write(const struct policydir *dir, const char *name, const char *text, size_t length,
		    struct failure *failure)
{
	char file[POLICYDIR_FILE_BYTES];
	int r = policydir_file(name, POLICYDIR_POLICY, file, failure);

	return r ? r : policydir_file_write(dir, file, text, length, failure);
}

int policydir_remove_policy(const struct policydir *dir, const char *name, struct failure *failure)
{
	char file[POLICYDIR_FILE_BYTES];
	int r = policydir_file(name, POLICYDIR_POLICY, file, failure);

	return r ? r : policydir_file_remove(dir, file, failure);
}

/* Hidden, so it is no policy. */
#define OLD_BYTES (POLICYDIR_FILE_BYTES + sizeof("..old"))

static int old_file(const char *name, const char *suffix,
		    char ret_file[static POLICYDIR_FILE_BYTES], char ret_old[static OLD_BYTES],
		    struct failure *failure)
{
	int r = policydir_file(name, suffix, ret_file, failure);

	if (!r)
		snprintf(ret_old, OLD_BYTES, ".%s.old", ret_file);
	return r;
}

int policydir_keep(const struct policydir *dir, const char *name, bool *ret_kept,
		   struct failure *failure)
{
	char file[POLICYDIR_FILE_BYTES], old[OLD_BYTES];
	int r = old_file(name, POLICYDIR_POLICY, file, old, failure);

	return r ? r : policydir_file_link(dir, file, old, ret_kept, failure);
}

int policydir_put_back(const struct policydir *dir, const char *name, struct failure *failure)
{
	char file[POLICYDIR_FILE_BYTES], old[OLD_BYTES];
	int r = old_file(name, POLICYDIR_POLICY, file, old, failure);

	return r ? r : policydir_file_rename(dir, old, file, failure);
}

void policydir_let_go(const struct policydir *dir, const char *name)
{
	char file[POLICYDIR_FILE_BYTES], old[OLD_BYTES];
	_cleanup_close_ int dir_fd = -1;

	/* After a loss of power it may be there again, which harms nobody. */
	if (!old_file(name, POLICYDIR_POLICY, file, old, NULL) &&
	    !policydir_open_fd(dir, &dir_fd, NULL))
		unlinkat(dir_fd, old, 0);
}

/*
 * A policy without targets is one that waits; targets without a policy would be the next one's. So
 * they go first, but only out of sight until the other is gone.
 */
int policydir_remove(const struct policydir *dir, const char *name, struct failure *failure)
{
	char targets[POLICYDIR_FILE_BYTES], hidden[OLD_BYTES];
	int r = old_file(name, POLICYDIR_TARGETS, targets, hidden, failure);

	if (r)
		return r;
	r = policydir_file_rename(dir, targets, hidden, failure);
	if (r)
		return r;
	r = policydir_remove_policy(dir, name, failure);
	if (r)
		policydir_file_rename(dir, hidden, targets, NULL);
	else
		policydir_file_remove(dir, hidden, NULL);
	return r;
}
