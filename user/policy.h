/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules to map entries. What a rule says by address is compiled once; what it says by name follows
 * the answers. An entry is held by each rule that gives it, so two names on one address do not
 * disturb each other. Only differences are written to the datapath.
 *
 * The kernel learns by itself from the answers that the command gets: what it may ask for, and what
 * an answer gives, is compiled from the same rules (names and grants, see cgfence.h). What it has
 * learned is adopted here, so that each rule's entries are known. To a name apply the rules that
 * say it and those of every wildcard above it.
 *
 * How long an address of a name lasts: for new flows until its answer's TTL, taken as at least
 * POLICY_TTL_FLOOR_S, and POLICY_GRACE_S more. What a name had and a newer answer lacks stays until
 * then: the union of what was seen. If the resolver fails, the addresses it last gave live on for
 * POLICY_FAILURE_GRACE_S; a failure never adds one. What is in use when it runs out stays for the
 * flows that have begun, until policy_sweep() finds it idle.
 */
#ifndef CGFENCE_POLICY_H
#define CGFENCE_POLICY_H

#include "address.h"
#include "cgfence.h"
#include "failure.h"
#include "policyfile.h"

struct datapath_policy;
struct policy;
struct policy_name;

/* An application that looks a name up every 10 s at TTL 1 s was denied 9 times in 10 without it. */
#define POLICY_TTL_FLOOR_S 60
#define POLICY_GRACE_S CGF_TTL_GRACE_S
#define POLICY_FAILURE_GRACE_S 600

/*
 * Takes over the rules: `rules` is left empty. -ENOMEM; -E2BIG beyond a limit; -ENOTSUP for a rule
 * that cannot be kept: a denied wildcard beside allowed addresses, any of which may have such a
 * name; and what no question can be held to: see policy_check_questions().
 */
int policy_init(struct policy **ret_policy, struct rules *rules, struct failure *failure);
void policy_finish(struct policy **policy);

/* NULL if there is none. One that went is known until the second change after it. */
const struct rule *policy_rule(const struct policy *policy, uint32_t rule);
/* What rules say that may not be meant; `any_question`: names without a rule may be asked for. */
void policy_each_warning(const struct policy *policy, bool any_question,
			 void (*warning)(const char *text, void *data), void *data);
/* What the datapath must have room for. */
uint32_t policy_capacity(const struct policy *policy);
/* Mode and port masks; the slot is the caller's to fill in. Of a policy with fewer rules, another.
 */
struct cgf_target policy_target(const struct policy *policy);
/* The addresses of its `dns` rules; returns how many there are, at most CGF_RESOLVERS_MAX. */
size_t policy_dns(const struct policy *policy, struct address ret_servers[CGF_RESOLVERS_MAX]);

/*
 * Lets those inside ask this resolver: port 53, UDP and TCP, and the kernel learn from its answers
 * in one network namespace if they come in on this device (1: loopback; 0: any other). Again: on
 * another device from now on. -E2BIG beyond POLICY_RESOLVERS_MAX.
 */
#define POLICY_RESOLVERS_MAX CGF_RESOLVERS_AT_MAX
struct policy_resolver_at {
	struct address address;
	uint64_t netns_cookie; /* 0: the fence's own, as of struct cgf_target */
	uint32_t ifindex;
};
int policy_add_resolver(struct policy *policy, const struct policy_resolver_at *resolver);
void policy_remove_resolver(struct policy *policy, const struct policy_resolver_at *resolver);
/* These are all there are from now on. On failure some may have been added, and none has gone. */
int policy_use_resolvers(struct policy *policy, const struct policy_resolver_at *list,
			 size_t count);
/*
 * A domain in which libc looks for names. Such a look-up of a name that has a dot may be made and
 * gives nothing; of one without it is that of the name. These are all there are from now on; what
 * was made of others goes with the next flush. What can be no domain is left out. -E2BIG: so is
 * what is beyond POLICY_SEARCHES_MAX, or would make more names than CGF_NAMES_MAX.
 */
#define POLICY_SEARCHES_MAX 64
int policy_use_searches(struct policy *policy, const char *const *domains, size_t count);
/* The deny rule that shuts this port, of TCP or of UDP, or CGF_RULE_NONE. */
uint32_t policy_denied_by(const struct policy *policy, const struct address *address,
			  uint16_t port);

