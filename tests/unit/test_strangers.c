// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What processes in a cgroup hold and a fence on it does not judge: found, with who holds it. */
#include "workload.h"

#include <linux/io_uring.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "strangers.h"

static struct strangers find(const struct workload *workload)
{
	struct strangers strangers;
	struct failure failure;
	int r = strangers_find(workload->cgroup.fd, &strangers, &failure);

	if (r)
		print_error("%s\n", failure.text);
	assert_int_equal(r, 0);
	return strangers;
}

/* The only one there is, for `reason`. */
static struct strangers find_one(const struct workload *workload, enum stranger_reason reason)
{
	struct strangers strangers = find(workload);

	assert_int_equal(strangers.count, 1);
	assert_int_equal(strangers.items[0].reason, reason);
	return strangers;
}

static void assert_none(const struct workload *workload)
{
	struct strangers strangers = find(workload);

	assert_int_equal(strangers.count, 0);
	strangers_finish(&strangers);
}

static void assert_held_by(const struct stranger *stranger, size_t i, const struct child *child,
			   int fd)
{
	assert_true(i < stranger->holder_count);
	assert_int_equal(stranger->holders[i].pid, child->pid);
	assert_int_equal(stranger->holders[i].fd, fd);
	assert_string_equal(stranger->holders[i].comm, "workload");
}

static int set_name(int a, int b)
{
	(void)a, (void)b;
	return prctl(PR_SET_NAME, "workload");
}

static int make_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* In a network namespace of its own, not yet in the cgroup. */
static struct child *start(struct workload *workload)
{
	struct child *child = start_child(workload);

	get(child, set_name, 0, 0);
	get(child, new_netns, 0, 0);
	return child;
}

static void join(const struct workload *workload, const struct child *child)
{
	get(child, join_cgroup, workload->cgroup.fd, 0);
}

/* --- made outside ---------------------------------------------------------------------------- */

static void a_connection_that_was_brought_along_is_found(void **state)
{
	struct child *child = start(*state);
	int server = get(child, serve, AF_INET, SOCK_STREAM);
	int client = get(child, connect_to, server, 0);
	int port = get(child, local_port, server, 0);
	struct strangers strangers;
	char text[STRANGER_END_BYTES], expected[64];
	_cleanup_free_ char *holders = NULL;

	get(child, accept_from, server, 0);
	get(child, close_it, server, 0);
	join(*state, child);
	strangers = find(*state);
	assert_int_equal(strangers.count, 2);
	assert_int_equal(strangers.items[0].reason, STRANGER_MADE_OUTSIDE);
	assert_held_by(&strangers.items[0], 0, child, client);
	snprintf(expected, sizeof(expected), "127.0.0.1:%d", port);
	assert_string_equal(stranger_remote(&strangers.items[0], text), expected);
	assert_string_equal(stranger_kind(&strangers.items[0], text), "tcp");
	holders = stranger_holders(&strangers.items[0]);
	snprintf(expected, sizeof(expected), "workload[%d] fd %d", child->pid, client);
	assert_string_equal(holders, expected);
	strangers_finish(&strangers);
}

