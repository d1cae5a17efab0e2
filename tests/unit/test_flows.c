// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Live flows of a cgroup are cut, in whatever network namespace, and no others. */
#include "workload.h"

#include <netinet/tcp.h>

#include "flows.h"

/* A connection whose client is in the cgroup, and whose server was made outside. */
struct connection {
	struct child *child;
	int server, client, served;
};

static struct connection connect_inside(struct workload *workload, int family, task_fn connector)
{
	struct connection connection = { .child = start_child(workload) };
	struct child *child = connection.child;

	get(child, new_netns, 0, 0);
	connection.server = get(child, serve, family, SOCK_STREAM);
	get(child, join_cgroup, workload->cgroup.fd, 0);
	connection.client = get(child, connector, connection.server, 0);
	connection.served = get(child, accept_from, connection.server, 0);
	assert_int_equal(get(child, carries, connection.client, connection.served), 0);
	return connection;
}

static bool has_remote_port(const struct flow *flow, void *data)
{
	return flow->remote_port == *(const uint16_t *)data;
}

static size_t cut_port(const struct workload *workload, int port)
{
	uint16_t remote = (uint16_t)port;
	size_t count;

	assert_int_equal(flows_cut(workload->cgroup.fd, has_remote_port, &remote, &count), 0);
	return count;
}

static void assert_cut(const struct child *child, int fd)
{
	assert_int_equal(get(child, error_of, fd, DEADLINE_MS), ECONNABORTED);
}

static void a_connection_in_another_namespace_is_cut(void **state)
{
	struct connection connection = connect_inside(*state, AF_INET, connect_to);
	struct child *child = connection.child;

	assert_int_equal(cut_port(*state, get(child, remote_port, connection.client, 0)), 1);
	assert_cut(child, connection.client);
	assert_int_equal(get(child, error_of_send, connection.client, 0), EPIPE);
	/* The other side is told. */
	assert_int_equal(get(child, error_of, connection.served, DEADLINE_MS), ECONNRESET);
}

static int fill(int fd, int unused)
{
	static const char bytes[4096];

	(void)unused;
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	return errno;
}

/* Linux 5.10 keeps it, with nothing to send. */
static void what_a_process_left_behind_unsent_is_cut(void **state)
{
	struct connection connection = connect_inside(*state, AF_INET, connect_to);
	struct workload *workload = *state;
	size_t count;

	assert_int_equal(get(connection.child, fill, connection.client, 0), EAGAIN);
	get(connection.child, close_it, connection.client, 0);
	assert_int_equal(flows_cut_all(workload->cgroup.fd, &count), 0);
	assert_int_equal(count, 1);
}

static void what_the_predicate_does_not_name_stays(void **state)
{
	struct connection connection = connect_inside(*state, AF_INET, connect_to);
	struct child *child = connection.child;
	int port = get(child, remote_port, connection.client, 0);

	assert_int_equal(cut_port(*state, port ^ 1), 0);
	assert_int_equal(get(child, carries, connection.client, connection.served), 0);
	assert_int_equal(get(child, carries, connection.served, connection.client), 0);
}

static void sockets_of_other_cgroups_stay(void **state)
{
	struct connection connection = connect_inside(*state, AF_INET, connect_to);
	struct child *child = connection.child, *outside = start_child(*state);
	int server = get(outside, serve, AF_INET, SOCK_STREAM);
	int client = get(outside, connect_to, server, 0);
	int served = get(outside, accept_from, server, 0);
	size_t count;

	/* The server of the connection is held by a process inside, but was made outside. */
	assert_int_equal(flows_cut_all(((struct workload *)*state)->cgroup.fd, &count), 0);
	assert_int_equal(count, 1);
	assert_cut(child, connection.client);
	get(child, close_it, connection.client, 0);
	connection.client = get(child, connect_to, connection.server, 0);
	connection.served = get(child, accept_from, connection.server, 0);
	assert_int_equal(get(child, carries, connection.client, connection.served), 0);
	assert_int_equal(get(outside, carries, client, served), 0);
}

