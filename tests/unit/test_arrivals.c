// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Cgroups that come, go, fill and empty, in the machine's own hierarchy. Needs root. */
#include "workload.h"

#include <dirent.h>
#include <event2/event.h>
#include <sys/resource.h>

#include "arrivals.h"

#define ROOT "cgfence-test-arrivals"
/* Longer than it takes to be told, and told again. */
#define QUIET_MS 700
/* More than the kernel keeps: see max_queued_events in inotify(7). */
#define EVENTS 40000

struct fixture {
	struct workload workload;
	char path[2 * CGROUP_PATH_BYTES]; /* of ROOT */
	struct event_base *base;
	struct arrivals *arrivals;
	struct arrival *arrival, *others[8];
	char told[64];		    /* a letter for each */
	uint64_t first_ns, told_ns; /* when it was told first, of what is in `told`, and last */
	bool late, removes;
};

static void make(const struct fixture *fixture, const char *commands)
{
	char line[3 * CGROUP_PATH_BYTES];

	snprintf(line, sizeof(line), "cd %s && %s", fixture->path, commands);
	assert_int_equal(system(line), 0);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char hierarchy[CGROUP_PATH_BYTES];

	*state = fixture;
	if (cgroup_mount(hierarchy, NULL) ||
	    cgroup_create(hierarchy, ROOT, &fixture->workload.cgroup, NULL))
		return -1;
	snprintf(fixture->path, sizeof(fixture->path), "%s", fixture->workload.cgroup.path);
	fixture->base = event_base_new();
	return arrivals_init(&fixture->arrivals, fixture->base);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	struct workload *workload = &fixture->workload;
	size_t i;
	int r;

	arrival_remove(&fixture->arrival);
	for (i = 0; i < ARRAY_SIZE(fixture->others); i++)
		arrival_remove(&fixture->others[i]);
	arrivals_finish(&fixture->arrivals);
	event_base_free(fixture->base);
	for (i = 0; i < workload->count; i++) {
		kill(workload->children[i].pid, SIGKILL);
		waitpid(workload->children[i].pid, NULL, 0);
	}
	cgroup_empty(&workload->cgroup);
	r = cgroup_remove(&workload->cgroup);
	free(fixture);
	return r;
}

static void on_told(enum arrival_event event, void *data)
{
	static const char letters[] = {
		[ARRIVAL_CAME] = '+', [ARRIVAL_WENT] = '-', [ARRIVAL_CHANGED] = '*'
	};
	struct fixture *fixture = data;
	size_t count = strlen(fixture->told), i;

	assert_true(count + 1 < sizeof(fixture->told));
	fixture->told[count] = letters[event];
	fixture->told_ns = monotonic_ns();
	if (!count)
		fixture->first_ns = fixture->told_ns;
	if (!fixture->removes)
		return;
	arrival_remove(&fixture->arrival);
	for (i = 0; i < ARRAY_SIZE(fixture->others); i++)
		arrival_remove(&fixture->others[i]);
}

static void on_late(int fd, short what, void *data)
{
	(void)fd;
	(void)what;
	((struct fixture *)data)->late = true;
}

