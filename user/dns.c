// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Forged answers (RFC 5452): c-ares takes an answer only from the server's address and port, to the
 * port it asked from, with the id and the question it sent. Its ids are the weak part (RC4), and
 * one socket is one source port. So there is no ARES_FLAG_STAYOPEN: the socket is closed as soon as
 * nothing is in flight, and the next one has a new port; and that is made to happen after
 * QUESTIONS_PER_PORT questions if it does not happen by itself.
 */
#include "dns.h"

#include <ares.h>
#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "cgfence.h"
#include "sockets.h"
#include "timer.h"
#include "util.h"

/* DNS flag day 2020: what passes every path unfragmented. */
#define EDNS_BYTES 1232
#define QUESTIONS_PER_PORT 4096

/* RFC 1035 §3.2, RFC 3596 §2.1. */
#define TYPE_A 1
#define TYPE_AAAA 28
#define CLASS_IN 1

struct flight {
	struct dns *dns;
	struct flight *next; /* of the free ones */
	void *question;
	bool ipv6;
};

struct dns {
	struct dns_options options;
	ares_channel channel;
	struct sockets *sockets;
	struct timer timeout;
	struct address servers[CGF_RESOLVERS_MAX];
	size_t server_count;
	struct flight flights[RESOLVER_WINDOW];
	struct flight *free;
	unsigned int flying;
	unsigned int asked;	/* since nothing was in flight */
	struct dns_reply reply; /* the one that is being delivered */
};

static const struct ares_socket_functions socket_functions = {
	.asocket = sockets_open,
	.aclose = sockets_close,
	.aconnect = sockets_connect,
	.arecvfrom = sockets_receive,
	.asendv = sockets_send,
};

static void on_reply(void *data, int status, int timeouts, unsigned char *message, int length)
{
	struct flight *flight = data;
	struct dns *dns = flight->dns;
	void *question = flight->question;

	(void)timeouts;
	if (status == ARES_EDESTRUCTION)
		return;
	dns_reply_read(&dns->reply, status, flight->ipv6, message, length);
	flight->next = dns->free;
	dns->free = flight;
	if (!--dns->flying)
		dns->asked = 0;
	dns->options.reply(&dns->reply, question, dns->options.data);
}

static void after_replies(struct dns *dns)
{
	if (!dns->flying)
		timer_clear(&dns->timeout);
	dns->options.room(dns->options.data);
}

static void on_ready(int fd, short events, void *data)
{
	struct dns *dns = data;

	ares_process_fd(dns->channel, (events & EV_READ) ? fd : ARES_SOCKET_BAD,
			(events & EV_WRITE) ? fd : ARES_SOCKET_BAD);
	after_replies(dns);
}

static void on_timeout(void *data)
{
	struct dns *dns = data;
	uint64_t now_ns = monotonic_ns(), when_ns;
	struct timeval wait;

	ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (ares_timeout(dns->channel, NULL, &wait)) {
		when_ns = now_ns + (uint64_t)wait.tv_sec * NSEC_PER_SEC;
		when_ns += (uint64_t)wait.tv_usec * 1000 + NSEC_PER_MSEC;
		timer_set(&dns->timeout, now_ns, when_ns);
	}
	after_replies(dns);
}

bool dns_has_room(const struct dns *dns)
{
	return dns->free && dns->asked < QUESTIONS_PER_PORT;
}

void dns_ask(struct dns *dns, const char *name, bool ipv6, void *question)
{
	struct flight *flight = TAKE(dns->free, dns->free->next);
	int type = ipv6 ? TYPE_AAAA : TYPE_A;
	uint64_t now_ns = monotonic_ns();

	flight->question = question;
	flight->ipv6 = ipv6;
	dns->flying++;
	dns->asked++;
	if (strchr(name, '.'))
		ares_query(dns->channel, name, CLASS_IN, type, on_reply, flight);
	else
		ares_search(dns->channel, name, CLASS_IN, type, on_reply, flight);
	if (dns->flying)
		timer_set(&dns->timeout, now_ns, now_ns + RESOLVER_TIMEOUT_MS * NSEC_PER_MSEC);
}

