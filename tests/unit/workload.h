/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Processes that do what a test asks, one thing after another: "ask(child, function, a, b)" calls
 * the function in the child and returns what it returns, often a descriptor of the child's. And a
 * cgroup to put them into. Needs root.
 */
#ifndef CGFENCE_TESTS_WORKLOAD_H
#define CGFENCE_TESTS_WORKLOAD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cgroup.h"
#include "util.h"

#define DEADLINE_MS 5000
#define CHILDREN_MAX 8

typedef int (*task_fn)(int a, int b);

struct child {
	pid_t pid;
	int channel;
};

struct workload {
	struct cgroup cgroup;
	struct child children[CHILDREN_MAX];
	size_t count;
};

struct order {
	task_fn task;
	int a, b;
};

static inline int serve_orders(int channel)
{
	struct order order;
	int result;

	while (read(channel, &order, sizeof(order)) == sizeof(order)) {
		result = order.task(order.a, order.b);
		if (write(channel, &result, sizeof(result)) != sizeof(result))
			break;
	}
	return 0;
}

/*
 * Sockets of other children that were looked at are closed by a thread, see user/descriptors.c: a
 * child that is forked before has them as long as it lives.
 */
static inline void wait_for_threads(void)
{
	struct stat tasks;
	int tries;

	for (tries = 0; tries < 1000; tries++) {
		assert_int_equal(stat("/proc/self/task", &tasks), 0);
		/* Of a directory: itself, its parent, and each that is in it. */
		if (tasks.st_nlink == 2 + 1)
			return;
		poll(NULL, 0, 1);
	}
}

/* Outside of the cgroup as yet. It ends with the test. */
static inline struct child *start_child(struct workload *workload)
{
	struct child *child = &workload->children[workload->count];
	int channel[2];

	assert_true(workload->count++ < CHILDREN_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
	wait_for_threads();
	child->pid = fork();
	assert_true(child->pid >= 0);
	if (!child->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(channel[0]);
		_exit(serve_orders(channel[1]));
	}
	close(channel[1]);
	child->channel = channel[0];
	return child;
}

static inline int ask(const struct child *child, task_fn task, int a, int b)
{
	const struct order order = { task, a, b };
	struct pollfd answer = { .fd = child->channel, .events = POLLIN };
	int result;

	assert_int_equal(write(child->channel, &order, sizeof(order)), sizeof(order));
	assert_int_equal(poll(&answer, 1, 2 * DEADLINE_MS), 1);
	assert_int_equal(read(child->channel, &result, sizeof(result)), sizeof(result));
	return result;
}

/* The same, where what comes back must not be an error. */
static inline int get(const struct child *child, task_fn task, int a, int b)
{
	int result = ask(child, task, a, b);

	if (result < 0)
		print_error("in the child: %s\n", strerror(-result));
	assert_true(result >= 0);
	return result;
}

/* --- tasks: what children do; -errno --------------------------------------------------------- */

static inline int join_cgroup(int cgroup_fd, int unused)
{
	_cleanup_close_ int fd = openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	(void)unused;
	return fd < 0 || write(fd, "0", 1) != 1 ? -errno : 0;
}

static inline int new_netns(int a, int b)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_cleanup_close_ int fd = -1;

	(void)a, (void)b;
	if (unshare(CLONE_NEWNET))
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	return ioctl(fd, SIOCSIFFLAGS, &loopback) ? -errno : 0;
}

union endpoint {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

static inline union endpoint loopback_of(int family)
{
	return family == AF_INET
		       ? (union endpoint){ .ipv4 = { .sin_family = AF_INET,
						     .sin_addr = { htonl(INADDR_LOOPBACK) } } }
		       : (union endpoint){ .ipv6 = { .sin6_family = AF_INET6,
						     .sin6_addr = in6addr_loopback } };
}

/* Bound to loopback, any port; TCP also listens. */
static inline int serve(int family, int type)
{
	union endpoint endpoint = loopback_of(family);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, &endpoint.any, sizeof(endpoint)) ||
	    (type == SOCK_STREAM && listen(fd, 1024)))
		return -errno;
	return fd;
}

static inline int type_of(int fd)
{
	socklen_t length = sizeof(int);
	int type = -1;

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
	return type;
}

