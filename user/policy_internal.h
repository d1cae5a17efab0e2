/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What policy*.c share. Not for other modules. */
#ifndef CGFENCE_POLICY_INTERNAL_H
#define CGFENCE_POLICY_INTERNAL_H

/* Out of memory is an error like any other. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "entries.h"
#include "policy.h"

struct name_address {
	struct address address;
	uint64_t base_ns;	  /* its TTL ends then; CGF_NEVER_EXPIRES: a file has it; 0: had */
	uint64_t expires_ns;	  /* 0: no answer has said it, it was found denied in a map */
	uint64_t denied_until_ns; /* what is denied, at least; 0: as long as the rest */
	bool allowed; /* to the name's allow rules: an answer has said it, and it is not special */
};

/* What the trie of names has of one name or wildcard, and what it is to have. */
struct policy_question {
	struct cgf_name wanted, written;
	bool is_wanted, in_map;
	bool seen; /* see struct policy */
};

struct policy_name {
	UT_hash_handle hh;
	/* All that apply: first those that say this very name, then those of wildcards above it. */
	uint32_t *rules;
	size_t rule_count, own_count;
	struct policy_question question;
	struct grant *grant;	  /* of all its rules; NULL if none of them allows */
	struct grant *deny_grant; /* of those that deny */
	struct name_address *addresses;
	size_t address_count, address_capacity;
	void *data;	/* see policy_name_set_data() */
	bool searched;	/* no rule says it: it is another name within a search domain */
	bool lost;	/* no rule says it any more; it is there until a flush */
	bool undecided; /* its rules are not those that its question and its addresses are by */
	bool was_named; /* while maps are taken up: an old grant was about this very name */
	char text[];	/* of a wildcard, what follows "*." */
};

/* Names that have the same address: those that are asked for, and those that were learned. */
struct policy_names_at {
	UT_hash_handle hh;
	struct address address;
	struct policy_name **names; /* owned */
	uint32_t count, capacity;
};

/* What a set of rules gives to the addresses of the names that have just these. */
struct grant {
	UT_hash_handle hh, hh_number; /* in `grants` by the rules, in `grant_numbers` */
	uint64_t written;	      /* a hash of what is in the map */
	uint64_t round;		      /* while maps are taken up: the last that it was given */
	uint32_t number, users;
	bool in_map;
	bool differs; /* what is in the map is not as it is to be */
	bool teaches; /* what is in the map has ports */
	bool seen;    /* see struct policy */
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
	bool seen;     /* see struct policy */
};

/* What is in a map and is nothing of ours; it goes with the next flush. */
struct policy_stray {
	struct policy_stray *next;
	bool is_name;
	bool teaches; /* see struct grant */
	uint32_t grant;
	struct cgf_name_key name;
};

