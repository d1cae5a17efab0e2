// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What rules say by name, as the kernel is told: which names may be asked for, and what they give.
 */
#include "asked.h"
#include "chance.h"
#include "policy_internal.h"

static void assert_refused(const struct fixture *fixture, const char *text)
{
	struct cgf_name name;

	assert_true(ask(fixture, text, &name));
	assert_int_not_equal(name.refused, 0);
}

static void assert_unknown(const struct fixture *fixture, const char *text)
{
	struct cgf_name name;

	assert_false(ask(fixture, text, &name));
}

static void a_name_gives_its_ports_and_no_other_name_does(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow git.test:22,8000-8002/tcp\n");
	assert_true(name_opens(fixture, "git.test", IPPROTO_TCP, 22));
	assert_true(name_opens(fixture, "GIT.Test", IPPROTO_TCP, 8002));
	assert_false(name_opens(fixture, "git.test", IPPROTO_TCP, 8003));
	assert_false(name_opens(fixture, "git.test", IPPROTO_UDP, 22));
	assert_unknown(fixture, "test");
	assert_unknown(fixture, "a.git.test");
	assert_unknown(fixture, "agit.test");
	assert_unknown(fixture, "it.test");
	assert_unknown(fixture, "git.test.test");
}

static void a_wildcard_gives_what_is_below_and_not_its_apex(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow *.x.test:443\n");
	assert_true(name_opens(fixture, "a.x.test", IPPROTO_TCP, 443));
	assert_true(name_opens(fixture, "a.b.c.x.test", IPPROTO_UDP, 443));
	assert_unknown(fixture, "x.test");
	assert_unknown(fixture, "ax.test");
}

static void a_closer_wildcard_gives_also_what_the_wider_gives(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow *.x:1/tcp\nallow *.y.x:2/tcp\nallow a.y.x:3/tcp\n");
	assert_true(name_opens(fixture, "b.x", IPPROTO_TCP, 1));
	assert_false(name_opens(fixture, "b.x", IPPROTO_TCP, 2));
	assert_true(name_opens(fixture, "b.y.x", IPPROTO_TCP, 1));
	assert_true(name_opens(fixture, "b.y.x", IPPROTO_TCP, 2));
	assert_false(name_opens(fixture, "b.y.x", IPPROTO_TCP, 3));
	assert_true(name_opens(fixture, "a.y.x", IPPROTO_TCP, 1));
	assert_true(name_opens(fixture, "a.y.x", IPPROTO_TCP, 2));
	assert_true(name_opens(fixture, "a.y.x", IPPROTO_TCP, 3));
	assert_true(name_opens(fixture, "b.a.y.x", IPPROTO_TCP, 2));
	assert_false(name_opens(fixture, "b.a.y.x", IPPROTO_TCP, 3));
	/* The apex of the closer one is below the wider one. */
	assert_true(name_opens(fixture, "y.x", IPPROTO_TCP, 1));
	assert_false(name_opens(fixture, "y.x", IPPROTO_TCP, 2));
}

static void what_is_denied_below_a_wildcard_is_refused(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow *.x\nallow c.z.x\ndeny a.x\ndeny *.z.x\ndeny far.test\n");
	assert_true(may_ask(fixture, "b.x"));
	assert_refused(fixture, "a.x");
	assert_true(may_ask(fixture, "b.a.x"));
	assert_refused(fixture, "b.z.x");
	assert_refused(fixture, "c.z.x");
	assert_true(may_ask(fixture, "z.x"));
	assert_unknown(fixture, "far.test");
}

static void a_name_that_is_allowed_and_denied_may_not_be_asked_for(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow a.test:443\ndeny a.test\nallow b.test:443\ndeny *.test:443\n");
	assert_false(may_ask(fixture, "a.test"));
	assert_false(may_ask(fixture, "b.test"));
}

static void denied_ports_are_taken_out_of_what_a_name_gives(void **state)
{
	struct fixture *fixture = *state;
	struct cgf_grant grant;
	uint32_t port;

	set_policy(fixture, "allow *.x\ndeny a.x:22\n");
	grant = grant_of(fixture, "a.x");
	for (port = 0; port < PORTS; port++) {
		bool open = port != 22 && port != CGF_DNS_PORT;

		assert_int_equal(grant_opens(&grant, IPPROTO_TCP, (uint16_t)port), open);
		assert_int_equal(grant_opens(&grant, IPPROTO_UDP, (uint16_t)port), open);
	}
	assert_true(name_opens(fixture, "b.x", IPPROTO_TCP, 22));
}

