/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A second opinion on what names give, live and after a restart, from what the manual pages say and
 * from nothing of the product's code. It knows of each name what was answered, and of each rule
 * whether it is sure to be about that: where the pages leave open what follows, so does it.
 */
#ifndef CGFENCE_TESTS_BPF_NAMES_ORACLE_H
#define CGFENCE_TESTS_BPF_NAMES_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util.h"

#define ORACLE_ADDRESSES 4
#define ORACLE_ADDRESS "203.0.113.%zu" /* from 1 on */
#define ORACLE_ALL UINT32_MAX
#define ORACLE_NEVER UINT64_MAX
/* "An address lasts": the floor of a TTL, the time after it, and what a failing resolver adds. */
#define ORACLE_LASTS_NS (90 * NSEC_PER_SEC)
#define ORACLE_FILE_NS (30 * NSEC_PER_SEC)
#define ORACLE_FAILING_NS (600 * NSEC_PER_SEC)
#define ORACLE_DAY_NS (86400 * NSEC_PER_SEC)

enum oracle_about {
	ABOUT_NAME,
	ABOUT_BELOW,
	ABOUT_ADDRESS
};

static const struct oracle_rule {
	const char *text;
	bool denies;
	enum oracle_about about;
	const char *name;
	uint8_t first, last; /* addresses */
	uint16_t first_port, last_port;
} oracle_rules[] = {
	{ "allow a.wild.test:80", false, ABOUT_NAME, "a.wild.test", 0, 0, 80, 80 },
	{ "allow a.wild.test:22", false, ABOUT_NAME, "a.wild.test", 0, 0, 22, 22 },
	{ "deny a.wild.test:443", true, ABOUT_NAME, "a.wild.test", 0, 0, 443, 443 },
	{ "deny a.wild.test", true, ABOUT_NAME, "a.wild.test", 0, 0, 1, 65535 },
	{ "allow b.wild.test:22-80", false, ABOUT_NAME, "b.wild.test", 0, 0, 22, 80 },
	{ "deny b.wild.test:80", true, ABOUT_NAME, "b.wild.test", 0, 0, 80, 80 },
	{ "allow *.wild.test:443", false, ABOUT_BELOW, "wild.test", 0, 0, 443, 443 },
	{ "allow *.wild.test:80", false, ABOUT_BELOW, "wild.test", 0, 0, 80, 80 },
	{ "deny *.wild.test:22", true, ABOUT_BELOW, "wild.test", 0, 0, 22, 22 },
	{ "allow *.sub.wild.test:22", false, ABOUT_BELOW, "sub.wild.test", 0, 0, 22, 22 },
	{ "deny *.sub.wild.test:443", true, ABOUT_BELOW, "sub.wild.test", 0, 0, 443, 443 },
	{ "allow *.test:8080", false, ABOUT_BELOW, "test", 0, 0, 8080, 8080 },
	{ "deny *.test:80", true, ABOUT_BELOW, "test", 0, 0, 80, 80 },
	{ "allow db:8080", false, ABOUT_NAME, "db", 0, 0, 8080, 8080 },
	{ "allow db:22", false, ABOUT_NAME, "db", 0, 0, 22, 22 },
	{ "deny db:80", true, ABOUT_NAME, "db", 0, 0, 80, 80 },
	{ "allow db.corp.test:443", false, ABOUT_NAME, "db.corp.test", 0, 0, 443, 443 },
	{ "deny db.corp.test:22", true, ABOUT_NAME, "db.corp.test", 0, 0, 22, 22 },
	{ "allow *.corp.test:80", false, ABOUT_BELOW, "corp.test", 0, 0, 80, 80 },
	{ "deny *.corp.test:443", true, ABOUT_BELOW, "corp.test", 0, 0, 443, 443 },
	{ "allow host.test:443", false, ABOUT_NAME, "host.test", 0, 0, 443, 443 },
	{ "deny host.test:22", true, ABOUT_NAME, "host.test", 0, 0, 22, 22 },
	{ "deny host.test", true, ABOUT_NAME, "host.test", 0, 0, 1, 65535 },
	{ "allow any:443", false, ABOUT_ADDRESS, NULL, 0, 255, 443, 443 },
	{ "allow 203.0.113.1:22", false, ABOUT_ADDRESS, NULL, 1, 1, 22, 22 },
	{ "deny 203.0.113.2:80", true, ABOUT_ADDRESS, NULL, 2, 2, 80, 80 },
	{ "allow 203.0.113.0/30:8080", false, ABOUT_ADDRESS, NULL, 0, 3, 8080, 8080 },
};

