// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the kernel has learned beside what userspace knows. The entries that an answer gives are
 * written here, as the programs write them; that they do is tested where there are answers.
 */
#include <pthread.h>

#include "asked.h"

static struct cgf_key key_at(const char *address, const struct cgf_port_block *block)
{
	struct cgf_key key = {
		.port = block->port,
		.protocol = block->protocol,
		.port_bits = block->port_bits,
	};
	const struct address parsed = address_of(address);

	memcpy(key.address, parsed.bytes, sizeof(key.address));
	return key;
}

static struct cgf_key key_443(const char *address)
{
	return key_at(address, &(struct cgf_port_block){ 443, IPPROTO_TCP, CGF_PORT_BITS_ONE });
}

static void write_entry(const struct fixture *fixture, const struct cgf_key *key,
			const struct cgf_entry *entry)
{
	assert_int_equal(bpf_map_update_elem(fixture->maps.maps[KIND_ALLOW], key, entry, BPF_ANY),
			 0);
}

static bool read_443(const struct fixture *fixture, const char *address, struct cgf_entry *entry)
{
	const struct cgf_key key = key_443(address);

	return !datapath_allow_read(&fixture->maps, &key, entry);
}

/* An entry for each block of the grant, until `left_s` from now. */
static void kernel_learns(const struct fixture *fixture, uint32_t number, const char *address,
			  int64_t left_s)
{
	struct cgf_grant grant;
	struct cgf_entry entry = {
		.expires_ns = monotonic_ns() + (uint64_t)left_s * NSEC_PER_SEC,
		.grant = number,
		.learned = 1,
	};
	uint32_t i;

	assert_true(has_grant(fixture, number, &grant));
	entry.rule = grant.rule;
	for (i = 0; i < grant.block_count; i++) {
		const struct cgf_key key = key_at(address, &grant.blocks[i]);

		write_entry(fixture, &key, &entry);
	}
}

static struct policy_learned adopt(const struct fixture *fixture, const char *name,
				   const char *text, uint32_t ttl_s)
{
	const struct address address = address_of(text);
	const struct policy_answer answer = { &address, 1, ttl_s, false, monotonic_ns(), false };
	struct policy_learned learned;
	const char *known;

	assert_int_equal(policy_adopt(fixture->policy, name, &answer,
				      grant_number_of(fixture, name), &learned, &known),
			 0);
	return learned;
}

static const char *name_at(const struct fixture *fixture, const char *text)
{
	const struct address address = address_of(text);

	return policy_name_of(fixture->policy, &address);
}

static size_t count_entries(const struct fixture *fixture)
{
	struct cgf_key key, *last = NULL;
	size_t count = 0;

	while (!bpf_map_get_next_key(fixture->maps.maps[KIND_ALLOW], last, &key)) {
		last = &key;
		count++;
	}
	return count;
}

/* --- writing beside the kernel ------------------------------------------------------------------
 */

#define ADDRESS "198.51.100.10"
#define OTHER "198.51.100.11"
#define CPUS_MAX 1024

static void an_answer_to_us_does_not_cut_short_what_the_kernel_learned(void **state)
{
	struct fixture *fixture = *state;
	const struct cgf_key key = key_443(ADDRESS);
	struct cgf_entry before, after;

	set_policy(fixture, "allow a.test:443/tcp\n");
	kernel_learns(fixture, grant_number_of(fixture, "a.test"), ADDRESS, 3600);
	assert_true(read_443(fixture, ADDRESS, &before));
	before.used_ns = 123;
	write_entry(fixture, &key, &before);
	learn(fixture, "a.test", ADDRESS, 60, 0);
	assert_true(read_443(fixture, ADDRESS, &after));
	assert_memory_equal(&before, &after, sizeof(after));
}

static void a_later_end_replaces_an_earlier_one_and_keeps_the_last_use(void **state)
{
	struct fixture *fixture = *state;
	const struct cgf_key key = key_443(ADDRESS);
	struct cgf_entry before, after;

	set_policy(fixture, "allow a.test:443/tcp\n");
	kernel_learns(fixture, grant_number_of(fixture, "a.test"), ADDRESS, 90);
	assert_true(read_443(fixture, ADDRESS, &before));
	before.used_ns = 123;
	write_entry(fixture, &key, &before);
	learn(fixture, "a.test", ADDRESS, 3600, 0);
	assert_true(read_443(fixture, ADDRESS, &after));
	assert_true(after.expires_ns > before.expires_ns + 3000 * NSEC_PER_SEC);
	assert_true(after.used_ns == 123);
}

