// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is recorded of a decision, field by field, at each hook of a call: clang has left parts of
 * such a record out (see setsockopt_impl() in calls.bpf.h).
 */
#include <sys/stat.h>

#include "wire.h"

#define DENIED "192.0.2.1"
#define PORT 4711

static void keep_record(const struct cgf_decision *decision, void *data)
{
	*(struct cgf_decision *)data = *decision;
}

static struct cgf_decision last_record(const struct fenced *fenced)
{
	struct cgf_decision record = {};
	int fd;

	assert_int_equal(datapath_decisions_open(fenced->maps, keep_record, NULL, &record, &fd), 0);
	assert_int_equal(datapath_decisions_drain(fenced->maps), 0);
	return record;
}

static uint64_t cgroup_id(const struct fenced *fenced)
{
	struct stat cgroup;

	assert_int_equal(fstat(fenced->cgroup.fd, &cgroup), 0);
	return cgroup.st_ino;
}

/* What every record of a denial has that no rule says. */
static void check(const struct fenced *fenced, const struct cgf_decision *record,
		  enum cgf_hook hook, enum cgf_reason reason, uint64_t since_ns)
{
	assert_int_equal(record->hook, hook);
	assert_int_equal(record->reason, reason);
	assert_int_equal(record->rule, CGF_RULE_NONE);
	assert_int_equal(record->cgroup_id, cgroup_id(fenced));
	assert_int_equal(record->protocol, IPPROTO_UDP);
	assert_in_range(record->time_ns, since_ns, monotonic_ns());
	assert_int_equal(record->flags, 0);
}

static void check_address(const struct cgf_decision *record, const char *text, uint16_t port)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	assert_memory_equal(record->address, address.bytes, sizeof(address.bytes));
	assert_int_equal(record->port, port);
	assert_int_equal(record->pid, getpid());
	assert_int_equal(record->family, AF_INET);
	assert_int_equal(record->socket_type, SOCK_DGRAM);
}

static void an_option_that_is_refused(void **state)
{
	static const uint8_t nowhere[16];
	const uint64_t since_ns = monotonic_ns();
	struct fenced *fenced = *state;
	_cleanup_close_ int fd = -1;
	struct cgf_decision record;
	const int one = 1;

	put_fence_up(fenced, "allow 198.51.100.1\n");
	fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)), -1);
	record = last_record(fenced);
	check(fenced, &record, CGF_HOOK_SETSOCKOPT, CGF_REASON_OPTION, since_ns);
	assert_int_equal(record.verdict, CGF_DENY);
	assert_int_equal(record.option_level, SOL_SOCKET);
	assert_int_equal(record.option, SO_ZEROCOPY);
	assert_memory_equal(record.address, nowhere, sizeof(nowhere));
	set_mode(fenced, CGF_MODE_AUDIT);
	assert_int_equal(setsockopt(fd, SOL_IP, IP_FREEBIND, &one, sizeof(one)), 0);
	record = last_record(fenced);
	check(fenced, &record, CGF_HOOK_SETSOCKOPT, CGF_REASON_OPTION, since_ns);
	assert_int_equal(record.verdict, CGF_ALLOW);
	assert_int_equal(record.option_level, SOL_IP);
	assert_int_equal(record.option, IP_FREEBIND);
}

static void a_connection_that_is_refused(void **state)
{
	const union endpoint to = endpoint_of(DENIED, PORT);
	const uint64_t since_ns = monotonic_ns();
	struct fenced *fenced = *state;
	_cleanup_close_ int fd = -1;
	struct cgf_decision record;

	put_fence_up(fenced, "allow 198.51.100.1\n");
	fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(connect(fd, &to.any, sizeof(to.ipv4)), -1);
	record = last_record(fenced);
	check(fenced, &record, CGF_HOOK_CONNECT, CGF_REASON_NO_RULE, since_ns);
	check_address(&record, DENIED, PORT);
	assert_int_equal(sendto(fd, "word", 4, 0, &to.any, sizeof(to.ipv4)), -1);
	record = last_record(fenced);
	check(fenced, &record, CGF_HOOK_SENDMSG, CGF_REASON_NO_RULE, since_ns);
	check_address(&record, DENIED, PORT);
	assert_int_not_equal(record.socket_cookie, 0);
}

static void a_port_that_may_not_be_served(void **state)
{
	const union endpoint at = endpoint_of(OUR_IPV4, PORT);
	const uint64_t since_ns = monotonic_ns();
	struct fenced *fenced = *state;
	_cleanup_close_ int fd = -1;
	struct cgf_decision record;

	put_fence_up(fenced, "allow 198.51.100.1\n");
	fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, &at.any, sizeof(at.ipv4)), -1);
	record = last_record(fenced);
	check(fenced, &record, CGF_HOOK_BIND, CGF_REASON_NO_LISTEN, since_ns);
	check_address(&record, OUR_IPV4, PORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(an_option_that_is_refused),
		FENCED_TEST(a_connection_that_is_refused),
		FENCED_TEST(a_port_that_may_not_be_served),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
