// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <event2/event.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "util.h"
#include "watch.h"

#define DEADLINE_S 5
/* Twice what it takes to be told. */
#define QUIET_MS (2 * WATCH_SETTLE_MS + 50)

struct fixture {
	struct event_base *base;
	struct watch *watch;
	unsigned int changes;
	bool late;
	char directory[64];
};

static void write_file(const struct fixture *fixture, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void command(const struct fixture *fixture, const char *text)
{
	char line[256];

	snprintf(line, sizeof(line), "cd %s && %s", fixture->directory, text);
	assert_int_equal(system(line), 0);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->base = event_base_new();
	strcpy(fixture->directory, "/tmp/cgfence-watch.XXXXXX");
	*state = fixture;
	if (watch_init(&fixture->watch, fixture->base))
		return -1;
	return mkdtemp(fixture->directory) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char line[128];

	watch_finish(&fixture->watch);
	event_base_free(fixture->base);
	snprintf(line, sizeof(line), "rm -rf %s", fixture->directory);
	free(fixture);
	return system(line);
}

static void on_change(void *data)
{
	((struct fixture *)data)->changes++;
}

static void on_late(int fd, short what, void *data)
{
	(void)fd;
	(void)what;
	((struct fixture *)data)->late = true;
}

static void add(struct fixture *fixture, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
	assert_int_equal(watch_add(fixture->watch, path, on_change, fixture), 0);
}

/* Of this process. */
static unsigned int count_inotify(void)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned int count = 0;
	char target[64];
	ssize_t length;

	assert_non_null(directory);
	while ((entry = readdir(directory))) {
		length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		count += !strcmp(target, "anon_inode:inotify");
	}
	closedir(directory);
	return count;
}

/* Until there are so many changes, or it is late. */
static void run(struct fixture *fixture, unsigned int changes, const struct timeval *wait)
{
	struct event *timer = event_new(fixture->base, -1, 0, on_late, fixture);

	fixture->late = false;
	event_add(timer, wait);
	while (fixture->changes < changes && !fixture->late)
		event_base_loop(fixture->base, EVLOOP_ONCE);
	event_free(timer);
}

/* Until the kernel tells of changes. */
static void run_until_watched(struct fixture *fixture)
{
	static const struct timeval deadline = { .tv_sec = DEADLINE_S };
	struct event *timer = event_new(fixture->base, -1, 0, on_late, fixture);

	fixture->late = false;
	event_add(timer, &deadline);
	while (!count_inotify() && !fixture->late)
		event_base_loop(fixture->base, EVLOOP_ONCE);
	event_free(timer);
	assert_false(fixture->late);
}

static void begin(struct fixture *fixture, const char *name)
{
	add(fixture, name);
	run_until_watched(fixture);
}

/* One more than before, and no second. */
static void assert_told_once(struct fixture *fixture)
{
	static const struct timeval deadline = { .tv_sec = DEADLINE_S };
	static const struct timeval quiet = { .tv_usec = QUIET_MS * 1000 };
	unsigned int changes = fixture->changes + 1;

	run(fixture, changes, &deadline);
	run(fixture, changes + 1, &quiet);
	assert_int_equal(fixture->changes, changes);
}

static void run_until_quiet(struct fixture *fixture)
{
	static const struct timeval quiet = { .tv_usec = QUIET_MS * 1000 };

	do {
		run(fixture, fixture->changes + 1, &quiet);
	} while (!fixture->late);
}

static void assert_quiet(struct fixture *fixture)
{
	unsigned int changes = fixture->changes;

	run_until_quiet(fixture);
	assert_int_equal(fixture->changes, changes);
}

static void a_file_that_is_written_is_told_of(void **state)
{
	write_file(*state, "file", "one");
	begin(*state, "file");
	assert_quiet(*state);
	write_file(*state, "file", "other");
	assert_told_once(*state);
	write_file(*state, "file", "other yet");
	assert_told_once(*state);
}

static void a_file_that_is_replaced_is_told_of_each_time(void **state)
{
	write_file(*state, "file", "one");
	begin(*state, "file");
	write_file(*state, "new", "two");
	command(*state, "mv new file");
	assert_told_once(*state);
	write_file(*state, "new", "three");
	command(*state, "mv new file");
	assert_told_once(*state);
}

static void several_changes_in_a_row_are_one(void **state)
{
	write_file(*state, "file", "one");
	begin(*state, "file");
	command(*state, "for i in 1 2 3 4 5 6 7 8 9; do echo $i >new; mv new file; done");
	assert_told_once(*state);
}

static void other_files_are_not_told_of(void **state)
{
	write_file(*state, "file", "one");
	begin(*state, "file");
	write_file(*state, "other", "two");
	command(*state, "mv other another; rm another");
	assert_quiet(*state);
}

static void the_target_of_a_link_is_told_of(void **state)
{
	command(*state,
		"mkdir run && echo one >run/stub && ln -s run/stub link && ln -s link file");
	begin(*state, "file");
	command(*state, "echo two >run/new && mv run/new run/stub");
	assert_told_once(*state);
	command(*state, "echo other >run/other && ln -s run/other new && mv -T new link");
	assert_told_once(*state);
	/* Not the target any more. */
	command(*state, "echo three >run/stub");
	assert_quiet(*state);
	command(*state, "echo four >run/other");
	assert_told_once(*state);
}

