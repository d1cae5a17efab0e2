// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An answer that goes on and on, a line at a time; and what a path needs. */
#include <errno.h>
#include <string.h>

#include "client_internal.h"
#include "span.h"

/* All lines that are whole by now, without moving the rest for each. */
static int take_lines(struct connection *connection, client_line_fn found, void *data)
{
	char *line = connection->text, *end = line + connection->length, *newline;
	int r = 0;

	while (!r && (newline = memchr(line, '\n', (size_t)(end - line)))) {
		*newline = '\0';
		if (newline > line && newline[-1] == '\r')
			newline[-1] = '\0';
		r = found(line, data);
		line = newline + 1;
	}
	connection_drop(connection, (size_t)(line - connection->text));
	return r;
}

int client_lines(struct connection *connection, client_line_fn found, void *data, bool *ret_ended)
{
	int r;

	do {
		r = connection->length ? take_lines(connection, found, data) : 0;
		*ret_ended = r != 0;
		if (r)
			return r;
		r = connection_receive(connection, CLIENT_LINE_BYTES_MAX);
	} while (r > 0);
	/* The daemon was killed; it ends a stream no other way when it has to. */
	return r == -ECONNRESET ? 0 : r;
}

char *client_encode(const char *text)
{
	static const char plain[] = "-._~";
	char *encoded = malloc(3 * strlen(text) + 1), *at = encoded;

	if (!encoded)
		return NULL;
	for (; *text; text++)
		if (ascii_is_letter(*text) || ascii_is_digit(*text) || strchr(plain, *text))
			*at++ = *text;
		else
			at += sprintf(at, "%%%02X", (unsigned char)*text);
	*at = '\0';
	return encoded;
}
