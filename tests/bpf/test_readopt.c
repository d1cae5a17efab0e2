// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A policy whose maker is no more, taken up by another: with the rules that it was made of, or with
 * others. Somebody inside connects at each step, and no name is asked for meanwhile.
 */
#include "policy_internal.h"
#include "taken_up.h"

#define RULES                                                                                      \
	"allow 192.0.2.1:22\n"                                                                     \
	"allow 192.0.2.64/26:80\n"                                                                 \
	"deny 192.0.2.66\n"                                                                        \
	"allow polled.test:443\n"                                                                  \
	"allow learned.test:443\n"                                                                 \
	"allow *.wild.test:443\n"

#define POLLED "203.0.113.1"
#define LEARNED "203.0.113.2"
#define WILD "203.0.113.3"

static void put_up_with_names(struct fenced *fenced, const char *text)
{
	const struct address polled = { .bytes = { [10] = 255, 255, 203, 0, 113, 1 } };
	_cleanup_asker_ struct asker asker = { .fd = -1 };

	put_asking_up(fenced, text);
	listen_to_kernel(fenced);
	learn_name(fenced, "polled.test", &polled, 0);
	asker = asker_open(fenced, RESOLVER_IPV4);
	hear(&asker, "learned.test", LEARNED);
	hear(&asker, "a.wild.test", WILD);
	catch_up(fenced);
}

static void assert_all_stands(const struct fenced *fenced)
{
	assert_true(is_allowed(fenced, "192.0.2.1", 22));
	assert_false(is_allowed(fenced, "192.0.2.1", 23));
	assert_true(is_allowed(fenced, "192.0.2.65", 80));
	assert_false(is_allowed(fenced, "192.0.2.66", 80));
	assert_true(is_allowed(fenced, POLLED, 443));
	assert_true(is_allowed(fenced, LEARNED, 443));
	assert_true(is_allowed(fenced, WILD, 443));
	assert_false(is_allowed(fenced, WILD, 80));
}

static void by_the_same_rules_all_stays(void **state)
{
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct fenced *fenced = *state;

	put_up_with_names(fenced, RULES);
	assert_all_stands(fenced);
	restart(fenced, RULES);
	assert_all_stands(fenced);
	flush_policy(fenced);
	assert_all_stands(fenced);
	assert_int_equal(verify_well(fenced), 0);
	/* And what is asked for teaches. */
	asker = asker_open(fenced, RESOLVER_IPV4);
	hear(&asker, "b.wild.test", "203.0.113.4");
	assert_true(is_allowed(fenced, "203.0.113.4", 443));
	catch_up(fenced);
	assert_int_equal(verify_well(fenced), 0);
}

