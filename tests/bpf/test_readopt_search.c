// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is taken up of names that libc makes of others in its search domains: they have rules of
 * the name without a dot, of wildcards, and of their own. Where a target searches may be known
 * before its maps are taken up, or not.
 */
#include "taken_up.h"

static const char *const domains[] = { "corp.test", "other.test" };

static void search(const struct fenced *fenced, size_t count)
{
	assert_int_equal(policy_use_searches(fenced->policy, domains, count), 0);
}

static void put_up_searching(struct fenced *fenced, const char *text, size_t count)
{
	put_asking_up(fenced, text);
	search(fenced, count);
	flush_policy(fenced);
	listen_to_kernel(fenced);
}

static void restart_searching(struct fenced *fenced, const char *text, size_t known, size_t count)
{
	struct rules rules = parse_rules(text);
	struct failure failure;

	policy_finish(&fenced->policy);
	assert_int_equal(policy_init(&fenced->policy, &rules, &failure), 0);
	search(fenced, known);
	assert_int_equal(policy_readopt(fenced->policy, fenced->maps), 0);
	search(fenced, count);
	retarget_between(fenced);
	flush_policy(fenced);
	retarget_between(fenced);
	assert_int_equal(verify_well(fenced), 0);
}

static void learn_at_evil(const struct fenced *fenced, const char *name)
{
	_cleanup_asker_ struct asker asker = asker_open(fenced, RESOLVER_IPV4);

	hear(&asker, name, EVIL);
	catch_up(fenced);
}

/* --- names that give nothing ----------------------------------------------------------------- */

struct nothing {
	const char *before, *after;
	size_t known;
};

/* Addresses that rules say have no grant, as such a name has none; nor have resolvers. */
static void what_gives_nothing_gives_a_wildcard_no_addresses_of_others(void **state)
{
	static const struct nothing cases[] = {
		{ "allow 192.0.2.1:22\nallow *.corp.test:443\ndeny db\n", NULL, 0 },
		{ "allow 192.0.2.1:22\nallow *.wild.test:443\ndeny a.wild.test\n",
		  "allow 192.0.2.1:22\nallow *.wild.test:443\n", 1 },
		{ "allow 192.0.2.1:22\nallow *.wild.test:443\ndeny a.wild.test\n",
		  "allow *.wild.test:443\n", 1 },
		{ "allow 192.0.2.1:22\nallow a.b:443\n",
		  "allow 192.0.2.1:22\nallow a.b:443\nallow *.corp.test:443\n", 0 },
	};
	struct fenced *fenced = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		put_up_searching(fenced, cases[i].before, 1);
		assert_true(is_allowed(fenced, "192.0.2.1", 22));
		restart_searching(fenced, cases[i].after ? cases[i].after : cases[i].before,
				  cases[i].known, 1);
		assert_int_equal(is_allowed(fenced, "192.0.2.1", 22),
				 !cases[i].after || strstr(cases[i].after, "192.0.2.1"));
		assert_false(is_allowed(fenced, "192.0.2.1", 443));
		assert_false(is_allowed(fenced, RESOLVER_IPV4, 443));
		assert_true(is_allowed(fenced, RESOLVER_IPV4, 53));
		take_fence_down(fenced);
	}
}

static void nor_denies_a_wildcard_them(void **state)
{
	struct fenced *fenced = *state;

	put_up_searching(fenced, "allow *.wild.test:443\ndeny a.wild.test\nallow n.test:80\n", 1);
	restart_searching(fenced, "deny *.wild.test\nallow n.test:80\n", 1, 1);
	assert_true(is_allowed(fenced, RESOLVER_IPV4, 53));
}

/* --- names of several rules ------------------------------------------------------------------ */

static void a_name_in_a_domain_that_has_rules_of_its_own_keeps_its_denials(void **state)
{
	static const char *const orders[] = { "allow any\ndeny db:80\ndeny db.corp.test:22\n",
					      "allow any\ndeny db.corp.test:22\ndeny db:80\n" };
	struct fenced *fenced = *state;
	size_t i;

	for (i = 0; i < 2 * ARRAY_SIZE(orders); i++) {
		put_up_searching(fenced, orders[i / 2], 1);
		answer(fenced, "db.corp.test", &evil);
		assert_false(is_allowed(fenced, EVIL, 22));
		assert_false(is_allowed(fenced, EVIL, 80));
		restart_searching(fenced, orders[i % 2], 1, 1);
		assert_false(is_allowed(fenced, EVIL, 22));
		assert_false(is_allowed(fenced, EVIL, 80));
		assert_true(is_allowed(fenced, EVIL, 443));
		take_fence_down(fenced);
	}
}

