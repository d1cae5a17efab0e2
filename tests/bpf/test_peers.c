// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who may be answered, and who gets in: real sockets, and packets from the other side. */
#include <netinet/udp.h>

#include "raw.h"

#define PORT 7000
#define FAR_IPV4 "198.51.100.20"
#define FAR_IPV6 "2001:db8:9::20"

struct udp {
	int fd;
	union endpoint endpoint; /* what it is bound to */
};

static struct udp bound(int fd, const char *address, uint16_t port)
{
	struct udp udp = { .fd = fd, .endpoint = endpoint_of(address, port) };
	socklen_t length = sizeof(udp.endpoint);

	assert_int_equal(bind(fd, &udp.endpoint.any, sizeof(udp.endpoint)), 0);
	assert_int_equal(getsockname(fd, &udp.endpoint.any, &length), 0);
	return udp;
}

static int family_of(const char *address)
{
	return strchr(address, ':') ? AF_INET6 : AF_INET;
}

static struct udp udp_inside(const struct fenced *fenced, const char *address, uint16_t port)
{
	return bound(socket_inside(fenced, family_of(address), SOCK_DGRAM, 0), address, port);
}

static struct udp udp_outside(const char *address)
{
	const int fd = socket(family_of(address), SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return bound(fd, address, 0);
}

static void close_udp(struct udp *udp)
{
	close_fd(&udp->fd);
}

#define _cleanup_udp_ _cleanup_(close_udp)

static int tell(const struct udp *from, const union endpoint *to)
{
	return sendto(from->fd, "word", 4, 0, &to->any, sizeof(*to)) < 0 ? errno : 0;
}

/* Over loopback a datagram has arrived, or was dropped, when sendto() returns. */
static bool hears(const struct udp *udp, const union endpoint *from)
{
	union endpoint sender = {};
	socklen_t length = sizeof(sender);
	char words[8];

	if (recvfrom(udp->fd, words, sizeof(words), MSG_DONTWAIT, &sender.any, &length) != 4)
		return false;
	assert_int_equal(sender.any.sa_family, from->any.sa_family);
	assert_int_equal(sender.ipv4.sin_port, from->ipv4.sin_port);
	if (sender.any.sa_family == AF_INET)
		assert_int_equal(sender.ipv4.sin_addr.s_addr, from->ipv4.sin_addr.s_addr);
	else
		assert_memory_equal(&sender.ipv6.sin6_addr, &from->ipv6.sin6_addr, 16);
	return true;
}

static bool answers(const struct udp *from, const struct udp *to)
{
	const int error = tell(from, &to->endpoint);
	const bool heard = hears(to, &from->endpoint);

	assert_int_equal(error, heard ? 0 : EPERM);
	return heard;
}

static void say_to(const struct udp *from, const struct udp *server)
{
	assert_int_equal(tell(from, &server->endpoint), 0);
	assert_true(hears(server, &from->endpoint));
}

/* --- over loopback ------------------------------------------------------------------------------
 */

static void check_peer(const struct fenced *fenced, const char *address)
{
	_cleanup_udp_ struct udp server = udp_inside(fenced, address, PORT);
	_cleanup_udp_ struct udp other_server = udp_inside(fenced, address, 0);
	_cleanup_udp_ struct udp peer = udp_outside(address), stranger = udp_outside(address);

	assert_false(answers(&server, &peer));
	say_to(&peer, &server);
	assert_true(answers(&server, &peer));
	assert_false(answers(&server, &stranger));
	assert_false(answers(&other_server, &peer));
}

static void who_was_heard_is_answered_and_nobody_else(void **state)
{
	struct fenced *fenced = *state;

	put_fence_up(fenced, "listen 7000/udp\n");
	check_peer(fenced, "127.0.0.1");
	check_peer(fenced, "::1");
}

static void without_its_rule_nobody_is_answered_any_more(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_udp_ struct udp peer = udp_outside("127.0.0.1"), server = { .fd = -1 };
	struct cgf_target target;

	put_fence_up(fenced, "listen 7000/udp\nlisten 7001/udp\n");
	server = udp_inside(fenced, "127.0.0.1", PORT);
	say_to(&peer, &server);
	assert_true(answers(&server, &peer));
	policy_remove_rule(fenced->policy, 0);
	flush_policy(fenced);
	target = target_of(fenced);
	assert_int_equal(datapath_peers_prune(fenced->maps, &target), 0);
	assert_false(answers(&server, &peer));
	/* And it hears nobody. */
	assert_int_equal(tell(&peer, &server.endpoint), 0);
	assert_false(hears(&server, &peer.endpoint));
	assert_false(answers(&server, &peer));
}

/* --- sources that are made up -------------------------------------------------------------------
 */

/* Before the fence stands, which would not let it have these options. */
static struct udp impostor_inside(const struct fenced *fenced, const char *address)
{
	const int family = family_of(address), yes = 1;
	const int fd = socket_inside(fenced, family, SOCK_DGRAM, 0);