static inline int connect_to(int server, int unused)
{
	union endpoint endpoint;
	socklen_t length = sizeof(endpoint);
	int fd;

	(void)unused;
	if (getsockname(server, &endpoint.any, &length))
		return -errno;
	fd = socket(endpoint.any.sa_family, type_of(server) | SOCK_CLOEXEC, 0);
	return fd < 0 || connect(fd, &endpoint.any, length) ? -errno : fd;
}

/* To an IPv4 server, by an IPv6 socket. */
static inline int connect_mapped(int server, int unused)
{
	union endpoint endpoint, to = { .ipv6 = { .sin6_family = AF_INET6 } };
	socklen_t length = sizeof(endpoint);
	int fd;

	(void)unused;
	if (getsockname(server, &endpoint.any, &length))
		return -errno;
	to.ipv6.sin6_port = endpoint.ipv4.sin_port;
	to.ipv6.sin6_addr.s6_addr[10] = to.ipv6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&to.ipv6.sin6_addr.s6_addr[12], &endpoint.ipv4.sin_addr, 4);
	fd = socket(AF_INET6, type_of(server) | SOCK_CLOEXEC, 0);
	return fd < 0 || connect(fd, &to.any, sizeof(to.ipv6)) ? -errno : fd;
}

static inline int accept_from(int server, int unused)
{
	int fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);

	(void)unused;
	return fd < 0 ? -errno : fd;
}

static inline int close_it(int fd, int unused)
{
	(void)unused;
	return close(fd) ? -errno : 0;
}

static inline int local_port(int fd, int unused)
{
	union endpoint endpoint;
	socklen_t length = sizeof(endpoint);

	(void)unused;
	/* At the same place for both families. */
	return getsockname(fd, &endpoint.any, &length) ? -errno : ntohs(endpoint.ipv4.sin_port);
}

static inline int remote_port(int fd, int unused)
{
	union endpoint endpoint;
	socklen_t length = sizeof(endpoint);

	(void)unused;
	return getpeername(fd, &endpoint.any, &length) ? -errno : ntohs(endpoint.ipv4.sin_port);
}

/* The error that a read gets, or 0 for none within `wait_ms`. */
static inline int error_of(int fd, int wait_ms)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	char byte;

	if (poll(&readable, 1, wait_ms) < 1)
		return 0;
	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN ? errno : 0;
}

static inline int error_of_send(int fd, int unused)
{
	(void)unused;
	return send(fd, "x", 1, MSG_NOSIGNAL) < 0 ? errno : 0;
}

/* A byte gets from one to the other. */
static inline int carries(int from, int to)
{
	struct pollfd readable = { .fd = to, .events = POLLIN };
	char byte;

	if (send(from, "x", 1, MSG_NOSIGNAL) != 1)
		return -errno;
	if (poll(&readable, 1, DEADLINE_MS) < 1)
		return -ETIMEDOUT;
	return recv(to, &byte, 1, 0) == 1 && byte == 'x' ? 0 : -EIO;
}

/* --- set-up ---------------------------------------------------------------------------------- */

static inline int set_up_workload(void **state)
{
	struct workload *workload = calloc(1, sizeof(*workload));
	char parent[CGROUP_PATH_BYTES], name[CGROUP_NAME_BYTES];
	struct failure failure;

	if (!workload)
		return -1;
	snprintf(name, sizeof(name), "test-%d", getpid());
	if (cgroup_parent(parent, &failure) ||
	    cgroup_create(parent, name, &workload->cgroup, &failure)) {
		print_error("%s\n", failure.text);
		free(workload);
		return -1;
	}
	*state = workload;
	return 0;
}

static inline int tear_down_workload(void **state)
{
	struct workload *workload = *state;
	size_t i;
	int r;

	for (i = 0; i < workload->count; i++) {
		close(workload->children[i].channel);
		kill(workload->children[i].pid, SIGKILL);
		waitpid(workload->children[i].pid, NULL, 0);
	}
	cgroup_empty(&workload->cgroup);
	r = cgroup_remove(&workload->cgroup);
	free(workload);
	return r;
}

#define WORKLOAD_TEST(test)                                                                        \
	cmocka_unit_test_setup_teardown(test, set_up_workload, tear_down_workload)

#endif