static void what_was_learned_while_nobody_listened_is_taken_up(void **state)
{
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct fenced *fenced = *state;

	put_up_with_names(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	hear(&asker, "b.wild.test", "203.0.113.4");
	hear(&asker, "polled.test", "203.0.113.5");
	restart(fenced, RULES);
	flush_policy(fenced);
	assert_all_stands(fenced);
	assert_true(is_allowed(fenced, "203.0.113.4", 443));
	assert_true(is_allowed(fenced, "203.0.113.5", 443));
	assert_int_equal(verify_well(fenced), 0);
}

static void rules_in_another_order_are_the_same(void **state)
{
	struct fenced *fenced = *state;

	put_up_with_names(fenced, RULES);
	restart(fenced, "allow *.wild.test:443\n"
			"allow learned.test:443\n"
			"deny 192.0.2.66\n"
			"allow polled.test:443\n"
			"allow 192.0.2.64/26:80\n"
			"allow 192.0.2.1:22\n");
	assert_all_stands(fenced);
	flush_policy(fenced);
	assert_all_stands(fenced);
	assert_int_equal(entry_at(fenced, LEARNED).rule, 1);
	assert_int_equal(verify_well(fenced), 0);
}

static void what_no_rule_gives_goes_with_the_first_flush(void **state)
{
	struct fenced *fenced = *state;

	put_up_with_names(fenced, RULES);
	restart(fenced, "allow 192.0.2.2:22\nallow polled.test:443\nallow learned.test:444\n"
			"allow *.wild.test:443\nallow 192.0.2.64/26:80\n");
	assert_all_stands(fenced);
	flush_policy(fenced);
	retarget_between(fenced);
	assert_false(is_allowed(fenced, "192.0.2.1", 22));
	assert_true(is_allowed(fenced, "192.0.2.2", 22));
	assert_true(is_allowed(fenced, "192.0.2.66", 80));
	assert_true(is_allowed(fenced, POLLED, 443));
	assert_true(is_allowed(fenced, WILD, 443));
	/* Of this name the rules are others, and its addresses are what they were. */
	assert_false(is_allowed(fenced, LEARNED, 443));
	assert_true(is_allowed(fenced, LEARNED, 444));
	assert_int_equal(verify_well(fenced), 0);
}

/* Nobody answers meanwhile. */
static void a_name_keeps_its_addresses_when_its_rules_have_changed(void **state)
{
	struct fenced *fenced = *state;
	uint64_t learned_ns, wild_ns;

	put_up_with_names(fenced, RULES);
	learned_ns = entry_at(fenced, LEARNED).expires_ns;
	wild_ns = entry_at(fenced, WILD).expires_ns;
	restart(fenced, "allow polled.test:444\n"
			"allow learned.test:443\nallow learned.test:444 ttl 3600\n"
			"allow *.wild.test:443\ndeny *.wild.test:22\n");
	flush_policy(fenced);
	assert_true(is_allowed(fenced, LEARNED, 443));
	assert_true(is_allowed(fenced, LEARNED, 444));
	assert_false(is_allowed(fenced, LEARNED, 80));
	assert_true(entry_at(fenced, LEARNED).expires_ns <= learned_ns);
	assert_true(is_allowed(fenced, WILD, 443));
	assert_false(is_allowed(fenced, WILD, 22));
	assert_true(entry_at(fenced, WILD).expires_ns <= wild_ns);
	assert_false(is_allowed(fenced, POLLED, 443));
	assert_true(is_allowed(fenced, POLLED, 444));
	assert_int_equal(verify_well(fenced), 0);
}

static void a_name_that_is_denied_now_keeps_nothing(void **state)
{
	struct fenced *fenced = *state;

	put_up_with_names(fenced, RULES);
	restart(fenced, "allow learned.test:443\ndeny learned.test\nallow polled.test:443\n"
			"deny *.wild.test\n");
	flush_policy(fenced);
	assert_false(is_allowed(fenced, LEARNED, 443));
	assert_false(is_allowed(fenced, WILD, 443));
	assert_true(is_allowed(fenced, POLLED, 443));
	assert_int_equal(verify_well(fenced), 0);
}

static void a_denied_name_is_denied_until_its_first_answer(void **state)
{
	const struct address first = { .bytes = { [10] = 255, 255, 203, 0, 113, 66 } };
	const struct address other = { .bytes = { [10] = 255, 255, 203, 0, 113, 67 } };
	struct fenced *fenced = *state;

	put_fence_up(fenced, "allow any\ndeny evil.test\n");
	answer(fenced, "evil.test", &first);
	assert_false(is_allowed(fenced, "203.0.113.66", 80));
	restart(fenced, "allow any\nallow other.test\ndeny evil.test\n");
	flush_policy(fenced);
	assert_false(is_allowed(fenced, "203.0.113.66", 80));
	assert_int_equal(verify_well(fenced), 0);
	answer(fenced, "evil.test", &other);
	assert_true(is_allowed(fenced, "203.0.113.66", 80));
	assert_false(is_allowed(fenced, "203.0.113.67", 80));
	restart(fenced, "allow any\ndeny evil.test\n");
	answer(fenced, "evil.test", &other);
	assert_false(is_allowed(fenced, "203.0.113.67", 80));
	restart(fenced, "allow any\n");
	assert_false(is_allowed(fenced, "203.0.113.67", 80));
	flush_policy(fenced);
	assert_true(is_allowed(fenced, "203.0.113.67", 80));
}

/* The old grants tell whose it was. */
static void what_a_changed_rule_denied_is_denied_until_the_first_answer(void **state)
{
	const struct address first = { .bytes = { [10] = 255, 255, 203, 0, 113, 66 } };
	const struct address other = { .bytes = { [10] = 255, 255, 203, 0, 113, 67 } };
	struct fenced *fenced = *state;

	put_fence_up(fenced, "allow any\ndeny evil.test:80\ndeny same.test:22\n");
	answer(fenced, "evil.test", &first);
	answer(fenced, "same.test", &other);
	assert_false(is_allowed(fenced, "203.0.113.66", 80));
	restart(fenced, "allow any\ndeny evil.test:80-90\ndeny same.test:22-23\n");
	retarget_between(fenced);
	flush_policy(fenced);
	assert_false(is_allowed(fenced, "203.0.113.66", 80));
	assert_false(is_allowed(fenced, "203.0.113.66", 85));
	assert_true(is_allowed(fenced, "203.0.113.66", 91));
	assert_true(is_allowed(fenced, "203.0.113.66", 22));
	assert_false(is_allowed(fenced, "203.0.113.67", 22));
	assert_false(is_allowed(fenced, "203.0.113.67", 23));
	assert_true(is_allowed(fenced, "203.0.113.67", 80));
	assert_int_equal(verify_well(fenced), 0);
	answer(fenced, "evil.test", &other);
	assert_true(is_allowed(fenced, "203.0.113.66", 80));
	assert_false(is_allowed(fenced, "203.0.113.67", 80));
	assert_false(is_allowed(fenced, "203.0.113.67", 23));
}

/* Of which of the names below it an address was is not known. */
static void what_a_wildcard_denied_is_denied_to_those_below_it(void **state)
{
	struct fenced *fenced = *state;

	put_asking_up(fenced,
		      "deny *.wild.test:22\nallow *.wild.test:80\nallow shared.test:22-23\n");
	listen_to_kernel(fenced);
	answer(fenced, "shared.test", &evil);
	{
		_cleanup_asker_ struct asker asker = asker_open(fenced, RESOLVER_IPV4);

		hear(&asker, "a.wild.test", EVIL);
	}
	catch_up(fenced);
	assert_true(is_allowed(fenced, EVIL, 23));
	assert_false(is_allowed(fenced, EVIL, 22));
	change_while_nobody_is_there(fenced, "allow a.wild.test:81\ndeny a.wild.test:22\n"
					     "allow shared.test:22-23\n");
	assert_true(is_allowed(fenced, EVIL, 23));
	assert_false(is_allowed(fenced, EVIL, 22));
}

static void what_a_name_was_denied_is_denied_to_wildcards_if_it_is_gone(void **state)
{
	struct fenced *fenced = *state;

	put_fence_up(fenced, "deny evil.wild.test:22\nallow shared.test:22-23\n");
	answer(fenced, "evil.wild.test", &evil);
	answer(fenced, "shared.test", &evil);
	change_while_nobody_is_there(fenced, "deny *.wild.test:22\nallow shared.test:22-23\n");
	assert_false(is_allowed(fenced, EVIL, 22));
	assert_true(is_allowed(fenced, EVIL, 23));
}

/* The map says one of the names only, and that there are others. */
static void what_several_names_are_denied_stays_until_all_are_answered(void **state)
{
	static const char *const changes[] = {
		"allow any\ndeny a.test:80\ndeny b.test:80\n", "allow any\ndeny b.test:80\n",
		"allow any\ndeny b.test:80-90\n", "allow any\ndeny a.test:81\ndeny b.test:80\n",
		"allow any\nallow c.test:1\ndeny a.test:80\ndeny b.test:80\ndeny d.test\n"
	};
	struct fenced *fenced = *state;
	struct address elsewhere = evil;
	size_t i;

	elsewhere.bytes[15]++;
	for (i = 0; i < 2 * ARRAY_SIZE(changes); i++) {
		put_fence_up(fenced, changes[0]);
		answer(fenced, i % 2 ? "a.test" : "b.test", &evil);
		answer(fenced, i % 2 ? "b.test" : "a.test", &evil);
		change_while_nobody_is_there(fenced, changes[i / 2]);
		assert_false(is_allowed(fenced, EVIL, 80));
		assert_true(is_allowed(fenced, EVIL, 443));
		/* And once more, when less is known. */
		change_while_nobody_is_there(fenced, changes[i / 2]);
		answer(fenced, "b.test", &elsewhere);
		assert_false(is_allowed(fenced, EVIL, 80));
		if (strstr(changes[i / 2], "a.test"))
			answer(fenced, "a.test", &elsewhere);
		assert_true(policy_let_kept_go(fenced->policy));
		assert_false(policy_let_kept_go(fenced->policy));
		flush_policy(fenced);
		assert_true(is_allowed(fenced, EVIL, 80));
		assert_int_equal(verify_well(fenced), 0);
		take_fence_down(fenced);
	}
}

/* Of a width of ports that no rule has any more. */
static void what_is_kept_is_looked_up(void **state)
{
	struct fenced *fenced = *state;
	struct rules rules;
	struct policy_changes changes;

	put_fence_up(fenced, "allow any\ndeny a.test:80\ndeny b.test:80\n");
	answer(fenced, "b.test", &evil);
	answer(fenced, "a.test", &evil);
	change_while_nobody_is_there(fenced, "allow any\ndeny a.test:22-23\ndeny b.test:80-81\n");
	assert_false(is_allowed(fenced, EVIL, 80));
	rules = parse_rules("allow any\ndeny a.test:24-25\ndeny b.test:80-81\n");
	assert_int_equal(policy_apply(fenced->policy, &rules, &changes, NULL), 0);
	flush_policy(fenced);
	retarget_between(fenced);
	assert_false(is_allowed(fenced, EVIL, 80));
	assert_true(policy_let_kept_go(fenced->policy));
	flush_policy(fenced);
	retarget_between(fenced);
	assert_true(is_allowed(fenced, EVIL, 80));
}

static void what_a_rule_says_by_address_may_be_a_names_too(void **state)
{
	struct fenced *fenced = *state;

	put_fence_up(fenced, "allow any\ndeny " EVIL ":80\ndeny a.test:80\n");
	answer(fenced, "a.test", &evil);
	change_while_nobody_is_there(fenced, "allow any\ndeny a.test:80\n");
	assert_false(is_allowed(fenced, EVIL, 80));
	assert_true(policy_let_kept_go(fenced->policy));
	flush_policy(fenced);
	assert_true(is_allowed(fenced, EVIL, 80));
	change_while_nobody_is_there(fenced, "allow any\ndeny " EVIL ":80\n");
	change_while_nobody_is_there(fenced, "allow any\ndeny a.test:81\n");
	assert_true(is_allowed(fenced, EVIL, 80));
}

/* Whoever of the two was answered last. */
static void what_a_name_and_one_below_a_wildcard_share_stays_for_long(void **state)
{
	struct fenced *fenced = *state;
	struct address elsewhere = evil;
	int i;

	elsewhere.bytes[15]++;
	for (i = 0; i < 2; i++) {
		put_fence_up(fenced, "deny evil.wild.test:22\ndeny b.test:22\n"
				     "allow shared.test:22-23\n");
		answer(fenced, "shared.test", &evil);
		answer(fenced, i ? "b.test" : "evil.wild.test", &evil);
		answer(fenced, i ? "evil.wild.test" : "b.test", &evil);
		change_while_nobody_is_there(fenced, "deny *.wild.test:22\ndeny b.test:22\n"
						     "allow shared.test:22-23\n");
		answer(fenced, "b.test", &elsewhere);
		policy_let_kept_go(fenced->policy);
		flush_policy(fenced);
		assert_false(is_allowed(fenced, EVIL, 22));
		assert_true(is_allowed(fenced, EVIL, 23));
		take_fence_down(fenced);
	}
}

/* By one rule, with grants of their own. */
static void so_does_what_several_are_denied_for_a_wildcard(void **state)
{
	static const char rules[] = "deny *.wild.test:22\nallow shared.test:22-23\n"
				    "deny a.wild.test:25\nallow b.wild.test:81\n";
	struct fenced *fenced = *state;
	struct address elsewhere = evil;

	elsewhere.bytes[15]++;
	put_fence_up(fenced, rules);
	answer(fenced, "shared.test", &evil);
	learn_name(fenced, "b.wild.test", &evil, GONE_S);
	assert_int_equal(policy_sweep(fenced->policy, fenced->maps, monotonic_ns()), 0);
	answer(fenced, "a.wild.test", &evil);
	change_while_nobody_is_there(fenced, rules);
	answer(fenced, "a.wild.test", &elsewhere);
	assert_false(is_allowed(fenced, EVIL, 22));
	assert_true(is_allowed(fenced, EVIL, 23));
}

static void what_a_wildcard_denied_is_denied_for_long_by_one_above_it(void **state)
{
	struct fenced *fenced = *state;
	struct address elsewhere = evil;

	elsewhere.bytes[15]++;
	put_fence_up(fenced, "deny *.a.wild.test:22\nallow shared.test:22-23\n"
			     "allow q.a.wild.test:80\ndeny x.a.wild.test:25\n");
	answer(fenced, "shared.test", &evil);
	answer(fenced, "q.a.wild.test", &evil);
	change_while_nobody_is_there(fenced, "deny *.wild.test:22\nallow shared.test:22-23\n"
					     "deny x.a.wild.test:25\n");
	answer(fenced, "x.a.wild.test", &elsewhere);
	policy_let_kept_go(fenced->policy);
	flush_policy(fenced);
	assert_false(is_allowed(fenced, EVIL, 22));
	assert_true(is_allowed(fenced, EVIL, 23));
}

static void a_name_that_was_allowed_and_is_denied_now_is_known(void **state)
{
	struct fenced *fenced = *state;

	put_fence_up(fenced, "allow evil.test:22\nallow any:1000\n");
	answer(fenced, "evil.test", &evil);
	change_while_nobody_is_there(fenced, "deny evil.test\nallow any:1000-1001\n");
	assert_false(is_allowed(fenced, EVIL, 1001));
	assert_false(is_allowed(fenced, EVIL, 22));
	assert_true(is_allowed(fenced, LEARNED, 1001));
}

static void a_name_that_was_allowed_and_is_below_a_denied_wildcard_now_is_known(void **state)
{
	struct fenced *fenced = *state;

	put_fence_up(fenced, "allow evil.wild.test:443\nallow shared.test:23\n"
			     "allow other.wild.test:80\n");
	answer(fenced, "evil.wild.test", &evil);
	answer(fenced, "shared.test", &evil);
	change_while_nobody_is_there(fenced, "deny *.wild.test:22\nallow shared.test:22-23\n"
					     "allow other.wild.test:80\n");
	assert_false(is_allowed(fenced, EVIL, 22));
	assert_true(is_allowed(fenced, EVIL, 23));
}

/* Which of those below had it is not known, if none of them had a rule. */
static void what_a_wildcard_allowed_may_be_what_is_denied_to_a_name_now(void **state)
{
	struct fenced *fenced = *state;

	put_up_with_names(fenced, RULES);
	change_while_nobody_is_there(fenced, "allow *.wild.test:443-444\ndeny a.wild.test:444\n");
	assert_true(is_allowed(fenced, WILD, 443));
	assert_false(is_allowed(fenced, WILD, 444));
	assert_false(is_allowed(fenced, POLLED, 443));
}

static void but_not_to_one_that_had_a_rule(void **state)
{
	struct fenced *fenced = *state;

	put_up_with_names(fenced, RULES "allow b.wild.test:443\ndeny b.wild.test:22\n");
	change_while_nobody_is_there(fenced, "allow *.wild.test:443-445\ndeny b.wild.test:444\n");
	assert_true(is_allowed(fenced, WILD, 443));
	assert_true(is_allowed(fenced, WILD, 444));
	assert_true(is_allowed(fenced, WILD, 445));
}

static void many_names_below_a_wildcard_have_what_it_denied(void **state)
{
	char names[64 * 512] = "", text[sizeof(names) + 64], name[32];
	struct fenced *fenced = *state;
	struct address address = evil;
	int i, used = 0;

	for (i = 0; i < 256; i++)
		used += sprintf(names + used, "allow n%d.wild.test:443\n", i);
	snprintf(text, sizeof(text), "deny *.wild.test:22\n%s", names);
	put_fence_up(fenced, text);
	for (i = 0; i < 256; i++) {
		snprintf(name, sizeof(name), "n%d.wild.test", i);
		address.bytes[15] = (uint8_t)i;
		answer(fenced, name, &address);
	}
	snprintf(text, sizeof(text), "deny *.wild.test:22-23\n%s", names);
	change_while_nobody_is_there(fenced, text);
	assert_true(is_allowed(fenced, EVIL, 443));
	assert_false(is_allowed(fenced, EVIL, 22));
}

/* The name's rule is gone, and that of the wildcard above it allows it too. */
static void a_name_that_a_wildcard_has_now_keeps_its_addresses(void **state)
{
	struct fenced *fenced = *state;

	put_up_with_names(fenced, RULES);
	restart(fenced, "allow *.test:443\ndeny *.test:80\nallow polled.test:443\n");
	flush_policy(fenced);
	assert_true(is_allowed(fenced, LEARNED, 443));
	assert_true(is_allowed(fenced, WILD, 443));
	assert_true(is_allowed(fenced, POLLED, 443));
	assert_false(is_allowed(fenced, LEARNED, 22));
	assert_int_equal(verify_well(fenced), 0);
}

/* Where libc searches is said after the maps were taken up. */
static void names_in_search_domains_may_be_asked_for_still(void **state)
{
	const char *const domains[] = { "corp.test" };
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct fenced *fenced = *state;

	put_asking_up(fenced, "allow git:443\nallow a.other:443\n");
	assert_int_equal(policy_use_searches(fenced->policy, domains, 1), 0);
	flush_policy(fenced);
	restart(fenced, "allow git:443\nallow a.other:443\n");
	assert_int_equal(policy_use_searches(fenced->policy, domains, 1), 0);
	flush_policy(fenced);
	asker = asker_open(fenced, RESOLVER_IPV4);
	assert_true(asker_asks(&asker, "git.corp.test", DNS_A, 7));
	assert_true(asker_asks(&asker, "a.other.corp.test", DNS_A, 8));
	assert_int_equal(verify_well(fenced), 0);
}

/* By a grant of the name's rules and of the wildcard's; libc's domains may not be known yet. */
static void what_a_name_has_in_a_search_domain_below_a_wildcard_stays(void **state)
{
	const char *const domains[] = { "corp.test" };
	const char *const text = "allow db:5432\ndeny db:444\nallow *.corp.test:443-444\n";
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct fenced *fenced = *state;
	struct rules rules;
	struct failure failure;
	int known_before;

	put_asking_up(fenced, text);
	assert_int_equal(policy_use_searches(fenced->policy, domains, 1), 0);
	flush_policy(fenced);
	listen_to_kernel(fenced);
	asker = asker_open(fenced, RESOLVER_IPV4);
	hear(&asker, "db.corp.test", LEARNED);
	catch_up(fenced);
	for (known_before = 1; known_before >= 0; known_before--) {
		assert_true(is_allowed(fenced, LEARNED, 443));
		assert_true(is_allowed(fenced, LEARNED, 5432));
		assert_false(is_allowed(fenced, LEARNED, 444));
		rules = parse_rules(text);
		policy_finish(&fenced->policy);
		assert_int_equal(policy_init(&fenced->policy, &rules, &failure), 0);
		if (known_before)
			assert_int_equal(policy_use_searches(fenced->policy, domains, 1), 0);
		assert_int_equal(policy_readopt(fenced->policy, fenced->maps), 0);
		assert_int_equal(policy_use_searches(fenced->policy, domains, 1), 0);
		flush_policy(fenced);
		assert_true(is_allowed(fenced, LEARNED, 443));
		assert_false(is_allowed(fenced, LEARNED, 444));
		assert_int_equal(verify_well(fenced), 0);
	}
}

/* Its grant is another one with its other rules, and it is the only name that has the address. */
static void what_one_name_was_denied_by_its_old_rules_and_its_new_goes_with_its_answer(void **state)
{
	static const char *const after = "allow any\ndeny a.test:80\ndeny c.test:1\n"
					 "deny a.test:90\n";
	struct address elsewhere = evil;
	struct fenced *fenced = *state;

	elsewhere.bytes[15]++;
	put_fence_up(fenced, "allow any\ndeny a.test:80\ndeny c.test:1\n");
	answer(fenced, "a.test", &evil);
	apply(fenced, after);
	assert_false(is_allowed(fenced, EVIL, 80));
	assert_false(is_allowed(fenced, EVIL, 90));
	change_while_nobody_is_there(fenced, after);
	assert_false(is_allowed(fenced, EVIL, 80));
	answer(fenced, "a.test", &elsewhere);
	assert_true(is_allowed(fenced, EVIL, 80));
	assert_true(is_allowed(fenced, EVIL, 90));
}

/* What is kept as it may be that of a name below the wildcard is what is denied to such names. */
static void what_no_rule_denies_any_more_is_not_kept(void **state)
{
	static const char after[] = "deny *.wild.test:22\nallow n.wild.test:80\n"
				    "allow shared.test:22-25\n";
	struct fenced *fenced = *state;

	put_fence_up(fenced, "deny evil.test:22\ndeny evil.test:25\ndeny *.wild.test:22\n"
			     "allow n.wild.test:80\nallow shared.test:22-25\n");
	answer(fenced, "shared.test", &evil);
	answer(fenced, "evil.test", &evil);
	assert_false(is_allowed(fenced, EVIL, 25));
	change_while_nobody_is_there(fenced, after);
	assert_true(is_allowed(fenced, EVIL, 25));
	assert_true(is_allowed(fenced, EVIL, 23));
	assert_false(is_allowed(fenced, EVIL, 22));
}

/* The wildcard's rule is another, and the name has one of its own now. */
static void what_a_wildcard_denied_a_new_name_below_it_is_denied(void **state)
{
	static const char *const after[] = {
		"deny *.wild.test:23\ndeny evil.wild.test:22\nallow shared.test:22-24\n",
		"deny evil.wild.test:22\nallow shared.test:22-24\n",
	};
	struct fenced *fenced = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(after); i++) {
		put_fence_up(fenced, "deny *.wild.test:22\nallow *.wild.test:80\n"
				     "allow shared.test:22-24\n");
		answer(fenced, "shared.test", &evil);
		learn_below(fenced, "evil.wild.test", &evil);
		assert_false(is_allowed(fenced, EVIL, 22));
		change_while_nobody_is_there(fenced, after[i]);
		assert_false(is_allowed(fenced, EVIL, 22));
		assert_true(is_allowed(fenced, EVIL, 24));
		take_fence_down(fenced);
	}
}

