/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rules that are fuzzed, each with a port of its own, and what they say of a name. */
#ifndef CGFENCE_TESTS_BPF_FUZZ_RULES_H
#define CGFENCE_TESTS_BPF_FUZZ_RULES_H

#include "dns_judge.h"
#include "fuzz_message.h"

#define FUZZ_RULES 64
#define FUZZ_PORT 1000
#define FUZZ_TEXT_BYTES 16384

struct fuzz_rule {
	char name[TEXT_BYTES];
	bool below; /* a wildcard: what is below the name */
	bool is_private;
	uint32_t floor_s;
	struct judge_name wire;
};

struct fuzz_rules {
	struct fuzz_rule rules[FUZZ_RULES];
	char text[FUZZ_TEXT_BYTES];
};

static inline void name_rule(struct fuzz_rule *rule, unsigned int i)
{
	char *name = rule->name;
	size_t length;

	snprintf(name, TEXT_BYTES, "%.*sn%u.fuzz.test", (int)(i % 4), "wxyz", i);
	if (i % 8 == 3) /* long labels, up to the longest that has a key */
		for (length = strlen(name); length + 64 < 240; length = strlen(name))
			snprintf(name + length, TEXT_BYTES - length, ".%.*s", 60 - (int)(i % 5),
				 "abcdefghijklmnopqrstuvwxyz0123456789-"
				 "abcdefghijklmnopqrstuvwxyz");
	if (i % 8 == 5) /* many of them */
		for (length = strlen(name); length < 180 + i; length = strlen(name))
			snprintf(name + length, TEXT_BYTES - length, ".%c",
				 'a' + (int)(length % 26));
	if (i >= 56) /* below, or next to, another rule's name */
		snprintf(name, TEXT_BYTES, "%sn%u.fuzz.test", i % 2 ? "deep." : "", i - 16);
}

static inline void make_fuzz_rules(struct fuzz_rules *rules)
{
	struct dns_message message;
	size_t place, used = 0;
	unsigned int i;

	memset(rules, 0, sizeof(*rules));
	for (i = 0; i < FUZZ_RULES; i++) {
		struct fuzz_rule *rule = &rules->rules[i];

		name_rule(rule, i);
		rule->below = i >= 40 && i < 60;
		rule->is_private = i % 8 == 1;
		rule->floor_s = i % 8 == 2 ? 3600 : POLICY_TTL_FLOOR_S;
		dns_start(&message, 0, 0);
		dns_put_name(&message, rule->name);
		place = DNS_HEADER;
		assert_true(judge_read_name(message.bytes, message.length, &place, &rule->wire));
		used += (size_t)snprintf(
			rules->text + used, sizeof(rules->text) - used, "allow %s%s:%u/tcp%s%s\n",
			rule->below ? "*." : "", rule->name, FUZZ_PORT + i,
			rule->is_private ? " private" : "", i % 8 == 2 ? " ttl 3600" : "");
		assert_true(used < sizeof(rules->text));
	}
}

/* By labels from the left: what is left over is the rule's. */
static inline bool fuzz_rule_says(const struct fuzz_rule *rule, const struct judge_name *name)
{
	size_t place = 0, rest = name->length;

	while (rest > rule->wire.length) {
		if (!rule->below)
			return false;
		place += 1 + (size_t)name->bytes[place];
		rest = name->length - place;
	}
	return rest == rule->wire.length && !memcmp(name->bytes + place, rule->wire.bytes, rest) &&
	       (place != 0) == rule->below;
}

struct fuzz_grant {
	size_t count;
	uint8_t rules[FUZZ_RULES];
	bool is_private;
	uint32_t floor_s;
};

/* All rules that say the name, together. */
static inline struct fuzz_grant fuzz_grant_of(const struct fuzz_rules *rules,
					      const struct judge_name *name)
{
	struct fuzz_grant grant = {};
	uint8_t i;

	for (i = 0; i < FUZZ_RULES; i++) {
		if (!fuzz_rule_says(&rules->rules[i], name))
			continue;
		grant.rules[grant.count++] = i;
		grant.is_private |= rules->rules[i].is_private;
		if (rules->rules[i].floor_s > grant.floor_s)
			grant.floor_s = rules->rules[i].floor_s;
	}
	return grant;
}

/* A name that the rule allows, or sometimes one that looks as if it did. */
static inline void fuzz_name(struct chance *chance, const struct fuzz_rule *rule,
			     char text[static TEXT_BYTES])
{
	static const char *const below[] = { "a.",	   "www.",     "x-1.y.z.",    "deep.",
					     "a.deep.",	   "\\000.",   "x\\004deep.", "L.",
					     "aNb.LL.",	   "a\\046b.", "\\004deep.",  "_x._tcp.",
					     "\\255\\128." };
	const char *before = rule->below ? CHANCE_OF(chance, below) : "";
	static const char *const odd[] = { "a.", "x", "\\000", "L", "N", "a\\046", "" };

	if (chance_percent(chance, 5))
		before = CHANCE_OF(chance, odd);
	snprintf(text, TEXT_BYTES, "%s%s", before, rule->name);
	if (chance_percent(chance, 1) && strlen(text) < 240)
		strcat(text, CHANCE_OF(chance, below));
	/* No dot at the end: that would be an empty label. */
	if (text[strlen(text) - 1] == '.')
		text[strlen(text) - 1] = '\0';
}

#endif