static void port_53_is_only_given_where_it_is_said(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow *.x:50-60/tcp\nallow *.y:53,50-60/tcp\n"
			    "deny a.x:52/tcp\ndeny a.y:52/tcp\ndeny b.y:53/tcp\n");
	assert_false(name_opens(fixture, "a.x", IPPROTO_TCP, 53));
	assert_true(name_opens(fixture, "a.x", IPPROTO_TCP, 54));
	assert_true(name_opens(fixture, "a.y", IPPROTO_TCP, 53));
	assert_false(name_opens(fixture, "a.y", IPPROTO_TCP, 52));
	assert_false(name_opens(fixture, "b.y", IPPROTO_TCP, 53));
	assert_true(name_opens(fixture, "b.y", IPPROTO_TCP, 52));
}

static void the_same_rules_are_one_grant(void **state)
{
	struct fixture *fixture = *state;
	uint32_t number;

	set_policy(fixture, "allow *.x:443\nallow a.x:22\ndeny b.x:80\nallow *.y.x:443\n"
			    "allow a.y.x:443\nallow a.y.x:443\n");
	number = grant_number_of(fixture, "z.x");
	assert_int_equal(grant_number_of(fixture, "y.x"), number);
	assert_int_not_equal(grant_number_of(fixture, "a.x"), number);
	assert_int_not_equal(grant_number_of(fixture, "b.y.x"), number);
	assert_int_equal(grant_number_of(fixture, "c.b.y.x"), grant_number_of(fixture, "b.y.x"));
	assert_int_not_equal(grant_number_of(fixture, "a.y.x"), grant_number_of(fixture, "b.y.x"));
	assert_int_equal(grant_of(fixture, "a.y.x").rule, 0);
	assert_int_equal(grant_of(fixture, "a.y.x").block_count, 2);
}

static void a_grant_has_the_first_rule_and_the_longest_floor(void **state)
{
	struct fixture *fixture = *state;
	struct policyfile_error error;
	struct rules rules = {};
	const char *text = "deny a.x:1\nallow *.x:443\nallow a.x:22\nallow b.x:22\n";

	assert_int_equal(policyfile_parse(text, strlen(text), &rules, &error), 0);
	rules.rules[1].ttl_floor_s = 100;
	rules.rules[2].ttl_floor_s = 600;
	rules.rules[2].private_addresses = true;
	set_rules(fixture, &rules);
	assert_int_equal(grant_of(fixture, "a.x").rule, 1);
	assert_int_equal(grant_of(fixture, "a.x").ttl_floor_s, 600);
	assert_int_equal(grant_of(fixture, "a.x").flags, CGF_GRANT_PRIVATE);
	assert_int_equal(grant_of(fixture, "b.x").ttl_floor_s, 100);
	assert_int_equal(grant_of(fixture, "b.x").flags, 0);
	set_policy(fixture, "allow a.test:22\n");
	assert_int_equal(grant_of(fixture, "a.test").ttl_floor_s, POLICY_TTL_FLOOR_S);
}

static void a_name_of_very_many_ports_may_be_asked_for_and_is_polled(void **state)
{
	struct fixture *fixture = *state;
	struct policy_name *name;

	set_policy(fixture, "allow a.test:1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31\n"
			    "allow b.test:1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33\n");
	assert_int_equal(grant_of(fixture, "a.test").block_count, CGF_GRANT_BLOCKS_MAX);
	assert_true(gives_nothing(fixture, "b.test"));
	name = name_of(fixture, "b.test");
	assert_string_equal(policy_name_text(name), "b.test");
}

static void assert_no_policy(const char *text, const char *said)
{
	struct policyfile_error error;
	struct policy *policy = NULL;
	struct rules rules = {};
	struct failure failure;

	assert_int_equal(policyfile_parse(text, strlen(text), &rules, &error), 0);
	assert_int_equal(policy_init(&policy, &rules, &failure), -ENOTSUP);
	assert_non_null(strstr(failure.text, said));
}

#define LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
#define LONG_NAME LABEL LABEL LABEL LABEL "x"

static void what_cannot_be_kept_is_said(void **state)
{
	struct fixture *fixture = *state;

	assert_no_policy("allow a.test\nallow *.x:1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33\n",
			 "'allow *.x:1,3,5,7,");
	assert_no_policy("allow *.x\ndeny *.y.x:22,80\n", "'deny *.y.x:22,80'");
	assert_no_policy("allow any\ndeny *.x\n", "'deny *.x' cannot be kept beside 'allow any'");
	assert_no_policy("allow *.x\ndeny " LONG_NAME "\n", "the rule 'deny " LABEL LABEL);
	assert_no_policy("allow *." LONG_NAME "\n", "cannot be kept");
	/* Alone it is polled. */
	set_policy(fixture, "allow " LONG_NAME "\n");
	assert_unknown(fixture, LONG_NAME);
	assert_string_equal(policy_name_text(name_of(fixture, LONG_NAME)), LONG_NAME);
	/* Below a wildcard, it is that that gives. */
	set_policy(fixture, "allow " LONG_NAME ":22/tcp\nallow *.x:443/tcp\n");
	assert_false(name_opens(fixture, LONG_NAME, IPPROTO_TCP, 22));
	assert_true(name_opens(fixture, LONG_NAME, IPPROTO_TCP, 443));
}

