// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Answers to refused questions, sent by the kernel to real sockets, in a network namespace of the
 * test. Needs root.
 */
#include "made_dns.h"

#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "refusal.h"
#include "util.h"

#define DEADLINE_MS 2000
/* Long enough for what comes by loopback, which is there when the sender returns. */
#define NOTHING_MS 50

/* A network that nobody answers on. The strictest way to look at where packets come from. */
#define MAKE_NETWORK                                                                               \
	"ip link set lo up && ip link add inside type veth peer name outside && "                  \
	"ip link set inside up && ip link set outside up && "                                      \
	"ip addr add 198.51.100.2/24 dev inside && "                                               \
	"ip -6 addr add 2001:db8::2/64 dev inside nodad && "                                       \
	"ip route add default via 198.51.100.1 && ip -6 route add default via 2001:db8::1 && "     \
	"for router in 198.51.100.1 2001:db8::1; do ip neigh add $router dev inside "              \
	"lladdr 02:00:00:00:00:01 nud permanent; done && "                                         \
	"echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter"

static int setup(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET) || system(MAKE_NETWORK) ? -1 : 0;
}

/* Who asks, and from whom the answer is to come. */
struct asker {
	int family; /* of the socket */
	const char *local, *resolver;
	bool connected;
};

static struct sockaddr_in6 socket_address(const char *text, uint16_t port)
{
	struct sockaddr_in6 end = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	memcpy(&end.sin6_addr, address.bytes, sizeof(end.sin6_addr));
	return end;
}

static struct sockaddr_in ipv4_of(const struct sockaddr_in6 *end)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = end->sin6_port };

	memcpy(&ipv4.sin_addr, &end->sin6_addr.s6_addr[12], sizeof(ipv4.sin_addr));
	return ipv4;
}

typedef int (*place_fn)(int fd, const struct sockaddr *address, socklen_t length);

/* bind() or connect(), for a socket of either family. */
static void place(int fd, place_fn call, int family, const char *text, uint16_t port)
{
	struct sockaddr_in6 ipv6 = socket_address(text, port);
	struct sockaddr_in ipv4 = ipv4_of(&ipv6);

	if (family == AF_INET)
		assert_int_equal(call(fd, (struct sockaddr *)&ipv4, sizeof(ipv4)), 0);
	else
		assert_int_equal(call(fd, (struct sockaddr *)&ipv6, sizeof(ipv6)), 0);
}

static uint16_t local_port(int fd)
{
	struct sockaddr_in6 end = {};
	socklen_t length = sizeof(end);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&end, &length), 0);
	return ntohs(end.sin6_port); /* at the same place in both families */
}

static uint64_t cookie(int fd)
{
	socklen_t length = sizeof(uint64_t);
	uint64_t value;

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &value, &length), 0);
	return value;
}

union record {
	struct cgf_message message;
	uint8_t bytes[sizeof(struct cgf_message) + CGF_MESSAGE_SMALL];
};

static union record a_record(uint16_t protocol, const struct asker *asker, uint16_t port,
			     const struct made *made)
{
	union record record = { .message = { .length = (uint16_t)made->length, .answered = 1 } };
	struct cgf_message *message = &record.message;
	struct address local, resolver;

	assert_int_equal(address_parse(asker->local, &local), 0);
	assert_int_equal(address_parse(asker->resolver, &resolver), 0);
	message->decision.hook = CGF_HOOK_EGRESS;
	message->decision.reason = CGF_REASON_QUESTION;
	message->decision.protocol = protocol;
	message->decision.port = CGF_DNS_PORT;
	message->decision.local_port = port;
	memcpy(message->decision.address, resolver.bytes, sizeof(resolver.bytes));
	memcpy(message->local_address, local.bytes, sizeof(local.bytes));
	memcpy(message->bytes, made->bytes, made->length);
	return record;
}

static int refuse(const union record *record)
{
	_cleanup_(refusal_close) struct refusal *refusal = NULL;

	assert_int_equal(refusal_open(&refusal), 0);
	return refusal_send(refusal, &record->message, sizeof(*record));
}

static struct made a_question(void)
{
	struct made made = a_message(MADE_QUERY, 0, 0);

	put_question(&made, "Evil.example", 28);
	return made;
}

