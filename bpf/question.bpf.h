/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is said to a resolver: one plain question after the other, each for a name that a rule has.
 * Anything else could carry data out, through a resolver that asks others.
 */
#ifndef CGFENCE_QUESTION_BPF_H
#define CGFENCE_QUESTION_BPF_H

#include "message.bpf.h"
#include "segment.bpf.h"
#include "target.bpf.h"

/* Of one TCP segment. */
#define QUESTION_MESSAGES_MAX 16
/* A question with all headers is shorter; a mask, for the verifier. */
#define UDP_BYTES_MAX 1023
#define KEY_WORDS (CGF_NAME_KEY_BYTES / 8)
/* Bits for the bytes of the longest name, of which the key has less. */
#define MARK_WORDS 4

/* What came of a question, as a number: its grant, or this. */
#define QUESTION_REFUSED (1ULL << 32)
#define QUESTION_MALFORMED (1ULL << 33)

struct refusal {
	__u8 reason; /* enum cgf_reason */
	__u8 flags;  /* CGF_FLAG_* */
};

/* A key for the stack, which is accessed in aligned words. */
union name_key {
	struct {
		__u32 reserved;
		struct cgf_name_key key;
	};
	__u64 words[1 + KEY_WORDS];
};

/* All ones in each byte whose bit is set. */
static __always_inline __u64 bytes_of_bits(__u8 bits)
{
	__u64 each = BYTES_ALL(bits) & 0x8040201008040201ULL;
	__u64 top = (((each & BYTES_ALL(0x7f)) + BYTES_ALL(0x7f)) | each) & BYTES_ALL(0x80);

	return (top >> 7) * 0xff;
}

/*
 * Where labels begin, as bits, counted from the name's end. False for a name that is none, or has
 * pointers, which a question has no use for.
 */
static __always_inline bool name_marks(struct __sk_buff *ctx, __u32 start, __u32 end,
				       __u64 marks[MARK_WORDS])
{
	__u32 offset = start, zero = message_zero(ctx), place, i;
	__u64 unknown = (__u64)zero << 32 | zero;
	__u8 count;

	for (i = 0; i < CGF_NAME_BYTES_MAX / 2 + 1; i++) {
		offset |= zero;
		marks[0] |= unknown;
		marks[1] |= unknown;
		marks[2] |= unknown;
		marks[3] |= unknown;
		if (offset >= end)
			break;
		count = message_byte(ctx, offset);
		if (!count || count > CGF_LABEL_BYTES_MAX)
			return false;
		place = end - 1 - offset;
		if (place < 64)
			marks[0] |= 1ULL << (place & 63);
		else if (place < 128)
			marks[1] |= 1ULL << (place & 63);
		else if (place < 192)
			marks[2] |= 1ULL << (place & 63);
		else
			marks[3] |= 1ULL << (place & 63);
		offset += count + 1;
	}
	return offset == end;
}

/* Eight bytes of the key: those before `end`, the last one first. */
static __always_inline __u64 key_word(struct __sk_buff *ctx, __u32 end, __u32 count, __u8 marked)
{
	__u64 marks = bytes_of_bits(marked), word;

	word = lower_case(message_word(ctx, end - 8));
	word = (word & ~marks) | (marks & BYTES_ALL(CGF_NAME_MARK_LABEL));
	word = last_bytes(word, count);
	if (count <= 8)
		word ^= (__u64)(CGF_NAME_MARK_LABEL ^ CGF_NAME_MARK_END) << (8 * ((count - 1) & 7));
	/* The first byte is the one that a little-endian CPU has lowest. */
	return __builtin_bswap64(bpf_cpu_to_be64(word));
}

/* The grant of the name that begins at DNS_HEADER_BYTES and whose root is at `end`. */
__noinline __u64 question_name(struct __sk_buff *ctx, __u32 slot, __u32 end)
{
	union name_key key = {};
	__u32 i, count = end - DNS_HEADER_BYTES;
	__u64 marks[MARK_WORDS] = {};
	const struct cgf_name *name;
	void *names;

	if (end <= DNS_HEADER_BYTES || count > DNS_NAME_WIRE_MAX ||
	    !name_marks(ctx, DNS_HEADER_BYTES, end, marks))
		return QUESTION_MALFORMED;
	key.key.prefix_bits = 8 * CGF_NAME_KEY_BYTES;
#pragma unroll
	for (i = 0; i < KEY_WORDS; i++)
		if (8 * i < count)
			key.words[1 + i] = key_word(ctx, end - 8 * i, count - 8 * i,
						    marks[i / 8] >> (8 * (i % 8)));
	names = bpf_map_lookup_elem(&names_maps, &slot);
	name = names ? bpf_map_lookup_elem(names, &key.key) : NULL;
	return name && !name->refused ? name->grant : QUESTION_REFUSED;
}