/* It was taken up as one that is asked for, whose answer is waited for; nobody asks for it now. */
static void what_is_denied_below_a_wildcard_stays_when_the_names_own_rule_goes(void **state)
{
	static const char rules[] = "deny a.wild.test:80\ndeny *.wild.test:22\n"
				    "allow shared.test:22-23\n";
	struct fenced *fenced = *state;

	put_fence_up(fenced, rules);
	answer(fenced, "shared.test", &evil);
	answer(fenced, "a.wild.test", &evil);
	change_while_nobody_is_there(fenced, rules);
	apply(fenced, strchr(rules, '\n') + 1);
	assert_int_equal(
		policy_sweep(fenced->policy, fenced->maps, monotonic_ns() + 40 * NSEC_PER_SEC), 0);
	flush_policy(fenced);
	assert_true(is_allowed(fenced, EVIL, 23));
	assert_false(is_allowed(fenced, EVIL, 22));
}

#define INSIDE "10.0.0.5"
static const struct address inside = { .bytes = { [10] = 255, 255, 10, 0, 0, 5 } };

/* Only what is denied tells that the name has it, as an address inside is not allowed to it. */
static void what_a_wildcard_denied_a_name_that_was_said_is_denied_by_its_own_rule(void **state)
{
	struct fenced *fenced = *state;

	put_fence_up(fenced, "allow a.wild.test:81\nallow *.wild.test:80\ndeny *.wild.test:22\n"
			     "allow c.test:22-23 private\n");
	learn_below(fenced, "a.wild.test", &inside);
	learn_below(fenced, "c.test", &inside);
	assert_false(is_allowed(fenced, INSIDE, 22));
	change_while_nobody_is_there(fenced, "allow a.wild.test:81\nallow *.wild.test:80\n"
					     "deny a.wild.test:22\nallow c.test:22-23 private\n");
	assert_true(is_allowed(fenced, INSIDE, 23));
	assert_false(is_allowed(fenced, INSIDE, 22));
}

