// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Against a server of the test's own, a child that says what it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "client.h"

static char place[64], path[80];

/* What the server does with its one connection. */
struct script {
	const char *answer;
	size_t length;	  /* 0: of the text */
	size_t piece;	  /* bytes a write; 0: all at once */
	bool unread;	  /* answers and closes without having read the request */
	bool stays;	  /* does not close */
	size_t body_size; /* that many bytes of 'x' after the answer */
};

struct server {
	pid_t child;
	int request; /* what it has read, to be read */
};

static int listen_at(const char *at)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, at);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* Until the head ends, and as much as it says follows; all of it goes to `out`. */
static void read_request(int fd, int out)
{
	static char text[65536];
	size_t length = 0, wanted = SIZE_MAX;
	const char *end, *said;
	ssize_t count;

	while (length < wanted &&
	       (count = read(fd, text + length, sizeof(text) - length - 1)) > 0) {
		length += (size_t)count;
		text[length] = '\0';
		end = strstr(text, "\r\n\r\n");
		said = strstr(text, "Content-Length: ");
		if (end)
			wanted = (size_t)(end - text) + 4 +
				 (said ? strtoul(said + 16, NULL, 10) : 0);
	}
	if (write(out, text, length) < 0)
		_exit(1);
	close(out);
}

static void answer(int fd, const struct script *script)
{
	size_t length = script->length ? script->length : strlen(script->answer), sent = 0;
	char x[4096];

	memset(x, 'x', sizeof(x));
	while (sent < length) {
		size_t piece = script->piece && script->piece < length - sent ? script->piece
									      : length - sent;

		if (write(fd, script->answer + sent, piece) < 0)
			_exit(1);
		sent += piece;
	}
	for (sent = 0; sent < script->body_size; sent += sizeof(x))
		if (write(fd, x, sizeof(x)) < 0)
			_exit(0);
}

static struct server serve(const struct script *script)
{
	int listener = listen_at(path), pipe_fds[2], fd;
	struct server server;

	assert_int_equal(pipe(pipe_fds), 0);
	server.child = fork();
	assert_true(server.child >= 0);
	if (server.child) {
		close(listener);
		close(pipe_fds[1]);
		server.request = pipe_fds[0];
		return server;
	}
	signal(SIGPIPE, SIG_IGN);
	fd = accept(listener, NULL, NULL);
	if (!script->unread)
		read_request(fd, pipe_fds[1]);
	answer(fd, script);
	if (script->stays)
		pause();
	_exit(0);
}

/* Ends it; what it was asked is in `request`. */
static void end(const struct server *server, char *request, size_t size)
{
	size_t length = 0;
	ssize_t count = 1;

	if (request) {
		while (count > 0 && length + 1 < size) {
			count = read(server->request, request + length, size - 1 - length);
			length += count > 0 ? (size_t)count : 0;
		}
		request[length] = '\0';
	}
	close(server->request);
	kill(server->child, SIGKILL);
	assert_int_equal(waitpid(server->child, NULL, 0), server->child);
	unlink(path);
}

static const struct client_request get = { .method = "GET", .path = "/v1/policies" };

static void assert_answered(const struct script *script, int status, const char *body)
{
	struct server server = serve(script);
	_cleanup_(client_answer_finish) struct client_answer answered = {};
	struct failure failure;

	if (client_ask(path, &get, &answered, &failure))
		fail_msg("%s", failure.text);
	assert_int_equal(answered.status, status);
	assert_string_equal(answered.body, body);
	assert_int_equal(answered.length, strlen(body));
	end(&server, NULL, 0);
}

static void assert_failed(const struct script *script, int error, const char *why)
{
	struct server server = serve(script);
	struct client_answer answered = { .status = 7 };
	struct failure failure;

	assert_int_equal(client_ask(path, &get, &answered, &failure), -error);
	assert_int_equal(answered.status, 7);
	assert_null(answered.body);
	if (!strstr(failure.text, why))
		fail_msg("'%s' is not in '%s'", why, failure.text);
	end(&server, NULL, 0);
}

static void a_get_has_no_body_and_gets_one(void **state)
{
	const struct script script = {
		.answer = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n{}\nmore",
	};
	_cleanup_(client_answer_finish) struct client_answer answered = {};
	struct server server = serve(&script);
	char request[512];

	(void)state;
	assert_int_equal(client_ask(path, &get, &answered, NULL), 0);
	assert_int_equal(answered.status, 200);
	assert_string_equal(answered.body, "{}\n");
	end(&server, request, sizeof(request));
	assert_string_equal(request, "GET /v1/policies HTTP/1.0\r\nHost: cgfence\r\n\r\n");
}

static void a_body_is_sent_with_its_type_and_length(void **state)
{
	const struct script script = {
		.answer = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
	};
	const struct client_request put = {
		.method = "PUT",
		.path = "/v1/policies/web",
		.type = "text/plain",
		.body = "allow a\n\0not this",
		.length = 8,
	};
	_cleanup_(client_answer_finish) struct client_answer answered = {};
	struct server server = serve(&script);
	char request[512];

	(void)state;
	assert_int_equal(client_ask(path, &put, &answered, NULL), 0);
	assert_int_equal(answered.status, 201);
	assert_string_equal(answered.body, "");
	end(&server, request, sizeof(request));
	assert_string_equal(request,
			    "PUT /v1/policies/web HTTP/1.0\r\nHost: cgfence\r\n"
			    "Content-Type: text/plain\r\nContent-Length: 8\r\n\r\nallow a\n");
}

