/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A fence with resolvers, which are the test itself, at the other side of the TUN device: it reads
 * what was let out, and writes the answers. What was learned is read from the map that the programs
 * decide by. When write() to the device returns, the packet has been through the fence.
 */
#ifndef CGFENCE_TESTS_BPF_ASKING_H
#define CGFENCE_TESTS_BPF_ASKING_H

#include <poll.h>
#include <sys/stat.h>

#include "dns_wire.h"
#include "wire.h"

#define RESOLVER_IPV4 "198.51.100.53"
#define RESOLVER_IPV6 "2001:db8:53::53"
#define STRANGER_IPV4 "198.51.100.99"
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define LONG_PACKET_BYTES 65535

/* As a TUN device has it, of any length. */
struct long_frame {
	struct tun_pi info;
	uint8_t bytes[LONG_PACKET_BYTES];
};

/* A socket that was made inside, and the resolver that it talks to. */
struct asker {
	const struct fenced *fenced;
	int fd;
	union endpoint self, resolver;
};

static inline int family_of_text(const char *address)
{
	return strchr(address, ':') ? AF_INET6 : AF_INET;
}

static inline void retarget(const struct fenced *fenced, const struct cgf_target *target)
{
	assert_int_equal(datapath_fence_retarget(fenced->datapath, fenced->cgroup.fd, target), 0);
}

/* The fence takes it from the socket that asks whether there is one. */
static inline uint64_t netns_cookie_taken(const struct fenced *fenced)
{
	const union endpoint nobody = endpoint_of("255.255.255.255", 0);
	_cleanup_close_ int fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	struct cgf_target target = target_of(fenced);
	struct stat cgroup;
	uint64_t id;

	target.flags |= CGF_TARGET_TAKE_NETNS;
	retarget(fenced, &target);
	assert_int_equal(connect(fd, &nobody.any, sizeof(nobody)), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fstat(fenced->cgroup.fd, &cgroup), 0);
	id = cgroup.st_ino;
	assert_int_equal(bpf_map_lookup_elem(fenced->datapath->targets, &id, &target), 0);
	assert_int_equal(target.flags & CGF_TARGET_TAKE_NETNS, 0);
	return target.netns_cookie;
}

/* Linux 5.14 and later say it. */
static inline uint64_t netns_cookie(const struct fenced *fenced)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(uint64_t);
	uint64_t cookie = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length))
		return netns_cookie_taken(fenced);
	return cookie;
}

static inline void trust(const struct fenced *fenced, const char *resolver, uint32_t ifindex)
{
	struct policy_resolver_at at = { .ifindex = ifindex };

	assert_int_equal(address_parse(resolver, &at.address), 0);
	assert_int_equal(policy_add_resolver(fenced->policy, &at), 0);
	flush_policy(fenced);
}

static inline struct cgf_target asking_target(const struct fenced *fenced)
{
	struct cgf_target target = target_of(fenced);

	target.netns_cookie = netns_cookie(fenced);
	return target;
}

static inline void put_asking_up(struct fenced *fenced, const char *text)
{
	struct cgf_target target;

	put_fence_up(fenced, text);
	trust(fenced, RESOLVER_IPV4, if_nametoindex(DEVICE));
	trust(fenced, RESOLVER_IPV6, 0);
	target = asking_target(fenced);
	retarget(fenced, &target);
}

/* --- packets ------------------------------------------------------------------------------------
 */

static inline size_t header_bytes(int family)
{
	return family == AF_INET ? 20 : 40;
}

/* The IP header; returns where what follows it, of `count` bytes, goes. */
static inline uint8_t *put_ip(struct long_frame *frame, uint8_t protocol, size_t count,
			      const union endpoint *from, const union endpoint *to)
{
	const size_t header = header_bytes(to->any.sa_family);
	struct packet packet = {};

	/* Which writes no more than the headers. */
	put_addresses(&packet, protocol, count, from, to);
	memcpy(frame->bytes, packet.bytes, header);
	frame->info = (struct tun_pi){ .proto = htons(header == 20 ? ETH_P_IP : ETH_P_IPV6) };
	return frame->bytes + header;
}

/* That of TCP or UDP, of which the field is still 0, with the addresses that are before it. */
static inline unsigned int transport_sum(const uint8_t *transport, int family, uint8_t protocol,
					 size_t count)
{
	const size_t addresses = family == AF_INET ? 8 : 32;

	return checksum_of(sum_of(transport - addresses, addresses + count) + protocol +
			   (unsigned int)count);
}

/* Returns the length of the frame. */
static inline size_t make_datagram(struct long_frame *frame, const union endpoint *from,
				   const union endpoint *to, const void *bytes, size_t count)
{
	uint8_t *udp = put_ip(frame, IPPROTO_UDP, 8 + count, from, to);
	unsigned int sum;

	put16(udp, ntohs(from->ipv4.sin_port));
	put16(udp + 2, ntohs(to->ipv4.sin_port));
	put16(udp + 4, (unsigned int)(8 + count));
	put16(udp + 6, 0);
	memcpy(udp + 8, bytes, count);
	sum = transport_sum(udp, to->any.sa_family, IPPROTO_UDP, 8 + count);
	put16(udp + 6, sum ? sum : 0xffff);
	return (size_t)(udp + 8 + count - (uint8_t *)frame);
}

static inline void write_frame(int device, const struct long_frame *frame, size_t length)
{
	assert_int_equal(write(device, frame, length), length);
}

static inline bool frame_has_port(const struct long_frame *frame, uint8_t protocol, int family,
				  const union endpoint *self)
{
	const size_t header = header_bytes(family);

	return frame->bytes[0] >> 4 == (family == AF_INET ? 4 : 6) &&
	       frame->bytes[family == AF_INET ? 9 : 6] == protocol &&
	       dns_get16(frame->bytes + header) == ntohs(self->ipv4.sin_port);
}

