// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "http.h"
#include "util.h"

#define HOST "Host: x\r\n"

/* The head in a block of its very size, so that a sanitizer sees a byte beyond. */
struct parsed {
	char *head;
	struct http_request request;
	const char *wrong;
	unsigned int status;
};

static void parsed_finish(struct parsed *parsed)
{
	free(parsed->head);
}

static struct parsed parse_bytes(const char *text, size_t length)
{
	struct parsed parsed = { .head = malloc(length) };

	memcpy(parsed.head, text, length);
	assert_int_equal(http_head_length(parsed.head, length), length);
	parsed.status = http_parse_head(parsed.head, length, &parsed.request, &parsed.wrong);
	assert_true(!parsed.status == !parsed.wrong);
	return parsed;
}

static struct parsed parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void assert_status(const char *text, unsigned int status)
{
	_cleanup_(parsed_finish) struct parsed parsed = parse(text);

	if (parsed.status != status)
		print_message("%s: %u, not %u\n", text, parsed.status, status);
	assert_int_equal(parsed.status, status);
}

static void a_request_has_method_path_query_and_what_it_says_of_its_body(void **state)
{
	_cleanup_(parsed_finish) struct parsed parsed = parse(
		"PUT /v1/policies/web?force=1&x&to=a%2Bb+c%20d HTTP/1.1\r\nHost: cgfence\r\n"
		"content-length:  12 \r\nExpect: 100-Continue\r\n\r\n");
	const struct http_request *request = &parsed.request;

	(void)state;
	assert_int_equal(parsed.status, 0);
	assert_int_equal(request->method, HTTP_PUT);
	assert_true(request->newer && request->keep && request->expects && !request->chunked);
	assert_int_equal(request->length, 12);
	assert_int_equal(request->segment_count, 3);
	assert_string_equal(request->segments[0], "v1");
	assert_string_equal(request->segments[2], "web");
	assert_int_equal(request->parameter_count, 3);
	assert_string_equal(request->parameters[0].name, "force");
	assert_string_equal(request->parameters[0].value, "1");
	assert_string_equal(request->parameters[1].name, "x");
	assert_string_equal(request->parameters[1].value, "");
	assert_string_equal(request->parameters[2].value, "a+b c d");
}

static void segments_are_cut_before_they_are_decoded(void **state)
{
	_cleanup_(parsed_finish) struct parsed parsed = parse(
		"GET /v1/a%2Fb%3F+%e2%82%ac HTTP/1.0\n\n");

	(void)state;
	assert_int_equal(parsed.status, 0);
	assert_int_equal(parsed.request.segment_count, 2);
	assert_string_equal(parsed.request.segments[1], "a/b?+\xe2\x82\xac");
	assert_false(parsed.request.newer || parsed.request.keep);
}

static void a_path_may_stand_after_a_scheme_and_a_host(void **state)
{
	_cleanup_(parsed_finish) struct parsed parsed = parse(
		"GET HTTP://cgfence:80/metrics?a HTTP/1.1\r\n" HOST "\r\n");
	_cleanup_(parsed_finish) struct parsed bare = parse("GET http://cgfence HTTP/1.1\r\n" HOST
							    "\r\n");

	(void)state;
	assert_int_equal(parsed.status, 0);
	assert_int_equal(parsed.request.segment_count, 1);
	assert_string_equal(parsed.request.segments[0], "metrics");
	assert_int_equal(bare.status, 0);
	assert_string_equal(bare.request.segments[0], "");
}