struct policy {
	struct rules rules; /* by number; those that are not in `order` are no more */
	uint32_t *order;    /* numbers, in the order of the text */
	size_t order_count;
	/* Numbers that may be had again: now, and at the next change after a flush. */
	uint32_t *free, *leaving;
	size_t free_count, leaving_count;
	bool live;		  /* compiled: what is added now is added to what there is */
	bool left;		  /* names may have lost what they were there for */
	bool in_force;		  /* somebody may be judged by what was flushed */
	uint64_t keeps_denied_ns; /* see policy_let_kept_go(); 0: nothing */
	uint32_t kept_port_mask;  /* of these, as of struct cgf_target */
	bool taken_up;		  /* what is in the maps may be another's, until a flush */
	struct policy_stray *strays;
	bool round;		   /* of policy_verify(): what is `seen` as this is was met */
	bool untold;		   /* not all that the kernel has learned was told */
	uint64_t lost_before;	   /* records, until the last round */
	struct cgf_target between; /* see policy_target_between() */
	struct policy_name *names;
	struct policy_name *wildcards;
	struct policy_name *learned;	  /* below a wildcard, by the kernel; the oldest first */
	struct policy_names_at *names_at; /* by address */
	struct grant *grants, *grant_numbers;
	uint32_t grant_last;		     /* the last number that was used */
	bool questions_changed;		     /* what is wanted is not decided yet */
	bool questions_unwritten;	     /* what is wanted may not be what is written */
	bool allow_has_stale;		     /* entries of grants that are no more */
	char *searches[POLICY_SEARCHES_MAX]; /* domains, as text */
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
int policy_compile_rule(struct policy *policy, uint32_t rule);
/* The rules' numbers are their places. -ENOMEM. */
int policy_order_init(struct policy *policy);
/* So many numbers may be taken after this, and any may leave. -ENOMEM. */
int policy_order_reserve(struct policy *policy, size_t added);
uint32_t policy_order_take(struct policy *policy, struct rule *rule);
/* What the free numbers were; until then what they decided can be told. */
void policy_order_forget(struct policy *policy);
/* Nothing is given by these any more: `gone` has a place for each number. */
void policy_release_rules(struct policy *policy, const bool *gone);
/* Everything that was to go is gone from the maps. */
void policy_flushed(struct policy *policy);

enum gift_way {
	GIFT_HOLD,
	GIFT_RUN_OUT, /* what is allowed has an end, and may be in use: see entries_run_out() */
	GIFT_SHORTEN, /* of what is allowed: see entries_shorten() */
	GIFT_LEAVE,   /* it stays for its time, of what is denied: see entries_leave() */
	GIFT_RELEASE
};

/* Where a rule's keys go, and what is done with them there. */
struct gift {
	uint32_t rule, grant;
	struct prefix prefix;
	bool whole; /* an address, not a network */
	enum gift_way way;
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
void policy_name_free(struct policy *policy, struct policy_name **names, struct policy_name *name);
/* The same for one that is in no table. */
void policy_name_drop(struct policy *policy, struct policy_name *name);
void policy_name_free_all(struct policy *policy, struct policy_name **names);
/*
 * The rule says this very name, or this very wildcard; of a policy that is live, with all that
 * follows from it.
 */
int policy_name_add_rule(struct policy *policy, uint32_t rule);
int policy_name_append_rules(struct policy_name *name, const uint32_t *rules, size_t count);
/* Adds the rules of the wildcards above it, when each wildcard has its own. */
int policy_name_inherit(const struct policy *policy, struct policy_name *name);
/* No answer gives these rules anything any more: `gone` has a place for each number. */
void policy_name_release_rules(struct policy *policy, const bool *gone);
/* Its rules changed: what it may be asked for, and what it has, follows. */
void policy_name_undecided(struct policy *policy, struct policy_name *name);
/* Gives all addresses of the name once more, by the rules and grants that it has now. */
int policy_name_give_all(struct policy *policy, const struct policy_name *name);
/* Whether the address is allowed by the rules as they are now; else it is given no more. */
void policy_name_judge(struct policy *policy, const struct policy_name *name,
		       struct name_address *address);
/*
 * The same for every name's, or those whose rules have changed; then all that may be given has to
 * be given anew.
 */
void policy_names_judge(struct policy *policy, bool undecided_only);
/* What has the address: NULL, or at least one. */
const struct policy_names_at *policy_names_at(const struct policy *policy,
					      const struct address *address);
/* -ENOMEM */
int policy_names_at_add(struct policy *policy, struct policy_name *name,
			const struct address *address);
void policy_names_at_remove(struct policy *policy, const struct policy_name *name,
			    const struct address *address);
bool policy_name_has_rule(const struct policy_name *name, uint32_t rule);
/* Whether another name has the address, too, and that rule. `but` may be NULL. */
bool policy_names_share(const struct policy *policy, const struct policy_name *but, uint32_t rule,
			const struct address *address);
/* Without the rules of the name without a dot that it is in a search domain, and what they gave. */
void policy_name_release_meant(struct policy *policy, struct policy_name *name);
/* Nobody asks for it any more: what a file said of it has an end, and what was found denied. */
void policy_name_let_run_out(struct policy *policy, struct policy_name *name);
/* Names that no rule says any more: until a flush, and after it. */
void policy_names_lost(struct policy *policy);
void policy_names_collect(struct policy *policy);
/* In lower case, without the dot that may end it; the caller frees it. */
char *policy_name_canonical(const char *text);
/* Adds the names that libc makes of this one in the search domains. -E2BIG if there are too many.
 */
int policy_name_search(struct policy *policy, const struct policy_name *name);
/* Whether it is another name's, that may be asked for, within a search domain. */
bool policy_is_searched_for(const struct policy *policy, const struct policy_name *searched);
/* Whether it is one that libc makes of a name that rules say. */
bool policy_is_made_of_another(const struct policy *policy, const struct policy_name *searched);
/* Those that libc makes of it may be asked for, or not, as it may. */
void policy_searched_undecided(struct policy *policy, const struct policy_name *name);
bool policy_name_has(const struct policy *policy, const struct policy_name *name,
		     enum rule_verb verb);
/* One that it has not; to be filled. NULL: no memory. */
struct name_address *policy_name_add_address(struct policy *policy, struct policy_name *name,
					     const struct address *address);
/* One that was learned below a wildcard is one that rules are about; NULL: there is none. */
struct policy_name *policy_name_promote(struct policy *policy, const char *text);
/* What the name is to have by its rules as they are now. -ENOMEM: it stays undecided. */
int policy_name_decide(struct policy *policy, struct policy_name *name);
/* A name that only wildcards have; NULL: no memory. */
struct policy_name *policy_learned_add(struct policy *policy, const char *text);
/* Lets go of the addresses that have run out, of one family. */
void policy_name_forget(struct policy *policy, struct policy_name *name, bool ipv6,
			uint64_t now_ns);
/* One of its addresses, by all of its rules or by one. -ENOMEM. */
int policy_name_give(struct policy *policy, const struct policy_name *name,
		     const struct name_address *address, enum gift_way way);
int policy_name_give_by_rule(struct policy *policy, const struct policy_name *name, uint32_t rule,
			     const struct name_address *address, enum gift_way way);
/* It may give the same to several names: a wildcard's, or one that libc looks for in domains. */
bool policy_rule_is_of_several(const struct rule *rule);
static inline uint64_t name_address_ends_ns(const struct name_address *address)
{
	return address->expires_ns > address->denied_until_ns ? address->expires_ns
							      : address->denied_until_ns;
}
/* NULL: it has not. */
struct name_address *policy_name_find_address(const struct policy_name *name,
					      const struct address *address);
/* The name is forgotten, and what it has stays for its time, as the kernel has it. */
void policy_name_leave(struct policy *policy, const struct policy_name *name);
/* Of the names that nobody asks for: what the kernel has learned of them runs out. */
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
/* Puts the grant of this set of rules in the place of another, or none for none. -ENOMEM. */
int policy_grant_use(struct policy *policy, struct grant **used, const uint32_t *rules,
		     size_t count);
/* The number before the first that may be used; `last`: the highest that is known to have been. */
uint32_t policy_grant_last(uint32_t last);
struct grant *policy_grant_find(const struct policy *policy, uint32_t number);
bool policy_grant_lives(uint32_t number, const void *policy);
/* As the kernel is to have it. */
int policy_grant_value(const struct policy *policy, const struct grant *grant,
		       struct cgf_grant *ret_value);
/* The rule that says the name which the set is about, or else the longest wildcard. */
const struct rule *policy_grant_nearest(const struct policy *policy, const struct grant *grant);
#define POLICY_HASH_BEGIN 0xcbf29ce484222325ULL
uint64_t policy_hash_bytes(uint64_t hash, const void *bytes, size_t count);
uint64_t policy_grant_hash(const struct cgf_grant *grant);
/* See struct cgf_grant; of a wildcard, `text` is what follows "*.". */
uint64_t policy_name_hash(const char *text, bool below);
/* Of the rules' texts, in whatever order: see struct cgf_grant. */
int policy_rules_hash(const struct policy *policy, const uint32_t *rules, size_t count,
		      uint64_t *ret_hash);
/* `no_room` is how many there was none for. */
int policy_grants_write(struct policy *policy, struct datapath_policy *datapath,
			size_t *ret_no_room);
/* Those that teach the kernel, or the others. */
int policy_grants_remove_unused(struct policy *policy, struct datapath_policy *datapath,
				bool teaching);
void policy_grants_free(struct policy *policy);

/* What the names and wildcards are to have, if the rules are not those of the last time. */
int policy_questions_decide(struct policy *policy);
/*
 * What is to be asked for, and what not any more; `refused` counts what there is no room for. First
 * it is decided, and the grants are written; last those go that only tell whose an address was.
 */
int policy_questions_begin(struct policy *policy, struct datapath_policy *datapath,
			   size_t *ret_refused);
int policy_questions_write(struct policy *policy, struct datapath_policy *datapath,
			   size_t *ret_refused);
int policy_questions_remove(struct policy *policy, struct datapath_policy *datapath,
			    size_t *names_refused, size_t *grants_refused);
int policy_questions_end(struct policy *policy, struct datapath_policy *datapath, size_t refused);

/* The name or wildcard that has this key in the trie, or NULL. */
struct policy_name *policy_name_of_key(const struct policy *policy, const struct cgf_name_key *key);
/* They go with the next flush. -ENOMEM. */
int policy_stray_name(struct policy *policy, const struct cgf_name_key *key);
int policy_stray_grant(struct policy *policy, uint32_t number, bool teaches);
/* Names and grants that teach the kernel, or the other grants. */
int policy_strays_remove(struct policy *policy, struct datapath_policy *datapath, bool teaching);
void policy_strays_free(struct policy *policy);

/* New ones before the entries that let them be asked, and those that go after. */
int policy_resolvers_write(struct policy *policy, struct datapath_policy *datapath);
int policy_resolvers_remove(struct policy *policy, struct datapath_policy *datapath);
/* What is in the map of a process that is no more. */
int policy_resolvers_take_up(struct policy *policy, struct datapath_policy *datapath);
void policy_resolvers_free(struct policy *policy);
static inline bool policy_resolver_is_used(const struct policy_resolver *resolver)
{
	return resolver->own || resolver->others;
}

#endif
