// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Other rules for a policy in force: what stays, what comes, what goes, and nothing in between. */
#include "asked.h"
#include "chance.h"

static struct rules parse(const char *text)
{
	struct policyfile_error error;
	struct rules rules = {};

	if (policyfile_parse(text, strlen(text), &rules, &error))
		fail_msg("%s", text);
	return rules;
}

static struct policy_changes apply(struct fixture *fixture, const char *text)
{
	struct rules rules = parse(text);
	struct policy_changes changes;
	struct failure failure = {};

	if (policy_apply(fixture->policy, &rules, &changes, &failure))
		fail_msg("%s", failure.text);
	fixture->target = policy_target_between(fixture->policy);
	flush(fixture);
	fixture->target = policy_target(fixture->policy);
	return changes;
}

static int compare_text(const struct rule *rule, uint32_t number, void *data)
{
	char text[CGF_LINE_BYTES_MAX];

	assert_true(rule_format(rule, text, sizeof(text)) > 0);
	return strcmp(text, data) ? 0 : (int)number + 1;
}

static uint32_t number_of_rule(const struct fixture *fixture, const char *text)
{
	const int number = policy_each_rule(fixture->policy, compare_text, (void *)text);

	assert_true(number > 0);
	return (uint32_t)number - 1;
}

static void what_is_new_is_allowed_and_what_is_not_there_any_more_is_not(void **state)
{
	struct fixture *fixture = *state;
	struct policy_changes changes;

	set_policy(fixture, "allow 198.51.100.10:22\nallow 198.51.100.11:22\ndeny 192.0.2.0/24\n");
	changes = apply(fixture, "allow 198.51.100.11:22\nallow 198.51.100.12:22\n"
				 "allow 203.0.113.0/24\nlisten 80\ndns 192.0.2.53\n");
	assert_int_equal(changes.added, 4);
	assert_int_equal(changes.removed, 2);
	assert_true(changes.resolvers);
	assert_false(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.11", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.12", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "203.0.113.9", 9, IPPROTO_UDP));
	changes = apply(fixture, "allow 198.51.100.11:22\nallow 198.51.100.12:22\n"
				 "allow 203.0.113.0/24\nlisten 80\ndns 192.0.2.53\n");
	assert_int_equal(changes.added + changes.removed, 0);
	assert_false(changes.resolvers);
}

static void rules_that_stay_keep_their_numbers_wherever_they_are(void **state)
{
	struct fixture *fixture = *state;
	uint32_t first, second;

	set_policy(fixture, "allow 198.51.100.10:22\nallow a.test:22\nallow a.test:22\n");
	first = number_of_rule(fixture, "allow 198.51.100.10:22");
	second = number_of_rule(fixture, "allow a.test:22");
	apply(fixture, "allow b.test\nallow a.test:22\nallow 198.51.100.10:22\n");
	assert_int_equal(number_of_rule(fixture, "allow 198.51.100.10:22"), first);
	assert_int_equal(number_of_rule(fixture, "allow a.test:22"), second);
	assert_int_equal(policy_rule_count(fixture->policy), 3);
	assert_int_equal(decide(fixture, "198.51.100.10", 22, IPPROTO_TCP).rule, first);
}

static void a_number_is_used_again_once_the_maps_have_nothing_of_it(void **state)
{
	struct fixture *fixture = *state;
	struct policy_changes changes;
	struct rules rules;
	uint32_t old;

	set_policy(fixture, "allow 198.51.100.10:22\n");
	old = number_of_rule(fixture, "allow 198.51.100.10:22");
	rules = parse("allow 198.51.100.11:22\n");
	assert_int_equal(policy_apply(fixture->policy, &rules, &changes, NULL), 0);
	rules = parse("allow 198.51.100.12:22\n");
	assert_int_equal(policy_apply(fixture->policy, &rules, &changes, NULL), 0);
	assert_int_not_equal(number_of_rule(fixture, "allow 198.51.100.12:22"), old);
	flush(fixture);
	apply(fixture, "allow 198.51.100.13:22\nallow 198.51.100.14:22\n");
	assert_true(number_of_rule(fixture, "allow 198.51.100.13:22") == old ||
		    number_of_rule(fixture, "allow 198.51.100.14:22") == old);
}

