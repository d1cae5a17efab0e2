// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* On a small file system of the test's own, mounted where nobody else sees it: as root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cgfence.h"
#include "policydir.h"
#include "util.h"

#define ROOM "size=64k"

static char place[64];
static char *path_of(const char *file)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", place, file);
	return path;
}

static struct policydir *opened(void)
{
	struct policydir *dir = NULL;
	struct failure failure;

	if (policydir_open(&dir, place, &failure))
		fail_msg("%s", failure.text);
	return dir;
}
#define _cleanup_dir_ _cleanup_(policydir_close)

static void put(const char *file, const char *text, mode_t mode)
{
	FILE *out = fopen(path_of(file), "w");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path_of(file), mode), 0);
}

static void assert_file(const char *file, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fclose_ FILE *in = fopen(path_of(file), "r");
	size_t size = 0;

	assert_non_null(in);
	if (getdelim(&text, &size, '\0', in) < 0)
		assert_string_equal("", expected);
	else
		assert_string_equal(text, expected);
}

/* Of all names, hidden ones too, with a space behind each, sorted. */
static void assert_files(const char *expected)
{
	struct dirent **entries;
	char found[512] = "";
	int count = scandir(place, &entries, NULL, alphasort), i;

	assert_true(count >= 2);
	for (i = 0; i < count; i++) {
		if (strcmp(entries[i]->d_name, ".") && strcmp(entries[i]->d_name, "..")) {
			strcat(found, entries[i]->d_name);
			strcat(found, " ");
		}
		free(entries[i]);
	}
	free(entries);
	assert_string_equal(found, expected);
}

static void assert_read(const char *name, const char *expected)
{
	_cleanup_dir_ struct policydir *dir = opened();
	_cleanup_free_ char *text = NULL;
	struct failure failure;
	size_t length;

	if (policydir_read(dir, name, &text, &length, &failure))
		fail_msg("%s", failure.text);
	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(expected));
}

static void assert_unreadable(const char *name, int error, const char *why)
{
	_cleanup_dir_ struct policydir *dir = opened();
	char *text = NULL;
	size_t length = 7;
	struct failure failure;

	assert_int_equal(policydir_read(dir, name, &text, &length, &failure), -error);
	assert_null(text);
	assert_int_equal(length, 7);
	if (!strstr(failure.text, why))
		fail_msg("'%s' is not in '%s'", why, failure.text);
}

static int written(const char *name, const char *text, struct failure *failure)
{
	_cleanup_dir_ struct policydir *dir = opened();

	return policydir_write(dir, name, text, strlen(text), failure);
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	assert_int_equal(written("web", "allow a:22\n", NULL), 0);
	assert_read("web", "allow a:22\n");
	assert_int_equal(written("web", "", NULL), 0);
	assert_read("web", "");
	assert_files("web.policy ");
}

static mode_t mode_of(const char *file)
{
	struct stat status;

	assert_int_equal(stat(path_of(file), &status), 0);
	return status.st_mode & 07777;
}