size_t dns_servers(const struct dns *dns, const struct address **ret_servers)
{
	*ret_servers = dns->servers;
	return dns->server_count;
}

static int status_to_error(int status)
{
	return status == ARES_ENOMEM ? -ENOMEM : -EINVAL;
}

static int use_servers(struct dns *dns)
{
	struct ares_addr_node nodes[CGF_RESOLVERS_MAX] = { 0 };
	const uint8_t *bytes;
	int status;

	for (size_t i = 0; i < dns->server_count; i++) {
		bytes = dns->servers[i].bytes;
		nodes[i].next = i + 1 < dns->server_count ? &nodes[i + 1] : NULL;
		nodes[i].family = address_is_ipv4(&dns->servers[i]) ? AF_INET : AF_INET6;
		if (nodes[i].family == AF_INET)
			memcpy(&nodes[i].addr.addr4, bytes + 12, sizeof(nodes[i].addr.addr4));
		else
			memcpy(&nodes[i].addr.addr6, bytes, sizeof(nodes[i].addr.addr6));
	}
	status = ares_set_servers(dns->channel, nodes);
	return status == ARES_SUCCESS ? 0 : status_to_error(status);
}

/*
 * With one server, c-ares would repeat a question that the server refused, and then report that it
 * could not reach it: NOCHECKRESP hands the refusal over instead. With several, the next is asked.
 */
static int open_channel(struct dns *dns)
{
	struct ares_options options = {
		.flags = ARES_FLAG_EDNS | ARES_FLAG_NOALIASES,
		.timeout = RESOLVER_TIMEOUT_MS,
		.tries = RESOLVER_TRIES,
		.ednspsz = EDNS_BYTES,
		.lookups = "b", /* spares it reading nsswitch.conf for what is not asked of it */
		.sock_state_cb = sockets_wait,
		.sock_state_cb_data = dns->sockets,
	};
	int status;

	if (dns->server_count == 1)
		options.flags |= ARES_FLAG_NOCHECKRESP;
	status = ares_init_options(&dns->channel, &options,
				   ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
					   ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS | ARES_OPT_NOROTATE |
					   ARES_OPT_SOCK_STATE_CB);
	if (status != ARES_SUCCESS)
		return status_to_error(status);
	ares_set_socket_functions(dns->channel, &socket_functions, dns->sockets);
	return use_servers(dns);
}

static int dns_open(struct dns *dns)
{
	int r;

	/* A server has one UDP and one TCP socket. */
	r = sockets_init(&dns->sockets, dns->options.base, 2 * dns->server_count, on_ready, dns);
	if (r < 0)
		return r;
	r = timer_init(&dns->timeout, dns->options.base, on_timeout, dns);
	if (r < 0)
		return r;
	return open_channel(dns);
}

int dns_init(struct dns **ret_dns, const struct dns_options *options)
{
	_cleanup_(dns_finish) struct dns *dns = NULL;
	int r;

	if (!options->server_count || options->server_count > CGF_RESOLVERS_MAX)
		return -EINVAL;
	dns = calloc(1, sizeof(*dns));
	if (!dns)
		return -ENOMEM;
	dns->options = *options;
	dns->server_count = options->server_count;
	memcpy(dns->servers, options->servers, dns->server_count * sizeof(*dns->servers));
	for (size_t i = 0; i < ARRAY_SIZE(dns->flights); i++) {
		dns->flights[i] = (struct flight){ .dns = dns, .next = dns->free };
		dns->free = &dns->flights[i];
	}
	r = dns_open(dns);
	if (r < 0)
		return r;
	*ret_dns = TAKE_PTR(dns);
	return 0;
}

void dns_finish(struct dns **dns)
{
	if (!*dns)
		return;
	ares_destroy((*dns)->channel);
	timer_finish(&(*dns)->timeout);
	sockets_finish(&(*dns)->sockets);
	free(TAKE_PTR(*dns));
}