/* The additional records: none, or OPT (RFC 6891 §6.1.1), up to the end. */
static __always_inline bool question_ends(struct __sk_buff *ctx, __u32 end, __u16 additional)
{
	__u32 length = ctx->cb[CB_LENGTH];

	if (!additional)
		return end == length;
	if (additional > 1 || end + 1 + DNS_RECORD_BYTES > length || message_byte(ctx, end) ||
	    message_u16(ctx, end + 1) != DNS_TYPE_OPT)
		return false;
	end += 1 + DNS_RECORD_BYTES + message_u16(ctx, end + 1 + DNS_RECORD_LENGTH);
	return end == length;
}

static __always_inline bool question_is_plain(const struct dns_header *header)
{
	return !(header->flags &
		 ~(DNS_RECURSION_DESIRED | DNS_AUTHENTIC_DATA | DNS_CHECKING_DISABLED)) &&
	       header->question_count == 1 && !header->answer_count && !header->authority_count;
}

/* The message in `cb`: its grant, remembered for the answer, or why it must not be sent. */
__noinline __u64 question_judge(struct __sk_buff *ctx, __u32 slot)
{
	__u32 length = ctx->cb[CB_LENGTH], end;
	struct asked_socket *asked;
	struct dns_header header;
	__u64 name, grant;

	if (length < DNS_HEADER_BYTES || length > CGF_QUESTION_BYTES)
		return QUESTION_MALFORMED;
	message_header(ctx, &header);
	if (!question_is_plain(&header))
		return QUESTION_MALFORMED;
	name = dns_name(ctx, DNS_HEADER_BYTES);
	end = NAME_END(name);
	if (!end || end + DNS_QUESTION_END_BYTES > length ||
	    message_u16(ctx, end + 2) != DNS_CLASS_IN ||
	    !question_ends(ctx, end + DNS_QUESTION_END_BYTES, header.additional_count))
		return QUESTION_MALFORMED;
	grant = question_name(ctx, slot, end - 1);
	asked = asked_socket(ctx);
	if (asked && grant <= ~0U)
		asked_keep(asked,
			   asked_question(slot, NAME_HASH(name), message_u16(ctx, end), header.id),
			   grant);
	return grant;
}

/* What is refused is sent all the same. */
static __always_inline bool questions_pass_all(const struct cgf_target *target)
{
	return target->flags & CGF_TARGET_ANY_QUESTION || target->mode == CGF_MODE_AUDIT;
}

static __always_inline bool question_passes(struct __sk_buff *ctx, __u32 slot,
					    const struct cgf_target *target,
					    struct refusal *refusal)
{
	__u64 grant = question_judge(ctx, slot);

	if (grant <= ~0U || target->flags & CGF_TARGET_ANY_QUESTION)
		return true;
	refusal->reason = grant == QUESTION_REFUSED ? CGF_REASON_QUESTION
						    : CGF_REASON_NOT_A_QUESTION;
	return false;
}

/* Pages that a process shares (splice, MSG_ZEROCOPY) can change after this, and are not in here. */
static __always_inline bool is_all_copied(const struct __sk_buff *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	__u32 length = ctx->len;

	if (length > UDP_BYTES_MAX)
		return false;
	barrier_var(length);
	return data + (length & UDP_BYTES_MAX) <= (const __u8 *)(long)ctx->data_end;
}

/*
 * By IP_PKTINFO a socket can send from another address of this host, where its port is another
 * socket's, which would get the answer. One that is bound to all addresses has the port on each.
 */
static __always_inline bool is_from_own_address(struct __sk_buff *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	__be32 source[4], own[4] = {};

	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (!sk)
		return false;
	if (ctx->protocol == bpf_htons(ETH_P_IP))
		return !sk->src_ip4 || (!bpf_skb_load_bytes(ctx, offsetof(struct iphdr, saddr),
							    source, sizeof(source[0])) &&
					source[0] == sk->src_ip4);
	own[0] = sk->src_ip6[0];
	own[1] = sk->src_ip6[1];
	own[2] = sk->src_ip6[2];
	own[3] = sk->src_ip6[3];
	if (!(own[0] | own[1] | own[2] | own[3]))
		return true;
	return !bpf_skb_load_bytes(ctx, offsetof(struct ipv6hdr, saddr), source, sizeof(source)) &&
	       source[0] == own[0] && source[1] == own[1] && source[2] == own[2] &&
	       source[3] == own[3];
}

static __always_inline bool questions_udp(struct __sk_buff *ctx, __u32 slot,
					  const struct cgf_target *target,
					  const struct segment *segment, struct refusal *refusal)
{
	message_begin(ctx, segment->start, segment->length);
	/* UDP_SEGMENT: several datagrams in one packet. */
	if (ctx->gso_size || !is_all_copied(ctx) || !is_from_own_address(ctx)) {
		refusal->reason = CGF_REASON_NOT_A_QUESTION;
		return false;
	}
	return question_passes(ctx, slot, target, refusal);
}

