/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a resolver answers: addresses of a name that was asked for are allowed before the socket can
 * read them. No answer is kept from anyone; one that is not to be trusted teaches nothing.
 */
#ifndef CGFENCE_ANSWER_BPF_H
#define CGFENCE_ANSWER_BPF_H

#include "learn.bpf.h"
#include "message.bpf.h"
#include "segment.bpf.h"

/* Records of all sections that are looked at: an answer of the most, and what comes with it. */
#define ANSWER_RECORDS_ALL (CGF_ANSWER_RECORDS_MAX + 64)
/* How often the records are gone through for a chain that is out of order. */
#define ANSWER_PASSES_MAX 4
/* What came of one record, beside the offset of the next in the low 16 bits; 0: it is none. */
#define RECORD_NEXT(record) ((record)&0xffff)
#define RECORD_LEARNED (1U << 16)
#define RECORD_SPECIAL (1U << 17)
#define RECORD_CHAINED (1U << 18)
#define RECORD_STRANGE (1U << 19) /* of another name than the chain has come to */

/* The name that the chain has come to: its hash, and where in the message it is. */
#define CHAIN_PLACE(chain) ((__u32)(chain)&0xffff)

static __always_inline __u64 chain_name(const struct __sk_buff *ctx)
{
	return (__u64)ctx->cb[CB_NAME_HI] << 32 | ctx->cb[CB_NAME_LO];
}

/* What dns_name() made of what is at `place`. */
static __always_inline void chain_set_name(struct __sk_buff *ctx, __u64 name, __u32 place)
{
	ctx->cb[CB_NAME_LO] = (__u32)(name & ~0xffffULL) | (place & 0xffff);
	ctx->cb[CB_NAME_HI] = name >> 32;
}

/* Where a name ends that is a pointer to that of the chain, as most are; or 0. */
static __always_inline __u32 chain_is_at(struct __sk_buff *ctx, __u64 chain, __u32 offset)
{
	__u32 place = message_u16(ctx, offset) - (DNS_LABEL_POINTER << 8);

	return place == CHAIN_PLACE(chain) && place < offset ? offset + (__u32)sizeof(__u16) : 0;
}

/* Apart from answer_record(), for the stack: that one goes deeper by other ways. */
__noinline int record_address(struct __sk_buff *ctx, __u32 slot, __u32 grant, __u32 offset,
			      __u32 type)
{
	struct cgf_flow flow = {};
	struct dns_record record;
	__be32 words[4];
	__u64 word;
	int i;

	message_record(ctx, offset, &record);
	offset += DNS_RECORD_BYTES;
	if (type == DNS_TYPE_A) {
		flow_set_ipv4(&flow, bpf_htonl(record.data));
	} else {
		for (i = 0; i < 4; i += 2) {
			word = message_word(ctx, offset + 4 * i);
			words[i] = bpf_htonl(word >> 32);
			words[i + 1] = bpf_htonl((__u32)word);
		}
		flow_set_ipv6(&flow, words);
	}
	return learn_address(ctx, slot, grant, &flow, record.ttl_s) ? RECORD_LEARNED
								    : RECORD_SPECIAL;
}

static __always_inline __u32 record_cname(struct __sk_buff *ctx, __u32 offset,
					  const struct dns_record *record)
{
	__u32 place = offset + DNS_RECORD_BYTES;
	__u64 target = dns_name(ctx, place);

	if (!target || NAME_END(target) != place + record->length)
		return 0;
	if (record->ttl_s < message_ttl(ctx))
		message_set_ttl(ctx, record->ttl_s);
	chain_set_name(ctx, target, place);
	return RECORD_CHAINED;
}

/* One record, of which record_skip() has seen that it is whole. */
__noinline int answer_record(struct __sk_buff *ctx, __u32 slot, __u32 grant, __u32 offset,
			     __u32 asked_type)
{
	__u64 chain = chain_name(ctx), name = chain;
	__u32 end = chain_is_at(ctx, chain, offset), next;
	struct dns_record record;

	if (!end) {
		name = dns_name(ctx, offset);
		end = NAME_END(name);
	}
	if (!end)
		return 0;
	message_record(ctx, end, &record);
	next = end + DNS_RECORD_BYTES + record.length;
	if (record.class != DNS_CLASS_IN ||
	    (record.type != DNS_TYPE_CNAME && record.type != asked_type))
		return (int)next;
	if (NAME_HASH(name) != NAME_HASH(chain))
		return (int)(next | RECORD_STRANGE);
	if (record.type == DNS_TYPE_CNAME)
		return (int)(next | record_cname(ctx, end, &record));
	return (int)(next | (__u32)record_address(ctx, slot, grant, end, record.type));
}

