// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "sockets.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>

#include "util.h"

/*
 * Room for a whole window of answers, each of which the kernel counts as 2.3 KB: a server answers
 * faster than we read. The kernel takes as much of it as net.core.rmem_max allows.
 */
#define RECEIVE_BUFFER_BYTES (512 * 1024)

struct watch {
	struct event event;
	int fd; /* -1: free */
	short events;
};

struct sockets {
	struct event_base *base;
	sockets_ready_fn ready;
	void *ready_data;
	size_t count;
	struct watch watches[];
};

int sockets_init(struct sockets **ret_sockets, struct event_base *base, size_t count,
		 sockets_ready_fn ready, void *ready_data)
{
	struct sockets *sockets = calloc(1, sizeof(*sockets) + count * sizeof(*sockets->watches));

	if (!sockets)
		return -ENOMEM;
	*sockets = (struct sockets){
		.base = base, .ready = ready, .ready_data = ready_data, .count = count
	};
	for (size_t i = 0; i < count; i++)
		sockets->watches[i].fd = -1;
	*ret_sockets = sockets;
	return 0;
}

void sockets_finish(struct sockets **sockets)
{
	free(TAKE_PTR(*sockets));
}

/* The watch of `fd`; -1 finds a free one. A handful of sockets, so this is not worth a table. */
static struct watch *find_watch(struct sockets *sockets, int fd)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (sockets->watches[i].fd == fd)
			return &sockets->watches[i];
	return NULL;
}

void sockets_wait(void *data, int fd, int readable, int writable)
{
	struct sockets *sockets = data;
	short events = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
	struct watch *watch = find_watch(sockets, fd);

	if (!watch)
		watch = find_watch(sockets, -1);
	if (!watch || watch->events == events)
		return;
	if (watch->events)
		event_del(&watch->event);
	watch->fd = events ? fd : -1;
	watch->events = events;
	if (!events)
		return;
	event_assign(&watch->event, sockets->base, fd, (short)(events | EV_PERSIST), sockets->ready,
		     sockets->ready_data);
	event_add(&watch->event, NULL);
}

int sockets_open(int family, int type, int protocol, void *data)
{
	const int bytes = RECEIVE_BUFFER_BYTES, on = 1;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	(void)data;
	if (fd < 0)
		return -1;
	/* Without these it is slower, and as right. */
	if (type == SOCK_DGRAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	else
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

int sockets_close(int fd, void *data)
{
	(void)data;
	return close(fd);
}

int sockets_connect(int fd, const struct sockaddr *address, socklen_t length, void *data)
{
	(void)data;
	return connect(fd, address, length);
}

ssize_t sockets_receive(int fd, void *buffer, size_t size, int flags, struct sockaddr *ret_from,
			socklen_t *ret_from_length, void *data)
{
	(void)data;
	return recvfrom(fd, buffer, size, flags, ret_from, ret_from_length);
}

ssize_t sockets_send(int fd, const struct iovec *parts, int count, void *data)
{
	struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };

	(void)data;
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}
