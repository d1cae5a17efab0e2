// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "refusal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "conntrack.h"
#include "diag.h"
#include "question.h"
#include "util.h"

/* RFC 1035 §4.1.1: bytes of the header, and what is in them. */
#define HEADER_FLAGS 2
#define HEADER_RCODE 3
#define HEADER_QUESTIONS 4
#define HEADER_ADDITIONAL 10
#define FLAG_ANSWER 0x80
#define FLAGS_COPIED 0x79 /* opcode and "recursion desired" */
#define FLAG_RECURSION_AVAILABLE 0x80
#define FLAG_CHECKING_DISABLED 0x10 /* RFC 4035 §3.2.2: copied */
#define RCODE_NO_SUCH_NAME 3

/* RFC 6891 §6.1.2: the root, the type, and how large a message may be; all else is 0. */
#define OPT_BYTES 11
static const uint8_t opt[OPT_BYTES] = { 0, 0, 41, 1232 >> 8, 1232 & 0xff };
#define OPT_HEAD_BYTES 3

_Static_assert(REFUSAL_BYTES >= QUESTION_HEADER_BYTES + DNAME_BYTES + 4 + OPT_BYTES, "an answer");

#define HOP_LIMIT 64

/* Of each network namespace; linux/if.h has no name for it. */
#define LOOPBACK_IFINDEX 1

struct refusal {
	int fds[2]; /* a raw socket for IPv4, a packet socket for IPv6 (-1: the kernel has none) */
	struct diag *diag;
	struct conntrack *conntrack;
};

struct packet {
	size_t length;
	uint8_t bytes[sizeof(struct ip6_hdr) + sizeof(struct udphdr) + REFUSAL_BYTES];
};

int refusal_write(const uint8_t *message, size_t length, uint8_t ret_answer[REFUSAL_BYTES])
{
	struct question question;
	size_t end;
	bool edns;

	if (question_read(message, length, &question, &end) ||
	    (message[HEADER_FLAGS] & FLAG_ANSWER))
		return -EBADMSG;
	edns = message[HEADER_ADDITIONAL + 1] && length - end >= OPT_BYTES &&
	       !memcmp(message + end, opt, OPT_HEAD_BYTES);
	memcpy(ret_answer, message, end);
	ret_answer[HEADER_FLAGS] = FLAG_ANSWER | (message[HEADER_FLAGS] & FLAGS_COPIED);
	ret_answer[HEADER_RCODE] = FLAG_RECURSION_AVAILABLE |
				   (message[HEADER_RCODE] & FLAG_CHECKING_DISABLED) |
				   RCODE_NO_SUCH_NAME;
	memset(ret_answer + HEADER_QUESTIONS, 0, QUESTION_HEADER_BYTES - HEADER_QUESTIONS);
	ret_answer[HEADER_QUESTIONS + 1] = 1;
	ret_answer[HEADER_ADDITIONAL + 1] = edns;
	if (edns)
		memcpy(ret_answer + end, opt, sizeof(opt));
	return (int)(end + (edns ? sizeof(opt) : 0));
}

/* --- the packet ------------------------------------------------------------------------------ */

/* RFC 1071; the bytes are taken as they are, in network order. */
static uint32_t sum(const void *data, size_t length, uint32_t so_far)
{
	const uint8_t *bytes = data;
	size_t i;

	for (i = 0; i < length; i++)
		so_far += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return so_far;
}

/* With the pseudo header (RFC 768, RFC 8200 §8.1); 0 would mean that there is none. */
static uint16_t udp_checksum(const uint8_t *from, const uint8_t *to, size_t address_bytes,
			     const uint8_t *udp, size_t length)
{
	uint32_t total = (uint32_t)length + IPPROTO_UDP;

	total = sum(from, address_bytes, total);
	total = sum(to, address_bytes, total);
	total = sum(udp, length, total);
	total = (total & 0xffff) + (total >> 16);
	total = (total & 0xffff) + (total >> 16);
	return htons(total == 0xffff ? 0xffff : (uint16_t)~total);
}

