// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What others write to the maps is found and put right; what the kernel learns is no difference. */
#include <pthread.h>
#include <stdatomic.h>

#include "told.h"

#define RULES                                                                                      \
	"allow 192.0.2.1:22/tcp\n"                                                                 \
	"allow 192.0.2.64/26:80/tcp\n"                                                             \
	"deny 192.0.2.66\n"                                                                        \
	"allow host.test:443/tcp\n"                                                                \
	"allow *.wild.test:443/tcp\n"                                                              \
	"listen 8080/tcp\n"

#define ROUNDS 2000

static int map_of(const struct fenced *fenced, enum datapath_kind kind)
{
	return fenced->maps->maps[kind];
}

static struct policy_differences verify(const struct fenced *fenced)
{
	struct policy_differences differences;

	assert_int_equal(policy_verify(fenced->policy, fenced->maps, &differences), 0);
	return differences;
}

/* The next flush puts it right, and then there is nothing more. */
static void put_right(const struct fenced *fenced)
{
	flush_policy(fenced);
	assert_int_equal(verify_well(fenced), 0);
}

static void put_up(struct fenced *fenced)
{
	put_asking_up(fenced, RULES);
	listen_to_kernel(fenced);
	assert_int_equal(verify_well(fenced), 0);
}

struct first {
	enum datapath_kind kind;
	uint8_t key[sizeof(struct cgf_name_key)], value[sizeof(struct cgf_grant)];
};

static struct first first_of(const struct fenced *fenced, enum datapath_kind kind)
{
	struct first first = { .kind = kind };

	assert_int_equal(bpf_map_get_next_key(map_of(fenced, kind), NULL, first.key), 0);
	assert_int_equal(bpf_map_lookup_elem(map_of(fenced, kind), first.key, first.value), 0);
	return first;
}

static const enum datapath_kind kinds[] = { KIND_ALLOW, KIND_PREFIXES, KIND_LISTENS,
					    KIND_NAMES, KIND_GRANTS,   KIND_RESOLVERS };

static void what_is_deleted_is_missing_and_written_again(void **state)
{
	struct fenced *fenced = *state;
	struct policy_differences differences;
	struct first first;
	size_t i;

	put_up(fenced);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		first = first_of(fenced, kinds[i]);
		assert_int_equal(bpf_map_delete_elem(map_of(fenced, kinds[i]), first.key), 0);
		differences = verify(fenced);
		assert_int_equal(differences.missing, 1);
		assert_int_equal(differences.foreign + differences.changed, 0);
		assert_non_null(strstr(differences.first, "missing"));
		put_right(fenced);
		assert_int_equal(
			bpf_map_lookup_elem(map_of(fenced, kinds[i]), first.key, first.value), 0);
	}
}

/* A byte of the address, of a prefix that is longer, of a name or of a number. */
static size_t key_byte(enum datapath_kind kind)
{
	if (kind == KIND_ALLOW || kind == KIND_RESOLVERS)
		return 15;
	if (kind == KIND_PREFIXES)
		return sizeof(struct cgf_prefix_key) - 4;
	return kind == KIND_NAMES ? offsetof(struct cgf_name_key, name) : 0;
}

static void what_is_added_is_foreign_and_goes(void **state)
{
	struct fenced *fenced = *state;
	struct policy_differences differences;
	struct first first;
	size_t i;

	put_up(fenced);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		first = first_of(fenced, kinds[i]);
		first.key[key_byte(kinds[i])] ^= 64;
		assert_int_equal(bpf_map_update_elem(map_of(fenced, kinds[i]), first.key,
						     first.value, BPF_NOEXIST),
				 0);
		differences = verify(fenced);
		assert_int_equal(differences.foreign, 1);
		assert_int_equal(differences.missing + differences.changed, 0);
		put_right(fenced);
	}
}

