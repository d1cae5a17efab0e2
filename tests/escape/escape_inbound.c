// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Answers to the outside, and what else can be done with a port that may be served. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"

#define PATIENCE_MS 400

static union address any_address(const struct attempt *attempt, int port)
{
	union address ret = { .any.sa_family = attempt->to.any.sa_family };

	ret.ipv4.sin_port = htons((uint16_t)port);
	return ret;
}

static int port_of(int fd)
{
	union address own = { 0 };
	socklen_t length = sizeof(own);

	return getsockname(fd, &own.any, &length) ? 0 : ntohs(own.ipv4.sin_port);
}

/* On a port of every address of this family; -1 and errno. */
static int open_on(const struct attempt *attempt, int type, int port)
{
	int fd = open_socket(attempt, attempt->to.any.sa_family, type, 0), on = 1;
	union address own = any_address(attempt, port);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!escape_is_ipv4(attempt))
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return bind(fd, &own.any, length_of(&own)) ? -1 : fd;
}

/* Waits for the peer to come; the connection, or -1. */
static int accept_peer(const struct attempt *attempt, int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	if (listen(fd, 8) || escape_ask_peer(attempt, "connect", port_of(fd)))
		return -1;
	if (poll(&wait, 1, PATIENCE_MS) != 1)
		return -1;
	return accept4(fd, NULL, NULL, SOCK_CLOEXEC);
}

static int serve_tcp(struct attempt *attempt, int fd)
{
	int peer = fd < 0 ? -1 : accept_peer(attempt, fd);

	if (fd < 0)
		return fail("bind");
	if (peer < 0)
		return fail("accept");
	if (send(peer, attempt->payload, strlen(attempt->payload), MSG_NOSIGNAL) < 0)
		return fail("send");
	return succeed(attempt, peer);
}

/* Waits for the peer's datagram. */
static int hear(struct attempt *attempt, int fd, union address *ret_peer)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	socklen_t length = sizeof(*ret_peer);
	union address asked = attempt->to;
	char data[64];

	/* From another port than the one that everyone answers on. */
	asked.ipv4.sin_port = htons(ntohs(asked.ipv4.sin_port) + 1000);
	attempt->to = asked;
	if (escape_ask_peer(attempt, "datagram", port_of(fd)))
		return -1;
	if (poll(&wait, 1, PATIENCE_MS) != 1)
		return -1;
	return recvfrom(fd, data, sizeof(data), 0, &ret_peer->any, &length) < 0 ? -1 : 0;
}

static int serve_udp(struct attempt *attempt, int port)
{
	int fd = open_on(attempt, SOCK_DGRAM, port);
	union address peer;

	if (fd < 0)
		return fail("bind");
	if (hear(attempt, fd, &peer))
		return fail("recvfrom");
	return escape_send_on(attempt, fd, &peer);
}

static int served_tcp(struct attempt *attempt)
{
	return serve_tcp(attempt, open_on(attempt, SOCK_STREAM, ESCAPE_SERVED_PORT));
}

static int served_udp(struct attempt *attempt)
{
	return serve_udp(attempt, ESCAPE_SERVED_PORT);
}

static int accept_fixed(struct attempt *attempt)
{
	return serve_tcp(attempt, open_on(attempt, SOCK_STREAM, ESCAPE_UNSERVED_PORT));
}

static int accept_any(struct attempt *attempt)
{
	return serve_tcp(attempt, open_on(attempt, SOCK_STREAM, 0));
}

/* The kernel finds a port for a socket that listens and has none. */
static int accept_unbound(struct attempt *attempt)
{
	return serve_tcp(attempt, open_socket(attempt, attempt->to.any.sa_family, SOCK_STREAM, 0));
}

static int answer_fixed(struct attempt *attempt)
{
	return serve_udp(attempt, ESCAPE_UNSERVED_PORT);
}

static int answer_any(struct attempt *attempt)
{
	return serve_udp(attempt, 0);
}