static int make_below(const struct workload *workload, const char *name)
{
	assert_int_equal(mkdirat(workload->cgroup.fd, name, 0700), 0);
	return openat(workload->cgroup.fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void assert_origin(int cgroup_fd, const char *expected)
{
	struct strangers strangers;
	struct failure failure;
	_cleanup_free_ char *origin = NULL;

	assert_int_equal(strangers_find(cgroup_fd, &strangers, &failure), 0);
	assert_int_equal(strangers.count, 1);
	assert_true(strangers.items[0].cgroup_id != 0);
	origin = stranger_origin(&strangers.items[0]);
	assert_string_equal(origin, expected);
	strangers_finish(&strangers);
}

/* Made in one cgroup below the test's, and brought into another, which is looked at. */
static void where_it_was_made_is_told_by_path_until_that_is_gone(void **state)
{
	struct workload *workload = *state;
	_cleanup_close_ int origin = make_below(workload, "origin");
	_cleanup_close_ int inside = make_below(workload, "inside");
	struct child *child = start(workload);
	char path[CGROUP_PATH_BYTES + 8];

	get(child, join_cgroup, origin, 0);
	get(child, serve, AF_INET, SOCK_STREAM);
	get(child, join_cgroup, inside, 0);
	snprintf(path, sizeof(path), "%s/origin", workload->cgroup.path);
	assert_origin(inside, path);
	assert_none(workload);
	assert_int_equal(rmdir(path), 0);
	assert_origin(inside, "(gone)");
}

static void what_was_made_inside_is_none(void **state)
{
	struct child *child = start(*state);
	int server;

	join(*state, child);
	server = get(child, serve, AF_INET, SOCK_STREAM);
	get(child, connect_to, server, 0);
	get(child, accept_from, server, 0);
	server = get(child, serve, AF_INET6, SOCK_DGRAM);
	get(child, connect_to, server, 0);
	get(child, make_socket, AF_UNIX, SOCK_STREAM);
	get(child, make_socket, AF_NETLINK, SOCK_RAW);
	assert_none(*state);
}

static void listeners_and_udp_are_found_in_both_families(void **state)
{
	struct child *child = start(*state);
	struct strangers strangers;
	char text[STRANGER_END_BYTES];

	get(child, serve, AF_INET6, SOCK_STREAM);
	get(child, serve, AF_INET, SOCK_DGRAM);
	get(child, serve, AF_INET6, SOCK_DGRAM);
	join(*state, child);
	strangers = find(*state);
	assert_int_equal(strangers.count, 3);
	assert_string_equal(stranger_remote(&strangers.items[0], text), "listening");
	assert_memory_equal(stranger_local(&strangers.items[0], text), "[::1]:", 6);
	assert_string_equal(stranger_remote(&strangers.items[1], text), "-");
	assert_memory_equal(stranger_local(&strangers.items[1], text), "127.0.0.1:", 10);
	assert_string_equal(stranger_kind(&strangers.items[2], text), "udp");
	strangers_finish(&strangers);
}

static int send_fd(int channel, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec part = { .iov_base = (char *)"x", .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(channel, &message, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int channel, int unused)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control;
	char byte;
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fd;

	(void)unused;
	if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1)
		return -errno;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

/* What one child has, the other gets; its number there. */
static int pass(const struct child *from, const struct child *to, const int channel[2], int fd)
{
	get(from, send_fd, channel[0], fd);
	return get(to, receive_fd, channel[1], 0);
}

static void make_channel(int ret_channel[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_channel), 0);
}

static void close_channel(int channel[2])
{
	close(channel[0]);
	close(channel[1]);
}

static void one_that_was_passed_in_from_another_namespace_is_found(void **state)
{
	struct child *outside, *inside;
	struct strangers strangers;
	int channel[2], fd;

	make_channel(channel);
	outside = start(*state);
	inside = start(*state);
	join(*state, inside);
	fd = get(outside, serve, AF_INET, SOCK_STREAM);
	assert_none(*state);
	fd = pass(outside, inside, channel, fd);
	strangers = find_one(*state, STRANGER_MADE_OUTSIDE);
	assert_int_equal(strangers.items[0].holder_count, 1);
	assert_held_by(&strangers.items[0], 0, inside, fd);
	strangers_finish(&strangers);
	get(inside, close_it, fd, 0);
	assert_none(*state);
	close_channel(channel);
}

static void one_socket_of_two_processes_is_one_with_two_holders(void **state)
{
	struct child *first, *second;
	struct strangers strangers;
	int channel[2], fd, passed;

	make_channel(channel);
	first = start(*state);
	second = start(*state);
	fd = get(first, serve, AF_INET, SOCK_STREAM);
	join(*state, first);
	join(*state, second);
	passed = pass(first, second, channel, fd);
	strangers = find_one(*state, STRANGER_MADE_OUTSIDE);
	assert_int_equal(strangers.items[0].holder_count, 2);
	assert_held_by(&strangers.items[0], 0, first, fd);
	assert_held_by(&strangers.items[0], 1, second, passed);
	strangers_finish(&strangers);
	close_channel(channel);
}

/* A thread with a table of its own, in which alone the socket is. */
struct hidden {
	int fd, ready[2];
};

static void *hide(void *data)
{
	struct hidden *hidden = data;
	char byte = unshare(CLONE_FILES) ? 'e' : 'r';

	if (write(hidden->ready[1], &byte, 1) == 1)
		pause();
	return NULL;
}

static int hide_in_thread(int fd, int unused)
{
	static struct hidden hidden;
	pthread_t thread;
	char byte = 'e';

	(void)unused;
	hidden.fd = fd;
	if (pipe2(hidden.ready, O_CLOEXEC) || pthread_create(&thread, NULL, hide, &hidden) ||
	    read(hidden.ready[0], &byte, 1) != 1)
		return -errno;
	close(fd);
	return byte == 'r' ? 0 : -EIO;
}

static void one_that_only_a_thread_has_is_found(void **state)
{
	struct child *child = start(*state);
	struct strangers strangers;
	int fd = get(child, serve, AF_INET, SOCK_STREAM);

	join(*state, child);
	get(child, hide_in_thread, fd, 0);
	strangers = find_one(*state, STRANGER_MADE_OUTSIDE);
	assert_held_by(&strangers.items[0], 0, child, fd);
	strangers_finish(&strangers);
}

/* --- what cannot be judged or told ----------------------------------------------------------- */

static void a_family_that_no_hook_sees_is_found_wherever_it_was_made(void **state)
{
	struct child *child = start(*state);
	struct strangers strangers;
	char text[STRANGER_KIND_BYTES];

	join(*state, child);
	get(child, make_socket, AF_PACKET, SOCK_RAW);
	strangers = find_one(*state, STRANGER_NO_HOOK);
	assert_string_equal(stranger_kind(&strangers.items[0], text), "packet");
	strangers_finish(&strangers);
}

static void a_socket_that_is_not_bound_cannot_be_told_until_it_is_connected(void **state)
{
	struct child *child = start(*state);
	struct strangers strangers;
	int server;

	join(*state, child);
	server = get(child, serve, AF_INET, SOCK_STREAM);
	get(child, make_socket, AF_INET, SOCK_STREAM);
	strangers = find_one(*state, STRANGER_UNKNOWN);
	strangers_finish(&strangers);
	get(child, close_it, get(child, make_socket, AF_INET, SOCK_DGRAM), 0);
	get(child, connect_to, server, 0);
	strangers = find_one(*state, STRANGER_UNKNOWN);
	strangers_finish(&strangers);
}

static int make_raw(int family, int protocol)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);

	return fd < 0 ? -errno : fd;
}