static void change_first(const struct fenced *fenced, enum datapath_kind kind, size_t byte)
{
	struct first first = first_of(fenced, kind);
	struct policy_differences differences;

	first.value[byte] ^= 1;
	assert_int_equal(
		bpf_map_update_elem(map_of(fenced, kind), first.key, first.value, BPF_EXIST), 0);
	differences = verify(fenced);
	assert_int_equal(differences.changed, 1);
	assert_int_equal(differences.missing + differences.foreign, 0);
	put_right(fenced);
}

static void what_is_changed_is_written_again(void **state)
{
	struct fenced *fenced = *state;

	put_up(fenced);
	change_first(fenced, KIND_ALLOW, offsetof(struct cgf_entry, expires_ns) + 5);
	change_first(fenced, KIND_ALLOW, offsetof(struct cgf_entry, rule));
	change_first(fenced, KIND_ALLOW, offsetof(struct cgf_entry, learned));
	change_first(fenced, KIND_PREFIXES, offsetof(struct cgf_prefix, rule));
	change_first(fenced, KIND_PREFIXES, offsetof(struct cgf_prefix, shared));
	change_first(fenced, KIND_LISTENS, offsetof(struct cgf_listen, rule));
	change_first(fenced, KIND_NAMES, offsetof(struct cgf_name, grant));
	change_first(fenced, KIND_GRANTS, offsetof(struct cgf_grant, flags));
	change_first(fenced, KIND_GRANTS, offsetof(struct cgf_grant, blocks));
	change_first(fenced, KIND_RESOLVERS, offsetof(struct cgf_resolver, ifindex));
}

static void what_is_counted_is_no_difference(void **state)
{
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct fenced *fenced = *state;

	put_up(fenced);
	asker = asker_open(fenced, RESOLVER_IPV4);
	hear(&asker, "host.test", "203.0.113.2");
	catch_up(fenced);
	assert_true(is_allowed(fenced, RESOLVER_IPV4, 53));
	assert_int_equal(verify_well(fenced), 0);
}

static void what_was_learned_and_not_read_yet_is_unsure(void **state)
{
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct fenced *fenced = *state;

	put_up(fenced);
	asker = asker_open(fenced, RESOLVER_IPV4);
	hear(&asker, "host.test", "203.0.113.2");
	hear(&asker, "a.wild.test", "203.0.113.3");
	assert_int_equal(verify_well(fenced), 2);
	catch_up(fenced);
	assert_int_equal(verify_well(fenced), 0);
	assert_true(knows(fenced, "203.0.113.2") && knows(fenced, "203.0.113.3"));
}

/* As the programs would write it, but no answer said it. */
static void what_nobody_told_of_is_foreign_the_second_time(void **state)
{
	const struct cgf_key forged = key_of("203.0.113.99", 443, IPPROTO_TCP);
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct fenced *fenced = *state;
	struct cgf_entry entry;

	put_up(fenced);
	asker = asker_open(fenced, RESOLVER_IPV4);
	hear(&asker, "host.test", "203.0.113.2");
	catch_up(fenced);
	entry = entry_at(fenced, "203.0.113.2");
	assert_int_equal(bpf_map_update_elem(map_of(fenced, KIND_ALLOW), &forged, &entry, BPF_ANY),
			 0);
	assert_int_equal(verify_well(fenced), 1);
	catch_up(fenced);
	assert_int_equal(verify(fenced).foreign, 1);
	put_right(fenced);
	assert_false(knows(fenced, "203.0.113.99"));
	assert_true(knows(fenced, "203.0.113.2"));
}

