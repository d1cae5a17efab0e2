/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A DNS server for tests, on the test's own event loop, that answers as the test says. Needs the
 * network namespace of resolver_fixture.h.
 */
#ifndef CGFENCE_TESTS_FAKE_DNS_H
#define CGFENCE_TESTS_FAKE_DNS_H

#include <arpa/inet.h>

#include "resolver_fixture.h"

#define FAKE_QUERIES_MAX 256

struct fake_query {
	int fd;
	bool tcp;
	struct sockaddr_in from;
	uint8_t message[1500];
	size_t length;
};

struct fake_dns {
	/* Called once for all that arrived together; those that are to wait, it leaves. */
	void (*serve)(struct fake_dns *fake);
	int udp, tcp, connection;
	struct event *udp_event, *tcp_event, *connection_event;
	struct event_base *base;
	struct fake_query waiting[FAKE_QUERIES_MAX];
	size_t count, count_max;
	unsigned int received, received_tcp;
	bool hangs_up; /* on every connection */
};

#define FAKE_ANSWER 0x8180 /* QR, RD, RA */
#define FAKE_TRUNCATED 0x0200
#define FAKE_SERVFAIL 2
#define FAKE_A 1
#define FAKE_CNAME 5
#define FAKE_AAAA 28

static inline void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline size_t fake_question_end(const struct fake_query *query)
{
	size_t at = 12;

	while (query->message[at])
		at += query->message[at] + 1U;
	return at + 5;
}

static inline unsigned int fake_type(const struct fake_query *query)
{
	return query->message[fake_question_end(query) - 3];
}

static inline void fake_send(const struct fake_query *query, const uint8_t *message, size_t length)
{
	uint8_t framed[2 + 65535];

	if (!query->tcp) {
		sendto(query->fd, message, length, 0, (const struct sockaddr *)&query->from,
		       sizeof(query->from));
		return;
	}
	put16(framed, (unsigned int)length);
	memcpy(framed + 2, message, length);
	send(query->fd, framed, length + 2, MSG_NOSIGNAL);
}

/* The header and question of an answer; returns their length. */
static inline size_t fake_begin(const struct fake_query *query, unsigned int flags,
				uint8_t *message)
{
	size_t length = fake_question_end(query);

	memcpy(message, query->message, length);
	put16(message + 2, flags);
	memset(message + 6, 0, 6);
	return length;
}

/* One more record, about the name of the question. */
static inline size_t fake_record(uint8_t *message, size_t length, unsigned int type, uint32_t ttl_s,
				 const void *data, size_t data_length)
{
	uint8_t *at = message + length;

	put16(message + 6, message[6] * 256U + message[7] + 1U);
	put16(at, 0xc00c);
	put16(at + 2, type);
	put16(at + 4, 1);
	put16(at + 6, ttl_s >> 16);
	put16(at + 8, ttl_s & 0xffff);
	put16(at + 10, (unsigned int)data_length);
	memcpy(at + 12, data, data_length);
	return length + 12 + data_length;
}

/* An answer with flags and code, and 192.0.2.1 or 2001:db8::1 if `ttl_s` is not 0. */
static inline void fake_reply(const struct fake_query *query, unsigned int flags, uint32_t ttl_s)
{
	static const uint8_t ipv4[4] = { 192, 0, 2, 1 };
	static const uint8_t ipv6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	bool aaaa = fake_type(query) == FAKE_AAAA;
	uint8_t message[1500];
	size_t length = fake_begin(query, flags, message);

	if (ttl_s)
		length = fake_record(message, length, fake_type(query), ttl_s, aaaa ? ipv6 : ipv4,
				     aaaa ? sizeof(ipv6) : sizeof(ipv4));
	fake_send(query, message, length);
}

static inline void fake_received(struct fake_dns *fake)
{
	fake->received++;
	fake->count++;
	fake->count_max = fake->count > fake->count_max ? fake->count : fake->count_max;
	assert_true(fake->count < FAKE_QUERIES_MAX);
}

static inline void fake_on_udp(int fd, short events, void *data)
{
	struct fake_dns *fake = data;
	struct fake_query *query = &fake->waiting[fake->count];
	socklen_t from_length = sizeof(query->from);
	ssize_t got;

	(void)events;
	while ((got = recvfrom(fd, query->message, sizeof(query->message), MSG_DONTWAIT,
			       (struct sockaddr *)&query->from, &from_length)) > 0) {
		query->fd = fd;
		query->tcp = false;
		query->length = (size_t)got;
		fake_received(fake);
		query = &fake->waiting[fake->count];
	}
	fake->serve(fake);
}

/* Questions are small and come from this machine: each is there whole once its length is. */
static inline void fake_on_connection(int fd, short events, void *data)
{
	struct fake_dns *fake = data;
	struct fake_query *query;
	uint8_t head[2];

	(void)events;
	while (fake->connection == fd && recv(fd, head, 2, MSG_DONTWAIT) == 2) {
		query = &fake->waiting[fake->count];
		query->fd = fd;
		query->tcp = true;
		query->length = head[0] * 256U + head[1];
		assert_int_equal(recv(fd, query->message, query->length, 0), query->length);
		fake->received_tcp++;
		fake_received(fake);
		fake->serve(fake);
	}
}

static inline void fake_hang_up(struct fake_dns *fake)
{
	if (fake->connection_event)
		event_free(fake->connection_event);
	if (fake->connection >= 0)
		close(fake->connection);
	fake->connection_event = NULL;
	fake->connection = -1;
}

/* FIN, then RST: what the other end writes then is what raises SIGPIPE. */
static inline void fake_reset(struct fake_dns *fake)
{
	const struct linger none = { .l_onoff = 1 };

	shutdown(fake->connection, SHUT_WR);
	setsockopt(fake->connection, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	fake_hang_up(fake);
}

static inline void fake_on_accept(int fd, short events, void *data)
{
	struct fake_dns *fake = data;

	(void)events;
	fake_hang_up(fake);
	fake->connection = accept(fd, NULL, NULL);
	if (fake->hangs_up) {
		fake_reset(fake);
		return;
	}
	fake->connection_event = event_new(fake->base, fake->connection, EV_READ | EV_PERSIST,
					   fake_on_connection, fake);
	event_add(fake->connection_event, NULL);
}

static inline int fake_socket(int type, const char *address)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(53) };
	const int on = 1;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, address, &name.sin_addr), 1);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

/* Freed by fake_stop(). */
static inline struct fake_dns *fake_start(struct event_base *base, const char *address,
					  void (*serve)(struct fake_dns *))
{
	struct fake_dns *fake = calloc(1, sizeof(*fake));

	fake->base = base;
	fake->serve = serve;
	fake->connection = -1;
	fake->udp = fake_socket(SOCK_DGRAM, address);
	fake->tcp = fake_socket(SOCK_STREAM, address);
	assert_int_equal(listen(fake->tcp, 16), 0);
	fake->udp_event = event_new(base, fake->udp, EV_READ | EV_PERSIST, fake_on_udp, fake);
	fake->tcp_event = event_new(base, fake->tcp, EV_READ | EV_PERSIST, fake_on_accept, fake);
	event_add(fake->udp_event, NULL);
	event_add(fake->tcp_event, NULL);
	return fake;
}

static inline void fake_stop(struct fake_dns *fake)
{
	fake_hang_up(fake);
	event_free(fake->udp_event);
	event_free(fake->tcp_event);
	close(fake->udp);
	close(fake->tcp);
	free(fake);
}

#endif