/*
 * Where the name of a record ends; 0 if it cannot be read. Most names are one pointer, and the same
 * as the one before, which was read: `known`.
 */
static __always_inline __u32 record_name_end(struct __sk_buff *ctx, __u32 offset, __u32 *known)
{
	__u32 pointer = message_u16(ctx, offset);

	if (pointer >> 8 >= DNS_LABEL_POINTER) {
		if (pointer == *known)
			return offset + sizeof(__u16);
		*known = pointer;
	}
	return NAME_END(dns_name(ctx, offset));
}

static __always_inline bool record_is_right(struct __sk_buff *ctx, __u16 type, __u32 offset,
					    __u32 count)
{
	switch (type) {
	case DNS_TYPE_A:
		return count == sizeof(struct in_addr);
	case DNS_TYPE_AAAA:
		return count == sizeof(struct in6_addr);
	case DNS_TYPE_CNAME:
		return NAME_END(dns_name(ctx, offset)) == offset + count;
	}
	return true;
}

/* Where the next record begins, and in the high half `known`; 0 if this one is not whole. */
__noinline int record_skip(struct __sk_buff *ctx, __u32 offset, __u32 known)
{
	__u32 length = ctx->cb[CB_LENGTH], end;
	struct dns_record record;

	offset = record_name_end(ctx, offset, &known);
	if (!offset || offset + DNS_RECORD_BYTES > length)
		return 0;
	message_record(ctx, offset, &record);
	end = offset + DNS_RECORD_BYTES + record.length;
	if (end > length)
		return 0;
	if (record.class == DNS_CLASS_IN &&
	    !record_is_right(ctx, record.type, offset + DNS_RECORD_BYTES, record.length))
		return 0;
	return (int)(known << 16 | (end & 0xffff));
}

/* Whether all that the header counts is there: what is malformed teaches nothing. */
__noinline int answer_is_whole(struct __sk_buff *ctx, __u32 offset, __u32 count)
{
	__u32 zero = message_zero(ctx), i, record = 0;

	for (i = 0; i < ANSWER_RECORDS_ALL; i++) {
		offset |= zero;
		record |= zero;
		if (i >= count)
			return true;
		record = (__u32)record_skip(ctx, offset, record >> 16);
		offset = RECORD_NEXT(record);
		if (!offset)
			return false;
	}
	return i >= count;
}

/* All of the records once: what came of them, as flags. */
__noinline int answer_pass(struct __sk_buff *ctx, __u32 slot, __u32 grant, __u32 offset,
			   __u32 count_and_type)
{
	__u32 zero = message_zero(ctx), i, record, flags = 0;

	for (i = 0; i < CGF_ANSWER_RECORDS_MAX; i++) {
		offset |= zero;
		flags |= zero;
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

	message_set_ttl(ctx, CGF_TTL_CEILING_S);
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
	chain_set_name(ctx, name, DNS_HEADER_BYTES);
	return (__u64)grant << 32 |
	       answer_learn(ctx, slot, grant, offset, (__u32)header.answer_count << 16 | type);
}

static __always_inline void resolver_count(struct __sk_buff *ctx, __u32 slot,
					   const struct cgf_target *target,
					   const struct cgf_flow *remote)
{
	const struct asked_socket *asked = asked_socket(ctx);
	struct cgf_resolver *resolver;

	if (!asked)
		return;
	resolver = resolver_find(slot, remote, resolver_netns(target, asked->netns_cookie));
	if (!resolver)
		return;
	resolver->answers++;
	resolver->answered_ns = clock_ns();
}

/* What came of the message in `cb` is told, and counted as its resolver's. */
__noinline int answer_tell(struct __sk_buff *ctx, __u32 slot, __u64 result)
{
	const struct cgf_target *target = bpf_get_local_storage(&targets, 0);
	struct cgf_flow local = { .hook = CGF_HOOK_INGRESS }, remote = { .hook = CGF_HOOK_INGRESS };
	const struct packet_flows flows = { .source = &remote, .destination = &local };

	if (packet_parse(ctx, flows) != PACKET_FLOW)
		return 0;
	if (result & RECORD_LEARNED)
		resolver_count(ctx, slot, target, &remote);
	message_tell(ctx, slot, target, &remote, &local, result >> 32, result & RECORD_SPECIAL);
	return 0;
}

static __always_inline void answer_read(struct __sk_buff *ctx, __u32 slot)
{
	__u64 result = answer_message(ctx, slot);

	if (result & (RECORD_LEARNED | RECORD_SPECIAL))
		answer_tell(ctx, slot, result);
}

#endif
