// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Bodies in chunks (RFC 9112 §7.1). */
#include <errno.h>
#include <string.h>

#include "http.h"
#include "span.h"

/* A size, and extensions that nobody uses. */
#define LINE_BYTES_MAX 256
/* Enough for any limit, and no overflow. */
#define SIZE_DIGITS_MAX 15

/* "1a", "1a;name=value", with or without CR; the bytes up to the LF. */
static int parse_size(const char *line, size_t length, uint64_t *ret_size)
{
	uint64_t size = 0;
	size_t i;

	if (length && line[length - 1] == '\r')
		length--;
	for (i = 0; i < length && ascii_is_hex_digit(line[i]); i++) {
		char c = ascii_to_lower(line[i]);

		if (i == SIZE_DIGITS_MAX)
			return -EINVAL;
		size = size << 4 | (uint64_t)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	if (!i || (i < length && !strchr("; \t", line[i])))
		return -EINVAL;
	*ret_size = size;
	return 0;
}

static long read_size(struct http_chunks *chunks, const char *line, size_t length)
{
	if (parse_size(line, length, &chunks->left))
		return -EINVAL;
	chunks->state = chunks->left ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER;
	return (long)length + 1;
}

static bool is_empty(const char *line, size_t length)
{
	return !length || (length == 1 && *line == '\r');
}

/* Fields after the last chunk say nothing that is heeded. */
static long read_trailer(struct http_chunks *chunks, const char *line, size_t length)
{
	chunks->trailer += length;
	if (chunks->trailer > HTTP_HEAD_BYTES_MAX)
		return -EINVAL;
	if (is_empty(line, length))
		chunks->state = HTTP_CHUNK_DONE;
	return (long)length + 1;
}

static long read_line(struct http_chunks *chunks, const char *data, size_t length)
{
	bool trailer = chunks->state == HTTP_CHUNK_TRAILER;
	const char *end = memchr(data, '\n', length);
	size_t line = end ? (size_t)(end - data) : length;

	if (line > (trailer ? HTTP_HEAD_BYTES_MAX : LINE_BYTES_MAX))
		return -EINVAL;
	if (!end)
		return 0;
	if (trailer)
		return read_trailer(chunks, data, line);
	if (chunks->state == HTTP_CHUNK_SIZE)
		return read_size(chunks, data, line);
	if (!is_empty(data, line))
		return -EINVAL;
	chunks->state = HTTP_CHUNK_SIZE;
	return (long)line + 1;
}

long http_chunks_read(struct http_chunks *chunks, const char *data, size_t length,
		      size_t *ret_piece)
{
	*ret_piece = 0;
	if (chunks->state == HTTP_CHUNK_DONE || !length)
		return 0;
	if (chunks->state != HTTP_CHUNK_DATA)
		return read_line(chunks, data, length);
	*ret_piece = length < chunks->left ? length : (size_t)chunks->left;
	chunks->left -= *ret_piece;
	if (!chunks->left)
		chunks->state = HTTP_CHUNK_END;
	return (long)*ret_piece;
}