/* Also where the kernel began to learn after the last look. */
static void what_the_kernel_counts_as_learned_is_looked_for(void **state)
{
	struct cgf_counters counters[CPUS_MAX];
	struct fixture *fixture = *state;
	struct cgf_entry entry;
	uint32_t zero = 0;
	int fd;

	fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "counters", sizeof(zero),
			    sizeof(counters[0]), 1, NULL);
	assert_true(fd >= 0);
	fixture->maps.maps[KIND_COUNTERS] = fd;
	set_policy(fixture, "allow a.test:443/tcp\nallow b.test:443/tcp\n");
	learn(fixture, "b.test", OTHER, 60, 0);
	memset(counters, 0, sizeof(counters));
	counters[0].learned = 1;
	assert_int_equal(bpf_map_update_elem(fd, &zero, counters, BPF_ANY), 0);
	kernel_learns(fixture, grant_number_of(fixture, "a.test"), ADDRESS, 3600);
	learn(fixture, "a.test", ADDRESS, 60, 0);
	assert_true(read_443(fixture, ADDRESS, &entry));
	assert_true(entry.expires_ns > monotonic_ns() + 3000 * NSEC_PER_SEC);
	close_fd(&fixture->maps.maps[KIND_COUNTERS]);
}

static void what_the_kernel_tells_is_not_written_again(void **state)
{
	struct fixture *fixture = *state;
	struct cgf_entry before, after;

	set_policy(fixture, "allow *.x:443/tcp\n");
	kernel_learns(fixture, grant_number_of(fixture, "a.x"), ADDRESS, 90);
	assert_true(read_443(fixture, ADDRESS, &before));
	assert_int_equal(adopt(fixture, "a.x", ADDRESS, 60).added, 1);
	flush(fixture);
	assert_true(read_443(fixture, ADDRESS, &after));
	assert_memory_equal(&before, &after, sizeof(after));
	assert_int_not_equal(after.grant, CGF_GRANT_NONE);
}

static void what_the_kernel_had_no_room_for_is_written(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow *.x:443/tcp\n");
	adopt(fixture, "a.x", ADDRESS, 60);
	assert_false(allows(fixture, ADDRESS, 443, IPPROTO_TCP));
	flush(fixture);
	assert_true(allows(fixture, ADDRESS, 443, IPPROTO_TCP));
	assert_false(allows(fixture, ADDRESS, 80, IPPROTO_TCP));
}

static void denied_ports_are_denied_at_the_addresses_too(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow *.x\ndeny a.x:22\n");
	kernel_learns(fixture, grant_number_of(fixture, "a.x"), ADDRESS, 90);
	assert_true(allows(fixture, ADDRESS, 80, IPPROTO_TCP));
	assert_false(allows(fixture, ADDRESS, 22, IPPROTO_TCP));
	adopt(fixture, "a.x", ADDRESS, 60);
	flush(fixture);
	/* Another name has the same address. */
	kernel_learns(fixture, grant_number_of(fixture, "b.x"), ADDRESS, 90);
	assert_true(allows(fixture, ADDRESS, 80, IPPROTO_TCP));
	assert_false(allows(fixture, ADDRESS, 22, IPPROTO_TCP));
}

/* Both have it by one rule. */
static void a_name_below_a_wildcard_does_not_cut_short_what_another_has(void **state)
{
	struct fixture *fixture = *state;
	struct cgf_entry entry;

	set_policy(fixture, "allow *.x:443/tcp\n");
	adopt(fixture, "a.x", ADDRESS, 3600);
	adopt(fixture, "b.x", ADDRESS, 60);
	flush(fixture);
	assert_true(read_443(fixture, ADDRESS, &entry));
	assert_true(entry.expires_ns > monotonic_ns() + 3500 * NSEC_PER_SEC);
}

static void what_has_run_out_for_one_name_has_not_for_another_below_the_wildcard(void **state)
{
	const struct address address = address_of(ADDRESS);
	const uint64_t past_ns = monotonic_ns() - 200 * NSEC_PER_SEC;
	const struct policy_answer old = { &address, 1, 60, false, past_ns, false };
	struct policy_learned learned;
	struct fixture *fixture = *state;
	struct cgf_entry entry;
	const char *known;

	set_policy(fixture, "allow *.x:443/tcp\nallow *.y:443/tcp\n");
	assert_int_equal(policy_adopt(fixture->policy, "b.x", &old, grant_number_of(fixture, "b.x"),
				      &learned, &known),
			 0);
	adopt(fixture, "a.x", ADDRESS, 3600);
	adopt(fixture, "c.y", ADDRESS, 60);
	adopt(fixture, "b.x", OTHER, 60);
	flush(fixture);
	assert_true(read_443(fixture, ADDRESS, &entry));
	assert_int_equal(entry.rule, 0);
	assert_true(entry.expires_ns > monotonic_ns() + 3500 * NSEC_PER_SEC);
}

/* --- rules that go ------------------------------------------------------------------------------
 */