/* The old grant was about this name, and not about the one without a dot. */
static void and_those_of_its_other_rules(void **state)
{
	struct fenced *fenced = *state;

	put_up_searching(fenced, "allow any\ndeny db:80\ndeny db.corp.test:22\n", 1);
	answer(fenced, "db.corp.test", &evil);
	restart_searching(fenced, "allow any\ndeny db:80\ndeny db.corp.test:23\n", 1, 1);
	assert_false(is_allowed(fenced, EVIL, 23));
	assert_false(is_allowed(fenced, EVIL, 80));
	assert_true(is_allowed(fenced, EVIL, 443));
}

static void and_what_it_allows(void **state)
{
	static const char rules[] = "allow db:80\nallow db.corp.test:22\n";
	struct fenced *fenced = *state;

	put_up_searching(fenced, rules, 1);
	answer(fenced, "db.corp.test", &evil);
	restart_searching(fenced, rules, 1, 1);
	assert_true(is_allowed(fenced, EVIL, 22));
	assert_true(is_allowed(fenced, EVIL, 80));
}

static void one_below_a_wildcard_keeps_what_both_allow(void **state)
{
	static const char rules[] = "allow db:5432\nallow *.corp.test:443\n";
	struct fenced *fenced = *state;

	put_up_searching(fenced, rules, 1);
	learn_at_evil(fenced, "db.corp.test");
	restart_searching(fenced, rules, 1, 1);
	assert_true(is_allowed(fenced, EVIL, 443));
	assert_true(is_allowed(fenced, EVIL, 5432));
}

/* --- what is not known to be of one name ----------------------------------------------------- */

/* `db` has other rules since, or a domain is not known yet; the wildcard's are what they were. */
static void what_a_wildcard_denies_to_one_in_a_domain_stays_whatever_else_it_has(void **state)
{
	static const char all[] = "allow db:22\ndeny db:25\ndeny *.corp.test:443\n"
				  "allow shared.test:443-444\n";
	static const char some[] = "allow db:22\ndeny *.corp.test:443\n"
				   "allow shared.test:443-444\n";
	struct fenced *fenced = *state;
	int i;

	for (i = 0; i < 4; i++) {
		put_up_searching(fenced, all, 1);
		answer(fenced, "shared.test", &evil);
		learn_at_evil(fenced, "db.corp.test");
		answer(fenced, "db", &evil);
		assert_false(is_allowed(fenced, EVIL, 443));
		restart_searching(fenced, i % 2 ? some : all, i < 2, 1);
		assert_false(is_allowed(fenced, EVIL, 443));
		assert_true(is_allowed(fenced, EVIL, 444));
		answer(fenced, "db", &evil);
		assert_false(is_allowed(fenced, EVIL, 443));
		take_fence_down(fenced);
	}
}

/* It was the name without a dot that rules denied, and is this one now, or this one too. */
static void what_one_in_a_domain_was_denied_for_another_it_is_until_its_answer(void **state)
{
	static const char *const after[] = { "allow any\ndeny db.corp.test:22\n",
					     "allow any\ndeny db:25\ndeny db.corp.test:22\n" };
	struct address elsewhere = evil;
	struct fenced *fenced = *state;
	size_t i;

	elsewhere.bytes[15]++;
	for (i = 0; i < ARRAY_SIZE(after); i++) {
		put_up_searching(fenced, "allow any\ndeny db:22\n", 1);
		answer(fenced, "db", &evil);
		restart_searching(fenced, after[i], 1, 1);
		assert_false(is_allowed(fenced, EVIL, 22));
		assert_true(is_allowed(fenced, EVIL, 80));
		answer(fenced, "db.corp.test", &elsewhere);
		if (i)
			answer(fenced, "db", &elsewhere);
		assert_true(policy_let_kept_go(fenced->policy));
		flush_policy(fenced);
		assert_true(is_allowed(fenced, EVIL, 22));
		take_fence_down(fenced);
	}
}

static void say(const struct fenced *fenced, const char *name, const struct policy_answer *answer)
{
	struct wanted_name wanted = { .text = name };
	struct policy_learned learned;

	policy_each_name(fenced->policy, name_is, &wanted);
	assert_int_equal(policy_learn(fenced->policy, wanted.name, answer, &learned), 0);
	flush_policy(fenced);
}

