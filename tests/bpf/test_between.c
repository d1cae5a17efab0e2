// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A policy that changes while somebody connects all the time: what the rules before and after allow
 * is never denied, and what both deny never allowed.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "chance.h"
#include "wire.h"

/* The name's addresses last for longer. */
#define CHANGES_NS (8 * NSEC_PER_SEC)
#define NAME "host.test"
#define NAME_ADDRESS "203.0.113.7"

/* Of each of these 198.51.100.10:22 and the name's port 22 are allowed, and 192.0.2.1:80 is not. */
static const char *const texts[] = {
	"allow 198.51.100.10:22\nallow " NAME ":22\nallow any:1-1000\ndeny 192.0.2.1\n",
	"allow 198.51.100.10\nallow " NAME "\nallow 192.0.2.1\ndeny 192.0.2.0/24\n",
	"allow 198.51.100.0/24\nallow " NAME ":20-30\nallow " NAME ":22 ttl 3600\n",
	"allow 198.51.100.10:16-31/udp\nallow *.test:22\nallow 192.0.2.1:22\n",
	"allow any\ndeny 192.0.2.1:80\nallow " NAME ":22,80\ndeny " NAME ":80\n",
	"allow *.test:22,443\nallow any:22\n",
	"mode audit\nmode enforce\nallow 198.51.100.10:22/udp\nallow " NAME
	":22/udp\ndns 192.0.2.9\n",
};

struct probe {
	const char *address;
	uint16_t port;
	bool allowed;
};

static const struct probe probes[] = {
	{ "198.51.100.10", 22, true },
	{ NAME_ADDRESS, 22, true },
	{ "192.0.2.1", 80, false },
};

struct prober {
	int fd;
	atomic_bool stop;
	atomic_uint rounds, wrong;
	const struct probe *first_wrong;
};

static void probe_once(struct prober *prober, const struct probe *probe)
{
	const union endpoint to = endpoint_of(probe->address, probe->port);
	bool allowed = !connect(prober->fd, &to.any, sizeof(to.ipv4));

	if (allowed == probe->allowed)
		return;
	prober->first_wrong = probe;
	prober->wrong++;
}

static void *probe_all_the_time(void *data)
{
	struct prober *prober = data;
	size_t i;

	while (!prober->stop) {
		for (i = 0; i < ARRAY_SIZE(probes); i++)
			probe_once(prober, &probes[i]);
		prober->rounds++;
	}
	return NULL;
}

static void retarget(const struct fenced *fenced, struct cgf_target target)
{
	target.policy = datapath_policy_slot(fenced->maps) + 1;
	assert_int_equal(datapath_fence_retarget(fenced->datapath, fenced->cgroup.fd, &target), 0);
}

static void change_to(const struct fenced *fenced, const char *text)
{
	struct policyfile_error error;
	struct policy_changes changes;
	struct rules rules = {};

	assert_int_equal(policyfile_parse(text, strlen(text), &rules, &error), 0);
	assert_int_equal(policy_apply(fenced->policy, &rules, &changes, NULL), 0);
	retarget(fenced, policy_target_between(fenced->policy));
	flush_policy(fenced);
	retarget(fenced, policy_target(fenced->policy));
}

static void no_probe_meets_a_verdict_that_neither_rules_give(void **state)
{
	const struct address address = { .bytes = { [10] = 255, 255, 203, 0, 113, 7 } };
	struct fenced *fenced = *state;
	struct chance chance = { 5 };
	struct prober prober = {};
	pthread_t thread;
	uint64_t until_ns;

	put_fence_up(fenced, texts[0]);
	learn_name(fenced, NAME, &address, 0);
	prober.fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(pthread_create(&thread, NULL, probe_all_the_time, &prober), 0);
	while (!prober.rounds)
		sched_yield();
	until_ns = monotonic_ns() + CHANGES_NS;
	while (monotonic_ns() < until_ns)
		change_to(fenced, CHANCE_OF(&chance, texts));
	prober.stop = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (prober.wrong)
		fail_msg("%u of %u: %s", prober.wrong, prober.rounds, prober.first_wrong->address);
	close(prober.fd);
	print_message("%u rounds of probes\n", prober.rounds);
}

/* By the wildcard's rule, which has the address once. */
static void what_several_names_are_denied_stays_while_one_has_it(void **state)
{
	const struct address shared = { .bytes = { [10] = 255, 255, 203, 0, 113, 7 } };
	const struct address elsewhere = { .bytes = { [10] = 255, 255, 203, 0, 113, 8 } };
	const struct probe denied = { NAME_ADDRESS, 22, false },
			   allowed = { NAME_ADDRESS, 22, true };
	struct fenced *fenced = *state;
	struct prober prober = {};

	put_fence_up(fenced, "deny *.wild.test:22\nallow shared.test:22-23\n"
			     "allow a.wild.test:80\nallow b.wild.test:81\n");
	learn_name(fenced, "shared.test", &shared, 0);
	learn_name(fenced, "b.wild.test", &shared, GONE_S);
	learn_name(fenced, "a.wild.test", &shared, GONE_S);
	prober.fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	probe_once(&prober, &denied);
	learn_name(fenced, "a.wild.test", &elsewhere, 0);
	probe_once(&prober, &denied);
	learn_name(fenced, "b.wild.test", &elsewhere, 0);
	probe_once(&prober, &allowed);
	assert_int_equal(prober.wrong, 0);
	close(prober.fd);
}