/* The kernel fills in the checksum and the identification. */
static size_t put_ipv4(struct packet *packet, const struct cgf_message *message, size_t payload)
{
	struct iphdr header = {
		.version = 4,
		.ihl = sizeof(header) / 4,
		.tot_len = htons((uint16_t)(sizeof(header) + payload)),
		.ttl = HOP_LIMIT,
		.protocol = IPPROTO_UDP,
	};

	memcpy(&header.saddr, message->decision.address + 12, sizeof(header.saddr));
	memcpy(&header.daddr, message->local_address + 12, sizeof(header.daddr));
	memcpy(packet->bytes, &header, sizeof(header));
	return sizeof(header);
}

static size_t put_ipv6(struct packet *packet, const struct cgf_message *message, size_t payload)
{
	struct ip6_hdr header = {
		.ip6_flow = htonl(6U << 28),
		.ip6_plen = htons((uint16_t)payload),
		.ip6_nxt = IPPROTO_UDP,
		.ip6_hlim = HOP_LIMIT,
	};

	memcpy(&header.ip6_src, message->decision.address, sizeof(header.ip6_src));
	memcpy(&header.ip6_dst, message->local_address, sizeof(header.ip6_dst));
	memcpy(packet->bytes, &header, sizeof(header));
	return sizeof(header);
}

/* The answer, with the headers before it. */
static int make_packet(struct packet *packet, const struct cgf_message *message, size_t length,
		       bool ipv4)
{
	struct udphdr udp = {
		.source = htons(message->decision.port),
		.dest = htons(message->decision.local_port),
	};
	const size_t skipped = ipv4 ? 12 : 0;
	uint8_t answer[REFUSAL_BYTES];
	int r = refusal_write(message->bytes, length, answer);
	size_t at, payload;

	if (r < 0)
		return r;
	payload = sizeof(udp) + (size_t)r;
	at = ipv4 ? put_ipv4(packet, message, payload) : put_ipv6(packet, message, payload);
	udp.len = htons((uint16_t)payload);
	memcpy(packet->bytes + at + sizeof(udp), answer, (size_t)r);
	memcpy(packet->bytes + at, &udp, sizeof(udp));
	udp.check = udp_checksum(message->decision.address + skipped,
				 message->local_address + skipped, 16 - skipped, packet->bytes + at,
				 payload);
	memcpy(packet->bytes + at, &udp, sizeof(udp));
	packet->length = at + payload;
	return 0;
}

/* --- sending --------------------------------------------------------------------------------- */

/*
 * The socket that asked may be gone by now, and then the kernel would tell the resolver so: by
 * ICMP, which quotes the answer and with it the name that was to stay here. It never does so for a
 * packet that came as a broadcast or multicast, so that is how the answer comes, with its own
 * addresses in its header. It is sent by loopback or not at all, whatever routes and addresses
 * there are.
 *
 * IPv4: by the route of a broadcast, which a packet keeps by loopback; then there is no look at
 * where it comes from (rp_filter, martians), and this address needs none in any table.
 */
static socklen_t by_broadcast(struct sockaddr_storage *ret_to)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_BROADCAST),
	};

	memcpy(ret_to, &to, sizeof(to));
	return sizeof(to);
}

/* IPv6 has no broadcast routes, but looks at how the frame was addressed; and at no source. */
static socklen_t by_multicast(struct sockaddr_storage *ret_to)
{
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE_IPV6),
		.sll_ifindex = LOOPBACK_IFINDEX,
		.sll_halen = ETHER_ADDR_LEN,
		.sll_addr = { 0x33, 0x33, 0, 0, 0, 1 }, /* RFC 2464 §7: all nodes */
	};

	memcpy(ret_to, &to, sizeof(to));
	return sizeof(to);
}

/*
 * Where another address is written into it (NAT), it is routed again, by that one, and not as a
 * broadcast. Not so with IPv6.
 */
static int check_address(struct refusal *refusal, const struct cgf_message *message)
{
	struct conntrack_datagram datagram = {
		.from_port = message->decision.port,
		.to_port = message->decision.local_port,
	};
	int r;

	memcpy(&datagram.from, message->decision.address + 12, sizeof(datagram.from));
	memcpy(&datagram.to, message->local_address + 12, sizeof(datagram.to));
	r = conntrack_rewrites(refusal->conntrack, &datagram);
	return r > 0 ? -EADDRNOTAVAIL : r;
}