static const char *const oracle_names[] = { "a.wild.test", "b.wild.test",  "c.sub.wild.test",
					    "db",	   "db.corp.test", "db.other.test",
					    "host.test",   "x.corp.test" };
static const char *const oracle_domains[] = { "corp.test", "other.test" };
static const uint16_t oracle_ports[] = { 22, 80, 443, 8080 };

#define ORACLE_RULES ARRAY_SIZE(oracle_rules)
#define ORACLE_NAMES ARRAY_SIZE(oracle_names)
#define ORACLE_DOMAINS ARRAY_SIZE(oracle_domains)
#define ORACLE_PORTS ARRAY_SIZE(oracle_ports)

/* That a name has an address: until when it is allowed, and until when it is denied at least. */
struct oracle_fact {
	bool has;
	uint64_t allowed_until_ns, denied_until_ns;
	uint32_t sure; /* rules that are known to be about it, if it has them */
	bool shared;   /* it was taken up where others had the address, too */
};

struct oracle {
	uint32_t rules, domains; /* one bit for each */
	struct oracle_fact facts[ORACLE_NAMES][ORACLE_ADDRESSES];
	bool answered[ORACLE_NAMES]; /* since the last restart */
	/* One bit for each port: after a restart, what nobody knows whose it was. */
	uint32_t may_deny[ORACLE_ADDRESSES];
	bool may_deny_for_long;
};

enum oracle_verdict {
	ORACLE_DENIED,
	ORACLE_ALLOWED,
	ORACLE_EITHER
};

/* --- rules --------------------------------------------------------------------------------------
 */

static inline bool oracle_has(uint32_t set, size_t i)
{
	return set >> i & 1;
}

static inline bool oracle_rule_has_port(const struct oracle_rule *rule, size_t port)
{
	return oracle_ports[port] >= rule->first_port && oracle_ports[port] <= rule->last_port;
}

static inline bool oracle_ends_with(const char *name, const char *domain)
{
	const size_t length = strlen(name), domain_length = strlen(domain);

	return length > domain_length + 1 && name[length - domain_length - 1] == '.' &&
	       !strcmp(name + length - domain_length, domain);
}

static inline bool oracle_is_said(uint32_t rules, size_t name)
{
	size_t i;

	for (i = 0; i < ORACLE_RULES; i++)
		if (oracle_has(rules, i) && oracle_rules[i].about == ABOUT_NAME &&
		    !strcmp(oracle_rules[i].name, oracle_names[name]))
			return true;
	return false;
}

/* That libc makes it of the other, which has no dot, in a domain. */
static inline bool oracle_is_made_of(const struct oracle *oracle, size_t name, const char *of)
{
	char text[64];
	size_t i;

	for (i = 0; !strchr(of, '.') && i < ORACLE_DOMAINS; i++) {
		snprintf(text, sizeof(text), "%s.%s", of, oracle_domains[i]);
		if (oracle_has(oracle->domains, i) && !strcmp(text, oracle_names[name]))
			return true;
	}
	return false;
}

static inline bool oracle_is_made(const struct oracle *oracle, size_t name)
{
	size_t i;

	for (i = 0; i < ORACLE_NAMES; i++)
		if (oracle_is_said(oracle->rules, i) &&
		    oracle_is_made_of(oracle, name, oracle_names[i]))
			return true;
	return false;
}

