// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a policy says by name: answers become entries, entries run out, rules share them. */
#include <event2/event.h>

#include "answers.h"
#include "names_internal.h"

static void a_name_gives_nothing_before_its_answer(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow github.test:22\n");
	assert_false(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	learn(fixture, "github.test", "198.51.100.10", 300, 0);
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.10", 80, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.11", 22, IPPROTO_TCP));
}

static void a_newer_answer_adds_and_the_older_stays_for_its_time(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow github.test:22\n");
	learn(fixture, "github.test", "198.51.100.10", 1, 0);
	learn(fixture, "github.test", "198.51.100.11", 1, 0);
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.11", 22, IPPROTO_TCP));
}

static void an_address_runs_out_after_ttl_floor_and_grace(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t lasts_s = POLICY_TTL_FLOOR_S + POLICY_GRACE_S;

	set_policy(fixture, "allow github.test:22\n");
	learn(fixture, "github.test", "198.51.100.10", 1, lasts_s - 5);
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	learn(fixture, "github.test", "198.51.100.11", 1, lasts_s + 1);
	assert_false(allows(fixture, "198.51.100.11", 22, IPPROTO_TCP));
	assert_int_equal(decide(fixture, "198.51.100.11", 22, IPPROTO_TCP).reason,
			 CGF_REASON_EXPIRED);
	/* The next sweep takes what has run out from the map. */
	learn(fixture, "github.test", "198.51.100.12", 1, 0);
	sweep(fixture, 0);
	assert_int_equal(decide(fixture, "198.51.100.11", 22, IPPROTO_TCP).reason,
			 CGF_REASON_NO_RULE);
}

/* An answer of /etc/hosts, or of a resolver, that came `age_s` ago; as names_learn.c does it. */
static void answer_at(const struct fixture *fixture, const char *text, bool fixed, uint64_t age_s)
{
	const struct address addresses[] = { address_of(text) };
	struct policy_name *name = name_of(fixture, "github.test");
	const struct policy_answer answer = {
		.addresses = addresses,
		.count = 1,
		.ttl_s = 1,
		.fixed = fixed,
		.now_ns = past_ns(age_s),
	};
	struct policy_learned learned;

	policy_unfix(fixture->policy, name, &answer);
	assert_int_equal(policy_learn(fixture->policy, name, &answer, &learned), 0);
	flush(fixture);
}

static void what_a_file_has_no_more_lasts_for_the_grace(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow github.test:22\n");
	answer_at(fixture, "198.51.100.10", true, 0);
	answer_at(fixture, "198.51.100.11", true, POLICY_GRACE_S - 5);
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	answer_at(fixture, "198.51.100.12", true, POLICY_GRACE_S + 1);
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.11", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.12", 22, IPPROTO_TCP));
}

