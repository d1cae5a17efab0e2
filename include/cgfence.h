/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the BPF programs and userspace: keys and values of every map, the decision
 * record and the limits. Data only, the same bytes for both compilers; sizes are asserted below.
 *
 * Addresses are 16 bytes in network order, IPv4 as ::ffff:a.b.c.d. Ports are in host byte order, so
 * that `bpftool map dump` shows 22 and not 5632. Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef CGFENCE_H
#define CGFENCE_H

#include <linux/types.h>

/*
 * Limits.
 *
 * A policy: 65,536 rules, because a rule number is what entries and decisions carry and more than
 * that is a list to be compiled by something else. Ports: as many items (ports or ranges) as fit a
 * line a person can read. Names: RFC 1035 §2.3.4, 255 octets on the wire, which is 253 characters
 * of text, in labels of 63. Addresses of a name: four times the 255 records an answer is expected
 * to have; 2,000 addresses are no host but a network, which a prefix says better.
 */
#define CGF_POLICY_RULES_MAX 65536
#define CGF_POLICY_FILE_BYTES_MAX (4 * 1024 * 1024)
#define CGF_POLICY_NAME_MAX 63
#define CGF_LINE_BYTES_MAX 4096
#define CGF_RULE_PORTS_MAX 64
#define CGF_NAME_BYTES_MAX 253
#define CGF_LABEL_BYTES_MAX 63
#define CGF_NAME_ADDRESSES_MAX 1024
#define CGF_RESOLVERS_MAX 16
/* Of every network namespace that a policy's targets are in. */
#define CGF_RESOLVERS_AT_MAX 4096
/* Policies in force at once on a host: slots of the arrays of maps. */
#define CGF_POLICIES_MAX 1024
/* Entries of one policy: 1 Mi entries are about 90 MB of kernel memory. */
#define CGF_ENTRIES_MAX (1024 * 1024)
#define CGF_PREFIXES_MAX 65536
/* Blocks of ports that are served: 64 ranges of the worst kind. */
#define CGF_LISTENS_MAX 2048
#define CGF_DECISIONS_BYTES (256 * 1024)

/* From <linux/sched.h>, which userspace does not have: a task's comm with its NUL. */
#define CGF_COMM_BYTES 16

#define CGF_DNS_PORT 53

/*
 * Names, at the moment of the answer.
 *
 * A rule's name is a prefix of a trie: the name in wire format (RFC 1035 §3.1) without its root,
 * reversed byte for byte, lower case, with each byte that is a label's length replaced by a mark:
 * CGF_NAME_MARK_END for the first label's, which ends the key, CGF_NAME_MARK_LABEL for the others'.
 * A letter in upper case is no byte of a lower-case label, so nothing inside a label is taken for a
 * boundary. "a.example" is elpmaxeLaN; "*.example" is elpmaxeL, which is a prefix of what is below
 * example and not of elpmaxeN. The longest match decides.
 *
 * Of a longer name the last CGF_NAME_KEY_BYTES are looked up, so that only "*." can match it: a
 * trie's key has 256 bytes at most, and a BPF program 512 of stack.
 */
#define CGF_NAME_KEY_BYTES 240
#define CGF_NAME_MARK_LABEL 'L'
#define CGF_NAME_MARK_END 'N'
/* Names and "*." of one policy: 10,000 rules beside search domains. */
#define CGF_NAMES_MAX (256 * 1024)
#define CGF_GRANTS_MAX (64 * 1024)

/*
 * How long an answer's address may be used for new flows: its TTL, and of the CNAMEs before it,
 * taken as no less than the grant's floor and no more than this, and CGF_TTL_GRACE_S more. A TTL
 * from 2^31 on is 0 (RFC 2181 §8).
 */
#define CGF_TTL_CEILING_S 86400
#define CGF_TTL_GRACE_S 30