/*
 * Of the name itself there is no such name, of which nobody but libc makes another; and what is
 * allowed of the address is known by who has it for longer.
 */
static void what_one_in_a_domain_is_denied_outlasts_the_answer_of_the_one_without_a_dot(
	void **state)
{
	static const char rules[] = "allow db:80\ndeny db:22\nallow other.test:80\n"
				    "allow other.test:22-23\n";
	const struct policy_answer none = { .now_ns = monotonic_ns() + NSEC_PER_SEC };
	const struct policy_answer long_one = { &evil, 1, 3600, false, monotonic_ns(), false };
	struct fenced *fenced = *state;

	put_up_searching(fenced, rules, 1);
	learn_at_evil(fenced, "db.corp.test");
	say(fenced, "other.test", &long_one);
	assert_false(is_allowed(fenced, EVIL, 22));
	restart_searching(fenced, rules, 1, 1);
	say(fenced, "db", &none);
	assert_true(is_allowed(fenced, EVIL, 23));
	assert_false(is_allowed(fenced, EVIL, 22));
}

/* The name was allowed, and is denied with those that libc makes of it; one of them has more. */
static void what_was_allowed_to_a_name_is_not_to_others_that_are_denied_with_it(void **state)
{
	struct fenced *fenced = *state;

	put_up_searching(fenced, "allow db:80\ndeny db:22\n", 1);
	answer(fenced, "db", &evil);
	assert_true(is_allowed(fenced, EVIL, 80));
	restart_searching(fenced, "deny db:22\nallow *.corp.test:443\n", 1, 1);
	assert_false(is_allowed(fenced, EVIL, 80));
	assert_false(is_allowed(fenced, EVIL, 443));
}

/* The other one has the same grant, and no wildcard above it. */
static void one_in_another_domain_gets_nothing_of_a_wildcard(void **state)
{
	struct fenced *fenced = *state;

	put_up_searching(fenced, "allow db:5432\n", 2);
	learn_at_evil(fenced, "db.other.test");
	assert_true(is_allowed(fenced, EVIL, 5432));
	restart_searching(fenced, "allow db:5433\nallow *.corp.test:443\n", 0, 2);
	assert_false(is_allowed(fenced, EVIL, 443));
	assert_true(is_allowed(fenced, EVIL, 5433));
}

/*
 * One in a domain has the set of denials of the name without a dot, and then another; what it
 * allows there has run out, or is another name's for longer.
 */
static void what_one_in_a_domain_has_by_the_others_set_stays_when_it_gets_its_own(void **state)
{
	static const char rules[] = "allow any:22\nallow db.corp.test:80\nallow *.corp.test:80\n"
				    "deny db:22\n";
	const struct policy_answer longer = { &evil, 1, 3600, false, monotonic_ns(), false };
	struct address elsewhere = evil;
	struct fenced *fenced = *state;
	struct policy_learned learned;
	const char *known;
	char after[256];
	int i;

	elsewhere.bytes[15]++;
	snprintf(after, sizeof(after), "%sdeny db.corp.test:23\n", rules);
	for (i = 0; i < 2; i++) {
		put_up_searching(fenced, rules, 1);
		learn_name(fenced, "db.corp.test", &evil, i ? 0 : GONE_S);
		if (i)
			assert_int_equal(policy_adopt(fenced->policy, "x.corp.test", &longer,
						      CGF_GRANT_NONE, &learned, &known),
					 0);
		assert_int_equal(policy_sweep(fenced->policy, fenced->maps, monotonic_ns()), 0);
		flush_policy(fenced);
		restart_searching(fenced, after, 1, 1);
		assert_false(is_allowed(fenced, EVIL, 22));
		answer(fenced, "db", &elsewhere);
		assert_false(is_allowed(fenced, EVIL, 22));
		answer(fenced, "db.corp.test", &elsewhere);
		take_fence_down(fenced);
	}
}

