/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a resolver answers: addresses of a name that was asked for are allowed before the socket can
 * read them. No answer is kept from anyone; one that is not to be trusted teaches nothing.
 */
#ifndef CGFENCE_ANSWER_BPF_H
#define CGFENCE_ANSWER_BPF_H

#include "message.bpf.h"
#include "segment.bpf.h"
#include "special.bpf.h"

/* Records of all sections that are looked at: an answer of the most, and what comes with it. */
#define ANSWER_RECORDS_ALL (CGF_ANSWER_RECORDS_MAX + 64)
/* How often the records are gone through for a chain that is out of order. */
#define ANSWER_PASSES_MAX 4
/* Segments in a row that are dropped so that they come again in order. */
#define ANSWER_REORDERED_MAX 16
/* Grants and expiries differ by less, or an entry is written anew. */
#define LEARN_STEP_NS 1000000000ULL
#define NSEC_PER_SEC 1000000000ULL

/* What came of one record, beside the offset of the next in the low 16 bits; 0: it is none. */
#define RECORD_NEXT(record) ((record)&0xffff)
#define RECORD_LEARNED (1U << 16)
#define RECORD_SPECIAL (1U << 17)
#define RECORD_CHAINED (1U << 18)
#define RECORD_STRANGE (1U << 19) /* of another name than the chain has come to */

static __always_inline __u64 chain_name(const struct __sk_buff *ctx)
{
	return (__u64)ctx->cb[CB_NAME_HI] << 32 | ctx->cb[CB_NAME_LO];
}

static __always_inline void chain_set_name(struct __sk_buff *ctx, __u64 name_hash)
{
	ctx->cb[CB_NAME_LO] = (__u32)name_hash;
	ctx->cb[CB_NAME_HI] = name_hash >> 32;
}

/* RFC 2181 §8: what would be negative is 0. */
static __always_inline __u32 ttl_read(struct __sk_buff *ctx, __u32 offset)
{
	__u32 ttl_s = message_u32(ctx, offset);

	return ttl_s >> 31 ? 0 : ttl_s;
}

static __always_inline __u64 learn_until(struct __sk_buff *ctx, const struct cgf_grant *grant,
					 __u32 ttl_s)
{
	if (ttl_s > ctx->cb[CB_TTL])
		ttl_s = ctx->cb[CB_TTL];
	if (ttl_s < grant->ttl_floor_s)
		ttl_s = grant->ttl_floor_s;
	if (ttl_s > CGF_TTL_CEILING_S)
		ttl_s = CGF_TTL_CEILING_S;
	return clock_ns() + (ttl_s + CGF_TTL_GRACE_S) * NSEC_PER_SEC;
}

/*
 * One entry, replaced and not written: userspace, which takes out what has run out, sees the old
 * one or the new one. What lasts longer stays, and the time of the last use too.
 */
static __always_inline void learn_entry(void *allow, const struct cgf_key *key,
					const struct cgf_entry *learned,
					struct cgf_counters *counted)
{
	const struct cgf_entry *known = bpf_map_lookup_elem(allow, key);
	struct cgf_entry entry = *learned;
	long r;

	if (known) {
		if (known->expires_ns == CGF_NEVER_EXPIRES ||
		    known->expires_ns + LEARN_STEP_NS >= entry.expires_ns)
			return;
		entry.used_ns = known->used_ns;
		if (known->rule < entry.rule)
			entry.rule = known->rule;
	}
	r = bpf_map_update_elem(allow, key, &entry, BPF_ANY);
	if (counted)
		count(r ? &counted->unlearned : &counted->learned);
}

/* A key for each block of ports of the grant. */
static __always_inline bool learn_address(struct __sk_buff *ctx, __u32 slot, __u32 id,
					  struct cgf_flow *flow, __u32 ttl_s)
{
	void *grants = bpf_map_lookup_elem(&grants_maps, &slot);
	void *allow = bpf_map_lookup_elem(&allow_maps, &slot);
	struct cgf_counters *counted = counters_of(slot);
	struct cgf_entry entry = { .grant = id };
	const struct cgf_grant *grant;
	__u32 i;

	grant = grants ? bpf_map_lookup_elem(grants, &id) : NULL;
	if (!grant || !allow)
		return true;
	if (!(grant->flags & CGF_GRANT_PRIVATE) && flow_is_special(flow)) {
		if (counted)
			count(&counted->special);
		return false;
	}
	entry.rule = grant->rule;
	entry.expires_ns = learn_until(ctx, grant, ttl_s);
	for (i = 0; i < CGF_GRANT_BLOCKS_MAX; i++) {
		if (i >= grant->block_count)
			break;
		/* A block has the layout of what a key has after its address. */
		*(__u32 *)&flow->key.port = *(const __u32 *)&grant->blocks[i];
		learn_entry(allow, &flow->key, &entry, counted);
	}
	return true;
}

