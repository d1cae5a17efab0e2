// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Requests as they come in, head and body. */
#include <errno.h>

#include "server_internal.h"
#include "util.h"

/* Of a body that is not read: what is more is not waited for. */
#define PIECE_BYTES_MAX (16 * 1024)
#define TOO_EARLY "the request ends too early"

void request_free(struct server_request *request)
{
	if (request->input)
		evbuffer_free(request->input);
	free(request->body);
	free(request->head);
	free(request);
}

static struct server_request *new_request(struct server_connection *connection)
{
	struct server_request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->input = evbuffer_new();
	request->connection = connection;
	request->peer = connection->peer;
	request->http.method = HTTP_OTHER;
	if (!request->input) {
		request_free(request);
		return NULL;
	}
	connection->request = request;
	return request;
}

static struct evbuffer *input_of(const struct server_connection *connection)
{
	return bufferevent_get_input(connection->buffer);
}

/* It is not known where the next request would begin, so none is read. */
void connection_refuse(struct server_connection *connection, unsigned int status, const char *wrong)
{
	const struct server_options *options = &connection->server->options;
	struct server_request *request = connection->request;

	if (!request)
		request = new_request(connection);
	if (!request) {
		connection_close(connection);
		return;
	}
	connection->keep = false;
	connection_enter(connection, CONNECTION_PENDING);
	options->refused(request, status, wrong, options->data);
}

static void hand_over(struct server_connection *connection)
{
	struct server_request *request = connection->request;

	request->length = evbuffer_get_length(request->input);
	request->body = malloc(request->length + 1);
	if (!request->body) {
		connection_refuse(connection, 503, "no memory");
		return;
	}
	evbuffer_remove(request->input, request->body, request->length);
	request->body[request->length] = '\0';
	evbuffer_free(TAKE_PTR(request->input));
	connection->keep = request->http.keep;
	server_take_turn(connection);
}

/* --- the body -------------------------------------------------------------------------------- */

static void read_length(struct server_connection *connection)
{
	struct server_request *request = connection->request;
	struct evbuffer *input = input_of(connection);
	size_t missing = (size_t)request->http.length - evbuffer_get_length(request->input);

	evbuffer_remove_buffer(input, request->input, missing);
	if (evbuffer_get_length(request->input) == request->http.length)
		hand_over(connection);
}

/* Of what has come, a piece that lies together; false if more is needed, or it is refused. */
static bool read_chunk(struct server_connection *connection)
{
	struct server_request *request = connection->request;
	struct evbuffer *input = input_of(connection);
	size_t length = evbuffer_get_length(input), piece = 0;
	const char *data;
	long used;

	if (length > PIECE_BYTES_MAX + 1)
		length = PIECE_BYTES_MAX + 1;
	data = (const char *)evbuffer_pullup(input, (ssize_t)length);
	used = data ? http_chunks_read(&request->chunks, data, length, &piece) : 0;
	if (used < 0) {
		connection_refuse(connection, 400, "the body is not in chunks");
		return false;
	}
	if (evbuffer_get_length(request->input) + piece > SERVER_BODY_BYTES_MAX) {
		connection_refuse(connection, 413, "the body is too large");
		return false;
	}
	evbuffer_add(request->input, data, piece);
	evbuffer_drain(input, (size_t)used);
	return used > 0;
}

static void read_chunks(struct server_connection *connection)
{
	struct server_request *request = connection->request;

	while (request->chunks.state != HTTP_CHUNK_DONE)
		if (!read_chunk(connection))
			return;
	hand_over(connection);
}

/* Its end may have come with an earlier request. */
static void read_body(struct server_connection *connection)
{
	if (connection->request->http.chunked)
		read_chunks(connection);
	else
		read_length(connection);
	if (connection->state == CONNECTION_BODY && connection->ended)
		connection_refuse(connection, 400, TOO_EARLY);
}

/* --- the head -------------------------------------------------------------------------------- */

static void begin_body(struct server_connection *connection)
{
	struct server *server = connection->server;
	const struct http_request *http = &connection->request->http;

	if (!server_rate_take(&server->rate, connection->peer.uid, monotonic_ns())) {
		connection_refuse(connection, 429, "too many requests; wait a second");
		return;
	}
	if (http->length > SERVER_BODY_BYTES_MAX) {
		connection_refuse(connection, 413, "the body is too large");
		return;
	}
	if (http->expects && (http->length || http->chunked))
		evbuffer_add_printf(bufferevent_get_output(connection->buffer),
				    "HTTP/1.1 100 Continue\r\n\r\n");
	connection_enter(connection, CONNECTION_BODY);
	read_body(connection);
}

static void parse_head(struct server_connection *connection, size_t length)
{
	struct server_request *request = new_request(connection);
	const char *wrong = NULL;
	unsigned int status;

	if (!request) {
		connection_close(connection);
		return;
	}
	request->head = malloc(length);
	if (!request->head) {
		connection_refuse(connection, 503, "no memory");
		return;
	}
	evbuffer_remove(input_of(connection), request->head, length);
	status = http_parse_head(request->head, length, &request->http, &wrong);
	if (status)
		connection_refuse(connection, status, wrong);
	else
		begin_body(connection);
}

/* The time for a request counts from its first byte on. */
static void begin_head(struct server_connection *connection)
{
	if (connection->begun)
		return;
	connection_enter(connection, CONNECTION_HEAD);
	connection->begun = true;
}

static void read_head(struct server_connection *connection)
{
	struct evbuffer *input = input_of(connection);
	size_t length = evbuffer_get_length(input), head;
	const char *data;

	if (length)
		begin_head(connection);
	if (length > HTTP_HEAD_BYTES_MAX)
		length = HTTP_HEAD_BYTES_MAX;
	data = length ? (const char *)evbuffer_pullup(input, (ssize_t)length) : NULL;
	head = data ? http_head_length(data, length) : 0;
	if (head)
		parse_head(connection, head);
	else if (length == HTTP_HEAD_BYTES_MAX)
		connection_refuse(connection, 431, "the head is too large");
	else if (connection->ended && length)
		connection_refuse(connection, 400, TOO_EARLY);
	else if (connection->ended)
		connection_close(connection);
}

void connection_read(struct server_connection *connection)
{
	switch (connection->state) {
	case CONNECTION_HEAD:
		read_head(connection);
		break;
	case CONNECTION_BODY:
		read_body(connection);
		break;
	case CONNECTION_STREAM:
	case CONNECTION_LINGER:
		evbuffer_drain(input_of(connection), evbuffer_get_length(input_of(connection)));
		break;
	case CONNECTION_READY:
	case CONNECTION_PENDING:
	case CONNECTION_ANSWER:
		break;
	}
}
