/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading a DNS message (RFC 1035 §4) where it lies: in a packet, whole and in order, or joined
 * from TCP segments in the storage of its socket.
 *
 * What is done once for each name or record is a global function, which the verifier looks at once
 * however often it is called. On Linux 5.10 these take only the context and numbers, so what they
 * share is in the five words that a packet has for whoever has it in hand (`cb`).
 */
#ifndef CGFENCE_DNS_BPF_H
#define CGFENCE_DNS_BPF_H

#include "asked.bpf.h"

/* RFC 1035 §4.1.1, in host order */
struct dns_header {
	__u16 id, flags, question_count, answer_count, authority_count, additional_count;
};
#define DNS_HEADER_BYTES 12

/* §4.1.3, after its name, in host order */
struct dns_record {
	__u16 type, class, length;
	__u32 ttl_s, data; /* the first four bytes of what it has */
};
#define DNS_RECORD_LENGTH 8
#define DNS_RECORD_BYTES 10

#define DNS_RESPONSE 0x8000
#define DNS_OPCODE 0x7800
#define DNS_TRUNCATED 0x0200
#define DNS_RECURSION_DESIRED 0x0100
#define DNS_AUTHENTIC_DATA 0x0020
#define DNS_CHECKING_DISABLED 0x0010
#define DNS_RCODE 0x000f

#define DNS_TYPE_A 1
#define DNS_TYPE_CNAME 5
#define DNS_TYPE_AAAA 28
#define DNS_TYPE_OPT 41
#define DNS_CLASS_IN 1
/* Type and class of a question, and the name's root. */
#define DNS_QUESTION_END_BYTES 4
#define DNS_LABEL_POINTER 0xc0
/* Wire format without the root: RFC 1035 §3.1 */
#define DNS_NAME_WIRE_MAX 254
/* A name of 127 labels of one byte, and some pointers between them. */
#define DNS_NAME_STEPS_MAX 140

/* The words of `cb`. */
enum {
	CB_START,   /* of the message, in the packet; or CB_START_JOINED */
	CB_LENGTH,  /* of the message */
	CB_NAME_LO, /* the name that the chain of CNAMEs has come to: see chain_name() */
	CB_NAME_HI,
	CB_TTL /* the least TTL of the chain, and above TTL_BITS the steps that names have taken */
};
/* Enough for CGF_TTL_CEILING_S. */
#define TTL_BITS 17
#define TTL_MASK ((1U << TTL_BITS) - 1)
/*
 * Of all names of a packet: 255 records with names of their own are 4,000. Whoever answers for a
 * name could otherwise keep a CPU busy for milliseconds.
 */
#define DNS_STEPS_ALL 8192
#define CB_START_JOINED (~0U)

/* The length that each message has before it over TCP: RFC 1035 §4.2.2 */
#define STREAM_PREFIX_BYTES 2

#define BYTES_ALL(byte) (0x0101010101010101ULL * (byte))

/*
 * At least 1 and at most `limit`, a power of two, which it is already: said so that every verifier
 * sees both bounds, as a compiler may take a comparison for granted.
 */
static __always_inline __u32 bounded(__u32 count, const __u32 limit)
{
	count -= 1;
	barrier_var(count);
	count &= limit - 1;
	barrier_var(count);
	return count + 1;
}

/* Of the chain of aliases so far. */
static __always_inline __u32 message_ttl(const struct __sk_buff *ctx)
{
	return ctx->cb[CB_TTL] & TTL_MASK;
}

static __always_inline void message_set_ttl(struct __sk_buff *ctx, __u32 ttl_s)
{
	ctx->cb[CB_TTL] = (ctx->cb[CB_TTL] & ~TTL_MASK) | (ttl_s & TTL_MASK);
}

/* Of a TCP segment that is longer than any message only the first of it is for telling. */
static __always_inline void message_begin(struct __sk_buff *ctx, __u32 start, __u32 length)
{
	ctx->cb[CB_START] = start;
	ctx->cb[CB_LENGTH] = length < 0xffff ? length : 0xffff;
}

/*
 * Zero, as a message has at most 65,535 bytes, but the verifier cannot tell. Before Linux 6.4 it
 * takes all that it knows of any number for important, in a function that calls others, and goes
 * through a loop once for every way in which such knowledge can differ. Or-ing this in at the
 * beginning of each turn leaves it nothing to know.
 */
static __always_inline __u32 message_zero(const struct __sk_buff *ctx)
{
	__u32 beyond = ctx->cb[CB_LENGTH] >> 16;

	return beyond * 0x9e3779b9U;
}

/* Eight bytes of a joined message, in the order in which a big-endian CPU has them. */
static __always_inline __u64 joined_word(struct __sk_buff *ctx, __u32 offset)
{
	struct asked_joined *joined = asked_joined(ctx, false);
	__u64 word = 0;
	int i;

	/* Or the verifier would see one register compared, and another one used. */
	barrier_var(offset);
	if (!joined || offset > CGF_STREAM_BYTES)
		return 0;
	for (i = 0; i < (int)sizeof(word); i++)
		word = word << 8 | joined->bytes[STREAM_PREFIX_BYTES + offset + i];
	return word;
}