static void a_rule_that_went_is_known_for_a_while(void **state)
{
	struct fixture *fixture = *state;
	char text[CGF_LINE_BYTES_MAX];
	uint32_t old;

	set_policy(fixture, "allow 198.51.100.10:22\nallow 198.51.100.11:22\n");
	old = number_of_rule(fixture, "allow 198.51.100.11:22");
	apply(fixture, "allow 198.51.100.10:22\n");
	assert_non_null(policy_rule(fixture->policy, old));
	assert_true(rule_format(policy_rule(fixture->policy, old), text, sizeof(text)) > 0);
	assert_string_equal(text, "allow 198.51.100.11:22");
	apply(fixture, "allow 198.51.100.10:22\n");
	assert_null(policy_rule(fixture->policy, old));
	assert_null(policy_rule(fixture->policy, 99));
}

static void what_cannot_be_kept_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct rules rules = parse("deny *.test\nallow 198.51.100.11\n");
	struct policy_changes changes;
	struct failure failure;

	set_policy(fixture, "allow 198.51.100.10\n");
	assert_int_equal(policy_apply(fixture->policy, &rules, &changes, &failure), -ENOTSUP);
	assert_non_null(strstr(failure.text, "cannot be kept"));
	flush(fixture);
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.11", 22, IPPROTO_TCP));
	assert_int_equal(policy_rule_count(fixture->policy), 1);
}

