// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Several fences with one policy, told as they stand; and what privileges keeping them takes. */
#include "mended.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define FENCES 3

struct other {
	char name[32], path[CGROUP_PATH_BYTES + 32];
	int fd;
};

static void attach_other(const struct fenced *fenced, struct other *other, int number)
{
	struct cgf_target target = target_of(fenced);
	struct failure failure;

	snprintf(other->name, sizeof(other->name), "other-%d", number);
	snprintf(other->path, sizeof(other->path), "%s/%s", fenced->cgroup.path, other->name);
	assert_int_equal(mkdir(other->path, 0700), 0);
	other->fd = open(other->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(other->fd >= 0);
	if (datapath_fence_attach(fenced->datapath, other->name, other->fd, &target, false,
				  &failure))
		fail_msg("%s", failure.text);
}

static void remove_other(struct other *other)
{
	assert_int_equal(datapath_fence_detach(other->name), 0);
	close_fd(&other->fd);
	assert_int_equal(rmdir(other->path), 0);
}

static void fences_with_one_policy_stand_whole_and_name_it(void **state)
{
	struct fenced *fenced = *state;
	struct standings standings = {};
	struct other others[FENCES];
	struct failure failure;
	char policy[STANDING_NAME_BYTES];
	size_t i;

	put_fence_up(fenced, RULES);
	for (i = 0; i < FENCES; i++)
		attach_other(fenced, &others[i], (int)i);
	datapath_unlock(fenced->datapath);
	assert_int_equal(datapath_standings(&standings, &failure), 0);
	assert_int_equal(datapath_lock(fenced->datapath, false, &failure), 0);
	assert_int_equal(standings.count, FENCES + 1);
	for (i = 0; i < standings.count; i++) {
		assert_true(standing_is_whole(&standings.items[i]));
		assert_string_equal(standings.items[i].policy, fenced->cgroup.name);
		assert_int_equal(datapath_fence_policy(standings.items[i].name, NULL, policy), 0);
		assert_string_equal(policy, fenced->cgroup.name);
	}
	standings_finish(&standings);
	for (i = 0; i < FENCES; i++)
		remove_other(&others[i]);
}

/* --- resolvers ------------------------------------------------------------------------------- */

static void add_resolver(const struct fenced *fenced, const char *text, uint64_t netns_cookie)
{
	struct cgf_resolver_key key = { .netns_cookie = netns_cookie };
	struct address address;

	assert_int_equal(inet_pton(AF_INET6, text, address.bytes), 1);
	memcpy(key.address, address.bytes, sizeof(key.address));
	assert_int_equal(datapath_resolver_write(fenced->maps, &key, 0), 0);
}

static size_t count_resolvers(const struct fenced *fenced, uint64_t netns_cookie)
{
	struct cgf_target target = target_of(fenced);
	struct standings standings = {};
	struct failure failure;
	size_t count;

	target.netns_cookie = netns_cookie;
	assert_int_equal(datapath_fence_retarget(fenced->datapath, fenced->cgroup.fd, &target), 0);
	datapath_unlock(fenced->datapath);
	assert_int_equal(datapath_standings(&standings, &failure), 0);
	assert_int_equal(datapath_lock(fenced->datapath, false, &failure), 0);
	assert_int_equal(standings.count, 1);
	count = standings.items[0].resolver_count;
	standings_finish(&standings);
	return count;
}

static void a_resolver_is_told_once_for_each_namespace(void **state)
{
	struct fenced *fenced = *state;

	put_fence_up(fenced, RULES);
	add_resolver(fenced, "::ffff:192.0.2.53", 0);
	assert_int_equal(count_resolvers(fenced, 0), 1);
	add_resolver(fenced, "::ffff:192.0.2.53", 7);
	assert_int_equal(count_resolvers(fenced, 0), 1);
	add_resolver(fenced, "::ffff:192.0.2.53", 8);
	add_resolver(fenced, "::ffff:192.0.2.54", 8);
	add_resolver(fenced, "::ffff:192.0.2.54", 0);
	assert_int_equal(count_resolvers(fenced, 0), 3);
	/* A fence with a namespace of its own has those of no other too. */
	assert_int_equal(count_resolvers(fenced, 7), 5);
}

/* --- privileges ------------------------------------------------------------------------------ */

#define BIT(capability) (1ULL << (capability))
#define KEEPS (BIT(CAP_BPF) | BIT(CAP_NET_ADMIN))

static int keep_only(uint64_t capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	data[0].effective = data[0].permitted = (uint32_t)capabilities;
	data[1].effective = data[1].permitted = (uint32_t)(capabilities >> 32);
	return (int)syscall(SYS_capset, &header, data);
}

struct work {
	const char *name;
	int (*run)(const struct fenced *fenced, struct datapath_fence *fence);
};

static void ignore(const struct standing_problem *problem, void *data)
{
	(void)problem;
	++*(size_t *)data;
}

static int mend_fence(const struct fenced *fenced, struct datapath_fence *fence)
{
	struct cgf_target target = target_of(fenced);
	size_t count = 0;

	return datapath_fence_mend(fenced->datapath, fence, fenced->cgroup.fd, &target, ignore,
				   &count);
}

static int mend_detached(const struct fenced *fenced, struct datapath_fence *fence)
{
	bpf_link_detach(fence->links[PROGRAM_EGRESS]);
	bpf_link_detach(fence->links[PROGRAM_CONNECT4]);
	return mend_fence(fenced, fence);
}

static int mend_slot(const struct fenced *fenced, struct datapath_fence *fence)
{
	uint32_t slot = datapath_policy_slot(fenced->maps);
	size_t count = 0;

	(void)fence;
	bpf_map_delete_elem(fenced->datapath->arrays[KIND_NAMES], &slot);
	return datapath_policy_mend(fenced->datapath, fenced->maps, ignore, &count);
}

static int mend_shared(const struct fenced *fenced, struct datapath_fence *fence)
{
	char path[PIN_PATH_BYTES];
	size_t count = 0;

	(void)fence;
	pin_path(path, "%s/programs-%s", datapath_contract_path, datapath_build(fenced->datapath));
	pin_remove_dir(path);
	return datapath_mend(fenced->datapath, ignore, &count);
}

static int keep(const struct fenced *fenced, struct datapath_fence *fence)
{
	(void)fence;
	return datapath_keep(fenced->datapath, fenced->maps);
}

static int grow(const struct fenced *fenced, struct datapath_fence *fence)
{
	(void)fence;
	return datapath_policy_grow(fenced->datapath, fenced->maps,
				    2 * datapath_policy_capacity(fenced->maps), NULL);
}

static int make_and_destroy(const struct fenced *fenced, struct datapath_fence *fence)
{
	struct datapath_policy *policy = NULL;
	int r = datapath_policy_create(fenced->datapath, "made", 100000, &policy, NULL);

	(void)fence;
	datapath_policy_destroy(fenced->datapath, &policy);
	return r;
}

static int attach_and_detach(const struct fenced *fenced, struct datapath_fence *fence)
{
	struct cgf_target target = target_of(fenced);
	struct datapath_fence *second = NULL;
	int r = datapath_fence_attach(fenced->datapath, "second", fenced->cgroup.fd, &target, false,
				      NULL);

	(void)fence;
	if (!r)
		r = datapath_fence_open(fenced->datapath, "second", &second, NULL);
	datapath_fence_close(&second);
	datapath_fence_detach("second");
	return r;
}

static int open_again(const struct fenced *fenced, struct datapath_fence *fence)
{
	struct datapath_policy *policy = NULL;
	int r = datapath_policy_open(fenced->datapath, fenced->cgroup.name, &policy, NULL);

	(void)fence;
	datapath_policy_close(&policy);
	return r;
}

static const struct work works[] = {
	{ "mend_fence", mend_fence },
	{ "mend_detached", mend_detached },
	{ "mend_slot", mend_slot },
	{ "mend_shared", mend_shared },
	{ "keep", keep },
	{ "grow", grow },
	{ "make_and_destroy", make_and_destroy },
	{ "attach_and_detach", attach_and_detach },
	{ "open_again", open_again },
};

/* In a process of its own, which then has no more. 0, or the error, positive. */
static int run_with(const struct fenced *fenced, const struct work *work, uint64_t capabilities)
{
	struct datapath_fence *fence;
	int status, r;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		if (datapath_fence_open(fenced->datapath, fenced->cgroup.name, &fence, NULL) ||
		    keep_only(capabilities))
			_exit(255);
		r = work->run(fenced, fence);
		_exit(r ? -r : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void bpf_and_net_admin_are_all_it_takes_to_keep_fences(void **state)
{
	struct fenced *fenced = *state;
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(works); i++) {
		put_fence_up(fenced, RULES);
		r = run_with(fenced, &works[i], KEEPS);
		if (r)
			fail_msg("%s: %s", works[i].name, strerror(r));
		take_fence_down(fenced);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(fences_with_one_policy_stand_whole_and_name_it),
		FENCED_TEST(a_resolver_is_told_once_for_each_namespace),
		FENCED_TEST(bpf_and_net_admin_are_all_it_takes_to_keep_fences),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