/* One name's is found allowed for a minute, and another's denied, of which nothing is allowed. */
static void what_is_found_denied_is_so_for_longer_than_what_is_found_allowed(void **state)
{
	struct fenced *fenced = *state;

	put_fence_up(fenced, "deny *.test:22\nallow *.foo.test:443 private\n"
			     "allow *.wild.test:80\nallow c.other:22-23 private\n");
	learn_below(fenced, "z.foo.test", &inside);
	learn_below(fenced, "b.wild.test", &inside);
	learn_below(fenced, "c.other", &inside);
	change_while_nobody_is_there(fenced, "deny *.test:22\nallow *.wild.test:80\n"
					     "allow c.other:22-23 private\n");
	policy_learned_forget(fenced->policy, monotonic_ns() + 200 * NSEC_PER_SEC);
	flush_policy(fenced);
	assert_true(is_allowed(fenced, INSIDE, 23));
	assert_false(is_allowed(fenced, INSIDE, 22));
}

/* For how long a name has it is not known then. */
static void what_was_only_found_denied_is_not_allowed_by_a_rule_that_comes(void **state)
{
	static const char rules[] = "allow *.wild.test:80\ndeny *.wild.test:22\n"
				    "allow c.other:22-23 private\n";
	struct fenced *fenced = *state;

	put_fence_up(fenced, rules);
	learn_below(fenced, "a.wild.test", &inside);
	learn_below(fenced, "c.other", &inside);
	change_while_nobody_is_there(fenced, rules);
	apply(fenced, "allow *.wild.test:80 private\ndeny *.wild.test:22\n"
		      "allow c.other:22-23 private\n");
	assert_false(is_allowed(fenced, INSIDE, 80));
	assert_false(is_allowed(fenced, INSIDE, 22));
	learn_below(fenced, "a.wild.test", &inside);
	assert_true(is_allowed(fenced, INSIDE, 80));
}