/* Whether a rule opens port 53 there, though it be no resolver of the fence's. */
bool policy_allows_dns(const struct policy *policy, const struct address *address);
/*
 * The deny rule for which this name may not be asked for though an allow rule has it, or
 * CGF_RULE_NONE.
 */
uint32_t policy_question_denied_by(const struct policy *policy, const char *text);
/* The first allow rule that has the name, or CGF_RULE_NONE. */
uint32_t policy_question_allowed_by(const struct policy *policy, const char *text);

/* Names to resolve, each once. */
bool policy_has_names(const struct policy *policy);
typedef int (*policy_name_fn)(struct policy_name *name, const char *text, void *data);
int policy_each_name(struct policy *policy, policy_name_fn name, void *data);

/* What came of an answer. */
struct policy_learned {
	size_t added;	/* addresses this name did not have before */
	size_t special; /* addresses that a public name must not give, refused */
	struct address first_special;
	size_t refused; /* addresses beyond CGF_NAME_ADDRESSES_MAX */
};

/*
 * Addresses of one family from an answer. `ttl_s` 0 and `fixed` for addresses that do not run out.
 * -ENOMEM: some of the addresses may be missing; `ret_learned` is set all the same.
 */
struct policy_answer {
	const struct address *addresses;
	size_t count;
	uint32_t ttl_s;
	bool fixed;
	uint64_t now_ns;
	bool ipv6; /* the family that was asked for, also if there is no address */
};
int policy_learn(struct policy *policy, struct policy_name *name,
		 const struct policy_answer *answer, struct policy_learned *ret_learned);
/*
 * What the name has of the answer's family and does not run out is what the answer has that does
 * not: anything else was of a file that has become another, and lasts POLICY_GRACE_S from now on.
 * Before policy_learn() of the same answer; of one that failed, too.
 */
void policy_unfix(struct policy *policy, struct policy_name *name,
		  const struct policy_answer *answer);
/*
 * Addresses that the kernel has learned from an answer to a question for `text`, by what it tells
 * (struct cgf_message): what they are, and the grant. May be of both families; `ttl_s` is that of
 * the chain, not yet clamped. `ret_name` belongs to the policy. -ENOENT if no rule has the name.
 */
int policy_adopt(struct policy *policy, const char *text, const struct policy_answer *answer,
		 uint32_t grant, struct policy_learned *ret_learned, const char **ret_name);
/* The resolver failed: what the name has of that family lives on, see above. */
void policy_resolver_failed(struct policy *policy, struct policy_name *name, bool ipv6);

size_t policy_name_address_count(const struct policy_name *name);
/* Whether an allow rule has this name, and whether a deny rule has it. */
bool policy_name_is_allowed(const struct policy *policy, const struct policy_name *name);
bool policy_name_is_denied(const struct policy *policy, const struct policy_name *name);
/* Whether an allow rule of this very name has the port; `protocol` as of IPPROTO_TCP. */
bool policy_name_has_port(const struct policy *policy, const struct policy_name *name,
			  uint16_t protocol, uint16_t port);
const char *policy_name_text(const struct policy_name *name);
/* One of the rules', or learned below a wildcard; NULL. */
const struct policy_name *policy_name_known(const struct policy *policy, const char *text);
/* Of its addresses that have not run out. */
struct policy_name_addresses {
	size_t allowed; /* to its allow rules */
	size_t special; /* refused to them, as a name alone does not allow them */
	struct address first_special;
};
struct policy_name_addresses policy_name_addresses(const struct policy_name *name);
/* What the caller has of the name: NULL for one that is new to policy_each_name(). */
void policy_name_set_data(struct policy_name *name, void *data);
void *policy_name_data(const struct policy_name *name);
/* A name that has this address now, or NULL. */
const char *policy_name_of(const struct policy *policy, const struct address *address);
/* Names that have addresses, and addresses of names. */
void policy_count_names(const struct policy *policy, size_t *ret_names, size_t *ret_addresses);

/*
 * Writes what has changed. -ENOSPC: the map of what is allowed is full; what did not fit is retried
 * at the next call, and `ret_refused` says how many entries wait. -EOVERFLOW: there is no room for
 * what is denied, and the fence must be shut.
 */
int policy_flush(struct policy *policy, struct datapath_policy *datapath, size_t *ret_refused);
/*
 * The same for a policy that is in force nowhere, as every fence that has it is shut: what goes
 * makes room for what is denied. For after -EOVERFLOW, before the fences are opened again.
 */
