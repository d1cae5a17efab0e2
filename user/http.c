// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "http.h"

#include <string.h>
#include <strings.h>

#include "span.h"
#include "util.h"

/* A piece of the head, and with which status and words the request is to be refused. */
struct head {
	struct http_request *request;
	const char *wrong;
	bool has_host, has_length, has_coding;
};

static unsigned int refuse(struct head *head, unsigned int status, const char *wrong)
{
	head->wrong = wrong;
	return status;
}

static const char *const methods[] = {
	[HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE", [HTTP_OTHER] = "(other)",
};
_Static_assert(ARRAY_SIZE(methods) == HTTP_METHOD_COUNT, "a name for each");

const char *http_method_to_string(enum http_method method)
{
	return methods[method];
}

const char *http_phrase(unsigned int status)
{
	static const struct {
		unsigned int status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 417, "Expectation Failed" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Status";
}

/* --- the request line ------------------------------------------------------------------------ */

static int hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	return ascii_is_hex_digit(c) ? ascii_to_lower(c) - 'a' + 10 : -1;
}

/* In place; false for what is no two digits, and for a NUL. In a form a plus is a blank. */
static bool decode(char *text, bool form)
{
	char *to = text;

	for (; *text; text++) {
		int byte;

		if (*text != '%') {
			*to++ = (char)(form && *text == '+' ? ' ' : *text);
			continue;
		}
		if (hex_value(text[1]) < 0 || hex_value(text[2]) < 0)
			return false;
		byte = hex_value(text[1]) << 4 | hex_value(text[2]);
		if (!byte)
			return false;
		*to++ = (char)byte;
		text += 2;
	}
	*to = '\0';
	return true;
}

static unsigned int parse_path(struct head *head, char *path)
{
	struct http_request *request = head->request;
	char *segment;

	while ((segment = strsep(&path, "/"))) {
		if (request->segment_count == HTTP_SEGMENTS_MAX)
			return refuse(head, 404, "there is no such path");
		if (!decode(segment, false))
			return refuse(head, 400,
				      "a '%' in the path is not followed by the two "
				      "hexadecimal digits of a byte that is not 0");
		request->segments[request->segment_count++] = segment;
	}
	return 0;
}

static unsigned int parse_query(struct head *head, char *query)
{
	struct http_request *request = head->request;
	char *value;

	while ((value = strsep(&query, "&"))) {
		char *name = strsep(&value, "=");

		if (!*name && !value)
			continue;
		if (request->parameter_count == HTTP_PARAMETERS_MAX)
			return refuse(head, 400, "the query has too many parameters");
		if (!decode(name, true) || (value && !decode(value, true)))
			return refuse(head, 400,
				      "a '%' in the query is not followed by the two "
				      "hexadecimal digits of a byte that is not 0");
		request->parameters[request->parameter_count++] = (struct http_parameter){
			name, value ? value : ""
		};
	}
	return 0;
}

/* "/path?query", or the same after "http://host". */
static unsigned int parse_target(struct head *head, char *target)
{
	char *query, *c;
	unsigned int status;

	for (c = target; *c; c++)
		if (!ascii_is_printable(*c) || *c == '#')
			return refuse(head, 400,
				      "the path has a byte that must be written as '%' "
				      "and two hexadecimal digits");
	if (!strncasecmp(target, "http://", 7))
		target += 7 + strcspn(target + 7, "/?");
	query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	if (*target == '/')
		target++;
	else if (*target && strcmp(target, "*") != 0)
		return refuse(head, 400, "the path does not begin with '/'");
	status = parse_path(head, target);
	return status || !query ? status : parse_query(head, query);
}

static unsigned int parse_version(struct head *head, const char *version)
{
	if (strncmp(version, "HTTP/", 5) != 0 || !ascii_is_digit(version[5]) || version[6] != '.' ||
	    !ascii_is_digit(version[7]) || version[8])
		return refuse(head, 400,
			      "the first line does not end in a version such as "
			      "HTTP/1.1");
	if (version[5] != '1')
		return refuse(head, 505, "only HTTP/1.0 and HTTP/1.1 are understood");
	head->request->newer = version[7] != '0';
	head->request->keep = head->request->newer;
	return 0;
}

static unsigned int parse_first(struct head *head, char *line)
{
	char *method = strsep(&line, " "), *target = strsep(&line, " "), *version = line;
	unsigned int status;

	if (!*method || !target || !*target || !version)
		return refuse(head, 400,
			      "the first line is not a method, a path and a version, "
			      "with one blank between");
	head->request->method = 0;
	while (head->request->method < HTTP_OTHER &&
	       strcmp(methods[head->request->method], method) != 0)
		head->request->method++;
	status = parse_version(head, version);
	return status ? status : parse_target(head, target);
}

/* --- header fields --------------------------------------------------------------------------- */

static unsigned int parse_length(struct head *head, const char *value)
{
	uint64_t length = 0;

	if (head->has_length || !*value)
		return refuse(head, 400, "Content-Length must be one number");
	head->has_length = true;
	for (; *value; value++) {
		if (!ascii_is_digit(*value))
			return refuse(head, 400, "Content-Length must be one number");
		/* More than any limit stays more. */
		if (length <= UINT64_MAX / 10 - 1)
			length = length * 10 + (uint64_t)(*value - '0');
	}
	head->request->length = length;
	return 0;
}

static unsigned int parse_coding(struct head *head, const char *value)
{
	if (head->has_coding || !head->request->newer)
		return refuse(head, 400, "Transfer-Encoding is given twice, or in HTTP/1.0");
	head->has_coding = true;
	if (strcasecmp(value, "chunked") != 0)
		return refuse(head, 501, "of transfer codings only chunked is understood");
	head->request->chunked = true;
	return 0;
}

static unsigned int parse_connection(struct head *head, char *value)
{
	char *option;

	while ((option = strsep(&value, ", \t"))) {
		if (!strcasecmp(option, "close"))
			head->request->keep = false;
		else if (!strcasecmp(option, "keep-alive") && !head->request->newer)
			head->request->keep = true;
	}
	return 0;
}

static unsigned int parse_expect(struct head *head, const char *value)
{
	if (strcasecmp(value, "100-continue") != 0)
		return refuse(head, 417, "only 100-continue can be expected");
	head->request->expects = head->request->newer;
	return 0;
}

static bool is_token(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (!ascii_is_letter(*text) && !ascii_is_digit(*text) &&
		    !strchr("!#$%&'*+-.^_`|~", *text))
			return false;
	return true;
}

static char *trim(char *text)
{
	size_t length;

	text += strspn(text, " \t");
	length = strlen(text);
	while (length && strchr(" \t", text[length - 1]))
		text[--length] = '\0';
	return text;
}

/* A folded line begins with a blank, which no name does. */
static unsigned int parse_field(struct head *head, char *line)
{
	char *name = strsep(&line, ":"), *value;

	if (!line || !is_token(name))
		return refuse(head, 400, "a header is not a name and a value with ':' between");
	value = trim(line);
	if (!strcasecmp(name, "Content-Length"))
		return parse_length(head, value);
	if (!strcasecmp(name, "Transfer-Encoding"))
		return parse_coding(head, value);
	if (!strcasecmp(name, "Connection"))
		return parse_connection(head, value);
	if (!strcasecmp(name, "Expect"))
		return parse_expect(head, value);
	if (!strcasecmp(name, "Host")) {
		if (head->has_host)
			return refuse(head, 400, "there are two headers Host");
		head->has_host = true;
	}
	return 0;
}

static unsigned int check_fields(struct head *head)
{
	if (head->request->newer && !head->has_host)
		return refuse(head, 400, "HTTP/1.1 needs a header Host; any will do");
	if (head->has_length && head->has_coding)
		return refuse(head, 400, "there are both Content-Length and Transfer-Encoding");
	return 0;
}

/* --- the head -------------------------------------------------------------------------------- */

size_t http_head_length(const char *data, size_t length)
{
	size_t i = 0;

	while (i < length && (data[i] == '\r' || data[i] == '\n'))
		i++;
	while (i < length) {
		const char *end = memchr(data + i, '\n', length - i);

		if (!end)
			return 0;
		i = (size_t)(end - data) + 1;
		if (i < length && data[i] == '\n')
			return i + 1;
		if (i + 1 < length && data[i] == '\r' && data[i + 1] == '\n')
			return i + 2;
	}
	return 0;
}

/* Ends the line, and returns what follows; NULL if a byte of it may not be there. */
static char *cut_line(char *line, char *end)
{
	for (; line < end && *line != '\n'; line++) {
		if (*line == '\r' && line + 1 < end && line[1] == '\n')
			*line = '\0';
		else if (((unsigned char)*line < 0x20 && *line != '\t') || *line == 0x7f)
			return NULL;
	}
	if (line == end)
		return NULL;
	*line = '\0';
	return line + 1;
}

static unsigned int parse_lines(struct head *head, char *text, char *end)
{
	unsigned int status = 0;
	bool first = true;
	char *line, *next;

	while (text < end && (*text == '\r' || *text == '\n'))
		text++;
	for (line = text; !status && line < end; line = next, first = false) {
		next = cut_line(line, end);
		if (!next)
			return refuse(head, 400, "there is a control character in the head");
		if (first)
			status = parse_first(head, line);
		else if (*line)
			status = parse_field(head, line);
	}
	return status ? status : check_fields(head);
}

unsigned int http_parse_head(char *head, size_t length, struct http_request *ret_request,
			     const char **ret_wrong)
{
	struct http_request request = { .method = HTTP_OTHER };
	struct head parsed = { .request = &request };
	unsigned int status = parse_lines(&parsed, head, head + length);

	*ret_wrong = parsed.wrong;
	if (!status)
		*ret_request = request;
	return status;
}
