// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What an answer may cost whoever gets it, beside one that is common: the programs run where
 * nothing else of that CPU can, and whoever answers for an allowed wildcard may answer what they
 * like.
 */
#include "asking.h"

#define ID 0x1234
#define RECORDS 255
#define MORE_RECORDS 64
#define WRITTEN_RECORDS 100
#define ROUNDS 20
/* They cost 5 times as much. Without a limit for the names of a packet it would be up to 110. */
#define TIMES_MAX 8

#define LABELS_10 "a.a.a.a.a.a.a.a.a.a."
#define SHORT "x.wild.test"
#define DEEP LABELS_10 LABELS_10 LABELS_10 LABELS_10 LABELS_10 LABELS_10 "wild.test"
#define DEEPEST LABELS_10 LABELS_10 LABELS_10 LABELS_10 LABELS_10 DEEP

struct odd_answer {
	const char *sentence, *name;
	void (*put)(struct dns_message *message, const char *name);
};

static void put_addresses_of(struct dns_message *message, const char *name, unsigned int count)
{
	char address[INET_ADDRSTRLEN];
	unsigned int i;

	for (i = 0; i < count; i++) {
		snprintf(address, sizeof(address), "8.8.8.%u", i);
		dns_address(message, name, 60, address);
	}
}

static void put_many(struct dns_message *message, const char *name)
{
	put_addresses_of(message, name, RECORDS);
}

static void put_written_out(struct dns_message *message, const char *name)
{
	message->compressed = false;
	put_addresses_of(message, name, WRITTEN_RECORDS);
}

/* Each second one is why the records are gone through once more. */
static void put_loops(struct dns_message *message, const char *name)
{
	char strange[300], other[300];
	unsigned int i;

	snprintf(strange, sizeof(strange), "y.%s", name);
	snprintf(other, sizeof(other), "z.%s", name);
	for (i = 0; i < RECORDS; i++)
		dns_cname(message, i % 2 ? strange : name, 60, i % 2 ? other : name);
	message->section = DNS_ADDITIONAL;
	for (i = 0; i < MORE_RECORDS; i++)
		dns_cname(message, i % 2 ? strange : other, 60, i % 2 ? other : strange);
	message->suffix_count = 0;
}

/* The last alias of a chain first. */
static void put_turned_around(struct dns_message *message, const char *name)
{
	char names[RECORDS + 1][300];
	unsigned int i;

	for (i = 0; i < RECORDS; i++)
		snprintf(names[i], sizeof(names[i]), "n%u.%s", i, name);
	snprintf(names[RECORDS], sizeof(names[RECORDS]), "%s", name);
	for (i = 0; i < RECORDS; i++)
		dns_cname(message, names[i + 1], 60, names[i]);
	message->suffix_count = 0;
}

static const struct odd_answer common = { "addresses of one name", SHORT, put_many };
static const struct odd_answer odds[] = {
	{ "the same of a name of 62 labels", DEEP, put_many },
	{ "the same of a name of 112 labels", DEEPEST, put_many },
	{ "names that are written out", DEEP, put_written_out },
	{ "aliases of themselves, and of others", DEEP, put_loops },
	{ "the same of 112 labels", DEEPEST, put_loops },
	{ "a chain that is turned around", DEEP, put_turned_around },
};

static struct bpf_prog_info ingress_info(const struct fenced *fenced)
{
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);

	assert_int_equal(
		bpf_obj_get_info_by_fd(fenced->datapath->programs[PROGRAM_INGRESS], &info, &length),
		0);
	return info;
}

/* The least of several: whatever else runs only adds to it. */
static uint64_t cost_ns(const struct asker *asker, const struct odd_answer *odd)
{
	struct bpf_prog_info before, after;
	uint64_t least_ns = UINT64_MAX;
	struct dns_message message;
	unsigned int i;

	dns_start(&message, ID, DNS_ANSWERED);
	dns_ask(&message, odd->name, DNS_A);
	odd->put(&message, odd->name);
	assert_true(message.length < DNS_BYTES_MAX);
	for (i = 0; i < ROUNDS; i++) {
		assert_true(asker_asks(asker, odd->name, DNS_A, ID));
		before = ingress_info(asker->fenced);
		asker_hears(asker, &message);
		after = ingress_info(asker->fenced);
		assert_int_equal(after.run_cnt, before.run_cnt + 1);
		if (after.run_time_ns - before.run_time_ns < least_ns)
			least_ns = after.run_time_ns - before.run_time_ns;
	}
	print_message("%6u ns: %s\n", (unsigned int)least_ns, odd->sentence);
	return least_ns;
}

static void no_answer_costs_many_times_what_a_common_one_does(void **state)
{
	_cleanup_close_ int statistics = bpf_enable_stats(BPF_STATS_RUN_TIME);
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	uint64_t common_ns;
	size_t i;

	assert_true(statistics >= 0);
	put_asking_up(fenced, "allow *.wild.test:443/tcp\n");
	asker = asker_open(fenced, RESOLVER_IPV4);
	common_ns = cost_ns(&asker, &common);
	assert_int_equal(learned_count(fenced), RECORDS);
	for (i = 0; i < ARRAY_SIZE(odds); i++)
		assert_true(cost_ns(&asker, &odds[i]) <= TIMES_MAX * common_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(no_answer_costs_many_times_what_a_common_one_does),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
