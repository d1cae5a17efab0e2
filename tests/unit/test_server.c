// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "http_client.h"

#include <grp.h>
#include <sys/stat.h>

#include "server.h"

#define HOST "Host: x\r\n"
#define IDLE_MS 200
#define SLOW_MS 30
#define SLOW_CLIENTS 12
/* Two of them are more than may be on their way. */
#define LARGE_BYTES (SERVER_UNSENT_BYTES_MAX / 2 + 1024 * 1024)

struct fixture {
	struct event_base *base;
	struct server *server;
	char directory[64], path[96];
	struct server_request *pending; /* of /later */
	struct server_stream *stream;	/* of /stream */
	unsigned int requests, refused, ready, left, idle_ms;
	unsigned int slow, slow_in_turn, slow_in_turn_max;
};

static void answer_text(struct server_request *request, unsigned int status, const char *text)
{
	server_answer(request, &(struct server_answer){ .status = status,
							.type = "text/plain",
							.body = text,
							.length = strlen(text) });
}

static void on_ready(struct server_stream *stream, void *data)
{
	struct fixture *fixture = data;

	assert_ptr_equal(stream, fixture->stream);
	fixture->ready++;
}

static void on_left(struct server_stream *stream, void *data)
{
	struct fixture *fixture = data;

	assert_ptr_equal(stream, fixture->stream);
	fixture->stream = NULL;
	fixture->left++;
}

static void answer_large(struct server_request *request)
{
	_cleanup_free_ char *text = malloc(LARGE_BYTES + 1);

	memset(text, 'z', LARGE_BYTES);
	text[LARGE_BYTES] = '\0';
	answer_text(request, 200, text);
}

/* As much as a large policy takes. */
static void answer_slowly(struct fixture *fixture, struct server_request *request)
{
	uint64_t end_ns = monotonic_ns() + SLOW_MS * NSEC_PER_MSEC;

	while (monotonic_ns() < end_ns)
		;
	fixture->slow++;
	if (++fixture->slow_in_turn > fixture->slow_in_turn_max)
		fixture->slow_in_turn_max = fixture->slow_in_turn;
	answer_text(request, 200, "slow");
}

/* "METHOD last-segment bodylength:body" */
static void on_requested(struct server_request *request, void *data)
{
	struct fixture *fixture = data;
	const struct http_request *http = server_request_http(request);
	const char *last = http->segments[http->segment_count - 1];
	_cleanup_free_ char *text = NULL;
	size_t length;
	const char *body = server_request_body(request, &length);

	fixture->requests++;
	if (!strcmp(last, "slow")) {
		answer_slowly(fixture, request);
		return;
	}
	assert_int_equal(server_request_peer(request)->uid, getuid());
	assert_int_equal(server_request_peer(request)->pid, getpid());
	if (!strcmp(last, "later")) {
		fixture->pending = request;
		return;
	}
	if (!strcmp(last, "large")) {
		answer_large(request);
		return;
	}
	if (!strcmp(last, "stream")) {
		fixture->stream = server_stream(
			request, &(struct server_stream_options){ "text/plain", on_ready, on_left,
								  fixture });
		return;
	}
	assert_true(asprintf(&text, "<%s %s %zu:%.40s>", http_method_to_string(http->method), last,
			     length, body) > 0);
	answer_text(request, 200, text);
}

static void on_refused(struct server_request *request, unsigned int status, const char *wrong,
		       void *data)
{
	((struct fixture *)data)->refused++;
	answer_text(request, status, wrong);
}

static int start(struct fixture *fixture, struct server **ret_server, const char *group,
		 struct failure *failure)
{
	return server_init(ret_server,
			   &(struct server_options){ .base = fixture->base,
						     .path = fixture->path,
						     .group = group,
						     .idle_ms = fixture->idle_ms,
						     .requested = on_requested,
						     .refused = on_refused,
						     .data = fixture },
			   failure);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct failure failure = { "" };

	*state = fixture;
	fixture->base = event_base_new();
	strcpy(fixture->directory, "/tmp/cgfence-server.XXXXXX");
	if (!mkdtemp(fixture->directory))
		return -1;
	snprintf(fixture->path, sizeof(fixture->path), "%s/run/socket", fixture->directory);
	return start(fixture, &fixture->server, NULL, &failure);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char line[128];

