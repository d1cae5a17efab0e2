/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What C lacks: scope-bound clean-up and a few macros. No state. */
#ifndef CGFENCE_UTIL_H
#define CGFENCE_UTIL_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _printf_(text, first) __attribute__((format(printf, text, first)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_MSEC 1000000ULL

static inline void free_pointer(void *pointer)
{
	free(*(void **)pointer);
}

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define _cleanup_free_ _cleanup_(free_pointer)
#define _cleanup_close_ _cleanup_(close_fd)
#define _cleanup_fclose_ _cleanup_(close_file)
#define _cleanup_closedir_ _cleanup_(close_dir)

/* Hands a resource out of its cleanup: returns the value and leaves `empty` behind. */
#define TAKE(variable, empty)                                                                      \
	({                                                                                         \
		__auto_type taken = (variable);                                                    \
		(variable) = (empty);                                                              \
		taken;                                                                             \
	})
#define TAKE_FD(fd) TAKE(fd, -1)
#define TAKE_PTR(pointer) TAKE(pointer, NULL)

/* As bsearch(), but the place of the first that is not less than `key`: `count` if all are. */
static inline size_t lower_bound(const void *key, const void *items, size_t count, size_t size,
				 int (*compare)(const void *, const void *))
{
	size_t begin = 0, end = count, middle;

	while (begin < end) {
		middle = begin + (end - begin) / 2;
		if (compare((const char *)items + middle * size, key) < 0)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

static inline uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

#endif