static void a_name_that_is_known_gives_its_addresses_at_once(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow a.test:22\nallow b.test:22\n");
	learn(fixture, "a.test", "198.51.100.10", 300, 0);
	apply(fixture, "allow a.test:22\nallow a.test:80\n");
	assert_true(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.10", 80, IPPROTO_TCP));
	apply(fixture, "allow a.test:80\n");
	assert_false(allows(fixture, "198.51.100.10", 22, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.10", 80, IPPROTO_TCP));
	apply(fixture, "allow a.test:80\ndeny a.test\n");
	assert_int_equal(decide(fixture, "198.51.100.10", 80, IPPROTO_TCP).reason,
			 CGF_REASON_DENY_RULE);
	apply(fixture, "allow b.test\n");
	assert_false(allows(fixture, "198.51.100.10", 80, IPPROTO_TCP));
	apply(fixture, "allow a.test:80\n");
	assert_false(allows(fixture, "198.51.100.10", 80, IPPROTO_TCP));
}

static void adopt(const struct fixture *fixture, const char *name, const char *text)
{
	const struct address address = address_of(text);
	const struct policy_answer answer = { &address, 1, 300, false, monotonic_ns(), false };
	struct policy_learned learned;
	const char *known;

	assert_int_equal(policy_adopt(fixture->policy, name, &answer,
				      grant_number_of(fixture, name), &learned, &known),
			 0);
	flush(fixture);
}

static void a_name_learned_below_a_wildcard_keeps_what_it_has_for_a_rule_of_its_own(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow *.test:443/tcp\n");
	adopt(fixture, "a.test", "198.51.100.10");
	apply(fixture, "allow *.test:443/tcp\nallow a.test:80/tcp\n");
	assert_true(allows(fixture, "198.51.100.10", 80, IPPROTO_TCP));
	apply(fixture, "allow a.test:80/tcp\n");
	assert_true(allows(fixture, "198.51.100.10", 80, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.10", 443, IPPROTO_TCP));
	assert_true(may_ask(fixture, "a.test"));
	assert_false(may_ask(fixture, "b.test"));
	/* And back: the wildcard has it, as one of many. */
	apply(fixture, "allow *.test:443/tcp\n");
	assert_true(allows(fixture, "198.51.100.10", 443, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.10", 80, IPPROTO_TCP));
	assert_int_equal(grant_number_of(fixture, "a.test"), grant_number_of(fixture, "b.test"));
}

static void a_wildcard_that_comes_gives_to_the_names_that_are_known(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow a.test:80/tcp\n");
	learn(fixture, "a.test", "198.51.100.10", 300, 0);
	apply(fixture, "allow a.test:80/tcp\nallow *.test:443/tcp\n");
	assert_true(allows(fixture, "198.51.100.10", 443, IPPROTO_TCP));
	assert_true(name_opens(fixture, "a.test", IPPROTO_TCP, 80));
	assert_true(name_opens(fixture, "a.test", IPPROTO_TCP, 443));
	apply(fixture, "allow a.test:80/tcp\n");
	assert_false(allows(fixture, "198.51.100.10", 443, IPPROTO_TCP));
	assert_false(name_opens(fixture, "a.test", IPPROTO_TCP, 443));
}

static void an_address_inside_follows_the_rules_that_allow_it(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow a.test:80\nallow b.test:80\n");
	learn(fixture, "a.test", "10.0.0.1", 300, 0);
	assert_false(allows(fixture, "10.0.0.1", 80, IPPROTO_TCP));
	apply(fixture, "allow a.test:80\nallow a.test:81 private\n");
	assert_true(allows(fixture, "10.0.0.1", 80, IPPROTO_TCP));
	assert_true(allows(fixture, "10.0.0.1", 81, IPPROTO_TCP));
	apply(fixture, "allow a.test:80\n");
	assert_false(allows(fixture, "10.0.0.1", 80, IPPROTO_TCP));
	apply(fixture, "allow a.test:80\nallow 10.0.0.0/8:22\n");
	assert_true(allows(fixture, "10.0.0.1", 80, IPPROTO_TCP));
	apply(fixture, "allow a.test:80\n");
	assert_false(allows(fixture, "10.0.0.1", 80, IPPROTO_TCP));
}

static void names_within_a_search_domain_come_and_go_with_theirs(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow a.test:80\n");
	assert_int_equal(search_in(fixture, "corp.example"), 0);
	flush(fixture);
	assert_true(gives_nothing(fixture, "a.test.corp.example"));
	apply(fixture, "allow b.test:80\nallow host:80\n");
	assert_false(may_ask(fixture, "a.test.corp.example"));
	assert_true(gives_nothing(fixture, "b.test.corp.example"));
	assert_true(name_opens(fixture, "host.corp.example", IPPROTO_TCP, 80));
	apply(fixture, "allow b.test.corp.example:80\nallow b.test:80\n");
	assert_true(name_opens(fixture, "b.test.corp.example", IPPROTO_TCP, 80));
	assert_false(may_ask(fixture, "host.corp.example"));
	apply(fixture, "allow b.test:80\n");
	assert_true(gives_nothing(fixture, "b.test.corp.example"));
}

static void the_target_between_has_what_both_need(void **state)
{
	struct fixture *fixture = *state;
	struct policy_changes changes;
	struct cgf_target between, after;
	struct rules rules = parse("mode audit\nallow 198.51.100.10:1000-2000\nlisten 80\n"
				   "allow 192.0.2.1/icmp\n");

	set_policy(fixture, "allow 198.51.100.10\ndeny 192.0.2.0/24:22\nallow 10.0.0.0/8:80\n");
	assert_int_equal(policy_apply(fixture->policy, &rules, &changes, NULL), 0);
	between = policy_target_between(fixture->policy);
	assert_int_equal(between.mode, CGF_MODE_ENFORCE);
	assert_true(between.allow_wide_port_mask & 1U << CGF_PORT_BITS_ANY);
	assert_true(between.deny_prefix_port_mask && between.allow_prefix_port_mask);
	assert_true(between.listen_port_mask && between.flags & CGF_TARGET_ICMP);
	flush(fixture);
	after = policy_target(fixture->policy);
	between = policy_target_between(fixture->policy);
	assert_memory_equal(&after, &between, sizeof(after));
	assert_int_equal(after.mode, CGF_MODE_AUDIT);
	assert_false(after.deny_prefix_port_mask || after.allow_prefix_port_mask);
}

struct found {
	size_t count;
	const char *name;
	struct address address;
};

static int on_found(const struct policy_rule_address *address, void *data)
{
	struct found *found = data;

	found->count++;
	found->name = address->name;
	found->address = address->address;
	return 0;
}

static struct found found_of(const struct fixture *fixture, const char *rule)
{
	struct found found = {};

	policy_each_rule_address(fixture->policy, number_of_rule(fixture, rule), on_found, &found);
	return found;
}

static int count_rule(const struct rule *rule, uint32_t number, void *data)
{
	(void)number;
	assert_int_equal(rule->verb, RULE_MODE);
	++*(size_t *)data;
	return 0;
}

/* The last of them counts. */
static void modes_in_another_order_are_a_change(void **state)
{
	struct rules rules = parse("mode audit\nallow 198.51.100.10\nmode enforce\n");
	struct fixture *fixture = *state;
	struct policy_changes changes;
	struct policy *wanted;
	size_t count = 0;

	set_policy(fixture, "mode enforce\nallow 198.51.100.10\nmode audit\n");
	assert_int_equal(policy_target(fixture->policy).mode, CGF_MODE_AUDIT);
	assert_int_equal(policy_init(&wanted, &rules, NULL), 0);
	assert_int_equal(policy_compare(fixture->policy, wanted, count_rule, count_rule, &count),
			 0);
	assert_int_equal(count, 4);
	policy_finish(&wanted);
	changes = apply(fixture, "mode audit\nallow 198.51.100.10\nmode enforce\n");
	assert_int_equal(changes.added, 2);
	assert_int_equal(changes.removed, 2);
	assert_int_equal(policy_target(fixture->policy).mode, CGF_MODE_ENFORCE);
	changes = apply(fixture, "allow 198.51.100.10\nmode audit\nmode enforce\n");
	assert_int_equal(changes.added + changes.removed, 0);
}

static void a_rule_tells_what_it_has_in_force(void **state)
{
	const struct address address = address_of("198.51.100.10");
	struct fixture *fixture = *state;
	struct found found;

	set_policy(fixture,
		   "allow a.test:22\nallow 192.0.2.1:22\nallow 10.0.0.0/8\nallow *.test\n");
	learn(fixture, "a.test", "198.51.100.10", 300, 0);
	adopt(fixture, "b.test", "198.51.100.11");
	found = found_of(fixture, "allow a.test:22");
	assert_int_equal(found.count, 1);
	assert_string_equal(found.name, "a.test");
	assert_memory_equal(&found.address, &address, sizeof(address));
	assert_int_equal(found_of(fixture, "allow *.test").count, 2);
	assert_int_equal(found_of(fixture, "allow 10.0.0.0/8").count, 0);
	found = found_of(fixture, "allow 192.0.2.1:22");
	assert_int_equal(found.count, 1);
	assert_null(found.name);
}

/* --- maps that are full ------------------------------------------------------------------------
 */

#define FULL (ENTRIES - 10)

/* So many rules, each of another network, and some that stay. */
static char *many_rules(const char *verb, unsigned int net, unsigned int bits)
{
	const size_t size = (size_t)FULL * 48 + 64;
	char *text = malloc(size), *end = text;
	unsigned int i;

	assert_non_null(text);
	end += sprintf(end, "allow 192.0.2.0/24:9/udp\n");
	for (i = 0; i < FULL; i++)
		end += sprintf(end, "%s 10.%u.%u.%u/%u:80/tcp\n", verb, net + i / 4096,
			       i / 16 % 256, i % 16 * 16, bits);
	return text;
}

static int try_apply(struct fixture *fixture, char *text)
{
	struct rules rules = parse(text);
	struct policy_changes changes;

	free(text);
	return policy_apply(fixture->policy, &rules, &changes, NULL);
}

static void a_deny_is_not_taken_away_to_make_room_for_another(void **state)
{
	struct fixture *fixture = *state;
	size_t refused = 0;

	set_policy(fixture, "allow any\n");
	assert_int_equal(try_apply(fixture, many_rules("deny", 0, 28)), 0);
	flush(fixture);
	fixture->target = policy_target(fixture->policy);
	assert_false(allows(fixture, "10.0.0.1", 80, IPPROTO_TCP));
	assert_int_equal(try_apply(fixture, many_rules("deny", 100, 28)), 0);
	assert_int_equal(policy_flush(fixture->policy, &fixture->maps, &refused), -EOVERFLOW);
	assert_int_equal(decide(fixture, "10.0.0.1", 80, IPPROTO_TCP).reason, CGF_REASON_DENY_RULE);
	assert_int_equal(policy_flush_shut(fixture->policy, &fixture->maps, &refused), 0);
	assert_int_equal(decide(fixture, "10.100.0.1", 80, IPPROTO_TCP).reason,
			 CGF_REASON_DENY_RULE);
	assert_int_equal(decide(fixture, "10.0.0.1", 80, IPPROTO_TCP).reason, CGF_REASON_NO_RULE);
}

static void what_goes_makes_room_for_what_is_allowed(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow 192.0.2.0/24:9/udp\n");
	assert_int_equal(try_apply(fixture, many_rules("allow", 0, 28)), 0);
	flush(fixture);
	assert_int_equal(try_apply(fixture, many_rules("allow", 100, 28)), 0);
	flush(fixture);
	fixture->target = policy_target(fixture->policy);
	assert_true(allows(fixture, "10.100.0.1", 80, IPPROTO_TCP));
	assert_false(allows(fixture, "10.0.0.1", 80, IPPROTO_TCP));
	assert_true(allows(fixture, "192.0.2.1", 9, IPPROTO_UDP));
	/* The same of single addresses, which are in another map. */
	assert_int_equal(try_apply(fixture, many_rules("allow", 0, 32)), 0);
	flush(fixture);
	assert_int_equal(try_apply(fixture, many_rules("allow", 100, 32)), 0);
	flush(fixture);
	fixture->target = policy_target(fixture->policy);
	assert_true(allows(fixture, "10.100.0.0", 80, IPPROTO_TCP));
	assert_false(allows(fixture, "10.0.0.0", 80, IPPROTO_TCP));
}

/* --- by chance: what comes of changes is what comes of the rules alone -------------------------
 */

#define STEPS 80
#define LINES_MAX 12

static const char *const lines[] = {
	"allow 198.51.100.10:22",  "allow 198.51.100.10",  "allow 198.51.100.0/24:80",
	"deny 198.51.100.10:80",   "deny 198.51.100.0/25", "allow a.test:22",
	"allow a.test:80-90",	   "deny a.test:85",	   "allow b.test",
	"deny b.test:22",	   "allow *.test:443/tcp", "deny *.b.test:443",
	"allow *.b.test:8080",	   "allow c.b.test:22",	   "listen 80",
	"listen 8000-8100/tcp",	   "mode audit",	   "dns 192.0.2.53",
	"allow a.test:99 private", "allow 10.0.0.0/8:1",   "allow host:22",
	"allow a.test ttl 600",	   "allow any:9/udp",	   "allow localhost",
};

static bool is_in_conflict(const char *text)
{
	return strstr(text, "deny *.") &&
	       (strstr(text, "allow 198") || strstr(text, "allow 10.") || strstr(text, "any"));
}

static void make_text(struct chance *chance, char *text, size_t size)
{
	unsigned int i, count;

	do {
		text[0] = '\0';
		count = chance_below(chance, LINES_MAX);
		for (i = 0; i < count; i++) {
			strncat(text, CHANCE_OF(chance, lines), size - strlen(text) - 1);
			strncat(text, "\n", size - strlen(text) - 1);
		}
	} while (is_in_conflict(text));
}

struct key_list {
	struct cgf_key allow[512];
	struct cgf_prefix_key prefixes[512];
	struct cgf_name_key names[256];
	size_t allow_count, prefix_count, name_count;
};

static int by_bytes_20(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct cgf_key));
}

static int by_bytes_28(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct cgf_prefix_key));
}

static int by_bytes_244(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct cgf_name_key));
}

static int list_allow(const struct cgf_key *key, const struct cgf_entry *entry, void *data)
{
	struct key_list *list = data;

	(void)entry;
	list->allow[list->allow_count++] = *key;
	return 0;
}

static int list_prefix(const struct cgf_prefix_key *key, const struct cgf_prefix *prefix,
		       void *data)
{
	struct key_list *list = data;

	(void)prefix;
	list->prefixes[list->prefix_count++] = *key;
	return 0;
}

static int list_name(const struct cgf_name_key *key, const struct cgf_name *name, void *data)
{
	struct key_list *list = data;

	(void)name;
	list->names[list->name_count++] = *key;
	return 0;
}

static void list_all(const struct fixture *fixture, struct key_list *list)
{
	memset(list, 0, sizeof(*list));
	assert_int_equal(datapath_allow_each(&fixture->maps, list_allow, list), 0);
	assert_int_equal(datapath_prefix_each(&fixture->maps, list_prefix, list), 0);
	assert_int_equal(datapath_question_each(&fixture->maps, list_name, list), 0);
	qsort(list->allow, list->allow_count, sizeof(list->allow[0]), by_bytes_20);
	qsort(list->prefixes, list->prefix_count, sizeof(list->prefixes[0]), by_bytes_28);
	qsort(list->names, list->name_count, sizeof(list->names[0]), by_bytes_244);
}

static int answer_name(struct policy_name *name, const char *text, void *data)
{
	struct fixture *fixture = data;
	struct address address = address_of(!strcmp(text, "a.test")   ? "198.51.100.10"
					    : !strcmp(text, "b.test") ? "10.0.0.1"
								      : "203.0.113.7");
	const struct policy_answer answer = { &address, 1, 300, false, monotonic_ns(), false };
	struct policy_learned learned;

	return policy_learn(fixture->policy, name, &answer, &learned);
}

static void answer_all(struct fixture *fixture)
{
	assert_int_equal(policy_each_name(fixture->policy, answer_name, fixture), 0);
	flush(fixture);
}

static void assert_as_fresh(struct fixture *live, struct fixture *fresh, const char *text,
			    const char *domains)
{
	static struct key_list changed, alone;
	struct policy_differences differences;

	list_all(live, &changed);
	set_policy(fresh, text);
	assert_int_equal(search_in(fresh, domains), 0);
	answer_all(fresh);
	list_all(fresh, &alone);
	if (changed.allow_count != alone.allow_count ||
	    changed.prefix_count != alone.prefix_count || changed.name_count != alone.name_count)
		print_message("%zu %zu %zu, and not %zu %zu %zu:\n%s", changed.allow_count,
			      changed.prefix_count, changed.name_count, alone.allow_count,
			      alone.prefix_count, alone.name_count, text);
	assert_memory_equal(&changed, &alone, sizeof(alone));
	assert_memory_equal(&live->target, &fresh->target, sizeof(fresh->target));
	assert_int_equal(policy_verify(live->policy, &live->maps, &differences), 0);
	assert_string_equal(differences.first, "");
}

static void what_comes_of_changes_is_what_comes_of_the_rules_alone(void **state)
{
	static const char *const lists[] = {
		"",	   "corp.example",  "corp.example", "test", "test corp.example",
		"example", "svc.local test"
	};
	struct chance chance = { 20 };
	struct fixture *fixture = *state;
	const char *domains;
	void *other = NULL;
	char text[2048];
	unsigned int i;

	assert_int_equal(set_up(&other), 0);
	set_policy(fixture, "");
	make_counters(fixture);
	for (i = 0; i < STEPS; i++) {
		make_text(&chance, text, sizeof(text));
		domains = lists[chance_below(&chance, ARRAY_SIZE(lists))];
		assert_int_equal(search_in(fixture, domains), 0);
		apply(fixture, text);
		domains = lists[chance_below(&chance, ARRAY_SIZE(lists))];
		assert_int_equal(search_in(fixture, domains), 0);
		/* What a wildcard has of a name that had a rule of its own runs out. */
		sweep(fixture, 3600 * NSEC_PER_SEC);
		flush(fixture);
		sweep(fixture, 3600 * NSEC_PER_SEC);
		answer_all(fixture);
		assert_as_fresh(fixture, other, text, domains);
	}
	tear_down(&other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_new_is_allowed_and_what_is_not_there_any_more_is_not),
		CASE(rules_that_stay_keep_their_numbers_wherever_they_are),
		CASE(a_number_is_used_again_once_the_maps_have_nothing_of_it),
		CASE(a_rule_that_went_is_known_for_a_while),
		CASE(what_cannot_be_kept_changes_nothing),
		CASE(a_name_that_is_known_gives_its_addresses_at_once),
		CASE(a_name_learned_below_a_wildcard_keeps_what_it_has_for_a_rule_of_its_own),
		CASE(a_wildcard_that_comes_gives_to_the_names_that_are_known),
		CASE(an_address_inside_follows_the_rules_that_allow_it),
		CASE(names_within_a_search_domain_come_and_go_with_theirs),
		CASE(the_target_between_has_what_both_need),
		CASE(modes_in_another_order_are_a_change),
		CASE(a_rule_tells_what_it_has_in_force),
		CASE(a_deny_is_not_taken_away_to_make_room_for_another),
		CASE(what_goes_makes_room_for_what_is_allowed),
		CASE(what_comes_of_changes_is_what_comes_of_the_rules_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