	server_finish(&fixture->server);
	event_base_free(fixture->base);
	snprintf(line, sizeof(line), "rm -rf %s", fixture->directory);
	free(fixture);
	return system(line);
}

static void be_impatient(struct fixture *fixture)
{
	struct failure failure;

	server_finish(&fixture->server);
	fixture->idle_ms = IDLE_MS;
	assert_int_equal(start(fixture, &fixture->server, NULL, &failure), 0);
}

static struct client *open_client(struct fixture *fixture)
{
	return client_open(fixture->base, fixture->path);
}

/* One request on a connection of its own; it is closed afterwards. */
static struct client *exchange(struct fixture *fixture, const char *text)
{
	struct client *client = open_client(fixture);

	client_send(client, text);
	client_wait_closed(client);
	return client;
}

static void assert_exchange(struct fixture *fixture, const char *text, const char *expected)
{
	_cleanup_(client_close) struct client *client = exchange(fixture, text);

	if (!strstr(client->data, expected))
		fail_msg("no '%s' in: %s", expected, client->data);
}

static bool has_no_clients(void *data)
{
	return server_clients(((struct fixture *)data)->server) == 0;
}

static void wait_alone(struct fixture *fixture)
{
	assert_true(turn_until(fixture->base, has_no_clients, fixture));
}

static bool is_pending(void *data)
{
	return ((struct fixture *)data)->pending;
}

static bool is_streaming(void *data)
{
	return ((struct fixture *)data)->stream;
}

static bool has_left(void *data)
{
	return ((struct fixture *)data)->left;
}

static bool is_ready(void *data)
{
	return ((struct fixture *)data)->ready;
}

/* --- the socket ------------------------------------------------------------------------------ */

static void only_one_server_can_be_at_a_socket(void **state)
{
	struct fixture *fixture = *state;
	struct server *second = NULL;
	struct failure failure = { "" };

	assert_int_equal(start(fixture, &second, NULL, &failure), -EADDRINUSE);
	assert_null(second);
	assert_non_null(strstr(failure.text, "another daemon"));
	assert_exchange(fixture, "GET /a HTTP/1.0\r\n\r\n", "<GET a 0:>");
}