static inline bool oracle_applies(const struct oracle *oracle, const struct oracle_rule *rule,
				  size_t name)
{
	if (rule->about == ABOUT_BELOW)
		return oracle_ends_with(oracle_names[name], rule->name);
	return rule->about == ABOUT_NAME && (!strcmp(rule->name, oracle_names[name]) ||
					     oracle_is_made_of(oracle, name, rule->name));
}

/* The rules that the name has. */
static inline uint32_t oracle_rules_of(const struct oracle *oracle, size_t name)
{
	uint32_t rules = 0;
	size_t i;

	for (i = 0; i < ORACLE_RULES; i++)
		if (oracle_has(oracle->rules, i) && oracle_applies(oracle, &oracle_rules[i], name))
			rules |= 1U << i;
	return rules;
}

static inline uint32_t oracle_all_that(bool denies)
{
	uint32_t rules = 0;
	size_t i;

	for (i = 0; i < ORACLE_RULES; i++)
		if (oracle_rules[i].denies == denies)
			rules |= 1U << i;
	return rules;
}

/* "" if there is none. */
static inline const char *oracle_nearest_above(const struct oracle *oracle, size_t name)
{
	const char *nearest = "";
	size_t i;

	for (i = 0; i < ORACLE_RULES; i++)
		if (oracle_has(oracle->rules, i) && oracle_rules[i].about == ABOUT_BELOW &&
		    oracle_ends_with(oracle_names[name], oracle_rules[i].name) &&
		    strlen(oracle_rules[i].name) > strlen(nearest))
			nearest = oracle_rules[i].name;
	return nearest;
}

/* --- what is expected ---------------------------------------------------------------------------
 */

struct oracle_opinion {
	bool may_allow, must_allow, may_deny, must_deny;
};

static inline void oracle_ask_rule(struct oracle_opinion *opinion, const struct oracle_fact *fact,
				   size_t rule, bool said, uint64_t now_ns)
{
	const bool sure = oracle_has(fact->sure, rule);

	if (!oracle_rules[rule].denies) {
		opinion->may_allow |= fact->allowed_until_ns > now_ns;
		opinion->must_allow |= fact->allowed_until_ns > now_ns && sure;
		return;
	}
	opinion->may_deny = true;
	/* Nobody asks for what only a wildcard has, so its time counts. */
	opinion->must_deny |= sure && (said || fact->denied_until_ns > now_ns);
}

static inline void oracle_ask_name(const struct oracle *oracle, struct oracle_opinion *opinion,
				   size_t name, size_t address, size_t port, uint64_t now_ns)
{
	const struct oracle_fact *fact = &oracle->facts[name][address];
	const uint32_t rules = fact->has ? oracle_rules_of(oracle, name) : 0;
	size_t i;

	for (i = 0; i < ORACLE_RULES; i++)
		if (oracle_has(rules, i) && oracle_rule_has_port(&oracle_rules[i], port))
			oracle_ask_rule(opinion, fact, i, oracle_is_said(oracle->rules, name),
					now_ns);
}

static inline enum oracle_verdict oracle_verdict(const struct oracle *oracle, size_t address,
						 size_t port, uint64_t now_ns)
{
	struct oracle_opinion opinion = { .may_deny = oracle_has(oracle->may_deny[address], port) };
	const struct oracle_rule *rule;
	size_t i;

	for (i = 0; i < ORACLE_RULES; i++) {
		rule = &oracle_rules[i];
		if (!oracle_has(oracle->rules, i) || rule->about != ABOUT_ADDRESS ||
		    address + 1 < rule->first || address + 1 > rule->last ||
		    !oracle_rule_has_port(rule, port))
			continue;
		opinion.must_deny |= rule->denies;
		opinion.may_allow |= !rule->denies;
		opinion.must_allow |= !rule->denies;
	}
	for (i = 0; i < ORACLE_NAMES; i++)
		oracle_ask_name(oracle, &opinion, i, address, port, now_ns);
	if (opinion.must_deny || !opinion.may_allow)
		return ORACLE_DENIED;
	return opinion.must_allow && !opinion.may_deny ? ORACLE_ALLOWED : ORACLE_EITHER;
}