static int send_answer(struct refusal *refusal, const struct cgf_message *message, size_t length,
		       bool ipv4)
{
	struct sockaddr_storage to;
	socklen_t to_length = ipv4 ? by_broadcast(&to) : by_multicast(&to);
	struct packet packet;
	int fd = refusal->fds[!ipv4];
	int r = make_packet(&packet, message, length, ipv4);

	if (r)
		return r;
	if (fd < 0)
		return -EAFNOSUPPORT;
	r = ipv4 ? check_address(refusal, message) : 0;
	if (r)
		return r;
	return sendto(fd, packet.bytes, packet.length, MSG_DONTWAIT, (const struct sockaddr *)&to,
		      to_length) < 0
		       ? -errno
		       : 0;
}

/* The kernel finds an IPv6 socket that is connected to an IPv4 address by IPv4, too. */
static int destroy(struct refusal *refusal, const struct cgf_message *message, bool ipv4)
{
	struct diag_socket socket = {
		.family = ipv4 ? AF_INET : AF_INET6,
		.protocol = IPPROTO_TCP,
		.state = TCP_ESTABLISHED,
		.local_port = message->decision.local_port,
		.cookie = message->decision.socket_cookie,
	};
	/* As it was sent; as its socket has it, where that is rewritten on the way (Docker). */
	const uint16_t ports[] = { message->decision.port, CGF_DNS_PORT };
	/* One that is bound to a device is found by it only. */
	const uint32_t interfaces[] = { 0, message->ifindex };
	int i, r = -ENOENT;

	memcpy(socket.local.bytes, message->local_address, sizeof(socket.local.bytes));
	memcpy(socket.remote.bytes, message->decision.address, sizeof(socket.remote.bytes));
	for (i = 0; r == -ENOENT && i < 4; i++) {
		socket.remote_port = ports[i / 2];
		socket.interface = interfaces[i % 2];
		r = diag_destroy(refusal->diag, &socket);
	}
	return r == -ENOENT ? 0 : r;
}

int refusal_send(struct refusal *refusal, const struct cgf_message *message, size_t size)
{
	struct address local, remote;
	size_t length;
	bool ipv4;

	if (size < sizeof(*message))
		return -EBADMSG;
	memcpy(local.bytes, message->local_address, sizeof(local.bytes));
	memcpy(remote.bytes, message->decision.address, sizeof(remote.bytes));
	ipv4 = address_is_ipv4(&remote);
	if (address_is_ipv4(&local) != ipv4)
		return -EBADMSG;
	if (message->decision.protocol == IPPROTO_TCP)
		return destroy(refusal, message, ipv4);
	length = size - sizeof(*message);
	if (length > message->length)
		length = message->length;
	return send_answer(refusal, message, length, ipv4);
}

static int open_ipv4(void)
{
	static const int on = 1, loopback = LOOPBACK_IFINDEX;
	_cleanup_close_ int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &loopback, sizeof(loopback)))
		return -errno;
	return TAKE_FD(fd);
}

static int open_sockets(struct refusal *refusal)
{
	refusal->fds[0] = open_ipv4();
	if (refusal->fds[0] < 0)
		return refusal->fds[0];
	/* Of no protocol: it receives nothing. */
	refusal->fds[1] = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return refusal->fds[1] >= 0 || errno == EAFNOSUPPORT ? 0 : -errno;
}

int refusal_open(struct refusal **ret_refusal)
{
	_cleanup_(refusal_close) struct refusal *refusal = calloc(1, sizeof(*refusal));
	int r;

	if (!refusal)
		return -ENOMEM;
	refusal->fds[0] = refusal->fds[1] = -1;
	r = open_sockets(refusal);
	if (!r)
		r = diag_open(&refusal->diag);
	if (!r)
		r = conntrack_open(&refusal->conntrack);
	if (!r)
		*ret_refusal = TAKE_PTR(refusal);
	return r;
}

void refusal_close(struct refusal **refusal)
{
	if (!*refusal)
		return;
	close_fd(&(*refusal)->fds[0]);
	close_fd(&(*refusal)->fds[1]);
	diag_close(&(*refusal)->diag);
	conntrack_close(&(*refusal)->conntrack);
	free(TAKE_PTR(*refusal));
}