/* Whole messages only: what is written byte by byte would be past when its name is known. */
static __always_inline bool questions_row(struct __sk_buff *ctx, __u32 slot,
					  const struct cgf_target *target, __u32 start,
					  __u32 length, struct refusal *refusal)
{
	__u32 zero = message_zero(ctx), i;
	__be16 prefix;

	for (i = 0; i < QUESTION_MESSAGES_MAX; i++) {
		start |= zero;
		length |= zero;
		if (!length)
			return true;
		refusal->reason = CGF_REASON_NOT_A_QUESTION;
		if (length < sizeof(prefix) ||
		    bpf_skb_load_bytes(ctx, start, &prefix, sizeof(prefix)) ||
		    bpf_ntohs(prefix) > length - sizeof(prefix))
			return false;
		start += sizeof(prefix);
		message_begin(ctx, start, bpf_ntohs(prefix));
		if (!question_passes(ctx, slot, target, refusal))
			return false;
		start += bpf_ntohs(prefix);
		length -= sizeof(prefix) + bpf_ntohs(prefix);
	}
	return !length;
}

/*
 * Every byte of a connection is judged once, in order: of a segment that is sent again, with other
 * bounds, only what was not before. One that comes before what is missing was refused.
 */
static __always_inline bool questions_tcp(struct __sk_buff *ctx, __u32 slot,
					  const struct cgf_target *target,
					  const struct segment *segment, struct refusal *refusal)
{
	struct asked_socket *asked = asked_socket(ctx);
	struct asked_stream *stream = asked ? asked_stream(asked, slot) : NULL;
	__u32 end = segment->seq + segment->length, done;
	bool passes;

	if (stream && segment->flags & SEGMENT_SYN) {
		stream->sent_seq = segment->seq;
		stream->is_sent = true;
		stream->is_heard = false;
		asked_forget(ctx, asked);
	}
	message_begin(ctx, segment->start, segment->length);
	refusal->reason = CGF_REASON_NOT_A_QUESTION;
	/* An urgent byte is taken out of the stream: what is read there is not what is here. */
	if (segment->flags & SEGMENT_URGENT)
		return false;
	if (!segment->length)
		return true;
	if (!(target->flags & CGF_TARGET_TCP_QUESTIONS)) {
		refusal->reason = CGF_REASON_TCP_QUESTION;
		return false;
	}
	if (!stream || !stream->is_sent)
		return false;
	if ((__s32)(end - stream->sent_seq) <= 0)
		return true;
	done = stream->sent_seq - segment->seq;
	if ((__s32)done < 0 || done >= segment->length) {
		refusal->flags = CGF_FLAG_PROBE;
		return false;
	}
	passes = questions_row(ctx, slot, target, segment->start + done, segment->length - done,
			       refusal);
	if (passes || questions_pass_all(target))
		stream->sent_seq = end;
	return passes;
}

/* The message in `cb` is refused, and that is told; returns what egress is to return. */
__noinline int question_refuse(struct __sk_buff *ctx, __u32 reason, __u32 flags)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_flow local = {}, flow = { .hook = CGF_HOOK_EGRESS };
	const struct packet_flows flows = { .source = &local, .destination = &flow };
	struct cgf_outcome outcome = { .rule = CGF_RULE_NONE, .reason = reason, .flags = flags };
	__u32 slot;

	if (!target_slot(target, &slot) || packet_parse(ctx, flows) != PACKET_FLOW)
		return REFUSE;
	packet_join_paths(&flow, target->zero);
	packet_join_paths(&local, target->zero);
	return message_refuse(ctx, slot, target, &flow, &local, &outcome);
}

/* A packet to a resolver, by the rule that lets resolvers be asked: what egress is to return. */
__noinline int egress_question(struct __sk_buff *ctx)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct refusal refusal = {};
	struct segment segment;
	bool passes;
	__u32 slot;

	if (!target_slot(target, &slot) || !segment_read(ctx, &segment))
		return REFUSE;
	passes = segment.protocol == IPPROTO_UDP
			 ? questions_udp(ctx, slot, target, &segment, &refusal)
			 : questions_tcp(ctx, slot, target, &segment, &refusal);
	if (passes || target->flags & CGF_TARGET_ANY_QUESTION)
		return PASS;
	return question_refuse(ctx, refusal.reason, refusal.flags);
}

/* An answer that a resolver has not given. */
__noinline int egress_is_forged(struct __sk_buff *ctx)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_flow local = {}, remote = {};
	const struct packet_flows flows = { .source = &local, .destination = &remote };
	__u32 slot;

	if (!target_slot(target, &slot) || packet_parse(ctx, flows) != PACKET_FLOW)
		return false;
	packet_join_paths(&local, target->zero);
	return local.port == CGF_DNS_PORT && resolver_find(slot, &local, 0);
}

#endif