static void watch(struct fixture *fixture, const char *name)
{
	char path[3 * CGROUP_PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", fixture->path, name);
	assert_int_equal(arrivals_add(fixture->arrivals, path, on_told, fixture, &fixture->arrival),
			 0);
}

/* Until so much was told, or it is late. */
static void run(struct fixture *fixture, size_t count, unsigned int wait_ms)
{
	const struct timeval wait = { .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 };
	struct event *timer = event_new(fixture->base, -1, 0, on_late, fixture);

	fixture->late = false;
	event_add(timer, &wait);
	while (strlen(fixture->told) < count && !fixture->late)
		event_base_loop(fixture->base, EVLOOP_ONCE);
	event_free(timer);
}

/* It is told of this, whatever is told after it. */
static void assert_told(struct fixture *fixture, const char *expected)
{
	run(fixture, strlen(expected), DEADLINE_MS);
	fixture->told[strlen(expected)] = '\0';
	assert_string_equal(fixture->told, expected);
	memset(fixture->told, 0, sizeof(fixture->told));
}

static void assert_quiet(struct fixture *fixture)
{
	run(fixture, 1, QUIET_MS);
	assert_string_equal(fixture->told, "");
}

/* Nothing but that there may be more processes. */
static void run_until_settled(struct fixture *fixture)
{
	do {
		memset(fixture->told, 0, sizeof(fixture->told));
		run(fixture, 1, QUIET_MS);
	} while (!strcmp(fixture->told, "*"));
	assert_string_equal(fixture->told, "");
}

static void a_cgroup_that_comes_and_goes_is_told(void **state)
{
	watch(*state, "a");
	assert_quiet(*state);
	make(*state, "mkdir a");
	assert_told(*state, "+");
	make(*state, "rmdir a");
	assert_told(*state, "-");
	make(*state, "mkdir a");
	assert_told(*state, "+");
	assert_quiet(*state);
}

static void what_is_there_already_is_not_told(void **state)
{
	make(*state, "mkdir a");
	watch(*state, "a");
	assert_quiet(*state);
	make(*state, "rmdir a");
	assert_told(*state, "-");
}

static void another_of_the_same_path_is_told(void **state)
{
	make(*state, "mkdir a");
	watch(*state, "a");
	make(*state, "rmdir a && mkdir a");
	assert_told(*state, "-+");
	make(*state, "rmdir a && mkdir a && rmdir a && mkdir a && rmdir a");
	assert_told(*state, "-");
	assert_quiet(*state);
}

static void directories_on_the_way_are_waited_for(void **state)
{
	watch(*state, "a/b/c");
	make(*state, "mkdir a");
	make(*state, "mkdir a/b");
	assert_quiet(*state);
	make(*state, "mkdir a/b/c");
	assert_told(*state, "+");
	make(*state, "rmdir a/b/c a/b a");
	assert_told(*state, "-");
	make(*state, "mkdir -p a/b/c");
	assert_told(*state, "+");
	make(*state, "rmdir a/b/c a/b a && mkdir -p a/b/c");
	assert_told(*state, "-+");
}

static void others_are_not_told_of(void **state)
{
	make(*state, "mkdir a");
	watch(*state, "a");
	make(*state, "mkdir aa b b/a && rmdir aa b/a b");
	assert_quiet(*state);
}

static void what_comes_or_goes_below_is_told(void **state)
{
	make(*state, "mkdir -p a/b");
	watch(*state, "a");
	make(*state, "mkdir a/b/c");
	assert_told(*state, "*");
	make(*state, "mkdir a/b/c/d");
	assert_told(*state, "*");
	make(*state, "rmdir a/b/c/d a/b/c");
	assert_told(*state, "*");
	run_until_settled(*state);
	make(*state, "rmdir a/b && mkdir a/b");
	assert_told(*state, "*");
}

static void join(struct fixture *fixture, const char *name)
{
	char path[3 * CGROUP_PATH_BYTES];
	struct child *child;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fixture->path, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	child = start_child(&fixture->workload);
	get(child, join_cgroup, fd, 0);
	close(fd);
}

static void end_children(struct fixture *fixture)
{
	struct workload *workload = &fixture->workload;

	while (workload->count) {
		kill(workload->children[--workload->count].pid, SIGKILL);
		waitpid(workload->children[workload->count].pid, NULL, 0);
		close(workload->children[workload->count].channel);
	}
}

static void processes_that_come_are_told_and_not_that_they_go(void **state)
{
	make(*state, "mkdir a");
	watch(*state, "a");
	join(*state, "a");
	assert_told(*state, "*");
	run_until_settled(*state);
	join(*state, "a");
	assert_quiet(*state);
	end_children(*state);
	assert_quiet(*state);
	join(*state, "a");
	assert_told(*state, "*");
}

static void processes_that_come_below_are_told(void **state)
{
	make(*state, "mkdir -p a/b a/c");
	watch(*state, "a");
	join(*state, "a/b");
	assert_told(*state, "*");
	run_until_settled(*state);
	/* Whatever the whole has. */
	join(*state, "a/c");
	assert_told(*state, "*");
}

static void below_the_root_anything_is_told(void **state)
{
	make(*state, "mkdir a");
	watch(*state, "..");
	make(*state, "mkdir a/b");
	assert_told(*state, "*");
}

/* By then a runtime has put them where they are to be. */
static void processes_that_came_are_told_again(void **state)
{
	struct fixture *fixture = *state;
	uint64_t came_ns, last_ms;

	watch(*state, "a");
	make(*state, "mkdir a");
	assert_told(*state, "+");
	join(*state, "a");
	assert_told(*state, "*");
	came_ns = monotonic_ns();
	/* The last wait is half of all. */
	run(fixture, ARRIVALS_AGAIN_TIMES + 2, 2 * ARRIVALS_AGAIN_LAST_MS);
	assert_in_range(strlen(fixture->told), 3, ARRIVALS_AGAIN_TIMES + 1);
	last_ms = (fixture->told_ns - came_ns) / NSEC_PER_MSEC;
	assert_true(last_ms + 50 >= ARRIVALS_AGAIN_LAST_MS);
	assert_true(fixture->first_ns - came_ns < 15 * ARRIVALS_AGAIN_MS * NSEC_PER_MSEC);
	memset(fixture->told, 0, sizeof(fixture->told));
	assert_quiet(*state);
}

static void more_events_than_fit_are_seen(void **state)
{
	struct fixture *fixture = *state;
	char path[3 * CGROUP_PATH_BYTES];
	int i;

	make(*state, "mkdir a");
	watch(*state, "a");
	snprintf(path, sizeof(path), "%s/a/b", fixture->path);
	for (i = 0; i < EVENTS / 2; i++)
		assert_int_equal(mkdir(path, 0755) || rmdir(path), 0);
	make(*state, "rmdir a && mkdir a");
	assert_told(*state, "-+");
}

static void whoever_is_told_may_remove_all(void **state)
{
	struct fixture *fixture = *state;
	size_t i;

	make(*state, "mkdir a");
	for (i = 0; i < ARRAY_SIZE(fixture->others); i++) {
		watch(fixture, "a");
		fixture->others[i] = TAKE_PTR(fixture->arrival);
	}
	fixture->removes = true;
	make(*state, "rmdir a && mkdir a");
	assert_told(*state, "-");
	assert_quiet(*state);
}

/* Of inotify, by all that this process has. */
static size_t count_watches(void)
{
	DIR *directory = opendir("/proc/self/fdinfo");
	const struct dirent *entry;
	char path[300], line[256];
	size_t count = 0;
	FILE *file;

	while ((entry = readdir(directory))) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", entry->d_name);
		file = fopen(path, "r");
		while (file && fgets(line, sizeof(line), file))
			count += !strncmp(line, "inotify ", 8);
		if (file)
			fclose(file);
	}
	closedir(directory);
	return count;
}

