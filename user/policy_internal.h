/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What policy.c and policy_name.c share. Not for other modules. */
#ifndef CGFENCE_POLICY_INTERNAL_H
#define CGFENCE_POLICY_INTERNAL_H

/* Out of memory is an error like any other. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "entries.h"
#include "policy.h"

struct name_address {
	struct address address;
	uint64_t base_ns; /* its TTL ends then; CGF_NEVER_EXPIRES if it has none */
	uint64_t expires_ns;
	bool allowed; /* not refused to the name's allow rules as special */
};

/* What the trie of names has of one name or wildcard, and what it is to have. */
struct policy_question {
	struct cgf_name wanted, written;
	bool is_wanted, in_map;
};

struct policy_name {
	UT_hash_handle hh;
	/* All that apply: first those that say this very name, then those of wildcards above it. */
	uint32_t *rules;
	size_t rule_count, own_count;
	struct policy_question question;
	struct name_address *addresses;
	size_t address_count, address_capacity;
	bool searched; /* no rule says it: it is another name within a search domain */
	char text[];   /* of a wildcard, what follows "*." */
};

/* What a set of rules gives to the addresses of the names that have just these. */
struct grant {
	UT_hash_handle hh, hh_number; /* in `grants` by the rules, in `grant_numbers` */
	uint32_t number;
	bool in_map, in_use;
	size_t rule_count;
	uint32_t rules[]; /* ascending */
};

/* A key goes when nobody uses it any more: at the next flush. */
struct policy_resolver {
	UT_hash_handle hh;
	struct cgf_resolver_key key;
	uint32_t ifindex;
	bool changed;
	bool own;      /* it was asked for by itself */
	size_t others; /* of cookie 0: keys of the same address that need it */
};

struct policy {
	struct rules rules;
	struct policy_name *names;
	struct policy_name *wildcards;
	struct policy_name *learned; /* below a wildcard, by the kernel; the oldest first */
	struct grant *grants, *grant_numbers;
	uint32_t grant_last;	  /* the last number that was used */
	bool questions_changed;	  /* what is wanted is not decided yet */
	bool questions_unwritten; /* what is wanted may not be what is written */
	bool allow_has_stale;	  /* entries of grants that are no more */
	char **searches;	  /* domains, as text */
	size_t search_count;
	struct policy_resolver *resolvers;
	struct entries *allow;
	struct entries *prefixes;
	struct entries *listens;
	struct cgf_target target;
	uint64_t name_keys; /* of all names, if each had one address */
};

/* What rules call a protocol, and what the kernel does. */
#define POLICY_PROTOCOLS 3
struct policy_protocol {
	uint8_t flag, number;
};
extern const struct policy_protocol policy_protocols[POLICY_PROTOCOLS];

/* All rules, one after the other, and then the names together. */
int policy_compile(struct policy *policy);

/* Where a rule's keys go, and what is done with them there. */
struct gift {
	uint32_t rule;
	struct prefix prefix;
	bool whole; /* an address, not a network */
	bool hold;  /* or release */
	uint64_t expires_ns;
};

/* Every port block and protocol of the rule, for one address or prefix. */
int policy_give(struct policy *policy, const struct gift *gift);
/*
 * Which widths of port blocks the rule has keys of, now or when its name is answered: a width that
 * the target lacks is not looked up. `whole` if the keys are addresses, not networks.
 */
void policy_add_port_mask(struct policy *policy, const struct rule *rule, bool whole);
/* What the target says of the rules as a whole: see CGF_TARGET_*. */
void policy_add_flags(struct policy *policy, const struct rule *rule);
/* Of an address, a prefix or a word. */
bool policy_rule_is_loopback(const struct rule *rule);
bool policy_rule_covers(const struct rule *rule, const struct address *address);
int policy_deny_wildcards(const struct policy *policy, struct failure *failure);
int policy_check_limits(const struct policy *policy, struct failure *failure);
/* What names and wildcards say that no question can be held to. */
int policy_check_questions(const struct policy *policy, struct failure *failure);
/* Whether an allow rule says this special address without a name. */
bool policy_allows_by_address(const struct policy *policy, const struct address *address);

struct policy_name *policy_name_find(struct policy_name *names, const char *text, size_t length);
struct policy_name *policy_name_find_or_add(struct policy_name **names, const char *text);
void policy_name_free(struct policy_name **names, struct policy_name *name);
void policy_name_free_all(struct policy_name **names);
/* The rule says this very name, or this very wildcard. */
int policy_name_add_rule(struct policy *policy, uint32_t rule);
int policy_name_append_rules(struct policy_name *name, const uint32_t *rules, size_t count);
/* Adds the rules of the wildcards above it, when each wildcard has its own. */
int policy_name_inherit(const struct policy *policy, struct policy_name *name);
/* No answer gives the rule anything any more. */
void policy_name_release_rule(struct policy *policy, uint32_t rule);
bool policy_name_has(const struct policy *policy, const struct policy_name *name,
		     enum rule_verb verb);
/* Lets go of the addresses that have run out, of one family. */
void policy_name_forget(struct policy *policy, struct policy_name *name, bool ipv6,
			uint64_t now_ns);
/* Of the names that the kernel has learned below wildcards. */
void policy_learned_forget(struct policy *policy, uint64_t now_ns);

/*
 * The blocks of ports that the allow rules among these give and the deny rules leave; -E2BIG if
 * they do not fit a grant.
 */
int policy_grant_blocks(const struct policy *policy, const uint32_t *rules, size_t count,
			struct cgf_port_block ret_blocks[CGF_GRANT_BLOCKS_MAX], size_t *ret_count);
/* How long the addresses of a name last at least, by its rules. */
uint32_t policy_grant_ttl_floor_s(const struct policy *policy, const uint32_t *rules, size_t count);
bool policy_grant_is_private(const struct policy *policy, const uint32_t *rules, size_t count);
/* The grant of this set of rules, the same for the same set; NULL: no memory. */
struct grant *policy_grant_get(struct policy *policy, const uint32_t *rules, size_t count);
bool policy_grant_lives(uint32_t number, const void *policy);
int policy_grants_write(struct policy *policy, struct datapath_policy *datapath);
int policy_grants_remove_unused(struct policy *policy, struct datapath_policy *datapath);
void policy_grants_free(struct policy *policy);

/* What the names and wildcards are to have, if the rules are not those of the last time. */
int policy_questions_decide(struct policy *policy);
int policy_flush_questions(struct policy *policy, struct datapath_policy *datapath,
			   size_t *ret_refused);

/* New ones before the entries that let them be asked, and those that go after. */
int policy_resolvers_write(struct policy *policy, struct datapath_policy *datapath);
int policy_resolvers_remove(struct policy *policy, struct datapath_policy *datapath);
void policy_resolvers_free(struct policy *policy);
static inline bool policy_resolver_is_used(const struct policy_resolver *resolver)
{
	return resolver->own || resolver->others;
}

#endif