/* Questions of one socket that wait for an answer. */
#define CGF_ASKED_MAX 64
/* Policies that may track one DNS connection over TCP: of nested fences. */
#define CGF_STREAMS_MAX 4
/* Of a TCP answer that did not end in its segment: 255 AAAA records are 7,200 bytes. */
#define CGF_STREAM_BYTES 8192
/* A question: what RFC 1035 §4.2.1 allows over UDP. */
#define CGF_QUESTION_BYTES 512
#define CGF_ANSWER_RECORDS_MAX 255
/* Messages of one TCP segment that are looked at. */
#define CGF_SEGMENT_MESSAGES_MAX 64

/*
 * A block of ports: `port_bits` leading bits of `port` count, as in an address prefix. 16 is one
 * port, 0 is every port, and any range is at most 30 blocks: all are the same kind of key.
 */
#define CGF_PORT_BITS_ANY 0
#define CGF_PORT_BITS_ONE 16

/* IPPROTO_ICMP stands for ICMPv6 too, and has the one port 0. */
struct cgf_key {
	__u8 address[16];
	__u16 port;    /* host order; the bits below port_bits are zero */
	__u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_ICMP */
	__u8 port_bits;
};

#define CGF_NEVER_EXPIRES (~0ULL)
/* Rule numbers that no line of a policy has. */
#define CGF_RULE_NONE (~0U)
#define CGF_RULE_RESOLVER (~0U - 1)

/*
 * A flow that is established keeps its entry: it goes when it has run out and nothing was sent to
 * it for CGF_IDLE_NS, which is Linux's TCP keep-alive at its defaults, tcp_keepalive_time +
 * tcp_keepalive_probes * tcp_keepalive_intvl.
 */
#define CGF_IDLE_NS ((7200 + 9 * 75) * 1000000000ULL)
#define CGF_USED_STEP_NS 1000000000ULL

struct cgf_entry {
	__u64 expires_ns; /* no new flow from then on; CGF_NEVER_EXPIRES for an address in a rule */
	__u64 used_ns;	  /* the last packet, give or take CGF_USED_STEP_NS; 0: none, or no end */
	__u32 rule;	  /* the first of the rules that allow it, counted from 0 */
	__u32 grant;	  /* of the name that has it; CGF_GRANT_NONE: an address in a rule */
	__u32 flows;	  /* connect() and sendto() to it that were allowed, roughly */
	__u32 learned;	  /* not 0: the kernel wrote it, from an answer */
};

enum cgf_verdict {
	CGF_DENY,
	CGF_ALLOW
};

/*
 * Prefixes of both verdicts in one trie. What stands before the address must match whole, so every
 * key is looked up once for each verdict and width of port block that the policy has.
 */
struct cgf_prefix_key {
	__u32 prefix_bits; /* CGF_PREFIX_HEADER_BITS + bits of the address, IPv4 counted from 96 */
	__u8 verdict;	   /* enum cgf_verdict */
	__u8 ip_version;   /* 4 or 6: ::/0 must not match an IPv4 address */
	__u8 protocol;
	__u8 port_bits;
	__u16 port;
	__u16 reserved;
	__u8 address[16];
};

#define CGF_PREFIX_HEADER_BITS 64
#define CGF_PREFIX_LOOKUP_BITS (CGF_PREFIX_HEADER_BITS + 128)

struct cgf_prefix {
	__u32 rule; /* 0xffffffff: none, what is denied is kept until all that is denied is known */
	__u32 grant; /* of the denied name that has it; CGF_GRANT_NONE: an address in a rule */
	__u64 flows; /* as of struct cgf_entry; of one that allows */
	__u32 shared, reserved; /* shared: not 0 if others have had it: names, or a rule, or none */
};

/* What may be served: a block of local ports. */
struct cgf_listen_key {
	__u16 port; /* host order */
	__u8 protocol;
	__u8 port_bits;
};

struct cgf_listen {
	__u32 rule;
};