/* It looked at the entry, the rule of another name was written, and it wrote. */
static void what_the_kernel_wrote_by_what_it_saw_before_is_written_again(void **state)
{
	const struct cgf_key at = key_of("203.0.113.2", 443, IPPROTO_TCP);
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct fenced *fenced = *state;
	struct cgf_entry before, now, again;

	put_up(fenced);
	asker = asker_open(fenced, RESOLVER_IPV4);
	hear(&asker, "a.wild.test", "203.0.113.2");
	catch_up(fenced);
	before = entry_at(fenced, "203.0.113.2");
	hear(&asker, "host.test", "203.0.113.2");
	catch_up(fenced);
	now = entry_at(fenced, "203.0.113.2");
	assert_true(now.rule < before.rule);
	before.expires_ns = now.expires_ns + NSEC_PER_SEC;
	assert_int_equal(bpf_map_update_elem(map_of(fenced, KIND_ALLOW), &at, &before, BPF_ANY), 0);
	assert_int_equal(verify_well(fenced), 0);
	catch_up(fenced);
	again = entry_at(fenced, "203.0.113.2");
	assert_int_equal(again.rule, now.rule);
	assert_int_equal(again.expires_ns, before.expires_ns);
	assert_int_equal(verify_well(fenced), 0);
}

/* The ring is full: what the kernel learns is in force all the same. */
static void what_was_learned_while_records_were_lost_is_taken_up(void **state)
{
	const union endpoint nobody = endpoint_of("192.0.2.200", 9);
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	_cleanup_close_ int fd = -1;
	struct fenced *fenced = *state;

	put_up(fenced);
	fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	while (!counters_of(fenced).records_lost)
		assert_int_equal(connect(fd, &nobody.any, sizeof(nobody)), -1);
	asker = asker_open(fenced, RESOLVER_IPV4);
	hear(&asker, "host.test", "203.0.113.2");
	hear(&asker, "a.wild.test", "203.0.113.3");
	catch_up(fenced);
	assert_int_equal(verify_well(fenced), 0);
	put_right(fenced);
	put_right(fenced);
	assert_true(knows(fenced, "203.0.113.2") && knows(fenced, "203.0.113.3"));
}

/* --- answers that come all the while ------------------------------------------------------------
 */

struct hearer {
	const struct fenced *fenced;
	struct asker asker;
	atomic_bool stop;
	atomic_uint heard;
};

static void *hear_all_the_time(void *data)
{
	struct hearer *hearer = data;
	char address[32], name[32];
	unsigned int i;

	for (i = 0; !hearer->stop; i++) {
		snprintf(address, sizeof(address), "203.0.%u.%u", 64 + i / 250 % 4, 1 + i % 250);
		snprintf(name, sizeof(name), "n%u.wild.test", i % 1000);
		hear(&hearer->asker, i % 3 ? name : "host.test", address);
		hearer->heard++;
	}
	return NULL;
}

static void answers_that_come_all_the_while_are_no_difference(void **state)
{
	struct fenced *fenced = *state;
	struct hearer hearer = { .fenced = fenced };
	unsigned int i, unsure = 0;
	pthread_t thread;

	put_up(fenced);
	hearer.asker = asker_open(fenced, RESOLVER_IPV4);
	assert_int_equal(pthread_create(&thread, NULL, hear_all_the_time, &hearer), 0);
	for (i = 0; i < ROUNDS || hearer.heard < ROUNDS; i++) {
		catch_up(fenced);
		unsure += verify_well(fenced) > 0;
		if (i % 100 == 0)
			assert_int_equal(policy_sweep(fenced->policy, fenced->maps,
						      monotonic_ns() + 3600 * NSEC_PER_SEC),
					 0);
	}
	hearer.stop = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	catch_up(fenced);
	assert_int_equal(verify_well(fenced), 0);
	print_message("%u answers, %u rounds, %u unsure\n", hearer.heard, i, unsure);
	asker_close(&hearer.asker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(what_is_deleted_is_missing_and_written_again),
		FENCED_TEST(what_is_added_is_foreign_and_goes),
		FENCED_TEST(what_is_changed_is_written_again),
		FENCED_TEST(what_is_counted_is_no_difference),
		FENCED_TEST(what_was_learned_and_not_read_yet_is_unsure),
		FENCED_TEST(what_nobody_told_of_is_foreign_the_second_time),
		FENCED_TEST(what_the_kernel_wrote_by_what_it_saw_before_is_written_again),
		FENCED_TEST(what_was_learned_while_records_were_lost_is_taken_up),
		FENCED_TEST(answers_that_come_all_the_while_are_no_difference),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
