// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the daemon answers where something fails that cannot be made to fail from outside. The
 * modules are compiled once more, in here, with the one call that fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "policies_internal.h"

static size_t texts_left;

/* Without memory for more than so many. */
static int texts_add_some(struct texts *texts, const char *text)
{
	return texts_left-- ? texts_add(texts, text) : -ENOMEM;
}

#define texts_add texts_add_some
#include "../../user/policies_show.c"
#undef texts_add
#include "../../user/policies_answer.c"
#include "../../user/policies_prove.c"

struct fixture {
	struct policies policies;
	struct kept_policy *kept;
	struct kept_fence *fence;
	size_t told;
};

static void on_told(enum policies_level level, const char *text, void *data)
{
	struct fixture *fixture = data;

	(void)text;
	fixture->told += level == POLICIES_ALARM;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	*state = fixture;
	fixture->policies.options.told = on_told;
	fixture->policies.options.data = fixture;
	fixture->kept = kept_policy_new(&fixture->policies, "web");
	fixture->fence = kept_fence_new(fixture->kept, "cgroup:a", "/a");
	return fixture->fence ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	texts_finish(&fixture->policies.last);
	kept_fence_free(fixture->fence);
	kept_policy_free(fixture->kept);
	free(fixture);
	return 0;
}

static void a_fence_that_goes_is_described_or_does_not_go(void **state)
{
	struct fixture *fixture = *state;
	struct policies_fence described = { .name = "before" };

	for (texts_left = 0; texts_left < 4;) {
		size_t room = texts_left;

		assert_int_equal(kept_fence_describe_last(fixture->fence, &described), -ENOMEM);
		assert_string_equal(described.name, "before");
		texts_left = room + 1;
	}
	assert_int_equal(kept_fence_describe_last(fixture->fence, &described), 0);
	assert_string_equal(described.target, "/a");
	assert_true(described.target != fixture->fence->target);
}

static void a_rule_is_about_its_own_name_alone(void **state)
{
	(void)state;
	assert_true(is_of_name("allow github.com", "github.com"));
	assert_true(is_of_name("allow github.com:22", "github.com"));
	assert_true(is_of_name("deny github.com:22/tcp", "github.com"));
	assert_true(is_of_name("allow github.com ttl 60", "github.com"));
	assert_true(is_of_name("allow private.:22", "private"));
	assert_false(is_of_name("allow notgithub.com:22", "github.com"));
	assert_false(is_of_name("allow *.github.com:22", "github.com"));
	assert_false(is_of_name("allow github.com.evil.test", "github.com"));
	assert_false(is_of_name("allow any", "github.com"));
	assert_false(is_of_name("mode", "github.com"));
}

static void a_proof_that_fails_before_it_finds_anything_is_a_problem(void **state)
{
	struct fixture *fixture = *state;
	struct proof proof = { &fixture->policies, "web", "/a", {} };
	struct problems known = {};
	uint64_t since_ns;

	settle(&proof, &known, -ENOMEM);
	assert_int_equal(known.count, 1);
	assert_int_equal(known.items[0].fault, STANDING_UNPROVED);
	assert_int_equal(fixture->told, 1);
	/* Told once, and known since then. */
	since_ns = known.since_ns[0];
	proof.found.count = 0;
	settle(&proof, &known, -ENOMEM);
	assert_int_equal(known.count, 1);
	assert_int_equal(known.since_ns[0], since_ns);
	assert_int_equal(fixture->told, 1);
	proof.found.count = 0;
	settle(&proof, &known, 0);
	assert_int_equal(known.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_fence_that_goes_is_described_or_does_not_go,
						setup, teardown),
		cmocka_unit_test(a_rule_is_about_its_own_name_alone),
		cmocka_unit_test_setup_teardown(
			a_proof_that_fails_before_it_finds_anything_is_a_problem, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