/*
 * Who has sent to a UDP socket that is not connected: it may be answered, from that socket, for
 * CGF_PEER_NS after it was last heard. By socket and not by port, because another network namespace
 * has other hosts at the same addresses. That is what Linux's conntrack gives a UDP stream
 * (nf_conntrack_udp_timeout_stream was 180 s, and is 120 s since 4.20). The map forgets the
 * quietest when it is full.
 */
#define CGF_PEERS_MAX 4096
#define CGF_PEER_NS (180 * 1000000000ULL)

struct cgf_peer_key {
	__u64 socket_cookie;
	__u8 address[16];
	__u16 port; /* the peer's, host order */
	__u16 reserved[3];
};

struct cgf_peer {
	__u64 heard_ns;	  /* give or take CGF_USED_STEP_NS */
	__u16 local_port; /* that it sent to, host order */
	__u16 reserved[3];
};

struct cgf_name_key {
	__u32 prefix_bits; /* 8 for each byte that counts */
	__u8 name[CGF_NAME_KEY_BYTES];
};

/* What a question for the name may and its answer gives. */
struct cgf_name {
	__u32 grant;   /* CGF_GRANT_NONE: it may be asked, and the answer teaches nothing */
	__u32 refused; /* not 0: it may not be asked, though a shorter match may */
};

#define CGF_GRANT_NONE 0
/* Blocks of ports and protocols of one grant: names whose rules have more are not learned. */
#define CGF_GRANT_BLOCKS_MAX 32

struct cgf_port_block {
	__u16 port; /* host order, as in struct cgf_key */
	__u8 protocol;
	__u8 port_bits;
};

/*
 * What the rules of a name give to each address of it. Never changed: other rules are another
 * grant, under a number that was not used before, so that an answer gives what its question found.
 */
struct cgf_grant {
	__u64 rules_hash; /* of the text of its rules: who takes up the map knows them by it */
	__u64 name_hash;  /* of the name they are about, or else of the longest wildcard */
	__u32 rule;	  /* the first of its rules */
	__u32 flags;	  /* CGF_GRANT_* */
	__u32 ttl_floor_s;
	__u32 block_count;
	struct cgf_port_block blocks[CGF_GRANT_BLOCKS_MAX];
};

#define CGF_GRANT_PRIVATE 1 /* the name may have addresses that are not public */

/* Whoever is asked, in whichever network namespace, has a key of cookie 0 too. */
struct cgf_resolver_key {
	__u8 address[16];
	__u64 netns_cookie; /* 0: the namespace of the target, see there */
};

/* Who is trusted: an answer teaches only if it comes from here, port 53, in that namespace. */
struct cgf_resolver {
	__u32 ifindex; /* on this device only; 1 is loopback. 0: on any but loopback */
	__u32 reserved;
	/* Counted by the programs. */
	__u64 answers;	   /* that taught something, roughly */
	__u64 answered_ns; /* the last of these */
};

enum cgf_mode {
	CGF_MODE_ENFORCE,
	CGF_MODE_AUDIT
};

/*
 * What a fenced cgroup is under: the value of its cgroup storage. All zero, as the kernel makes it,
 * means deny everything. The port masks have bit N set if the policy has keys with port_bits N, so
 * that a look-up that cannot hit is not made; keys of one port in `allow` are always looked up.
 */
struct cgf_target {
	__u32 policy;		    /* slot + 1; 0: none, deny */
	__u32 mode;		    /* enum cgf_mode */
	__u32 allow_wide_port_mask; /* bits below CGF_PORT_BITS_ONE only */
	__u32 deny_prefix_port_mask;
	__u32 allow_prefix_port_mask;
	__u32 listen_port_mask;
	__u32 flags; /* CGF_TARGET_* */
	__u32 zero;  /* must be; see flow_join_paths() in the programs */
	/*
	 * The network namespace whose resolvers have keys of cookie 0; 0: none, and only answers in
	 * namespaces that have keys of their own teach.
	 */
	__u64 netns_cookie;
	__u64 cgroup_id; /* that decisions carry */
};

