// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What targets are called, and which cgroups they are. Needs root, for cgroups of its own. */
#include "workload.h"

#include "target_internal.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define TARGET "cgfence-test-target"

static char hierarchy[CGROUP_PATH_BYTES];

static int parse(const char *text, struct target_name *ret_name)
{
	struct failure failure = {};
	int r = target_name_parse(text, ret_name, &failure);

	/* What is wrong is said, and how it is written. */
	assert_true(!r || strstr(failure.text, "a target is "));
	return r;
}

/* `text` is a target, which is written `expected`. */
static void assert_target(const char *text, enum target_kind kind, const char *expected)
{
	char found[TARGET_TEXT_BYTES];
	struct target_name name, again;

	assert_int_equal(parse(text, &name), 0);
	assert_int_equal(name.kind, kind);
	assert_string_equal(target_name_format(&name, found), expected);
	assert_int_equal(parse(found, &again), 0);
	assert_int_equal(again.kind, kind);
	assert_string_equal(again.text, name.text);
}

static void assert_no_target(const char *text)
{
	struct target_name name;

	assert_int_equal(parse(text, &name), -EINVAL);
}

static void a_target_is_of_one_of_four_kinds(void **state)
{
	(void)state;
	assert_target("pid:1", TARGET_PID, "pid:1");
	assert_target("pid:4194304", TARGET_PID, "pid:4194304");
	assert_target("unit:nginx.service", TARGET_UNIT, "unit:nginx.service");
	assert_target("container:web_1.a-b", TARGET_CONTAINER, "container:web_1.a-b");
	assert_target("/no/such/place", TARGET_CGROUP, "/no/such/place");
}

static void a_unit_without_a_suffix_is_a_service(void **state)
{
	(void)state;
	assert_target("unit:nginx", TARGET_UNIT, "unit:nginx.service");
	assert_target("unit:getty@tty1", TARGET_UNIT, "unit:getty@tty1.service");
	assert_target("unit:foo.bar", TARGET_UNIT, "unit:foo.bar.service");
	assert_target("unit:a\\x2db.slice", TARGET_UNIT, "unit:a\\x2db.slice");
	assert_target("unit:run-1.scope", TARGET_UNIT, "unit:run-1.scope");
}

