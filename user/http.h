/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Requests of HTTP/1.0 and 1.1 as bytes (RFC 9112): the head, what it says of the body, and bodies
 * in chunks. What can be read in two ways is refused. Pure.
 */
#ifndef CGFENCE_HTTP_H
#define CGFENCE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_BYTES_MAX (16 * 1024)
#define HTTP_SEGMENTS_MAX 8
#define HTTP_PARAMETERS_MAX 16

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_OTHER, /* any that is not known here */
	HTTP_METHOD_COUNT
};
const char *http_method_to_string(enum http_method method);

struct http_parameter {
	const char *name, *value; /* "" if there is no '=' */
};

/* All text is NUL-terminated, percent-decoded, and has no NUL inside. */
struct http_request {
	enum http_method method;
	bool newer;   /* HTTP/1.1: chunks are understood */
	bool keep;    /* another request may follow */
	bool expects; /* waits for "100 Continue" before it sends the body */
	bool chunked; /* the body is; otherwise it has `length` bytes */
	uint64_t length;
	const char *segments[HTTP_SEGMENTS_MAX]; /* of the path: "/v1/policies" has two */
	size_t segment_count;
	struct http_parameter parameters[HTTP_PARAMETERS_MAX]; /* of the query, in order */
	size_t parameter_count;
};

/*
 * Bytes up to the end of the empty line that closes the head, and those of empty lines before it; 0
 * if it has not come yet.
 */
size_t http_head_length(const char *data, size_t length);
/*
 * Takes the head apart, in its place: the request's text is there. Returns 0, or the status with
 * which it is to be refused, and words for that.
 */
unsigned int http_parse_head(char *head, size_t length, struct http_request *ret_request,
			     const char **ret_wrong);

/* A body in chunks; begins all zero. */
struct http_chunks {
	enum {
		HTTP_CHUNK_SIZE,
		HTTP_CHUNK_DATA,
		HTTP_CHUNK_END,
		HTTP_CHUNK_TRAILER,
		HTTP_CHUNK_DONE
	} state;
	uint64_t left;	/* of the chunk */
	size_t trailer; /* bytes of it so far */
};
/*
 * Reads on: returns how many of the bytes are done with, 0 if more are needed, -EINVAL if they are
 * no such body; `ret_piece` of them, the first ones, are of the body. Ends in HTTP_CHUNK_DONE.
 */
long http_chunks_read(struct http_chunks *chunks, const char *data, size_t length,
		      size_t *ret_piece);

/* "Not Found" */
const char *http_phrase(unsigned int status);

#endif