static __always_inline __u32 record_address(struct __sk_buff *ctx, __u32 slot, __u32 grant,
					    __u32 offset, __u16 type)
{
	__u32 ttl_s = ttl_read(ctx, offset + DNS_RECORD_TTL);
	struct cgf_flow flow = {};
	__be32 words[4];
	int i;

	offset += DNS_RECORD_BYTES;
	if (type == DNS_TYPE_A) {
		flow_set_ipv4(&flow, bpf_htonl(message_u32(ctx, offset)));
	} else {
		for (i = 0; i < 4; i++)
			words[i] = bpf_htonl(message_u32(ctx, offset + 4 * i));
		flow_set_ipv6(&flow, words);
	}
	return learn_address(ctx, slot, grant, &flow, ttl_s) ? RECORD_LEARNED : RECORD_SPECIAL;
}

static __always_inline __u32 record_cname(struct __sk_buff *ctx, __u32 offset, __u32 *next)
{
	__u32 ttl_s = ttl_read(ctx, offset + DNS_RECORD_TTL);
	__u64 target = dns_name(ctx, offset + DNS_RECORD_BYTES);

	if (!target || NAME_END(target) != *next)
		return 0;
	if (ttl_s < ctx->cb[CB_TTL])
		ctx->cb[CB_TTL] = ttl_s;
	chain_set_name(ctx, NAME_HASH(target));
	return RECORD_CHAINED;
}

/* One record, of which record_skip() has seen that it is whole. */
__noinline int answer_record(struct __sk_buff *ctx, __u32 slot, __u32 grant, __u32 offset,
			     __u32 asked_type)
{
	__u64 name = dns_name(ctx, offset);
	__u32 next;
	__u16 type;

	if (!name)
		return 0;
	offset = NAME_END(name);
	next = offset + DNS_RECORD_BYTES + message_u16(ctx, offset + DNS_RECORD_LENGTH);
	type = message_u16(ctx, offset + DNS_RECORD_TYPE);
	if (message_u16(ctx, offset + DNS_RECORD_CLASS) != DNS_CLASS_IN ||
	    (type != DNS_TYPE_CNAME && type != asked_type))
		return (int)next;
	if (NAME_HASH(name) != chain_name(ctx))
		return (int)(next | RECORD_STRANGE);
	if (type == DNS_TYPE_CNAME)
		return (int)(next | record_cname(ctx, offset, &next));
	return (int)(next | record_address(ctx, slot, grant, offset, type));
}

/* Where the next record begins; 0 if this one is not whole. */
__noinline int record_skip(struct __sk_buff *ctx, __u32 offset)
{
	__u32 length = ctx->cb[CB_LENGTH], count, end;
	__u16 type, class;

	offset = (__u32)dns_name_skip(ctx, offset);
	if (!offset || offset + DNS_RECORD_BYTES > length)
		return 0;
	type = message_u16(ctx, offset + DNS_RECORD_TYPE);
	class = message_u16(ctx, offset + DNS_RECORD_CLASS);
	count = message_u16(ctx, offset + DNS_RECORD_LENGTH);
	end = offset + DNS_RECORD_BYTES + count;
	if (end > length || (class == DNS_CLASS_IN && type == DNS_TYPE_A && count != 4) ||
	    (class == DNS_CLASS_IN && type == DNS_TYPE_AAAA && count != 16))
		return 0;
	return (int)end;
}

/* Whether all that the header counts is there: what is malformed teaches nothing. */
__noinline int answer_is_whole(struct __sk_buff *ctx, __u32 offset, __u32 count)
{
	__u32 i;

	for (i = 0; i < ANSWER_RECORDS_ALL; i++) {
		if (i >= count)
			return true;
		offset = (__u32)record_skip(ctx, offset);
		if (!offset)
			return false;
	}
	return i >= count;
}

/* All of the records once: what came of them, as flags. */
__noinline int answer_pass(struct __sk_buff *ctx, __u32 slot, __u32 grant, __u32 offset,
			   __u32 count_and_type)
{
	__u32 i, record, flags = 0;

	for (i = 0; i < CGF_ANSWER_RECORDS_MAX; i++) {
		if (i >= count_and_type >> 16)
			break;
		record = (__u32)answer_record(ctx, slot, grant, offset, count_and_type & 0xffff);
		offset = RECORD_NEXT(record);
		if (!offset)
			break;
		/* Only what came before its name is to be looked at once more. */
		if (record & RECORD_CHAINED)
			flags |= RECORD_CHAINED;
		flags |= record & (RECORD_LEARNED | RECORD_SPECIAL | RECORD_STRANGE);
	}
	return (int)flags;
}