static void with_a_rule_goes_what_was_learned_by_it(void **state)
{
	struct fixture *fixture = *state;
	uint32_t number;

	set_policy(fixture, "allow *.x:443/tcp\nallow *.y:443/tcp\n");
	number = grant_number_of(fixture, "a.x");
	kernel_learns(fixture, number, ADDRESS, 90);
	adopt(fixture, "a.x", ADDRESS, 60);
	/* That nobody was told of. */
	kernel_learns(fixture, number, OTHER, 90);
	kernel_learns(fixture, grant_number_of(fixture, "a.y"), "198.51.100.12", 90);
	flush(fixture);
	policy_take_narrowed(fixture->policy);
	policy_remove_rule(fixture->policy, 0);
	flush(fixture);
	assert_false(allows(fixture, ADDRESS, 443, IPPROTO_TCP));
	assert_false(allows(fixture, OTHER, 443, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.12", 443, IPPROTO_TCP));
	assert_true(policy_take_narrowed(fixture->policy));
	assert_null(name_at(fixture, "198.51.100.12"));
}

static void what_another_rule_gives_stays_for_its_time(void **state)
{
	struct fixture *fixture = *state;
	struct cgf_entry entry;

	set_policy(fixture, "allow *.x:443/tcp\nallow *.y:443/tcp\n");
	adopt(fixture, "a.y", ADDRESS, 600);
	flush(fixture);
	kernel_learns(fixture, grant_number_of(fixture, "a.x"), ADDRESS, 7200);
	adopt(fixture, "a.y", ADDRESS, 600);
	flush(fixture);
	kernel_learns(fixture, grant_number_of(fixture, "a.x"), ADDRESS, 7201);
	assert_true(read_443(fixture, ADDRESS, &entry));
	assert_true(entry.expires_ns > monotonic_ns() + 7000 * NSEC_PER_SEC);
	policy_remove_rule(fixture->policy, 0);
	flush(fixture);
	assert_true(read_443(fixture, ADDRESS, &entry));
	assert_int_equal(entry.rule, 1);
	assert_true(entry.expires_ns > monotonic_ns() + 500 * NSEC_PER_SEC);
	assert_true(entry.expires_ns < monotonic_ns() + 700 * NSEC_PER_SEC);
}

static void an_address_without_its_rule_has_the_time_of_its_name(void **state)
{
	struct fixture *fixture = *state;
	struct cgf_entry entry;

	set_policy(fixture, "allow " ADDRESS ":443/tcp\nallow *.y:443/tcp\n");
	adopt(fixture, "a.y", ADDRESS, 600);
	flush(fixture);
	assert_true(read_443(fixture, ADDRESS, &entry));
	assert_true(entry.expires_ns == CGF_NEVER_EXPIRES);
	policy_remove_rule(fixture->policy, 0);
	flush(fixture);
	assert_true(read_443(fixture, ADDRESS, &entry));
	assert_true(entry.expires_ns < monotonic_ns() + 700 * NSEC_PER_SEC);
}

/* The kernel looked the grant up before it went, and wrote after. */
static void an_answer_that_was_on_its_way_gives_nothing(void **state)
{
	const struct address address = address_of(ADDRESS);
	const struct policy_answer answer = { &address, 1, 60, false, monotonic_ns(), false };
	struct fixture *fixture = *state;
	struct policy_learned learned;
	struct cgf_grant grant;
	const char *known;
	uint32_t number;

	set_policy(fixture, "allow *.x:443/tcp\n");
	number = grant_number_of(fixture, "a.x");
	policy_remove_rule(fixture->policy, 0);
	flush(fixture);
	assert_false(has_grant(fixture, number, &grant));
	const struct cgf_key key = key_443(ADDRESS);

	write_entry(fixture, &key,
		    &(struct cgf_entry){ .expires_ns = monotonic_ns() + 90 * NSEC_PER_SEC,
					 .grant = number,
					 .learned = 1 });
	assert_int_equal(policy_adopt(fixture->policy, "a.x", &answer, number, &learned, &known),
			 -ENOENT);
	flush(fixture);
	assert_int_equal(count_entries(fixture), 0);
}

/* --- what has run out ---------------------------------------------------------------------------
 */

static void the_sweep_takes_also_what_nobody_was_told_of(void **state)
{
	struct fixture *fixture = *state;
	const struct cgf_key used = key_443("198.51.100.12");
	struct cgf_entry entry;
	uint32_t number;

	set_policy(fixture, "allow *.x:443/tcp\n");
	number = grant_number_of(fixture, "a.x");
	kernel_learns(fixture, number, ADDRESS, -1);
	kernel_learns(fixture, number, OTHER, 90);
	kernel_learns(fixture, number, "198.51.100.12", -1);
	assert_true(read_443(fixture, "198.51.100.12", &entry));
	entry.used_ns = monotonic_ns() - CGF_USED_STEP_NS;
	write_entry(fixture, &used, &entry);
	sweep(fixture, 0);
	assert_false(read_443(fixture, ADDRESS, &entry));
	assert_true(read_443(fixture, OTHER, &entry));
	assert_true(read_443(fixture, "198.51.100.12", &entry));
	sweep(fixture, CGF_IDLE_NS + NSEC_PER_SEC);
	assert_int_equal(count_entries(fixture), 0);
}

static void the_sweep_leaves_what_the_kernel_has_renewed(void **state)
{
	struct fixture *fixture = *state;
	struct cgf_entry entry;

	set_policy(fixture, "allow a.test:443/tcp\n");
	learn(fixture, "a.test", ADDRESS, 1, POLICY_TTL_FLOOR_S + POLICY_GRACE_S + 1);
	learn(fixture, "a.test", OTHER, 1, POLICY_TTL_FLOOR_S + POLICY_GRACE_S + 1);
	kernel_learns(fixture, grant_number_of(fixture, "a.test"), ADDRESS, 90);
	sweep(fixture, 0);
	assert_true(read_443(fixture, ADDRESS, &entry));
	assert_false(read_443(fixture, OTHER, &entry));
}

static void what_ends_too_early_in_the_kernel_is_written_again(void **state)
{
	struct fixture *fixture = *state;
	const struct cgf_key key = key_443(ADDRESS);

	set_policy(fixture, "allow a.test:443/tcp\n");
	learn(fixture, "a.test", ADDRESS, 60, 0);
	write_entry(fixture, &key, &(struct cgf_entry){ .expires_ns = 1 });
	assert_false(allows(fixture, ADDRESS, 443, IPPROTO_TCP));
	sweep(fixture, 0);
	flush(fixture);
	assert_true(allows(fixture, ADDRESS, 443, IPPROTO_TCP));
}

/* Entries that go, and one among them that is renewed at some time while they do. */
#define RACES 300
#define OTHERS 200
#define DELAYS_NS (NSEC_PER_MSEC / 2)

struct race {
	const struct fixture *fixture;
	pthread_barrier_t start, end;
};

static void *renew_each_time(void *data)
{
	const struct cgf_key key = key_443(ADDRESS);
	struct race *race = data;
	uint64_t begin_ns;
	uint32_t i;

	for (i = 0; i < RACES; i++) {
		const struct cgf_entry entry = {
			.expires_ns = monotonic_ns() + 90 * NSEC_PER_SEC,
			.grant = 1,
			.learned = 1,
		};

		pthread_barrier_wait(&race->start);
		begin_ns = monotonic_ns();
		while (monotonic_ns() < begin_ns + i * DELAYS_NS / RACES)
			;
		bpf_map_update_elem(race->fixture->maps.maps[KIND_ALLOW], &key, &entry, BPF_ANY);
		pthread_barrier_wait(&race->end);
	}
	return NULL;
}

static void make_idle(const struct fixture *fixture)
{
	struct cgf_key key = key_443(ADDRESS);
	uint32_t i;

	for (i = 0; i < OTHERS; i++) {
		write_entry(fixture, &key,
			    &(struct cgf_entry){ .expires_ns = 1, .grant = 1, .learned = 1 });
		key.port++;
	}
}

static void nothing_that_is_renewed_is_lost_to_the_sweep(void **state)
{
	struct fixture *fixture = *state;
	struct race race = { .fixture = fixture };
	struct cgf_entry entry;
	pthread_t thread;
	int i, lost = 0;

	set_policy(fixture, "allow *.x:443/tcp\n");
	pthread_barrier_init(&race.start, NULL, 2);
	pthread_barrier_init(&race.end, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, renew_each_time, &race), 0);
	for (i = 0; i < RACES; i++) {
		make_idle(fixture);
		pthread_barrier_wait(&race.start);
		sweep(fixture, 0);
		pthread_barrier_wait(&race.end);
		lost += !read_443(fixture, ADDRESS, &entry);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(lost, 0);
}

static int meet(const struct cgf_key *key, const struct cgf_entry *entry, void *data)
{
	uint8_t *met = data;

	(void)entry;
	met[key->port]++;
	return 0;
}

static void every_entry_is_met_once(void **state)
{
	struct fixture *fixture = *state;
	struct cgf_key key = key_443(ADDRESS);
	uint8_t *met = calloc(PORTS, 1);
	uint32_t i;

	assert_non_null(met);
	set_policy(fixture, "allow *.x:443/tcp\n");
	for (i = 0; i < ENTRIES - 1000; i++) {
		key.port = (uint16_t)i;
		write_entry(fixture, &key, &(struct cgf_entry){ .expires_ns = i });
	}
	assert_int_equal(datapath_allow_each(&fixture->maps, meet, met), 0);
	for (i = 0; i < PORTS; i++)
		assert_int_equal(met[i], i < ENTRIES - 1000);
	free(met);
}

/* --- names that are known by their answers ------------------------------------------------------
 */

static void a_name_below_a_wildcard_is_known_while_it_has_addresses(void **state)
{
	struct fixture *fixture = *state;
	struct lookup lookup = { .text = "a.x" };
	size_t names, addresses;

	set_policy(fixture, "allow *.x:443/tcp\nallow b.test:443/tcp\n");
	adopt(fixture, "A.x", ADDRESS, 60);
	adopt(fixture, "b.test", OTHER, 60);
	flush(fixture);
	assert_string_equal(name_at(fixture, ADDRESS), "a.x");
	assert_string_equal(name_at(fixture, OTHER), "b.test");
	policy_count_names(fixture->policy, &names, &addresses);
	assert_int_equal(names, 2);
	assert_int_equal(addresses, 2);
	policy_each_name(fixture->policy, compare_name, &lookup);
	assert_null(lookup.name);
	sweep(fixture, (POLICY_TTL_FLOOR_S + POLICY_GRACE_S + 1) * NSEC_PER_SEC);
	assert_null(name_at(fixture, ADDRESS));
	assert_int_equal(count_entries(fixture), 0);
}

/* It is still polled, and whoever does has it in hand. */
static void a_polled_name_without_its_rule_is_not_taken_and_stays(void **state)
{
	const struct address address = address_of(ADDRESS);
	const struct policy_answer answer = { &address, 1, 60, false, monotonic_ns(), false };
	struct fixture *fixture = *state;
	struct policy_learned learned;
	const char *name;

	set_policy(fixture, "allow a.test:443/tcp\nallow b.test:443/tcp\n");
	policy_remove_rule(fixture->policy, 0);
	assert_int_equal(policy_adopt(fixture->policy, "a.test", &answer, 1, &learned, &name),
			 -ENOENT);
	learn(fixture, "a.test", ADDRESS, 60, 0);
	flush(fixture);
	assert_false(allows(fixture, ADDRESS, 443, IPPROTO_TCP));
}

static void a_name_that_no_rule_has_is_not_taken(void **state)
{
	static const char *const names[] = { "x", "a.test", "b.a.test", "ax" };
	const struct address address = address_of(ADDRESS);
	const struct policy_answer answer = { &address, 1, 60, false, monotonic_ns(), false };
	struct fixture *fixture = *state;
	struct policy_learned learned;
	const char *known;
	size_t i;

	set_policy(fixture, "allow *.x:443/tcp\ndeny a.test:443/tcp\nallow *.z:1\n");
	for (i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(
			policy_adopt(fixture->policy, names[i], &answer, 1, &learned, &known),
			-ENOENT);
	flush(fixture);
	assert_int_equal(count_entries(fixture), 0);
}

static void so_many_names_are_known_and_the_addresses_of_the_others_stay(void **state)
{
	struct fixture *fixture = *state;
	char name[16], address[ADDRESS_TEXT_BYTES];
	size_t names, addresses;
	int i;

	set_policy(fixture, "allow *.x:443/tcp\n");
	for (i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "n%d.x", i);
		snprintf(address, sizeof(address), "198.18.%d.%d", i / 256, i % 256);
		adopt(fixture, name, address, 60);
	}
	flush(fixture);
	policy_count_names(fixture->policy, &names, &addresses);
	assert_int_equal(names, 4096);
	assert_null(name_at(fixture, "198.18.0.0"));
	assert_string_equal(name_at(fixture, address), name);
	assert_true(allows(fixture, "198.18.0.0", 443, IPPROTO_TCP));
	sweep(fixture, (POLICY_TTL_FLOOR_S + POLICY_GRACE_S + 1) * NSEC_PER_SEC);
	assert_int_equal(count_entries(fixture), 0);
}

/* As many as are known; they have an address that nobody is denied. */
static void make_names_up(const struct fixture *fixture)
{
	char name[16];
	int i;

	for (i = 0; i < 4096; i++) {
		snprintf(name, sizeof(name), "n%d.x", i);
		adopt(fixture, name, OTHER, 60);
	}
	flush(fixture);
}

static bool is_denied_only_there(const struct fixture *fixture)
{
	assert_true(allows(fixture, ADDRESS, 23, IPPROTO_TCP));
	return !allows(fixture, ADDRESS, 22, IPPROTO_TCP);
}

static void sweep_and_flush(const struct fixture *fixture, uint64_t ahead_s)
{
	sweep(fixture, ahead_s * NSEC_PER_SEC);
	flush(fixture);
}

#define DENIED_BELOW "allow *.x:443\ndeny *.x:22\nallow shared.test:22-23\n"

static void set_denied_below(struct fixture *fixture, const char *text)
{
	set_policy(fixture, text);
	learn(fixture, "shared.test", ADDRESS, 86400, 0);
}

static void what_was_denied_for_a_name_that_is_not_known_any_more_is_so_for_its_time(void **state)
{
	struct fixture *fixture = *state;

	set_denied_below(fixture, DENIED_BELOW);
	adopt(fixture, "evil.x", ADDRESS, 3600);
	flush(fixture);
	assert_true(is_denied_only_there(fixture));
	make_names_up(fixture);
	assert_true(is_denied_only_there(fixture));
	sweep_and_flush(fixture, 3600 + POLICY_GRACE_S - 5);
	assert_true(is_denied_only_there(fixture));
	sweep_and_flush(fixture, 3600 + POLICY_GRACE_S + 1);
	assert_false(is_denied_only_there(fixture));
}

/* Whoever comes after has it for less time, or for more. */
static void and_for_that_of_another_name_that_has_the_address(void **state)
{
	static const uint32_t ttls_s[] = { 60, 3600, 7200 };
	struct fixture *fixture = *state;
	uint64_t longest_s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ttls_s); i++) {
		longest_s = ttls_s[i] > 3600 ? ttls_s[i] : 3600;
		set_denied_below(fixture, DENIED_BELOW);
		adopt(fixture, "evil.x", ADDRESS, 3600);
		make_names_up(fixture);
		adopt(fixture, "other.x", ADDRESS, ttls_s[i]);
		flush(fixture);
		sweep_and_flush(fixture, longest_s + POLICY_GRACE_S - 5);
		assert_true(is_denied_only_there(fixture));
		sweep_and_flush(fixture, longest_s + POLICY_GRACE_S + 1);
		assert_false(is_denied_only_there(fixture));
	}
}

