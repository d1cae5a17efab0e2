// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a policy says by address, and what the kernel decides. */
#include "fixture.h"

static void an_empty_policy_denies_everything(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "");
	assert_false(allows(fixture, "198.51.100.1", 443, IPPROTO_TCP));
	assert_false(allows(fixture, "127.0.0.1", 443, IPPROTO_TCP));
	assert_false(allows(fixture, "2001:db8::1", 443, IPPROTO_UDP));
	assert_int_equal(decide(fixture, "198.51.100.1", 443, IPPROTO_TCP).reason,
			 CGF_REASON_NO_RULE);
}

static void a_slot_without_a_policy_denies_everything(void **state)
{
	struct fixture *fixture = *state;
	struct door_input input = { .slot = SLOT + 1, .port = 443, .protocol = IPPROTO_TCP };

	parse_address("198.51.100.1", &input);
	input.target.allow_prefix_port_mask = ~0U;
	assert_int_equal(run_door(fixture, &input).verdict, CGF_DENY);
	assert_int_equal(run_door(fixture, &input).reason, CGF_REASON_NO_POLICY);
	input.target.deny_prefix_port_mask = ~0U;
	assert_int_equal(run_door(fixture, &input).verdict, CGF_DENY);
	input.slot = CGF_POLICIES_MAX;
	assert_int_equal(run_door(fixture, &input).verdict, CGF_DENY);
}