/* --- what happens -------------------------------------------------------------------------------
 */

/* "An address that is denied for its name is so until an answer after that time." */
static inline void oracle_forget(struct oracle *oracle, size_t name, uint64_t now_ns)
{
	size_t i;

	for (i = 0; i < ORACLE_ADDRESSES; i++) {
		struct oracle_fact *fact = &oracle->facts[name][i];

		if (fact->denied_until_ns > now_ns)
			continue;
		fact->has &= fact->allowed_until_ns > now_ns;
		/* After a restart how long it was to be denied is not known. */
		fact->sure &= oracle_all_that(false);
	}
}

static inline uint64_t oracle_later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline void oracle_learn(struct oracle *oracle, size_t name, uint32_t addresses, bool fixed,
				uint64_t now_ns)
{
	const uint64_t until_ns = fixed ? ORACLE_NEVER : now_ns + ORACLE_LASTS_NS;
	size_t i;

	oracle->answered[name] = true;
	oracle_forget(oracle, name, now_ns);
	for (i = 0; i < ORACLE_ADDRESSES; i++) {
		struct oracle_fact *fact = &oracle->facts[name][i];

		if (!oracle_has(addresses, i))
			continue;
		if (!fact->has)
			*fact = (struct oracle_fact){ .has = true };
		fact->allowed_until_ns = oracle_later(fact->allowed_until_ns, until_ns);
		fact->denied_until_ns = oracle_later(fact->denied_until_ns, until_ns);
		fact->sure = ORACLE_ALL;
		fact->shared = false;
	}
}

/* What a file said, and says no more. */
static inline void oracle_unfix(struct oracle *oracle, size_t name, uint32_t addresses, bool fixed,
				uint64_t now_ns)
{
	size_t i;

	for (i = 0; i < ORACLE_ADDRESSES; i++) {
		struct oracle_fact *fact = &oracle->facts[name][i];

		if (fact->allowed_until_ns != ORACLE_NEVER || (fixed && oracle_has(addresses, i)))
			continue;
		fact->allowed_until_ns = fact->denied_until_ns = now_ns + ORACLE_FILE_NS;
	}
}

static inline void oracle_fail(struct oracle *oracle, size_t name, uint64_t now_ns)
{
	size_t i;

	if (!(oracle_rules_of(oracle, name) & oracle_all_that(true)))
		oracle_forget(oracle, name, now_ns);
	for (i = 0; i < ORACLE_ADDRESSES; i++) {
		struct oracle_fact *fact = &oracle->facts[name][i];

		if (fact->allowed_until_ns > now_ns && fact->allowed_until_ns != ORACLE_NEVER)
			fact->allowed_until_ns += ORACLE_FAILING_NS;
	}
}

/* Nobody asks for what only a wildcard has, so it is forgotten. */
static inline void oracle_sweep(struct oracle *oracle, uint64_t now_ns)
{
	size_t i, j;

	for (i = 0; i < ORACLE_NAMES; i++)
		for (j = 0; j < ORACLE_ADDRESSES; j++)
			if (!oracle_is_said(oracle->rules, i) &&
			    oracle->facts[i][j].allowed_until_ns <= now_ns &&
			    oracle->facts[i][j].denied_until_ns <= now_ns)
				oracle->facts[i][j].sure = 0;
}

