// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The filter in force, in a child: what the kernel answers with it and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "filter.h"

/* What libc leaves in the upper half of a register is not the kernel's concern. */
#define JUNK 0x1234567800000000ULL
#define FAMILIES 72

static bool is_allowed(unsigned int family)
{
	return family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
}

/* valgrind has no such call. */
static void need_seccomp(void)
{
	const uint32_t action = SECCOMP_RET_ERRNO;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) && errno == ENOSYS)
		skip();
}

static void a_filter_is_compiled(void **state)
{
	struct sock_fprog program = {};

	(void)state;
	assert_int_equal(filter_compile(&program), 0);
	assert_true(program.len > 0);
	free(program.filter);
}

/* The errors of `attempt`, without the filter and with it. */
static void try_both(int (*attempt)(unsigned long argument), unsigned long argument,
		     int *ret_without, int *ret_with)
{
	struct sock_fprog program = {};
	int status;
	pid_t pid;

	need_seccomp();
	*ret_without = attempt(argument);
	assert_int_equal(filter_compile(&program), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || filter_enter(&program)
			      ? 255
			      : attempt(argument));
	free(program.filter);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	*ret_with = WEXITSTATUS(status);
	assert_int_not_equal(*ret_with, 255);
}

static int make_socket(unsigned long family)
{
	int fd = (int)syscall(SYS_socket, family, SOCK_RAW, 0);

	if (fd < 0 && errno != EAFNOSUPPORT)
		fd = (int)syscall(SYS_socket, family, SOCK_DGRAM, 0);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? errno : 0;
}

static void only_four_families_can_be_made(void **state)
{
	unsigned int family, there = 0;
	int without, with;

	(void)state;
	for (family = 0; family < FAMILIES; family++) {
		try_both(make_socket, family, &without, &with);
		assert_int_equal(with, is_allowed(family) ? without : EAFNOSUPPORT);
		there += !is_allowed(family) && !without;
		try_both(make_socket, JUNK | family, &without, &with);
		assert_int_equal(with, is_allowed(family) ? without : EAFNOSUPPORT);
	}
	/* AF_PACKET at least, for root: otherwise this would prove nothing. */
	if (!geteuid())
		assert_true(there > 0);
}

static int make_pair(unsigned long family)
{
	int fds[2], r = (int)syscall(SYS_socketpair, family, SOCK_STREAM, 0, fds);

	if (!r) {
		close(fds[0]);
		close(fds[1]);
	}
	return r ? errno : 0;
}

static void pairs_of_unix_sockets_can_be_made(void **state)
{
	int without, with;

	(void)state;
	try_both(make_pair, AF_UNIX, &without, &with);
	assert_int_equal(without, 0);
	assert_int_equal(with, 0);
	try_both(make_pair, 40, &without, &with);
	assert_int_equal(with, EAFNOSUPPORT);
}

static int make_type(unsigned long type)
{
	int fd = (int)syscall(SYS_socket, AF_INET, type, 0);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? errno : 0;
}

static void sock_packet_is_not_made_whatever_the_flags(void **state)
{
	const unsigned long packet = 10;
	int without, with;

	(void)state;
	try_both(make_type, packet, &without, &with);
	assert_int_equal(with, EAFNOSUPPORT);
	try_both(make_type, packet | SOCK_CLOEXEC | SOCK_NONBLOCK, &without, &with);
	assert_int_equal(with, EAFNOSUPPORT);
	try_both(make_type, JUNK | packet, &without, &with);
	assert_int_equal(with, EAFNOSUPPORT);
	try_both(make_type, SOCK_DGRAM | SOCK_CLOEXEC, &without, &with);
	assert_int_equal(with, 0);
}

#ifdef __x86_64__
/* As a 32-bit program calls, which runs no cgroup hook: i386 numbers, pointers below 4 GiB. */
static int call_32bit(long number, long first, long second, long third, void *fourth, long fifth)
{
	long r = number;

	__asm__ volatile("int $0x80"
			 : "+a"(r)
			 : "b"(first), "c"(second), "d"(third), "S"(fourth), "D"(fifth)
			 : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int)-r;
}

static uint32_t *low_memory(void)
{
	uint32_t *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

static int option_socket(int level)
{
	return level == IPPROTO_TCP ? socket(AF_INET, SOCK_STREAM, 0)
				    : socket(AF_INET6, SOCK_DGRAM, 0);
}

static int set_option_32bit(unsigned long level_and_option)
{
	int r, level = (int)(level_and_option >> 16), fd = option_socket(level);
	uint32_t *value = low_memory();

	*value = 1;
	r = call_32bit(366, fd, level, level_and_option & 0xffff, value, sizeof(*value));
	close(fd);
	munmap(value, 4096);
	return r;
}

/* socketcall(SYS_SETSOCKOPT, arguments) */
static int set_option_by_socketcall(unsigned long level_and_option)
{
	int r, level = (int)(level_and_option >> 16), fd = option_socket(level);
	uint32_t *memory = low_memory();

	memory[0] = (uint32_t)fd;
	memory[1] = (uint32_t)level;
	memory[2] = level_and_option & 0xffff;
	memory[3] = (uint32_t)(uintptr_t)&memory[5];
	memory[4] = sizeof(*memory);
	memory[5] = 1;
	r = call_32bit(102, 14, (long)memory, 0, NULL, 0);
	close(fd);
	munmap(memory, 4096);
	return r;
}

static void options_are_not_set_by_socketcall(void **state)
{
	int without, with;

	(void)state;
	try_both(set_option_by_socketcall, IPPROTO_IPV6 << 16 | IPV6_FREEBIND, &without, &with);
	if (without == ENOSYS)
		skip();
	assert_int_equal(without, 0);
	assert_int_equal(with, EPERM);
}

static void options_that_lead_around_are_not_set_by_32_bit_calls(void **state)
{
	static const struct {
		unsigned long level, option;
		int error;
	} options[] = {
		{ IPPROTO_IPV6, IPV6_FREEBIND, EPERM },
		{ IPPROTO_IPV6, IPV6_TRANSPARENT, EPERM },
		{ IPPROTO_IPV6, IPV6_V6ONLY, 0 },
		{ IPPROTO_IP, IP_FREEBIND, EPERM },
		{ IPPROTO_IP, IP_TOS, 0 },
		{ IPPROTO_TCP, TCP_REPAIR, EPERM },
		{ IPPROTO_TCP, TCP_NODELAY, 0 },
	};
	int without, with;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(options); i++) {
		try_both(set_option_32bit, options[i].level << 16 | options[i].option, &without,
			 &with);
		/* A kernel without 32-bit calls has nothing to close. */
		if (without == ENOSYS)
			continue;
		assert_int_equal(with, options[i].error);
		assert_int_equal(without, 0);
	}
}
#endif