static void connections_are_kept_as_the_version_and_the_header_say(void **state)
{
	static const struct {
		const char *text;
		bool keep;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n" HOST "\r\n", true },
		{ "GET / HTTP/1.1\r\n" HOST "Connection: Close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\n" HOST "Connection: foo, close\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(parsed_finish) struct parsed parsed = parse(cases[i].text);

		assert_int_equal(parsed.status, 0);
		assert_int_equal(parsed.request.keep, cases[i].keep);
	}
}

static void an_unknown_method_is_known_to_be_one(void **state)
{
	_cleanup_(parsed_finish) struct parsed parsed = parse("BREW / HTTP/1.1\r\n" HOST "\r\n");

	(void)state;
	assert_int_equal(parsed.status, 0);
	assert_int_equal(parsed.request.method, HTTP_OTHER);
}

static void what_is_malformed_is_refused(void **state)
{
	static const char *const heads[] = {
		"GET\r\n\r\n",
		"GET /\r\n\r\n",
		"GET  / HTTP/1.1\r\n" HOST "\r\n",
		" GET / HTTP/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.1 \r\n" HOST "\r\n",
		"GET / http/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.10\r\n" HOST "\r\n",
		"GET / HTTP/1\r\n" HOST "\r\n",
		"GET v1 HTTP/1.1\r\n" HOST "\r\n",
		"GET /%zz HTTP/1.1\r\n" HOST "\r\n",
		"GET /% HTTP/1.1\r\n" HOST "\r\n",
		"GET /%4 HTTP/1.1\r\n" HOST "\r\n",
		"GET /a%00b HTTP/1.1\r\n" HOST "\r\n",
		"GET /?a=%00 HTTP/1.1\r\n" HOST "\r\n",
		"GET /?%g=1 HTTP/1.1\r\n" HOST "\r\n",
		"GET /#a HTTP/1.1\r\n" HOST "\r\n",
		"GET /\xe2\x82\xac HTTP/1.1\r\n" HOST "\r\n",
		"GET /a\tb HTTP/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST HOST "\r\n",
		"GET / HTTP/1.1\r\n" HOST "Folded: a\r\n b\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "No colon\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Blank : a\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Bare: a\rb\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		assert_status(heads[i], 400);
	assert_status("GET / HTTP/2.0\r\n\r\n", 505);
	assert_status("GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501);
	assert_status("GET / HTTP/1.1\r\n" HOST "Expect: a miracle\r\n\r\n", 417);
	assert_status("GET /1/2/3/4/5/6/7/8/9 HTTP/1.1\r\n" HOST "\r\n", 404);
}

static void a_nul_is_refused_wherever_it_is(void **state)
{
	static const char head[] = "GET /v1 HTTP/1.1\r\nHost: cgfence\r\n\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof(head) - 1; i++) {
		_cleanup_free_ char *copy = strdup(head);
		_cleanup_(parsed_finish) struct parsed parsed = { 0 };

		copy[i] = '\0';
		if (http_head_length(copy, sizeof(head) - 1) != sizeof(head) - 1)
			continue; /* it was what ended the head */
		parsed = parse_bytes(copy, sizeof(head) - 1);
		assert_int_equal(parsed.status, 400);
	}
}

static void a_length_beyond_any_limit_stays_so(void **state)
{
	_cleanup_(parsed_finish) struct parsed parsed = parse(
		"PUT / HTTP/1.1\r\n" HOST
		"Content-Length: 99999999999999999999999999999999\r\n\r\n");

	(void)state;
	assert_int_equal(parsed.status, 0);
	assert_true(parsed.request.length > UINT32_MAX);
}

static void a_head_ends_with_an_empty_line_and_not_before(void **state)
{
	static const char head[] = "\r\n\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof(head) - 1; i++)
		assert_int_equal(http_head_length(head, i), 0);
	assert_int_equal(http_head_length(head, sizeof(head) - 1), sizeof(head) - 1);
	assert_int_equal(http_head_length("a\n\nb", 4), 3);
	assert_int_equal(http_head_length("a\r\n\r\nb", 6), 5);
}

/* The body of a text in chunks that comes in steps of so many bytes; NULL if it is none. */
static char *read_all(const char *text, size_t step, size_t *ret_used)
{
	struct http_chunks chunks = { 0 };
	size_t length = strlen(text), from = 0, to = 0, piece;
	char *body = calloc(1, length + 1);

	while (chunks.state != HTTP_CHUNK_DONE) {
		long used = http_chunks_read(&chunks, text + from, to - from, &piece);

		if (used < 0) {
			free(body);
			return NULL;
		}
		strncat(body, text + from, piece);
		from += (size_t)used;
		if (!used && to == length)
			break;
		if (!used)
			to = length - to > step ? to + step : length;
	}
	*ret_used = from;
	return body;
}

static void chunks_are_joined_however_they_come(void **state)
{
	static const char text[] =
		"3\r\nall\r\nA;x=y\r\now a:22\nal\r\n2\nlo\n0\r\nX: y\r\n\r\nGET";

	(void)state;
	for (size_t step = 1; step < sizeof(text); step++) {
		size_t used = 0;
		_cleanup_free_ char *body = read_all(text, step, &used);

		assert_non_null(body);
		assert_string_equal(body, "allow a:22\nallo");
		assert_string_equal(text + used, "GET");
	}
}

static void what_is_not_in_chunks_is_refused(void **state)
{
	static const char *const texts[] = { "\r\n",
					     "x\r\n",
					     "-1\r\n",
					     "1\r\nab\r\n",
					     "0x1\r\na\r\n",
					     "1 1,\r\na!\r\n",
					     "1000000000000000\r\n" };
	char line[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		size_t used;

		assert_null(read_all(texts[i], strlen(texts[i]), &used));
	}
	memset(line, '1', sizeof(line));
	assert_int_equal(
		http_chunks_read(&(struct http_chunks){ 0 }, line, sizeof(line), &(size_t){ 0 }),
		-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_has_method_path_query_and_what_it_says_of_its_body),
		cmocka_unit_test(segments_are_cut_before_they_are_decoded),
		cmocka_unit_test(a_path_may_stand_after_a_scheme_and_a_host),
		cmocka_unit_test(connections_are_kept_as_the_version_and_the_header_say),
		cmocka_unit_test(an_unknown_method_is_known_to_be_one),
		cmocka_unit_test(what_is_malformed_is_refused),
		cmocka_unit_test(a_nul_is_refused_wherever_it_is),
		cmocka_unit_test(a_length_beyond_any_limit_stays_so),
		cmocka_unit_test(a_head_ends_with_an_empty_line_and_not_before),
		cmocka_unit_test(chunks_are_joined_however_they_come),
		cmocka_unit_test(what_is_not_in_chunks_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