static void a_new_file_is_0644_and_an_old_one_keeps_mode_and_owner(void **state)
{
	struct stat status;
	mode_t old = umask(0077);

	(void)state;
	assert_int_equal(written("web", "allow a\n", NULL), 0);
	assert_int_equal(mode_of("web.policy"), 0644);
	put("own.policy", "allow a\n", 0640);
	assert_int_equal(chown(path_of("own.policy"), 0, 12345), 0);
	assert_int_equal(written("own", "allow b\n", NULL), 0);
	assert_int_equal(stat(path_of("own.policy"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(status.st_gid, 12345);
	put("group.policy", "allow a\n", 0666);
	assert_int_equal(written("group", "allow b\n", NULL), 0);
	assert_int_equal(mode_of("group.policy"), 0644);
	umask(old);
}

static void what_others_may_write_to_is_refused(void **state)
{
	(void)state;
	put("group.policy", "allow a\n", 0664);
	assert_unreadable("group", EPERM, "others than root may write to");
	put("all.policy", "allow a\n", 0646);
	assert_unreadable("all", EPERM, "chmod go-w");
	put("theirs.policy", "allow a\n", 0644);
	assert_int_equal(chown(path_of("theirs.policy"), 12345, 0), 0);
	assert_unreadable("theirs", EPERM, "chown root");
}

static void a_directory_that_others_may_write_to_is_refused(void **state)
{
	struct policydir *none = NULL;
	_cleanup_dir_ struct policydir *dir = opened();
	char *text = NULL;
	struct failure failure;
	size_t length;

	(void)state;
	put("web.policy", "allow a\n", 0644);
	assert_int_equal(chmod(place, 0775), 0);
	assert_int_equal(policydir_open(&none, place, &failure), -EPERM);
	assert_non_null(strstr(failure.text, place));
	/* Also later. */
	assert_int_equal(policydir_read(dir, "web", &text, &length, &failure), -EPERM);
	assert_null(none);
	assert_null(text);
	assert_int_equal(chmod(place, 0755), 0);
}

static void only_a_missing_directory_is_made_not_its_parents(void **state)
{
	struct policydir *dir = NULL;
	struct failure failure;

	(void)state;
	assert_int_equal(policydir_open(&dir, path_of("a/b"), &failure), -ENOENT);
	assert_null(dir);
	assert_int_equal(policydir_open(&dir, path_of("a"), &failure), 0);
	policydir_close(&dir);
	assert_int_equal(mode_of("a"), 0755);
	put("file", "", 0644);
	assert_int_equal(policydir_open(&dir, path_of("file"), &failure), -ENOTDIR);
	assert_null(dir);
}

static void a_relative_path_stays_where_it_was(void **state)
{
	_cleanup_dir_ struct policydir *dir = NULL;
	_cleanup_free_ char *here = getcwd(NULL, 0), *path = NULL;

	(void)state;
	put("web.policy", "allow a\n", 0644);
	assert_int_equal(chdir(place), 0);
	assert_int_equal(policydir_open(&dir, ".", NULL), 0);
	assert_int_equal(chdir(here), 0);
	assert_int_equal(policydir_write(dir, "web", "deny any\n", 9, NULL), 0);
	assert_read("web", "deny any\n");
	path = policydir_path(dir, "web");
	assert_int_equal(access(path, R_OK), 0);
	assert_int_equal(path[0], '/');
}

static void what_is_no_file_is_refused_and_nothing_waits(void **state)
{
	struct failure failure;

	(void)state;
	assert_int_equal(mkdir(path_of("dir.policy"), 0755), 0);
	assert_int_equal(mkfifo(path_of("fifo.policy"), 0644), 0);
	assert_unreadable("dir", EINVAL, "no regular file");
	assert_unreadable("fifo", EINVAL, "no regular file");
	assert_unreadable("none", ENOENT, "none.policy");
	assert_int_equal(written("dir", "allow a\n", &failure), -EINVAL);
	assert_int_equal(written("fifo", "allow a\n", &failure), -EINVAL);
	assert_files("dir.policy fifo.policy ");
}

static void a_symbolic_link_is_read_and_not_written(void **state)
{
	struct failure failure;

	(void)state;
	put("elsewhere", "allow a\n", 0644);
	assert_int_equal(symlink("elsewhere", path_of("web.policy")), 0);
	assert_int_equal(symlink("nowhere", path_of("lost.policy")), 0);
	assert_read("web", "allow a\n");
	assert_unreadable("lost", ENOENT, "lost.policy");
	assert_int_equal(written("web", "allow b\n", &failure), -ELOOP);
	assert_non_null(strstr(failure.text, "symbolic link"));
	assert_int_equal(written("lost", "allow b\n", &failure), -ELOOP);
	assert_file("elsewhere", "allow a\n");
	assert_files("elsewhere lost.policy web.policy ");
}

static void what_a_symbolic_link_leads_to_is_roots_alone_too(void **state)
{
	(void)state;
	put("elsewhere", "allow a\n", 0664);
	assert_int_equal(symlink("elsewhere", path_of("web.policy")), 0);
	assert_unreadable("web", EPERM, "others than root");
}

static void the_link_is_removed_and_not_what_it_leads_to(void **state)
{
	_cleanup_dir_ struct policydir *dir = opened();

	(void)state;
	put("elsewhere", "allow a\n", 0644);
	assert_int_equal(symlink("elsewhere", path_of("web.policy")), 0);
	assert_int_equal(policydir_remove(dir, "web", NULL), 0);
	assert_files("elsewhere ");
}

static void a_full_disk_leaves_the_old_file_and_nothing_else(void **state)
{
	_cleanup_free_ char *text = malloc(128 * 1024);
	struct failure failure;

	(void)state;
	memset(text, '#', 128 * 1024);
	text[128 * 1024 - 1] = '\0';
	assert_int_equal(written("web", "allow a\n", NULL), 0);
	assert_int_equal(written("web", text, &failure), -ENOSPC);
	assert_non_null(strstr(failure.text, "web.policy': No space left on device"));
	assert_int_equal(written("new", text, &failure), -ENOSPC);
	assert_read("web", "allow a\n");
	assert_files("web.policy ");
	/* And there is room again for a small one. */
	assert_int_equal(written("web", "allow b\n", NULL), 0);
	assert_read("web", "allow b\n");
}

static void a_read_only_file_system_is_said_and_changes_nothing(void **state)
{
	_cleanup_dir_ struct policydir *dir = NULL;
	struct failure failure;

	(void)state;
	put("web.policy", "allow a\n", 0644);
	put("web.targets", "pid:1\n", 0644);
	assert_int_equal(mount("tmpfs", place, "tmpfs", MS_REMOUNT | MS_RDONLY, ROOM), 0);
	dir = opened();
	assert_int_equal(written("web", "allow b\n", &failure), -EROFS);
	assert_non_null(strstr(failure.text, "Read-only file system"));
	assert_int_equal(policydir_remove(dir, "web", &failure), -EROFS);
	assert_int_equal(policydir_add_target(dir, "web", "pid:2", NULL, &failure), -EROFS);
	assert_int_equal(policydir_remove_target(dir, "web", "pid:1", &failure), -EROFS);
	/* What there is to change is nothing. */
	assert_int_equal(policydir_add_target(dir, "web", "pid:1", NULL, &failure), 0);
	assert_read("web", "allow a\n");
	assert_file("web.targets", "pid:1\n");
	assert_files("web.policy web.targets ");
}

static void what_is_mounted_there_later_counts(void **state)
{
	_cleanup_dir_ struct policydir *dir = opened();

	(void)state;
	put("web.policy", "allow a\n", 0644);
	assert_int_equal(mount("tmpfs", place, "tmpfs", 0, "mode=755"), 0);
	assert_int_equal(policydir_write(dir, "web", "deny any\n", 9, NULL), 0);
	assert_read("web", "deny any\n");
	assert_int_equal(umount(place), 0);
	assert_read("web", "allow a\n");
}

static void what_a_loss_of_power_left_is_replaced(void **state)
{
	(void)state;
	put(".web.policy.new", "allow ever", 0600);
	assert_int_equal(written("web", "allow a\n", NULL), 0);
	assert_read("web", "allow a\n");
	assert_files("web.policy ");
}

static void a_text_may_have_4_mib(void **state)
{
	(void)state;
	assert_int_equal(mount("tmpfs", place, "tmpfs", MS_REMOUNT, "size=16m"), 0);
	put("web.policy", "", 0644);
	assert_int_equal(truncate(path_of("web.policy"), CGF_POLICY_FILE_BYTES_MAX + 1), 0);
	assert_unreadable("web", E2BIG, "more than 4194304 bytes");
	{
		_cleanup_dir_ struct policydir *dir = opened();
		_cleanup_free_ char *text = NULL;
		size_t length;

		assert_int_equal(truncate(path_of("web.policy"), CGF_POLICY_FILE_BYTES_MAX), 0);
		assert_int_equal(policydir_read(dir, "web", &text, &length, NULL), 0);
		assert_int_equal(length, CGF_POLICY_FILE_BYTES_MAX);
	}
}

/* One text after another, of 'a' and of 'b', until it is killed. */
static void write_all_the_while(void)
{
	static char texts[2][16384];
	_cleanup_dir_ struct policydir *dir = opened();
	int i;

	memset(texts[0], 'a', sizeof(texts[0]));
	memset(texts[1], 'b', sizeof(texts[1]));
	for (i = 0;; i++)
		if (policydir_write(dir, "web", texts[i % 2], sizeof(texts[0]), NULL))
			_exit(1);
}

/* Reads until both texts were seen a thousand times. */
static void read_all_the_while(void)
{
	_cleanup_dir_ struct policydir *dir = opened();
	uint64_t end_ns = monotonic_ns() + 60 * NSEC_PER_SEC;
	unsigned int seen[2] = {};
	size_t length, i;

	while ((seen[0] < 1000 || seen[1] < 1000) && monotonic_ns() < end_ns) {
		_cleanup_free_ char *text = NULL;

		assert_int_equal(policydir_read(dir, "web", &text, &length, NULL), 0);
		if (!length)
			continue; /* the one of the beginning */
		assert_int_equal(length, 16384);
		for (i = 1; i < length; i++)
			if (text[i] != text[0])
				fail_msg("'%c' and then '%c'", text[0], text[i]);
		seen[text[0] == 'b']++;
	}
	assert_true(seen[0] >= 1000 && seen[1] >= 1000);
}

static void a_file_that_is_replaced_while_it_is_read_is_the_old_or_the_new_one(void **state)
{
	pid_t child;

	(void)state;
	put("web.policy", "", 0644);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		write_all_the_while();
	read_all_the_while();
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

struct found {
	char text[512];
	int stop_after; /* calls, -1: never */
};

static int find_name(const char *name, bool usable, void *data)
{
	struct found *found = data;

	strcat(strcat(found->text, name), usable ? " " : "! ");
	return --found->stop_after ? 0 : 17;
}

static void policies_are_found_in_order_and_what_is_none_is_told(void **state)
{
	struct found found = {}, first = { .stop_after = 1 };
	_cleanup_dir_ struct policydir *dir = opened();

	(void)state;
	put("web.policy", "", 0644);
	put("build.policy", "", 0644);
	put("B.policy", "", 0644);
	put("b c.policy", "", 0644);
	put("x.policy.policy", "", 0644);
	put("web.policy~", "", 0644);
	put("web.targets", "", 0644);
	put("README", "", 0644);
	put(".web.policy.new", "", 0644);
	put(".hidden.policy", "", 0644);
	put(".policy", "", 0644);
	assert_int_equal(symlink("user@host.1", path_of(".#web.policy")), 0);
	assert_int_equal(policydir_each(dir, find_name, &found, NULL), 0);
	assert_string_equal(found.text, "B b c! build web x.policy! ");
	assert_int_equal(policydir_each(dir, find_name, &first, NULL), 17);
	assert_string_equal(first.text, "B ");
}

static void an_empty_directory_has_no_policies(void **state)
{
	struct found found = {};
	_cleanup_dir_ struct policydir *dir = opened();
	struct failure failure;

	(void)state;
	assert_int_equal(policydir_each(dir, find_name, &found, NULL), 0);
	assert_string_equal(found.text, "");
	assert_int_equal(umount(place), 0);
	assert_int_equal(rmdir(place), 0);
	assert_int_equal(policydir_each(dir, find_name, &found, &failure), -ENOENT);
	assert_non_null(strstr(failure.text, place));
	assert_int_equal(mkdir(place, 0755), 0);
	assert_int_equal(mount("tmpfs", place, "tmpfs", 0, ROOM ",mode=755"), 0);
}

static void a_name_that_leads_elsewhere_is_none(void **state)
{
	_cleanup_dir_ struct policydir *dir = opened();
	static const char *const names[] = { "../web", "", ".", "a/b", "web.policy", "-x", "a b" };
	char *text = NULL;
	struct failure failure;
	size_t i, length;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(policydir_read(dir, names[i], &text, &length, NULL), -EINVAL);
		assert_int_equal(policydir_write(dir, names[i], "", 0, NULL), -EINVAL);
		assert_int_equal(policydir_remove(dir, names[i], NULL), -EINVAL);
		assert_int_equal(policydir_add_target(dir, names[i], "pid:1", NULL, &failure),
				 -EINVAL);
	}
	assert_files("");
}

static int find_target(const char *target, size_t line, void *data)
{
	struct found *found = data;
	size_t used = strlen(found->text);

	snprintf(found->text + used, sizeof(found->text) - used, "%zu:%s|", line, target);
	return --found->stop_after ? 0 : 17;
}

static void assert_targets(const char *expected)
{
	_cleanup_dir_ struct policydir *dir = opened();
	struct found found = {};

	assert_int_equal(policydir_each_target(dir, "web", find_target, &found, NULL), 0);
	assert_string_equal(found.text, expected);
}

static void targets_are_lines_without_comments_and_blanks(void **state)
{
	(void)state;
	assert_targets("");
	put("web.targets",
	    "# by hand\n\ncontainer:web # the first\n  /sys/fs/cgroup/a b#c \t\r\n#pid:1\nunit:x",
	    0644);
	assert_targets("3:container:web|4:/sys/fs/cgroup/a b#c|6:unit:x|");
}

static void targets_are_added_and_removed_and_the_rest_stays(void **state)
{
	_cleanup_dir_ struct policydir *dir = opened();

	(void)state;
	assert_int_equal(policydir_add_target(dir, "web", "container:a", NULL, NULL), 0);
	assert_file("web.targets", "container:a\n");
	put("web.targets", "# by hand\n container:a # x\nunit:b", 0644);
	assert_int_equal(policydir_add_target(dir, "web", "container:a", NULL, NULL), 0);
	assert_int_equal(policydir_add_target(dir, "web", "/c d", NULL, NULL), 0);
	assert_file("web.targets", "# by hand\n container:a # x\nunit:b\n/c d\n");
	assert_int_equal(policydir_remove_target(dir, "web", "container:a", NULL), 0);
	assert_int_equal(policydir_remove_target(dir, "web", "container", NULL), 0);
	assert_int_equal(policydir_remove_target(dir, "web", "by hand", NULL), 0);
	assert_file("web.targets", "# by hand\nunit:b\n/c d\n");
	assert_int_equal(policydir_remove_target(dir, "web", "/c d", NULL), 0);
	assert_int_equal(policydir_remove_target(dir, "web", "unit:b", NULL), 0);
	assert_file("web.targets", "# by hand\n");
}

static void no_target_left_is_no_file(void **state)
{
	_cleanup_dir_ struct policydir *dir = opened();

	(void)state;
	assert_int_equal(policydir_remove_target(dir, "web", "pid:1", NULL), 0);
	assert_int_equal(policydir_add_target(dir, "web", "pid:1", NULL, NULL), 0);
	assert_int_equal(policydir_remove_target(dir, "web", "pid:1", NULL), 0);
	assert_files("");
}

static void what_would_be_read_as_something_else_is_no_target(void **state)
{
	_cleanup_dir_ struct policydir *dir = opened();
	static const char *const wrong[] = { "", " a", "a ", "a\nb", "#a", "a #b", "a\r", "\t" };
	struct failure failure;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(policydir_add_target(dir, "web", wrong[i], NULL, &failure),
				 -EINVAL);
	assert_files("");
}

static void targets_that_others_may_write_are_refused(void **state)
{
	_cleanup_dir_ struct policydir *dir = opened();
	struct found found = {};

	(void)state;
	put("web.targets", "pid:1\n", 0662);
	assert_int_equal(policydir_each_target(dir, "web", find_target, &found, NULL), -EPERM);
	assert_int_equal(policydir_add_target(dir, "web", "pid:2", NULL, NULL), -EPERM);
	assert_string_equal(found.text, "");
	assert_file("web.targets", "pid:1\n");
}

static void both_files_are_removed_and_missing_ones_are_no_error(void **state)
{
	_cleanup_dir_ struct policydir *dir = opened();

	(void)state;
	put("web.policy", "", 0644);
	put("web.targets", "", 0644);
	put("web2.policy", "", 0644);
	assert_int_equal(policydir_remove(dir, "web", NULL), 0);
	assert_int_equal(policydir_remove(dir, "web", NULL), 0);
	assert_files("web2.policy ");
}

static void if_one_of_both_files_cannot_be_removed_both_stay(void **state)
{
	_cleanup_dir_ struct policydir *dir = opened();
	struct failure failure;

	(void)state;
	put("web.targets", "pid:1\n", 0644);
	assert_int_equal(mkdir(path_of("web.policy"), 0755), 0);
	assert_int_equal(policydir_remove(dir, "web", &failure), -EISDIR);
	assert_non_null(strstr(failure.text, "web.policy'"));
	assert_files("web.policy web.targets ");
	assert_file("web.targets", "pid:1\n");
	assert_int_equal(rmdir(path_of("web.policy")), 0);
}

static void the_policy_alone_can_be_removed(void **state)
{
	_cleanup_dir_ struct policydir *dir = opened();

	(void)state;
	put("web.policy", "", 0644);
	put("web.targets", "", 0644);
	assert_int_equal(policydir_remove_policy(dir, "web", NULL), 0);
	assert_int_equal(policydir_remove_policy(dir, "web", NULL), 0);
	assert_files("web.targets ");
}

/* As many lines as there is room for, and then one. */
static void targets_that_could_not_be_read_again_are_not_written(void **state)
{
	_cleanup_free_ char *text = malloc(CGF_POLICY_FILE_BYTES_MAX + 1);
	_cleanup_dir_ struct policydir *dir = NULL;
	struct failure failure;

	(void)state;
	assert_int_equal(mount("none", place, "none", MS_REMOUNT, "size=16m"), 0);
	memset(text, '#', CGF_POLICY_FILE_BYTES_MAX);
	text[CGF_POLICY_FILE_BYTES_MAX - 6] = '\n';
	strcpy(text + CGF_POLICY_FILE_BYTES_MAX - 5, "pid:1");
	put("web.targets", text, 0644);
	dir = opened();
	assert_int_equal(policydir_add_target(dir, "web", "pid:2", NULL, &failure), -E2BIG);
	assert_non_null(strstr(failure.text, "web.targets' would have more than 4194304 bytes"));
	assert_targets("2:pid:1|");
	assert_files("web.targets ");
}

static int set_up(void **state)
{
	(void)state;
	return mount("tmpfs", place, "tmpfs", 0, ROOM ",mode=755");
}

static int tear_down(void **state)
{
	(void)state;
	return umount(place);
}

static int set_up_all(void **state)
{
	(void)state;
	strcpy(place, "/tmp/test_policydir.XXXXXX");
	if (!mkdtemp(place) || unshare(CLONE_NEWNS))
		return -1;
	return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL);
}

static int tear_down_all(void **state)
{
	(void)state;
	return rmdir(place);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read),
		TEST(a_new_file_is_0644_and_an_old_one_keeps_mode_and_owner),
		TEST(what_others_may_write_to_is_refused),
		TEST(a_directory_that_others_may_write_to_is_refused),
		TEST(only_a_missing_directory_is_made_not_its_parents),
		TEST(a_relative_path_stays_where_it_was),
		TEST(what_is_no_file_is_refused_and_nothing_waits),
		TEST(a_symbolic_link_is_read_and_not_written),
		TEST(what_a_symbolic_link_leads_to_is_roots_alone_too),
		TEST(the_link_is_removed_and_not_what_it_leads_to),
		TEST(a_full_disk_leaves_the_old_file_and_nothing_else),
		TEST(a_read_only_file_system_is_said_and_changes_nothing),
		TEST(what_is_mounted_there_later_counts),
		TEST(what_a_loss_of_power_left_is_replaced),
		TEST(a_text_may_have_4_mib),
		TEST(a_file_that_is_replaced_while_it_is_read_is_the_old_or_the_new_one),
		TEST(policies_are_found_in_order_and_what_is_none_is_told),
		TEST(an_empty_directory_has_no_policies),
		TEST(a_name_that_leads_elsewhere_is_none),
		TEST(targets_are_lines_without_comments_and_blanks),
		TEST(targets_are_added_and_removed_and_the_rest_stays),
		TEST(no_target_left_is_no_file),
		TEST(what_would_be_read_as_something_else_is_no_target),
		TEST(targets_that_others_may_write_are_refused),
		TEST(both_files_are_removed_and_missing_ones_are_no_error),
		TEST(if_one_of_both_files_cannot_be_removed_both_stay),
		TEST(the_policy_alone_can_be_removed),
		TEST(targets_that_could_not_be_read_again_are_not_written),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
