// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Any bytes on the control API's socket: nobody dies of it, every answer is one, its length is as
 * it says, and errors are JSON. The first byte says in how large pieces they come.
 */
#include <event2/event.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "../../user/server_internal.h"
#include "../unit/fake_policies.h"
#include "api.h"
#include "fuzz_error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One for all inputs: what one leaves behind the next one meets. */
static struct server *the_server(void)
{
	static struct policies policies;
	static struct server server;
	static struct api *api;

	if (server.base)
		return &server;
	FUZZ_CHECK(api_init(&api, &(struct api_options){ 0 }) == 0);
	api_use(api, &policies);
	server.base = event_base_new();
	server.turn = evtimer_new(server.base, server_on_turn, &server);
	server.options = (struct server_options){ .base = server.base,
						  .idle_ms = 1000,
						  .requested = api_requested,
						  .refused = api_refused,
						  .data = api };
	signal(SIGPIPE, SIG_IGN);
	return &server;
}

struct text {
	char *bytes;
	size_t length;
};

static void read_some(int fd, struct text *text)
{
	char piece[65536];
	ssize_t length;

	while ((length = recv(fd, piece, sizeof(piece), MSG_DONTWAIT)) > 0) {
		text->bytes = realloc(text->bytes, text->length + (size_t)length + 1);
		memcpy(text->bytes + text->length, piece, (size_t)length);
		text->length += (size_t)length;
		text->bytes[text->length] = '\0';
	}
}

/* A stream has neither end nor length; HEAD a length and no body. */
static void check_answer(const struct text *text)
{
	const char *body = strstr(text->bytes, "\r\n\r\n"), *length, *type;
	unsigned int status = 0;

	FUZZ_CHECK(sscanf(text->bytes, "HTTP/1.1 %u ", &status) == 1);
	FUZZ_CHECK(body);
	if (status < 400)
		return;
	length = strstr(text->bytes, "\r\nContent-Length: ");
	type = strstr(text->bytes, "\r\nContent-Type: application/json\r\n");
	FUZZ_CHECK(length && length < body && type && type < body);
	body += 4;
	if (*body && strncmp(body, "HTTP/1.1 ", 9) != 0) { /* as after HEAD */
		json_t *json = json_loadb(body, strtoul(length + 18, NULL, 10), 0, NULL);

		FUZZ_CHECK(json_is_string(json_object_get(json_object_get(json, "error"), "code")));
		json_decref(json);
	}
}

static void turn(struct server *server, int fd, struct text *answer)
{
	event_base_loop(server->base, EVLOOP_NONBLOCK);
	read_some(fd, answer);
}

static void talk(struct server *server, int fd, const uint8_t *data, size_t size)
{
	_cleanup_free_ struct text *answer = calloc(1, sizeof(*answer));
	size_t step = size ? (size_t)data[0] * 16 + 1 : 1, from = 1;

	while (from < size) {
		size_t length = size - from < step ? size - from : step;
		ssize_t sent = send(fd, data + from, length, MSG_NOSIGNAL | MSG_DONTWAIT);

		turn(server, fd, answer);
		if (sent <= 0)
			break;
		from += (size_t)sent;
	}
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 8; i++)
		turn(server, fd, answer);
	if (answer->length)
		check_answer(answer);
	free(answer->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct server *server = the_server();
	int ends[2];

	FUZZ_CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
	memset(&server->rate, 0, sizeof(server->rate));
	FUZZ_CHECK(connection_open(server, ends[0], false) == 0);
	talk(server, ends[1], data, size);
	close(ends[1]);
	for (int i = 0; i < 4 && server->connections; i++)
		event_base_loop(server->base, EVLOOP_NONBLOCK);
	while (server->connections)
		connection_close(server->connections);
	return 0;
}
