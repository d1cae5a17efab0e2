// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Names that come and go while the others are kept fresh. Those that have addresses have them of a
 * file; the server is a port of this machine at which there is nobody.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "asked.h"
#include "names.h"
#include "watch.h"

#define DEADLINE_S 20
#define DIRECTORY "/mnt" /* a tmpfs that goes with the mount namespace */
#define HOSTS "198.51.100.1 a.test\n198.51.100.2 b.test\n198.51.100.3 c.test\n"

struct live {
	struct fixture *fixture;
	struct event_base *base;
	struct watch *watch;
	struct names *names;
	bool ready, late;
	int error;
	unsigned int settled, notes, broken;
};

static void put_up_loopback(void)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &loopback), 0);
}

static void write_hosts(const char *text)
{
	FILE *file = fopen("/etc/hosts", "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int enter(void **state)
{
	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("none", DIRECTORY, "tmpfs", 0, NULL), 0);
	close(open(DIRECTORY "/hosts", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	assert_int_equal(mount(DIRECTORY "/hosts", "/etc/hosts", "none", MS_BIND, NULL), 0);
	put_up_loopback();
	return 0;
}

static void on_late(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	((struct live *)data)->late = true;
}

static bool is_ready(const struct live *live)
{
	return live->ready;
}

static bool one_settled(const struct live *live)
{
	return live->settled == 1;
}

static bool two_settled(const struct live *live)
{
	return live->settled == 2;
}

static void run_until(struct live *live, bool (*holds)(const struct live *))
{
	const struct timeval deadline = { .tv_sec = DEADLINE_S };
	struct event *timer = event_new(live->base, -1, 0, on_late, live);

	event_add(timer, &deadline);
	while (!holds(live) && !live->late)
		assert_int_equal(event_base_loop(live->base, EVLOOP_ONCE), 0);
	event_free(timer);
	assert_false(live->late);
}

static void on_catch_up(void *data)
{
	(void)data;
}

static void on_ready(int error, const struct failure *failure, void *data)
{
	struct live *live = data;

	(void)failure;
	live->ready = true;
	live->error = error;
}

static void on_narrowed(void *data)
{
	(void)data;
}

static void on_broken(const struct failure *why, void *data)
{
	assert_true(strlen(why->text) > 0);
	((struct live *)data)->broken++;
}

static void on_note(const char *text, void *data)
{
	assert_true(strlen(text) > 0);
	((struct live *)data)->notes++;
}

static void on_settled(void *data)
{
	((struct live *)data)->settled++;
}

static int set_up_live(void **state)
{
	struct live *live = calloc(1, sizeof(*live));
	void *fixture = NULL;

	write_hosts(HOSTS);
	if (!live || set_up(&fixture))
		return -1;
	live->fixture = fixture;
	live->base = event_base_new();
	*state = live;
	return watch_init(&live->watch, live->base);
}

static int tear_down_live(void **state)
{
	struct live *live = *state;
	void *fixture = live->fixture;

	names_stop(&live->names);
	watch_finish(&live->watch);
	event_base_free(live->base);
	free(live);
	return tear_down(&fixture);
}

static void begin(struct live *live, const char *text)
{
	const struct address server = address_of("127.0.0.1");
	struct names_options options = {
		.base = live->base,
		.datapath = &live->fixture->maps,
		.watch = live->watch,
		.watch_is_shared = true,
		.note = on_note,
		.servers = &server,
		.server_count = 1,
		.catch_up = on_catch_up,
		.ready = on_ready,
		.broken = on_broken,
		.narrowed = on_narrowed,
		.data = live,
	};
	struct failure failure;

	set_policy(live->fixture, text);
	options.policy = live->fixture->policy;
	assert_int_equal(names_start(&live->names, &options, &failure), 0);
	run_until(live, is_ready);
}

static struct names_wait *change(struct live *live, const char *text)
{
	struct policyfile_error error;
	struct policy_changes changes;
	struct names_wait *wait = NULL;
	struct rules rules = {};

	assert_int_equal(policyfile_parse(text, strlen(text), &rules, &error), 0);
	assert_int_equal(policy_apply(live->fixture->policy, &rules, &changes, NULL), 0);
	live->fixture->target = policy_target(live->fixture->policy);
	assert_int_equal(names_sync(live->names, on_settled, live, &wait), 0);
	assert_non_null(wait);
	return wait;
}

static void find_state(const struct names_state *state, void *data)
{
	struct names_state *wanted = data;

	if (!strcmp(state->name, wanted->name))
		*wanted = *state;
}

static struct names_state state_of(const struct live *live, const char *name)
{
	struct names_state state = { .name = name, .addresses = 999 };

	names_each(live->names, find_state, &state);
	assert_int_not_equal(state.addresses, 999);
	return state;
}

static void a_name_that_comes_is_in_force_when_its_change_is_settled(void **state)
{
	struct live *live = *state;

	begin(live, "allow a.test:22\n");
	assert_int_equal(live->error, 0);
	change(live, "allow a.test:22\nallow b.test:22\nallow c.test:22\n");
	assert_int_equal(live->settled, 0);
	run_until(live, one_settled);
	assert_true(allows(live->fixture, "198.51.100.1", 22, IPPROTO_TCP));
	assert_true(allows(live->fixture, "198.51.100.2", 22, IPPROTO_TCP));
	assert_true(allows(live->fixture, "198.51.100.3", 22, IPPROTO_TCP));
	assert_int_equal(names_totals(live->names).names, 3);
	assert_int_equal(state_of(live, "b.test").addresses, 1);
	assert_false(state_of(live, "b.test").overdue);
}

static void a_name_that_goes_is_not_known_any_more(void **state)
{
	struct live *live = *state;

	begin(live, "allow a.test:22\nallow b.test:22\n");
	change(live, "allow b.test:22\n");
	run_until(live, one_settled);
	assert_false(allows(live->fixture, "198.51.100.1", 22, IPPROTO_TCP));
	assert_true(allows(live->fixture, "198.51.100.2", 22, IPPROTO_TCP));
	assert_int_equal(names_totals(live->names).names, 1);
	change(live, "allow a.test:22\n");
	run_until(live, two_settled);
	assert_true(allows(live->fixture, "198.51.100.1", 22, IPPROTO_TCP));
	assert_int_equal(names_totals(live->names).names, 1);
}

static void a_policy_without_a_name_may_get_some(void **state)
{
	struct live *live = *state;

	begin(live, "listen 80\n");
	change(live, "allow a.test:22\n");
	run_until(live, one_settled);
	assert_true(allows(live->fixture, "198.51.100.1", 22, IPPROTO_TCP));
	/* The file is followed since then. */
	write_hosts("198.51.100.9 a.test\n");
	change(live, "allow a.test:22\nallow b.test:80\n");
	run_until(live, two_settled);
	assert_true(state_of(live, "a.test").settled);
}

static void a_name_that_cannot_be_resolved_is_told_of_and_overdue(void **state)
{
	struct live *live = *state;
	struct names_state lost;

	begin(live, "allow lost.test:22\n");
	assert_int_equal(live->error, -EHOSTUNREACH);
	change(live, "allow lost.test:22\nallow a.test:22\nallow other.test:22\n");
	run_until(live, one_settled);
	assert_true(allows(live->fixture, "198.51.100.1", 22, IPPROTO_TCP));
	lost = state_of(live, "other.test");
	assert_true(lost.settled && lost.overdue);
	assert_true(lost.failures > 0);
	assert_non_null(lost.error);
	assert_non_null(lost.unusable);
	assert_int_equal(lost.answered_ns, 0);
	assert_int_equal(names_totals(live->names).overdue, 2);
	assert_true(names_totals(live->names).failures >= 4);
	assert_null(state_of(live, "a.test").unusable);
}

static void a_change_without_a_new_name_is_settled_at_once(void **state)
{
	struct live *live = *state;

	begin(live, "allow a.test:22\n");
	change(live, "allow a.test:22\nallow a.test:80\n");
	run_until(live, one_settled);
	assert_true(allows(live->fixture, "198.51.100.1", 80, IPPROTO_TCP));
}

static void who_waits_no_more_is_not_called(void **state)
{
	struct live *live = *state;
	struct names_wait *wait;

	begin(live, "allow a.test:22\n");
	wait = change(live, "allow a.test:22\nallow b.test:22\nallow lost.test\n");
	names_wait_cancel(live->names, &wait);
	assert_null(wait);
	/* Whose names go before they are answered waits for nothing. */
	change(live, "allow a.test:22\nallow gone.test:22\n");
	change(live, "allow a.test:22\n");
	run_until(live, two_settled);
	assert_int_equal(names_totals(live->names).names, 1);
}

static void many_changes_leave_nothing_behind(void **state)
{
	struct live *live = *state;
	char text[256];
	unsigned int i;

	begin(live, "allow a.test:22\n");
	for (i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "allow a.test:22\nallow n%u.test\nallow m%u.test\n", i,
			 i % 7);
		change(live, text);
		assert_int_equal(event_base_loop(live->base, EVLOOP_NONBLOCK), 0);
		assert_int_equal(names_totals(live->names).names, 3);
	}
	live->settled = 0;
	change(live, "allow a.test:22\n");
	while (!live->settled)
		event_base_loop(live->base, EVLOOP_ONCE);
	assert_int_equal(names_totals(live->names).names, 1);
	assert_true(allows(live->fixture, "198.51.100.1", 22, IPPROTO_TCP));
}

/* More addresses than can be denied. */
static void write_large_hosts(void)
{
	FILE *file = fopen("/etc/hosts", "w");
	unsigned int i;

	assert_non_null(file);
	fputs(HOSTS, file);
	for (i = 0; i <= CGF_NAME_ADDRESSES_MAX; i++)
		fprintf(file, "203.0.%u.%u large.test\n", i / 256, i % 256);
	for (i = 0; i < CGF_NAME_ADDRESSES_MAX; i++)
		fprintf(file, "198.18.%u.%u many.test\n", i / 256, i % 256);
	fclose(file);
}

static void what_cannot_all_be_denied_is_told_each_time(void **state)
{
	struct live *live = *state;

	write_large_hosts();
	begin(live, "allow a.test:22\nallow large.test:80\n");
	assert_int_equal(live->error, 0);
	assert_false(names_overflow(live->names));
	/* Of no new answer, but of another rule. */
	change(live, "allow a.test:22\nallow large.test:80\ndeny large.test:22\n");
	run_until(live, one_settled);
	assert_true(names_overflow(live->names));
	assert_int_equal(live->broken, 1);
	change(live, "allow a.test:22\nallow b.test:22\ndeny large.test:22\n");
	run_until(live, two_settled);
	assert_true(names_overflow(live->names));
	assert_int_equal(live->broken, 1);
	change(live, "allow a.test:22\n");
	while (live->settled < 3)
		assert_int_equal(event_base_loop(live->base, EVLOOP_ONCE), 0);
	assert_false(names_overflow(live->names));
	change(live, "allow a.test:22\ndeny large.test:22\n");
	while (live->settled < 4)
		assert_int_equal(event_base_loop(live->base, EVLOOP_ONCE), 0);
	assert_true(names_overflow(live->names));
	assert_int_equal(live->broken, 2);
}

static void what_cannot_all_be_denied_at_first_is_no_name_without_an_address(void **state)
{
	struct live *live = *state;

	write_large_hosts();
	begin(live, "allow a.test:22\ndeny large.test\n");
	assert_int_equal(live->error, -EOVERFLOW);
	assert_true(names_overflow(live->names));
}

/* What is not allowed for want of room is no reason to let through what cannot be denied. */
static void a_full_map_does_not_hide_what_cannot_be_denied(void **state)
{
	struct live *live = *state;

	write_large_hosts();
	begin(live, "allow many.test:1001-1030\ndeny large.test\n");
	assert_true(names_totals(live->names).refused > 0);
	assert_int_equal(live->error, -EOVERFLOW);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_live, tear_down_live)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_name_that_comes_is_in_force_when_its_change_is_settled),
		CASE(a_name_that_goes_is_not_known_any_more),
		CASE(a_policy_without_a_name_may_get_some),
		CASE(a_name_that_cannot_be_resolved_is_told_of_and_overdue),
		CASE(a_change_without_a_new_name_is_settled_at_once),
		CASE(who_waits_no_more_is_not_called),
		CASE(what_cannot_all_be_denied_is_told_each_time),
		CASE(a_full_map_does_not_hide_what_cannot_be_denied),
		CASE(what_cannot_all_be_denied_at_first_is_no_name_without_an_address),
		CASE(many_changes_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