static void say(const struct fenced *fenced, const char *name, uint32_t ttl_s, bool fixed)
{
	const struct policy_answer answer = { &evil, 1, ttl_s, fixed, monotonic_ns(), false };
	struct wanted_name wanted = { .text = name };
	struct policy_learned learned;

	policy_each_name(fenced->policy, name_is, &wanted);
	policy_unfix(fenced->policy, wanted.name, &answer);
	assert_int_equal(policy_learn(fenced->policy, wanted.name, &answer, &learned), 0);
	flush_policy(fenced);
}

static void assert_allowed_until(const struct fenced *fenced, uint64_t at_most_s)
{
	assert_true(entry_at(fenced, EVIL).expires_ns <= monotonic_ns() + at_most_s * NSEC_PER_SEC);
}

/* What is denied stays for long, as nobody asks for it. */
static void what_was_allowed_below_a_denied_wildcard_is_so_for_its_time(void **state)
{
	static const char rules[] = "allow *.wild.test:443\ndeny *.wild.test:22\n";
	struct fenced *fenced = *state;

	put_fence_up(fenced, rules);
	learn_below(fenced, "a.wild.test", &evil);
	change_while_nobody_is_there(fenced, rules);
	assert_true(is_allowed(fenced, EVIL, 443));
	assert_allowed_until(fenced, 100);
}