static void an_answer_may_come_in_pieces_and_end_with_the_connection(void **state)
{
	(void)state;
	assert_answered(&(struct script){ .answer = "HTTP/1.1 200 OK\r\ncontent-LENGTH:\t2\r\nX: "
						    "y\r\n\r\n{}",
					  .piece = 1 },
			200, "{}");
	assert_answered(&(struct script){ .answer = "HTTP/1.0 200 OK\r\n\r\nto the end" }, 200,
			"to the end");
	assert_answered(&(struct script){ .answer = "HTTP/1.0 204 No Content\r\n\r\n" }, 204, "");
	/* Not waited for its end, if it said how long it is. */
	assert_answered(&(struct script){ .answer = "HTTP/1.1 404 Not Found\r\nContent-Length: "
						    "2\r\n\r\n{}",
					  .stays = true },
			404, "{}");
}

static void a_refusal_is_read_also_if_the_request_was_not(void **state)
{
	const struct script script = {
		.answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge",
		.unread = true,
	};
	const size_t size = 4 * 1024 * 1024;
	_cleanup_free_ char *body = calloc(1, size);
	const struct client_request put = {
		.method = "PUT", .path = "/", .type = "text/plain", .body = body, .length = size
	};
	_cleanup_(client_answer_finish) struct client_answer answered = {};
	struct server server = serve(&script);

	(void)state;
	assert_int_equal(client_ask(path, &put, &answered, NULL), 0);
	assert_int_equal(answered.status, 413);
	assert_string_equal(answered.body, "large");
	end(&server, NULL, 0);
}

static void no_daemon_is_said_with_the_next_step(void **state)
{
	struct client_answer answered;
	struct failure failure;
	char expected[256];

	(void)state;
	assert_int_equal(client_ask(path, &get, &answered, &failure), -ENOENT);
	snprintf(expected, sizeof(expected),
		 "cannot connect to %s: No such file or directory; is `cgfence daemon` running?",
		 path);
	assert_string_equal(failure.text, expected);
	close(listen_at(path));
	assert_int_equal(client_ask(path, &get, &answered, &failure), -ECONNREFUSED);
	assert_non_null(strstr(failure.text, "Connection refused; is `cgfence daemon` running?"));
	unlink(path);
}