static void what_cannot_be_a_target_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"pid:",
		"pid:0",
		"pid:01",
		"pid:-1",
		"pid:1x",
		"pid:+1",
		"pid:4194305",
		"pid:99999999999999999999",
		"pid: 1",
		"unit:",
		"unit:a/b",
		"unit:a b",
		"unit:..",
		"unit:.hidden",
		"container:",
		"container:a/b",
		"container:..",
		"container:-a",
		"container:a b",
		"docker:web",
		"PID\n",
		"/a\n/b",
		"container:\xc3\xbc",
		"/no/such/../place",
	};
	char long_name[400] = "container:";
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_no_target(wrong[i]);
	memset(long_name + strlen(long_name), 'a', sizeof(long_name) - strlen(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_no_target(long_name);
	memcpy(long_name, "unit:aaaaa", 10);
	assert_no_target(long_name);
}

static void a_path_is_absolute_and_has_no_links(void **state)
{
	char directory[] = "/tmp/cgfence-target.XXXXXX", link[64], expected[128], text[128];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(link, sizeof(link), "%s/link", directory);
	assert_int_equal(symlink("/sys/fs", link), 0);
	snprintf(text, sizeof(text), "%s//link/cgroup/no/such/", directory);
	assert_target(text, TARGET_CGROUP, "/sys/fs/cgroup/no/such");
	assert_int_equal(chdir(directory), 0);
	assert_target("link/no", TARGET_CGROUP, "/sys/fs/no");
	snprintf(expected, sizeof(expected), "%s/pid:1", directory);
	assert_target("./pid:1", TARGET_CGROUP, expected);
	assert_target("link/..", TARGET_CGROUP, "/sys");
	assert_target("/", TARGET_CGROUP, "/");
	assert_int_equal(chdir("/"), 0);
	assert_target("no/such", TARGET_CGROUP, "/no/such");
	unlink(link);
	rmdir(directory);
}

/* --- names of fences ------------------------------------------------------------------------- */

static void assert_fence(const char *text, const char *expected)
{
	char fence[TARGET_FENCE_BYTES];
	struct target_name name, back;

	assert_int_equal(parse(text, &name), 0);
	assert_string_equal(target_name_fence(&name, fence), expected);
	assert_int_equal(target_name_of_fence(fence, &back), 0);
	assert_int_equal(back.kind, name.kind);
	assert_string_equal(back.text, name.text);
}

static void a_fence_is_named_by_its_target(void **state)
{
	char path[2 * CGROUP_PATH_BYTES];

	(void)state;
	assert_fence("pid:17", "pid:17");
	assert_fence("container:web", "container:web");
	assert_fence("container:a.b", "container:a%2Eb");
	assert_fence("unit:nginx", "unit:nginx%2Eservice");
	assert_fence("unit:a\\x2db@1.service", "unit:a%5Cx2db@1%2Eservice");
	snprintf(path, sizeof(path), "%s/no such/a%%b~", hierarchy);
	assert_fence(path, "cgroup:no%20such%2Fa%25b%7E");
	assert_fence("/no/such", "cgroup:%2Fno%2Fsuch");
}

static void what_is_no_fence_of_a_target_is_told(void **state)
{
	static const char *const wrong[] = {
		"run-12-1",	  "cgroup:",	  "cgroup",    "pid:0",	     "unit:a",
		"unit:a.service", "cgroup:a%2fb", "cgroup:a%", "cgroup:a%2", "cgroup:a%00b",
		"cgroup:%41",	  "cgroup:a/b",	  ""
	};
	struct target_name name;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(target_name_of_fence(wrong[i], &name), -EINVAL);
}

static void a_long_name_is_cut_and_stays_one_of_its_own(void **state)
{
	char fences[2][TARGET_FENCE_BYTES], path[300] = "/no/such/";
	struct target_name name;
	size_t i;

	(void)state;
	memset(path + strlen(path), '.', 200);
	path[209] = '\0';
	for (i = 0; i < 2; i++) {
		path[200] = i ? 'a' : 'b';
		assert_int_equal(parse(path, &name), 0);
		target_name_fence(&name, fences[i]);
		assert_true(strlen(fences[i]) < TARGET_FENCE_BYTES);
		assert_non_null(strchr(fences[i], '~'));
		assert_int_equal(target_name_of_fence(fences[i], &name), -EINVAL);
	}
	assert_string_not_equal(fences[0], fences[1]);
}

/* --- cgroups --------------------------------------------------------------------------------- */

static int setup(void **state)
{
	struct workload *workload = calloc(1, sizeof(*workload));

	*state = workload;
	return cgroup_mount(hierarchy, NULL) ||
	       cgroup_create(hierarchy, TARGET, &workload->cgroup, NULL);
}

static int teardown(void **state)
{
	struct workload *workload = *state;
	size_t i;

	for (i = 0; i < workload->count; i++) {
		kill(workload->children[i].pid, SIGKILL);
		waitpid(workload->children[i].pid, NULL, 0);
	}
	cgroup_empty(&workload->cgroup);
	i = cgroup_remove(&workload->cgroup) ? 1 : 0;
	free(workload);
	return (int)i;
}

static int find(const char *text, char ret_path[CGROUP_PATH_BYTES], const char *says)
{
	struct failure failure = {};
	struct target_name name;
	int r;

	assert_int_equal(parse(text, &name), 0);
	r = target_name_find(&name, ret_path, &failure);
	if (r && !strstr(failure.text, says))
		fail_msg("%s: '%s' is not '%s'", text, failure.text, says);
	return r;
}

static void assert_found(const char *text, const char *expected)
{
	char path[CGROUP_PATH_BYTES];

	assert_int_equal(find(text, path, ""), 0);
	assert_string_equal(path, expected);
}

static void assert_not_found(const char *text, int error, const char *says)
{
	char path[CGROUP_PATH_BYTES];

	assert_int_equal(find(text, path, says), error);
}

static void a_cgroup_is_found_by_its_directory(void **state)
{
	const struct workload *workload = *state;
	char text[2 * CGROUP_PATH_BYTES];

	assert_found(workload->cgroup.path, workload->cgroup.path);
	snprintf(text, sizeof(text), "%s/../" TARGET "/", workload->cgroup.path);
	assert_found(text, workload->cgroup.path);
	snprintf(text, sizeof(text), "%s/none", workload->cgroup.path);
	assert_not_found(text, -ENOENT, "there is no cgroup /");
}

static void by_another_mount_it_is_the_same(void **state)
{
	const struct workload *workload = *state;
	char directory[] = "/tmp/cgfence-target.XXXXXX", text[128], found[CGROUP_PATH_BYTES];
	int r;

	assert_non_null(mkdtemp(directory));
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("cgroup2", directory, "cgroup2", 0, ""), 0);
	snprintf(text, sizeof(text), "%s/" TARGET, directory);
	r = find(text, found, "");
	assert_not_found(directory, -EINVAL, "the root cgroup");
	umount(directory);
	rmdir(directory);
	assert_int_equal(r, 0);
	assert_string_equal(found, workload->cgroup.path);
}