/* A watch of a cgroup that was removed would stay, and keep it in memory. */
static void what_is_gone_is_not_watched(void **state)
{
	struct fixture *fixture = *state;
	size_t before;
	int i;

	watch(*state, "a");
	before = count_watches();
	for (i = 0; i < 20; i++) {
		make(*state, "mkdir a a/b");
		assert_told(*state, "+");
		make(*state, "rmdir a/b a");
		assert_told(*state, "-");
	}
	assert_int_equal(count_watches(), before);
	arrival_remove(&fixture->arrival);
	assert_int_equal(count_watches(), 0);
}

/* As if they were used up: the queue is not there. */
static void without_watches_they_are_looked_at(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit files, none;

	arrivals_finish(&fixture->arrivals);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = files.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(arrivals_init(&fixture->arrivals, fixture->base), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	watch(*state, "a");
	assert_int_equal(count_watches(), 0);
	make(*state, "mkdir a");
	assert_told(*state, "+");
	make(*state, "rmdir a && mkdir a");
	assert_told(*state, "-+");
	make(*state, "mkdir a/b");
	assert_told(*state, "*");
	join(*state, "a/b");
	assert_told(*state, "*");
}

static void limit_files(rlim_t count)
{
	struct rlimit files;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = count ? count : files.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
}

/* Who hears that it went takes a fence down. */
static void one_that_cannot_be_opened_has_not_gone(void **state)
{
	struct fixture *fixture = *state;
	char path[3 * CGROUP_PATH_BYTES];

	make(*state, "mkdir a");
	watch(*state, "a");
	snprintf(path, sizeof(path), "%s/a/b", fixture->path);
	limit_files(1);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_quiet(*state);
	limit_files(0);
	assert_told(*state, "*");
	make(*state, "rmdir a/b a");
	assert_told(*state, "-");
}

/* Whoever was given a cgroup can nest others in it, and has no end in sight. */
static void what_is_nested_deep_is_looked_at_now_and_then(void **state)
{
	make(*state, "i=0; while [ $i -lt 80 ]; do mkdir a && cd a; i=$((i+1)); done");
	watch(*state, "a");
	assert_in_range(count_watches(), 2 * ARRIVALS_DEPTH_MAX, 2 * ARRIVALS_DEPTH_MAX + 16);
	assert_told(*state, "*");
	assert_told(*state, "*");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cgroup_that_comes_and_goes_is_told),
		TEST(what_is_there_already_is_not_told),
		TEST(another_of_the_same_path_is_told),
		TEST(directories_on_the_way_are_waited_for),
		TEST(others_are_not_told_of),
		TEST(what_comes_or_goes_below_is_told),
		TEST(processes_that_come_are_told_and_not_that_they_go),
		TEST(processes_that_come_below_are_told),
		TEST(below_the_root_anything_is_told),
		TEST(processes_that_came_are_told_again),
		TEST(more_events_than_fit_are_seen),
		TEST(whoever_is_told_may_remove_all),
		TEST(what_is_gone_is_not_watched),
		TEST(without_watches_they_are_looked_at),
		TEST(one_that_cannot_be_opened_has_not_gone),
		TEST(what_is_nested_deep_is_looked_at_now_and_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