/* The same of a packet, and zeros behind its end. */
static __always_inline __u64 packet_word(struct __sk_buff *ctx, __u32 offset)
{
	__u32 start = ctx->cb[CB_START] + offset, beyond = start + sizeof(__u64) - ctx->len;
	__be64 word;

	if ((__s32)beyond <= 0)
		return bpf_skb_load_bytes(ctx, start, &word, sizeof(word)) ? 0
									   : bpf_be64_to_cpu(word);
	if (beyond >= sizeof(word) || bpf_skb_load_bytes(ctx, start - beyond, &word, sizeof(word)))
		return 0;
	return bpf_be64_to_cpu(word) << (8 * (beyond & 7));
}

/* Once for the verifier, which then knows nothing of what was read, as it should not. */
__noinline __u64 message_word(struct __sk_buff *ctx, __u32 offset)
{
	return ctx->cb[CB_START] == CB_START_JOINED ? joined_word(ctx, offset)
						    : packet_word(ctx, offset);
}

static __always_inline __u8 message_byte(struct __sk_buff *ctx, __u32 offset)
{
	return message_word(ctx, offset) >> 56;
}

static __always_inline __u16 message_u16(struct __sk_buff *ctx, __u32 offset)
{
	return message_word(ctx, offset) >> 48;
}

/* Eight bytes at once, without a branch: what is not A to Z stays, also above 127. */
static __always_inline __u64 lower_case(__u64 word)
{
	__u64 low = word & BYTES_ALL(0x7f);
	__u64 from_a = low + BYTES_ALL(0x80 - 'A'), beyond_z = low + BYTES_ALL(0x7f - 'Z');

	return word | ((from_a ^ beyond_z) & ~word & BYTES_ALL(0x80)) >> 2;
}

/* The last `count` of the eight bytes; all of them from 8 on. */
static __always_inline __u64 last_bytes(__u64 word, __u32 count)
{
	return count < 8 ? word & ((1ULL << (8 * (count & 7))) - 1) : word;
}

/* Folded before, too: of a word's highest bit the product keeps nothing but that bit. */
static __always_inline __u64 hash_add(__u64 hash, __u64 word)
{
	hash ^= word;
	hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}

/* A name as a number: 48 bits of hash, and where it ended. */
#define NAME_END(name) ((__u32)(name)&0xffff)
#define NAME_HASH(name) ((name) >> 16)

/*
 * Reads a name, in any case and by way of any pointers, each of which leads further back (RFC 1035
 * §4.1.4 "a prior occurrence"). 0 if there is none. A step is a short label, a pointer, or eight
 * bytes of a longer label, taken from its end.
 */
__noinline __u64 dns_name(struct __sk_buff *ctx, __u32 offset)
{
	__u32 length = ctx->cb[CB_LENGTH], back = offset, end = 0, direct = 1, i;
	__u32 place = 0, left = 0, bytes = 0, zero = message_zero(ctx);
	__u64 hash = name_seed, word;
	__u8 count;

	if (ctx->cb[CB_TTL] >> TTL_BITS > DNS_STEPS_ALL)
		return 0;
	for (i = 0; i < DNS_NAME_STEPS_MAX; i++) {
		offset |= zero;
		back |= zero;
		end |= zero;
		direct |= zero;
		place |= zero;
		left |= zero;
		bytes |= zero;
		hash |= (__u64)zero << 32 | zero;
		if (left) {
			hash = hash_add(hash,
					last_bytes(lower_case(message_word(ctx, place - 8)), left));
			place -= 8;
			left = left > 8 ? left - 8 : 0;
			continue;
		}
		if (offset >= length)
			return 0;
		word = message_word(ctx, offset);
		count = word >> 56;
		if (!count && bytes > DNS_NAME_WIRE_MAX)
			return 0;
		if (!count) {
			ctx->cb[CB_TTL] += (i + 1) << TTL_BITS;
			return hash << 16 | ((end + (offset + 1) * direct) & 0xffff);
		}
		if (count >= DNS_LABEL_POINTER) {
			end += (offset + 2) * direct;
			direct = 0;
			offset = (word >> 48) & 0x3fff;
			if (offset >= back)
				return 0;
			back = offset;
			continue;
		}
		if (count > CGF_LABEL_BYTES_MAX)
			return 0;
		hash = hash_add(hash, count);
		bytes += count + 1;
		offset += count + 1;
		if (count < sizeof(word)) {
			hash = hash_add(hash, lower_case(word << 8 >> (64 - 8 * count)));
			continue;
		}
		place = offset;
		left = count;
	}
	return 0;
}

static __always_inline void message_header(struct __sk_buff *ctx, struct dns_header *header)
{
	__u64 word = message_word(ctx, 0);

	header->id = word >> 48;
	header->flags = word >> 32;
	header->question_count = word >> 16;
	header->answer_count = word;
	word = message_word(ctx, 8);
	header->authority_count = word >> 48;
	header->additional_count = word >> 32;
}

/* RFC 2181 §8: a TTL that would be negative is 0. */
static __always_inline void message_record(struct __sk_buff *ctx, __u32 offset,
					   struct dns_record *record)
{
	__u64 word = message_word(ctx, offset);

	record->type = word >> 48;
	record->class = word >> 32;
	record->ttl_s = (__u32)word >> 31 ? 0 : (__u32)word;
	word = message_word(ctx, offset + DNS_RECORD_LENGTH);
	record->length = word >> 48;
	record->data = word >> 16;
}

#endif