static void ipv6_is_cut(void **state)
{
	struct connection connection = connect_inside(*state, AF_INET6, connect_to);

	assert_int_equal(cut_port(*state, get(connection.child, remote_port, connection.client, 0)),
			 1);
	assert_cut(connection.child, connection.client);
}

static bool is_ipv4(const struct flow *flow, void *data)
{
	(void)data;
	return address_is_ipv4(&flow->remote) && address_is_ipv4(&flow->local);
}

static void ipv4_on_an_ipv6_socket_is_ipv4_and_is_cut(void **state)
{
	struct connection connection = connect_inside(*state, AF_INET, connect_mapped);
	size_t count;

	assert_int_equal(flows_cut(((struct workload *)*state)->cgroup.fd, is_ipv4, NULL, &count),
			 0);
	assert_int_equal(count, 1);
	assert_cut(connection.child, connection.client);
}

/* Connected within the cgroup; the server is bound only, and stays. */
static void cut_udp(struct workload *workload, int family, task_fn connector)
{
	struct child *child = start_child(workload);
	int server, client;

	get(child, new_netns, 0, 0);
	get(child, join_cgroup, workload->cgroup.fd, 0);
	server = get(child, serve, family, SOCK_DGRAM);
	client = get(child, connector, server, 0);
	assert_int_equal(get(child, carries, client, server), 0);
	assert_int_equal(cut_port(workload, get(child, local_port, server, 0)), 1);
	assert_cut(child, client);
	assert_int_equal(get(child, error_of_send, client, 0), EDESTADDRREQ);
}

static void a_connected_udp_socket_is_cut(void **state)
{
	cut_udp(*state, AF_INET, connect_to);
	cut_udp(*state, AF_INET6, connect_to);
	cut_udp(*state, AF_INET, connect_mapped);
}