static __always_inline __u32 answer_learn(struct __sk_buff *ctx, __u32 slot, __u32 grant,
					  __u32 offset, __u32 count_and_type)
{
	__u32 i, flags, seen = 0;

	ctx->cb[CB_TTL] = CGF_TTL_CEILING_S;
	for (i = 0; i < ANSWER_PASSES_MAX; i++) {
		flags = (__u32)answer_pass(ctx, slot, grant, offset, count_and_type);
		seen |= flags;
		if ((flags & (RECORD_CHAINED | RECORD_STRANGE)) !=
		    (RECORD_CHAINED | RECORD_STRANGE))
			break;
	}
	return seen;
}

/*
 * The message in `cb`. Returns the grant in the high half and flags in the low one, if it is the
 * answer to a question of this socket that a rule's name is in; or 0.
 */
__noinline __u64 answer_message(struct __sk_buff *ctx, __u32 slot)
{
	struct asked_socket *asked = asked_socket(ctx);
	__u32 grant, offset, type, others;
	struct dns_header header;
	__u64 name;

	if (!asked || ctx->cb[CB_LENGTH] < DNS_HEADER_BYTES)
		return 0;
	message_header(ctx, &header);
	if ((header.flags & (DNS_RESPONSE | DNS_OPCODE)) != DNS_RESPONSE ||
	    header.question_count != 1)
		return 0;
	name = dns_name(ctx, DNS_HEADER_BYTES);
	offset = NAME_END(name);
	if (!offset || offset + DNS_QUESTION_END_BYTES > ctx->cb[CB_LENGTH] ||
	    message_u16(ctx, offset + 2) != DNS_CLASS_IN)
		return 0;
	type = message_u16(ctx, offset);
	if (!asked_take(asked, asked_question(slot, NAME_HASH(name), type, header.id), &grant) ||
	    !grant || header.flags & (DNS_TRUNCATED | DNS_RCODE) ||
	    (type != DNS_TYPE_A && type != DNS_TYPE_AAAA))
		return 0;
	offset += DNS_QUESTION_END_BYTES;
	others = (__u32)header.authority_count + header.additional_count;
	if (!answer_is_whole(ctx, offset, header.answer_count + others))
		return 0;
	chain_set_name(ctx, NAME_HASH(name));
	return (__u64)grant << 32 |
	       answer_learn(ctx, slot, grant, offset, (__u32)header.answer_count << 16 | type);
}

static __always_inline void resolver_count(__u32 slot, const struct cgf_flow *remote)
{
	struct cgf_resolver *resolver = (struct cgf_resolver *)resolver_find(slot, remote);

	if (!resolver)
		return;
	resolver->answers++;
	resolver->answered_ns = clock_ns();
}

/* What came of the message in `cb` is told, and counted as its resolver's. */
__noinline int answer_tell(struct __sk_buff *ctx, __u32 slot, __u64 result)
{
	struct cgf_flow local = { .hook = CGF_HOOK_INGRESS }, remote = { .hook = CGF_HOOK_INGRESS };
	const struct packet_flows flows = { .source = &remote, .destination = &local };

	if (packet_parse(ctx, flows) != PACKET_FLOW)
		return 0;
	if (result & RECORD_LEARNED)
		resolver_count(slot, &remote);
	message_tell(ctx, slot, &remote, &local, result >> 32);
	return 0;
}

static __always_inline void answer_read(struct __sk_buff *ctx, __u32 slot)
{
	__u64 result = answer_message(ctx, slot);

	if (result & (RECORD_LEARNED | RECORD_SPECIAL))
		answer_tell(ctx, slot, result);
}

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
	__u32 took, i;

	for (i = 0; i < CGF_SEGMENT_MESSAGES_MAX && length; i++) {
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

	if (segment->flags & SEGMENT_SYN) {
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
	const struct cgf_resolver *resolver;
	__u32 slot;

	if (!target_slot(target, &slot) || packet_parse(ctx, flows) != PACKET_FLOW ||
	    remote.port != CGF_DNS_PORT)
		return false;
	flow_join_paths(&remote, target->zero);
	resolver = resolver_find(slot, &remote);
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