/* --- search domains -----------------------------------------------------------------------------
 */

static void search(const struct fixture *fixture, const char *domains)
{
	assert_int_equal(search_in(fixture, domains), 0);
	flush(fixture);
}

static void a_name_with_a_dot_may_be_asked_for_in_a_search_domain_and_gives_nothing(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow api.test:443\ndeny evil.test\n");
	assert_unknown(fixture, "api.test.corp.example");
	search(fixture, "Corp.Example. svc.local corp.example");
	assert_true(gives_nothing(fixture, "api.test.corp.example"));
	assert_true(gives_nothing(fixture, "api.test.svc.local"));
	assert_unknown(fixture, "api.test.svc.local.corp.example");
	assert_unknown(fixture, "corp.example");
	assert_unknown(fixture, "other.corp.example");
	assert_unknown(fixture, "evil.test.corp.example");
	policy_remove_rule(fixture->policy, 0);
	flush(fixture);
	assert_unknown(fixture, "api.test.corp.example");
	assert_unknown(fixture, "api.test");
}

static void a_name_without_a_dot_is_meant_in_its_search_domain(void **state)
{
	struct fixture *fixture = *state;
	struct policy_learned learned;
	const struct address address = address_of("198.51.100.10");
	const struct policy_answer answer = { &address, 1, 60, false, monotonic_ns(), false };
	const char *name;

	set_policy(fixture, "allow db:5432/tcp\nallow web.corp.example:80/tcp\nallow web:81/tcp\n");
	search(fixture, "corp.example");
	assert_int_equal(grant_number_of(fixture, "db.corp.example"),
			 grant_number_of(fixture, "db"));
	assert_true(name_opens(fixture, "web.corp.example", IPPROTO_TCP, 80));
	assert_true(name_opens(fixture, "web.corp.example", IPPROTO_TCP, 81));
	assert_false(name_opens(fixture, "web", IPPROTO_TCP, 80));
	assert_int_equal(policy_adopt(fixture->policy, "db.corp.example", &answer,
				      grant_number_of(fixture, "db"), &learned, &name),
			 0);
	flush(fixture);
	assert_true(allows(fixture, "198.51.100.10", 5432, IPPROTO_TCP));
	policy_remove_rule(fixture->policy, 0);
	flush(fixture);
	assert_unknown(fixture, "db.corp.example");
	assert_false(allows(fixture, "198.51.100.10", 5432, IPPROTO_TCP));
}

static void a_search_domain_takes_nothing_from_a_wildcard(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow *.corp.example:443/tcp\nallow api.test:443\nallow db:5432/tcp\n"
			    "deny *.bad.example\n");
	search(fixture, "corp.example bad.example");
	assert_true(name_opens(fixture, "api.test.corp.example", IPPROTO_TCP, 443));
	assert_true(name_opens(fixture, "db.corp.example", IPPROTO_TCP, 443));
	assert_true(name_opens(fixture, "db.corp.example", IPPROTO_TCP, 5432));
	assert_false(may_ask(fixture, "api.test.bad.example"));
	assert_false(may_ask(fixture, "db.bad.example"));
}

static void only_names_that_rules_say_are_polled(void **state)
{
	struct fixture *fixture = *state;
	struct lookup lookup = { .text = "db.corp.example" };

	set_policy(fixture, "allow db:5432/tcp\nallow *.x:443\n");
	search(fixture, "corp.example");
	policy_each_name(fixture->policy, compare_name, &lookup);
	assert_null(lookup.name);
}

static void what_can_be_no_domain_is_not_searched(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow api.test:443\n");
	search(fixture, "bad..domain corp.example . -");
	assert_true(gives_nothing(fixture, "api.test.corp.example"));
	assert_unknown(fixture, "api.test.bad..domain");
}

static void adopt(const struct fixture *fixture, const char *text, const char *address_text)
{
	const struct address address = address_of(address_text);
	const struct policy_answer answer = { &address, 1, 60, false, monotonic_ns(), false };
	struct policy_learned learned;
	const char *name;

	assert_int_equal(policy_adopt(fixture->policy, text, &answer,
				      grant_number_of(fixture, text), &learned, &name),
			 0);
	flush(fixture);
}

