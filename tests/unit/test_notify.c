// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "notify.h"

/* A manager's end: a socket at a path, or without a file. */
struct manager {
	int fd;
	char directory[64], name[96];
};

static void manager_listen(struct manager *manager, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = offsetof(struct sockaddr_un, sun_path) + strlen(name);

	manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	strcpy(manager->name, name);
	strcpy(address.sun_path, name);
	if (*name == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(manager->fd, (struct sockaddr *)&address, (socklen_t)length), 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static int setup(void **state)
{
	struct manager *manager = calloc(1, sizeof(*manager));
	char name[128];

	*state = manager;
	strcpy(manager->directory, "/tmp/cgfence-notify.XXXXXX");
	if (!mkdtemp(manager->directory))
		return -1;
	snprintf(name, sizeof(name), "%s/s", manager->directory);
	manager_listen(manager, name);
	return 0;
}

static int teardown(void **state)
{
	struct manager *manager = *state;

	close(manager->fd);
	unlink(manager->name);
	rmdir(manager->directory);
	free(manager);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return 0;
}

static void assert_told(const struct manager *manager, const char *expected)
{
	char text[512];
	ssize_t length = recv(manager->fd, text, sizeof(text) - 1, 0);

	assert_true(length > 0);
	text[length] = '\0';
	assert_string_equal(text, expected);
}

static void assert_nothing_told(const struct manager *manager)
{
	char byte;

	assert_int_equal(recv(manager->fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void everything_is_told(void **state)
{
	struct manager *manager = *state;
	_cleanup_(notify_finish) struct notify notify;
	char text[256];

	assert_int_equal(notify_init(&notify), 0);
	assert_int_equal(notify_ready(&notify), 0);
	assert_told(manager, "READY=1");
	assert_int_equal(notify_status(&notify, "%d fences\nREADY=1", 3), 0);
	assert_told(manager, "STATUS=3 fences READY=1");
	assert_int_equal(notify_alive(&notify), 0);
	assert_told(manager, "WATCHDOG=1");
	assert_int_equal(notify_stopping(&notify), 0);
	assert_told(manager, "STOPPING=1");
	memset(text, 'x', sizeof(text));
	assert_int_equal(notify_status(&notify, "%.*s", (int)sizeof(text), text), 0);
	assert_true(recv(manager->fd, text, sizeof(text), 0) <= 256);
}

static void a_reload_has_the_time_at_which_it_began(void **state)
{
	struct manager *manager = *state;
	_cleanup_(notify_finish) struct notify notify;
	uint64_t before_us = monotonic_ns() / 1000, told_us = 0;
	char text[256] = "";

	assert_int_equal(notify_init(&notify), 0);
	assert_int_equal(notify_reloading(&notify), 0);
	assert_true(recv(manager->fd, text, sizeof(text) - 1, 0) > 0);
	assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%" SCNu64, &told_us), 1);
	assert_true(told_us >= before_us && told_us <= monotonic_ns() / 1000);
}

static void a_socket_may_have_no_file(void **state)
{
	struct manager *manager = *state;
	_cleanup_(notify_finish) struct notify notify;
	char name[64];

	close(manager->fd);
	unlink(manager->name);
	snprintf(name, sizeof(name), "@cgfence-notify-%d", getpid());
	manager_listen(manager, name);
	assert_int_equal(notify_init(&notify), 0);
	assert_int_equal(notify_ready(&notify), 0);
	assert_told(manager, "READY=1");
}

static void children_do_not_speak_for_their_parent(void **state)
{
	_cleanup_(notify_finish) struct notify notify;

	(void)state;
	setenv("WATCHDOG_USEC", "1000000", 1);
	assert_int_equal(notify_init(&notify), 0);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
}

static uint64_t watchdog_of(const char *interval, const char *pid, const char *name)
{
	_cleanup_(notify_finish) struct notify notify;

	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", interval, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	else
		unsetenv("WATCHDOG_PID");
	assert_int_equal(notify_init(&notify), 0);
	return notify.watchdog_ns;
}

static void the_watchdog_is_for_this_process_or_for_none(void **state)
{
	const struct manager *manager = *state;
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	assert_int_equal(watchdog_of("3000000", NULL, manager->name), 3 * NSEC_PER_SEC);
	assert_int_equal(watchdog_of("3000000", pid, manager->name), 3 * NSEC_PER_SEC);
	assert_int_equal(watchdog_of("3000000", "1", manager->name), 0);
	assert_int_equal(watchdog_of("3000000", "x", manager->name), 0);
	assert_int_equal(watchdog_of("0", NULL, manager->name), 0);
	assert_int_equal(watchdog_of("-1", NULL, manager->name), 0);
	assert_int_equal(watchdog_of("", NULL, manager->name), 0);
	assert_int_equal(watchdog_of("99999999999999999999", NULL, manager->name), 0);
}

static void without_a_manager_nothing_is_told_and_that_is_fine(void **state)
{
	struct manager *manager = *state;
	_cleanup_(notify_finish) struct notify notify;

	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_init(&notify), 0);
	assert_int_equal(notify_ready(&notify), 0);
	assert_nothing_told(manager);
}

static void a_socket_that_cannot_be_reached_is_an_error_once(void **state)
{
	static const char *const names[] = { "relative", "/", "@", "vsock:2:1234",
					     "/tmp/there/is/no/such/socket" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(notify_finish) struct notify notify;

		setenv("NOTIFY_SOCKET", names[i], 1);
		assert_true(notify_init(&notify) < 0);
		assert_int_equal(notify_ready(&notify), 0);
	}
}

static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
	_cleanup_(notify_finish) struct notify notify;
	int error = 0;

	(void)state;
	assert_int_equal(notify_init(&notify), 0);
	for (int i = 0; i < 100000 && !error; i++)
		error = notify_alive(&notify);
	assert_int_equal(error, -EAGAIN);
}

#define NOTIFY_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOTIFY_TEST(everything_is_told),
		NOTIFY_TEST(a_reload_has_the_time_at_which_it_began),
		NOTIFY_TEST(a_socket_may_have_no_file),
		NOTIFY_TEST(children_do_not_speak_for_their_parent),
		NOTIFY_TEST(the_watchdog_is_for_this_process_or_for_none),
		NOTIFY_TEST(without_a_manager_nothing_is_told_and_that_is_fine),
		NOTIFY_TEST(a_socket_that_cannot_be_reached_is_an_error_once),
		NOTIFY_TEST(a_manager_that_does_not_read_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
