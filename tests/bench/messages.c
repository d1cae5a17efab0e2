// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * messages answer ADDRESS: a DNS server, until it is killed. What it answers is in the name: KN-…,
 * where N is how many addresses, and K is `f` for those that nobody had before, `c` for the same
 * at the end of two CNAMEs, and anything else for those that the name has each time. Prints a line
 * when it is there.
 *
 * messages ask COUNT ADDRESS NAMES PREFIX SUFFIX: COUNT questions, one after the other, for
 * PREFIX0SUFFIX and on, NAMES of them in turn. Prints the median of their round trips in
 * nanoseconds. It is an error if what the last answer says may not be connected to.
 *
 * messages refused COUNT ADDRESS NAMES PREFIX SUFFIX: the same if none may be asked for.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define HEADER_BYTES 12
#define RECORD_BYTES 12 /* with a pointer as its name */
#define QUESTION_END_BYTES 4
#define TYPE_A 1
#define TYPE_CNAME 5
#define FRESH_FIRST 0x14000000U /* 20.0.0.0 */
#define SAME_FIRST 0x16000000U
#define DEADLINE_S 5

struct message {
	uint8_t bytes[8192];
	size_t length;
};

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Not perror() alone: what fails here would make a figure that means nothing. */
static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void put(struct message *message, const void *bytes, size_t count)
{
	must(message->length + count <= sizeof(message->bytes), "message");
	memcpy(message->bytes + message->length, bytes, count);
	message->length += count;
}

static void put_u16(struct message *message, uint16_t value)
{
	put(message, &(uint16_t){ htons(value) }, sizeof(value));
}

static struct sockaddr_in endpoint(const char *address, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = inet_addr(address) };
}

/* --- the server --- */

/* Up to its data. `owner` is where in the message its name is. */
static void put_record(struct message *answer, size_t owner, uint16_t type, uint16_t data_bytes)
{
	put_u16(answer, (uint16_t)(0xc000 | owner));
	put_u16(answer, type);
	put_u16(answer, 1);	    /* IN */
	put(answer, "\0\0\x0e", 3); /* 3,600 s */
	put(answer, "\x10", 1);
	put_u16(answer, data_bytes);
}

/* Returns where the alias is. */
static size_t put_alias(struct message *answer, size_t owner)
{
	size_t alias;

	put_record(answer, owner, TYPE_CNAME, 8);
	alias = answer->length;
	put(answer, "\5chain", 6);
	put_u16(answer, (uint16_t)(0xc000 | owner));
	return alias;
}

static void put_answers(struct message *answer, char kind, unsigned long count, uint32_t address)
{
	size_t owner = HEADER_BYTES;
	unsigned long i;

	if (kind == 'c')
		owner = put_alias(answer, put_alias(answer, owner));
	answer->bytes[6] = 0;
	for (i = 0; i < count; i++) {
		put_record(answer, owner, TYPE_A, 4);
		put(answer, &(uint32_t){ htonl(address + (uint32_t)i) }, 4);
	}
	count += kind == 'c' ? 2 : 0;
	answer->bytes[6] = (uint8_t)(count >> 8);
	answer->bytes[7] = (uint8_t)count;
}

/* From a question to what it is answered. */
static void answer(struct message *message)
{
	static uint32_t fresh = FRESH_FIRST;
	const char *name = (const char *)message->bytes + HEADER_BYTES + 1;
	size_t end = HEADER_BYTES + strnlen(name - 1, message->length - HEADER_BYTES) + 1;
	char *number;
	unsigned long count = strtoul(name + 1, &number, 10), which = strtoul(number + 1, NULL, 10);
	bool is_fresh = *name == 'f' || *name == 'c';

	must(end + QUESTION_END_BYTES <= message->length, "question");
	message->length = end + QUESTION_END_BYTES;
	memset(message->bytes + 6, 0, 6);
	message->bytes[2] |= 0x80;
	message->bytes[3] = 0x80;
	if (message->bytes[end] || message->bytes[end + 1] != TYPE_A)
		return;
	put_answers(message, *name, count, is_fresh ? fresh : SAME_FIRST + (uint32_t)which * 256);
	fresh += is_fresh ? (uint32_t)count : 0;
}

