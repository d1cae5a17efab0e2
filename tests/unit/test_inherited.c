// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "inherited.h"

/* As standard input, which is put back. */
static int check(int fd, struct failure *failure)
{
	int kept = dup(STDIN_FILENO), r;

	assert_true(fd >= 0);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	close(fd);
	r = inherited_check(STDIN_FILENO, failure);
	if (kept < 0) {
		close(STDIN_FILENO);
		return r;
	}
	dup2(kept, STDIN_FILENO);
	close(kept);
	return r;
}

static void assert_refused(int fd, const char *what)
{
	struct failure failure;

	assert_int_equal(check(fd, &failure), -EPERM);
	assert_non_null(strstr(failure.text, "standard input is a "));
	assert_non_null(strstr(failure.text, what));
}

static void assert_taken(int fd)
{
	assert_int_equal(check(fd, NULL), 0);
}

static void network_sockets_are_refused_by_kind(void **state)
{
	(void)state;
	assert_refused(socket(AF_INET, SOCK_STREAM, 0), "TCP socket");
	assert_refused(socket(AF_INET6, SOCK_STREAM, 0), "TCP socket");
	assert_refused(socket(AF_INET, SOCK_DGRAM, 0), "UDP socket");
	assert_refused(socket(AF_NETLINK, SOCK_RAW, 0), "network socket");
}

static void unix_sockets_pipes_and_files_are_taken(void **state)
{
	int fds[2];

	(void)state;
	assert_taken(socket(AF_UNIX, SOCK_STREAM, 0));
	assert_taken(open("/dev/null", O_RDWR));
	assert_taken(open("/etc/passwd", O_RDONLY));
	assert_taken(open("/proc/self/status", O_RDONLY));
	assert_taken(memfd_create("x", 0));
	assert_int_equal(pipe(fds), 0);
	assert_taken(fds[0]);
	close(fds[1]);
}

static void a_directory_is_refused(void **state)
{
	(void)state;
	assert_refused(open("/", O_RDONLY | O_DIRECTORY), "directory");
	assert_refused(open("/tmp", O_PATH), "directory");
}

static void what_has_no_file_is_refused_by_name(void **state)
{
	(void)state;
	assert_refused(epoll_create1(0), "[eventpoll]");
}

static void what_is_closed_is_nothing(void **state)
{
	(void)state;
	assert_int_equal(inherited_check(999, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(network_sockets_are_refused_by_kind),
		cmocka_unit_test(unix_sockets_pipes_and_files_are_taken),
		cmocka_unit_test(a_directory_is_refused),
		cmocka_unit_test(what_has_no_file_is_refused_by_name),
		cmocka_unit_test(what_is_closed_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