	assert_int_equal(setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
				    family == AF_INET ? IP_TRANSPARENT : IPV6_FREEBIND, &yes,
				    sizeof(yes)),
			 0);
	return bound(fd, address, 4000);
}

/* It gets there, and is not answered: that would go to who has that address. */
static void check_impostor(struct fenced *fenced, const char *server_address,
			   const char *source_address)
{
	_cleanup_udp_ struct udp impostor = impostor_inside(fenced, source_address);
	_cleanup_udp_ struct udp server = { .fd = -1 };

	put_fence_up(fenced, "listen 7000/udp\nallow localhost:7000/udp\n"
			     "allow " OUR_IPV4 ":7000/udp\nallow [" OUR_IPV6 "]:7000/udp\n");
	server = udp_inside(fenced, server_address, PORT);
	say_to(&impostor, &server);
	assert_int_equal(tell(&server, &impostor.endpoint), EPERM);
	take_fence_down(fenced);
}

static void a_source_that_was_made_up_is_not_answered(void **state)
{
	struct fenced *fenced = *state;

	check_impostor(fenced, "::1", FAR_IPV6);
	check_impostor(fenced, OUR_IPV6, FAR_IPV6);
	check_impostor(fenced, OUR_IPV4, FAR_IPV4);
	check_impostor(fenced, "127.0.0.1", FAR_IPV4);
}

static void who_sends_to_its_own_address_is_answered(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_udp_ struct udp server = { .fd = -1 }, peer = { .fd = -1 };

	put_fence_up(fenced, "listen 7000/udp\nallow [" OUR_IPV6 "]:7000/udp\n");
	server = udp_inside(fenced, OUR_IPV6, PORT);
	peer = udp_inside(fenced, OUR_IPV6, 0);
	say_to(&peer, &server);
	assert_int_equal(tell(&server, &peer.endpoint), 0);
	assert_true(hears(&peer, &server.endpoint));
}

/* --- from the other side ------------------------------------------------------------------------
 */

struct far {
	struct raw raw;
	struct udp server;
	union endpoint ours, peer;
};

static struct far start_far(struct fenced *fenced, const char *ours, const char *peer)
{
	struct far far = {
		.raw = open_raw(fenced),
		.ours = endpoint_of(ours, PORT),
		.peer = endpoint_of(peer, 5555),
	};

	put_fence_up(fenced, "listen 7000/udp\n");
	far.server = udp_inside(fenced, ours, PORT);
	return far;
}

static void stop_far(struct far *far)
{
	close_udp(&far->server);
	close_raw(&far->raw);
}

/* What a raw socket sends meets no hook but that of packets. */
static bool packet_leaves(const struct fenced *fenced, const struct far *far, uint16_t local_port,
			  uint16_t remote_port)
{
	union endpoint from = far->ours, to = far->peer;
	struct packet packet;

	from.ipv4.sin_port = htons(local_port);
	to.ipv4.sin_port = htons(remote_port);
	packet = plain_packet(0, &from, &to);
	set_number(&packet, 1);
	return leaves(fenced, &far->raw, &packet);
}

static void wait_until_heard(const struct far *far)
{
	struct pollfd readable = { .fd = far->server.fd, .events = POLLIN };

	assert_int_equal(poll(&readable, 1, DEADLINE_MS), 1);
	assert_true(hears(&far->server, &far->peer));
}

static void check_far(struct fenced *fenced, const char *ours, const char *peer)
{
	_cleanup_(stop_far) struct far far = start_far(fenced, ours, peer);
	const struct packet question = plain_packet(0, &far.peer, &far.ours);

	assert_false(packet_leaves(fenced, &far, PORT, 5555));
	inject(fenced, &question);
	wait_until_heard(&far);
	/* Another socket was not heard on, though it writes the same port. */
	assert_false(packet_leaves(fenced, &far, PORT, 5555));
	assert_int_equal(tell(&far.server, &far.peer), 0);
	take_fence_down(fenced);
}