/* Other rules, or other domains, while the policy is in force. */
static inline void oracle_change(struct oracle *oracle, uint32_t rules, uint32_t domains)
{
	size_t i, j;

	oracle->rules = rules;
	oracle->domains = domains;
	for (i = 0; i < ORACLE_NAMES; i++) {
		for (j = 0; j < ORACLE_ADDRESSES; j++) {
			struct oracle_fact *fact = &oracle->facts[i][j];

			/* It was known by a rule of the other. */
			if (fact->shared || !oracle_rules_of(oracle, i))
				fact->sure = 0;
			if (fact->sure != ORACLE_ALL)
				fact->sure &= rules;
		}
	}
}

/* What no rule is about any more is forgotten. */
static inline void oracle_flush(struct oracle *oracle)
{
	size_t i;

	for (i = 0; i < ORACLE_NAMES; i++)
		if (!oracle_rules_of(oracle, i))
			memset(oracle->facts[i], 0, sizeof(oracle->facts[i]));
}

/* --- a restart ----------------------------------------------------------------------------------
 */

/* With another name, or with a rule that says the address. */
static inline bool oracle_is_shared(const struct oracle *oracle, size_t name, size_t address)
{
	size_t i;

	for (i = 0; i < ORACLE_NAMES; i++)
		if (i != name && oracle->facts[i][address].has)
			return true;
	for (i = 0; i < ORACLE_RULES; i++)
		if (oracle_has(oracle->rules, i) && oracle_rules[i].about == ABOUT_ADDRESS &&
		    oracle_rules[i].first == address + 1 && oracle_rules[i].last == address + 1)
			return true;
	return false;
}

static inline void oracle_may_stay_denied(struct oracle *oracle, const struct oracle *old,
					  size_t name, size_t address)
{
	/* It may have been answered for what libc makes of a name without a dot. */
	const bool anybodys = !oracle_is_said(old->rules, name) || !strchr(oracle_names[name], '.');
	const bool changed = old->rules != oracle->rules || old->domains != oracle->domains;
	const uint32_t rules = oracle_rules_of(old, name);
	size_t i, port;

	for (i = 0; i < ORACLE_RULES; i++) {
		const struct oracle_rule *rule = &oracle_rules[i];
		const bool was_denied = oracle_has(rules, i);
		const bool is_denied = changed && anybodys && oracle_has(oracle->rules, i);

		if (!rule->denies || rule->about == ABOUT_ADDRESS || (!was_denied && !is_denied))
			continue;
		for (port = 0; port < ORACLE_PORTS; port++)
			if (oracle_rule_has_port(rule, port))
				oracle->may_deny[address] |= 1U << port;
	}
}

static inline bool oracle_is_denied_by_name(const struct oracle *oracle, size_t name)
{
	return oracle_is_said(oracle->rules & oracle_all_that(true), name);
}

/*
 * The rules that are sure to be about it after that. What has run out is known of a name that is
 * denied by its name only.
 */
static inline uint32_t oracle_sure_after(const struct oracle *oracle, const struct oracle *old,
					 size_t name, const struct oracle_fact *fact,
					 uint64_t now_ns)
{
	const uint32_t both = oracle_rules_of(old, name) & oracle_rules_of(oracle, name);
	const bool changed = old->rules != oracle->rules || old->domains != oracle->domains;
	const bool was_said = oracle_is_said(old->rules, name);
	const bool is_said = oracle_is_said(oracle->rules, name);

	/* Of what is only denied no time is known. */
	if (!(oracle_rules_of(old, name) & oracle_all_that(false)) ||
	    !(oracle_rules_of(oracle, name) & oracle_all_that(false)))
		return fact->sure & oracle_all_that(true) &
		       (was_said && is_said ? ORACLE_ALL : both);
	if (was_said && is_said && !fact->shared &&
	    (fact->allowed_until_ns > now_ns || oracle_is_denied_by_name(old, name)))
		return fact->sure;
	if (changed &&
	    (fact->shared || was_said || is_said || oracle_is_made(old, name) ||
	     oracle_is_made(oracle, name) ||
	     strcmp(oracle_nearest_above(old, name), oracle_nearest_above(oracle, name)) != 0))
		return fact->sure & both & oracle_all_that(true);
	return fact->sure & both;
}

