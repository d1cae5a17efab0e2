// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Cgroups by their ids, and what may be said of one that cannot be looked at. */
#include "workload.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tree.h"

static uint64_t id_of(const struct workload *workload)
{
	struct stat st;

	assert_int_equal(fstat(workload->cgroup.fd, &st), 0);
	return st.st_ino;
}

static void a_cgroup_is_found_by_its_id(void **state)
{
	struct workload *workload = *state;
	char *path;

	assert_int_equal(tree_find_path(workload->cgroup.fd, id_of(workload), &path), 0);
	assert_string_equal(path, workload->cgroup.path);
	free(path);
	assert_false(tree_is_gone(workload->cgroup.fd));
}

static void one_that_was_removed_is_gone(void **state)
{
	struct workload *workload = *state;
	char path[2 * CGROUP_PATH_BYTES], *found;
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/gone", workload->cgroup.path);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(tree_open(path, &fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_false(tree_is_gone(fd));
	assert_int_equal(rmdir(path), 0);
	assert_true(tree_is_gone(fd));
	assert_int_equal(tree_find_path(workload->cgroup.fd, st.st_ino, &found), -ENOENT);
	close(fd);
}

/* A daemon that starts without descriptors must not take it for gone, and the fence down. */
static void one_that_cannot_be_opened_is_not_gone(void **state)
{
	struct workload *workload = *state;
	struct rlimit files, none;
	char *path;
	int r;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = files.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = tree_find_path(workload->cgroup.fd, id_of(workload), &path);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	assert_int_equal(r, -EMFILE);
}

/* Whoever was given a cgroup can nest others in it until our stack or our descriptors end. */
static void what_is_nested_too_deep_is_an_error(void **state)
{
	struct workload *workload = *state;
	int fd = dup(workload->cgroup.fd), below, i;
	struct tree tree;

	for (i = 0; i < TREE_DEPTH_MAX; i++) {
		assert_int_equal(tree_read(workload->cgroup.fd, &tree), 0);
		tree_finish(&tree);
		assert_int_equal(mkdirat(fd, "a", 0755), 0);
		below = openat(fd, "a", O_RDONLY | O_DIRECTORY);
		assert_true(below >= 0);
		close(fd);
		fd = below;
	}
	close(fd);
	assert_int_equal(tree_read(workload->cgroup.fd, &tree), -ELOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORKLOAD_TEST(a_cgroup_is_found_by_its_id),
		WORKLOAD_TEST(one_that_was_removed_is_gone),
		WORKLOAD_TEST(one_that_cannot_be_opened_is_not_gone),
		WORKLOAD_TEST(what_is_nested_too_deep_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