/* The one question, said not to exist. */
static void assert_refused(int fd, const char *resolver)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	struct made question = a_question();
	struct sockaddr_storage from = {};
	struct sockaddr_in6 expected = socket_address(resolver, CGF_DNS_PORT);
	struct sockaddr_in expected4 = ipv4_of(&expected);
	socklen_t length = sizeof(from);
	uint8_t answer[REFUSAL_BYTES];
	ssize_t got;

	assert_int_equal(poll(&readable, 1, DEADLINE_MS), 1);
	got = recvfrom(fd, answer, sizeof(answer), MSG_DONTWAIT, (struct sockaddr *)&from, &length);
	assert_int_equal(got, question.length);
	assert_memory_equal(answer, "\x12\x34\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00", 12);
	assert_memory_equal(answer + 12, question.bytes + 12, question.length - 12);
	if (from.ss_family == AF_INET) {
		assert_memory_equal(&from, &expected4, sizeof(expected4));
	} else {
		assert_memory_equal(&from, &expected, sizeof(expected));
	}
	assert_int_equal(poll(&readable, 1, 0), 0);
}

static void assert_reached(struct asker asker)
{
	_cleanup_close_ int fd = socket(asker.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct made made = a_question();
	union record record;

	assert_true(fd >= 0);
	place(fd, bind, asker.family, asker.local, 0);
	if (asker.connected)
		place(fd, connect, asker.family, asker.resolver, CGF_DNS_PORT);
	record = a_record(IPPROTO_UDP, &asker, local_port(fd), &made);
	assert_int_equal(refuse(&record), 0);
	assert_refused(fd, asker.resolver);
}

static void both_kinds(int family, const char *local, const char *resolver)
{
	assert_reached((struct asker){ family, local, resolver, true });
	assert_reached((struct asker){ family, local, resolver, false });
}

static void a_resolver_on_the_network_says_no(void **state)
{
	(void)state;
	both_kinds(AF_INET, "198.51.100.2", "198.51.100.53");
	/* Behind a router that is not there. */
	both_kinds(AF_INET, "198.51.100.2", "203.0.113.53");
}

static void a_resolver_on_loopback_says_no(void **state)
{
	(void)state;
	both_kinds(AF_INET, "127.0.0.1", "127.0.0.53");
	both_kinds(AF_INET, "127.0.0.1", "127.0.0.1");
	/* An address of this host that is not on loopback, asked at itself. */
	both_kinds(AF_INET, "198.51.100.2", "198.51.100.2");
}

static void an_ipv6_resolver_says_no(void **state)
{
	(void)state;
	both_kinds(AF_INET6, "2001:db8::2", "2001:db8::53");
	both_kinds(AF_INET6, "2001:db8::2", "2001:db8:1::53");
	both_kinds(AF_INET6, "::1", "::1");
}

static void an_ipv4_resolver_says_no_to_an_ipv6_socket(void **state)
{
	(void)state;
	both_kinds(AF_INET6, "198.51.100.2", "198.51.100.53");
	both_kinds(AF_INET6, "127.0.0.1", "127.0.0.53");
}

/* Each sum there is, by the question's number; over IPv6 there has to be one (RFC 8200 §8.1). */
static void the_checksum_is_right_whatever_it_is(void **state)
{
	static const struct asker asker = { AF_INET6, "2001:db8::2", "2001:db8::53", true };
	_cleanup_close_ int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	_cleanup_(refusal_close) struct refusal *refusal = NULL;
	struct made made = a_question();
	uint8_t answer[REFUSAL_BYTES];
	union record record;
	uint32_t id;

	(void)state;
	assert_int_equal(refusal_open(&refusal), 0);
	place(fd, bind, AF_INET6, asker.local, 0);
	place(fd, connect, AF_INET6, asker.resolver, CGF_DNS_PORT);
	record = a_record(IPPROTO_UDP, &asker, local_port(fd), &made);
	for (id = 0; id <= UINT16_MAX; id++) {
		record.message.bytes[0] = (uint8_t)(id >> 8);
		record.message.bytes[1] = (uint8_t)id;
		assert_int_equal(refusal_send(refusal, &record.message, sizeof(record)), 0);
		if (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) != (ssize_t)made.length)
			fail_msg("with the number %u", id);
	}
}

static void a_socket_that_asked_another_hears_nothing(void **state)
{
	struct asker asker = { AF_INET, "198.51.100.2", "198.51.100.53", true };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	struct made made = a_question();
	union record record;

	(void)state;
	place(fd, bind, AF_INET, asker.local, 0);
	place(fd, connect, AF_INET, "198.51.100.54", CGF_DNS_PORT);
	record = a_record(IPPROTO_UDP, &asker, local_port(fd), &made);
	assert_int_equal(refuse(&record), 0);
	assert_int_equal(poll(&readable, 1, NOTHING_MS), 0);
}

