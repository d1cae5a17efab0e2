// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cgfence.h"
#include "util.h"

#define BLANKS " \t\r\v\f"

/* Sorted by name, and within a name by place in the file. */
struct hosts {
	char *text; /* a copy of the file, cut into names */
	struct hosts_entry *entries;
	size_t count;
	size_t capacity;
};

static int hosts_add(struct hosts *hosts, const char *name, const struct address *address)
{
	size_t capacity = hosts->capacity ? 2 * hosts->capacity : 16;
	struct hosts_entry *entries;

	if (hosts->count == hosts->capacity) {
		entries = reallocarray(hosts->entries, capacity, sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		hosts->entries = entries;
		hosts->capacity = capacity;
	}
	hosts->entries[hosts->count++] = (struct hosts_entry){ .name = name, .address = *address };
	return 0;
}

/* `line` is cut into words that the table then points to. */
static int hosts_add_line(struct hosts *hosts, char *line)
{
	struct address address;
	char *word, *rest;
	int r;

	line[strcspn(line, "#")] = '\0';
	word = strtok_r(line, BLANKS, &rest);
	if (!word || address_parse(word, &address) < 0)
		return 0;
	while ((word = strtok_r(NULL, BLANKS, &rest))) {
		if (strlen(word) > CGF_NAME_BYTES_MAX)
			continue;
		r = hosts_add(hosts, word, &address);
		if (r < 0)
			return r;
	}
	return 0;
}

static int hosts_add_lines(struct hosts *hosts, size_t length)
{
	char *line = hosts->text, *end = hosts->text + length;
	char *newline;
	int r;

	for (; line < end; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line));
		if (!newline)
			newline = end;
		*newline = '\0';
		/* A NUL inside: what follows it would be read as less than it is. */
		if (strlen(line) != (size_t)(newline - line))
			continue;
		r = hosts_add_line(hosts, line);
		if (r < 0)
			return r;
	}
	return 0;
}

static int entry_compare(const void *a, const void *b)
{
	const struct hosts_entry *left = a, *right = b;
	int order = strcasecmp(left->name, right->name);

	if (order)
		return order;
	return left->name < right->name ? -1 : left->name > right->name;
}

int hosts_parse(const char *text, size_t length, struct hosts **ret_hosts)
{
	_cleanup_(hosts_finish) struct hosts *hosts = calloc(1, sizeof(*hosts));
	int r;

	if (!hosts)
		return -ENOMEM;
	hosts->text = malloc(length + 1);
	if (!hosts->text)
		return -ENOMEM;
	memcpy(hosts->text, text, length);
	r = hosts_add_lines(hosts, length);
	if (r < 0)
		return r;
	if (hosts->count)
		qsort(hosts->entries, hosts->count, sizeof(*hosts->entries), entry_compare);
	*ret_hosts = TAKE_PTR(hosts);
	return 0;
}

/* Reads to the end of the file, or one byte more than HOSTS_FILE_BYTES_MAX. */
static int read_whole(int fd, char **ret_text, size_t *ret_length)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0, capacity = 0;
	ssize_t got = 1;
	char *grown;

	for (; got && length <= HOSTS_FILE_BYTES_MAX; length += (size_t)got) {
		if (capacity - length < 4096) {
			capacity = capacity ? 2 * capacity : 16384;
			grown = realloc(text, capacity);
			if (!grown)
				return -ENOMEM;
			text = grown;
		}
		got = read(fd, text + length, capacity - length);
		if (got < 0)
			return -errno;
	}
	*ret_text = TAKE_PTR(text);
	*ret_length = length;
	return 0;
}

int hosts_read(const char *path, struct hosts **ret_hosts)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	int r;

	if (fd < 0)
		return errno == ENOENT ? hosts_parse("", 0, ret_hosts) : -errno;
	r = read_whole(fd, &text, &length);
	if (r < 0)
		return r;
	if (length > HOSTS_FILE_BYTES_MAX)
		return -EFBIG;
	return hosts_parse(text, length, ret_hosts);
}

void hosts_finish(struct hosts **hosts)
{
	if (!*hosts)
		return;
	free((*hosts)->text);
	free((*hosts)->entries);
	free(TAKE_PTR(*hosts));
}

size_t hosts_find(const struct hosts *hosts, const char *name,
		  const struct hosts_entry **ret_entries)
{
	size_t first = 0, end = hosts->count, middle, last;

	while (first < end) {
		middle = first + (end - first) / 2;
		if (strcasecmp(hosts->entries[middle].name, name) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	for (last = first; last < hosts->count; last++)
		if (strcasecmp(hosts->entries[last].name, name))
			break;
	*ret_entries = last > first ? &hosts->entries[first] : NULL;
	return last - first;
}
