/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The resolver's end of a TCP connection, by the segment: it cuts, repeats and swaps as it likes.
 * The other end is a real socket inside.
 */
#ifndef CGFENCE_TESTS_BPF_TCP_PEER_H
#define CGFENCE_TESTS_BPF_TCP_PEER_H

#include <netinet/tcp.h>

#include "asking.h"

#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_RST 0x04
#define PEER_ISN 0x7ffffff0U
#define PEER_STREAM_BYTES 65536

struct tcp_peer {
	struct asker asker;
	uint32_t begin;			   /* of what we say */
	uint32_t said;			   /* bytes of it that were sent in order */
	uint32_t theirs;		   /* what the other side says begins here */
	size_t heard;			   /* bytes of it, in order */
	uint8_t stream[PEER_STREAM_BYTES]; /* these */
	size_t syn_bytes;		   /* of them, that came with the SYN */
};

struct tcp_segment {
	uint32_t seq;
	uint8_t flags;
	const uint8_t *bytes;
	size_t length;
};

static inline uint32_t tcp_get32(const uint8_t *bytes)
{
	return (uint32_t)dns_get16(bytes) << 16 | dns_get16(bytes + 2);
}

static inline struct tcp_segment tcp_segment_of(const struct tcp_peer *peer,
						const struct long_frame *frame, size_t length)
{
	const uint8_t *tcp = frame->bytes + header_bytes(peer->asker.self.any.sa_family);
	const uint8_t *bytes = tcp + (tcp[12] >> 4) * 4;

	return (struct tcp_segment){ tcp_get32(tcp + 4), tcp[13], bytes,
				     (size_t)((const uint8_t *)frame + length - bytes) };
}

/* Any part of the stream, at its place in it. */
static inline void tcp_say_at(struct tcp_peer *peer, uint32_t seq, uint8_t flags, const void *bytes,
			      size_t count)
{
	static struct long_frame frame;
	uint8_t *tcp = put_ip(&frame, IPPROTO_TCP, 20 + count, &peer->asker.resolver,
			      &peer->asker.self);
	const uint32_t ack = peer->theirs + (uint32_t)peer->heard;

	put16(tcp, ntohs(peer->asker.resolver.ipv4.sin_port));
	put16(tcp + 2, ntohs(peer->asker.self.ipv4.sin_port));
	put16(tcp + 4, seq >> 16);
	put16(tcp + 6, seq & 0xffff);
	put16(tcp + 8, ack >> 16);
	put16(tcp + 10, ack & 0xffff);
	memcpy(tcp + 12, (uint8_t[]){ 0x50, flags, 0xff, 0xff, 0, 0, 0, 0 }, 8);
	memcpy(tcp + 20, bytes, count);
	put16(tcp + 16,
	      transport_sum(tcp, peer->asker.self.any.sa_family, IPPROTO_TCP, 20 + count));
	write_frame(peer->asker.fenced->device, &frame,
		    (size_t)(tcp + 20 + count - (uint8_t *)&frame));
}

/* From this byte of the stream on; what is said in order goes on from its end. */
static inline void tcp_say_from(struct tcp_peer *peer, uint32_t offset, const void *bytes,
				size_t count)
{
	tcp_say_at(peer, peer->begin + offset, TCP_ACK, bytes, count);
	if (offset <= peer->said && offset + count > peer->said)
		peer->said = offset + (uint32_t)count;
}

static inline void tcp_say(struct tcp_peer *peer, const void *bytes, size_t count)
{
	tcp_say_from(peer, peer->said, bytes, count);
}

static inline void tcp_keep(struct tcp_peer *peer, const struct tcp_segment *segment)
{
	const uint32_t offset = segment->seq - peer->theirs;

	if (!segment->length || offset > peer->heard || offset + segment->length <= peer->heard)
		return;
	assert_true(offset + segment->length <= sizeof(peer->stream));
	memcpy(peer->stream + offset, segment->bytes, segment->length);
	peer->heard = offset + segment->length;
}

