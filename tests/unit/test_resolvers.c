// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The resolvers of a policy, when /etc/resolv.conf and routes become others: in a network and a
 * mount namespace of the test. Needs root.
 */
#include "resolver_fixture.h"

#include <net/if.h>

#include "output.h"
#include "policy_internal.h"
#include "resolvers.h"
#include "watch.h"

#define LOG FIXTURE_DIRECTORY "/log"
/* Also what has changed before the file is watched is told of in this time. */
#define QUIET_MS (WATCH_AFTER_MS + 2 * WATCH_SETTLE_MS + 50)

struct kept {
	struct event_base *base;
	struct policy *policy;
	struct output output;
	struct watch *watch;
	struct resolvers *resolvers;
	unsigned int changes, others;
	bool late;
};

static void on_changed(bool others, void *data)
{
	struct kept *kept = data;

	kept->changes++;
	kept->others += others;
}

static void on_late(int fd, short what, void *data)
{
	(void)fd;
	(void)what;
	((struct kept *)data)->late = true;
}

static int setup(void **state)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	kept->base = event_base_new();
	kept->output.quiet = true;
	unlink(LOG);
	*state = kept;
	if (watch_init(&kept->watch, kept->base))
		return -1;
	return output_open(&kept->output, LOG, NULL);
}

static int teardown(void **state)
{
	struct kept *kept = *state;

	watch_finish(&kept->watch);
	resolvers_stop(&kept->resolvers);
	policy_finish(&kept->policy);
	output_close(&kept->output);
	event_base_free(kept->base);
	free(kept);
	return system("ip link del inside 2>/dev/null; true");
}

static void begin(struct kept *kept, const char *policy, const char *conf)
{
	struct resolvers_options options = {
		.base = kept->base,
		.output = &kept->output,
		.changed = on_changed,
		.data = kept,
	};
	struct policyfile_error error;
	struct rules rules = {};
	struct failure failure;

	assert_int_equal(policyfile_parse(policy, strlen(policy), &rules, &error), 0);
	assert_int_equal(policy_init(&kept->policy, &rules, &failure), 0);
	options.policy = kept->policy;
	options.watch = kept->watch;
	fixture_write("/etc/resolv.conf", conf);
	assert_int_equal(resolvers_start(&kept->resolvers, &options, &failure), 0);
}

/* Until it was told of so many changes, or it is late. */
static void run(struct kept *kept, unsigned int changes, unsigned int wait_ms)
{
	const struct timeval wait = { .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 };
	struct event *timer = event_new(kept->base, -1, 0, on_late, kept);

	kept->late = false;
	event_add(timer, &wait);
	while (kept->changes < changes && !kept->late)
		event_base_loop(kept->base, EVLOOP_ONCE);
	event_free(timer);
}

static void assert_changed(struct kept *kept, bool others)
{
	unsigned int before = kept->others;

	run(kept, kept->changes + 1, DEADLINE_S * 1000);
	assert_false(kept->late);
	assert_int_equal(kept->others, before + others);
}

static void assert_unchanged(struct kept *kept)
{
	run(kept, kept->changes + 1, QUIET_MS);
	assert_true(kept->late);
}