/* The old grants and the new ones together do not fit. */
static void what_is_denied_is_written_where_there_is_no_room_for_grants(void **state)
{
	enum {
		NAMES = 40000,
		LINE_BYTES = 40
	};
	static const char *const heads[] = { "allow any:1000\n",
					     "allow any:1000\ndeny 203.0.113.7\n" };
	struct fenced *fenced = *state;
	char *rules[ARRAY_SIZE(heads)];
	struct prober prober = {};
	struct probe probe = { NAME_ADDRESS, 1000, true };
	struct cgf_grant grant;
	size_t i, used;
	uint32_t n;

	for (i = 0; i < ARRAY_SIZE(heads); i++) {
		rules[i] = malloc(NAMES * LINE_BYTES);
		assert_non_null(rules[i]);
		used = (size_t)sprintf(rules[i], "%s", heads[i]);
		for (n = 0; n < NAMES; n++)
			used += (size_t)sprintf(rules[i] + used, "allow n%u.test:%zu\n", n, 22 + i);
	}
	put_fence_up(fenced, rules[0]);
	prober.fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	probe_once(&prober, &probe);
	change_to(fenced, rules[1]);
	probe.allowed = false;
	probe_once(&prober, &probe);
	assert_int_equal(prober.wrong, 0);
	/* And when the old ones are gone there is room. */
	for (i = 0, n = 0;
	     !bpf_map_get_next_key(fenced->maps->maps[KIND_GRANTS], i ? &n : NULL, &n);)
		i++;
	assert_int_equal(i, NAMES);
	assert_int_equal(bpf_map_lookup_elem(fenced->maps->maps[KIND_GRANTS], &n, &grant), 0);
	assert_int_equal(grant.blocks[0].port, 23);
	close(prober.fd);
	free(rules[0]);
	free(rules[1]);
}

/* That the probe can see a gap: removed first, as nothing should be. */
static void the_probe_sees_a_gap(void **state)
{
	const struct address address = { .bytes = { [10] = 255, 255, 203, 0, 113, 7 } };
	struct fenced *fenced = *state;
	struct prober prober = {};

	put_fence_up(fenced, texts[0]);
	learn_name(fenced, NAME, &address, 0);
	prober.fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	probe_once(&prober, &probes[0]);
	probe_once(&prober, &probes[2]);
	assert_int_equal(prober.wrong, 0);
	change_to(fenced, "deny 198.51.100.10\nallow 192.0.2.1\n");
	probe_once(&prober, &probes[0]);
	probe_once(&prober, &probes[2]);
	assert_int_equal(prober.wrong, 2);
	close(prober.fd);
}

/* --- who waits for what is being decided --------------------------------------------------------
 */

static uint32_t next_map(void)
{
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "next", 4, 4, 1, NULL);
	uint32_t number;

	assert_int_equal(datapath_map_id(fd, &number), 0);
	return number;
}

/* datapath_settle() makes two maps each time; nobody else in a flush makes any. */
static unsigned int count_waits(const struct fenced *fenced)
{
	const uint32_t before = next_map();

	flush_policy(fenced);
	return (next_map() - before - 1) / 2;
}

static void parse_rules(const char *text, struct rules *ret_rules)
{
	struct policyfile_error error;

	assert_int_equal(policyfile_parse(text, strlen(text), ret_rules, &error), 0);
}

/* A program that has seen no denial must not see what is allowed since, nor the other way. */
static void who_takes_up_maps_waits_as_for_its_own(void **state)
{
	struct fenced *fenced = *state;
	struct rules rules = {};

	put_fence_up(fenced, "allow 198.51.100.10:22\n");
	parse_rules("deny 192.0.2.1\nallow 192.0.2.0/24\nallow 198.51.100.10\n", &rules);
	policy_finish(&fenced->policy);
	assert_int_equal(policy_init(&fenced->policy, &rules, NULL), 0);
	assert_int_equal(policy_readopt(fenced->policy, fenced->maps), 0);
	assert_true(count_waits(fenced) >= 2);
}

/* Or an answer that has found the grant of the rule would give what it gave. */
static void what_a_rule_has_taught_goes_when_no_answer_can_teach_by_it(void **state)
{
	const struct address address = { .bytes = { [10] = 255, 255, 203, 0, 113, 7 } };
	struct fenced *fenced = *state;
	struct policy_changes changes;
	struct rules rules = {};

	put_fence_up(fenced, "allow 198.51.100.10:22\nallow " NAME ":22\n");
	learn_name(fenced, NAME, &address, 0);
	parse_rules("allow 198.51.100.10:22\n", &rules);
	assert_int_equal(policy_apply(fenced->policy, &rules, &changes, NULL), 0);
	assert_true(count_waits(fenced) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(no_probe_meets_a_verdict_that_neither_rules_give),
		FENCED_TEST(who_takes_up_maps_waits_as_for_its_own),
		FENCED_TEST(what_a_rule_has_taught_goes_when_no_answer_can_teach_by_it),
		FENCED_TEST(what_several_names_are_denied_stays_while_one_has_it),
		FENCED_TEST(what_is_denied_is_written_where_there_is_no_room_for_grants),
		FENCED_TEST(the_probe_sees_a_gap),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
