/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A file that a user names, read whole. */
#ifndef CGFENCE_FILE_H
#define CGFENCE_FILE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * The text belongs to the caller and has a NUL after its end. At most `size_max` + 1 bytes: what is
 * longer is cut there, for the parser to refuse. -errno.
 */
int file_read(const char *path, size_t size_max, char **ret_text, size_t *ret_length);

/*
 * flock(2)s what `fd` is of for itself. Waits up to a second, as who was killed has it until it has
 * ended. -EWOULDBLOCK
 */
int file_lock(int fd);
/* The process that has flock(2)ed what `fd` is of, as far as this one may know; or 0. */
pid_t file_lock_holder(int fd);

#endif
