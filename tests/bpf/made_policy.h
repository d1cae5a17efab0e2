/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Policies by chance, as text and as what the second opinion takes. */
#ifndef CGFENCE_TESTS_BPF_MADE_POLICY_H
#define CGFENCE_TESTS_BPF_MADE_POLICY_H

#include "chance.h"
#include "fenced.h"
#include "oracle.h"

#define SAID_MAX 16
#define POLICY_BYTES 4096

struct made_policy {
	struct said said[SAID_MAX];
	size_t count;
	char text[POLICY_BYTES];
};

struct made_prefix {
	const char *text;
	unsigned int bits;
};

static const struct made_prefix made_prefixes[] = {
	{ "198.51.100.10", 32 },   { "198.51.100.64", 26 }, { "198.51.100.0", 24 },
	{ "198.51.100.128", 25 },  { "192.0.2.1", 32 },	    { "128.0.0.0", 1 },
	{ "127.0.0.1", 32 },	   { "127.0.0.0", 8 },	    { "127.1.2.3", 32 },
	{ "224.0.0.0", 4 },	   { "2001:db8::10", 128 }, { "2001:db8::10", 127 },
	{ "2001:db8:1::", 48 },	   { "2001:db8::", 32 },    { "::1", 128 },
	{ "fe80::", 10 },	   { "ff00::", 8 },	    { "::", 0 },
	{ "2001:db8:2::80", 121 }, { "203.0.113.254", 31 }, { "0.0.0.0", 0 },
};

static const uint16_t made_ports[][2] = {
	{ 0, 0 },     { 0, 0 },	  { 53, 53 },	{ 443, 443 },	  { 8000, 8100 },
	{ 50, 60 },   { 1, 1 },	  { 1, 65535 }, { 65535, 65535 }, { 1024, 32767 },
	{ 443, 444 }, { 22, 22 }, { 53, 54 },	{ 8080, 8080 },
};

static inline number128 number_of(const char *text)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		return MAPPED | number_from(bytes, 4);
	assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);
	return number_from(bytes, 16);
}

static inline void say(struct made_policy *policy, const char *format, ...)
{
	const size_t used = strlen(policy->text);
	va_list arguments;

	va_start(arguments, format);
	assert_true(vsnprintf(policy->text + used, sizeof(policy->text) - used, format, arguments) <
		    (int)(sizeof(policy->text) - used));
	va_end(arguments);
}

static inline void say_prefix(struct made_policy *policy, const struct made_prefix *prefix,
			      bool ports)
{
	const bool ipv6 = strchr(prefix->text, ':');
	const bool whole = prefix->bits == (ipv6 ? 128 : 32);

	say(policy, ipv6 && ports ? "[%s" : "%s", prefix->text);
	if (!whole)
		say(policy, "/%u", prefix->bits);
	if (ipv6 && ports)
		say(policy, "]");
}

static inline void say_ports(struct made_policy *policy, const struct said *said)
{
	static const char *const protocols[] = {
		[0] = "", [SAID_TCP] = "/tcp", [SAID_UDP] = "/udp", [SAID_ICMP] = "/icmp"
	};

	if (said->last_port && said->verb != SAID_LISTEN)
		say(policy, ":");
	if (said->first_port != said->last_port)
		say(policy, "%u-%u", said->first_port, said->last_port);
	else if (said->last_port)
		say(policy, "%u", said->last_port);
	say(policy, "%s\n", protocols[said->protocols]);
}

static inline void set_prefix(struct said *said, const struct made_prefix *prefix)
{
	const number128 first = number_of(prefix->text);
	const unsigned int host = (number_is_ipv4(first) ? 32 : 128) - prefix->bits;
	const number128 all = ~(number128)0;

	said->first_address = first;
	said->last_address = first | (host == 128 ? all : ~(all << host));
}

static inline void choose_ports(struct chance *chance, struct said *said)
{
	static const int protocols[] = { 0, 0, 0, SAID_TCP, SAID_TCP, SAID_UDP, SAID_ICMP };
	const uint16_t *ports = CHANCE_OF(chance, made_ports);

	said->protocols = CHANCE_OF(chance, protocols);
	if (said->protocols == SAID_ICMP)
		return;
	said->first_port = ports[0];
	said->last_port = ports[1];
}

static inline struct said *new_said(struct made_policy *policy)
{
	assert_true(policy->count < SAID_MAX);
	return &policy->said[policy->count++];
}

static inline void make_address_rule(struct chance *chance, struct made_policy *policy)
{
	const struct made_prefix *prefix = &CHANCE_OF(chance, made_prefixes);
	struct said *said = new_said(policy);

	/* What has everything in it would leave little to look at. */
	if (!prefix->bits && chance_percent(chance, 80))
		prefix = &made_prefixes[0];
	said->verb = chance_percent(chance, 25) ? SAID_DENY : SAID_ALLOW;
	choose_ports(chance, said);
	set_prefix(said, prefix);
	say(policy, said->verb == SAID_DENY ? "deny " : "allow ");
	say_prefix(policy, prefix, said->last_port);
	say_ports(policy, said);
}

static inline void make_listen_rule(struct chance *chance, struct made_policy *policy)
{
	struct said *said = new_said(policy);

	said->verb = SAID_LISTEN;
	do {
		choose_ports(chance, said);
	} while (said->protocols == SAID_ICMP || !said->last_port);
	say(policy, "listen ");
	say_ports(policy, said);
}

/* Answered later, with `address`. */
static inline void make_name_rule(struct chance *chance, struct made_policy *policy,
				  const char *name, const char *address, bool expired)
{
	const struct made_prefix whole = { address, strchr(address, ':') ? 128 : 32 };
	struct said *said = new_said(policy);

	said->name = name;
	said->expired = expired;
	choose_ports(chance, said);
	set_prefix(said, &whole);
	say(policy, "allow %s", name);
	say_ports(policy, said);
}

#define FRESH_ADDRESS "198.51.100.70"
#define GONE_ADDRESS "198.51.100.71"

static inline struct made_policy make_policy_by_chance(struct chance *chance)
{
	struct made_policy policy = {};
	unsigned int i;

	for (i = 0; i < 7; i++)
		make_address_rule(chance, &policy);
	if (chance_percent(chance, 70))
		make_listen_rule(chance, &policy);
	make_name_rule(chance, &policy, "fresh.test", FRESH_ADDRESS, false);
	make_name_rule(chance, &policy, "gone.test", GONE_ADDRESS, true);
	make_name_rule(chance, &policy, "gone.test", GONE_ADDRESS, true);
	return policy;
}

#endif