/* It is asked for, and has its addresses until an answer says otherwise. */
static void and_as_long_as_a_polled_name_below_the_wildcard_has_the_address(void **state)
{
	struct fixture *fixture = *state;

	set_denied_below(fixture, DENIED_BELOW "allow polled.x:80\n");
	adopt(fixture, "evil.x", ADDRESS, 3600);
	learn(fixture, "polled.x", ADDRESS, 60, 100);
	make_names_up(fixture);
	sweep_and_flush(fixture, 7200);
	assert_true(is_denied_only_there(fixture));
	learn(fixture, "polled.x", OTHER, 60, 0);
	sweep_and_flush(fixture, 7200);
	assert_false(is_denied_only_there(fixture));
}

static void apply(const struct fixture *fixture, const char *text)
{
	struct policy_changes changes;
	struct policyfile_error error;
	struct rules rules = {};

	assert_int_equal(policyfile_parse(text, strlen(text), &rules, &error), 0);
	assert_int_equal(policy_apply(fixture->policy, &rules, &changes, NULL), 0);
	flush(fixture);
}

/* It is below a wildcard, and is another's in a search domain since. */
static void a_name_that_was_learned_has_the_rules_of_the_name_that_it_is_made_of(void **state)
{
	struct fixture *fixture = *state;

	set_denied_below(fixture, "allow *.x:443\nallow shared.test:22-23\n");
	assert_int_equal(search_in(fixture, "x"), 0);
	flush(fixture);
	adopt(fixture, "db.x", ADDRESS, 3600);
	flush(fixture);
	assert_false(is_denied_only_there(fixture));
	apply(fixture, "allow *.x:443\nallow shared.test:22-23\ndeny db:22\n");
	fixture->target = policy_target(fixture->policy);
	assert_true(is_denied_only_there(fixture));
	assert_true(allows(fixture, ADDRESS, 443, IPPROTO_TCP));
}

