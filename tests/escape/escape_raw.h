/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whole packets, for those who have another way to send them. */
#ifndef ESCAPE_RAW_H
#define ESCAPE_RAW_H

#include "escape.h"

struct packet {
	char bytes[256] __attribute__((aligned(8)));
};

/* A UDP datagram to attempt->to from the IP header on; returns its length. */
size_t escape_packet(const struct attempt *attempt, struct packet *ret);
/* Sends one on a packet socket, which may be -1, to everyone on eth0. */
int escape_send_packet(struct attempt *attempt, int fd);

#endif