/* Its address was found denied, and told of by nothing else. */
static void what_was_found_denied_is_allowed_for_the_time_of_its_answer(void **state)
{
	static const char wild[] = "deny *.wild.test:22\nallow other.test:443\n";
	static const char all[] = "deny *.wild.test:22\nallow other.test:443\n"
				  "deny a.wild.test:25\nallow a.wild.test:443\n";
	struct fenced *fenced = *state;

	put_fence_up(fenced, all);
	say(fenced, "a.wild.test", 60, false);
	say(fenced, "other.test", 600, false);
	change_while_nobody_is_there(fenced, all);
	apply(fenced, wild);
	apply(fenced, all);
	say(fenced, "a.wild.test", 60, false);
	assert_allowed_until(fenced, 640);
}

/* That the resolver fails is no answer. */
static void what_was_found_denied_is_allowed_by_an_answer_after_a_failure(void **state)
{
	struct wanted_name wanted = { .text = "a.test" };
	struct fenced *fenced = *state;

	put_fence_up(fenced, "allow a.test:443\n");
	say(fenced, "a.test", 1800, false);
	change_while_nobody_is_there(fenced, "deny a.test:22\n");
	policy_each_name(fenced->policy, name_is, &wanted);
	policy_resolver_failed(fenced->policy, wanted.name, false);
	flush_policy(fenced);
	apply(fenced, "deny a.test:22\nallow a.test:443\n");
	say(fenced, "a.test", 60, false);
	assert_true(is_allowed(fenced, EVIL, 443));
	assert_false(is_allowed(fenced, EVIL, 22));
}

/* What has run out and was swept does not come back with other rules. */
static void what_has_run_out_stays_so_where_it_is_denied_still(void **state)
{
	static const char rules[] = "allow *.wild.test:443\ndeny *.wild.test:22\n";
	const struct cgf_key key = key_of(EVIL, 443, IPPROTO_TCP);
	struct fenced *fenced = *state;
	struct cgf_entry entry;

	put_fence_up(fenced, rules);
	learn_below(fenced, "a.wild.test", &evil);
	change_while_nobody_is_there(fenced, rules);
	assert_int_equal(policy_sweep(fenced->policy, fenced->maps,
				      monotonic_ns() + CGF_IDLE_NS + 200 * NSEC_PER_SEC),
			 0);
	flush_policy(fenced);
	apply(fenced, "allow *.wild.test:443\ndeny *.wild.test:22-23\n");
	assert_int_equal(datapath_allow_read(fenced->maps, &key, &entry), -ENOENT);
}

/* A file said it, and an answer since; its rules are others since then. */
static void what_a_file_said_is_known_to_be_denied_by_the_rules_of_now(void **state)
{
	struct fenced *fenced = *state;

	put_fence_up(fenced, "allow any\ndeny a.test:22\ndeny a.test:80\n");
	say(fenced, "a.test", 0, true);
	say(fenced, "a.test", 600, false);
	apply(fenced, "allow any\ndeny a.test:22\n");
	change_while_nobody_is_there(fenced, "allow any\ndeny a.test:22\ndeny a.test:25\n");
	assert_false(is_allowed(fenced, EVIL, 22));
	assert_false(is_allowed(fenced, EVIL, 25));
	assert_true(is_allowed(fenced, EVIL, 80));
}

/* It was asked for by a rule that is gone, of which there is nothing left. */
static void answer_late(struct fenced *fenced, const char *before, const char *between,
			const char *after)
{
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct dns_message message;

	put_asking_up(fenced, before);
	asker = asker_open(fenced, RESOLVER_IPV4);
	assert_true(asker_asks(&asker, "b.test", DNS_A, 7));
	apply(fenced, between);
	restart(fenced, after);
	flush_policy(fenced);
	dns_start(&message, 7, DNS_ANSWERED);
	dns_ask(&message, "b.test", DNS_A);
	dns_address(&message, "b.test", 60, LEARNED);
	asker_hears(&asker, &message);
	assert_false(is_allowed(fenced, LEARNED, 22));
	assert_int_equal(learned_count(fenced), 0);
	/* Or it would be for another reason. */
	hear(&asker, "c.test", LEARNED);
	assert_true(is_allowed(fenced, LEARNED, 22));
	take_fence_down(fenced);
}

static void an_answer_on_its_way_is_not_taken_for_another_names(void **state)
{
	answer_late(*state, "allow a.test:443\nallow b.test:443\n", "allow a.test:443\n",
		    "allow a.test:443\nallow c.test:22\n");
}

/* Nothing tells which numbers there were. */
static void nor_when_no_name_was_left(void **state)
{
	answer_late(*state, "allow b.test:443\n", "allow 192.0.2.1:443\n", "allow c.test:22\n");
}