int policy_flush_shut(struct policy *policy, struct datapath_policy *datapath, size_t *ret_refused);
/* Whether flushing has denied something more, or allowed something less, since the last call. */
bool policy_take_narrowed(struct policy *policy);
/* Takes what has run out and is idle out of the datapath. */
int policy_sweep(struct policy *policy, struct datapath_policy *datapath, uint64_t now_ns);

/*
 * From the next flush on these are the rules, in this order. Rules that were there before, by their
 * canonical form, keep their numbers and all they give; a number that is free is used again. A new
 * rule of a name that is known gives its addresses at once. Takes over `rules`, also on failure.
 * Errors as of policy_init(), and then nothing is changed. What the kernel has told of and is not
 * adopted yet is lost for rules that go: adopt first, see decisions_catch_up(). Targets are to be
 * written anew by policy_target(): before the flush by policy_target_between(), which has what the
 * old rules and the new need, and after it.
 */
struct policy_changes {
	size_t added, removed; /* rules */
	bool resolvers;	       /* `dns` rules are others */
};
int policy_apply(struct policy *policy, struct rules *rules, struct policy_changes *ret_changes,
		 struct failure *failure);
/* The same with the rules of a policy that is in force nowhere, and is taken over. -ENOMEM. */
int policy_become(struct policy *policy, struct policy **wanted,
		  struct policy_changes *ret_changes);
struct cgf_target policy_target_between(const struct policy *policy);

/* The rules in the order of the text. Anything but 0 ends it and is returned. */
typedef int (*policy_rule_fn)(const struct rule *rule, uint32_t number, void *data);
int policy_each_rule(const struct policy *policy, policy_rule_fn rule, void *data);
/*
 * What a rule has in force now: its address, if it says one and not a network, or those of its
 * names. `name` is NULL for an address.
 */
struct policy_rule_address {
	struct address address;
	const char *name;
	uint64_t expires_ns; /* CGF_NEVER_EXPIRES if it does not */
};
typedef int (*policy_rule_address_fn)(const struct policy_rule_address *address, void *data);
int policy_each_rule_address(const struct policy *policy, uint32_t rule,
			     policy_rule_address_fn found, void *data);
size_t policy_rule_count(const struct policy *policy);
/* What that would add and remove, whatever the order. Ends as policy_each_rule(); -ENOMEM. */
int policy_compare(const struct policy *policy, const struct policy *wanted, policy_rule_fn added,
		   policy_rule_fn removed, void *data);

/*
 * Takes up maps that are in force, of a daemon that is no more: the next flush writes only what
 * differs. What names gave there stays for its time, by the rules that the name has now, and what
 * they denied until the name's first answer; what no rule gives goes, but see policy_let_kept_go().
 * Resolvers stay until policy_use_resolvers() says which there are. Before anything was flushed.
 * -errno; -E2BIG: too many names may be denied what a wildcard allowed.
 */
int policy_readopt(struct policy *policy, struct datapath_policy *datapath);
/*
 * What was denied, and is not known whose it all was, stays so, the very address and port, until
 * this is called, when all names that are denied have been answered; or for long where none is
 * asked for. True if there is something to flush.
 */
bool policy_let_kept_go(struct policy *policy);

/*
 * Compares what was written with what the kernel has, what it learned included (adopt first, see
 * decisions_catch_up(), and flush). What differs is written by the next flush. `unsure` counts what
 * the kernel has learned and not told of by then: it is foreign if it is met again, so adopt what
 * is told and verify once more, soon.
 */
enum policy_difference {
	POLICY_MISSING,
	POLICY_FOREIGN,
	POLICY_CHANGED
};
struct policy_differences {
	size_t missing, foreign, changed, unsure;
	enum policy_difference first_is;
	char first[160]; /* one of them, for a person: "allow: 192.0.2.1 port 22/tcp is missing" */
};
int policy_verify(struct policy *policy, struct datapath_policy *datapath,
		  struct policy_differences *ret_differences);
/* An answer taught more than was told of it: what is not known by then is no difference. */
void policy_untold(struct policy *policy);

/*
 * The rule gives nothing from the next flush on; the numbers of the others stay. What the kernel
 * has told of and is not adopted yet is lost: adopt first, see decisions_catch_up(). -ENOMEM.
 */
int policy_remove_rule(struct policy *policy, uint32_t rule);

#endif
