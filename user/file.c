// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "file.h"

#include <errno.h>
#include <fcntl.h>

#include "util.h"

int file_read(const char *path, size_t size_max, char **ret_text, size_t *ret_length)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	ssize_t count = 1;

	if (fd < 0)
		return -errno;
	text = malloc(size_max + 2);
	if (!text)
		return -ENOMEM;
	while (count && length <= size_max) {
		count = read(fd, text + length, size_max + 1 - length);
		if (count < 0 && errno != EINTR)
			return -errno;
		length += count > 0 ? (size_t)count : 0;
	}
	text[length] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_length = length;
	return 0;
}