static int make_cgroup(int cgroup_fd, int unused)
{
	(void)unused;
	if (mkdirat(cgroup_fd, "child", 0700))
		return -errno;
	return openat(cgroup_fd, "child", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void a_cgroup_below_is_covered(void **state)
{
	struct child *child = start_child(*state);
	int below, server, client;

	get(child, new_netns, 0, 0);
	server = get(child, serve, AF_INET, SOCK_STREAM);
	below = get(child, make_cgroup, ((struct workload *)*state)->cgroup.fd, 0);
	get(child, join_cgroup, below, 0);
	client = get(child, connect_to, server, 0);
	assert_int_equal(cut_port(*state, get(child, remote_port, client, 0)), 1);
	assert_cut(child, client);
}

static bool is_listener(const struct flow *flow, void *data)
{
	(void)data;
	return flow->protocol == IPPROTO_TCP && flow->state == TCP_LISTEN;
}

/* Accepts no more: EINVAL, as it does not listen. */
static int error_of_accept(int fd, int unused)
{
	(void)unused;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return accept4(fd, NULL, NULL, SOCK_CLOEXEC) < 0 ? errno : 0;
}

/* One more listener on a port, or the first, for port 0. */
static int serve_shared(int port, int unused)
{
	const int on = 1;
	union endpoint endpoint = loopback_of(AF_INET);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)unused;
	endpoint.ipv4.sin_port = htons((uint16_t)port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	return bind(fd, &endpoint.any, sizeof(endpoint)) || listen(fd, 1) ? -errno : fd;
}

static void listeners_are_cut_and_connections_stay(void **state)
{
	struct workload *workload = *state;
	struct connection connection = connect_inside(workload, AF_INET, connect_to);
	struct child *child = connection.child;
	int server = get(child, serve, AF_INET6, SOCK_STREAM);
	size_t count;

	assert_int_equal(flows_cut(workload->cgroup.fd, is_listener, NULL, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(get(child, error_of_accept, server, 0), EINVAL);
	assert_int_equal(get(child, carries, connection.client, connection.served), 0);
	assert_int_equal(get(child, error_of_accept, connection.server, 0), EAGAIN);
}

static void listeners_that_share_a_port_are_each_found(void **state)
{
	struct workload *workload = *state;
	struct child *child = start_child(workload);
	int first, inside[9];
	size_t count, i;

	get(child, new_netns, 0, 0);
	first = get(child, serve_shared, 0, 0);
	get(child, join_cgroup, workload->cgroup.fd, 0);
	for (i = 0; i < ARRAY_SIZE(inside); i++)
		inside[i] = get(child, serve_shared, get(child, local_port, first, 0), 0);
	assert_int_equal(flows_cut_all(workload->cgroup.fd, &count), 0);
	assert_int_equal(count, ARRAY_SIZE(inside));
	for (i = 0; i < ARRAY_SIZE(inside); i++)
		assert_int_equal(get(child, error_of_accept, inside[i], 0), EINVAL);
	assert_int_equal(get(child, error_of_accept, first, 0), EAGAIN);
}

/* The process has left the namespace of its socket, and nobody else is there. */
static void a_socket_in_a_namespace_without_processes_is_cut(void **state)
{
	struct connection connection = connect_inside(*state, AF_INET, connect_to);
	size_t count;

	get(connection.child, new_netns, 0, 0);
	assert_int_equal(flows_cut_all(((struct workload *)*state)->cgroup.fd, &count), 0);
	assert_int_equal(count, 1);
	assert_cut(connection.child, connection.client);
}

static bool never(const struct flow *flow, void *data)
{
	(void)flow, (void)data;
	return false;
}

static void our_own_namespace_stays(void **state)
{
	struct stat before, after;
	size_t count = 7;

	connect_inside(*state, AF_INET, connect_to);
	assert_int_equal(stat("/proc/thread-self/ns/net", &before), 0);
	assert_int_equal(flows_cut(((struct workload *)*state)->cgroup.fd, never, NULL, &count), 0);
	assert_int_equal(stat("/proc/thread-self/ns/net", &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(count, 0);
}

static void nothing_is_cut_in_an_empty_cgroup(void **state)
{
	size_t count = 7;

	assert_int_equal(flows_cut_all(((struct workload *)*state)->cgroup.fd, &count), 0);
	assert_int_equal(count, 0);
}

/* Not all that there is: here by the port alone, as it would be the host's own. */
static void of_no_cgroups_nothing_is_cut(void **state)
{
	struct child *outside = start_child(*state);
	int server = get(outside, serve, AF_INET, SOCK_STREAM);
	int client = get(outside, connect_to, server, 0);
	uint16_t remote = (uint16_t)get(outside, remote_port, client, 0);
	const struct flows_query nothing = {};
	size_t count = 7;

	assert_int_equal(flows_cut_several(&nothing, has_remote_port, &remote, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(get(outside, error_of, client, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORKLOAD_TEST(a_connection_in_another_namespace_is_cut),
		WORKLOAD_TEST(what_a_process_left_behind_unsent_is_cut),
		WORKLOAD_TEST(what_the_predicate_does_not_name_stays),
		WORKLOAD_TEST(sockets_of_other_cgroups_stay),
		WORKLOAD_TEST(ipv6_is_cut),
		WORKLOAD_TEST(ipv4_on_an_ipv6_socket_is_ipv4_and_is_cut),
		WORKLOAD_TEST(a_connected_udp_socket_is_cut),
		WORKLOAD_TEST(a_cgroup_below_is_covered),
		WORKLOAD_TEST(listeners_are_cut_and_connections_stay),
		WORKLOAD_TEST(listeners_that_share_a_port_are_each_found),
		WORKLOAD_TEST(a_socket_in_a_namespace_without_processes_is_cut),
		WORKLOAD_TEST(our_own_namespace_stays),
		WORKLOAD_TEST(nothing_is_cut_in_an_empty_cgroup),
		WORKLOAD_TEST(of_no_cgroups_nothing_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