static inline void oracle_take_up(struct oracle *oracle, const struct oracle *old, size_t name,
				  size_t address, uint64_t now_ns)
{
	struct oracle_fact *fact = &oracle->facts[name][address];
	const bool is_below = oracle_nearest_above(old, name)[0] &&
			      !oracle_is_said(old->rules, name);

	/* It is in the maps until it is swept, and denied until the next answer. */
	if (!fact->has)
		fact->sure = 0;
	fact->has |= fact->allowed_until_ns != 0;
	if (!fact->has)
		return;
	oracle_may_stay_denied(oracle, old, name, address);
	fact->shared = oracle_is_shared(old, name, address);
	fact->sure = oracle_sure_after(oracle, old, name, fact, now_ns);
	/* The file is read again soon. */
	if (fact->allowed_until_ns == ORACLE_NEVER)
		fact->allowed_until_ns = now_ns + ORACLE_FAILING_NS;
	fact->denied_until_ns = is_below && fact->denied_until_ns > now_ns ? now_ns + ORACLE_DAY_NS
									   : 0;
}

static inline void oracle_may_have(struct oracle_fact *fact, const struct oracle_fact *other)
{
	if (!other->has || (fact->has && fact->allowed_until_ns >= other->allowed_until_ns))
		return;
	fact->sure = fact->has ? fact->sure & oracle_all_that(true) : 0;
	fact->has = true;
	fact->allowed_until_ns = other->allowed_until_ns;
}

/* Of a name without a dot and of what libc makes of it nobody knows which was answered. */
static inline void oracle_mix(struct oracle *oracle, const struct oracle *old, size_t name,
			      size_t other)
{
	size_t i;

	if (!oracle_is_made_of(oracle, other, oracle_names[name]) &&
	    !oracle_is_made_of(old, other, oracle_names[name]))
		return;
	for (i = 0; i < ORACLE_ADDRESSES; i++) {
		oracle_may_have(&oracle->facts[name][i], &oracle->facts[other][i]);
		oracle_may_have(&oracle->facts[other][i], &oracle->facts[name][i]);
	}
}

static inline void oracle_restart(struct oracle *oracle, uint32_t rules, uint32_t domains,
				  uint64_t now_ns)
{
	const struct oracle old = *oracle;
	size_t i, j;

	oracle->rules = rules;
	oracle->domains = domains;
	for (i = 0; i < ORACLE_RULES; i++)
		oracle->may_deny_for_long |= oracle_has(old.rules | rules, i) &&
					     oracle_rules[i].denies &&
					     oracle_rules[i].about == ABOUT_BELOW;
	oracle->may_deny_for_long |= old.domains || domains;
	for (i = 0; i < ORACLE_NAMES; i++)
		for (j = 0; j < ORACLE_ADDRESSES; j++)
			oracle_take_up(oracle, &old, i, j, now_ns);
	for (i = 0; i < ORACLE_NAMES; i++)
		for (j = 0; j < ORACLE_NAMES; j++)
			oracle_mix(oracle, &old, i, j);
	memset(oracle->answered, 0, sizeof(oracle->answered));
	oracle_flush(oracle);
}

static inline bool oracle_knows_denied(const struct oracle *oracle)
{
	size_t i;

	for (i = 0; i < ORACLE_NAMES; i++)
		if (oracle_is_said(oracle->rules, i) && !oracle->answered[i] &&
		    oracle_rules_of(oracle, i) & oracle_all_that(true))
			return false;
	return true;
}

static inline void oracle_let_go(struct oracle *oracle)
{
	if (!oracle->may_deny_for_long)
		memset(oracle->may_deny, 0, sizeof(oracle->may_deny));
}

#endif