static void a_file_that_comes_and_goes_is_told_of(void **state)
{
	begin(*state, "file");
	assert_quiet(*state);
	write_file(*state, "file", "one");
	assert_told_once(*state);
	command(*state, "rm file");
	assert_told_once(*state);
}

static void directories_that_are_not_there_are_waited_for(void **state)
{
	command(*state, "ln -s a/b/stub file");
	begin(*state, "file");
	command(*state, "mkdir a");
	assert_quiet(*state);
	command(*state, "mkdir a/b");
	assert_quiet(*state);
	command(*state, "echo one >a/b/stub");
	assert_told_once(*state);
}

static void what_is_over_soon_has_no_descriptor(void **state)
{
	write_file(*state, "file", "one");
	add(*state, "file");
	assert_quiet(*state);
	assert_int_equal(count_inotify(), 0);
}

static void what_watches_nothing_has_no_descriptor_ever(void **state)
{
	static const struct timeval wait = { .tv_sec = WATCH_AFTER_MS / 1000,
					     .tv_usec = QUIET_MS * 1000 };

	run(*state, 1, &wait);
	assert_int_equal(count_inotify(), 0);
}

static void a_change_before_the_kernel_is_asked_is_told_of(void **state)
{
	write_file(*state, "file", "one");
	add(*state, "file");
	write_file(*state, "file", "other");
	assert_told_once(*state);
	write_file(*state, "file", "other yet");
	assert_told_once(*state);
}

static void a_replacement_of_the_same_length_is_too(void **state)
{
	write_file(*state, "file", "one");
	write_file(*state, "new", "two");
	add(*state, "file");
	command(*state, "mv new file");
	assert_told_once(*state);
}

static void a_file_that_comes_or_goes_before_is_told_of(void **state)
{
	write_file(*state, "goes", "one");
	add(*state, "goes");
	add(*state, "comes");
	write_file(*state, "comes", "one");
	command(*state, "rm goes");
	run_until_watched(*state);
	assert_int_equal(((struct fixture *)*state)->changes, 2);
}

static void a_link_that_is_changed_before_is_followed_to_where_it_leads_now(void **state)
{
	command(*state, "mkdir one two && echo 1 >one/stub && echo two >two/stub && "
			"ln -s one/stub file");
	add(*state, "file");
	command(*state, "ln -s two/stub new && mv -T new file");
	assert_told_once(*state);
	command(*state, "echo other >one/stub");
	assert_quiet(*state);
	command(*state, "echo 2 >two/stub");
	assert_told_once(*state);
}

static void files_share_a_descriptor(void **state)
{
	write_file(*state, "file", "one");
	write_file(*state, "other", "two");
	add(*state, "file");
	begin(*state, "other");
	assert_int_equal(count_inotify(), 1);
	write_file(*state, "file", "three");
	assert_told_once(*state);
	command(*state, "ln -s file new && mv -T new other");
	assert_told_once(*state);
	/* Their directory was let go for neither. */
	command(*state, "echo four >new && mv new file");
	run_until_quiet(*state);
	assert_int_equal(((struct fixture *)*state)->changes, 4);
	assert_int_equal(count_inotify(), 1);
}

static void replace_file(const struct fixture *fixture, const char *name)
{
	char from[128], to[128];

	snprintf(from, sizeof(from), "%s/%s", fixture->directory, name);
	snprintf(to, sizeof(to), "%s/file", fixture->directory);
	assert_int_equal(rename(from, to), 0);
}

/* So it is when others have taken fs.inotify.max_user_instances. */
static void without_a_descriptor_files_are_looked_at_every_second(void **state)
{
	struct rlimit before, none;

	write_file(*state, "file", "one");
	write_file(*state, "new", "other");
	write_file(*state, "newer", "other yet");
	add(*state, "file");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	replace_file(*state, "new");
	assert_told_once(*state);
	replace_file(*state, "newer");
	assert_told_once(*state);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	run_until_watched(*state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_that_is_written_is_told_of),
		TEST(a_file_that_is_replaced_is_told_of_each_time),
		TEST(several_changes_in_a_row_are_one),
		TEST(other_files_are_not_told_of),
		TEST(the_target_of_a_link_is_told_of),
		TEST(a_file_that_comes_and_goes_is_told_of),
		TEST(directories_that_are_not_there_are_waited_for),
		TEST(what_is_over_soon_has_no_descriptor),
		TEST(what_watches_nothing_has_no_descriptor_ever),
		TEST(a_change_before_the_kernel_is_asked_is_told_of),
		TEST(a_replacement_of_the_same_length_is_too),
		TEST(a_file_that_comes_or_goes_before_is_told_of),
		TEST(a_link_that_is_changed_before_is_followed_to_where_it_leads_now),
		TEST(files_share_a_descriptor),
		TEST(without_a_descriptor_files_are_looked_at_every_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
