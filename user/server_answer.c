// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Answers and streams. */
#include <errno.h>
#include <time.h>
#include <utlist.h>

#include "server_internal.h"
#include "util.h"

#define LARGE_BYTES (256 * 1024)
#define DATE_BYTES sizeof("Sun, 06 Nov 1994 08:49:37 GMT")

const struct http_request *server_request_http(const struct server_request *request)
{
	return &request->http;
}

const struct server_peer *server_request_peer(const struct server_request *request)
{
	return &request->peer;
}

const char *server_request_body(const struct server_request *request, size_t *ret_length)
{
	*ret_length = request->length;
	return request->body ? request->body : "";
}

static struct evbuffer *output_of(const struct server_connection *connection)
{
	return bufferevent_get_output(connection->buffer);
}

/* The program has no locale but that of C. */
static void add_head(struct evbuffer *output, unsigned int status, const char *type)
{
	time_t now = time(NULL);
	char date[DATE_BYTES];
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(date, sizeof(date), "%a, %d %b %Y %T GMT", &tm))
		date[0] = '\0';
	evbuffer_add_printf(output, "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Type: %s\r\n", status,
			    http_phrase(status), date, type);
}

/* The connection, if there still is one, that is now to be written to. */
static struct server_connection *take_connection(struct server_request *request)
{
	struct server_connection *connection = request->connection;

	if (connection)
		connection->request = NULL;
	return connection;
}

/*
 * What was written is still sent. If it is already, nobody would say so: in the loop's next turn,
 * as whoever called is not done with the connection.
 */
static void finish_soon(struct server_connection *connection)
{
	connection_enter(connection, CONNECTION_ANSWER);
	bufferevent_trigger(connection->buffer, EV_WRITE, BEV_OPT_DEFER_CALLBACKS);
}

/* What was changed is told in any case. */
static bool is_too_much(const struct server_request *request, size_t length)
{
	const struct server_connection *connection;
	size_t unsent = 0;

	if (!request->connection || request->http.method != HTTP_GET || length <= LARGE_BYTES)
		return false;
	DL_FOREACH (request->connection->server->connections, connection)
		unsent += evbuffer_get_length(output_of(connection));
	return unsent && unsent + length > SERVER_UNSENT_BYTES_MAX;
}

void server_answer(struct server_request *request, const struct server_answer *answer)
{
	bool large = request->length > LARGE_BYTES || answer->length > LARGE_BYTES;
	const struct server_options *options;
	struct server_connection *connection;
	bool head_only = request->http.method == HTTP_HEAD;
	struct evbuffer *output;

	if (is_too_much(request, answer->length)) {
		options = &request->connection->server->options;
		options->refused(request, 503, "too much is being sent; wait", options->data);
		return;
	}
	connection = take_connection(request);
	request_free(request);
	if (!connection)
		return;
	connection->large |= large;
	output = output_of(connection);
	add_head(output, answer->status, answer->type);
	if (answer->header)
		evbuffer_add_printf(output, "%s\r\n", answer->header);
	evbuffer_add_printf(output, "Content-Length: %zu\r\nConnection: %s\r\n\r\n", answer->length,
			    connection->keep ? "keep-alive" : "close");
	if (!head_only)
		evbuffer_add(output, answer->body, answer->length);
	connection_enter(connection, CONNECTION_ANSWER);
}

struct server_stream *server_stream(struct server_request *request,
				    const struct server_stream_options *options)
{
	struct server_connection *connection = take_connection(request);
	bool head_only = request->http.method == HTTP_HEAD, chunked = request->http.newer;
	struct server_stream *stream = calloc(1, sizeof(*stream));

	request_free(request);
	if (connection)
		connection->keep = false;
	if (!connection || !stream) {
		free(stream);
		if (connection)
			finish_soon(connection);
		return NULL;
	}
	add_head(output_of(connection), 200, options->type);
	evbuffer_add_printf(output_of(connection), "%sConnection: close\r\n\r\n",
			    chunked ? "Transfer-Encoding: chunked\r\n" : "");
	if (head_only) {
		free(stream);
		connection_enter(connection, CONNECTION_ANSWER);
		return NULL;
	}
	*stream = (struct server_stream){ connection, *options, chunked, false };
	connection->stream = stream;
	connection_enter(connection, CONNECTION_STREAM);
	return stream;
}

int server_stream_write(struct server_stream *stream, const char *text, size_t length)
{
	struct evbuffer *output = output_of(stream->connection);

	if (!length)
		return 0;
	if (evbuffer_get_length(output) + length > SERVER_STREAM_BYTES) {
		stream->full = true;
		return -ENOBUFS;
	}
	if (stream->chunked)
		evbuffer_add_printf(output, "%zx\r\n", length);
	evbuffer_add(output, text, length);
	if (stream->chunked)
		evbuffer_add(output, "\r\n", 2);
	return 0;
}

void server_stream_end(struct server_stream *stream)
{
	struct server_connection *connection = stream->connection;

	if (stream->chunked)
		evbuffer_add(output_of(connection), "0\r\n\r\n", 5);
	connection->stream = NULL;
	free(stream);
	finish_soon(connection);
}
