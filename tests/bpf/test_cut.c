// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A rule that is removed ends its live connections at once, and no others. */
#include "fenced.h"

#include "fence.h"

struct connection {
	int listener, client, server;
};

static struct connection connect_inside(const struct fenced *fenced, const char *to, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct connection connection = { .listener = socket(AF_INET, SOCK_STREAM, 0) };

	assert_int_equal(inet_pton(AF_INET, to, &address.sin_addr), 1);
	assert_int_equal(bind(connection.listener, (void *)&address, sizeof(address)), 0);
	assert_int_equal(listen(connection.listener, 1), 0);
	connection.client = socket_inside(fenced, AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(connection.client, (void *)&address, sizeof(address)), 0);
	connection.server = accept(connection.listener, NULL, NULL);
	assert_true(connection.server >= 0);
	return connection;
}

static void close_connection(struct connection *connection)
{
	close_fd(&connection->listener);
	close_fd(&connection->client);
	close_fd(&connection->server);
}

/* What an application sees that waits for data: an error, or the word that was sent. */
static int wait_for(int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	char word[4];

	assert_int_equal(poll(&readable, 1, DEADLINE_MS), 1);
	return recv(fd, word, sizeof(word), 0) < 0 ? errno : 0;
}

static int cut_now(const struct fenced *fenced, size_t *ret_count)
{
	const struct fence fence = {
		.datapath = fenced->datapath,
		.policy = fenced->maps,
		.cgroup = fenced->cgroup,
	};

	return fence_cut(&fence, fenced->policy, ret_count);
}

static void remove_rule_without_cutting(const struct fenced *fenced, uint32_t rule)
{
	size_t refused;

	policy_remove_rule(fenced->policy, rule);
	assert_int_equal(policy_flush(fenced->policy, fenced->maps, &refused), 0);
	assert_true(policy_take_narrowed(fenced->policy));
}

static void remove_rule(const struct fenced *fenced, uint32_t rule, size_t *ret_count)
{
	remove_rule_without_cutting(fenced, rule);
	assert_int_equal(cut_now(fenced, ret_count), 0);
}

static void a_rule_that_is_removed_cuts_its_connections_and_no_others(void **state)
{
	_cleanup_(close_connection) struct connection first = { -1, -1, -1 };
	_cleanup_(close_connection) struct connection second = { -1, -1, -1 };
	struct fenced *fenced = *state;
	size_t count;

	put_fence_up(fenced, "allow 127.0.0.1:7000/tcp\nallow 127.0.0.1:7001/tcp\n");
	first = connect_inside(fenced, "127.0.0.1", 7000);
	second = connect_inside(fenced, "127.0.0.1", 7001);
	policy_take_narrowed(fenced->policy);
	remove_rule(fenced, 0, &count);
	assert_int_equal(count, 1);
	assert_int_equal(wait_for(first.client), ECONNABORTED);
	assert_int_equal(send(second.server, "word", 4, 0), 4);
	assert_int_equal(wait_for(second.client), 0);
	remove_rule(fenced, 1, &count);
	assert_int_equal(wait_for(second.client), ECONNABORTED);
	take_fence_down(fenced);
}

/* What is sent does not arrive, though nobody has cut it yet. */
static void cut_from_a_port_that_is_served(struct fenced *fenced, const char *to)
{
	_cleanup_(close_connection) struct connection out = { -1, -1, -1 };
	struct pollfd arrived;
	char rules[CGF_LINE_BYTES_MAX];
	size_t count;

	snprintf(rules, sizeof(rules), "allow %s:7000/tcp\nlisten 1-65535/tcp\n", to);
	put_fence_up(fenced, rules);
	out = connect_inside(fenced, to, 7000);
	assert_int_equal(send(out.client, "word", 4, 0), 4);
	assert_int_equal(wait_for(out.server), 0);
	remove_rule_without_cutting(fenced, 0);
	assert_int_equal(send(out.client, "word", 4, 0), 4);
	arrived = (struct pollfd){ .fd = out.server, .events = POLLIN };
	assert_int_equal(poll(&arrived, 1, 300), 0);
	assert_int_equal(cut_now(fenced, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(wait_for(out.client), ECONNABORTED);
	take_fence_down(fenced);
}

/* What goes to loopback is looked at in another place than the rest. */
static void a_connection_that_began_inside_is_none_that_was_accepted(void **state)
{
	cut_from_a_port_that_is_served(*state, "127.0.0.1");
	cut_from_a_port_that_is_served(*state, OUR_IPV4);
}

static void a_connection_that_was_accepted_is_not_cut(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(7001),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_(close_connection) struct connection in = { -1, -1, -1 };
	struct fenced *fenced = *state;
	size_t count;

	put_fence_up(fenced, "allow 127.0.0.1:7000/tcp\nlisten 7001/tcp\n");
	in.listener = socket_inside(fenced, AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(in.listener, (void *)&address, sizeof(address)), 0);
	assert_int_equal(listen(in.listener, 1), 0);
	in.client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(in.client, (void *)&address, sizeof(address)), 0);
	in.server = accept(in.listener, NULL, NULL);
	assert_true(in.server >= 0);
	remove_rule_without_cutting(fenced, 0);
	assert_int_equal(cut_now(fenced, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(send(in.server, "word", 4, 0), 4);
	assert_int_equal(wait_for(in.client), 0);
	take_fence_down(fenced);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(a_rule_that_is_removed_cuts_its_connections_and_no_others),
		FENCED_TEST(a_connection_that_began_inside_is_none_that_was_accepted),
		FENCED_TEST(a_connection_that_was_accepted_is_not_cut),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
