/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One rule: text to struct and back. The same parser serves the command line and policy files. Pure
 * but for service names, which getservbyname(3) looks up in /etc/services.
 *
 *   allow|deny DESTINATION[:PORTS][/PROTOCOL] [OPTION]...
 *   listen     PORTS[/PROTOCOL]
 *   dns        ADDRESS
 *   mode       enforce|audit
 *
 *   DESTINATION  NAME | *.NAME | ADDRESS | PREFIX | any localhost private link-local multicast
 *                An IPv6 address or prefix stands in brackets if ports follow.
 *   PORTS        one or more of NUMBER, NUMBER-NUMBER, SERVICE, with commas between
 *   PROTOCOL     tcp | udp | icmp, which is echo ("ping") alone, and has no ports
 *   OPTION       private | ttl SECONDS: each once, in any order, after a name that is allowed
 *
 * No PROTOCOL means tcp and udp. A deny rule without ports either means icmp too: nothing goes
 * there.
 */
#ifndef CGFENCE_RULE_H
#define CGFENCE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "cgfence.h"

enum rule_verb {
	RULE_ALLOW,
	RULE_DENY,
	RULE_LISTEN,
	RULE_DNS,
	RULE_MODE,
	RULE_VERB_COUNT
};

enum rule_destination {
	DESTINATION_NONE, /* listen, mode */
	DESTINATION_NAME,
	DESTINATION_WILDCARD, /* `name` is what follows "*." */
	DESTINATION_PREFIX,   /* an address is a prefix of all its bits; also that of `dns` */
	DESTINATION_WORD
};

enum rule_word {
	WORD_ANY,
	WORD_LOCALHOST,
	WORD_PRIVATE,
	WORD_LINK_LOCAL,
	WORD_MULTICAST,
	WORD_COUNT
};

enum {
	RULE_TCP = 1,
	RULE_UDP = 2,
	RULE_ICMP = 4, /* allow and deny only, and only without ports */
};

struct rule_ports {
	uint16_t first, last; /* host order, 1 to 65535, first <= last */
};

struct rule {
	enum rule_verb verb;
	enum rule_destination destination;
	enum rule_word word;
	enum cgf_mode mode;
	uint8_t protocols;	/* RULE_TCP | …; where the text names none, see above */
	uint8_t port_count;	/* 0: every port */
	bool private_addresses; /* the name may have special addresses */
	uint32_t ttl_floor_s;	/* 1 to CGF_TTL_CEILING_S; 0 if the text does not say */
	struct prefix prefix;
	char *name;		  /* owned; lower case, no dot at the end */
	struct rule_ports *ports; /* owned */
};

struct rule_error {
	size_t column; /* of the character that is wrong, in bytes from 0 */
	size_t length; /* bytes that are wrong, at least 1 */
	char message[160];
};

/*
 * Parses what follows the verb, as `--allow R` gives it. On failure -EINVAL (or -ENOMEM) and
 * `ret_error`, with `ret_rule` untouched. On success the caller calls rule_finish().
 */
int rule_parse(enum rule_verb verb, const char *text, struct rule *ret_rule,
	       struct rule_error *ret_error);

/*
 * Parses a line of a policy file: verb, blanks, and what follows; a comment from '#' on. Returns 1
 * for a rule, 0 for a line that has none, -EINVAL as above.
 */
int rule_parse_line(const char *line, struct rule *ret_rule, struct rule_error *ret_error);

void rule_finish(struct rule *rule);

/*
 * The rule as a line of a policy file, in canonical form: parsed again it gives the same rule.
 * Writes at most `size` bytes; returns the length or -ENOSPC. CGF_LINE_BYTES_MAX is always enough.
 */
int rule_format(const struct rule *rule, char *text, size_t size);

/* As their canonical forms are. */
bool rule_is_same(const struct rule *a, const struct rule *b);

const char *rule_verb_to_string(enum rule_verb verb);
const char *rule_word_to_string(enum rule_word word);

/* The prefixes a word stands for; returns how many. The table is static. */
size_t rule_word_prefixes(enum rule_word word, const struct prefix **ret_prefixes);

/*
 * Splits the ports that the rule has for one protocol, such as RULE_TCP, into blocks: none if it is
 * not for that protocol, at most RULE_BLOCKS_MAX for each item, and with no ports the one block of
 * all. For icmp it is exactly port 0, so that no rule for every port has it. A block of exactly
 * port 53 is made of an allow rule only if it names 53 by itself, not by a range: see "Port 53" in
 * the policy's man page. `ret_blocks` has room for RULE_BLOCKS_ALL.
 */
#define RULE_BLOCKS_MAX 30
#define RULE_BLOCKS_ALL (CGF_RULE_PORTS_MAX * RULE_BLOCKS_MAX)
struct port_block {
	uint16_t port;
	uint8_t bits;
};
size_t rule_blocks(const struct rule *rule, uint8_t protocol, struct port_block *ret_blocks);

#endif