static void serve(const char *address)
{
	struct sockaddr_in at = endpoint(address, 53), from;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	static struct message message;
	socklen_t length;
	ssize_t n;

	must(fd >= 0 && !bind(fd, (const struct sockaddr *)&at, sizeof(at)), "bind");
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("here");
	for (;;) {
		length = sizeof(from);
		n = recvfrom(fd, message.bytes, 512, 0, (struct sockaddr *)&from, &length);
		must(n > HEADER_BYTES, "recvfrom");
		message.length = (size_t)n;
		answer(&message);
		sendto(fd, message.bytes, message.length, 0, (struct sockaddr *)&from, length);
	}
}

/* --- the client --- */

static void make_question(struct message *question, uint16_t id, const char *name)
{
	size_t count;

	question->length = 0;
	put_u16(question, id);
	put(question, "\1\0\0\1\0\0\0\0\0\0", 10);
	for (; *name; name += count + (name[count] == '.')) {
		count = strcspn(name, ".");
		put(question, &(uint8_t){ (uint8_t)count }, 1);
		put(question, name, count);
	}
	put(question, "\0\0\1\0\1", 5);
}

/* False if it was refused, by whatever way. */
static bool ask(int fd, struct message *message)
{
	uint8_t id[2] = { message->bytes[0], message->bytes[1] };
	ssize_t n = send(fd, message->bytes, message->length, 0);

	must(n > 0 || errno == EPERM, "send");
	if (n <= 0)
		return false;
	n = recv(fd, message->bytes, sizeof(message->bytes), 0);
	must(n > HEADER_BYTES && !memcmp(id, message->bytes, sizeof(id)), "recv");
	message->length = (size_t)n;
	return !(message->bytes[3] & 15);
}

/* The last four bytes of an answer are its last address. */
static void check_learned(const struct message *answer)
{
	struct sockaddr_in to = endpoint("0.0.0.0", 443);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(&to.sin_addr, answer->bytes + answer->length - 4, 4);
	must(!connect(fd, (const struct sockaddr *)&to, sizeof(to)) || errno == ENETUNREACH,
	     "what was answered");
	close(fd);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;

	return (*one > *other) - (*one < *other);
}

static void ask_all(char *argv[], bool allowed)
{
	unsigned long count = strtoul(argv[0], NULL, 10), names = strtoul(argv[2], NULL, 10), i;
	const struct timeval deadline = { .tv_sec = DEADLINE_S };
	struct sockaddr_in to = endpoint(argv[1], 53);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t *times = calloc(count, sizeof(*times));
	static struct message message;
	char name[256];

	must(times && fd >= 0 && count && names, "prepare");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	must(!connect(fd, (const struct sockaddr *)&to, sizeof(to)), "connect");
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%lu%s", argv[3], i % names, argv[4]);
		make_question(&message, (uint16_t)i, name);
		times[i] = monotonic_ns();
		must(ask(fd, &message) == allowed, name);
		times[i] = monotonic_ns() - times[i];
	}
	if (allowed)
		check_learned(&message);
	qsort(times, count, sizeof(*times), compare);
	printf("%ju\n", (uintmax_t)times[count / 2]);
	free(times);
}

int main(int argc, char *argv[])
{
	const char *how = argc > 1 ? argv[1] : "";

	if (!strcmp(how, "answer") && argc == 3)
		serve(argv[2]);
	else if (!strcmp(how, "ask") && argc == 7)
		ask_all(argv + 2, true);
	else if (!strcmp(how, "refused") && argc == 7)
		ask_all(argv + 2, false);
	else
		return 2;
	return 0;
}
