// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pins: names in the BPF file system. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "datapath_internal.h"

/* No byte of a fence's or a policy's name is '%' before anything but two digits. */
#define NEW_SUFFIX "%new"
/* The clock of a file system goes by ticks, of 10 ms at most. */
#define TICKS_NS (50 * NSEC_PER_MSEC)

int pin_path(char ret_path[static PIN_PATH_BYTES], const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(ret_path, PIN_PATH_BYTES, format, arguments);
	va_end(arguments);
	return length < PIN_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

int pin_mkdir(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

int pin_remove_dir(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	const struct dirent *entry;
	char inner[PIN_PATH_BYTES];

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && unlinkat(dirfd(dir), entry->d_name, 0) &&
		    errno == EISDIR && !pin_path(inner, "%s/%s", path, entry->d_name))
			pin_remove_dir(inner);
	return rmdir(path) ? -errno : 0;
}

int pin_each(const char *directory, datapath_name_fn call, void *data)
{
	_cleanup_closedir_ DIR *dir = opendir(directory);
	const struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			call(entry->d_name, data);
	return 0;
}

int pin_put(int fd, const char *path)
{
	char beside[PIN_PATH_BYTES];
	int r = pin_path(beside, "%s%s", path, NEW_SUFFIX);

	if (r)
		return r;
	unlink(beside);
	r = bpf_obj_pin(fd, beside);
	if (r)
		return r;
	return rename(beside, path) ? -errno : 0;
}

/* What is told of a map, a link or a program begins with its type and its id. */
static int id_of(int fd, uint32_t *ret_id)
{
	union {
		struct bpf_map_info map;
		struct bpf_link_info link;
	} info = {};
	uint32_t length = sizeof(info);
	int r = bpf_obj_get_info_by_fd(fd, &info, &length);

	if (!r)
		*ret_id = info.map.id;
	return r;
}

int pin_check(const char *path, uint32_t id)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	uint32_t pinned;
	int r = fd < 0 ? fd : id_of(fd, &pinned);

	if (r)
		return r;
	return pinned == id ? 0 : -EEXIST;
}

static uint64_t ns_of(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * NSEC_PER_SEC + (uint64_t)time->tv_nsec;
}

/* What changes once more in the same tick has the same time. */
static bool is_settled(const struct timespec *changed)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ns_of(&now) > ns_of(changed) + TICKS_NS;
}

int pin_stamp(const char *directory, struct pin_stamp *ret_stamp)
{
	struct stat st;

	*ret_stamp = (struct pin_stamp){};
	if (stat(directory, &st))
		return -errno;
	*ret_stamp = (struct pin_stamp){
		.device = st.st_dev,
		.inode = st.st_ino,
		.changed = st.st_ctim,
		.settled = is_settled(&st.st_ctim),
	};
	return 0;
}

bool pin_unchanged(const char *directory, const struct pin_stamp *known)
{
	struct stat st;

	return known->settled && !stat(directory, &st) && st.st_dev == known->device &&
	       st.st_ino == known->inode && ns_of(&st.st_ctim) == ns_of(&known->changed);
}
