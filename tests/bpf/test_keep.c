// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whether the programs see that somebody answers what is refused, and that nobody does any more. */
#include <signal.h>

#include "fenced.h"

/* Of a socket, the kernel tells its cookie. */
static bool is_kept(const struct fenced *fenced, uint64_t *ret_cookie)
{
	const uint32_t slot = datapath_policy_slot(fenced->maps);

	return !bpf_map_lookup_elem(fenced->datapath->keepers, &slot, ret_cookie);
}

static bool ends_being_kept(const struct fenced *fenced)
{
	const uint64_t deadline_ns = monotonic_ns() + DEADLINE_MS * NSEC_PER_MSEC;
	uint64_t cookie;

	while (is_kept(fenced, &cookie))
		if (monotonic_ns() > deadline_ns || poll(NULL, 0, 1) < 0)
			return false;
	return true;
}

static void a_policy_is_kept_from_the_moment_that_it_is_said(void **state)
{
	struct fenced *fenced = *state;
	uint64_t cookie, own = 0;
	socklen_t length = sizeof(own);

	make_policy(fenced, "allow a.test:443\n");
	assert_false(is_kept(fenced, &cookie));
	assert_int_equal(datapath_keep(fenced->datapath, fenced->maps), 0);
	assert_true(is_kept(fenced, &cookie));
	assert_int_equal(getsockopt(fenced->maps->keeper, SOL_SOCKET, SO_COOKIE, &own, &length), 0);
	assert_true(cookie == own);
	/* Once more is no error. */
	assert_int_equal(datapath_keep(fenced->datapath, fenced->maps), 0);
	assert_true(is_kept(fenced, &cookie));
	assert_true(cookie != own);
}

static void a_keeper_that_is_killed_keeps_nothing(void **state)
{
	struct fenced *fenced = *state;
	int channel[2];
	uint64_t cookie;
	char byte;
	pid_t child;

	make_policy(fenced, "allow a.test:443\n");
	assert_int_equal(pipe(channel), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		if (datapath_keep(fenced->datapath, fenced->maps) || write(channel[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	close(channel[1]);
	assert_int_equal(read(channel[0], &byte, 1), 1);
	close(channel[0]);
	assert_true(is_kept(fenced, &cookie));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(ends_being_kept(fenced));
}

static void a_policy_that_is_closed_is_not_kept(void **state)
{
	struct fenced *fenced = *state;
	uint32_t slot;
	uint64_t cookie;

	make_policy(fenced, "allow a.test:443\n");
	assert_int_equal(datapath_keep(fenced->datapath, fenced->maps), 0);
	slot = datapath_policy_slot(fenced->maps);
	datapath_policy_destroy(fenced->datapath, &fenced->maps);
	assert_int_equal(bpf_map_lookup_elem(fenced->datapath->keepers, &slot, &cookie), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(a_policy_is_kept_from_the_moment_that_it_is_said),
		FENCED_TEST(a_keeper_that_is_killed_keeps_nothing),
		FENCED_TEST(a_policy_that_is_closed_is_not_kept),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
