// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* io_uring, by its system calls: rings of the attempt's own, and one that it has inherited. */
#include "escape_uring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The one map of both rings, and the entries; and what the entries point to. */
struct ring {
	int fd;
	struct io_uring_params parameters; /* with the offsets */
	char *rings;
	struct io_uring_sqe *entries;
	union address to;
	char payload[64];
	struct iovec data;
	struct msghdr message;
};

static int make_ring(struct io_uring_params *parameters)
{
	return (int)syscall(SYS_io_uring_setup, 4, parameters);
}

static int map_ring(struct ring *ring)
{
	const struct io_uring_params *p = &ring->parameters;
	size_t size = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);

	ring->rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			   IORING_OFF_SQ_RING);
	ring->entries = mmap(NULL, p->sq_entries * sizeof(struct io_uring_sqe),
			     PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQES);
	return ring->rings == MAP_FAILED || ring->entries == MAP_FAILED ? -1 : 0;
}

static unsigned int *word(struct ring *ring, unsigned int offset)
{
	return (unsigned int *)(ring->rings + offset);
}

/* Submits one entry and waits for what came of it. */
static int submit(struct ring *ring, struct io_uring_sqe entry)
{
	unsigned int *tail = word(ring, ring->parameters.sq_off.tail);
	unsigned int *seen = word(ring, ring->parameters.cq_off.head);
	unsigned int *done = word(ring, ring->parameters.cq_off.tail);
	unsigned int index = *tail & (ring->parameters.sq_entries - 1);
	struct io_uring_cqe *results = (struct io_uring_cqe *)(ring->rings +
							       ring->parameters.cq_off.cqes);
	int result;

	ring->entries[index] = entry;
	word(ring, ring->parameters.sq_off.array)[index] = index;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1,
		    IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP, NULL, 0) < 0)
		return -errno;
	if (__atomic_load_n(done, __ATOMIC_ACQUIRE) == *seen)
		return -EAGAIN;
	result = results[*seen & (ring->parameters.cq_entries - 1)].res;
	__atomic_store_n(seen, *seen + 1, __ATOMIC_RELEASE);
	return result;
}

static int failed(int error, const char *operation)
{
	errno = -error;
	return fail(operation);
}

static int uring_socket(struct ring *ring, int family, int type)
{
	return submit(ring, (struct io_uring_sqe){
				    .opcode = IORING_OP_SOCKET, .fd = family, .off = (__u64)type });
}

static int uring_connect(struct ring *ring, int fd)
{
	return submit(ring, (struct io_uring_sqe){ .opcode = IORING_OP_CONNECT,
						   .fd = fd,
						   .addr = (uintptr_t)&ring->to,
						   .off = length_of(&ring->to) });
}

static int uring_send(struct ring *ring, int fd)
{
	ring->data = (struct iovec){ ring->payload, strlen(ring->payload) };
	ring->message = (struct msghdr){ .msg_iov = &ring->data, .msg_iovlen = 1 };
	return submit(ring, (struct io_uring_sqe){ .opcode = IORING_OP_SENDMSG,
						   .fd = fd,
						   .addr = (uintptr_t)&ring->message,
						   .len = 1 });
}

static int through_ring(struct attempt *attempt, struct ring *ring, int type)
{
	int fd, r;

	ring->to = attempt->to;
	snprintf(ring->payload, sizeof(ring->payload), "%s", attempt->payload);
	if (map_ring(ring))
		return fail("mmap");
	fd = uring_socket(ring, attempt->to.any.sa_family, type);
	if (fd < 0)
		return failed(fd, "IORING_OP_SOCKET");
	r = uring_connect(ring, fd);
	if (r < 0)
		return failed(r, "IORING_OP_CONNECT");
	r = uring_send(ring, fd);
	if (r < 0)
		return failed(r, "IORING_OP_SENDMSG");
	return succeed(attempt, fd);
}

static int with_flags(struct attempt *attempt, unsigned int flags, int type)
{
	struct ring ring = { .parameters = { .flags = flags, .sq_thread_idle = 1 } };

	ring.fd = make_ring(&ring.parameters);
	if (ring.fd < 0)
		return fail("io_uring_setup");
	return through_ring(attempt, &ring, type);
}

