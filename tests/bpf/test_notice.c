// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's word that another process may have changed what is kept there. As root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "datapath.h"
#include "util.h"

#define DEADLINE_MS 5000
/* The host may do some of its own meanwhile. */
#define TRIES 100
#define PINS "/sys/fs/bpf"
#define I386_SYS_BPF 357 /* arch/x86/entry/syscalls/syscall_32.tbl */

struct told {
	struct datapath_notice *notice;
	int fd, error;
};

/* A kernel without BPF tracing, or without its functions. */
static void need_notice(const struct told *told)
{
	assert_true(!told->error || told->error == -EPERM || told->error == -ENOTSUP ||
		    told->error == -EINVAL);
	if (told->error)
		skip();
}

static bool is_told(const struct told *told, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = told->fd, .events = POLLIN };

	return poll(&poll_fd, 1, timeout_ms) == 1;
}

static void call_bpf(void)
{
	union bpf_attr attr = {};

	syscall(SYS_bpf, BPF_MAP_DELETE_ELEM, &attr, sizeof(attr));
}

static void call_bpf_compat(void)
{
#ifdef __x86_64__
	long r = I386_SYS_BPF;

	__asm__ volatile("int $0x80"
			 : "+a"(r)
			 : "b"(BPF_MAP_DELETE_ELEM), "c"(0), "d"(0)
			 : "memory");
#else
	call_bpf();
#endif
}

static void do_mkdir(void)
{
	if (mkdir(PINS "/a", 0700) && errno != EEXIST)
		_exit(1);
}

static void do_rename(void)
{
	if (rename(PINS "/a", PINS "/b"))
		_exit(1);
}

static void do_rmdir(void)
{
	if (rmdir(PINS "/b"))
		_exit(1);
}

static void do_link(void)
{
	if (symlink("nowhere", PINS "/c"))
		_exit(1);
}

static void do_unlink(void)
{
	if (unlink(PINS "/c"))
		_exit(1);
}

/* False if the process was killed for it: then this kernel has no such call. */
static bool done_by_other(void (*what)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		what();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return !WIFSIGNALED(status);
}

/* Whether what this process does by itself is no news. */
static bool is_quiet_after(const struct told *told, void (*what)(void))
{
	int i;

	for (i = 0; i < TRIES; i++) {
		datapath_notice_take(told->notice);
		what();
		if (!is_told(told, 20))
			return true;
	}
	return false;
}

static void assert_told_of(const struct told *told, void (*what)(void))
{
	datapath_notice_take(told->notice);
	if (done_by_other(what))
		assert_true(is_told(told, DEADLINE_MS));
}

static int set_up(void **state)
{
	struct told *told = calloc(1, sizeof(*told));

	assert_non_null(told);
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("bpf", PINS, "bpf", 0, NULL), 0);
	told->error = datapath_notice_open(&told->notice, &told->fd);
	*state = told;
	return 0;
}

static int tear_down(void **state)
{
	struct told *told = *state;

	datapath_notice_close(&told->notice);
	free(told);
	return umount(PINS);
}

static void calls_of_others_are_told_and_own_ones_are_not(void **state)
{
	need_notice(*state);
	assert_told_of(*state, call_bpf);
	assert_true(is_quiet_after(*state, call_bpf));
	assert_told_of(*state, call_bpf);
}

static void calls_of_another_word_size_are_told(void **state)
{
	need_notice(*state);
	assert_told_of(*state, call_bpf_compat);
}

static size_t count_descriptors(void)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	return count;
}

/* Whether it can be had or not. */
static void opened_and_closed_it_leaves_nothing_behind(void **state)
{
	const struct told *open = *state;
	size_t before = count_descriptors();
	struct datapath_notice *notice = NULL;
	int fd;

	assert_int_equal(datapath_notice_open(&notice, &fd), open->error);
	assert_int_equal(!notice, open->error != 0);
	datapath_notice_close(&notice);
	assert_null(notice);
	assert_int_equal(count_descriptors(), before);
}

/* Each is the only one that is done after the last was taken. */
static void pins_that_others_move_or_remove_are_told(void **state)
{
	need_notice(*state);
	assert_true(is_quiet_after(*state, do_mkdir));
	assert_told_of(*state, do_rename);
	assert_told_of(*state, do_rmdir);
	do_link();
	assert_told_of(*state, do_unlink);
}

static void it_is_told_until_it_is_taken_and_then_of_what_comes_later(void **state)
{
	struct told *told = *state;
	int i;

	need_notice(told);
	assert_told_of(told, call_bpf);
	assert_true(is_told(told, 0));
	/* More than there is room for. */
	for (i = 0; i < 2 * 4096 / 16; i++)
		done_by_other(call_bpf);
	assert_true(is_told(told, 0));
	assert_true(is_quiet_after(told, call_bpf));
	assert_told_of(told, call_bpf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(calls_of_others_are_told_and_own_ones_are_not,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(opened_and_closed_it_leaves_nothing_behind, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(calls_of_another_word_size_are_told, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(pins_that_others_move_or_remove_are_told, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			it_is_told_until_it_is_taken_and_then_of_what_comes_later, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
