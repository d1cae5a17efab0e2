/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map and every load-time knob. The programs are loaded once for a host; a policy is a slot
 * in the arrays of maps, so that one policy cannot fill another's maps and each can be pinned, and
 * dumped, on its own. Names are at most 15 characters: the kernel cuts them there.
 *
 * A build takes over the maps of another, with all that is in them, if the text here, in cgfence.h
 * and of the hooks in cgfence.bpf.c is the same, comments aside. Whoever has the programs mean
 * something else by the same bytes, and changes none of it, raises MAPS_MEANING.
 */
#ifndef CGFENCE_MAPS_BPF_H
#define CGFENCE_MAPS_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "cgfence.h"

#define MAPS_MEANING 1

/* Helpers that not every kernel from 5.10 on has; userspace probes for them before it loads. */
const volatile bool has_set_retval = false;   /* bpf_set_retval, 5.18 */
const volatile bool has_coarse_clock = false; /* bpf_ktime_get_coarse_ns, 5.11 */
/* Who calls setsockopt: bpf_get_current_pid_tgid and _comm in programs of that type, 6.1 or so */
const volatile bool has_sockopt_task = false;

/*
 * The policy follows from where the program is attached, not from who calls: the current task may
 * be a kernel thread or have been moved. Cgroup id alone as the key, so that all hooks share the
 * value.
 */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, __u64);
	__type(value, struct cgf_target);
} targets SEC(".maps");

/*
 * The shapes of a policy's maps. These are never written: userspace reads type, sizes, flags
 * and BTF from them and makes each policy's own with the capacity it needs. Never an LRU map for
 * `allow`: at capacity it evicts entries that are in use.
 */
struct allow_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct cgf_key);
	__type(value, struct cgf_entry);
} allow SEC(".maps");

struct prefixes_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct cgf_prefix_key);
	__type(value, struct cgf_prefix);
} prefixes SEC(".maps");

struct listens_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct cgf_listen_key);
	__type(value, struct cgf_listen);
} listens SEC(".maps");

/* The one map that programs write, and that may forget: whoever is forgotten has to ask again. */
struct peers_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct cgf_peer_key);
	__type(value, struct cgf_peer);
} peers SEC(".maps");

/*
 * Which names may be asked for, and what their answers give. With an initializer, or clang meets
 * the array of these first, and leaves the key's type out of the BTF.
 */
struct names_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct cgf_name_key);
	__type(value, struct cgf_name);
} names SEC(".maps") = {};

struct grants_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct cgf_grant);
} grants SEC(".maps");

struct resolvers_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct cgf_resolver_key);
	__type(value, struct cgf_resolver);
} resolvers SEC(".maps");

struct counters_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cgf_counters);
} counters SEC(".maps");

struct decisions_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} decisions SEC(".maps");

#define POLICY_MAPS(name, shape)                                                                   \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                          \
		__uint(max_entries, CGF_POLICIES_MAX);                                             \
		__type(key, __u32);                                                                \
		__type(value, __u32);                                                              \
		__array(values, struct shape);                                                     \
	} name SEC(".maps")

POLICY_MAPS(allow_maps, allow_map);
POLICY_MAPS(prefixes_maps, prefixes_map);
POLICY_MAPS(listens_maps, listens_map);
POLICY_MAPS(peers_maps, peers_map);
POLICY_MAPS(names_maps, names_map);
POLICY_MAPS(grants_maps, grants_map);
POLICY_MAPS(resolvers_maps, resolvers_map);
POLICY_MAPS(counters_maps, counters_map);
POLICY_MAPS(decisions_maps, decisions_map);

/* What a name is hashed with, so that nobody can make two that are taken for one. */
const volatile __u64 name_seed = 0;

/* The same, for the next build; no program reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seed SEC(".maps");

/*
 * A socket that asks the resolvers, made in the network namespace where these are. Nested fences
 * share it, so what it keeps says for which policy: slot + 1.
 */
struct asked_stream {
	__u32 policy;
	__u32 sent_seq;		/* TCP: all before it has been judged */
	__u32 heard_seq;	/* TCP: all before it has been learned from */
	__u16 reordered;	/* segments in a row that came too early */
	__u8 is_sent, is_heard; /* the numbers are known */
};

struct asked_socket {
	__u64 questions[CGF_ASKED_MAX]; /* 0: free */
	__u32 grants[CGF_ASKED_MAX];
	struct asked_stream streams[CGF_STREAMS_MAX];
	__u64 netns_cookie;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct asked_socket);
} asked_sockets SEC(".maps");

/*
 * TCP sockets that were let connect: what they have is no accepted connection, whatever port it is
 * from. Userspace reads it by sock_diag.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u8);
} connected_sockets SEC(".maps");

/* A TCP answer that did not end in its segment: its length, of two bytes, and the message. */
struct asked_joined {
	__u32 policy; /* of the one fence that joins */
	__u32 count;
	__u32 skip; /* bytes to come of a message that is too long to be joined */
	__u32 reserved;
	/* Twice, for the verifier: an offset below it and a length below it. */
	__u8 bytes[2 * CGF_STREAM_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct asked_joined);
} asked_joineds SEC(".maps");

/*
 * Is there somebody who answers a question that is refused? Whoever does has put a socket of its
 * own in here, at the policy's slot; the kernel takes it out when the process ends, however it
 * ends.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, CGF_POLICIES_MAX);
	__type(key, __u32);
	__type(value, __u64);
} keepers SEC(".maps");

#endif