#define CGF_TARGET_ICMP 1      /* some rule allows it: ping sockets may be made */
#define CGF_TARGET_MULTICAST 2 /* some rule allows such an address: groups may be joined */
/* Any question may be asked; those of names that rules have teach all the same. */
#define CGF_TARGET_ANY_QUESTION 4
/* The next self-test is made in the network namespace of the fence, whose cookie is to be kept. */
#define CGF_TARGET_TAKE_NETNS 8
/*
 * Nobody inside can send pages that change after they were judged (sendfile, splice), so resolvers
 * may be asked over TCP. Of UDP it can be seen that a packet has no such pages.
 */
#define CGF_TARGET_TCP_QUESTIONS 16
#define CGF_TARGET_SHUT 32 /* what the policy denies cannot be, so nothing is allowed */

struct cgf_counters {
	__u64 allowed; /* roughly: see decision.bpf.h */
	__u64 denied;
	__u64 audited;	    /* would have been denied, was let through */
	__u64 records_lost; /* decisions and messages that found the ring buffer full */
	__u64 learned;	    /* entries that answers gave or renewed */
	__u64 special;	    /* addresses in answers that a public name must not have */
	__u64 unlearned;    /* entries that answers gave and the map had no room for */
};

enum cgf_hook {
	CGF_HOOK_CONNECT,
	CGF_HOOK_SENDMSG,
	CGF_HOOK_SOCKET,
	CGF_HOOK_BIND,
	CGF_HOOK_SETSOCKOPT,
	CGF_HOOK_EGRESS,  /* a packet that goes out; the kernel does not say whose */
	CGF_HOOK_INGRESS, /* one that comes in; address and port are its sender's */
	CGF_HOOK_COUNT
};

enum cgf_reason {
	CGF_REASON_NO_RULE,
	CGF_REASON_DENY_RULE,
	CGF_REASON_EXPIRED,	   /* its name had this address once */
	CGF_REASON_NOT_A_RESOLVER, /* port 53 of another host */
	CGF_REASON_SOCKET_TYPE,	   /* only TCP and UDP sockets can be fenced */
	CGF_REASON_NO_POLICY,	   /* the fence stands and its policy is gone */
	CGF_REASON_NO_LISTEN,	   /* no listen rule for the local port */
	CGF_REASON_PACKET,	   /* not plain TCP, UDP or ICMP echo: options, fragments, … */
	CGF_REASON_LOOPBACK,	   /* a packet to loopback that leaves by another device */
	CGF_REASON_SOCKET_FAMILY,  /* no hook sees what sockets of this family send */
	CGF_REASON_OPTION,	   /* a socket option that would send what no hook can judge */
	CGF_REASON_QUESTION,	   /* a DNS question for a name that no rule allows */
	CGF_REASON_NOT_A_QUESTION, /* to a resolver, and not one plain DNS question */
	CGF_REASON_FORGED,	   /* in the name of a resolver */
	CGF_REASON_TCP_QUESTION,   /* to a resolver over TCP, see CGF_TARGET_TCP_QUESTIONS */
	CGF_REASON_COUNT
};

/*
 * A refusal that no one need be told of: a UDP connect() by which libc sorts addresses (RFC 6724)
 * whose TCP port is allowed; an MPTCP socket, for which TCP is taken; what the kernel itself says
 * to the neighbours, such as which multicast groups it listens to.
 */
#define CGF_FLAG_PROBE 1

/*
 * "Is there a fence?": a UDP connect() to this address and port 0, which the kernel by itself would
 * refuse with EACCES (a broadcast), is refused with EPERM, whatever the policy and mode, and is no
 * decision.
 */
#define CGF_SELF_TEST_IPV4 0xffffffff