static void packets_leave_from_the_socket_that_heard_only(void **state)
{
	check_far(*state, OUR_IPV4, FAR_IPV4);
	check_far(*state, OUR_IPV6, FAR_IPV6);
}

/* --- who gets in --------------------------------------------------------------------------------
 */

static int listener(const struct fenced *fenced, const char *address, uint16_t port)
{
	const union endpoint endpoint = endpoint_of(address, port);
	const int fd = socket_inside(fenced, family_of(address), SOCK_STREAM, 0);

	assert_int_equal(bind(fd, &endpoint.any, sizeof(endpoint)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

struct answer {
	int family;
	uint16_t ports[2]; /* network order */
	bool seen;
};

static void look_for_answer(const struct frame *frame, size_t length, void *data)
{
	struct answer *answer = data;
	const size_t header = answer->family == AF_INET ? 20 : 40;
	const uint8_t *tcp = frame->bytes + header;

	if (length >= sizeof(frame->info) + header + 20 &&
	    frame->bytes[answer->family == AF_INET ? 9 : 6] == IPPROTO_TCP &&
	    !memcmp(tcp, answer->ports, 4) && tcp[13] == (TCP_SYN | TCP_ACK))
		answer->seen = true;
}

static bool is_let_in(const struct fenced *fenced, const struct raw *raw,
		      const union endpoint *from, const union endpoint *to)
{
	const struct packet packet = plain_packet(TCP_SYN, from, to);
	struct answer answer = { .family = packet.family,
				 .ports = { to->ipv4.sin_port, from->ipv4.sin_port } };

	inject(fenced, &packet);
	each_frame(fenced, raw, look_for_answer, &answer);
	return answer.seen;
}

static void check_listeners(struct fenced *fenced, const char *ours, const char *peer,
			    const char *denied)
{
	_cleanup_raw_ struct raw raw = open_raw(fenced);
	_cleanup_close_ int served = listener(fenced, ours, 8080);
	_cleanup_close_ int other = listener(fenced, ours, 9000);
	const union endpoint client = endpoint_of(peer, 40000),
			     outcast = endpoint_of(denied, 40000);
	const union endpoint web = endpoint_of(ours, 8080), hidden = endpoint_of(ours, 9000);

	assert_true(served >= 0 && other >= 0);
	put_fence_up(fenced, "listen 8080/tcp\nallow any\ndeny 203.0.113.0/24\n"
			     "deny 2001:db8:bad::/48\n");
	assert_true(is_let_in(fenced, &raw, &client, &web));
	assert_false(is_let_in(fenced, &raw, &outcast, &web));
	/* Where one may go to is no question of who may come. */
	assert_false(is_let_in(fenced, &raw, &client, &hidden));
	take_fence_down(fenced);
	assert_true(is_let_in(fenced, &raw, &client, &hidden));
}

static void a_listener_without_a_rule_is_not_reached(void **state)
{
	check_listeners(*state, OUR_IPV4, FAR_IPV4, "203.0.113.7");
	check_listeners(*state, OUR_IPV6, FAR_IPV6, "2001:db8:bad::7");
}

/* A socket of a port that the kernel chose. */
static void an_open_socket_hears_only_where_it_may_send_to(void **state)
{
	struct fenced *fenced = *state;
	const union endpoint stranger = endpoint_of("198.51.100.21", 53);
	_cleanup_(stop_far) struct far far = { .raw = open_raw(fenced),
					       .server.fd = -1,
					       .peer = endpoint_of(FAR_IPV4, 53) };
	struct packet packet;

	put_fence_up(fenced, "allow " FAR_IPV4 ":53/udp\n");
	far.server = udp_inside(fenced, OUR_IPV4, 0);
	packet = plain_packet(0, &stranger, &far.server.endpoint);
	inject(fenced, &packet);
	packet = plain_packet(0, &far.peer, &far.server.endpoint);
	inject(fenced, &packet);
	/* The second: what comes in first would be heard first. */
	wait_until_heard(&far);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(who_was_heard_is_answered_and_nobody_else),
		FENCED_TEST(without_its_rule_nobody_is_answered_any_more),
		FENCED_TEST(a_source_that_was_made_up_is_not_answered),
		FENCED_TEST(who_sends_to_its_own_address_is_answered),
		FENCED_TEST(packets_leave_from_the_socket_that_heard_only),
		FENCED_TEST(a_listener_without_a_rule_is_not_reached),
		FENCED_TEST(an_open_socket_hears_only_where_it_may_send_to),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