/* By the rule of the name without a dot, which is meant there no more. */
static void an_address_inside_is_allowed_as_long_as_the_domain_is_searched(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow db:80 private\nallow *.x:443\n");
	assert_int_equal(search_in(fixture, "x"), 0);
	flush(fixture);
	adopt(fixture, "db.x", "10.0.0.7", 3600);
	flush(fixture);
	assert_true(allows(fixture, "10.0.0.7", 80, IPPROTO_TCP));
	assert_true(allows(fixture, "10.0.0.7", 443, IPPROTO_TCP));
	assert_int_equal(search_in(fixture, ""), 0);
	flush(fixture);
	assert_false(allows(fixture, "10.0.0.7", 80, IPPROTO_TCP));
	assert_false(allows(fixture, "10.0.0.7", 443, IPPROTO_TCP));
	assert_int_equal(search_in(fixture, "x"), 0);
	flush(fixture);
	assert_true(allows(fixture, "10.0.0.7", 80, IPPROTO_TCP));
}

/* By the wildcard's rule, too, by which another name is allowed it still. */
static void and_to_another_name_for_as_long_as_that_says_so(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow db:5432 private\nallow *.x:80\nallow other.x:22 private\n");
	assert_int_equal(search_in(fixture, "x"), 0);
	flush(fixture);
	adopt(fixture, "db.x", "10.0.0.7", 3600);
	adopt(fixture, "other.x", "10.0.0.7", 3600);
	flush(fixture);
	assert_int_equal(search_in(fixture, ""), 0);
	flush(fixture);
	assert_false(allows(fixture, "10.0.0.7", 5432, IPPROTO_TCP));
	assert_true(allows(fixture, "10.0.0.7", 80, IPPROTO_TCP));
	assert_true(allows(fixture, "10.0.0.7", 22, IPPROTO_TCP));
}

