/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sockets of a DNS client: how they are made, and which event waits for them. The signatures
 * are those of c-ares, `data` is the struct sockets. Made here rather than by c-ares, because it
 * writes to TCP sockets with writev(2): a server that closes would kill us with SIGPIPE.
 */
#ifndef CGFENCE_SOCKETS_H
#define CGFENCE_SOCKETS_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct event_base;
struct sockets;

/* `events` is EV_READ, EV_WRITE or both. */
typedef void (*sockets_ready_fn)(int fd, short events, void *data);

/* For up to `count` sockets at once: -ENOMEM. */
int sockets_init(struct sockets **ret_sockets, struct event_base *base, size_t count,
		 sockets_ready_fn ready, void *ready_data);
void sockets_finish(struct sockets **sockets);

/* Waits for `fd` from now on; for neither before it is closed. */
void sockets_wait(void *data, int fd, int readable, int writable);

/* Return -1 with errno. */
int sockets_open(int family, int type, int protocol, void *data);
int sockets_close(int fd, void *data);
int sockets_connect(int fd, const struct sockaddr *address, socklen_t length, void *data);
ssize_t sockets_receive(int fd, void *buffer, size_t size, int flags, struct sockaddr *ret_from,
			socklen_t *ret_from_length, void *data);
ssize_t sockets_send(int fd, const struct iovec *parts, int count, void *data);

#endif