static int uring_tcp(struct attempt *attempt)
{
	return with_flags(attempt, 0, SOCK_STREAM);
}

static int uring_udp(struct attempt *attempt)
{
	return with_flags(attempt, 0, SOCK_DGRAM);
}

static int uring_polled(struct attempt *attempt)
{
	return with_flags(attempt, IORING_SETUP_SQPOLL, SOCK_STREAM);
}

void *escape_uring_share(const char *directory)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/ring", directory);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || fchmod(fd, 0666) || ftruncate(fd, sizeof(struct ring)))
		errno = 0; /* it is another's, who has done so */
	return mmap((void *)ESCAPE_URING_SHARED, sizeof(struct ring), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
}

int escape_uring_leave(const char *directory)
{
	struct ring *ring = escape_uring_share(directory);

	if (ring == MAP_FAILED)
		return -1;
	ring->parameters = (struct io_uring_params){ .flags = IORING_SETUP_SQPOLL,
						     .sq_thread_idle = 1 };
	return make_ring(&ring->parameters);
}

/*
 * A kernel thread of the process that made the ring, outside, makes the socket and sends: with that
 * one's descriptors and from that one's memory.
 */
static int uring_inherited(struct attempt *attempt)
{
	struct ring *ring = escape_uring_share(attempt->directory);

	if (ring == MAP_FAILED)
		return fail("mmap");
	ring->fd = ESCAPE_FD_RING;
	return through_ring(attempt, ring, SOCK_DGRAM);
}

/* Linux 6.7 and newer; the headers here may be older. */
#define OP_URING_CMD 46
#define CMD_SETSOCKOPT 3

struct setsockopt_entry {
	uint8_t opcode, flags;
	uint16_t ioprio;
	int32_t fd;
	uint32_t command, pad;
	uint32_t level, name;
	uint32_t unused[4];
	uint16_t unused_too[2];
	uint32_t length;
	uint64_t value, pad2;
};
_Static_assert(sizeof(struct setsockopt_entry) == sizeof(struct io_uring_sqe), "one entry");

/* An option that setsockopt() may not set: a routing header. */
static int uring_option(struct attempt *attempt)
{
	unsigned char segments[40] = { 0, 4, 4, 1, 1 };
	struct ring ring = { 0 };
	struct setsockopt_entry option = { .opcode = OP_URING_CMD,
					   .command = CMD_SETSOCKOPT,
					   .level = IPPROTO_IPV6,
					   .name = IPV6_RTHDR,
					   .length = sizeof(segments),
					   .value = (uintptr_t)segments };
	struct io_uring_sqe entry;
	int r;

	memcpy(&segments[8], &attempt->allowed.ipv6.sin6_addr, 16);
	memcpy(&segments[24], &attempt->to.ipv6.sin6_addr, 16);
	option.fd = open_socket(attempt, AF_INET6, SOCK_DGRAM, 0);
	ring.fd = make_ring(&ring.parameters);
	if (ring.fd < 0 || map_ring(&ring))
		return fail("io_uring_setup");
	memcpy(&entry, &option, sizeof(entry));
	r = submit(&ring, entry);
	if (r < 0)
		return failed(r, "SOCKET_URING_OP_SETSOCKOPT");
	attempt->to = attempt->allowed;
	return connect_and_send(attempt, option.fd);
}

const struct escape escape_uring[] = {
	{ "uring-tcp", "TCP through io_uring", uring_tcp, ESCAPE_BOTH },
	{ "uring-udp", "UDP through io_uring", uring_udp, ESCAPE_BOTH },
	{ "uring-poll", "TCP through io_uring, by its kernel thread", uring_polled, ESCAPE_BOTH },
	{ "uring-option", "an IPv6 routing header through io_uring", uring_option,
	  ESCAPE_IPV6 | ESCAPE_RARE },
	{ "uring-inherit", "a ring with a kernel thread, inherited", uring_inherited, ESCAPE_BOTH,
	  "closed descriptors" },
	{ 0 },
};