static void an_address_is_allowed_on_its_port_and_protocol_only(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow 198.51.100.1:22/tcp\nallow [2001:db8::1]:443/udp\n");
	assert_true(allows(fixture, "198.51.100.1", 22, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.1", 22, IPPROTO_UDP));
	assert_false(allows(fixture, "198.51.100.1", 23, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.2", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "2001:db8::1", 443, IPPROTO_UDP));
	assert_false(allows(fixture, "2001:db8::1", 443, IPPROTO_TCP));
	assert_false(allows(fixture, "2001:db8::2", 443, IPPROTO_UDP));
}

static void a_protocol_that_is_not_tcp_or_udp_is_denied(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow any\n");
	assert_true(allows(fixture, "198.51.100.1", 22, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.1", 22, IPPROTO_SCTP));
	assert_false(allows(fixture, "198.51.100.1", 22, IPPROTO_UDPLITE));
	assert_false(allows(fixture, "198.51.100.1", 0, IPPROTO_ICMP));
	assert_false(allows(fixture, "198.51.100.1", 0, 0));
}

static void icmp_is_allowed_where_a_rule_names_it(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow 198.51.100.1/icmp\nallow 2001:db8::/32/icmp\nallow 192.0.2.1\n");
	assert_true(allows(fixture, "198.51.100.1", 0, IPPROTO_ICMP));
	assert_true(allows(fixture, "2001:db8::9", 0, IPPROTO_ICMP));
	assert_false(allows(fixture, "198.51.100.2", 0, IPPROTO_ICMP));
	assert_false(allows(fixture, "192.0.2.1", 0, IPPROTO_ICMP));
	assert_false(allows(fixture, "198.51.100.1", 22, IPPROTO_TCP));
	assert_false(allows(fixture, "2001:db8::9", 22, IPPROTO_UDP));
}

static void icmp_is_denied_with_everything_or_by_its_name(void **state)
{
	struct fixture *fixture = *state;
	struct address address = address_of("198.51.100.1");

	set_policy(fixture, "allow any/icmp\nallow any\ndeny 198.51.100.0/24/icmp\n"
			    "deny 192.0.2.1\ndeny 192.0.2.2:22\ndeny 192.0.2.3/udp\n");
	assert_false(allows(fixture, "198.51.100.1", 0, IPPROTO_ICMP));
	assert_true(allows(fixture, "198.51.100.1", 22, IPPROTO_TCP));
	assert_int_equal(policy_denied_by(fixture->policy, &address, 53), CGF_RULE_NONE);
	assert_false(allows(fixture, "192.0.2.1", 0, IPPROTO_ICMP));
	assert_false(allows(fixture, "192.0.2.1", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "192.0.2.2", 0, IPPROTO_ICMP));
	assert_true(allows(fixture, "192.0.2.3", 0, IPPROTO_ICMP));
}

static void a_rule_without_ports_allows_every_port_but_53(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow 198.51.100.1\nallow 192.0.2.0/24\n");
	assert_true(allows(fixture, "198.51.100.1", 1, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.1", 65535, IPPROTO_UDP));
	assert_true(allows(fixture, "192.0.2.9", 52, IPPROTO_TCP));
	assert_true(allows(fixture, "192.0.2.9", 54, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.1", 53, IPPROTO_UDP));
	assert_false(allows(fixture, "192.0.2.9", 53, IPPROTO_TCP));
	assert_int_equal(decide(fixture, "192.0.2.9", 53, IPPROTO_TCP).reason,
			 CGF_REASON_NOT_A_RESOLVER);
}

static void port_53_is_open_where_a_rule_names_it(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow 198.51.100.1:53/udp\nallow 192.0.2.0/24:domain\n"
			    "allow 198.51.100.2:53-60\nallow 198.51.100.3:1-53\n");
	assert_true(allows(fixture, "198.51.100.1", 53, IPPROTO_UDP));
	assert_false(allows(fixture, "198.51.100.1", 53, IPPROTO_TCP));
	assert_true(allows(fixture, "192.0.2.9", 53, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.2", 53, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.2", 54, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.3", 53, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.3", 52, IPPROTO_TCP));
}

static void resolvers_are_reached_on_port_53_by_udp_and_tcp_only(void **state)
{
	struct fixture *fixture = *state;
	const struct policy_resolver_at resolver = { .address = address_of("198.51.100.53") };
	size_t refused;

	set_policy(fixture, "");
	assert_int_equal(policy_add_resolver(fixture->policy, &resolver), 0);
	assert_int_equal(policy_flush(fixture->policy, &fixture->maps, &refused), 0);
	assert_true(allows(fixture, "198.51.100.53", 53, IPPROTO_UDP));
	assert_true(allows(fixture, "198.51.100.53", 53, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.53", 853, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.54", 53, IPPROTO_UDP));
}

static void a_range_allows_its_ports_and_not_their_neighbours(void **state)
{
	struct fixture *fixture = *state;
	uint32_t port;

	set_policy(fixture, "allow 198.51.100.1:8000-8100\nallow 192.0.2.0/24:1024-65535/udp\n");
	for (port = 7990; port < 8110; port++)
		assert_int_equal(allows(fixture, "198.51.100.1", (uint16_t)port, IPPROTO_TCP),
				 port >= 8000 && port <= 8100);
	assert_false(allows(fixture, "192.0.2.1", 1023, IPPROTO_UDP));
	assert_true(allows(fixture, "192.0.2.1", 1024, IPPROTO_UDP));
	assert_true(allows(fixture, "192.0.2.1", 65535, IPPROTO_UDP));
	assert_false(allows(fixture, "192.0.2.1", 1024, IPPROTO_TCP));
}

static void deny_beats_allow_whatever_is_more_specific(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow any\nallow 10.1.2.3:443\nallow 10.1.0.0/16:80\n"
			    "deny 10.0.0.0/8\ndeny 198.51.100.0/24:25/tcp\ndeny 2001:db8::/32\n"
			    "allow [2001:db8::7]:22\n");
	assert_false(allows(fixture, "10.1.2.3", 443, IPPROTO_TCP));
	assert_false(allows(fixture, "10.1.2.3", 80, IPPROTO_TCP));
	assert_false(allows(fixture, "10.255.255.255", 1, IPPROTO_UDP));
	assert_true(allows(fixture, "11.0.0.0", 1, IPPROTO_UDP));
	assert_false(allows(fixture, "198.51.100.8", 25, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.8", 25, IPPROTO_UDP));
	assert_true(allows(fixture, "198.51.100.8", 26, IPPROTO_TCP));
	assert_false(allows(fixture, "2001:db8::7", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "2001:db9::7", 22, IPPROTO_TCP));
	assert_int_equal(decide(fixture, "10.1.2.3", 443, IPPROTO_TCP).reason,
			 CGF_REASON_DENY_RULE);
	assert_int_equal(decide(fixture, "10.1.2.3", 443, IPPROTO_TCP).rule, 3);
}

static void a_deny_rule_for_a_resolver_wins(void **state)
{
	struct fixture *fixture = *state;
	const struct policy_resolver_at resolver = { .address = address_of("10.0.0.53") };
	size_t refused;

	set_policy(fixture, "allow any\ndeny private\n");
	assert_int_equal(policy_add_resolver(fixture->policy, &resolver), 0);
	assert_int_equal(policy_flush(fixture->policy, &fixture->maps, &refused), 0);
	assert_false(allows(fixture, "10.0.0.53", 53, IPPROTO_UDP));
	assert_int_equal(policy_denied_by(fixture->policy, &resolver.address, 53), 1);
}

static void a_denied_range_has_port_53(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow any:53\ndeny 198.51.100.66:53-60\ndeny 198.51.100.67:1-60\n");
	assert_true(allows(fixture, "198.51.100.65", 53, IPPROTO_UDP));
	assert_false(allows(fixture, "198.51.100.66", 53, IPPROTO_UDP));
	assert_false(allows(fixture, "198.51.100.67", 53, IPPROTO_UDP));
}

static void an_ipv6_prefix_matches_no_ipv4_address(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow ::/0\n");
	assert_true(allows(fixture, "2001:db8::1", 22, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.1", 22, IPPROTO_TCP));
	set_policy(fixture, "allow 0.0.0.0/0\n");
	assert_false(allows(fixture, "2001:db8::1", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.1", 22, IPPROTO_TCP));
}

static void a_mapped_address_is_the_ipv4_address(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow 198.51.100.1:22\ndeny 198.51.100.2\nallow ::/0\n");
	assert_true(allows(fixture, "::ffff:198.51.100.1", 22, IPPROTO_TCP));
	assert_false(allows(fixture, "::ffff:198.51.100.2", 22, IPPROTO_TCP));
	assert_false(allows(fixture, "::ffff:198.51.100.3", 22, IPPROTO_TCP));
	/* IPv4-compatible addresses are not mapped ones. */
	assert_true(allows(fixture, "::198.51.100.3", 22, IPPROTO_TCP));
}

static void the_first_of_the_rules_that_allow_is_reported(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow 198.51.100.9:80\nallow 198.51.100.1:80\nallow 198.51.100.1:80\n"
			    "allow 192.0.2.0/24:80\n");
	assert_int_equal(decide(fixture, "198.51.100.1", 80, IPPROTO_TCP).rule, 1);
	assert_int_equal(decide(fixture, "192.0.2.1", 80, IPPROTO_TCP).rule, 3);
	assert_int_equal(decide(fixture, "192.0.2.1", 81, IPPROTO_TCP).rule, CGF_RULE_NONE);
}

static void an_entry_that_has_run_out_denies_and_says_so(void **state)
{
	struct fixture *fixture = *state;
	struct cgf_key key = { .port = 80,
			       .protocol = IPPROTO_TCP,
			       .port_bits = CGF_PORT_BITS_ONE };
	struct cgf_entry entry = { .rule = 0 };
	struct address address = address_of("198.51.100.1");
	size_t written;

	set_policy(fixture, "");
	memcpy(key.address, address.bytes, sizeof(key.address));
	entry.expires_ns = monotonic_ns() - NSEC_PER_SEC;
	assert_int_equal(datapath_allow_write(&fixture->maps, &key, &entry, 1, &written), 0);
	assert_false(allows(fixture, "198.51.100.1", 80, IPPROTO_TCP));
	assert_int_equal(decide(fixture, "198.51.100.1", 80, IPPROTO_TCP).reason,
			 CGF_REASON_EXPIRED);
	entry.expires_ns = monotonic_ns() + 3600 * NSEC_PER_SEC;
	assert_int_equal(datapath_allow_write(&fixture->maps, &key, &entry, 1, &written), 0);
	assert_true(allows(fixture, "198.51.100.1", 80, IPPROTO_TCP));
}

static void a_udp_probe_of_an_address_with_a_tcp_rule_is_known(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow 198.51.100.1:22/tcp\n");
	assert_true(decide(fixture, "198.51.100.1", 22, IPPROTO_UDP).probe);
	assert_false(decide(fixture, "198.51.100.1", 23, IPPROTO_UDP).probe);
	assert_false(decide(fixture, "198.51.100.2", 22, IPPROTO_UDP).probe);
	assert_false(decide(fixture, "198.51.100.1", 23, IPPROTO_TCP).probe);
}

/* --- rules at random, and a second opinion that knows nothing of maps --- */

static uint32_t random_below(uint32_t *seed, uint32_t limit)
{
	*seed = *seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)*seed * limit) >> 32);
}

/* From a small world, so that rules and flows meet often. */
static struct address random_address(uint32_t *seed)
{
	static const char *const texts[] = {
		"198.51.100.1", "198.51.100.2", "198.51.101.1", "10.0.0.1",    "10.1.2.3",
		"127.0.0.1",	"192.168.1.1",	"2001:db8::1",	"2001:db8::2", "2001:db8:1::1",
		"::1",		"fe80::1",	"224.0.0.1",	"ff02::1",
	};

	return address_of(texts[random_below(seed, ARRAY_SIZE(texts))]);
}

static uint16_t random_port(uint32_t *seed)
{
	static const uint16_t ports[] = { 1, 22, 52, 53, 54, 80, 443, 1024, 8000, 8063, 65535 };

	return ports[random_below(seed, ARRAY_SIZE(ports))];
}

static size_t random_rule(uint32_t *seed, char *text, size_t size)
{
	static const uint8_t bits[] = { 0, 8, 24, 31, 32 };
	struct address address = random_address(seed);
	char destination[PREFIX_TEXT_BYTES], ports[32] = "", *out = text, *end = text + size;
	uint8_t length = bits[random_below(seed, ARRAY_SIZE(bits))];
	struct prefix prefix;
	uint16_t a = random_port(seed), b = random_port(seed);

	prefix = prefix_of(&address,
			   (uint8_t)(address_is_ipv4(&address) ? 96 + length : 4 * length));
	prefix_format(&prefix, destination);
	switch (random_below(seed, 4)) {
	case 0:
		break;
	case 1:
		snprintf(ports, sizeof(ports), ":%u-%u", a < b ? a : b, a < b ? b : a);
		break;
	default:
		snprintf(ports, sizeof(ports), ":%u,%u", a, b);
	}
	out += snprintf(out, (size_t)(end - out), "%s ", random_below(seed, 3) ? "allow" : "deny");
	if (strchr(destination, ':'))
		out += snprintf(out, (size_t)(end - out), "[%s]%s", destination, ports);
	else
		out += snprintf(out, (size_t)(end - out), "%s%s", destination, ports);
	out += snprintf(out, (size_t)(end - out), "%s\n",
			random_below(seed, 2)	? ""
			: random_below(seed, 2) ? "/tcp"
						: "/udp");
	return (size_t)(out - text);
}

static bool says_port(const struct rule *rule, uint16_t port)
{
	size_t i;

	if (port == CGF_DNS_PORT && rule->verb == RULE_ALLOW) {
		for (i = 0; i < rule->port_count; i++)
			if (rule->ports[i].first == port && rule->ports[i].last == port)
				return true;
		return false;
	}
	for (i = 0; i < rule->port_count; i++)
		if (rule->ports[i].first <= port && port <= rule->ports[i].last)
			return true;
	return !rule->port_count;
}

static enum cgf_verdict second_opinion(const struct policy *policy, const struct address *address,
				       uint16_t port, uint16_t protocol)
{
	uint8_t flag = protocol == IPPROTO_TCP ? RULE_TCP : RULE_UDP;
	enum cgf_verdict verdict = CGF_DENY;
	const struct rule *rule;
	uint32_t i;

	for (i = 0; (rule = policy_rule(policy, i)); i++) {
		if (!(rule->protocols & flag) || !says_port(rule, port) ||
		    !prefix_contains(&rule->prefix, address))
			continue;
		if (rule->verb == RULE_DENY)
			return CGF_DENY;
		verdict = CGF_ALLOW;
	}
	return verdict;
}

static void kernel_and_rules_agree_on_random_policies(void **state)
{
	struct fixture *fixture = *state;
	char text[4096], shown[ADDRESS_TEXT_BYTES];
	uint32_t seed = 20240601;
	int allowed = 0, round, i;

	for (round = 0; round < 150; round++) {
		size_t used = 0;

		for (i = (int)random_below(&seed, 8); i >= 0; i--)
			used += random_rule(&seed, text + used, sizeof(text) - used);
		set_policy(fixture, text);
		for (i = 0; i < 200; i++) {
			struct address address = random_address(&seed);
			uint16_t port = random_port(&seed);
			uint16_t protocol = random_below(&seed, 2) ? IPPROTO_TCP : IPPROTO_UDP;
			enum cgf_verdict said = second_opinion(fixture->policy, &address, port,
							       protocol);

			address_format(&address, shown);
			if (decide(fixture, shown, port, protocol).verdict != said)
				fail_msg("%s port %u protocol %u under\n%s", shown, port, protocol,
					 text);
			allowed += said == CGF_ALLOW;
		}
	}
	/* Neither all nor nothing: the world is small enough to mean something. */
	assert_in_range(allowed, 150 * 200 / 10, 150 * 200 * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_policy_denies_everything),
		cmocka_unit_test(a_slot_without_a_policy_denies_everything),
		cmocka_unit_test(an_address_is_allowed_on_its_port_and_protocol_only),
		cmocka_unit_test(a_protocol_that_is_not_tcp_or_udp_is_denied),
		cmocka_unit_test(icmp_is_allowed_where_a_rule_names_it),
		cmocka_unit_test(icmp_is_denied_with_everything_or_by_its_name),
		cmocka_unit_test(a_rule_without_ports_allows_every_port_but_53),
		cmocka_unit_test(port_53_is_open_where_a_rule_names_it),
		cmocka_unit_test(resolvers_are_reached_on_port_53_by_udp_and_tcp_only),
		cmocka_unit_test(a_range_allows_its_ports_and_not_their_neighbours),
		cmocka_unit_test(deny_beats_allow_whatever_is_more_specific),
		cmocka_unit_test(a_deny_rule_for_a_resolver_wins),
		cmocka_unit_test(a_denied_range_has_port_53),
		cmocka_unit_test(an_ipv6_prefix_matches_no_ipv4_address),
		cmocka_unit_test(a_mapped_address_is_the_ipv4_address),
		cmocka_unit_test(the_first_of_the_rules_that_allow_is_reported),
		cmocka_unit_test(an_entry_that_has_run_out_denies_and_says_so),
		cmocka_unit_test(a_udp_probe_of_an_address_with_a_tcp_rule_is_known),
		cmocka_unit_test(kernel_and_rules_agree_on_random_policies),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
