/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel side as userspace sees it: programs loaded once for a host, the maps of a policy, and
 * fences (a policy in force on a cgroup). The only files that know libbpf are datapath*.c.
 *
 * Everything is pinned, so that a fence outlives the process that made it:
 *
 *   /sys/fs/bpf/cgfence/datapath/CONTRACT/maps/…            hash of what builds must agree on
 *   /sys/fs/bpf/cgfence/datapath/CONTRACT/programs-BUILD/…   hash of the object; one at a time
 *   /sys/fs/bpf/cgfence/datapath/CONTRACT/spare/SLOT/…
 *   /sys/fs/bpf/cgfence/policies/POLICY/{allow,prefixes,names,…}
 *   /sys/fs/bpf/cgfence/links/FENCE/{connect4,connect6,…}
 *
 * Whoever makes or removes any of it holds the lock, from datapath_open() to datapath_unlock().
 *
 * datapath_open() takes CAP_SYS_ADMIN. After it, and with uid 0 for the pins:
 *
 *   CAP_BPF         for whatever makes a map: datapath_policy_create(), _grow(), and _open() of one
 *                   that is not whole; before Linux 5.19 for every call that asks the kernel
 *   CAP_NET_ADMIN   for whatever attaches a program: datapath_fence_attach(), _mend() of a link
 *   CAP_SYS_ADMIN   for what finds maps and programs by number: datapath_standings(),
 *                   datapath_fence_policy(), and to open what somebody has tampered with, or what
 *                   is of another build
 *   CAP_SYS_RESOURCE or enough locked memory, before Linux 5.11, for all that makes or attaches
 */
#ifndef CGFENCE_DATAPATH_H
#define CGFENCE_DATAPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgfence.h"
#include "failure.h"
#include "standing.h"

#define DATAPATH_BPFFS "/sys/fs/bpf"
#define DATAPATH_ROOT DATAPATH_BPFFS "/cgfence"

struct datapath;

/*
 * Takes the lock and opens the pinned programs and maps of this build, or loads and pins them, and
 * then switches every fence of the same contract to them, whose makers need not know. -ENODEV
 * without bpffs; otherwise what the kernel said.
 */
int datapath_open(struct datapath **ret_datapath, struct failure *failure);
void datapath_unlock(struct datapath *datapath);
/*
 * Needed again before anything is removed. Taken as often as it was, it is let go. With `can_stop`,
 * -EINTR if a signal that would end the process is blocked and waits.
 */
int datapath_lock(struct datapath *datapath, bool can_stop, struct failure *failure);
void datapath_close(struct datapath **datapath);
/* The build whose programs are in force; another than this one's if somebody else has put it there.
 */
const char *datapath_build(const struct datapath *datapath);

/*
 * There is one process that keeps what is pinned by names of policies: as long as it has `ret_fd`
 * open. -EBUSY if another one does. Before datapath_open().
 */
int datapath_claim(int *ret_fd, struct failure *failure);

/* The maps of one policy. */
struct datapath_policy;

/*
 * Makes and pins the maps and puts them into a free slot. They are in force when this returns;
 * until a fence refers to them no flow can meet them. -EEXIST if the name is taken, -ENOSPC if
 * every slot is. The lock must be held.
 */
int datapath_policy_create(struct datapath *datapath, const char *name, uint32_t entries,
			   struct datapath_policy **ret_policy, struct failure *failure);
uint32_t datapath_policy_slot(const struct datapath_policy *policy);
/*
 * Opens a policy that is pinned, in the slot where it is; a slot that is not filled whole is
 * filled. -ENOENT if it is not pinned; -ESTALE if its maps are of another contract than this
 * build's; -EUCLEAN if some are missing or are not in its slot and cannot be put there. The lock
 * must be held.
 */
int datapath_policy_open(struct datapath *datapath, const char *name,
			 struct datapath_policy **ret_policy, struct failure *failure);
/*
 * What is of another contract stands until what takes its place is whole: its pins are moved to
 * another name, which is returned; the policy or fence is made anew; a cgroup has both fences for a
 * while, and both must allow. Then datapath_policy_collect() and datapath_fence_detach() remove
 * what was moved aside. The lock must be held.
 */
int datapath_policy_set_aside(struct datapath *datapath, const char *name,
			      char ret_aside[STANDING_NAME_BYTES], struct failure *failure);
