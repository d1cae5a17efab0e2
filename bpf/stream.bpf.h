/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packets in which answers come: datagrams, and segments of a stream, each message of which is
 * read when its last byte is here, before the socket can.
 */
#ifndef CGFENCE_STREAM_BPF_H
#define CGFENCE_STREAM_BPF_H

#include "answer.bpf.h"

/* Segments in a row that are dropped so that they come again in order. */
#define ANSWER_REORDERED_MAX 16
/* Of a message that is not whole: its bytes from `start` on, at most what is still missing. */
static __always_inline __u32 join(struct __sk_buff *ctx, struct asked_joined *joined, __u32 start,
				  __u32 length, __u32 total)
{
	__u32 have = joined->count, count = total - have;

	if (count > length)
		count = length;
	if (have >= CGF_STREAM_BYTES || !count || count > CGF_STREAM_BYTES)
		return 0;
	have = bounded(have + 1, CGF_STREAM_BYTES) - 1;
	if (bpf_skb_load_bytes(ctx, start, joined->bytes + have, bounded(count, CGF_STREAM_BYTES)))
		return 0;
	joined->count = have + count;
	return count;
}

static __always_inline __u32 joined_total(const struct asked_joined *joined)
{
	if (joined->count < STREAM_PREFIX_BYTES)
		return STREAM_PREFIX_BYTES;
	return STREAM_PREFIX_BYTES + ((__u32)joined->bytes[0] << 8 | joined->bytes[1]);
}

/* Goes on with a message that began in an earlier segment; returns how much of this one it took. */
static __always_inline __u32 stream_continue(struct __sk_buff *ctx, __u32 slot,
					     struct asked_joined *joined, __u32 start, __u32 length)
{
	__u32 total = joined_total(joined), count;

	if (joined->skip) {
		count = joined->skip < length ? joined->skip : length;
		joined->skip -= count;
		return count;
	}
	if (total >= CGF_STREAM_BYTES) {
		joined->skip = total - joined->count;
		joined->count = 0;
		return 0;
	}
	count = join(ctx, joined, start, length, total);
	total = joined_total(joined);
	if (joined->count < STREAM_PREFIX_BYTES || joined->count < total)
		return count;
	message_begin(ctx, CB_START_JOINED, total - STREAM_PREFIX_BYTES);
	answer_read(ctx, slot);
	joined->count = 0;
	return count;
}

/* The one fence that joins, of nested ones: the first that had to. */
static __always_inline struct asked_joined *stream_joined(struct __sk_buff *ctx, __u32 slot,
							  bool create)
{
	struct asked_joined *joined = asked_joined(ctx, create);

	if (joined && create && !joined->policy)
		joined->policy = slot + 1;
	return joined && joined->policy == slot + 1 ? joined : NULL;
}

/* One message, or a part of one, from `start` on; returns its bytes, 0 if it cannot be followed. */
__noinline int stream_step(struct __sk_buff *ctx, __u32 slot, __u32 start, __u32 length)
{
	struct asked_joined *joined = stream_joined(ctx, slot, false);
	__be16 prefix = 0;

	if (joined && (joined->count || joined->skip))
		return (int)stream_continue(ctx, slot, joined, start, length);
	if (length >= STREAM_PREFIX_BYTES &&
	    !bpf_skb_load_bytes(ctx, start, &prefix, sizeof(prefix)) &&
	    bpf_ntohs(prefix) <= length - STREAM_PREFIX_BYTES) {
		message_begin(ctx, start + STREAM_PREFIX_BYTES, bpf_ntohs(prefix));
		answer_read(ctx, slot);
		return STREAM_PREFIX_BYTES + bpf_ntohs(prefix);
	}
	joined = stream_joined(ctx, slot, true);
	return joined ? (int)stream_continue(ctx, slot, joined, start, length) : 0;
}

/* Its messages from `heard_seq` on, each once; what cannot be followed is not learned from. */
static __always_inline void stream_read(struct __sk_buff *ctx, __u32 slot,
					struct asked_stream *stream, __u32 start, __u32 length)
{
	__u32 zero = message_zero(ctx), took, i;

	for (i = 0; i < CGF_SEGMENT_MESSAGES_MAX && length; i++) {
		start |= zero;
		length |= zero;
		took = (__u32)stream_step(ctx, slot, start, length);
		if (took > length)
			break;
		start += took;
		length -= took;
	}
	stream->is_heard = !length;
}

/*
 * A segment that comes before the one it follows is dropped, and comes again: what is in it begins
 * somewhere in a message. False for such a one.
 */
static __always_inline bool answers_tcp(struct __sk_buff *ctx, __u32 slot,
					struct asked_stream *stream, const struct segment *segment)
{
	__u32 end = segment->seq + segment->length, done;

	/* Once for a connection: of those in the middle TCP takes none, but it comes after this. */
	if (segment->flags & SEGMENT_SYN && !stream->is_heard) {
		stream->heard_seq = segment->seq;
		stream->is_heard = true;
		stream->reordered = 0;
	}
	if (!segment->length || !stream->is_heard || (__s32)(end - stream->heard_seq) <= 0)
		return true;
	done = stream->heard_seq - segment->seq;
	if ((__s32)done < 0) {
		stream->is_heard = ++stream->reordered < ANSWER_REORDERED_MAX;
		return !stream->is_heard;
	}
	stream->reordered = 0;
	stream->heard_seq = end;
	stream_read(ctx, slot, stream, segment->start + done, segment->length - done);
	return true;
}

/* The device that the resolver is on; if that is not known, any but loopback. */
static __always_inline bool resolver_is_here(const struct cgf_resolver *resolver, __u32 ifindex)
{
	return resolver->ifindex ? ifindex == resolver->ifindex : ifindex != LOOPBACK_IFINDEX;
}

/* Whether the packet comes from a resolver, and from where this one is. */
__noinline int ingress_is_trusted(struct __sk_buff *ctx)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_flow local = {}, remote = {};
	const struct packet_flows flows = { .source = &remote, .destination = &local };
	const struct asked_socket *asked = asked_socket(ctx);
	const struct cgf_resolver *resolver;
	__u32 slot;

	if (!asked || !target_slot(target, &slot) || packet_parse(ctx, flows) != PACKET_FLOW ||
	    remote.port != CGF_DNS_PORT)
		return false;
	packet_join_paths(&remote, target->zero);
	resolver = resolver_find(slot, &remote, resolver_netns(target, asked->netns_cookie));
	return resolver && resolver_is_here(resolver, ctx->ifindex);
}

/* A packet to a socket that talks to resolvers. False if it has to come once more. */
__noinline int ingress_learn(struct __sk_buff *ctx)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct asked_socket *asked = asked_socket(ctx);
	struct asked_stream *stream;
	struct segment segment;
	__u32 slot;

	if (!asked || !target_slot(target, &slot) || !ingress_is_trusted(ctx) ||
	    !segment_read(ctx, &segment))
		return true;
	if (segment.protocol == IPPROTO_UDP) {
		message_begin(ctx, segment.start, segment.length);
		answer_read(ctx, slot);
		return true;
	}
	stream = asked_stream(asked, slot);
	return !stream || answers_tcp(ctx, slot, stream, &segment);
}

#endif