/* One decision; only those that deny (or would, in audit mode) are recorded. */
struct cgf_decision {
	__u64 time_ns;
	__u64 socket_cookie; /* 0 where the hook has none */
	__u64 cgroup_id;     /* of the target */
	__u32 pid;	     /* the process (tgid) that called; 0 for packets */
	__u32 tid;
	__u32 uid;
	__u32 rule;	  /* the deny rule, or CGF_RULE_NONE */
	__u8 address[16]; /* zero for CGF_HOOK_SOCKET and _SETSOCKOPT; local for CGF_HOOK_BIND */
	__u16 port;
	__u16 protocol;		   /* IPPROTO_*; MPTCP does not fit 8 bits */
	__u8 verdict;		   /* enum cgf_verdict: CGF_ALLOW in audit mode */
	__u8 hook;		   /* enum cgf_hook */
	__u8 reason;		   /* enum cgf_reason */
	__u8 flags;		   /* CGF_FLAG_* */
	__u8 family;		   /* AF_INET or AF_INET6: of the socket for CGF_HOOK_SOCKET */
	__u8 socket_type;	   /* SOCK_STREAM, … */
	__u16 local_port;	   /* CGF_HOOK_INGRESS */
	__u16 option_level;	   /* CGF_HOOK_SETSOCKOPT */
	__u16 option;		   /* CGF_HOOK_SETSOCKOPT */
	char comm[CGF_COMM_BYTES]; /* the thread's name as the kernel has it; any byte */
};

/*
 * A DNS message that userspace has to know of, in the same ring as the decisions, in order; a
 * record is one if it is longer than a decision. Of a question that was refused: the decision, and
 * what is needed to answer it. Of an answer that was learned from, or had addresses that were
 * refused: the decision says allow, the address is the resolver's, and the port its own.
 */
struct cgf_message {
	struct cgf_decision
		decision; /* address and port: the resolver's; local_port: the socket's */
	__u8 local_address[16];
	__u64 netns_cookie; /* of the socket, where it asks a resolver that is trusted; or 0 */
	__u32 ifindex;	    /* where it came in, or was to go out */
	__u16 length;	    /* of the message; what is beyond the record's end is cut */
	__u16 reserved;
	__u32 grant;	/* of an answer */
	__u32 answered; /* not 0: the sender was told of success, and waits for an answer */
	__u8 bytes[];	/* the DNS message, without the length that TCP has before it */
};
/* The room that a record has for the message: the least that it fits, or the last. */
#define CGF_MESSAGE_SMALL 512
#define CGF_MESSAGE_LARGE 4096
#define CGF_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
CGF_ASSERT_SIZE(struct cgf_key, 20);
CGF_ASSERT_SIZE(struct cgf_entry, 32);
CGF_ASSERT_SIZE(struct cgf_prefix_key, 28);
CGF_ASSERT_SIZE(struct cgf_prefix, 24);
CGF_ASSERT_SIZE(struct cgf_listen_key, 4);
CGF_ASSERT_SIZE(struct cgf_listen, 4);
CGF_ASSERT_SIZE(struct cgf_peer_key, 32);
CGF_ASSERT_SIZE(struct cgf_peer, 16);
CGF_ASSERT_SIZE(struct cgf_name_key, 244);
CGF_ASSERT_SIZE(struct cgf_name, 8);
CGF_ASSERT_SIZE(struct cgf_port_block, 4);
CGF_ASSERT_SIZE(struct cgf_grant, 160);
CGF_ASSERT_SIZE(struct cgf_resolver_key, 24);
CGF_ASSERT_SIZE(struct cgf_resolver, 24);
CGF_ASSERT_SIZE(struct cgf_target, 48);
CGF_ASSERT_SIZE(struct cgf_counters, 56);
CGF_ASSERT_SIZE(struct cgf_decision, 88);
CGF_ASSERT_SIZE(struct cgf_message, 128);

#endif