int datapath_fence_set_aside(struct datapath *datapath, const char *name,
			     char ret_aside[STANDING_NAME_BYTES], struct failure *failure);
/* Whether that is a name of something that was moved aside, and what it was named before. */
bool datapath_aside_of(const char *aside, char ret_name[STANDING_NAME_BYTES]);

/* The room of its `allow` map, and how to have more: at least `entries`. What it holds stays. */
uint32_t datapath_policy_capacity(const struct datapath_policy *policy);
int datapath_policy_grow(struct datapath *datapath, struct datapath_policy *policy,
			 uint32_t entries, struct failure *failure);
/*
 * What is found to be other than it was made is told, and put right; if that cannot be done it is
 * told all the same, and -errno returned. Each takes the lock if there is something to do.
 */
typedef void (*datapath_problem_fn)(const struct standing_problem *problem, void *data);
/*
 * What all policies and fences share: pins of programs and of the contract's maps that were removed
 * or replaced. Programs of another build of this contract, which somebody has put into the fences,
 * are from then on those that are wanted. -ESTALE: another contract is pinned in place of this one;
 * what stands is kept as before, and whoever begins anew takes it over.
 */
int datapath_mend(struct datapath *datapath, datapath_problem_fn mended, void *data);
/*
 * Where the kernel can say so: `ret_fd` is readable once another process may have changed what is
 * pinned, attached or in a map, until that is taken. So whoever takes it, and then looks, has seen
 * all of it; but for what a program of somebody else's writes. CAP_SYS_ADMIN, which it does not
 * need later. -errno where the kernel cannot.
 */
struct datapath_notice;
int datapath_notice_open(struct datapath_notice **ret_notice, int *ret_fd);
void datapath_notice_take(struct datapath_notice *notice);
void datapath_notice_close(struct datapath_notice **notice);
/* Its pins, its places in the slot, and that it is kept, if it is: see datapath_keep(). */
int datapath_policy_mend(struct datapath *datapath, struct datapath_policy *policy,
			 datapath_problem_fn mended, void *data);
/*
 * Takes the policy out of its slot and unpins its maps. A fence that refers to it still denies
 * everything, and nobody else has the slot while it does. The lock must be held.
 */
void datapath_policy_destroy(struct datapath *datapath, struct datapath_policy **policy);
/* Closes what this process holds; the policy stays. */
void datapath_policy_close(struct datapath_policy **policy);

/*
 * Writes `count` entries, new or changed. Stops at the first that does not fit: -ENOSPC, with
 * `ret_written` saying how many are in. Needs no lock.
 */
int datapath_allow_write(struct datapath_policy *policy, const struct cgf_key *keys,
			 const struct cgf_entry *entries, size_t count, size_t *ret_written);
/* Keys that are not there are no error. */
int datapath_allow_delete(struct datapath_policy *policy, const struct cgf_key *keys, size_t count);
/* The entry as it is now; -ENOENT. */
int datapath_allow_read(const struct datapath_policy *policy, const struct cgf_key *key,
			struct cgf_entry *ret_entry);
/* Takes it out, and says what it was at that moment; before Linux 5.14, a moment earlier. */
int datapath_allow_take(struct datapath_policy *policy, const struct cgf_key *key,
			struct cgf_entry *ret_entry);
/* -EEXIST, -ENOSPC */
int datapath_allow_add(struct datapath_policy *policy, const struct cgf_key *key,
		       const struct cgf_entry *entry);
/*
 * Every entry that is there throughout, at least once. The call may write and delete; what it
 * returns, if not 0, ends the walk.
 */
typedef int (*datapath_entry_fn)(const struct cgf_key *key, const struct cgf_entry *entry,
				 void *data);
int datapath_allow_each(const struct datapath_policy *policy, datapath_entry_fn entry, void *data);

/* Of all that follow: -ENOSPC for what does not fit; to delete what is not there is no error. */
int datapath_prefix_write(struct datapath_policy *policy, const struct cgf_prefix_key *key,
			  const struct cgf_prefix *prefix);
/* -ENOENT; of a shorter one that has all of it, if there is none of this length. */
int datapath_prefix_read(const struct datapath_policy *policy, const struct cgf_prefix_key *key,
			 struct cgf_prefix *ret_prefix);
int datapath_prefix_delete(struct datapath_policy *policy, const struct cgf_prefix_key *key);
int datapath_listen_write(struct datapath_policy *policy, const struct cgf_listen_key *key,
			  const struct cgf_listen *listen);
