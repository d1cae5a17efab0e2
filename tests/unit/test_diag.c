// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's list of sockets: what it says of each, and which cgroup it belongs to. */
#include "workload.h"

#include <netinet/tcp.h>

#include "diag.h"
#include "netns.h"
#include "tree.h"

#define ALL_STATES (~0U)

/* What is looked for, by the port it is bound to, and what was found. */
struct wanted {
	struct diag_query query;
	uint16_t local_port;
	size_t count;
	struct diag_socket last;
	bool destroy;
};

static int take(const struct diag_socket *socket, void *data)
{
	struct wanted *wanted = data;

	if (wanted->local_port && socket->local_port != wanted->local_port)
		return 0;
	wanted->count++;
	wanted->last = *socket;
	return 0;
}

static int visit(void *data)
{
	_cleanup_(diag_close) struct diag *diag = NULL;
	struct wanted *wanted = data;
	int r = diag_open(&diag);

	if (!r)
		r = diag_each(diag, &wanted->query, take, wanted);
	if (!r && wanted->destroy && wanted->count)
		r = diag_destroy(diag, &wanted->last);
	return r;
}

/* In all namespaces of the cgroup. */
static int look(const struct workload *workload, struct wanted *wanted)
{
	_cleanup_(netns_finish) struct netns_set namespaces = {};
	_cleanup_(tree_finish) struct tree tree = {};
	pid_t pid;

	assert_int_equal(tree_read(workload->cgroup.fd, &tree), 0);
	assert_int_equal(netns_of_tree(&tree, &namespaces, &pid), 0);
	return netns_each(&namespaces, visit, wanted);
}

static uint64_t id_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static struct child *start_inside(struct workload *workload)
{
	struct child *child = start_child(workload);

	get(child, new_netns, 0, 0);
	get(child, join_cgroup, workload->cgroup.fd, 0);
	return child;
}

static int inode_of(int fd, int unused)
{
	struct stat st;

	(void)unused;
	return fstat(fd, &st) ? -errno : (int)st.st_ino;
}

static void everything_is_said_of_a_connection(void **state)
{
	struct child *child = start_inside(*state);
	int server = get(child, serve, AF_INET, SOCK_STREAM);
	int client = get(child, connect_to, server, 0);
	struct wanted wanted = { .query = { AF_INET, IPPROTO_TCP, ALL_STATES, true, NULL, 0,
					    NULL } };
	char text[ADDRESS_TEXT_BYTES];

	wanted.local_port = (uint16_t)get(child, local_port, client, 0);
	assert_int_equal(look(*state, &wanted), 0);
	assert_int_equal(wanted.count, 1);
	assert_int_equal(wanted.last.family, AF_INET);
	assert_int_equal(wanted.last.protocol, IPPROTO_TCP);
	assert_int_equal(wanted.last.state, TCP_ESTABLISHED);
	assert_int_equal(wanted.last.remote_port, get(child, local_port, server, 0));
	assert_string_equal(address_format(&wanted.last.remote, text), "127.0.0.1");
	assert_string_equal(address_format(&wanted.last.local, text), "127.0.0.1");
	assert_int_equal(wanted.last.inode, get(child, inode_of, client, 0));
	assert_true(wanted.last.cookie != 0);
	assert_int_equal(wanted.last.cgroup_id, id_of(((struct workload *)*state)->cgroup.fd));
}

static void states_and_families_are_told_apart(void **state)
{
	struct child *child = start_inside(*state);
	int server = get(child, serve, AF_INET6, SOCK_STREAM);
	struct wanted wanted = { .query = { AF_INET6, IPPROTO_TCP, 1U << TCP_LISTEN, true, NULL, 0,
					    NULL } };

	wanted.local_port = (uint16_t)get(child, local_port, server, 0);
	get(child, connect_to, server, 0);
	assert_int_equal(look(*state, &wanted), 0);
	assert_int_equal(wanted.count, 1);
	assert_int_equal(wanted.last.state, TCP_LISTEN);
	wanted.query.family = AF_INET;
	assert_int_equal(look(*state, &wanted), 0);
	assert_int_equal(wanted.count, 1);
}