static void a_name_that_a_file_has_no_more_is_as_any_other(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow github.test:22\n");
	answer_at(fixture, "198.51.100.10", true, 0);
	answer_at(fixture, "198.51.100.11", false, POLICY_GRACE_S + 1);
	assert_false(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.11", 22, IPPROTO_TCP));
	/* What both have stays for the longer time. */
	answer_at(fixture, "198.51.100.11", true, 0);
	answer_at(fixture, "198.51.100.11", false, POLICY_GRACE_S + 1);
	assert_true(allows(fixture, "198.51.100.11", 22, IPPROTO_TCP));
}

/* No resolver has said it. */
static void nor_does_a_resolver_that_fails_add_to_that(void **state)
{
	const uint64_t grace_ns = POLICY_GRACE_S * NSEC_PER_SEC;
	const struct policy_answer nothing = { .now_ns = monotonic_ns() };
	const struct address address = address_of("198.51.100.10");
	struct cgf_key key = { .port = 22,
			       .protocol = IPPROTO_TCP,
			       .port_bits = CGF_PORT_BITS_ONE };
	struct fixture *fixture = *state;
	struct policy_name *name;
	struct cgf_entry entry;

	set_policy(fixture, "allow github.test:22\n");
	answer_at(fixture, "198.51.100.10", true, 0);
	name = name_of(fixture, "github.test");
	policy_unfix(fixture->policy, name, &nothing);
	policy_resolver_failed(fixture->policy, name, false);
	flush(fixture);
	memcpy(key.address, address.bytes, sizeof(key.address));
	assert_int_equal(datapath_allow_read(&fixture->maps, &key, &entry), 0);
	assert_true(entry.expires_ns <= nothing.now_ns + grace_ns);
}

static void a_file_says_nothing_of_the_other_family(void **state)
{
	const struct policy_answer nothing = { .now_ns = past_ns(60), .ipv6 = true };
	struct fixture *fixture = *state;

	set_policy(fixture, "allow github.test:22\n");
	answer_at(fixture, "198.51.100.10", true, 0);
	policy_unfix(fixture->policy, name_of(fixture, "github.test"), &nothing);
	flush(fixture);
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
}

static void a_name_has_the_ports_of_its_own_rules(void **state)
{
	struct fixture *fixture = *state;
	const struct policy_name *name;

	set_policy(fixture, "allow github.test:22,8000-8002/tcp\nallow github.test:53/udp\n"
			    "allow *.test:80\nallow other.test\ndeny github.test:23\n");
	name = name_of(fixture, "github.test");
	assert_true(policy_name_has_port(fixture->policy, name, IPPROTO_TCP, 22));
	assert_true(policy_name_has_port(fixture->policy, name, IPPROTO_TCP, 8002));
	assert_true(policy_name_has_port(fixture->policy, name, IPPROTO_UDP, 53));
	assert_false(policy_name_has_port(fixture->policy, name, IPPROTO_UDP, 22));
	assert_false(policy_name_has_port(fixture->policy, name, IPPROTO_TCP, 8003));
	assert_false(policy_name_has_port(fixture->policy, name, IPPROTO_TCP, 23));
	assert_false(policy_name_has_port(fixture->policy, name, IPPROTO_ICMP, 0));
	name = name_of(fixture, "other.test");
	assert_true(policy_name_has_port(fixture->policy, name, IPPROTO_TCP, 9));
}

static void a_longer_ttl_lasts_longer(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow github.test:22\n");
	learn(fixture, "github.test", "198.51.100.10", 200, 120);
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
}

static void a_failing_resolver_keeps_addresses_for_a_time_and_adds_none(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow github.test:22\n");
	learn(fixture, "github.test", "198.51.100.10", 1, POLICY_TTL_FLOOR_S + POLICY_GRACE_S - 1);
	policy_resolver_failed(fixture->policy, name_of(fixture, "github.test"), true);
	flush(fixture);
	learn(fixture, "github.test", "198.51.100.11", 1, POLICY_TTL_FLOOR_S + POLICY_GRACE_S - 1);
	policy_resolver_failed(fixture->policy, name_of(fixture, "github.test"), false);
	flush(fixture);
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_int_equal(policy_name_address_count(name_of(fixture, "github.test")), 2);
}

static void a_failing_resolver_does_not_open_what_is_denied(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t gone_s = POLICY_TTL_FLOOR_S + POLICY_GRACE_S + 1;

	set_policy(fixture, "allow any\ndeny evil.test\n");
	learn(fixture, "evil.test", "198.51.100.66", 1, gone_s);
	policy_resolver_failed(fixture->policy, name_of(fixture, "evil.test"), false);
	flush(fixture);
	assert_false(allows(fixture, "198.51.100.66", 80, IPPROTO_TCP));
}

static void an_answer_for_one_family_does_not_open_the_other(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t gone_s = POLICY_TTL_FLOOR_S + POLICY_GRACE_S + 1;

	set_policy(fixture, "allow any\ndeny evil.test\n");
	learn(fixture, "evil.test", "2001:db8::66", 1, gone_s);
	learn(fixture, "evil.test", "198.51.100.66", 60, 0);
	assert_false(allows(fixture, "2001:db8::66", 80, IPPROTO_TCP));
	learn(fixture, "evil.test", "2001:db8::67", 60, 0);
	assert_true(allows(fixture, "2001:db8::66", 80, IPPROTO_TCP));
}

static void any_does_not_mean_addresses_inside(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow evil.test:8080\nallow any:443\nallow 0.0.0.0/1:443\n");
	assert_int_equal(learn(fixture, "evil.test", "10.0.0.1", 60, 0).special, 1);
	assert_false(allows(fixture, "10.0.0.1", 8080, IPPROTO_TCP));
	assert_true(allows(fixture, "10.0.0.1", 443, IPPROTO_TCP));
}

/* The time that the kernel has, without waiting for it. */
static uint64_t expires_ns(const struct fixture *fixture, const char *text)
{
	struct address address = address_of(text);
	struct cgf_key key = { .port = 22,
			       .protocol = IPPROTO_TCP,
			       .port_bits = CGF_PORT_BITS_ONE };
	struct cgf_entry entry;

	memcpy(key.address, address.bytes, sizeof(key.address));
	assert_int_equal(bpf_map_lookup_elem(fixture->maps.maps[KIND_ALLOW], &key, &entry), 0);
	return entry.expires_ns;
}

static void a_failure_prolongs_the_family_that_failed(void **state)
{
	struct fixture *fixture = *state;
	uint64_t ipv4_ns, ipv6_ns;

	set_policy(fixture, "allow a.test:22\n");
	learn(fixture, "a.test", "198.51.100.10", 300, 0);
	learn(fixture, "a.test", "2001:db8::10", 300, 0);
	ipv4_ns = expires_ns(fixture, "198.51.100.10");
	ipv6_ns = expires_ns(fixture, "2001:db8::10");
	policy_resolver_failed(fixture->policy, name_of(fixture, "a.test"), true);
	flush(fixture);
	assert_true(expires_ns(fixture, "198.51.100.10") == ipv4_ns);
	assert_true(expires_ns(fixture, "2001:db8::10") ==
		    ipv6_ns + (POLICY_FAILURE_GRACE_S - POLICY_GRACE_S) * NSEC_PER_SEC);
}

static void of_two_names_the_longer_time_counts(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow a.test:22\nallow b.test:22\n");
	learn(fixture, "a.test", "198.51.100.10", 3600, 0);
	uint64_t longer_ns = expires_ns(fixture, "198.51.100.10");

	learn(fixture, "b.test", "198.51.100.10", 60, 0);
	assert_true(expires_ns(fixture, "198.51.100.10") == longer_ns);
}

static void a_failure_does_not_revive_what_has_run_out_for_good(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow github.test:22\n");
	learn(fixture, "github.test", "198.51.100.10", 1, POLICY_TTL_FLOOR_S + POLICY_GRACE_S + 1);
	policy_resolver_failed(fixture->policy, name_of(fixture, "github.test"), false);
	flush(fixture);
	assert_false(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_int_equal(policy_name_address_count(name_of(fixture, "github.test")), 0);
}

static void two_names_on_one_address_do_not_disturb_each_other(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t gone_s = POLICY_TTL_FLOOR_S + POLICY_GRACE_S + 1;

	set_policy(fixture, "allow a.test:22\nallow b.test:22\n");
	learn(fixture, "a.test", "198.51.100.10", 1, gone_s - 3);
	learn(fixture, "b.test", "198.51.100.10", 600, 0);
	assert_int_equal(decide(fixture, "198.51.100.10", 22, IPPROTO_TCP).rule, 0);
	/* a.test moves away; what it had has run out. */
	policy_finish(&fixture->policy);
	set_policy(fixture, "allow a.test:22\nallow b.test:22\n");
	learn(fixture, "a.test", "198.51.100.10", 1, gone_s);
	learn(fixture, "b.test", "198.51.100.10", 600, 0);
	learn(fixture, "a.test", "198.51.100.11", 600, 0);
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_int_equal(decide(fixture, "198.51.100.10", 22, IPPROTO_TCP).rule, 1);
}

static void a_hundred_rules_on_one_name_are_all_in_force(void **state)
{
	char text[8192];
	struct fixture *fixture = *state;
	size_t used = 0;
	int i;

	for (i = 1; i <= 100; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "allow a.test:%d/tcp\n",
					 1000 + i);
	set_policy(fixture, text);
	learn(fixture, "a.test", "198.51.100.10", 60, 0);
	for (i = 1; i <= 100; i++)
		assert_true(allows(fixture, "198.51.100.10", (uint16_t)(1000 + i), IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.10", 1101, IPPROTO_TCP));
}

static void a_name_that_points_inside_gives_nothing_and_says_so(void **state)
{
	static const char *const inside[] = {
		"127.0.0.1",	 "10.0.0.1", "192.168.1.1", "169.254.169.254",
		"::1",		 "fe80::1",  "fd00::1",	    "64:ff9b::10.0.0.1",
		"2002:a00:1::1", "0.0.0.0",  "100.64.0.1",  "224.0.0.1",
	};
	struct fixture *fixture = *state;
	size_t i;

	set_policy(fixture, "allow evil.test\n");
	for (i = 0; i < ARRAY_SIZE(inside); i++) {
		assert_int_equal(learn(fixture, "evil.test", inside[i], 60, 0).special, 1);
		assert_false(allows(fixture, inside[i], 80, IPPROTO_TCP));
	}
	assert_int_equal(policy_name_address_count(name_of(fixture, "evil.test")), 0);
}

static void a_name_may_point_inside_where_a_rule_has_the_address(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow db.test:5432\nallow 10.0.0.0/24:80\n");
	assert_int_equal(learn(fixture, "db.test", "10.0.0.1", 60, 0).special, 0);
	assert_true(allows(fixture, "10.0.0.1", 5432, IPPROTO_TCP));
	assert_int_equal(learn(fixture, "db.test", "10.0.1.1", 60, 0).special, 1);
	assert_false(allows(fixture, "10.0.1.1", 5432, IPPROTO_TCP));
}

static void a_denied_name_is_denied_also_inside(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow any\ndeny evil.test\n");
	learn(fixture, "evil.test", "198.51.100.66", 60, 0);
	learn(fixture, "evil.test", "10.0.0.66", 60, 0);
	assert_false(allows(fixture, "198.51.100.66", 80, IPPROTO_TCP));
	assert_false(allows(fixture, "10.0.0.66", 80, IPPROTO_TCP));
	assert_true(allows(fixture, "10.0.0.67", 80, IPPROTO_TCP));
}

static void a_name_has_every_port_or_a_range(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow a.test\nallow b.test:8000-8100\n");
	learn(fixture, "a.test", "198.51.100.10", 60, 0);
	learn(fixture, "b.test", "198.51.100.11", 60, 0);
	assert_true(allows(fixture, "198.51.100.10", 12345, IPPROTO_UDP));
	assert_true(allows(fixture, "198.51.100.11", 8064, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.11", 8101, IPPROTO_TCP));
}

static void a_name_has_at_most_so_many_addresses(void **state)
{
	struct address addresses[CGF_NAME_ADDRESSES_MAX + 10];
	const struct policy_answer answer = {
		.addresses = addresses,
		.count = ARRAY_SIZE(addresses),
		.ttl_s = 60,
		.now_ns = monotonic_ns(),
	};
	struct fixture *fixture = *state;
	struct policy_learned learned;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		addresses[i] = address_of("198.18.0.0");
		addresses[i].bytes[14] = (uint8_t)(i >> 8);
		addresses[i].bytes[15] = (uint8_t)i;
	}
	set_policy(fixture, "allow big.test:80/tcp\n");
	assert_int_equal(
		policy_learn(fixture->policy, name_of(fixture, "big.test"), &answer, &learned), 0);
	flush(fixture);
	assert_int_equal(learned.added, CGF_NAME_ADDRESSES_MAX);
	assert_int_equal(learned.refused, 10);
	assert_true(allows(fixture, "198.18.3.255", 80, IPPROTO_TCP));
	assert_false(allows(fixture, "198.18.4.0", 80, IPPROTO_TCP));
}

static void a_full_map_refuses_what_is_new_and_renews_what_it_has(void **state)
{
	struct fixture *fixture = *state;
	struct cgf_entry entry = { .expires_ns = CGF_NEVER_EXPIRES };
	struct cgf_key key = { .protocol = IPPROTO_TCP, .port_bits = CGF_PORT_BITS_ONE };
	size_t written, refused, i;
	int r = 0;

	set_policy(fixture, "allow a.test:22/tcp\nallow b.test:22/tcp\n");
	learn(fixture, "a.test", "198.51.100.10", 1, POLICY_TTL_FLOOR_S + POLICY_GRACE_S - 2);
	for (i = 0; !r && i < 2 * ENTRIES; i++) {
		key.port = (uint16_t)i;
		key.address[0] = (uint8_t)(i >> 16);
		r = datapath_allow_write(&fixture->maps, &key, &entry, 1, &written);
	}
	assert_int_equal(r, -ENOSPC);
	struct address addresses[] = { address_of("198.51.100.20") };
	const struct policy_answer new_one = { addresses, 1, 60, false, monotonic_ns(), false };
	struct policy_learned learned;

	policy_learn(fixture->policy, name_of(fixture, "b.test"), &new_one, &learned);
	addresses[0] = address_of("198.51.100.10");
	policy_learn(fixture->policy, name_of(fixture, "a.test"), &new_one, &learned);
	assert_int_equal(policy_flush(fixture->policy, &fixture->maps, &refused), -ENOSPC);
	assert_int_equal(refused, 1);
	assert_false(allows(fixture, "198.51.100.20", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	/* Room again: the refused one gets in with the next flush. */
	assert_int_equal(datapath_allow_delete(&fixture->maps, &key, 1), 0);
	key.port = 1;
	assert_int_equal(datapath_allow_delete(&fixture->maps, &key, 1), 0);
	flush(fixture);
	assert_true(allows(fixture, "198.51.100.20", 22, IPPROTO_TCP));
}

static void what_is_to_be_denied_and_does_not_fit_is_no_small_matter(void **state)
{
	struct address addresses[CGF_NAME_ADDRESSES_MAX];
	const struct policy_answer answer = { addresses, ARRAY_SIZE(addresses), 60,
					      false,	 monotonic_ns(),	false };
	struct fixture *fixture = *state;
	struct policy_learned learned;
	size_t i, refused = 0;

	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		addresses[i] = address_of("198.18.0.0");
		addresses[i].bytes[14] = (uint8_t)(i >> 8);
		addresses[i].bytes[15] = (uint8_t)i;
	}
	set_policy(fixture, "allow any\ndeny big.test:1-1000\n");
	assert_int_equal(
		policy_learn(fixture->policy, name_of(fixture, "big.test"), &answer, &learned), 0);
	assert_int_equal(policy_flush(fixture->policy, &fixture->maps, &refused), -EOVERFLOW);
}

static void nor_what_has_run_out_of_a_name_that_is_denied_too(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow a.test:443\ndeny a.test:22\n");
	learn(fixture, "a.test", "198.51.100.10", 60, 100);
	assert_false(allows(fixture, "198.51.100.10", 443, IPPROTO_TCP));
	policy_resolver_failed(fixture->policy, name_of(fixture, "a.test"), false);
	flush(fixture);
	assert_false(allows(fixture, "198.51.100.10", 443, IPPROTO_TCP));
}

/* As the resolver says it; nothing else of `names` is needed. */
static void that_there_is_no_such_name_is_an_answer(void **state)
{
	struct fixture *fixture = *state;
	struct event_base *base = event_base_new();
	struct names names = { .flush_event = event_new(base, -1, 0, NULL, NULL) };
	struct name name = {};
	const struct resolver_answer none = { .name = "evil.test",
					      .name_data = &name,
					      .status = RESOLVER_NOT_FOUND };

	set_policy(fixture, "allow any\ndeny evil.test\n");
	learn(fixture, "evil.test", "198.51.100.10", 60, POLICY_TTL_FLOOR_S + POLICY_GRACE_S + 1);
	assert_false(allows(fixture, "198.51.100.10", 80, IPPROTO_TCP));
	names.options.policy = fixture->policy;
	names.options.datapath = &fixture->maps;
	name.policy_name = name_of(fixture, "evil.test");
	names_answer(&none, &names);
	flush(fixture);
	assert_true(allows(fixture, "198.51.100.10", 80, IPPROTO_TCP));
	event_free(names.flush_event);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_gives_nothing_before_its_answer),
		cmocka_unit_test(a_newer_answer_adds_and_the_older_stays_for_its_time),
		cmocka_unit_test(an_address_runs_out_after_ttl_floor_and_grace),
		cmocka_unit_test(what_a_file_has_no_more_lasts_for_the_grace),
		cmocka_unit_test(a_name_that_a_file_has_no_more_is_as_any_other),
		cmocka_unit_test(nor_does_a_resolver_that_fails_add_to_that),
		cmocka_unit_test(a_file_says_nothing_of_the_other_family),
		cmocka_unit_test(a_name_has_the_ports_of_its_own_rules),
		cmocka_unit_test(a_longer_ttl_lasts_longer),
		cmocka_unit_test(a_failing_resolver_keeps_addresses_for_a_time_and_adds_none),
		cmocka_unit_test(a_failing_resolver_does_not_open_what_is_denied),
		cmocka_unit_test(that_there_is_no_such_name_is_an_answer),
		cmocka_unit_test(an_answer_for_one_family_does_not_open_the_other),
		cmocka_unit_test(any_does_not_mean_addresses_inside),
		cmocka_unit_test(a_failure_prolongs_the_family_that_failed),
		cmocka_unit_test(of_two_names_the_longer_time_counts),
		cmocka_unit_test(a_failure_does_not_revive_what_has_run_out_for_good),
		cmocka_unit_test(nor_what_has_run_out_of_a_name_that_is_denied_too),
		cmocka_unit_test(two_names_on_one_address_do_not_disturb_each_other),
		cmocka_unit_test(a_hundred_rules_on_one_name_are_all_in_force),
		cmocka_unit_test(a_name_that_points_inside_gives_nothing_and_says_so),
		cmocka_unit_test(a_name_may_point_inside_where_a_rule_has_the_address),
		cmocka_unit_test(a_denied_name_is_denied_also_inside),
		cmocka_unit_test(a_name_has_every_port_or_a_range),
		cmocka_unit_test(a_name_has_at_most_so_many_addresses),
		cmocka_unit_test(what_is_to_be_denied_and_does_not_fit_is_no_small_matter),
		cmocka_unit_test(a_full_map_refuses_what_is_new_and_renews_what_it_has),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