static void who_may_not_connect_is_told_who_may(void **state)
{
	int fd = listen_at(path), status;
	struct client_answer answered;
	struct failure failure;
	pid_t child;

	(void)state;
	assert_int_equal(chmod(path, 0660), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		if (setgid(12345) || setuid(12345))
			_exit(2);
		_exit(client_ask(path, &get, &answered, &failure) == -EACCES &&
				      strstr(failure.text, "Permission denied\n  only root and "
							   "members of the group cgfence")
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(fd);
	unlink(path);
}

static void a_path_that_is_too_long_is_said(void **state)
{
	struct client_answer answered;
	struct failure failure;
	char name[200];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(client_ask(name, &get, &answered, &failure), -ENAMETOOLONG);
	assert_non_null(strstr(failure.text, "File name too long"));
}

static void a_daemon_that_dies_midway_is_told_from_an_answer(void **state)
{
	(void)state;
	assert_failed(&(struct script){ .answer = "" }, ECONNRESET, "ended before it had answered");
	assert_failed(&(struct script){ .answer = "HTTP/1.1 200 OK\r\nContent-Le" }, ECONNRESET,
		      "ended before it had answered");
	assert_failed(&(struct script){ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{" },
		      ECONNRESET, "ended before it had answered");
	assert_failed(&(struct script){ .answer = "", .unread = true }, ECONNRESET,
		      "ended before it had answered");
}

static void of_a_change_that_was_not_answered_it_is_said_that_it_may_be_done(void **state)
{
	const struct client_request delete = { .method = "DELETE", .path = "/" };
	struct server server = serve(&(struct script){ .answer = "" });
	struct client_answer answered;
	struct failure failure;

	(void)state;
	assert_int_equal(client_ask(path, &delete, &answered, &failure), -ECONNRESET);
	assert_non_null(strstr(failure.text, "\n  it may have done"));
	end(&server, NULL, 0);
}

static void what_is_no_http_is_said(void **state)
{
	static const char *const answers[] = {
		"SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 OK\r\n\r\n",
		"HTTP/1.x 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		assert_failed(&(struct script){ .answer = answers[i] }, EBADMSG,
			      "is no cgfence daemon");
	assert_failed(&(struct script){ .answer = "HTTP\0\r\n\r\n", .length = 9 }, ECONNRESET,
		      "ended");
}

static void what_never_ends_is_cut_off(void **state)
{
	(void)state;
	assert_failed(&(struct script){ .answer = "HTTP/1.1 200 OK\r\n", .body_size = 1024 * 1024 },
		      EMSGSIZE, "Message too long");
	assert_failed(&(struct script){ .answer = "HTTP/1.1 200 OK\r\n\r\n",
					.body_size = CLIENT_BODY_BYTES_MAX + 1024 * 1024 },
		      EMSGSIZE, "Message too long");
}

struct lines {
	char text[256];
	size_t count, stop_after, length;
};

static int add_line(const char *line, void *data)
{
	struct lines *lines = data;
	size_t used = strlen(lines->text);

	snprintf(lines->text + used, sizeof(lines->text) - used, "%s|", line);
	lines->length += strlen(line);
	return ++lines->count == lines->stop_after ? -ECANCELED : 0;
}

static void lines_come_one_by_one_however_they_were_sent(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\n\r\none\ntwo\r\n\nfour\ncut";
	struct client_answer answered = {};
	struct failure failure;
	size_t piece;

	(void)state;
	for (piece = 0; piece < 12; piece++) {
		struct server server = serve(&(struct script){ .answer = text, .piece = piece });
		struct lines lines = {};

		assert_int_equal(client_follow(path, "/v1/decisions?follow", add_line, &lines,
					       &answered, &failure),
				 0);
		assert_string_equal(lines.text, "one|two||four|");
		assert_int_equal(answered.status, 200);
		assert_null(answered.body);
		end(&server, NULL, 0);
	}
}

static void who_takes_the_lines_can_stop(void **state)
{
	const struct script script = { .answer = "HTTP/1.1 200 OK\r\n\r\none\ntwo\nthree\n",
				       .stays = true };
	struct server server = serve(&script);
	struct client_answer answered;
	struct lines lines = { .stop_after = 2 };

	(void)state;
	assert_int_equal(client_follow(path, "/", add_line, &lines, &answered, NULL), -ECANCELED);
	assert_string_equal(lines.text, "one|two|");
	end(&server, NULL, 0);
}

static void a_stream_that_is_refused_has_an_answer(void **state)
{
	const struct script script = {
		.answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n{}\n\n", .stays = true
	};
	struct server server = serve(&script);
	_cleanup_(client_answer_finish) struct client_answer answered = {};
	struct lines lines = {};

	(void)state;
	assert_int_equal(client_follow(path, "/", add_line, &lines, &answered, NULL), 0);
	assert_int_equal(answered.status, 404);
	assert_string_equal(answered.body, "{}\n\n");
	assert_int_equal(lines.count, 0);
	end(&server, NULL, 0);
}

static void a_line_without_end_is_cut_off(void **state)
{
	const struct script script = { .answer = "HTTP/1.1 200 OK\r\n\r\n",
				       .body_size = 8 * CLIENT_LINE_BYTES_MAX };
	struct server server = serve(&script);
	struct client_answer answered;
	struct failure failure;
	struct lines lines = {};

	(void)state;
	assert_int_equal(client_follow(path, "/", add_line, &lines, &answered, &failure),
			 -EMSGSIZE);
	assert_int_equal(lines.count, 0);
	end(&server, NULL, 0);
}

static void texts_are_encoded_for_a_query(void **state)
{
	static const char *const cases[][2] = {
		{ "github.com:22/tcp", "github.com%3A22%2Ftcp" },
		{ "-._~aZ09", "-._~aZ09" },
		{ "a b&c=d?#%+", "a%20b%26c%3Dd%3F%23%25%2B" },
		{ "\xc3\xbc\r\n", "%C3%BC%0D%0A" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *encoded = client_encode(cases[i][0]);

		assert_string_equal(encoded, cases[i][1]);
	}
}

static int set_up(void **state)
{
	(void)state;
	strcpy(place, "/tmp/test_client.XXXXXX");
	if (!mkdtemp(place) || chmod(place, 0755))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", place);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_get_has_no_body_and_gets_one),
		cmocka_unit_test(a_body_is_sent_with_its_type_and_length),
		cmocka_unit_test(an_answer_may_come_in_pieces_and_end_with_the_connection),
		cmocka_unit_test(a_refusal_is_read_also_if_the_request_was_not),
		cmocka_unit_test(no_daemon_is_said_with_the_next_step),
		cmocka_unit_test(who_may_not_connect_is_told_who_may),
		cmocka_unit_test(a_path_that_is_too_long_is_said),
		cmocka_unit_test(a_daemon_that_dies_midway_is_told_from_an_answer),
		cmocka_unit_test(of_a_change_that_was_not_answered_it_is_said_that_it_may_be_done),
		cmocka_unit_test(what_is_no_http_is_said),
		cmocka_unit_test(what_never_ends_is_cut_off),
		cmocka_unit_test(lines_come_one_by_one_however_they_were_sent),
		cmocka_unit_test(who_takes_the_lines_can_stop),
		cmocka_unit_test(a_stream_that_is_refused_has_an_answer),
		cmocka_unit_test(a_line_without_end_is_cut_off),
		cmocka_unit_test(texts_are_encoded_for_a_query),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
