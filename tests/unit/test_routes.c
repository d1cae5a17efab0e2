// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Routes of a network namespace of the test. Needs root. */
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "routes.h"
#include "util.h"

#define DEADLINE_MS 2000

#define MAKE_NETWORK                                                                               \
	"ip link set lo up && ip link add inside type veth peer name outside && "                  \
	"ip link add second type veth peer name other && "                                         \
	"ip link set inside up && ip link set outside up && ip link set second up && "             \
	"ip link set other up && ip addr add 198.51.100.2/24 dev inside && "                       \
	"ip -6 addr add 2001:db8::2/64 dev inside nodad && "                                       \
	"ip route add default via 198.51.100.1 && "                                                \
	"ip route add unreachable 192.0.2.0/28 && ip route add blackhole 192.0.2.16/28 && "        \
	"ip route add prohibit 192.0.2.32/28 && ip -6 route add unreachable 2001:db8:9::/48"

static int setup(void **state)
{
	return unshare(CLONE_NEWNET) || system(MAKE_NETWORK) || routes_open((struct routes **)state)
		       ? -1
		       : 0;
}

static int teardown(void **state)
{
	routes_close((struct routes **)state);
	return 0;
}

static uint32_t interface_of(struct routes *routes, const char *text)
{
	struct address address;
	uint32_t index;

	assert_int_equal(address_parse(text, &address), 0);
	assert_int_equal(routes_interface(routes, &address, &index), 0);
	return index;
}

static void an_address_of_a_network_is_reached_by_its_link(void **state)
{
	unsigned int inside = if_nametoindex("inside");

	assert_int_not_equal(inside, 0);
	assert_int_equal(interface_of(*state, "198.51.100.53"), inside);
	assert_int_equal(interface_of(*state, "203.0.113.53"), inside);
	assert_int_equal(interface_of(*state, "2001:db8::53"), inside);
}

static void an_address_of_this_host_is_reached_by_loopback(void **state)
{
	assert_int_equal(interface_of(*state, "127.0.0.53"), 1);
	assert_int_equal(interface_of(*state, "::1"), 1);
	assert_int_equal(interface_of(*state, "198.51.100.2"), 1);
	assert_int_equal(interface_of(*state, "2001:db8::2"), 1);
}

static void without_a_route_there_is_no_interface(void **state)
{
	assert_int_equal(interface_of(*state, "192.0.2.1"), 0);
	assert_int_equal(interface_of(*state, "192.0.2.17"), 0);
	assert_int_equal(interface_of(*state, "192.0.2.33"), 0);
	assert_int_equal(interface_of(*state, "2001:db8:1::53"), 0);
	assert_int_equal(interface_of(*state, "2001:db8:9::53"), 0);
}

static bool says_changed(struct routes *routes)
{
	struct pollfd changes = { .fd = routes_fd(routes), .events = POLLIN };

	return poll(&changes, 1, DEADLINE_MS) == 1;
}

static void assert_told(struct routes *routes, const char *command)
{
	struct pollfd changes = { .fd = routes_fd(routes), .events = POLLIN };

	routes_drain(routes);
	assert_int_equal(poll(&changes, 1, 0), 0);
	assert_int_equal(system(command), 0);
	assert_true(says_changed(routes));
}

static void changes_are_told_and_seen(void **state)
{
	unsigned int second = if_nametoindex("second");

	assert_told(*state, "ip route add 203.0.113.0/24 dev second");
	assert_int_equal(interface_of(*state, "203.0.113.53"), second);
	assert_told(*state, "ip -6 route add 2001:db8:1::/48 dev second");
	assert_int_equal(interface_of(*state, "2001:db8:1::53"), second);
	assert_told(*state, "ip addr add 203.0.113.53/32 dev second");
	assert_int_equal(interface_of(*state, "203.0.113.53"), 1);
	assert_told(*state, "ip link set second down");
	assert_int_equal(interface_of(*state, "2001:db8:1::53"), 0);
}

static void more_changes_than_fit_are_a_change(void **state)
{
	assert_told(*state, "for i in $(seq 1 250); do for j in 1 2 3 4; do "
			    "echo route add 198.18.$j.$i/32 dev inside; done; done | ip -batch -");
	routes_drain(*state);
	assert_told(*state, "ip route add 203.0.114.0/24 dev inside");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_of_a_network_is_reached_by_its_link),
		cmocka_unit_test(an_address_of_this_host_is_reached_by_loopback),
		cmocka_unit_test(without_a_route_there_is_no_interface),
		cmocka_unit_test(changes_are_told_and_seen),
		cmocka_unit_test(more_changes_than_fit_are_a_change),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
