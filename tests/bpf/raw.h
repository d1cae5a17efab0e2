/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Raw sockets that were made inside before a fence stood, and what of theirs leaves. */
#ifndef CGFENCE_TESTS_BPF_RAW_H
#define CGFENCE_TESTS_BPF_RAW_H

#include "wire.h"

/* By family, inside; and one outside. */
struct raw {
	int ipv4, ipv6, outside;
};

static inline struct raw open_raw(const struct fenced *fenced)
{
	const struct raw raw = {
		.ipv4 = socket_inside(fenced, AF_INET, SOCK_RAW, IPPROTO_RAW),
		.ipv6 = socket_inside(fenced, AF_INET6, SOCK_RAW, IPPROTO_RAW),
		.outside = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW),
	};

	assert_true(raw.outside >= 0);
	return raw;
}

static inline void close_raw(struct raw *raw)
{
	close(raw->ipv4);
	close(raw->ipv6);
	close(raw->outside);
}

#define _cleanup_raw_ _cleanup_(close_raw)

/* 0, or the error. */
static inline int send_inside(const struct raw *raw, const struct packet *packet)
{
	return send_raw(packet->family == AF_INET ? raw->ipv4 : raw->ipv6, packet);
}

/* Calls `seen` for all that has left, up to now. */
typedef void (*seen_fn)(const struct frame *frame, size_t length, void *data);

static inline void each_frame(const struct fenced *fenced, const struct raw *raw, seen_fn seen,
			      void *data)
{
	const struct packet last = last_packet();
	struct frame frame;
	size_t length;

	assert_int_equal(send_raw(raw->outside, &last), 0);
	for (;;) {
		length = next_frame(fenced, &frame);
		if (frame_is(&frame, length, &last))
			return;
		seen(&frame, length, data);
	}
}

struct awaited {
	const struct packet *packet;
	bool seen;
};

static inline void look_for(const struct frame *frame, size_t length, void *data)
{
	struct awaited *awaited = data;

	awaited->seen |= frame_is(frame, length, awaited->packet);
}

static inline bool leaves(const struct fenced *fenced, const struct raw *raw,
			  const struct packet *packet)
{
	struct awaited awaited = { .packet = packet };
	const int error = send_inside(raw, packet);

	each_frame(fenced, raw, look_for, &awaited);
	assert_int_equal(error, awaited.seen ? 0 : EPERM);
	return awaited.seen;
}

#endif