/* A socket that asked what is allowed answers to who was not asked. */
static int answer_after(struct attempt *attempt)
{
	int fd = open_on(attempt, SOCK_DGRAM, 0);
	union address peer;

	if (fd < 0 ||
	    sendto(fd, "x", 1, 0, &attempt->allowed.any, length_of(&attempt->allowed)) < 0)
		return fail("sendto");
	do {
		if (hear(attempt, fd, &peer))
			return fail("recvfrom");
	} while (peer.ipv4.sin_port == attempt->allowed.ipv4.sin_port);
	return escape_send_on(attempt, fd, &peer);
}

static int reuse_accepted(struct attempt *attempt)
{
	int fd = open_on(attempt, SOCK_STREAM, ESCAPE_SERVED_PORT), peer;
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	peer = fd < 0 ? -1 : accept_peer(attempt, fd);
	if (peer < 0)
		return fail("accept");
	close(fd);
	if (connect(peer, &none, sizeof(none)))
		return fail("AF_UNSPEC");
	return connect_and_send(attempt, peer);
}

static int connect_served(struct attempt *attempt)
{
	return connect_and_send(attempt, open_on(attempt, SOCK_STREAM, ESCAPE_SERVED_PORT));
}

static int send_served(struct attempt *attempt)
{
	return escape_send_on(attempt, open_on(attempt, SOCK_DGRAM, ESCAPE_SERVED_PORT),
			      &attempt->to);
}

/* The peer has spoken from one of its ports; this is sent to another. */
static int other_port_of_peer(struct attempt *attempt)
{
	int fd = open_on(attempt, SOCK_DGRAM, ESCAPE_SERVED_PORT);
	union address peer, to = attempt->to;

	if (fd < 0)
		return fail("bind");
	if (hear(attempt, fd, &peer))
		return fail("recvfrom");
	return escape_send_on(attempt, fd, &to);
}

/* To where the peer is, and not from the port that it has spoken to. */
static int other_port_of_ours(struct attempt *attempt)
{
	int fd = open_on(attempt, SOCK_DGRAM, ESCAPE_SERVED_PORT);
	union address peer;

	if (fd < 0)
		return fail("bind");
	if (hear(attempt, fd, &peer))
		return fail("recvfrom");
	return escape_send_on(attempt, open_on(attempt, SOCK_DGRAM, 0), &peer);
}

/* The same by connect(): the peer's address with another port. */
static int connect_to_peer(struct attempt *attempt)
{
	int fd = open_on(attempt, SOCK_DGRAM, ESCAPE_SERVED_PORT);
	union address peer, to = attempt->to;

	if (fd < 0)
		return fail("bind");
	if (hear(attempt, fd, &peer))
		return fail("recvfrom");
	attempt->to = to;
	return connect_and_send(attempt, fd);
}

const struct escape escape_inbound[] = {
	{ "served-tcp", "a TCP port that may be served", served_tcp,
	  ESCAPE_BOTH | ESCAPE_CONTROL | ESCAPE_INBOUND },
	{ "served-udp", "a UDP port that may be served", served_udp,
	  ESCAPE_BOTH | ESCAPE_CONTROL | ESCAPE_INBOUND },
	{ "accept", "serving a TCP port", accept_fixed, ESCAPE_BOTH },
	{ "accept-any", "the same, any port", accept_any, ESCAPE_BOTH, "ingress" },
	{ "accept-auto", "the same, without `bind()`", accept_unbound, ESCAPE_BOTH, "ingress" },
	{ "answer", "serving a UDP port", answer_fixed, ESCAPE_BOTH },
	{ "answer-any", "the same, any port", answer_any, ESCAPE_BOTH },
	{ "answer-after", "the same, once it has asked what is allowed", answer_after,
	  ESCAPE_BOTH },
	{ "accepted", "an accepted connection made anew", reuse_accepted, ESCAPE_BOTH },
	{ "served-conn", "`connect()` from a port that may be served", connect_served,
	  ESCAPE_BOTH },
	{ "served-send", "`sendto()` from a port that may be served", send_served, ESCAPE_BOTH },
	{ "served-else", "the same, to another port of who has asked", other_port_of_peer,
	  ESCAPE_BOTH },
	{ "served-port", "to who has asked, from another port", other_port_of_ours, ESCAPE_BOTH },
	{ "served-peer", "`connect()` to another port of who has asked", connect_to_peer,
	  ESCAPE_BOTH },
	{ 0 },
};