static void what_was_made_in_a_domain_goes_with_it(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow api.test:443\nallow db:5432/tcp\n"
			    "allow *.w.example:80/tcp\nallow db.own.example:22/tcp\n");
	search(fixture, "corp.example w.example own.example");
	adopt(fixture, "db.corp.example", "198.51.100.10");
	adopt(fixture, "db.own.example", "198.51.100.11");
	adopt(fixture, "db.w.example", "198.51.100.12");
	assert_true(allows(fixture, "198.51.100.10", 5432, IPPROTO_TCP));
	search(fixture, "svc.local");
	assert_unknown(fixture, "api.test.corp.example");
	assert_unknown(fixture, "db.corp.example");
	assert_false(allows(fixture, "198.51.100.10", 5432, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.11", 5432, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.11", 22, IPPROTO_TCP));
	assert_false(allows(fixture, "198.51.100.12", 5432, IPPROTO_TCP));
	assert_true(allows(fixture, "198.51.100.12", 80, IPPROTO_TCP));
	assert_false(name_opens(fixture, "db.own.example", IPPROTO_TCP, 5432));
	assert_true(gives_nothing(fixture, "api.test.svc.local"));
	assert_true(name_opens(fixture, "db.svc.local", IPPROTO_TCP, 5432));
}

static void what_two_domains_give_stays_with_one(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow db:5432/tcp\n");
	search(fixture, "corp.example svc.local");
	adopt(fixture, "db.corp.example", "198.51.100.10");
	adopt(fixture, "db.svc.local", "198.51.100.10");
	search(fixture, "svc.local");
	assert_true(allows(fixture, "198.51.100.10", 5432, IPPROTO_TCP));
	search(fixture, "");
	assert_false(allows(fixture, "198.51.100.10", 5432, IPPROTO_TCP));
}

static void a_domain_that_is_back_before_the_flush_has_its_names(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow api.test:443\nallow db:5432/tcp\n");
	search(fixture, "corp.example");
	assert_int_equal(search_in(fixture, "svc.local"), 0);
	search(fixture, "corp.example");
	assert_true(gives_nothing(fixture, "api.test.corp.example"));
	assert_true(name_opens(fixture, "db.corp.example", IPPROTO_TCP, 5432));
	assert_unknown(fixture, "api.test.svc.local");
}

static void domains_that_rotate_leave_nothing_behind(void **state)
{
	struct fixture *fixture = *state;
	char domains[4096], *end;
	unsigned int i, j;

	set_policy(fixture, "allow api.test:443\nallow db:5432/tcp\n");
	for (i = 0; i < 50; i++) {
		for (j = 0, end = domains; j < POLICY_SEARCHES_MAX; j++)
			end += sprintf(end, "d%u.local ", i * POLICY_SEARCHES_MAX + j);
		search(fixture, domains);
		assert_int_equal(fixture->policy->search_count, POLICY_SEARCHES_MAX);
		assert_int_equal(HASH_COUNT(fixture->policy->names), 2 * POLICY_SEARCHES_MAX + 2);
	}
	sprintf(end, "more.local");
	assert_int_equal(search_in(fixture, domains), -E2BIG);
	flush(fixture);
	assert_unknown(fixture, "api.test.more.local");
	search(fixture, "");
	assert_int_equal(HASH_COUNT(fixture->policy->names), 2);
}

/* --- rules that go, and the order of writing ----------------------------------------------------
 */

static void what_a_removed_rule_gave_goes_and_no_number_comes_back(void **state)
{
	struct fixture *fixture = *state;
	struct cgf_grant grant;
	uint32_t before, after;

	set_policy(fixture, "allow *.x:443/tcp\nallow a.x:22/tcp\nallow b.test:1\n");
	before = grant_number_of(fixture, "a.x");
	policy_remove_rule(fixture->policy, 0);
	flush(fixture);
	assert_unknown(fixture, "b.x");
	after = grant_number_of(fixture, "a.x");
	assert_true(after > before && after > grant_number_of(fixture, "b.test"));
	assert_false(has_grant(fixture, before, &grant));
	assert_false(name_opens(fixture, "a.x", IPPROTO_TCP, 443));
	assert_true(name_opens(fixture, "a.x", IPPROTO_TCP, 22));
	policy_remove_rule(fixture->policy, 1);
	flush(fixture);
	assert_unknown(fixture, "a.x");
	assert_false(has_grant(fixture, after, &grant));
	assert_true(may_ask(fixture, "b.test"));
}