int datapath_listen_delete(struct datapath_policy *policy, const struct cgf_listen_key *key);
int datapath_name_write(struct datapath_policy *policy, const struct cgf_name_key *key,
			const struct cgf_name *name);
int datapath_name_delete(struct datapath_policy *policy, const struct cgf_name_key *key);
int datapath_grant_write(struct datapath_policy *policy, uint32_t number,
			 const struct cgf_grant *grant);
int datapath_grant_delete(struct datapath_policy *policy, uint32_t number);
/*
 * Each that is there throughout, once; what the call returns, if not 0, ends the walk. It must not
 * write nor delete.
 */
typedef int (*datapath_prefix_fn)(const struct cgf_prefix_key *key, const struct cgf_prefix *prefix,
				  void *data);
int datapath_prefix_each(const struct datapath_policy *policy, datapath_prefix_fn prefix,
			 void *data);
typedef int (*datapath_listen_fn)(const struct cgf_listen_key *key, const struct cgf_listen *listen,
				  void *data);
int datapath_listen_each(const struct datapath_policy *policy, datapath_listen_fn listen,
			 void *data);
typedef int (*datapath_question_fn)(const struct cgf_name_key *key, const struct cgf_name *name,
				    void *data);
int datapath_question_each(const struct datapath_policy *policy, datapath_question_fn name,
			   void *data);
typedef int (*datapath_grant_fn)(uint32_t number, const struct cgf_grant *grant, void *data);
int datapath_grant_each(const struct datapath_policy *policy, datapath_grant_fn grant, void *data);

/* What the programs have counted there stays. */
int datapath_resolver_write(struct datapath_policy *policy, const struct cgf_resolver_key *key,
			    uint32_t ifindex);
int datapath_resolver_delete(struct datapath_policy *policy, const struct cgf_resolver_key *key);
typedef void (*datapath_resolver_fn)(const struct cgf_resolver_key *key,
				     const struct cgf_resolver *resolver, void *data);
int datapath_resolver_each(const struct datapath_policy *policy, datapath_resolver_fn resolver,
			   void *data);

/*
 * Waits until whatever is being decided at this moment is: from then on all decisions are by what
 * the maps have now. A grace period of RCU, 5 to 30 ms. -errno: there was no waiting.
 */
int datapath_settle(void);

/*
 * Tells the programs that questions which are refused are answered from now on, until the policy is
 * closed or this process ends.
 */
int datapath_keep(const struct datapath *datapath, struct datapath_policy *policy);

/* A flow that is established; both ends are keys of one port. */
struct datapath_flow {
	uint64_t socket_cookie;
	struct cgf_key local, remote;
	bool connected; /* TCP: it began here, see datapath_connected_fd() */
};

/*
 * The map of sockets that were let connect, as sock_diag reads it: what has a place in it is no
 * accepted connection. Of those that were connected before there was a fence nobody knows.
 */
int datapath_connected_fd(const struct datapath *datapath);

/*
 * Whether its packets leave the fence: the decision of the egress program once more, by the same
 * maps.
 */
bool datapath_flow_passes(const struct datapath_policy *policy, const struct cgf_target *target,
			  const struct datapath_flow *flow);
/* A new flow, as the programs would decide it at that time; and the rule, or CGF_RULE_NONE. */
enum datapath_judgement {
	DATAPATH_ALLOWED_BY_ENTRY,
	DATAPATH_ALLOWED_BY_PREFIX,
	DATAPATH_DENIED_BY_PREFIX,
	DATAPATH_DENIED_EXPIRED,
	DATAPATH_DENIED,
	DATAPATH_SHUT,
	DATAPATH_JUDGEMENT_COUNT
};
enum datapath_judgement datapath_judge(const struct datapath_policy *policy,
				       const struct cgf_target *target, const struct cgf_key *key,
				       uint64_t now_ns, uint32_t *ret_rule);
/* Forgets the peers of UDP sockets that may not be answered any more. */
int datapath_peers_prune(struct datapath_policy *policy, const struct cgf_target *target);
int datapath_counters(struct datapath_policy *policy, struct cgf_counters *ret_counters);

/*
 * Decisions: a file descriptor that becomes readable, and a callback for each record. Of a message
 * `size` is that of the record: there may be fewer bytes than the message had, or more.
 */