/* --- what leaves -------------------------------------------------------------------------------
 */

#define EVIL "\4Evil\7example"

/* Sees what comes out at the other end of the network. */
static int open_witness(void)
{
	struct sockaddr_ll end = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex("outside"),
	};
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(end.sll_ifindex);
	assert_int_equal(bind(fd, (struct sockaddr *)&end, sizeof(end)), 0);
	return TAKE_FD(fd);
}

/* Frames with the name, of those that came since. */
static int seen_by(int witness)
{
	struct sockaddr_ll from;
	uint8_t frame[2048];
	ssize_t length;
	int seen = 0;

	for (;;) {
		socklen_t from_length = sizeof(from);

		length = recvfrom(witness, frame, sizeof(frame), MSG_DONTWAIT,
				  (struct sockaddr *)&from, &from_length);
		if (length < 0)
			return seen;
		if (from.sll_pkttype != PACKET_OUTGOING &&
		    memmem(frame, (size_t)length, EVIL, strlen(EVIL)))
			seen++;
	}
}

/* A datagram with the name, which has then left, with all that was sent before it. */
static void send_control(const char *to)
{
	const int family = strchr(to, ':') ? AF_INET6 : AF_INET;
	_cleanup_close_ int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	place(fd, connect, family, to, CGF_DNS_PORT);
	assert_int_equal(send(fd, EVIL, strlen(EVIL), 0), strlen(EVIL));
}

static int wait_for_frames(int witness)
{
	struct pollfd readable = { .fd = witness, .events = POLLIN };
	int seen = 0;

	while (!seen) {
		assert_int_equal(poll(&readable, 1, DEADLINE_MS), 1);
		seen = seen_by(witness);
	}
	return seen;
}