static void a_grant_is_there_as_long_as_its_name(void **state)
{
	struct fixture *fixture = *state;
	size_t refused;
	uint32_t number;
	int names;

	set_policy(fixture, "allow a.test:443/tcp\nallow a.test:22/tcp\n");
	number = grant_number_of(fixture, "a.test");
	policy_remove_rule(fixture->policy, 0);
	names = TAKE_FD(fixture->maps.maps[KIND_NAMES]);
	assert_int_not_equal(policy_flush(fixture->policy, &fixture->maps, &refused), 0);
	fixture->maps.maps[KIND_NAMES] = names;
	assert_int_equal(grant_number_of(fixture, "a.test"), number);
	assert_int_equal(grant_of(fixture, "a.test").block_count, 2);
	flush(fixture);
	assert_int_not_equal(grant_number_of(fixture, "a.test"), number);
	assert_int_equal(grant_of(fixture, "a.test").block_count, 1);
}

static void fill_grants(struct fixture *fixture)
{
	const struct cgf_grant none = {};
	uint32_t i;
	int r = 0;

	for (i = 1; !r && i <= 2 * ENTRIES; i++)
		r = datapath_grant_write(&fixture->maps, CGF_RULE_NONE - i, &none);
	assert_int_equal(r, -ENOSPC);
}

static void a_grant_has_the_room_of_the_one_before(void **state)
{
	struct fixture *fixture = *state;
	uint32_t number;

	set_policy(fixture, "allow a.test:443/tcp\nallow a.test:22/tcp\n");
	number = grant_number_of(fixture, "a.test");
	fill_grants(fixture);
	policy_remove_rule(fixture->policy, 0);
	flush(fixture);
	assert_int_not_equal(grant_number_of(fixture, "a.test"), number);
	assert_int_equal(grant_of(fixture, "a.test").block_count, 1);
}

/* Until then the name has what the wildcard above it has. */
static void no_name_has_a_grant_that_did_not_fit(void **state)
{
	struct fixture *fixture = *state;
	size_t refused;

	set_policy(fixture, "allow git:22/tcp\nallow *.corp.example:443/tcp\n");
	fill_grants(fixture);
	assert_int_equal(search_in(fixture, "corp.example"), 0);
	assert_int_equal(policy_flush(fixture->policy, &fixture->maps, &refused), -ENOSPC);
	assert_int_equal(grant_of(fixture, "git.corp.example").block_count, 1);
	assert_int_equal(datapath_grant_delete(&fixture->maps, CGF_RULE_NONE - 1), 0);
	flush(fixture);
	assert_int_equal(grant_of(fixture, "git.corp.example").block_count, 2);
}

static size_t count_grants(const struct fixture *fixture)
{
	uint32_t number, *last = NULL;
	size_t count = 0;

	for (; !bpf_map_get_next_key(fixture->maps.maps[KIND_GRANTS], last, &number); count++)
		last = &number;
	return count;
}