/* What the kernel does not make of it is made of what it tells: by the rules that there are now. */
static void an_answer_on_its_way_when_rules_change_gives_what_they_say_now(void **state)
{
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct fenced *fenced = *state;
	struct dns_message message;

	put_asking_up(fenced, "allow *.wild.test:443\n");
	listen_to_kernel(fenced);
	asker = asker_open(fenced, RESOLVER_IPV4);
	assert_true(asker_asks(&asker, "a.wild.test", DNS_A, 7));
	apply(fenced, "allow *.wild.test:444\n");
	dns_start(&message, 7, DNS_ANSWERED);
	dns_ask(&message, "a.wild.test", DNS_A);
	dns_address(&message, "a.wild.test", 60, WILD);
	asker_hears(&asker, &message);
	catch_up(fenced);
	assert_true(is_allowed(fenced, WILD, 444));
	assert_false(is_allowed(fenced, WILD, 443));
	assert_int_equal(verify_well(fenced), 0);
}

static void what_a_file_said_has_an_end_until_it_says_so_again(void **state)
{
	const struct address address = { .bytes = { [10] = 255, 255, 203, 0, 113, 9 } };
	const struct policy_answer fixed = { &address, 1, 0, true, monotonic_ns(), false };
	struct wanted_name wanted = { .text = "fixed.test" };
	struct fenced *fenced = *state;
	struct policy_learned learned;

	put_fence_up(fenced, "allow fixed.test:443/tcp\nallow fixed.test:443/udp\n");
	policy_each_name(fenced->policy, name_is, &wanted);
	assert_int_equal(policy_learn(fenced->policy, wanted.name, &fixed, &learned), 0);
	flush_policy(fenced);
	assert_true(entry_at(fenced, "203.0.113.9").expires_ns == CGF_NEVER_EXPIRES);
	restart(fenced, "allow fixed.test:443/tcp\nallow fixed.test:443/udp\n");
	flush_policy(fenced);
	assert_true(is_allowed(fenced, "203.0.113.9", 443));
	assert_true(entry_at(fenced, "203.0.113.9").expires_ns <=
		    monotonic_ns() + POLICY_FAILURE_GRACE_S * NSEC_PER_SEC);
}

static void resolvers_stay_until_it_is_said_which_there_are(void **state)
{
	struct policy_resolver_at at = { .ifindex = 0 };
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct fenced *fenced = *state;

	put_up_with_names(fenced, RULES);
	restart(fenced, RULES);
	flush_policy(fenced);
	asker = asker_open(fenced, RESOLVER_IPV4);
	hear(&asker, "learned.test", "203.0.113.8");
	assert_true(is_allowed(fenced, "203.0.113.8", 443));
	assert_int_equal(address_parse(RESOLVER_IPV6, &at.address), 0);
	assert_int_equal(policy_use_resolvers(fenced->policy, &at, 1), 0);
	catch_up(fenced);
	assert_false(is_allowed(fenced, RESOLVER_IPV4, 53));
	assert_true(is_allowed(fenced, RESOLVER_IPV6, 53));
	assert_int_equal(verify_well(fenced), 0);
}

/* What is written by others has nothing to do with the rules. */
static void what_is_no_policys_at_all_goes(void **state)
{
	const struct cgf_name_key no_name = { .prefix_bits = 13, .name = "x" };
	const uint32_t number = 77;
	struct fenced *fenced = *state;
	struct cgf_name name;

	put_up_with_names(fenced, RULES);
	assert_int_equal(datapath_name_write(fenced->maps, &no_name, &(struct cgf_name){ 77, 0 }),
			 0);
	assert_int_equal(datapath_grant_write(fenced->maps, number, &(struct cgf_grant){}), 0);
	restart(fenced, RULES);
	flush_policy(fenced);
	assert_all_stands(fenced);
	assert_int_not_equal(bpf_map_lookup_elem(fenced->maps->maps[KIND_NAMES], &no_name, &name),
			     0);
	assert_int_equal(verify_well(fenced), 0);
}

/* Only what is denied stays where it is not known whose it is. */
static void a_prefix_that_somebody_allowed_does_not_stay(void **state)
{
	struct cgf_prefix_key key = {
		.prefix_bits = CGF_PREFIX_LOOKUP_BITS,
		.verdict = CGF_ALLOW,
		.ip_version = 4,
		.protocol = IPPROTO_UDP,
		.port_bits = CGF_PORT_BITS_ONE,
		.port = 80,
	};
	const struct cgf_prefix forged[] = { { .grant = 77 },
					     { .grant = 77, .shared = 1 },
					     { .shared = 1 } };
	struct fenced *fenced = *state;
	size_t i;

	memcpy(key.address, evil.bytes, sizeof(key.address));
	for (i = 0; i < ARRAY_SIZE(forged); i++) {
		put_fence_up(fenced, "allow 192.0.2.64/26:80\n");
		assert_int_equal(datapath_prefix_write(fenced->maps, &key, &forged[i]), 0);
		assert_true(is_allowed(fenced, EVIL, 80));
		change_while_nobody_is_there(fenced, "allow 192.0.2.64/26:80\n");
		assert_false(is_allowed(fenced, EVIL, 80));
		take_fence_down(fenced);
	}
}

/* --- time ------------------------------------------------------------------------------------ */

static void fail_to_answer(const struct fenced *fenced, const char *text)
{
	struct wanted_name wanted = { .text = text };

	policy_each_name(fenced->policy, name_is, &wanted);
	policy_resolver_failed(fenced->policy, wanted.name, false);
	flush_policy(fenced);
}

static void a_resolver_that_fails_adds_no_more_after_many_restarts_than_after_one(void **state)
{
	const uint64_t grace_ns = POLICY_FAILURE_GRACE_S * NSEC_PER_SEC;
	struct fenced *fenced = *state;
	uint64_t end_ns;
	int i;

	put_asking_up(fenced, "allow host.test:443\n");
	answer(fenced, "host.test", &evil);
	fail_to_answer(fenced, "host.test");
	end_ns = entry_at(fenced, EVIL).expires_ns;
	assert_true(end_ns >= monotonic_ns() + grace_ns);
	for (i = 0; i < 4; i++) {
		restart(fenced, "allow host.test:443\n");
		fail_to_answer(fenced, "host.test");
		assert_true(entry_at(fenced, EVIL).expires_ns >= end_ns);
		assert_true(entry_at(fenced, EVIL).expires_ns <= end_ns + NSEC_PER_SEC ||
			    entry_at(fenced, EVIL).expires_ns <= monotonic_ns() + grace_ns);
	}
}