static void a_raw_socket_cannot_be_told(void **state)
{
	struct child *child = start(*state);
	struct strangers strangers;
	char text[STRANGER_KIND_BYTES];

	get(child, make_raw, AF_INET6, IPPROTO_ICMPV6);
	join(*state, child);
	strangers = find_one(*state, STRANGER_UNKNOWN);
	assert_string_equal(stranger_kind(&strangers.items[0], text), "raw icmpv6");
	strangers_finish(&strangers);
}

/* --- rings ----------------------------------------------------------------------------------- */

static int make_ring(int flags, int unused)
{
	struct io_uring_params parameters = { .flags = (unsigned int)flags };
	int fd = (int)syscall(SYS_io_uring_setup, 4, &parameters);

	(void)unused;
	return fd < 0 ? -errno : fd;
}

/* Rings cannot be passed over a Unix socket (Linux 6.7), but taken. */
static int take(int pid, int fd)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int taken = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	return taken < 0 ? -errno : taken;
}

static void a_ring_with_a_thread_outside_is_found(void **state)
{
	struct child *outside = start(*state), *inside = start(*state);
	struct strangers strangers;
	int fd;

	join(*state, inside);
	get(inside, make_ring, IORING_SETUP_SQPOLL, 0);
	get(inside, take, outside->pid, get(outside, make_ring, 0, 0));
	assert_none(*state);
	fd = get(outside, make_ring, IORING_SETUP_SQPOLL, 0);
	fd = get(inside, take, outside->pid, fd);
	strangers = find_one(*state, STRANGER_THREAD_OUTSIDE);
	assert_held_by(&strangers.items[0], 0, inside, fd);
	strangers_finish(&strangers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORKLOAD_TEST(a_connection_that_was_brought_along_is_found),
		WORKLOAD_TEST(where_it_was_made_is_told_by_path_until_that_is_gone),
		WORKLOAD_TEST(what_was_made_inside_is_none),
		WORKLOAD_TEST(listeners_and_udp_are_found_in_both_families),
		WORKLOAD_TEST(one_that_was_passed_in_from_another_namespace_is_found),
		WORKLOAD_TEST(one_socket_of_two_processes_is_one_with_two_holders),
		WORKLOAD_TEST(one_that_only_a_thread_has_is_found),
		WORKLOAD_TEST(a_family_that_no_hook_sees_is_found_wherever_it_was_made),
		WORKLOAD_TEST(a_socket_that_is_not_bound_cannot_be_told_until_it_is_connected),
		WORKLOAD_TEST(a_raw_socket_cannot_be_told),
		WORKLOAD_TEST(a_ring_with_a_thread_outside_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