typedef void (*datapath_decision_fn)(const struct cgf_decision *decision, void *data);
typedef void (*datapath_message_fn)(const struct cgf_message *message, size_t size, void *data);
int datapath_decisions_open(struct datapath_policy *policy, datapath_decision_fn decision,
			    datapath_message_fn message, void *data, int *ret_fd);
int datapath_decisions_drain(struct datapath_policy *policy);

/*
 * Puts `target` in force on the cgroup: every program attached, links pinned below links/NAME, the
 * target written, and all of it read back from the kernel. On failure nothing is left. The lock
 * must be held. With `families` the program that refuses AF_PACKET, AF_VSOCK and so on is among
 * them, if the kernel runs it: to attach the first of its kind on a host takes tens of milliseconds
 * (the kernel waits for every task), so it is for who has nothing else to refuse them.
 */
int datapath_fence_attach(struct datapath *datapath, const char *name, int cgroup_fd,
			  const struct cgf_target *target, bool families, struct failure *failure);
/* Whether the kernel can hold families of sockets that are not the Internet's: see above. */
bool datapath_holds_families(const struct datapath *datapath);
/* Puts another target in force, at once and whole; read back. Needs no lock. */
int datapath_fence_retarget(const struct datapath *datapath, int cgroup_fd,
			    const struct cgf_target *target);
/* Unpins the links, which detaches them. */
int datapath_fence_detach(const char *name);

/*
 * A fence that this process holds by its links, so that it stays in force if its pins are removed.
 * datapath_fence_open() takes one that is pinned, made by datapath_fence_attach() of this process
 * or of one before it, with programs of this build. -ENOENT: no such fence; -ENOLINK: its cgroup is
 * gone; -ESTALE: it is of another contract.
 */
struct datapath_fence;
int datapath_fence_open(struct datapath *datapath, const char *name,
			struct datapath_fence **ret_fence, struct failure *failure);
/* Lets go of it; its pins hold it on. The datapath must be open still. */
void datapath_fence_close(struct datapath_fence **fence);
/*
 * Ends it: when this returns nothing is judged by it any more, where datapath_fence_detach() leaves
 * it to the kernel to do so soon. The lock must be held.
 */
int datapath_fence_end(struct datapath_fence **fence);
/* 0 once the cgroup is gone. */
uint64_t datapath_fence_cgroup(const struct datapath_fence *fence);
/* As written; -ENOENT once the cgroup is gone. */
int datapath_fence_target(const struct datapath *datapath, const struct datapath_fence *fence,
			  struct cgf_target *ret_target);
/*
 * Compares every link, its pin, its program and the target with what they should be, and puts right
 * what is not: each is told. -ENOLINK, and nothing told, if the cgroup is gone or the descriptor is
 * another's. Little is done if all is as it should be: a system call for each program, and two.
 */
int datapath_fence_mend(struct datapath *datapath, struct datapath_fence *fence, int cgroup_fd,
			const struct cgf_target *target, datapath_problem_fn mended, void *data);
/* True if the fence's links are of no cgroup that is there, or of this one (-1: no other). */
bool datapath_fence_is_orphan(const char *name, int cgroup_fd);

/*
 * The name by which the policy is pinned that the fence's target refers to, of whichever contract.
 * -ENOENT if there is none; else it is not known. `pinned` are the policies as they were when it
 * was read: for many fences once, as there may be many policies; NULL: as they are.
 */
struct datapath_pinned;
int datapath_fence_policy(const char *fence, struct datapath_pinned *pinned,
			  char ret_policy[STANDING_NAME_BYTES]);
/* NULL without memory. */
struct datapath_pinned *datapath_pinned_read(void);
void datapath_pinned_free(struct datapath_pinned **pinned);

/* Calls for every name below links/, or policies/. The lock must be held. */
typedef void (*datapath_name_fn)(const char *name, void *data);
int datapath_each_fence(datapath_name_fn fence, void *data);
int datapath_each_policy(datapath_name_fn policy, void *data);
/*
 * Every fence that is pinned, as it stands, sorted, but for its cgroup's path and its devices'
 * names. Waits until nobody makes or removes one; makes and loads nothing.
 */
int datapath_standings(struct standings *ret_standings, struct failure *failure);
/* What this kernel lacks of what the programs can use. */
void datapath_kernel(struct standing_kernel *ret_kernel);
/* Takes a policy whose maker is dead out of its slot and unpins it. The lock must be held. */
void datapath_policy_collect(struct datapath *datapath, const char *name);

#endif