/* With so many ids the kernel picks out, or diag.c does: `count` of them, all but one of nobody. */
static void list_with_ids(struct workload *workload, size_t count)
{
	struct child *child = start_inside(workload), *outside = start_child(workload);
	uint64_t own = id_of(workload->cgroup.fd);
	uint64_t *ids = calloc(count, sizeof(*ids));
	struct wanted wanted = {
		.query = { AF_INET, IPPROTO_TCP, ALL_STATES, false, ids, count, NULL },
	};
	size_t i;

	assert_non_null(ids);
	get(outside, serve, AF_INET, SOCK_STREAM);
	get(child, serve, AF_INET, SOCK_STREAM);
	get(child, serve, AF_INET, SOCK_STREAM);
	for (i = 0; i < count; i++)
		ids[i] = own + (uint64_t)i * 1000000000;
	assert_int_equal(look(workload, &wanted), 0);
	assert_int_equal(wanted.count, 2);
	/* At the other end of the list. */
	for (i = 0; i < count; i++)
		ids[i] = own - (count - 1 - i);
	wanted.count = 0;
	assert_int_equal(look(workload, &wanted), 0);
	assert_int_equal(wanted.count, 2);
	free(ids);
}

static void only_sockets_of_a_cgroup_are_listed(void **state)
{
	list_with_ids(*state, 1);
}

static void only_sockets_of_some_cgroups_are_listed(void **state)
{
	list_with_ids(*state, 2);
}

static void the_longest_filter_holds(void **state)
{
	list_with_ids(*state, 64);
}

static void more_cgroups_than_a_filter_has_are_listed_as_well(void **state)
{
	list_with_ids(*state, 65);
}

static void of_no_cgroups_nothing_is_listed(void **state)
{
	struct wanted wanted = { .query = { AF_INET, IPPROTO_TCP, ALL_STATES, false, NULL, 0,
					    NULL } };

	get(start_inside(*state), serve, AF_INET, SOCK_STREAM);
	assert_int_equal(look(*state, &wanted), 0);
	assert_int_equal(wanted.count, 0);
}

static void what_is_gone_cannot_be_destroyed(void **state)
{
	struct child *child = start_inside(*state);
	int server = get(child, serve, AF_INET, SOCK_STREAM);
	struct wanted wanted = { .query = { AF_INET, IPPROTO_TCP, 1U << TCP_LISTEN, true, NULL, 0,
					    NULL } };

	wanted.local_port = (uint16_t)get(child, local_port, server, 0);
	wanted.destroy = true;
	assert_int_equal(look(*state, &wanted), 0);
	assert_int_equal(wanted.count, 1);
	wanted.query.states = 1U << TCP_CLOSING;
	assert_int_equal(look(*state, &wanted), -ENOENT);
}

static void an_unknown_protocol_cannot_be_listed(void **state)
{
	struct wanted wanted = { .query = { AF_INET, IPPROTO_EGP, ALL_STATES, true, NULL, 0,
					    NULL } };

	assert_int_equal(look(*state, &wanted), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORKLOAD_TEST(everything_is_said_of_a_connection),
		WORKLOAD_TEST(states_and_families_are_told_apart),
		WORKLOAD_TEST(only_sockets_of_a_cgroup_are_listed),
		WORKLOAD_TEST(only_sockets_of_some_cgroups_are_listed),
		WORKLOAD_TEST(the_longest_filter_holds),
		WORKLOAD_TEST(more_cgroups_than_a_filter_has_are_listed_as_well),
		WORKLOAD_TEST(of_no_cgroups_nothing_is_listed),
		WORKLOAD_TEST(what_is_gone_cannot_be_destroyed),
		WORKLOAD_TEST(an_unknown_protocol_cannot_be_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