static int unshare_these(unsigned long flags)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(syscall(SYS_unshare, flags) ? errno : 0);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

static int clone_with(unsigned long flags)
{
	pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return pid < 0 ? errno : 0;
}

static void user_namespaces_are_not_made(void **state)
{
	int without, with;

	(void)state;
	try_both(unshare_these, CLONE_NEWUSER, &without, &with);
	assert_int_equal(with, EPERM);
	try_both(unshare_these, CLONE_NEWUSER | CLONE_FS, &without, &with);
	assert_int_equal(with, EPERM);
	try_both(unshare_these, CLONE_FS | CLONE_FILES, &without, &with);
	assert_int_equal(with, 0);
	try_both(clone_with, CLONE_NEWUSER, &without, &with);
	assert_int_equal(with, EPERM);
	try_both(clone_with, 0, &without, &with);
	assert_int_equal(with, 0);
}

/* Of no terminal: ENOTTY says that the kernel was asked. */
static int control_terminal(unsigned long request)
{
	int fds[2], r;

	if (pipe(fds))
		return 254;
	r = syscall(SYS_ioctl, fds[0], request, "x") ? errno : 0;
	close(fds[0]);
	close(fds[1]);
	return r;
}

static void nothing_is_typed_into_a_terminal(void **state)
{
	int without, with;

	(void)state;
	try_both(control_terminal, TIOCSTI, &without, &with);
	assert_int_equal(without, ENOTTY);
	assert_int_equal(with, EPERM);
	try_both(control_terminal, JUNK | TIOCSTI, &without, &with);
	assert_int_equal(with, EPERM);
	try_both(control_terminal, TIOCLINUX, &without, &with);
	assert_int_equal(with, EPERM);
	try_both(control_terminal, TIOCGWINSZ, &without, &with);
	assert_int_equal(with, ENOTTY);
}

static void no_tun_device_is_taken_hold_of(void **state)
{
	int without, with;

	(void)state;
	try_both(control_terminal, TUNSETIFF, &without, &with);
	assert_int_equal(without, ENOTTY);
	assert_int_equal(with, EPERM);
}

/* With arguments that do no harm, the kernel has other things to say, or nothing. */
static int call(unsigned long number)
{
	return syscall((long)number, -1L, 0, 0, 0, 0, 0) < 0 ? errno : 0;
}

static void calls_that_lead_out_are_refused(void **state)
{
	static const struct {
		long number;
		int error;
	} calls[] = {
		{ SYS_io_uring_setup, ENOSYS },
		{ SYS_io_uring_enter, ENOSYS },
		{ SYS_io_uring_register, ENOSYS },
		{ SYS_clone3, ENOSYS },
		{ SYS_process_vm_readv, EPERM },
		{ SYS_process_vm_writev, EPERM },
		{ SYS_pidfd_getfd, EPERM },
		{ SYS_kcmp, EPERM },
		{ SYS_process_madvise, EPERM },
		{ SYS_add_key, EPERM },
		{ SYS_request_key, EPERM },
		{ SYS_keyctl, EPERM },
		{ SYS_bpf, EPERM },
		{ SYS_perf_event_open, EPERM },
		{ SYS_setns, EPERM },
		{ SYS_open_by_handle_at, EPERM },
		{ SYS_ptrace, EPERM },
	};
	int without, with;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		try_both(call, (unsigned long)calls[i].number, &without, &with);
		assert_int_not_equal(without, calls[i].error);
		assert_int_equal(with, calls[i].error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_filter_is_compiled),
		cmocka_unit_test(only_four_families_can_be_made),
		cmocka_unit_test(pairs_of_unix_sockets_can_be_made),
		cmocka_unit_test(sock_packet_is_not_made_whatever_the_flags),
		cmocka_unit_test(user_namespaces_are_not_made),
		cmocka_unit_test(nothing_is_typed_into_a_terminal),
		cmocka_unit_test(no_tun_device_is_taken_hold_of),
#ifdef __x86_64__
		cmocka_unit_test(options_that_lead_around_are_not_set_by_32_bit_calls),
		cmocka_unit_test(options_are_not_set_by_socketcall),
#endif
		cmocka_unit_test(calls_that_lead_out_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