/* All that has come out by now; returns how many segments with something in them. */
static inline size_t tcp_hear(struct tcp_peer *peer)
{
	static struct long_frame frame;
	struct tcp_segment segment;
	size_t length, count = 0;

	while ((length = read_own_frame(&peer->asker, IPPROTO_TCP, &frame))) {
		segment = tcp_segment_of(peer, &frame, length);
		tcp_keep(peer, &segment);
		count += segment.length != 0;
	}
	return count;
}

static inline void tcp_acknowledge(struct tcp_peer *peer)
{
	tcp_say_at(peer, peer->begin + peer->said, TCP_ACK, "", 0);
	tcp_hear(peer);
}

/* The connection is begun, with connect() or otherwise, and its SYN is at the device. */
static inline bool tcp_accept(struct tcp_peer *peer)
{
	static struct long_frame frame;
	struct tcp_segment syn;
	socklen_t size = sizeof(peer->asker.self);
	size_t length;

	assert_int_equal(getsockname(peer->asker.fd, &peer->asker.self.any, &size), 0);
	length = read_own_frame(&peer->asker, IPPROTO_TCP, &frame);
	if (!length)
		return false;
	syn = tcp_segment_of(peer, &frame, length);
	assert_int_equal(syn.flags & (TCP_SYN | TCP_ACK), TCP_SYN);
	peer->theirs = syn.seq + 1;
	peer->begin = PEER_ISN + 1;
	peer->said = 0;
	peer->heard = peer->syn_bytes = syn.length;
	memcpy(peer->stream, syn.bytes, syn.length);
	tcp_say_at(peer, PEER_ISN, TCP_SYN | TCP_ACK, "", 0);
	tcp_hear(peer);
	return true;
}

/* Not connected yet. */
static inline struct tcp_peer *tcp_peer_new(const struct fenced *fenced, const char *resolver)
{
	struct tcp_peer *peer = calloc(1, sizeof(*peer));
	const int one = 1;

	assert_non_null(peer);
	peer->asker = (struct asker){ fenced,
				      socket_inside(fenced, family_of_text(resolver),
						    SOCK_STREAM | SOCK_NONBLOCK, 0),
				      .resolver = endpoint_of(resolver, 53) };
	assert_int_equal(setsockopt(peer->asker.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)),
			 0);
	return peer;
}

static inline struct tcp_peer *tcp_peer_open(const struct fenced *fenced, const char *resolver)
{
	struct tcp_peer *peer = tcp_peer_new(fenced, resolver);

	assert_int_equal(
		connect(peer->asker.fd, &peer->asker.resolver.any, sizeof(peer->asker.resolver)),
		-1);
	assert_int_equal(errno, EINPROGRESS);
	assert_true(tcp_accept(peer));
	return peer;
}

static inline void tcp_peer_close(struct tcp_peer **peer)
{
	if (!*peer)
		return;
	/* Or the kernel would go on with it. */
	if ((*peer)->begin)
		tcp_say_at(*peer, (*peer)->begin + (*peer)->said, TCP_FLAG_RST | TCP_ACK, "", 0);
	asker_close(&(*peer)->asker);
	free(*peer);
	*peer = NULL;
}

#define _cleanup_peer_ _cleanup_(tcp_peer_close)

/* With its length before it; returns the bytes of both. */
static inline size_t tcp_put_message(uint8_t *stream, const struct dns_message *message)
{
	dns_set16(stream, (unsigned int)message->length);
	memcpy(stream + 2, message->bytes, message->length);
	return 2 + message->length;
}

/* Whether it comes out in full; otherwise nothing of it has to. */
static inline bool tcp_asks(struct tcp_peer *peer, const void *bytes, size_t count)
{
	const size_t before = peer->heard;

	assert_int_equal(send(peer->asker.fd, bytes, count, MSG_NOSIGNAL), count);
	tcp_hear(peer);
	if (peer->heard == before)
		return false;
	assert_int_equal(peer->heard, before + count);
	assert_memory_equal(peer->stream + before, bytes, count);
	return true;
}

#endif
