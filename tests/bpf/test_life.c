// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The life of a flow: what keeps it when its entry has run out, and what ends it. */
#include "answers.h"

/* A packet of a flow that began when it was allowed. */
static bool carries_on(const struct fixture *fixture, const char *address, uint16_t port)
{
	struct door_input input = {
		.slot = SLOT,
		.port = port,
		.protocol = IPPROTO_TCP,
		.hook = CGF_HOOK_EGRESS,
		.established = true,
		.target = fixture->target,
	};

	parse_address(address, &input);
	return run_door(fixture, &input).verdict == CGF_ALLOW;
}

static struct cgf_key key_of(const char *address, uint16_t port)
{
	struct cgf_key key = {
		.port = port,
		.protocol = IPPROTO_TCP,
		.port_bits = CGF_PORT_BITS_ONE,
	};
	const struct address parsed = address_of(address);

	memcpy(key.address, parsed.bytes, sizeof(key.address));
	return key;
}

static uint64_t used_ns(const struct fixture *fixture, const char *address, uint16_t port)
{
	const struct cgf_key key = key_of(address, port);
	struct cgf_entry entry;

	assert_int_equal(datapath_allow_read(&fixture->maps, &key, &entry), 0);
	return entry.used_ns;
}

static void an_established_flow_outlives_its_entry_and_a_new_one_does_not(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t gone_s = POLICY_TTL_FLOOR_S + POLICY_GRACE_S + 1;

	set_policy(fixture, "allow github.test:22/tcp\n");
	learn(fixture, "github.test", "198.51.100.10", 1, gone_s);
	assert_false(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_true(carries_on(fixture, "198.51.100.10", 22));
	assert_false(carries_on(fixture, "198.51.100.11", 22));
	/* It was used, so the sweep leaves it; the name has moved away. */
	learn(fixture, "github.test", "198.51.100.12", 1, 0);
	sweep(fixture, 0);
	assert_true(carries_on(fixture, "198.51.100.10", 22));
	assert_false(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
}

static void what_is_idle_is_swept(void **state)
{
	struct fixture *fixture = *state;
	const struct cgf_key key = key_of("198.51.100.10", 22);
	struct cgf_entry entry;

	set_policy(fixture, "allow github.test:22/tcp\n");
	learn(fixture, "github.test", "198.51.100.10", 1, POLICY_TTL_FLOOR_S + POLICY_GRACE_S + 1);
	assert_true(carries_on(fixture, "198.51.100.10", 22));
	assert_int_equal(bpf_map_lookup_elem(fixture->maps.maps[KIND_ALLOW], &key, &entry), 0);
	sweep(fixture, CGF_IDLE_NS - NSEC_PER_SEC);
	assert_int_equal(bpf_map_lookup_elem(fixture->maps.maps[KIND_ALLOW], &key, &entry), 0);
	sweep(fixture, CGF_IDLE_NS + NSEC_PER_SEC);
	assert_int_equal(bpf_map_lookup_elem(fixture->maps.maps[KIND_ALLOW], &key, &entry),
			 -ENOENT);
}

static void only_packets_count_as_use_and_an_answer_does_not_forget_it(void **state)
{
	struct fixture *fixture = *state;
	uint64_t time_ns;

	set_policy(fixture, "allow github.test:22/tcp\n");
	learn(fixture, "github.test", "198.51.100.10", 60, 0);
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_int_equal(used_ns(fixture, "198.51.100.10", 22), 0);
	assert_true(carries_on(fixture, "198.51.100.10", 22));
	time_ns = used_ns(fixture, "198.51.100.10", 22);
	assert_true(time_ns > 0 && time_ns <= monotonic_ns());
	/* Not with each packet. */
	assert_true(carries_on(fixture, "198.51.100.10", 22));
	assert_int_equal(used_ns(fixture, "198.51.100.10", 22), time_ns);
	learn(fixture, "github.test", "198.51.100.10", 600, 0);
	assert_int_equal(used_ns(fixture, "198.51.100.10", 22), time_ns);
}

static void a_rule_that_is_removed_allows_no_packet_more(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow a.test:22/tcp\nallow b.test:22/tcp\nallow 192.0.2.0/24\n"
			    "allow 198.51.100.99:1-99/tcp\nlisten 8080/tcp\n");
	learn(fixture, "a.test", "198.51.100.10", 600, 0);
	learn(fixture, "b.test", "198.51.100.10", 600, 0);
	learn(fixture, "a.test", "198.51.100.11", 600, 0);
	policy_take_narrowed(fixture->policy);
	policy_remove_rule(fixture->policy, 0);
	flush(fixture);
	assert_true(policy_take_narrowed(fixture->policy));
	assert_false(policy_take_narrowed(fixture->policy));
	assert_false(carries_on(fixture, "198.51.100.11", 22));
	assert_true(carries_on(fixture, "198.51.100.10", 22));
	policy_remove_rule(fixture->policy, 1);
	policy_remove_rule(fixture->policy, 2);
	policy_remove_rule(fixture->policy, 3);
	flush(fixture);
	assert_false(carries_on(fixture, "198.51.100.10", 22));
	assert_false(carries_on(fixture, "192.0.2.1", 22));
	assert_false(carries_on(fixture, "198.51.100.99", 22));
	/* An answer that comes late gives nothing. */
	learn(fixture, "a.test", "198.51.100.12", 600, 0);
	assert_false(allows(fixture, "198.51.100.12", 22, IPPROTO_TCP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_established_flow_outlives_its_entry_and_a_new_one_does_not, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(what_is_idle_is_swept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			only_packets_count_as_use_and_an_answer_does_not_forget_it, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(a_rule_that_is_removed_allows_no_packet_more,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