/* All sets of before are there still; or not. */
static void nor_does_it_need_that_another_rule_goes(void **state)
{
	static const char rules[] = "allow any:22\nallow db:443\ndeny db:22\n";
	static const char *const before[] = { "", "allow unrelated.test:80\n" };
	const struct policy_answer old = { &evil, 1, 1, false, past_ns(GONE_S), false };
	struct address elsewhere = evil;
	struct fenced *fenced = *state;
	struct policy_learned learned;
	char first[256], after[256];
	const char *known;
	size_t i;

	elsewhere.bytes[15]++;
	snprintf(after, sizeof(after), "%sdeny db.corp.test:23\n", rules);
	for (i = 0; i < ARRAY_SIZE(before); i++) {
		snprintf(first, sizeof(first), "%s%s", rules, before[i]);
		put_up_searching(fenced, first, 1);
		assert_int_equal(policy_adopt(fenced->policy, "db.corp.test", &old, CGF_GRANT_NONE,
					      &learned, &known),
				 0);
		flush_policy(fenced);
		restart_searching(fenced, after, 1, 1);
		answer(fenced, "db", &elsewhere);
		assert_false(is_allowed(fenced, EVIL, 22));
		answer(fenced, "db.corp.test", &elsewhere);
		assert_true(policy_let_kept_go(fenced->policy));
		flush_policy(fenced);
		assert_true(is_allowed(fenced, EVIL, 22));
		take_fence_down(fenced);
	}
}

/* It begins with the same label, and nobody searches there. */
static void one_in_no_domain_has_nothing_of_the_one_without_a_dot(void **state)
{
	struct address elsewhere = evil;
	struct fenced *fenced = *state;

	elsewhere.bytes[15]++;
	put_up_searching(fenced, "allow shared.test:22\ndeny db:22\ndeny *.bad.test:22\n", 0);
	answer(fenced, "db", &evil);
	restart_searching(fenced,
			  "allow shared.test:22\ndeny db:22\ndeny *.bad.test:22\n"
			  "deny db.else.test:22\n",
			  0, 0);
	answer(fenced, "shared.test", &evil);
	assert_false(is_allowed(fenced, EVIL, 22));
	answer(fenced, "db", &elsewhere);
	answer(fenced, "db.else.test", &elsewhere);
	policy_let_kept_go(fenced->policy);
	flush_policy(fenced);
	assert_true(is_allowed(fenced, EVIL, 22));
}

/* Nobody asked for it when it was taken up. */
static void what_one_in_a_domain_was_denied_a_rule_of_its_own_leaves_to_its_answer(void **state)
{
	static const char rules[] = "allow any:22\nallow db:443\ndeny db:22\n";
	const struct policy_answer old = { &evil, 1, 1, false, past_ns(GONE_S), false };
	struct address elsewhere = evil;
	struct fenced *fenced = *state;
	struct policy_learned learned;
	const char *known;
	char after[256];

	elsewhere.bytes[15]++;
	snprintf(after, sizeof(after), "%sallow db.corp.test:80\n", rules);
	put_up_searching(fenced, rules, 1);
	assert_int_equal(policy_adopt(fenced->policy, "db.corp.test", &old, CGF_GRANT_NONE,
				      &learned, &known),
			 0);
	flush_policy(fenced);
	restart_searching(fenced, rules, 1, 1);
	answer(fenced, "db", &elsewhere);
	apply(fenced, after);
	assert_false(is_allowed(fenced, EVIL, 22));
	answer(fenced, "db.corp.test", &elsewhere);
	policy_let_kept_go(fenced->policy);
	flush_policy(fenced);
	assert_true(is_allowed(fenced, EVIL, 22));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(what_gives_nothing_gives_a_wildcard_no_addresses_of_others),
		FENCED_TEST(nor_denies_a_wildcard_them),
		FENCED_TEST(a_name_in_a_domain_that_has_rules_of_its_own_keeps_its_denials),
		FENCED_TEST(and_those_of_its_other_rules),
		FENCED_TEST(and_what_it_allows),
		FENCED_TEST(one_below_a_wildcard_keeps_what_both_allow),
		FENCED_TEST(what_a_wildcard_denies_to_one_in_a_domain_stays_whatever_else_it_has),
		FENCED_TEST(what_one_in_a_domain_was_denied_for_another_it_is_until_its_answer),
		FENCED_TEST(
			what_one_in_a_domain_is_denied_outlasts_the_answer_of_the_one_without_a_dot),
		FENCED_TEST(what_was_allowed_to_a_name_is_not_to_others_that_are_denied_with_it),
		FENCED_TEST(one_in_another_domain_gets_nothing_of_a_wildcard),
		FENCED_TEST(what_one_in_a_domain_has_by_the_others_set_stays_when_it_gets_its_own),
		FENCED_TEST(nor_does_it_need_that_another_rule_goes),
		FENCED_TEST(one_in_no_domain_has_nothing_of_the_one_without_a_dot),
		FENCED_TEST(what_one_in_a_domain_was_denied_a_rule_of_its_own_leaves_to_its_answer),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