/* What the refusal of a question by `asker` makes leave, if the socket is gone. */
static void assert_nothing_leaves(struct asker asker, const char *control)
{
	_cleanup_close_ int witness = open_witness(), fd = -1;
	struct made made = a_question();
	union record record;
	uint16_t port;
	int i;

	fd = socket(asker.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	place(fd, bind, asker.family, strchr(asker.local, ':') ? "::" : "0.0.0.0", 0);
	port = local_port(fd);
	close_fd(&fd);
	record = a_record(IPPROTO_UDP, &asker, port, &made);
	for (i = 0; i < 20; i++)
		refuse(&record);
	send_control(control);
	assert_int_equal(wait_for_frames(witness), 1);
}

static void a_socket_that_is_gone_makes_nothing_leave(void **state)
{
	(void)state;
	assert_nothing_leaves((struct asker){ AF_INET, "198.51.100.2", "203.0.113.53", false },
			      "203.0.113.54");
	assert_nothing_leaves((struct asker){ AF_INET, "127.0.0.1", "203.0.113.53", false },
			      "203.0.113.54");
	assert_nothing_leaves((struct asker){ AF_INET6, "2001:db8::2", "2001:db8:1::53", false },
			      "2001:db8:1::54");
}

static void an_address_of_another_host_makes_nothing_leave(void **state)
{
	(void)state;
	assert_nothing_leaves((struct asker){ AF_INET, "203.0.113.7", "203.0.113.53", false },
			      "203.0.113.54");
	assert_nothing_leaves((struct asker){ AF_INET6, "2001:db8:1::7", "2001:db8:1::53", false },
			      "2001:db8:1::54");
	assert_int_equal(system("echo 1 >/proc/sys/net/ipv4/ip_forward && "
				"echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"),
			 0);
	assert_nothing_leaves((struct asker){ AF_INET, "203.0.113.7", "203.0.113.53", false },
			      "203.0.113.54");
	assert_nothing_leaves((struct asker){ AF_INET6, "2001:db8:1::7", "2001:db8:1::53", false },
			      "2001:db8:1::54");
}

/* The kernel writes the address that it was sent from into the answer, which is routed by it. */
static void an_address_that_is_rewritten_makes_nothing_leave(void **state)
{
	static const char begin[] = "ip addr add 172.17.0.1/16 dev inside && nft 'table ip t { "
				    "chain c { type nat hook postrouting priority 100; "
				    "ip saddr 172.17.0.0/16 masquerade; }; }'";
	struct asker asker = { AF_INET, "198.51.100.2", "203.0.113.53", false };
	_cleanup_close_ int witness = open_witness(), fd = -1;
	struct made made = a_question();
	union record record;

	(void)state;
	assert_int_equal(system(begin), 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	place(fd, bind, AF_INET, "172.17.0.1", 0);
	place(fd, connect, AF_INET, asker.resolver, CGF_DNS_PORT);
	assert_int_equal(send(fd, EVIL, strlen(EVIL), 0), strlen(EVIL));
	assert_int_equal(wait_for_frames(witness), 1);
	record = a_record(IPPROTO_UDP, &asker, local_port(fd), &made);
	close_fd(&fd);
	assert_int_equal(refuse(&record), -EADDRNOTAVAIL);
	send_control("203.0.113.54");
	assert_int_equal(wait_for_frames(witness), 1);
	/* Who has asked from the address that is seen outside is told, tracked or not. */
	both_kinds(AF_INET, "198.51.100.2", "203.0.113.53");
	assert_int_equal(system("nft flush ruleset && ip addr del 172.17.0.1/16 dev inside"), 0);
}

static void without_loopback_nothing_leaves(void **state)
{
	(void)state;
	assert_int_equal(system("ip link set lo down"), 0);
	assert_nothing_leaves((struct asker){ AF_INET, "198.51.100.2", "203.0.113.53", false },
			      "203.0.113.54");
	assert_nothing_leaves((struct asker){ AF_INET6, "2001:db8::2", "2001:db8:1::53", false },
			      "2001:db8:1::54");
	assert_int_equal(system("ip link set lo up && ip addr del 127.0.0.1/8 dev lo"), 0);
	assert_nothing_leaves((struct asker){ AF_INET, "198.51.100.2", "203.0.113.53", false },
			      "203.0.113.54");
	assert_int_equal(system("ip addr add 127.0.0.1/8 dev lo"), 0);
}

static void what_is_no_question_is_not_answered(void **state)
{
	struct asker asker = { AF_INET, "198.51.100.2", "198.51.100.53", true };
	struct made made = a_question();
	union record record;

	(void)state;
	made.bytes[2] |= 0x80;
	record = a_record(IPPROTO_UDP, &asker, 9, &made);
	assert_int_equal(refuse(&record), -EBADMSG);
	made = a_question();
	made.length--;
	record = a_record(IPPROTO_UDP, &asker, 9, &made);
	assert_int_equal(refuse(&record), -EBADMSG);
	made = a_question();
	record = a_record(IPPROTO_UDP, &asker, 9, &made);
	memset(record.message.local_address, 0x20, 16);
	assert_int_equal(refuse(&record), -EBADMSG);
}

static void edns_is_answered_by_edns(void **state)
{
	static const uint8_t opt[] = { 0, 0, 41, 1232 >> 8, 1232 & 0xff, 0, 0, 0, 0, 0, 0 };
	struct made made = a_message(MADE_QUERY | 0x10, 0, 1);
	uint8_t answer[REFUSAL_BYTES];
	int length;

	(void)state;
	put_question(&made, "evil.example", 1);
	put(&made, "\0\0\x29\x10\0\0\0\x80\0\0\x0c\0\x0a\0\x08", 15); /* a cookie, DNSSEC OK */
	put(&made, "12345678", 8);
	length = refusal_write(made.bytes, made.length, answer);
	assert_int_equal(length, 12 + 18 + sizeof(opt));
	assert_memory_equal(answer, "\x12\x34\x81\x93\x00\x01\x00\x00\x00\x00\x00\x01", 12);
	assert_memory_equal(answer + length - sizeof(opt), opt, sizeof(opt));
}

static void the_longest_name_is_answered(void **state)
{
	struct made made = a_message(MADE_QUERY, 0, 1);
	uint8_t answer[REFUSAL_BYTES];
	char name[254];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	put_question(&made, name, 1);
	put(&made, "\0\0\x29\x10\0\0\0\0\0\0\0", 11);
	assert_int_equal(refusal_write(made.bytes, made.length, answer), 12 + 259 + 11);
}

/* A connection to a server on `asker->resolver`. */
static void make_connection(const struct asker *asker, int *ret_client, uint16_t *ret_port,
			    int *ret_served)
{
	_cleanup_close_ int server = socket(asker->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	place(server, bind, asker->family, asker->resolver, *ret_port);
	assert_int_equal(listen(server, 1), 0);
	*ret_port = local_port(server);
	*ret_client = socket(asker->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	place(*ret_client, bind, asker->family, asker->local, 0);
	place(*ret_client, connect, asker->family, asker->resolver, *ret_port);
	*ret_served = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*ret_served >= 0);
}

static int error_of(int fd)
{
	struct pollfd broken = { .fd = fd };
	socklen_t length = sizeof(int);
	int error;

	if (!poll(&broken, 1, NOTHING_MS))
		return 0;
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
	return error;
}

static void assert_cut(struct asker asker)
{
	_cleanup_close_ int client = -1, served = -1;
	struct made made = a_question();
	union record record;
	uint16_t port = 0;

	make_connection(&asker, &client, &port, &served);
	record = a_record(IPPROTO_TCP, &asker, local_port(client), &made);
	record.message.decision.port = port;
	/* Another socket that has these ports by now is left alone. */
	record.message.decision.socket_cookie = cookie(client) + 1000;
	assert_int_equal(refuse(&record), 0);
	assert_int_equal(error_of(client), 0);
	record.message.decision.socket_cookie = cookie(client);
	assert_int_equal(refuse(&record), 0);
	assert_int_equal(error_of(client), ECONNABORTED);
	/* Gone: as good. */
	assert_int_equal(refuse(&record), 0);
}

static void a_connection_is_cut(void **state)
{
	(void)state;
	assert_cut((struct asker){ AF_INET, "127.0.0.1", "127.0.0.53", true });
	assert_cut((struct asker){ AF_INET, "198.51.100.2", "127.0.0.53", true });
	assert_cut((struct asker){ AF_INET6, "::1", "::1", true });
	assert_cut((struct asker){ AF_INET6, "127.0.0.1", "127.0.0.53", true });
}

static void a_connection_whose_port_is_rewritten_on_the_way_is_cut(void **state)
{
	struct asker asker = { AF_INET, "127.0.0.1", "127.0.0.11", true };
	_cleanup_close_ int client = -1, served = -1;
	struct made made = a_question();
	uint16_t port = CGF_DNS_PORT;
	union record record;

	(void)state;
	make_connection(&asker, &client, &port, &served);
	record = a_record(IPPROTO_TCP, &asker, local_port(client), &made);
	record.message.decision.port = 40053;
	record.message.decision.socket_cookie = cookie(client);
	assert_int_equal(refuse(&record), 0);
	assert_int_equal(error_of(client), ECONNABORTED);
}

static void a_connection_of_a_device_is_cut(void **state)
{
	static const char device[] = "lo";
	struct asker asker = { AF_INET, "127.0.0.1", "127.0.0.53", true };
	_cleanup_close_ int client = -1, served = -1;
	struct made made = a_question();
	union record record;
	uint16_t port = 0;

	(void)state;
	make_connection(&asker, &client, &port, &served);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_BINDTODEVICE, device, sizeof(device)),
			 0);
	record = a_record(IPPROTO_TCP, &asker, local_port(client), &made);
	record.message.decision.port = port;
	record.message.decision.socket_cookie = cookie(client);
	record.message.ifindex = 1;
	assert_int_equal(refuse(&record), 0);
	assert_int_equal(error_of(client), ECONNABORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_resolver_on_the_network_says_no),
		cmocka_unit_test(a_resolver_on_loopback_says_no),
		cmocka_unit_test(an_ipv6_resolver_says_no),
		cmocka_unit_test(an_ipv4_resolver_says_no_to_an_ipv6_socket),
		cmocka_unit_test(the_checksum_is_right_whatever_it_is),
		cmocka_unit_test(a_socket_that_asked_another_hears_nothing),
		cmocka_unit_test(a_socket_that_is_gone_makes_nothing_leave),
		cmocka_unit_test(an_address_of_another_host_makes_nothing_leave),
		cmocka_unit_test(an_address_that_is_rewritten_makes_nothing_leave),
		cmocka_unit_test(without_loopback_nothing_leaves),
		cmocka_unit_test(what_is_no_question_is_not_answered),
		cmocka_unit_test(edns_is_answered_by_edns),
		cmocka_unit_test(the_longest_name_is_answered),
		cmocka_unit_test(a_connection_is_cut),
		cmocka_unit_test(a_connection_whose_port_is_rewritten_on_the_way_is_cut),
		cmocka_unit_test(a_connection_of_a_device_is_cut),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