static void names_that_take_the_place_of_others_leave_none_of_their_grants(void **state)
{
	struct cgf_name_key key = { .prefix_bits = 32 };
	const char *const text = "allow d.test:22\nallow e.test:22\nallow f.test:22\n";
	const struct cgf_name none = {};
	struct fixture *fixture = *state;
	struct policy_changes changes;
	struct policyfile_error error;
	struct rules rules = {};
	uint32_t i;
	int r = 0;

	set_policy(fixture, "allow a.test:22\nallow b.test:22\nallow c.test:22\n");
	for (i = 0; !r && i < 2 * ENTRIES; i++) {
		memcpy(key.name, &i, sizeof(i));
		r = datapath_name_write(&fixture->maps, &key, &none);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(policyfile_parse(text, strlen(text), &rules, &error), 0);
	assert_int_equal(policy_apply(fixture->policy, &rules, &changes, NULL), 0);
	flush(fixture);
	assert_int_equal(count_grants(fixture), 3);
	assert_int_equal(grant_of(fixture, "f.test").block_count, 2);
}

static void names_that_do_not_fit_are_counted_and_come_later(void **state)
{
	struct cgf_name_key key = { .prefix_bits = 32 };
	const struct cgf_name none = {};
	struct fixture *fixture = *state;
	size_t refused;
	uint32_t i;
	int r = 0;

	set_policy(fixture, "allow api.test:443\n");
	for (i = 0; !r && i < 2 * ENTRIES; i++) {
		memcpy(key.name, &i, sizeof(i));
		r = datapath_name_write(&fixture->maps, &key, &none);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(search_in(fixture, "corp.example"), 0);
	assert_int_equal(policy_flush(fixture->policy, &fixture->maps, &refused), -ENOSPC);
	assert_int_equal(refused, 1);
	i = 0;
	memcpy(key.name, &i, sizeof(i));
	assert_int_equal(datapath_name_delete(&fixture->maps, &key), 0);
	flush(fixture);
	assert_true(gives_nothing(fixture, "api.test.corp.example"));
}

/* --- resolvers ----------------------------------------------------------------------------------
 */

struct met {
	size_t count;
	struct cgf_resolver last;
};

static void meet(const struct cgf_resolver_key *key, const struct cgf_resolver *resolver,
		 void *data)
{
	struct met *met = data;

	(void)key;
	met->count++;
	met->last = *resolver;
}

static struct met resolvers_of(const struct fixture *fixture)
{
	struct met met = { .count = 0 };

	assert_int_equal(datapath_resolver_each(&fixture->maps, meet, &met), 0);
	return met;
}

static void add_resolver(const struct fixture *fixture, const char *text, uint32_t ifindex)
{
	const struct policy_resolver_at at = { .address = address_of(text), .ifindex = ifindex };

	assert_int_equal(policy_add_resolver(fixture->policy, &at), 0);
	flush(fixture);
}

static void remove_resolver(const struct fixture *fixture, const char *text)
{
	const struct policy_resolver_at at = { .address = address_of(text) };

	policy_remove_resolver(fixture->policy, &at);
}

static void a_resolver_comes_moves_and_goes(void **state)
{
	struct fixture *fixture = *state;
	const struct address address = address_of("10.0.0.53");
	struct cgf_resolver counted = { .ifindex = 2, .answers = 7, .answered_ns = 9 };
	struct cgf_resolver_key key = {};

	set_policy(fixture, "allow a.test:443\n");
	assert_false(allows(fixture, "10.0.0.53", 53, IPPROTO_UDP));
	add_resolver(fixture, "10.0.0.53", 2);
	add_resolver(fixture, "2001:db8::53", 0);
	assert_true(allows(fixture, "10.0.0.53", 53, IPPROTO_UDP));
	assert_int_equal(decide(fixture, "10.0.0.53", 53, IPPROTO_TCP).rule, CGF_RULE_RESOLVER);
	assert_int_equal(resolvers_of(fixture).count, 2);
	memcpy(key.address, address.bytes, sizeof(key.address));
	assert_int_equal(
		bpf_map_update_elem(fixture->maps.maps[KIND_RESOLVERS], &key, &counted, BPF_ANY),
		0);
	policy_remove_resolver(fixture->policy, &(struct policy_resolver_at){});
	add_resolver(fixture, "10.0.0.53", 3);
	remove_resolver(fixture, "2001:db8::53");
	flush(fixture);
	assert_int_equal(resolvers_of(fixture).count, 1);
	assert_int_equal(resolvers_of(fixture).last.ifindex, 3);
	assert_int_equal(resolvers_of(fixture).last.answers, 7);
	assert_int_equal(resolvers_of(fixture).last.answered_ns, 9);
	assert_false(allows(fixture, "2001:db8::53", 53, IPPROTO_UDP));
	remove_resolver(fixture, "10.0.0.53");
	add_resolver(fixture, "10.0.0.53", 4);
	assert_int_equal(resolvers_of(fixture).last.ifindex, 4);
	assert_true(allows(fixture, "10.0.0.53", 53, IPPROTO_TCP));
}

/* An accepted connection on the resolver's own port. */
static bool is_served(const struct fixture *fixture)
{
	const struct address resolver = address_of("127.0.0.53"), peer = address_of("127.0.0.1");
	struct datapath_flow flow = {
		.local = { .port = 53, .protocol = IPPROTO_TCP, .port_bits = CGF_PORT_BITS_ONE },
		.remote = { .port = 40000,
			    .protocol = IPPROTO_TCP,
			    .port_bits = CGF_PORT_BITS_ONE },
	};

	memcpy(flow.local.address, resolver.bytes, sizeof(flow.local.address));
	memcpy(flow.remote.address, peer.bytes, sizeof(flow.remote.address));
	return datapath_flow_passes(&fixture->maps, &fixture->target, &flow);
}

static void to_ask_a_resolver_on_loopback_is_not_to_be_one(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow a.test:443\n");
	add_resolver(fixture, "127.0.0.53", 1);
	assert_true(allows(fixture, "127.0.0.53", 53, IPPROTO_TCP));
	assert_false(is_served(fixture));
	set_policy(fixture, "allow 127.0.0.53:53/tcp\n");
	add_resolver(fixture, "127.0.0.53", 1);
	assert_true(is_served(fixture));
}

static void there_are_so_many_resolvers(void **state)
{
	struct fixture *fixture = *state;
	struct policy_resolver_at at = { .address = address_of("10.0.0.0") };
	int i;

	set_policy(fixture, "allow a.test:443\n");
	for (i = 0; i < POLICY_RESOLVERS_MAX - 1; i++) {
		at.address.bytes[15] = (uint8_t)i;
		at.address.bytes[14] = (uint8_t)(i >> 8);
		assert_int_equal(policy_add_resolver(fixture->policy, &at), 0);
	}
	at.address.bytes[13] = 1;
	assert_int_equal(policy_add_resolver(fixture->policy, &at), -E2BIG);
	flush(fixture);
	assert_int_equal(resolvers_of(fixture).count, POLICY_RESOLVERS_MAX - 1);
}

/* --- what the target says -----------------------------------------------------------------------
 */

static void widths_that_answers_may_give_are_looked_up(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow *.x:8000-8007\nallow a.test:22\n");
	assert_int_equal(fixture->target.allow_wide_port_mask, 1U << 13);
	set_policy(fixture, "allow *.x\ndeny a.x:22\n");
	assert_int_equal(fixture->target.allow_wide_port_mask, (1U << 16) - 1);
}

static void there_is_room_for_what_wildcards_have(void **state)
{
	struct fixture *fixture = *state;

	set_policy(fixture, "allow *.x:443\n");
	assert_in_range(policy_capacity(fixture->policy), 16384, 16384);
	set_policy(fixture, "allow 198.51.100.7\n");
	assert_in_range(policy_capacity(fixture->policy), 1, 1024);
}

/* --- by chance: every port, by what the rules say -----------------------------------------------
 */

#define RULES_MAX 6
#define SEED 4

struct named {
	bool deny, below;
	char name[16];
	bool tcp, udp;
	int first, last; /* 0: every port */
};

static struct named rule_by_chance(struct chance *chance)
{
	static const char *const names[] = { "x", "y.x", "a.y.x", "b.x", "z" };
	static const int ports[] = { 1, 22, 50, 52, 53, 54, 80, 1023, 65535 };
	struct named said = {
		.deny = chance_below(chance, 3) == 0,
		.below = chance_below(chance, 2) == 0,
		.tcp = true,
		.udp = true,
	};
	uint32_t protocol = chance_below(chance, 4);

	snprintf(said.name, sizeof(said.name), "%s",
		 names[chance_below(chance, ARRAY_SIZE(names))]);
	if (protocol == 0)
		said.udp = false;
	if (protocol == 1)
		said.tcp = false;
	if (chance_below(chance, 3)) {
		said.first = said.last = ports[chance_below(chance, ARRAY_SIZE(ports))];
		if (chance_below(chance, 2))
			said.last = ports[chance_below(chance, ARRAY_SIZE(ports))];
		if (said.last < said.first)
			said.last = said.first;
	}
	return said;
}

static int said_to_text(const struct named *said, char *text, size_t size)
{
	char ports[16] = "";

	if (said->first && said->first == said->last)
		snprintf(ports, sizeof(ports), ":%d", said->first);
	else if (said->first)
		snprintf(ports, sizeof(ports), ":%d-%d", said->first, said->last);
	return snprintf(text, size, "%s %s%s%s%s\n", said->deny ? "deny" : "allow",
			said->below ? "*." : "", said->name, ports,
			said->tcp && said->udp ? ""
			: said->tcp	       ? "/tcp"
					       : "/udp");
}

static bool said_of(const struct named *said, const char *name)
{
	size_t length = strlen(name), suffix = strlen(said->name);

	if (!said->below)
		return !strcmp(name, said->name);
	return length > suffix + 1 && name[length - suffix - 1] == '.' &&
	       !strcmp(name + length - suffix, said->name);
}

static bool opens(const struct named *said, uint8_t protocol, int port)
{
	if (protocol == IPPROTO_TCP ? !said->tcp : !said->udp)
		return false;
	if (!said->deny && port == CGF_DNS_PORT)
		return said->first == port && said->last == port;
	return !said->first || (said->first <= port && port <= said->last);
}

static bool expected(const struct named *rules, size_t count, const char *name, uint8_t protocol,
		     int port)
{
	bool open = false;
	size_t i;

	for (i = 0; i < count; i++) {
		if (!said_of(&rules[i], name) || !opens(&rules[i], protocol, port))
			continue;
		if (rules[i].deny)
			return false;
		open = true;
	}
	return open;
}

static size_t check_name(const struct fixture *fixture, const struct named *rules, size_t count,
			 const char *text)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	struct cgf_grant grant = {};
	struct cgf_name name;
	bool known = ask(fixture, text, &name) && !name.refused, any = false;
	size_t p;
	int port;

	if (known && name.grant == CGF_GRANT_NONE)
		return 0;
	if (known)
		assert_true(has_grant(fixture, name.grant, &grant));
	for (p = 0; p < ARRAY_SIZE(protocols); p++)
		for (port = 0; port < PORTS; port++) {
			bool open = expected(rules, count, text, protocols[p], port);

			any |= open;
			if (grant_opens(&grant, protocols[p], (uint16_t)port) != open)
				fail_msg("%s: port %d of %d", text, port, protocols[p]);
		}
	assert_int_equal(known, any);
	return any;
}

static bool can_be_kept(const char *text, struct rules *ret_rules)
{
	struct policyfile_error error;
	struct policy *policy = NULL;
	struct rules copy = {};

	assert_int_equal(policyfile_parse(text, strlen(text), &copy, &error), 0);
	if (policy_init(&policy, &copy, NULL))
		return false;
	policy_finish(&policy);
	assert_int_equal(policyfile_parse(text, strlen(text), ret_rules, &error), 0);
	return true;
}

static void every_name_gives_just_the_ports_that_its_rules_say(void **state)
{
	static const char *const names[] = { "x", "b.x", "c.x", "y.x", "a.y.x", "c.a.y.x", "q.z" };
	struct fixture *fixture = *state;
	struct chance chance = { .state = SEED };
	struct named said[RULES_MAX];
	size_t i, k, given = 0, kept = 0;
	char text[512];

	for (i = 0; i < 25; i++) {
		size_t count = 1 + chance_below(&chance, RULES_MAX), used = 0;
		struct rules rules = {};

		for (k = 0; k < count; k++) {
			said[k] = rule_by_chance(&chance);
			used += (size_t)said_to_text(&said[k], text + used, sizeof(text) - used);
		}
		if (!can_be_kept(text, &rules))
			continue;
		kept++;
		set_rules(fixture, &rules);
		for (k = 0; k < ARRAY_SIZE(names); k++)
			given += check_name(fixture, said, count, names[k]);
	}
	assert_true(kept >= 10);
	assert_true(given >= 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_gives_its_ports_and_no_other_name_does),
		cmocka_unit_test(a_wildcard_gives_what_is_below_and_not_its_apex),
		cmocka_unit_test(a_closer_wildcard_gives_also_what_the_wider_gives),
		cmocka_unit_test(what_is_denied_below_a_wildcard_is_refused),
		cmocka_unit_test(a_name_that_is_allowed_and_denied_may_not_be_asked_for),
		cmocka_unit_test(denied_ports_are_taken_out_of_what_a_name_gives),
		cmocka_unit_test(port_53_is_only_given_where_it_is_said),
		cmocka_unit_test(the_same_rules_are_one_grant),
		cmocka_unit_test(a_grant_has_the_first_rule_and_the_longest_floor),
		cmocka_unit_test(a_name_of_very_many_ports_may_be_asked_for_and_is_polled),
		cmocka_unit_test(what_cannot_be_kept_is_said),
		cmocka_unit_test(
			a_name_with_a_dot_may_be_asked_for_in_a_search_domain_and_gives_nothing),
		cmocka_unit_test(a_name_without_a_dot_is_meant_in_its_search_domain),
		cmocka_unit_test(a_search_domain_takes_nothing_from_a_wildcard),
		cmocka_unit_test(what_can_be_no_domain_is_not_searched),
		cmocka_unit_test(what_was_made_in_a_domain_goes_with_it),
		cmocka_unit_test(what_two_domains_give_stays_with_one),
		cmocka_unit_test(a_domain_that_is_back_before_the_flush_has_its_names),
		cmocka_unit_test(domains_that_rotate_leave_nothing_behind),
		cmocka_unit_test(only_names_that_rules_say_are_polled),
		cmocka_unit_test(what_a_removed_rule_gave_goes_and_no_number_comes_back),
		cmocka_unit_test(a_grant_is_there_as_long_as_its_name),
		cmocka_unit_test(a_grant_has_the_room_of_the_one_before),
		cmocka_unit_test(no_name_has_a_grant_that_did_not_fit),
		cmocka_unit_test(names_that_take_the_place_of_others_leave_none_of_their_grants),
		cmocka_unit_test(names_that_do_not_fit_are_counted_and_come_later),
		cmocka_unit_test(a_resolver_comes_moves_and_goes),
		cmocka_unit_test(to_ask_a_resolver_on_loopback_is_not_to_be_one),
		cmocka_unit_test(there_are_so_many_resolvers),
		cmocka_unit_test(widths_that_answers_may_give_are_looked_up),
		cmocka_unit_test(there_is_room_for_what_wildcards_have),
		cmocka_unit_test(every_name_gives_just_the_ports_that_its_rules_say),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