#define MANY 20000

/* Learned by the kernel, and told of to nobody. */
static void learn_untold(const struct fenced *fenced, uint32_t grant, uint32_t begin)
{
	struct cgf_entry entry = { .expires_ns = monotonic_ns() + 3600 * NSEC_PER_SEC,
				   .grant = grant,
				   .learned = 1 };
	struct cgf_key key = key_of("198.18.0.0", 443, IPPROTO_TCP);
	uint8_t *bytes = (uint8_t *)key.address;
	uint32_t i;
	size_t written;

	for (i = begin; i < begin + MANY; i++) {
		bytes[13] = (uint8_t)(i >> 16);
		bytes[14] = (uint8_t)(i >> 8);
		bytes[15] = (uint8_t)i;
		assert_int_equal(datapath_allow_write(fenced->maps, &key, &entry, 1, &written), 0);
	}
	policy_untold(fenced->policy);
}

static uint64_t verify_ns(const struct fenced *fenced)
{
	struct policy_differences differences;
	const uint64_t began_ns = monotonic_ns();
	uint64_t took_ns;

	assert_int_equal(policy_verify(fenced->policy, fenced->maps, &differences), 0);
	took_ns = monotonic_ns() - began_ns;
	flush_policy(fenced);
	return took_ns;
}

/* Whoever answers for an allowed wildcard can have so many; each is looked for among the others. */
static void many_that_are_taken_up_cost_no_more_where_there_are_many(void **state)
{
	struct fenced *fenced = *state;
	struct failure failure;
	uint64_t first_ns, second_ns;
	uint32_t grant;

	make_policy(fenced, "allow *.wild.test:443/tcp\n");
	assert_int_equal(datapath_policy_grow(fenced->datapath, fenced->maps, 4 * MANY, &failure),
			 0);
	grant = fenced->policy->wildcards->grant->number;
	learn_untold(fenced, grant, 0);
	first_ns = verify_ns(fenced);
	learn_untold(fenced, grant, MANY);
	second_ns = verify_ns(fenced);
	print_message("the second %d take %.1f times as long\n", MANY,
		      (double)second_ns / (double)first_ns);
	assert_true(second_ns < 5 * first_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(by_the_same_rules_all_stays),
		FENCED_TEST(what_was_learned_while_nobody_listened_is_taken_up),
		FENCED_TEST(rules_in_another_order_are_the_same),
		FENCED_TEST(what_no_rule_gives_goes_with_the_first_flush),
		FENCED_TEST(a_name_keeps_its_addresses_when_its_rules_have_changed),
		FENCED_TEST(a_name_that_is_denied_now_keeps_nothing),
		FENCED_TEST(a_denied_name_is_denied_until_its_first_answer),
		FENCED_TEST(what_a_changed_rule_denied_is_denied_until_the_first_answer),
		FENCED_TEST(what_a_wildcard_denied_is_denied_to_those_below_it),
		FENCED_TEST(what_a_name_was_denied_is_denied_to_wildcards_if_it_is_gone),
		FENCED_TEST(what_several_names_are_denied_stays_until_all_are_answered),
		FENCED_TEST(what_is_kept_is_looked_up),
		FENCED_TEST(what_a_rule_says_by_address_may_be_a_names_too),
		FENCED_TEST(what_a_name_and_one_below_a_wildcard_share_stays_for_long),
		FENCED_TEST(so_does_what_several_are_denied_for_a_wildcard),
		FENCED_TEST(what_was_only_found_denied_is_not_allowed_by_a_rule_that_comes),
		FENCED_TEST(what_was_allowed_below_a_denied_wildcard_is_so_for_its_time),
		FENCED_TEST(what_was_found_denied_is_allowed_for_the_time_of_its_answer),
		FENCED_TEST(what_was_found_denied_is_allowed_by_an_answer_after_a_failure),
		FENCED_TEST(what_has_run_out_stays_so_where_it_is_denied_still),
		FENCED_TEST(what_a_file_said_is_known_to_be_denied_by_the_rules_of_now),
		FENCED_TEST(what_no_rule_denies_any_more_is_not_kept),
		FENCED_TEST(what_is_denied_below_a_wildcard_stays_when_the_names_own_rule_goes),
		FENCED_TEST(what_a_wildcard_denied_a_name_that_was_said_is_denied_by_its_own_rule),
		FENCED_TEST(what_is_found_denied_is_so_for_longer_than_what_is_found_allowed),
		FENCED_TEST(what_a_wildcard_denied_a_new_name_below_it_is_denied),
		FENCED_TEST(
			what_one_name_was_denied_by_its_old_rules_and_its_new_goes_with_its_answer),
		FENCED_TEST(what_a_wildcard_denied_is_denied_for_long_by_one_above_it),
		FENCED_TEST(a_name_that_was_allowed_and_is_denied_now_is_known),
		FENCED_TEST(a_name_that_was_allowed_and_is_below_a_denied_wildcard_now_is_known),
		FENCED_TEST(what_a_wildcard_allowed_may_be_what_is_denied_to_a_name_now),
		FENCED_TEST(but_not_to_one_that_had_a_rule),
		FENCED_TEST(many_names_below_a_wildcard_have_what_it_denied),
		FENCED_TEST(a_name_that_a_wildcard_has_now_keeps_its_addresses),
		FENCED_TEST(an_answer_on_its_way_is_not_taken_for_another_names),
		FENCED_TEST(nor_when_no_name_was_left),
		FENCED_TEST(names_in_search_domains_may_be_asked_for_still),
		FENCED_TEST(what_a_name_has_in_a_search_domain_below_a_wildcard_stays),
		FENCED_TEST(an_answer_on_its_way_when_rules_change_gives_what_they_say_now),
		FENCED_TEST(what_a_file_said_has_an_end_until_it_says_so_again),
		FENCED_TEST(resolvers_stay_until_it_is_said_which_there_are),
		FENCED_TEST(what_is_no_policys_at_all_goes),
		FENCED_TEST(a_prefix_that_somebody_allowed_does_not_stay),
		FENCED_TEST(a_resolver_that_fails_adds_no_more_after_many_restarts_than_after_one),
		FENCED_TEST(many_that_are_taken_up_cost_no_more_where_there_are_many),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