static void a_dead_socket_is_replaced_and_a_file_is_not(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct failure failure = { "" };
	struct stat stat;

	server_finish(&fixture->server);
	assert_int_equal(lstat(fixture->path, &stat), -1);
	strcpy(address.sun_path, fixture->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(start(fixture, &fixture->server, NULL, &failure), 0);
	assert_exchange(fixture, "GET /a HTTP/1.0\r\n\r\n", "<GET a 0:>");

	server_finish(&fixture->server);
	close(open(fixture->path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(start(fixture, &fixture->server, NULL, &failure), -EEXIST);
	assert_int_equal(unlink(fixture->path), 0);
}

static void who_serves_without_the_lock_is_left_alone(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct failure failure = { "" };
	struct stat stat;

	server_finish(&fixture->server);
	strcpy(address.sun_path, fixture->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(start(fixture, &fixture->server, NULL, &failure), -EADDRINUSE);
	assert_int_equal(lstat(fixture->path, &stat), 0);
}

static void the_group_may_connect_if_there_is_one(void **state)
{
	struct fixture *fixture = *state;
	const struct group *group = getgrnam("daemon");
	struct failure failure = { "" };
	struct stat stat;

	assert_int_equal(lstat(fixture->path, &stat), 0);
	assert_int_equal(stat.st_mode & 07777, 0600);
	server_finish(&fixture->server);
	assert_int_equal(start(fixture, &fixture->server, "daemon", &failure), 0);
	assert_int_equal(lstat(fixture->path, &stat), 0);
	assert_int_equal(stat.st_mode & 07777, 0660);
	assert_int_equal(stat.st_gid, group->gr_gid);
	server_finish(&fixture->server);
	assert_int_equal(start(fixture, &fixture->server, "no-such-group", &failure), 0);
	assert_int_equal(lstat(fixture->path, &stat), 0);
	assert_int_equal(stat.st_mode & 07777, 0600);
}

/* --- requests -------------------------------------------------------------------------------- */

static void requests_on_one_connection_are_answered_in_order(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_client(fixture);

	client_send(client, "GET /1 HTTP/1.1\r\n" HOST "\r\n"
			    "PUT /2 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nall"
			    "\r\nPUT /3 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
			    "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
			    "HEAD /4 HTTP/1.1\r\n" HOST "\r\n"
			    "GET /5 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
			    "GET /6 HTTP/1.1\r\n" HOST "\r\n");
	client_wait_closed(client);
	assert_int_equal(fixture->requests, 5);
	assert_true(strstr(client->data, "<GET 1 0:>") < strstr(client->data, "<PUT 2 3:all>"));
	assert_true(strstr(client->data, "<PUT 2 3:all>") < strstr(client->data, "<PUT 3 3:abc>"));
	assert_null(strstr(client->data, "<HEAD"));
	assert_non_null(strstr(client->data, "<GET 5 0:>"));
	assert_null(strstr(client->data, "<GET 6"));
	wait_alone(fixture);
}

static void a_request_may_come_byte_by_byte(void **state)
{
	static const char text[] = "PUT /a HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello";
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_client(fixture);

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		client_send_bytes(client, text + i, 1);
		event_base_loop(fixture->base, EVLOOP_NONBLOCK);
	}
	client_wait_closed(client);
	assert_non_null(strstr(client->data, "<PUT a 5:hello>"));
}

static void who_waits_to_send_the_body_is_told_to(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_client(fixture);

	client_send(client,
		    "PUT /a HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	client_wait(client, "HTTP/1.1 100 Continue\r\n\r\n", 1);
	client_send(client, "ok");
	client_wait(client, "<PUT a 2:ok>", 1);
}

static void what_is_too_large_is_refused_before_it_is_sent(void **state)
{
	struct fixture *fixture = *state;
	char head[256];

	snprintf(head, sizeof(head),
		 "PUT /a HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: %d\r\n\r\n",
		 SERVER_BODY_BYTES_MAX + 1);
	assert_exchange(fixture, head, "HTTP/1.1 413 ");
	snprintf(head, sizeof(head), "PUT /a HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
		 SERVER_BODY_BYTES_MAX + 1);
	assert_exchange(fixture, head, "HTTP/1.1 413 ");
	assert_exchange(fixture,
			"PUT /a HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n\r\n",
			"HTTP/1.1 413 ");
	assert_int_equal(fixture->requests, 0);
}

static void what_turns_out_too_large_is_refused(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_client(fixture);
	_cleanup_free_ char *piece = malloc(65536);
	size_t i;

	memset(piece, 'x', 65536);
	client_send(client, "PUT /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	for (i = 0; i <= SERVER_BODY_BYTES_MAX / 65536; i++) {
		client_send(client, "10000\r\n");
		client_send_bytes(client, piece, 65536);
		client_send(client, "\r\n");
	}
	client_wait_closed(client);
	assert_non_null(strstr(client->data, "HTTP/1.1 413 "));
	assert_int_equal(fixture->requests, 0);
}

static void a_body_of_the_largest_size_is_taken(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_client(fixture);
	_cleanup_free_ char *body = malloc(SERVER_BODY_BYTES_MAX);
	char head[128];

	memset(body, 'y', SERVER_BODY_BYTES_MAX);
	snprintf(head, sizeof(head), "PUT /a HTTP/1.0\r\nContent-Length: %d\r\n\r\n",
		 SERVER_BODY_BYTES_MAX);
	client_send(client, head);
	client_send_bytes(client, body, SERVER_BODY_BYTES_MAX);
	client_wait(client, "<PUT a 4194304:yyyy", 1);
}

static void a_head_without_end_is_refused(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_client(fixture);
	char line[1024];

	memset(line, 'a', sizeof(line));
	client_send(client, "GET / HTTP/1.1\r\nX: ");
	for (int i = 0; i < 32; i++)
		client_send_bytes(client, line, sizeof(line));
	client_wait_closed(client);
	assert_non_null(strstr(client->data, "HTTP/1.1 431 "));
}

static void what_is_malformed_is_answered_and_the_connection_closed(void **state)
{
	struct fixture *fixture = *state;

	assert_exchange(fixture, "nonsense\r\n\r\nGET / HTTP/1.0\r\n\r\n", "HTTP/1.1 400 ");
	assert_exchange(fixture,
			"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
			"HTTP/1.1 400 ");
	assert_int_equal(fixture->requests, 0);
	assert_int_equal(fixture->refused, 2);
	wait_alone(fixture);
}

/* --- clients that are slow, or leave --------------------------------------------------------- */

static void who_says_nothing_is_closed_and_who_is_too_slow_is_told(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *silent = NULL, *slow = NULL, *body = NULL;

	be_impatient(fixture);
	silent = open_client(fixture);
	slow = open_client(fixture);
	body = open_client(fixture);
	client_send(slow, "GET /");
	client_send(body, "PUT / HTTP/1.0\r\nContent-Length: 9\r\n\r\n123");
	client_wait_closed(silent);
	client_wait_closed(slow);
	client_wait_closed(body);
	assert_string_equal(silent->data, "");
	assert_non_null(strstr(slow->data, "HTTP/1.1 408 "));
	assert_non_null(strstr(body->data, "HTTP/1.1 408 "));
}

static void a_byte_now_and_then_buys_no_time(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = NULL;
	uint64_t begun_ns = monotonic_ns();

	be_impatient(fixture);
	client = open_client(fixture);
	while (!client->closed && monotonic_ns() - begun_ns < CLIENT_DEADLINE_NS) {
		(void)!send(client->fd, "a", 1, MSG_NOSIGNAL);
		event_base_loop(fixture->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	}
	assert_true(client->closed);
}

static void who_has_said_all_gets_the_answer(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_client(fixture);

	client_send(client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	shutdown(client->fd, SHUT_WR);
	assert_true(turn_until(fixture->base, is_pending, fixture));
	event_base_loop(fixture->base, EVLOOP_NONBLOCK);
	answer_text(fixture->pending, 200, "late");
	client_wait_closed(client);
	assert_non_null(strstr(client->data, "late"));
	wait_alone(fixture);
}

static void who_ends_in_the_middle_of_a_request_is_told(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_client(fixture);

	client_send(client, "PUT / HTTP/1.0\r\nContent-Length: 9\r\n\r\n123");
	shutdown(client->fd, SHUT_WR);
	client_wait_closed(client);
	assert_non_null(strstr(client->data, "HTTP/1.1 400 "));
	assert_int_equal(fixture->requests, 0);
}

/* Both requests and the end have come before the first is answered. */
static struct client *end_while_pending(struct fixture *fixture, const char *second)
{
	struct client *client = open_client(fixture);

	client_send(client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	client_send(client, second);
	shutdown(client->fd, SHUT_WR);
	assert_true(turn_until(fixture->base, is_pending, fixture));
	for (int i = 0; i < 3; i++)
		event_base_loop(fixture->base, EVLOOP_NONBLOCK);
	answer_text(fixture->pending, 200, "late");
	return client;
}

static void who_has_ended_in_the_middle_of_a_later_request_is_told_at_once(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = end_while_pending(
		fixture, "PUT / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\n123");

	client_wait(client, "HTTP/1.1 400 ", 1);
	client_wait_closed(client);
}

static void who_asked_may_be_gone_when_the_answer_comes(void **state)
{
	struct fixture *fixture = *state;
	struct client *client = open_client(fixture);

	client_send(client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	assert_true(turn_until(fixture->base, is_pending, fixture));
	client_close(&client);
	event_base_loop(fixture->base, EVLOOP_NONBLOCK);
	answer_text(fixture->pending, 200, "late");
	wait_alone(fixture);
	assert_exchange(fixture, "GET /a HTTP/1.0\r\n\r\n", "<GET a 0:>");
}

static void the_server_may_be_gone_when_the_answer_comes(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_client(fixture);

	client_send(client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	assert_true(turn_until(fixture->base, is_pending, fixture));
	server_finish(&fixture->server);
	answer_text(fixture->pending, 200, "late");
	client_wait_closed(client);
	assert_string_equal(client->data, "");
}

/* --- too many -------------------------------------------------------------------------------- */

static bool is_full(void *data)
{
	return server_clients(((struct fixture *)data)->server) >= SERVER_CLIENTS_MAX;
}

static void one_client_too_many_is_told_so(void **state)
{
	struct fixture *fixture = *state;
	struct client *clients[SERVER_CLIENTS_MAX];

	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++) {
		clients[i] = open_client(fixture);
		client_send(clients[i], "GET /");
	}
	assert_true(turn_until(fixture->base, is_full, fixture));
	assert_exchange(fixture, "", "HTTP/1.1 503 ");
	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++)
		client_close(&clients[i]);
	wait_alone(fixture);
	assert_exchange(fixture, "GET /a HTTP/1.0\r\n\r\n", "<GET a 0:>");
}

static void on_turn(int fd, short what, void *data)
{
	struct fixture *fixture = data;

	(void)fd;
	(void)what;
	fixture->slow_in_turn = 0;
}

static bool are_all_slow_answered(void *data)
{
	return ((struct fixture *)data)->slow == SLOW_CLIENTS;
}

/* All have asked before anybody is answered. */
static void what_else_is_on_the_loop_comes_between_slow_requests(void **state)
{
	struct fixture *fixture = *state;
	struct client *clients[SLOW_CLIENTS];
	const struct timeval often = { 0, 1000 };
	struct event *turn = event_new(fixture->base, -1, EV_PERSIST, on_turn, fixture);

	event_add(turn, &often);
	for (size_t i = 0; i < SLOW_CLIENTS; i++) {
		clients[i] = open_client(fixture);
		client_send(clients[i], "GET /slow HTTP/1.0\r\n\r\n");
	}
	assert_true(turn_until(fixture->base, are_all_slow_answered, fixture));
	assert_in_range(fixture->slow_in_turn_max, 1, 2);
	for (size_t i = 0; i < SLOW_CLIENTS; i++) {
		client_wait(clients[i], "slow", 1);
		client_close(&clients[i]);
	}
	event_free(turn);
}

/* As root. */
static void root_does_not_wait_for_the_slow_requests_of_others(void **state)
{
	struct fixture *fixture = *state;
	struct client *clients[SLOW_CLIENTS], *root;

	assert_int_equal(chmod(fixture->directory, 0755), 0);
	assert_int_equal(chmod(fixture->path, 0666), 0);
	for (size_t i = 0; i < SLOW_CLIENTS; i++) {
		clients[i] = client_open_as(fixture->base, fixture->path, 65534);
		client_send(clients[i], "GET /slow HTTP/1.0\r\n\r\n");
	}
	root = open_client(fixture);
	client_send(root, "GET /a HTTP/1.0\r\n\r\n");
	client_wait(root, "<GET a 0:>", 1);
	assert_true(fixture->slow < SLOW_CLIENTS / 2);
	assert_true(turn_until(fixture->base, are_all_slow_answered, fixture));
	client_close(&root);
	for (size_t i = 0; i < SLOW_CLIENTS; i++)
		client_close(&clients[i]);
}

static void to_leave_before_ones_turn_does_no_harm(void **state)
{
	struct fixture *fixture = *state;
	struct client *clients[SLOW_CLIENTS];

	for (size_t i = 0; i < SLOW_CLIENTS; i++) {
		clients[i] = open_client(fixture);
		client_send(clients[i], "GET /slow HTTP/1.0\r\n\r\n");
	}
	while (!fixture->slow)
		event_base_loop(fixture->base, EVLOOP_ONCE);
	for (size_t i = 0; i < SLOW_CLIENTS; i++)
		client_close(&clients[i]);
	wait_alone(fixture);
}

/* And is not read to its end. */
static void assert_begins(struct fixture *fixture, const char *text, const char *expected)
{
	_cleanup_(client_close) struct client *client = open_client(fixture);

	client_send(client, text);
	client_wait(client, expected, 1);
}

static bool is_answered(void *data)
{
	return ((struct fixture *)data)->requests;
}

static void who_does_not_read_large_answers_gets_no_more_of_them(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *deaf = open_client(fixture);

	event_del(deaf->event);
	client_send(deaf, "GET /large HTTP/1.0\r\n\r\n");
	assert_true(turn_until(fixture->base, is_answered, fixture));
	assert_exchange(fixture, "GET /large HTTP/1.0\r\n\r\n", "HTTP/1.1 503 ");
	assert_exchange(fixture, "GET /a HTTP/1.0\r\n\r\n", "<GET a 0:>");
	/* What was changed is said. */
	assert_begins(fixture, "PUT /large HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
	client_close(&deaf);
	wait_alone(fixture);
	assert_begins(fixture, "GET /large HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
}

/* They hold what they have by requests that never come whole. As root. */
static void however_many_others_come_root_may_ask(void **state)
{
	struct fixture *fixture = *state;
	struct client *clients[2 * SERVER_CLIENTS_MAX];

	assert_int_equal(chmod(fixture->directory, 0755), 0);
	assert_int_equal(chmod(fixture->path, 0666), 0);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		clients[i] = client_open_as(fixture->base, fixture->path, 65534);
		client_send(clients[i], "GET /");
		event_base_loop(fixture->base, EVLOOP_NONBLOCK);
	}
	assert_true(server_clients(fixture->server) >= SERVER_OTHERS_MAX);
	assert_true(server_clients(fixture->server) < SERVER_CLIENTS_MAX);
	assert_exchange(fixture, "GET /a HTTP/1.0\r\n\r\n", "<GET a 0:>");
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		client_close(&clients[i]);
	wait_alone(fixture);
}

static void a_user_may_ask_so_often_and_no_more(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_client(fixture);

	/* Some are earned again meanwhile. */
	for (int i = 0; i < 4 * SERVER_BURST && !client->closed; i++) {
		client_send(client, "GET /a HTTP/1.1\r\n" HOST "\r\n");
		event_base_loop(fixture->base, EVLOOP_NONBLOCK);
	}
	client_wait_closed(client);
	assert_non_null(strstr(client->data, "HTTP/1.1 429 "));
	assert_true(fixture->requests >= SERVER_BURST);
	assert_true(fixture->requests < 3 * SERVER_BURST);
}

/* --- streams --------------------------------------------------------------------------------- */

static struct client *open_stream(struct fixture *fixture, const char *request)
{
	struct client *client = open_client(fixture);

	client_send(client, request);
	assert_true(turn_until(fixture->base, is_streaming, fixture));
	return client;
}

static void a_stream_is_in_chunks_and_ends(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_stream(
		fixture, "GET /stream HTTP/1.1\r\n" HOST "\r\n");

	assert_int_equal(server_stream_write(fixture->stream, "one\n", 4), 0);
	client_wait(client, "\r\n\r\n4\r\none\n\r\n", 1);
	assert_int_equal(server_stream_write(fixture->stream, "two\n", 4), 0);
	server_stream_end(fixture->stream);
	client_wait_closed(client);
	assert_non_null(strstr(client->data, "4\r\ntwo\n\r\n0\r\n\r\n"));
	assert_int_equal(fixture->left, 0);
	wait_alone(fixture);
}

static void a_stream_to_an_old_client_is_plain_and_ends_though_all_is_written(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_stream(fixture,
								    "GET /stream HTTP/1.0\r\n\r\n");

	assert_int_equal(server_stream_write(fixture->stream, "one\n", 4), 0);
	client_wait(client, "\r\n\r\none\n", 1);
	server_stream_end(fixture->stream);
	client_wait_closed(client);
	wait_alone(fixture);
}

static void the_head_of_a_stream_can_be_asked_for(void **state)
{
	struct fixture *fixture = *state;

	assert_exchange(fixture, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK");
	assert_null(fixture->stream);
}

static void a_reader_that_leaves_is_noticed_though_nothing_is_written(void **state)
{
	struct fixture *fixture = *state;
	struct client *client = open_stream(fixture, "GET /stream HTTP/1.1\r\n" HOST "\r\n");

	client_close(&client);
	assert_true(turn_until(fixture->base, has_left, fixture));
	wait_alone(fixture);
}

static void a_reader_that_had_said_its_end_before_and_leaves_is_noticed(void **state)
{
	struct fixture *fixture = *state;
	struct client *client = end_while_pending(fixture, "GET /stream HTTP/1.1\r\n" HOST "\r\n");

	assert_true(turn_until(fixture->base, is_streaming, fixture));
	client_wait(client, "Transfer-Encoding: chunked", 1);
	client_close(&client);
	assert_true(turn_until(fixture->base, has_left, fixture));
	wait_alone(fixture);
}

static void a_reader_that_says_more_or_says_its_end_still_reads(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_stream(
		fixture, "GET /stream HTTP/1.1\r\n" HOST "\r\n");

	client_send(client, "GET /a HTTP/1.1\r\n" HOST "\r\n");
	shutdown(client->fd, SHUT_WR);
	for (int i = 0; i < 3; i++)
		event_base_loop(fixture->base, EVLOOP_NONBLOCK);
	assert_int_equal(server_stream_write(fixture->stream, "one\n", 4), 0);
	client_wait(client, "one\n", 1);
	assert_int_equal(fixture->left, 0);
}

static void a_slow_reader_gets_no_more_than_there_is_room_for(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_stream(
		fixture, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	char line[1024];
	size_t written = 0;

	event_del(client->event);
	memset(line, 'z', sizeof(line));
	while (!server_stream_write(fixture->stream, line, sizeof(line))) {
		written += sizeof(line);
		assert_true(written < 16 * SERVER_STREAM_BYTES);
		event_base_loop(fixture->base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(fixture->ready, 0);
	client_listen(client);
	assert_true(turn_until(fixture->base, is_ready, fixture));
	assert_true(client->length >= written);
	assert_int_equal(server_stream_write(fixture->stream, "again", 5), 0);
	client_wait(client, "again", 1);
}

static void a_stream_is_told_that_the_server_ends(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(client_close) struct client *client = open_stream(
		fixture, "GET /stream HTTP/1.1\r\n" HOST "\r\n");

	server_finish(&fixture->server);
	assert_int_equal(fixture->left, 1);
	client_wait_closed(client);
}

#define SERVER_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(only_one_server_can_be_at_a_socket),
		SERVER_TEST(a_dead_socket_is_replaced_and_a_file_is_not),
		SERVER_TEST(who_serves_without_the_lock_is_left_alone),
		SERVER_TEST(the_group_may_connect_if_there_is_one),
		SERVER_TEST(requests_on_one_connection_are_answered_in_order),
		SERVER_TEST(a_request_may_come_byte_by_byte),
		SERVER_TEST(who_waits_to_send_the_body_is_told_to),
		SERVER_TEST(what_is_too_large_is_refused_before_it_is_sent),
		SERVER_TEST(what_turns_out_too_large_is_refused),
		SERVER_TEST(a_body_of_the_largest_size_is_taken),
		SERVER_TEST(a_head_without_end_is_refused),
		SERVER_TEST(what_is_malformed_is_answered_and_the_connection_closed),
		SERVER_TEST(who_says_nothing_is_closed_and_who_is_too_slow_is_told),
		SERVER_TEST(a_byte_now_and_then_buys_no_time),
		SERVER_TEST(who_has_said_all_gets_the_answer),
		SERVER_TEST(who_ends_in_the_middle_of_a_request_is_told),
		SERVER_TEST(who_has_ended_in_the_middle_of_a_later_request_is_told_at_once),
		SERVER_TEST(who_asked_may_be_gone_when_the_answer_comes),
		SERVER_TEST(the_server_may_be_gone_when_the_answer_comes),
		SERVER_TEST(one_client_too_many_is_told_so),
		SERVER_TEST(what_else_is_on_the_loop_comes_between_slow_requests),
		SERVER_TEST(root_does_not_wait_for_the_slow_requests_of_others),
		SERVER_TEST(to_leave_before_ones_turn_does_no_harm),
		SERVER_TEST(who_does_not_read_large_answers_gets_no_more_of_them),
		SERVER_TEST(however_many_others_come_root_may_ask),
		SERVER_TEST(a_user_may_ask_so_often_and_no_more),
		SERVER_TEST(a_stream_is_in_chunks_and_ends),
		SERVER_TEST(a_stream_to_an_old_client_is_plain_and_ends_though_all_is_written),
		SERVER_TEST(the_head_of_a_stream_can_be_asked_for),
		SERVER_TEST(a_reader_that_leaves_is_noticed_though_nothing_is_written),
		SERVER_TEST(a_reader_that_had_said_its_end_before_and_leaves_is_noticed),
		SERVER_TEST(a_reader_that_says_more_or_says_its_end_still_reads),
		SERVER_TEST(a_slow_reader_gets_no_more_than_there_is_room_for),
		SERVER_TEST(a_stream_is_told_that_the_server_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