/* Nobody asks for what libc makes of a name in a domain. */
static void what_was_denied_for_a_name_in_a_search_domain_runs_out(void **state)
{
	struct fixture *fixture = *state;

	set_denied_below(fixture, "allow db:5432\n" DENIED_BELOW);
	assert_int_equal(search_in(fixture, "x"), 0);
	flush(fixture);
	adopt(fixture, "db.x", ADDRESS, 3600);
	flush(fixture);
	sweep_and_flush(fixture, 3600 + POLICY_GRACE_S - 5);
	assert_true(is_denied_only_there(fixture));
	sweep_and_flush(fixture, 3600 + POLICY_GRACE_S + 1);
	assert_false(is_denied_only_there(fixture));
}

/* --- what a file says ----------------------------------------------------------------------------
 */

/* As when /etc/hosts is read again, in a while: the name is where it says now. */
static void say_by_file(const struct fixture *fixture, const char *name, const char *address,
			uint64_t ahead_s)
{
	const struct address at = address_of(address);
	const struct policy_answer answer = {
		&at, 1, 0, true, monotonic_ns() + ahead_s * NSEC_PER_SEC, false,
	};
	struct policy_learned learned;

	policy_unfix(fixture->policy, name_of(fixture, name), &answer);
	assert_int_equal(policy_learn(fixture->policy, name_of(fixture, name), &answer, &learned),
			 0);
	flush(fixture);
}