/* Of a socket, the next that is at the device by now; 0 if there is none. Others are read away. */
static inline size_t read_own_frame(const struct asker *asker, uint8_t protocol,
				    struct long_frame *ret_frame)
{
	ssize_t length;

	for (;;) {
		length = read(asker->fenced->device, ret_frame, sizeof(*ret_frame));
		if (length <= (ssize_t)sizeof(ret_frame->info))
			return 0;
		if (frame_has_port(ret_frame, protocol, asker->self.any.sa_family, &asker->self))
			return (size_t)length;
	}
}

/* --- asking -------------------------------------------------------------------------------------
 */

static inline struct asker asker_of(const struct fenced *fenced, int fd, const char *resolver)
{
	struct asker asker = { fenced, fd, .resolver = endpoint_of(resolver, 53) };
	socklen_t length = sizeof(asker.self);

	assert_int_equal(connect(fd, &asker.resolver.any, sizeof(asker.resolver)), 0);
	assert_int_equal(getsockname(fd, &asker.self.any, &length), 0);
	return asker;
}

static inline struct asker asker_open(const struct fenced *fenced, const char *resolver)
{
	return asker_of(fenced, socket_inside(fenced, family_of_text(resolver), SOCK_DGRAM, 0),
			resolver);
}

static inline void asker_close(struct asker *asker)
{
	close_fd(&asker->fd);
}

#define _cleanup_asker_ _cleanup_(asker_close)

/* 0 and it came out as it was, or the error and nothing did. */
static inline int asker_sends(const struct asker *asker, const void *bytes, size_t count)
{
	const size_t headers = header_bytes(asker->self.any.sa_family) + 8;
	const int error = send(asker->fd, bytes, count, MSG_DONTWAIT) < 0 ? errno : 0;
	struct long_frame frame;
	const size_t length = read_own_frame(asker, IPPROTO_UDP, &frame);

	assert_int_equal(length, error ? 0 : sizeof(frame.info) + headers + count);
	if (!error)
		assert_memory_equal(frame.bytes + headers, bytes, count);
	return error;
}

static inline bool asker_asks(const struct asker *asker, const char *name, uint16_t type,
			      uint16_t id)
{
	struct dns_message message;
	int error;

	dns_start(&message, id, DNS_RD);
	dns_ask(&message, name, type);
	error = asker_sends(asker, message.bytes, message.length);
	assert_true(!error || error == EPERM);
	return !error;
}

static inline void asker_hears_from(const struct asker *asker, const union endpoint *from,
				    const struct dns_message *message)
{
	struct long_frame frame;
	const size_t length = make_datagram(&frame, from, &asker->self, message->bytes,
					    message->length);

	write_frame(asker->fenced->device, &frame, length);
}

/*
 * An answer is kept from no one, whatever is thought of it. Where much is going on the kernel does
 * not deliver it at once.
 */
static inline void asker_hears(const struct asker *asker, const struct dns_message *message)
{
	struct pollfd comes = { .fd = asker->fd, .events = POLLIN };
	static uint8_t heard[DNS_BYTES_MAX];

	asker_hears_from(asker, &asker->resolver, message);
	if (poll(&comes, 1, 5000) != 1)
		print_error("no answer is heard\n");
	assert_int_equal(recv(asker->fd, heard, sizeof(heard), MSG_DONTWAIT), message->length);
	assert_memory_equal(heard, message->bytes, message->length);
}

/* --- what was learned ---------------------------------------------------------------------------
 */

static inline struct cgf_key key_of(const char *address, uint16_t port, uint8_t protocol)
{
	struct cgf_key key = { .port = port, .protocol = protocol, .port_bits = CGF_PORT_BITS_ONE };
	struct address parsed;

	assert_int_equal(address_parse(address, &parsed), 0);
	memcpy(key.address, parsed.bytes, sizeof(key.address));
	return key;
}

static inline bool has_entry(const struct fenced *fenced, const char *address, uint16_t port,
			     uint8_t protocol)
{
	const struct cgf_key key = key_of(address, port, protocol);
	struct cgf_entry entry;

	return !datapath_allow_read(fenced->maps, &key, &entry);
}

/* At 443/tcp, which is what the rules of these tests mostly say. */
static inline bool knows(const struct fenced *fenced, const char *address)
{
	return has_entry(fenced, address, 443, IPPROTO_TCP);
}

static inline struct cgf_entry entry_at(const struct fenced *fenced, const char *address)
{
	const struct cgf_key key = key_of(address, 443, IPPROTO_TCP);
	struct cgf_entry entry;

	assert_int_equal(datapath_allow_read(fenced->maps, &key, &entry), 0);
	return entry;
}

static inline int count_learned(const struct cgf_key *key, const struct cgf_entry *entry,
				void *data)
{
	(void)key;
	*(size_t *)data += entry->grant != CGF_GRANT_NONE;
	return 0;
}

static inline size_t learned_count(const struct fenced *fenced)
{
	size_t count = 0;

	assert_int_equal(datapath_allow_each(fenced->maps, count_learned, &count), 0);
	return count;
}

static inline struct cgf_counters counters_of(const struct fenced *fenced)
{
	struct cgf_counters counters;

	assert_int_equal(datapath_counters(fenced->maps, &counters), 0);
	return counters;
}

static inline void forget(const struct fenced *fenced, const char *address)
{
	const struct cgf_key key = key_of(address, 443, IPPROTO_TCP);

	assert_int_equal(datapath_allow_delete(fenced->maps, &key, 1), 0);
}

#endif