static void what_is_no_cgroup_is_refused(void **state)
{
	const struct workload *workload = *state;
	char text[2 * CGROUP_PATH_BYTES];

	assert_not_found("/tmp", -EINVAL, "/tmp is not the directory of a cgroup");
	snprintf(text, sizeof(text), "%s/cgroup.procs", workload->cgroup.path);
	assert_not_found(text, -EINVAL, "is not the directory of a cgroup");
}

/* Of what is not there: it may come, or it is mistyped. */
static void a_path_where_no_cgroup_can_come_is_refused(void **state)
{
	const struct workload *workload = *state;
	char text[2 * CGROUP_PATH_BYTES];

	snprintf(text, sizeof(text), "%s/none/below", workload->cgroup.path);
	assert_not_found(text, -ENOENT, "there is no cgroup /");
	assert_not_found("/tmp/none/below", -EINVAL, "/tmp/none/below is not there, and could be");
	assert_not_found("/none", -EINVAL, "could be no cgroup");
	assert_not_found("none", -EINVAL, "could be no cgroup");
	assert_not_found("/proc/self/none", -EINVAL, "could be no cgroup");
}

static void the_root_cgroup_is_refused_however_it_is_named(void **state)
{
	const struct workload *workload = *state;
	char text[2 * CGROUP_PATH_BYTES];
	struct child *child;
	int fd = open(hierarchy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_not_found(hierarchy, -EINVAL, "the root cgroup");
	snprintf(text, sizeof(text), "%s/..", workload->cgroup.path);
	assert_not_found(text, -EINVAL, "the root cgroup");
	assert_not_found("unit:-.slice", -EINVAL, "the root cgroup");
	child = start_child(*state);
	get(child, join_cgroup, fd, 0);
	snprintf(text, sizeof(text), "pid:%d", child->pid);
	assert_not_found(text, -EINVAL, "the root cgroup");
	close(fd);
}

static void a_process_is_in_its_cgroup_now(void **state)
{
	const struct workload *workload = *state;
	char text[64], below[2 * CGROUP_PATH_BYTES];
	struct child *child;
	int fd;

	snprintf(below, sizeof(below), "%s/below", workload->cgroup.path);
	assert_int_equal(mkdir(below, 0755), 0);
	fd = open(below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	child = start_child(*state);
	snprintf(text, sizeof(text), "pid:%d", child->pid);
	get(child, join_cgroup, workload->cgroup.fd, 0);
	assert_found(text, workload->cgroup.path);
	get(child, join_cgroup, fd, 0);
	close(fd);
	assert_found(text, below);
}

static void a_process_that_has_ended_is_none(void **state)
{
	const struct workload *workload = *state;
	struct child *child = start_child(*state);
	siginfo_t info;
	char text[64];

	get(child, join_cgroup, workload->cgroup.fd, 0);
	snprintf(text, sizeof(text), "pid:%d", child->pid);
	kill(child->pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT), 0);
	assert_not_found(text, -ENOENT, "there is no process");
	assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
	assert_not_found(text, -ENOENT, "there is no process");
}

/* --- units: by the names of directories ------------------------------------------------------ */

#define UNITS                                                                                      \
	"mkdir -p system.slice/nginx.service/sub "                                                 \
	"'system.slice/system-getty.slice/getty@tty1.service' "                                    \
	"system.slice/_cpu.service a.slice/a-b.slice/deep.service init.scope "                     \
	"user.slice/user-0.slice/user@0.service/app.slice/own.service "                            \
	"system.slice/box.service/system.slice/inner.service "                                     \
	"a.slice/twice.service system.slice/twice.service 'system.slice/dev-a\\x2db.mount'"

static int find_unit(const char *directory, const char *unit, char ret_path[CGROUP_PATH_BYTES],
		     const char *says)
{
	struct failure failure = {};
	int r = target_find_unit(directory, unit, ret_path, &failure);

	if (r && !strstr(failure.text, says))
		fail_msg("%s: '%s' is not '%s'", unit, failure.text, says);
	return r;
}

static void units_are_found_in_slices_only(void **state)
{
	static const char *const there[][2] = {
		{ "nginx.service", "system.slice/nginx.service" },
		{ "getty@tty1.service", "system.slice/system-getty.slice/getty@tty1.service" },
		{ "cpu.service", "system.slice/_cpu.service" },
		{ "deep.service", "a.slice/a-b.slice/deep.service" },
		{ "init.scope", "init.scope" },
		{ "a-b.slice", "a.slice/a-b.slice" },
		{ "user@0.service", "user.slice/user-0.slice/user@0.service" },
		{ "dev-a\\x2db.mount", "system.slice/dev-a\\x2db.mount" },
	};
	static const char *const missing[] = { "own.service", "inner.service", "sub.service",
					       "getty.service", "ginx.service" };
	char directory[] = "/tmp/cgfence-target.XXXXXX", path[CGROUP_PATH_BYTES], line[1024];
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(line, sizeof(line), "cd %s && " UNITS, directory);
	assert_int_equal(system(line), 0);
	for (i = 0; i < ARRAY_SIZE(there); i++) {
		assert_int_equal(find_unit(directory, there[i][0], path, ""), 0);
		assert_string_equal(path + strlen(directory) + 1, there[i][1]);
	}
	for (i = 0; i < ARRAY_SIZE(missing); i++)
		assert_int_equal(find_unit(directory, missing[i], path, missing[i]), -ENOENT);
	assert_int_equal(find_unit(directory, "twice.service", path, "a.slice/twice.service"),
			 -EINVAL);
	assert_int_equal(find_unit(directory, "twice.service", path, "system.slice/twice.service"),
			 -EINVAL);
	snprintf(line, sizeof(line), "rm -r %s", directory);
	assert_int_equal(system(line), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int find_mount(void **state)
{
	(void)state;
	return cgroup_mount(hierarchy, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_of_one_of_four_kinds),
		cmocka_unit_test(a_unit_without_a_suffix_is_a_service),
		cmocka_unit_test(what_cannot_be_a_target_is_refused),
		cmocka_unit_test(a_path_is_absolute_and_has_no_links),
		cmocka_unit_test(a_fence_is_named_by_its_target),
		cmocka_unit_test(what_is_no_fence_of_a_target_is_told),
		cmocka_unit_test(a_long_name_is_cut_and_stays_one_of_its_own),
		TEST(a_cgroup_is_found_by_its_directory),
		TEST(what_is_no_cgroup_is_refused),
		TEST(a_path_where_no_cgroup_can_come_is_refused),
		TEST(the_root_cgroup_is_refused_however_it_is_named),
		TEST(a_process_is_in_its_cgroup_now),
		TEST(a_process_that_has_ended_is_none),
		cmocka_unit_test(units_are_found_in_slices_only),
		TEST(by_another_mount_it_is_the_same),
	};

	return cmocka_run_group_tests(tests, find_mount, NULL);
}