static void what_a_file_says_no_more_stays_for_others_below_the_wildcard(void **state)
{
	struct fixture *fixture = *state;
	struct cgf_entry entry;

	set_denied_below(fixture, DENIED_BELOW "allow a.x:80\n");
	say_by_file(fixture, "a.x", ADDRESS, 0);
	adopt(fixture, "b.x", ADDRESS, 3600);
	flush(fixture);
	say_by_file(fixture, "a.x", OTHER, 0);
	say_by_file(fixture, "a.x", OTHER, POLICY_GRACE_S + 1);
	assert_true(is_denied_only_there(fixture));
	assert_true(read_443(fixture, ADDRESS, &entry));
	assert_true(entry.expires_ns > monotonic_ns() + 3500 * NSEC_PER_SEC);
	sweep_and_flush(fixture, 3600 + POLICY_GRACE_S + 1);
	assert_false(is_denied_only_there(fixture));
}

static void and_not_when_all_have_left(void **state)
{
	struct fixture *fixture = *state;

	set_denied_below(fixture, DENIED_BELOW "allow a.x:80\nallow b.x:80\n");
	say_by_file(fixture, "a.x", ADDRESS, 0);
	learn(fixture, "b.x", ADDRESS, 60, 100);
	say_by_file(fixture, "a.x", OTHER, 0);
	say_by_file(fixture, "a.x", OTHER, POLICY_GRACE_S + 1);
	assert_true(is_denied_only_there(fixture));
	learn(fixture, "b.x", OTHER, 60, 0);
	assert_false(is_denied_only_there(fixture));
}

/* Nobody asks for it any more. */
static void what_a_file_said_of_a_name_without_a_rule_runs_out_below_a_wildcard(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow *.x:443\nallow a.x:80\n");
	say_by_file(fixture, "a.x", ADDRESS, 0);
	apply(fixture, "allow *.x:443\n");
	assert_true(allows(fixture, ADDRESS, 443, IPPROTO_TCP));
	sweep_and_flush(fixture, POLICY_GRACE_S + 1);
	assert_false(allows(fixture, ADDRESS, 443, IPPROTO_TCP));
}

/* --- what answers may say -----------------------------------------------------------------------
 */

static void an_address_inside_needs_a_rule_that_says_so(void **state)
{
	struct fixture *fixture = *state;
	struct policyfile_error error;
	struct rules rules = {};
	const char *text = "allow *.x:443/tcp\nallow *.y:443/tcp\nallow z.test:443/tcp\n"
			   "allow 10.0.0.2:80/tcp\n";

	assert_int_equal(policyfile_parse(text, strlen(text), &rules, &error), 0);
	rules.rules[1].private_addresses = true;
	rules.rules[2].private_addresses = true;
	set_rules(fixture, &rules);
	assert_int_equal(adopt(fixture, "a.x", "10.0.0.1", 60).special, 1);
	assert_int_equal(adopt(fixture, "a.x", "10.0.0.2", 60).special, 0);
	assert_int_equal(adopt(fixture, "a.y", "10.0.0.3", 60).special, 0);
	assert_int_equal(learn(fixture, "z.test", "10.0.0.4", 60, 0).special, 0);
	flush(fixture);
	assert_false(allows(fixture, "10.0.0.1", 443, IPPROTO_TCP));
	assert_true(allows(fixture, "10.0.0.2", 443, IPPROTO_TCP));
	assert_true(allows(fixture, "10.0.0.3", 443, IPPROTO_TCP));
	assert_true(allows(fixture, "10.0.0.4", 443, IPPROTO_TCP));
}

static void assert_lasts(const struct fixture *fixture, const char *address, uint64_t seconds)
{
	const uint64_t end_ns = monotonic_ns() + seconds * NSEC_PER_SEC;
	struct cgf_entry entry;

	assert_true(read_443(fixture, address, &entry));
	assert_true(entry.expires_ns <= end_ns && entry.expires_ns + 5 * NSEC_PER_SEC > end_ns);
}