static void assert_log(const char *expected)
{
	char log[1024] = "";
	FILE *file = fopen(LOG, "r");

	assert_non_null(file);
	log[fread(log, 1, sizeof(log) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(log, expected);
}

/* What the policy trusts: "ADDRESS on INDEX", with commas, in any order of its own. */
static void assert_trusted(const struct kept *kept, const char *expected)
{
	char found[512] = "", text[ADDRESS_TEXT_BYTES];
	const struct policy_resolver *resolver;
	struct address address;

	for (resolver = kept->policy->resolvers; resolver; resolver = resolver->hh.next) {
		if (!policy_resolver_is_used(resolver))
			continue;
		memcpy(address.bytes, resolver->key.address, sizeof(address.bytes));
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s on %u",
			 found[0] ? ", " : "", address_format(&address, text), resolver->ifindex);
	}
	assert_string_equal(found, expected);
}

static void assert_asked(const struct kept *kept, const char *first, size_t count)
{
	const struct address *servers;

	assert_int_equal(resolvers_list(kept->resolvers, &servers), count);
	assert_address(&servers[0], first);
}

static void the_resolvers_of_the_file_are_trusted(void **state)
{
	struct kept *kept = *state;

	begin(kept, "allow a.test", "nameserver 127.0.0.53\nnameserver 198.51.100.53\n");
	assert_asked(kept, "127.0.0.53", 2);
	assert_trusted(kept, "127.0.0.53 on 1, 198.51.100.53 on 0");
	assert_unchanged(kept);
	assert_log("");
}

static void without_any_it_is_this_host(void **state)
{
	struct kept *kept = *state;

	begin(kept, "allow a.test", "# nothing\n");
	assert_asked(kept, "127.0.0.1", 1);
	assert_trusted(kept, "127.0.0.1 on 1");
}

static void another_file_brings_other_resolvers(void **state)
{
	struct kept *kept = *state;

	begin(kept, "allow a.test", "nameserver 127.0.0.53\nnameserver 127.0.0.54\n");
	fixture_write("/etc/resolv.conf", "nameserver 127.0.0.54\nnameserver 127.0.0.55\n");
	assert_changed(kept, true);
	assert_asked(kept, "127.0.0.54", 2);
	assert_trusted(kept, "127.0.0.54 on 1, 127.0.0.55 on 1");
	assert_log("cgfence: /etc/resolv.conf has changed: asking 127.0.0.54, 127.0.0.55 now\n");
	fixture_write("/etc/resolv.conf", "nameserver 127.0.0.53\n");
	assert_changed(kept, true);
	assert_asked(kept, "127.0.0.53", 1);
	assert_trusted(kept, "127.0.0.53 on 1");
}

static void the_same_in_other_words_is_no_change(void **state)
{
	struct kept *kept = *state;

	begin(kept, "allow a.test", "nameserver 127.0.0.53\n");
	fixture_write("/etc/resolv.conf", "# of somebody else\nnameserver\t127.0.0.53\n");
	assert_unchanged(kept);
	assert_log("");
}

static void a_file_that_names_no_one_changes_nothing_and_is_told_of(void **state)
{
	struct kept *kept = *state;

	begin(kept, "allow a.test", "nameserver 127.0.0.53\n");
	fixture_write("/etc/resolv.conf", "");
	assert_unchanged(kept);
	assert_trusted(kept, "127.0.0.53 on 1");
	assert_log(
		"cgfence: /etc/resolv.conf has changed and cannot be used: it names no server; the "
		"resolvers stay as they were\n");
	fixture_write("/etc/resolv.conf", "nameserver 127.0.0.54\n");
	assert_changed(kept, true);
	assert_trusted(kept, "127.0.0.54 on 1");
}

static void the_search_list_is_the_policy_s_too(void **state)
{
	struct kept *kept = *state;

	begin(kept, "allow a.test", "nameserver 127.0.0.53\nsearch one.test two.test\n");
	assert_int_equal(kept->policy->search_count, 2);
	assert_string_equal(kept->policy->searches[1], "two.test");
	fixture_write("/etc/resolv.conf", "nameserver 127.0.0.53\nsearch three.test not..one\n");
	assert_changed(kept, true);
	assert_int_equal(kept->policy->search_count, 1);
	assert_string_equal(kept->policy->searches[0], "three.test");
}

#define NOT_ASKED(address)                                                                         \
	"cgfence: the command itself asks " address ", as /etc/resolv.conf says, which is "        \
	"refused: give --dns for it too, or change that file\n"

static void resolvers_of_rules_stay_whatever_the_file_says(void **state)
{
	struct kept *kept = *state;

	begin(kept, "allow a.test\ndns 127.0.0.9\n", "nameserver 127.0.0.53\n");
	assert_asked(kept, "127.0.0.9", 1);
	assert_trusted(kept, "127.0.0.9 on 1");
	fixture_write("/etc/resolv.conf", "nameserver 127.0.0.54\nsearch one.test\n");
	assert_changed(kept, true);
	assert_asked(kept, "127.0.0.9", 1);
	assert_trusted(kept, "127.0.0.9 on 1");
	assert_int_equal(kept->policy->search_count, 1);
	assert_log(NOT_ASKED("127.0.0.53") NOT_ASKED("127.0.0.54"));
}

static void a_file_that_says_nothing_of_use_is_not_followed(void **state)
{
	struct kept *kept = *state;

	begin(kept, "allow 198.51.100.1\ndns 127.0.0.9\n", "nameserver 127.0.0.53\n");
	fixture_write("/etc/resolv.conf", "nameserver 127.0.0.54\nsearch one.test\n");
	assert_unchanged(kept);
	assert_int_equal(kept->policy->search_count, 0);
	assert_trusted(kept, "127.0.0.9 on 1");
}

static void a_rule_that_denies_a_resolver_is_told_of(void **state)
{
	struct kept *kept = *state;

	begin(kept, "allow a.test\ndeny 127.0.0.0/8\n", "nameserver 127.0.0.53\n");
	assert_log(
		"cgfence: the rule 'deny 127.0.0.0/8' denies the resolver 127.0.0.53: the command "
		"cannot look up names with it\n");
}

static void a_route_says_where_a_resolver_is(void **state)
{
	struct kept *kept = *state;
	char expected[64];

	begin(kept, "allow a.test", "nameserver 198.51.100.53\n");
	assert_trusted(kept, "198.51.100.53 on 0");
	assert_int_equal(system("ip link add inside type veth peer name outside && "
				"ip link set outside up && ip link set inside up && "
				"ip addr add 198.51.100.2/24 dev inside"),
			 0);
	assert_changed(kept, false);
	snprintf(expected, sizeof(expected), "198.51.100.53 on %u", if_nametoindex("inside"));
	assert_trusted(kept, expected);
	assert_int_equal(system("ip addr add 198.51.100.53/24 dev inside"), 0);
	assert_changed(kept, false);
	assert_trusted(kept, "198.51.100.53 on 1");
	assert_int_equal(system("ip link del inside"), 0);
	assert_changed(kept, false);
	assert_trusted(kept, "198.51.100.53 on 0");
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_resolvers_of_the_file_are_trusted),
		TEST(without_any_it_is_this_host),
		TEST(another_file_brings_other_resolvers),
		TEST(the_same_in_other_words_is_no_change),
		TEST(a_file_that_names_no_one_changes_nothing_and_is_told_of),
		TEST(the_search_list_is_the_policy_s_too),
		TEST(resolvers_of_rules_stay_whatever_the_file_says),
		TEST(a_file_that_says_nothing_of_use_is_not_followed),
		TEST(a_rule_that_denies_a_resolver_is_told_of),
		TEST(a_route_says_where_a_resolver_is),
	};

	return cmocka_run_group_tests(tests, fixture_enter, NULL);
}