static void a_rule_may_raise_the_floor_and_none_the_ceiling(void **state)
{
	struct fixture *fixture = *state;
	struct policyfile_error error;
	struct rules rules = {};
	const char *text = "allow *.x:443/tcp\nallow a.x:443/tcp\nallow z.test:443/tcp\n";

	assert_int_equal(policyfile_parse(text, strlen(text), &rules, &error), 0);
	rules.rules[1].ttl_floor_s = 600;
	rules.rules[2].ttl_floor_s = 700;
	set_rules(fixture, &rules);
	adopt(fixture, "b.x", "198.51.100.1", 1);
	adopt(fixture, "a.x", "198.51.100.2", 1);
	adopt(fixture, "b.x", "198.51.100.3", 7 * 86400);
	learn(fixture, "z.test", "198.51.100.4", 1, 0);
	learn(fixture, "z.test", "198.51.100.5", 3600, 0);
	flush(fixture);
	assert_lasts(fixture, "198.51.100.1", 60 + 30);
	assert_lasts(fixture, "198.51.100.2", 600 + 30);
	assert_lasts(fixture, "198.51.100.3", 86400 + 30);
	assert_lasts(fixture, "198.51.100.4", 700 + 30);
	assert_lasts(fixture, "198.51.100.5", 3600 + 30);
}

static void a_polled_name_has_what_the_wildcard_above_it_gives(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow *.x:443/tcp\nallow a.x:22/tcp\n");
	learn(fixture, "a.x", ADDRESS, 60, 0);
	assert_true(allows(fixture, ADDRESS, 22, IPPROTO_TCP));
	assert_true(allows(fixture, ADDRESS, 443, IPPROTO_TCP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_to_us_does_not_cut_short_what_the_kernel_learned),
		cmocka_unit_test(a_later_end_replaces_an_earlier_one_and_keeps_the_last_use),
		cmocka_unit_test(what_the_kernel_counts_as_learned_is_looked_for),
		cmocka_unit_test(what_the_kernel_tells_is_not_written_again),
		cmocka_unit_test(what_the_kernel_had_no_room_for_is_written),
		cmocka_unit_test(denied_ports_are_denied_at_the_addresses_too),
		cmocka_unit_test(a_name_below_a_wildcard_does_not_cut_short_what_another_has),
		cmocka_unit_test(
			what_has_run_out_for_one_name_has_not_for_another_below_the_wildcard),
		cmocka_unit_test(with_a_rule_goes_what_was_learned_by_it),
		cmocka_unit_test(what_another_rule_gives_stays_for_its_time),
		cmocka_unit_test(an_address_without_its_rule_has_the_time_of_its_name),
		cmocka_unit_test(an_answer_that_was_on_its_way_gives_nothing),
		cmocka_unit_test(the_sweep_takes_also_what_nobody_was_told_of),
		cmocka_unit_test(the_sweep_leaves_what_the_kernel_has_renewed),
		cmocka_unit_test(what_ends_too_early_in_the_kernel_is_written_again),
		cmocka_unit_test(nothing_that_is_renewed_is_lost_to_the_sweep),
		cmocka_unit_test(every_entry_is_met_once),
		cmocka_unit_test(a_name_below_a_wildcard_is_known_while_it_has_addresses),
		cmocka_unit_test(a_polled_name_without_its_rule_is_not_taken_and_stays),
		cmocka_unit_test(a_name_that_no_rule_has_is_not_taken),
		cmocka_unit_test(so_many_names_are_known_and_the_addresses_of_the_others_stay),
		cmocka_unit_test(
			what_was_denied_for_a_name_that_is_not_known_any_more_is_so_for_its_time),
		cmocka_unit_test(and_for_that_of_another_name_that_has_the_address),
		cmocka_unit_test(and_as_long_as_a_polled_name_below_the_wildcard_has_the_address),
		cmocka_unit_test(what_was_denied_for_a_name_in_a_search_domain_runs_out),
		cmocka_unit_test(an_address_inside_is_allowed_as_long_as_the_domain_is_searched),
		cmocka_unit_test(and_to_another_name_for_as_long_as_that_says_so),
		cmocka_unit_test(
			a_name_that_was_learned_has_the_rules_of_the_name_that_it_is_made_of),
		cmocka_unit_test(what_a_file_says_no_more_stays_for_others_below_the_wildcard),
		cmocka_unit_test(and_not_when_all_have_left),
		cmocka_unit_test(
			what_a_file_said_of_a_name_without_a_rule_runs_out_below_a_wildcard),
		cmocka_unit_test(an_address_inside_needs_a_rule_that_says_so),
		cmocka_unit_test(a_rule_may_raise_the_floor_and_none_the_ceiling),
		cmocka_unit_test(a_polled_name_has_what_the_wildcard_above_it_gives),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
