// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What an answer gives: which addresses, which ports, in which policy. */
#include <sys/stat.h>

#include "asking.h"

#define ID 0x1234
#define HOST "host.test"
#define LAN "lan.test"
#define ADDRESS_A "203.0.113.7"
#define ADDRESS_B "203.0.113.8"

static void learn_one(const struct asker *asker, const char *name, const char *address)
{
	const uint16_t type = strchr(address, ':') ? DNS_AAAA : DNS_A;
	struct dns_message message;

	assert_true(asker_asks(asker, name, type, ID));
	dns_start(&message, ID, DNS_ANSWERED);
	dns_ask(&message, name, type);
	dns_address(&message, name, 60, address);
	asker_hears(asker, &message);
}

/* --- special addresses --------------------------------------------------------------------------
 */

#define ROW 200

/* Addresses of one family, that are told in one answer. */
struct row {
	const struct asker *asker;
	const char *name;
	uint16_t type;
	size_t count;
	uint64_t special;
	struct address addresses[ROW];
};

static void forget_address(const struct fenced *fenced, const struct address *address)
{
	struct cgf_key key = { .port = 443,
			       .protocol = IPPROTO_TCP,
			       .port_bits = CGF_PORT_BITS_ONE };

	memcpy(key.address, address->bytes, sizeof(key.address));
	assert_int_equal(datapath_allow_delete(fenced->maps, &key, 1), 0);
}

static bool knows_address(const struct fenced *fenced, const struct address *address)
{
	struct cgf_key key = { .port = 443,
			       .protocol = IPPROTO_TCP,
			       .port_bits = CGF_PORT_BITS_ONE };
	struct cgf_entry entry;

	memcpy(key.address, address->bytes, sizeof(key.address));
	return !datapath_allow_read(fenced->maps, &key, &entry);
}

static void check_address(struct row *row, const struct address *address)
{
	const struct fenced *fenced = row->asker->fenced;
	const bool special = address_special(address), known = knows_address(fenced, address);
	char text[ADDRESS_TEXT_BYTES];

	row->special += special;
	if (known != (!special || !strcmp(row->name, LAN)))
		fail_msg("%s", address_format(address, text));
}

static void tell_row(struct row *row)
{
	const size_t offset = row->type == DNS_A ? 12 : 0;
	struct dns_message message;
	size_t i;

	assert_true(asker_asks(row->asker, row->name, row->type, ID));
	dns_start(&message, ID, DNS_ANSWERED);
	dns_ask(&message, row->name, row->type);
	for (i = 0; i < row->count; i++)
		dns_record(&message, row->name, row->type, 60, row->addresses[i].bytes + offset,
			   16 - offset);
	asker_hears(row->asker, &message);
	for (i = 0; i < row->count; i++)
		check_address(row, &row->addresses[i]);
	for (i = 0; i < row->count; i++)
		forget_address(row->asker->fenced, &row->addresses[i]);
	row->count = 0;
}

static void tell_address(struct row *row, const struct address *address)
{
	row->addresses[row->count++] = *address;
	if (row->count == ROW)
		tell_row(row);
}

static void tell_ipv4(struct row *row, uint32_t number)
{
	const struct in_addr ipv4 = { htonl(number) };
	const struct address address = address_from_ipv4(&ipv4);

	tell_address(row, &address);
}

/* What begins so, and has the IPv4 address at this place. */
static void tell_carried(struct row *row, const char *prefix, size_t offset, uint32_t number)
{
	struct address address = {};

	assert_int_equal(inet_pton(AF_INET6, prefix, address.bytes), 1);
	put16(address.bytes + offset, number >> 16);
	put16(address.bytes + offset + 2, number & 0xffff);
	tell_address(row, &address);
}

static const struct {
	const char *prefix;
	size_t offset;
} carriers[] = {
	{ "::", 12 },
	{ "::1:0:0", 12 },
	{ "::ffff:0:0", 12 },
	{ "::ffff:0:0:0", 12 },
	{ "::fffe:0:0:0", 12 },
	{ "::ffff:1:0:0", 12 },
	{ "64:ff9b::", 12 },
	{ "64:ff9b::1:0:0", 12 },
	{ "64:ff9b:1::", 12 },
	{ "64:ff9b:1:2:3:4::", 12 },
	{ "64:ff9b:2::", 12 },
	{ "64:ff9c::", 12 },
	{ "2001::", 12 },
	{ "2002::", 2 },
	{ "2002:0:0:1:2:3:4:5", 2 },
	{ "2003::", 2 },
	{ "2001:db8::", 12 },
};

static const uint32_t edges[] = {
	0x00000000, 0x00000001, 0x00ffffff, 0x01000000, 0x09ffffff, 0x0a000000, 0x0affffff,
	0x0b000000, 0x643fffff, 0x64400000, 0x647fffff, 0x64800000, 0x6464c8c8, 0x7effffff,
	0x7f000000, 0x7f000001, 0x7fffffff, 0x80000000, 0xa83f810f, 0xa83f8110, 0xa83f8111,
	0xa9fdffff, 0xa9fe0000, 0xa9fea9fe, 0xa9feffff, 0xa9ff0000, 0xac0fffff, 0xac100000,
	0xac1fffff, 0xac200000, 0xbfffffff, 0xc0000000, 0xc00000c0, 0xc00000ff, 0xc0000100,
	0xc0a7ffff, 0xc0a80000, 0xc0a8ffff, 0xc0a90000, 0xc6120001, 0xdfffffff, 0xe0000000,
	0xefffffff, 0xf0000000, 0xfffffffe, 0xffffffff,
};

static const char *const ipv6_edges[] = {
	"::",
	"::1",
	"::2",
	"fbff:ffff::",
	"fc00::",
	"fd00:ec2::254",
	"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	"fe00::",
	"fe7f:ffff::",
	"fe80::1",
	"febf:ffff::",
	"fec0::",
	"feff:ffff::",
	"ff00::",
	"ff02::1",
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	"2000::",
	"100::1",
};

static void tell_ipv6_edges(struct row *row)
{
	struct address address;
	size_t i, c;

	for (i = 0; i < ARRAY_SIZE(ipv6_edges); i++) {
		assert_int_equal(address_parse(ipv6_edges[i], &address), 0);
		tell_address(row, &address);
	}
	for (i = 0; i < ARRAY_SIZE(edges); i++)
		for (c = 0; c < ARRAY_SIZE(carriers); c++)
			tell_carried(row, carriers[c].prefix, carriers[c].offset, edges[i]);
	tell_row(row);
}

static void tell_all(const struct asker *asker, const char *name, uint64_t *special)
{
	struct row row = { .asker = asker, .name = name, .type = DNS_A };
	uint32_t i;

	for (i = 0; i < ARRAY_SIZE(edges); i++)
		tell_ipv4(&row, edges[i]);
	tell_row(&row);
	row.type = DNS_AAAA;
	tell_ipv6_edges(&row);
	*special += row.special;
}

static void a_public_name_has_no_special_address_and_a_private_one_may(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	uint64_t special = 0, others = 0;

	put_asking_up(fenced, "allow host.test:443/tcp\nallow lan.test:443/tcp private\n");
	asker = asker_open(fenced, RESOLVER_IPV4);
	tell_all(&asker, LAN, &others);
	assert_int_equal(counters_of(fenced).special, 0);
	tell_all(&asker, HOST, &special);
	assert_true(special > 200);
	assert_int_equal(special, others);
	assert_int_equal(counters_of(fenced).special, special);
}

/* Of each the lowest, the highest, and one between. */
static void every_ipv4_network_of_16_bits_is_told_as_userspace_does(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct row row = { .name = HOST, .type = DNS_A };
	uint32_t i;

	put_asking_up(fenced, "allow host.test:443/tcp\n");
	asker = asker_open(fenced, RESOLVER_IPV4);
	row.asker = &asker;
	for (i = 0; i < 1 << 16; i++) {
		tell_ipv4(&row, i << 16);
		tell_ipv4(&row, i << 16 | 0xffff);
		tell_ipv4(&row, i << 16 | (i * 40503 & 0xffff));
	}
	tell_row(&row);
}

static void every_ipv6_network_of_16_bits_is_told_as_userspace_does(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct row row = { .name = HOST, .type = DNS_AAAA };
	struct address address;
	uint32_t i;

	put_asking_up(fenced, "allow host.test:443/tcp\n");
	asker = asker_open(fenced, RESOLVER_IPV4);
	row.asker = &asker;
	for (i = 0; i < 1 << 16; i++) {
		memset(address.bytes, i % 3 ? 0 : 0xff, sizeof(address.bytes));
		put16(address.bytes, i);
		address.bytes[15] = (uint8_t)(1 + i % 250);
		tell_address(&row, &address);
	}
	for (i = 0; i < 1 << 16; i++)
		tell_carried(&row, carriers[i % ARRAY_SIZE(carriers)].prefix,
			     carriers[i % ARRAY_SIZE(carriers)].offset, i * 2654435761U);
	tell_row(&row);
}

/* --- ports --------------------------------------------------------------------------------------
 */

static bool may_connect(const struct fenced *fenced, const char *address, uint16_t port, int type)
{
	const union endpoint endpoint = endpoint_of(address, port);
	_cleanup_close_ int fd = socket_inside(fenced, AF_INET, type | SOCK_NONBLOCK, 0);
	const int error = connect(fd, &endpoint.any, sizeof(endpoint)) < 0 ? errno : 0;

	assert_true(!error || error == EINPROGRESS || error == EPERM);
	return error != EPERM;
}

struct flow {
	const char *name;
	uint16_t port;
	int type;
	bool allowed;
};

static const struct flow flows[] = {
	{ "every.test", 1, SOCK_STREAM, true },	    { "every.test", 65535, SOCK_DGRAM, true },
	{ "every.test", 53, SOCK_STREAM, false },   { "every.test", 53, SOCK_DGRAM, false },
	{ "range.test", 7999, SOCK_DGRAM, false },  { "range.test", 8000, SOCK_DGRAM, true },
	{ "range.test", 8004, SOCK_DGRAM, true },   { "range.test", 8005, SOCK_DGRAM, false },
	{ "range.test", 8000, SOCK_STREAM, false }, { "two.test", 22, SOCK_STREAM, true },
	{ "two.test", 22, SOCK_DGRAM, true },	    { "two.test", 443, SOCK_STREAM, true },
	{ "two.test", 443, SOCK_DGRAM, false },	    { "two.test", 25, SOCK_STREAM, false },
	{ "a.two.test", 80, SOCK_STREAM, true },    { "a.two.test", 25, SOCK_STREAM, true },
	{ "a.two.test", 22, SOCK_STREAM, false },   { "b.two.test", 80, SOCK_STREAM, false },
	{ "b.two.test", 25, SOCK_STREAM, true },    { "x.b.two.test", 25, SOCK_STREAM, true },
	{ "less.test", 80, SOCK_STREAM, true },	    { "less.test", 81, SOCK_STREAM, false },
	{ "less.test", 82, SOCK_STREAM, true },	    { "dns.test", 53, SOCK_DGRAM, true },
	{ "dns.test", 54, SOCK_DGRAM, false },
};

static void an_address_is_given_the_ports_of_its_names_rules(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	const char *last = "";
	char address[32] = "";
	size_t i, names = 0;

	put_asking_up(fenced, "allow every.test\nallow range.test:8000-8004/udp\n"
			      "allow two.test:22\nallow two.test:443/tcp\n"
			      "allow *.two.test:25/tcp\nallow a.two.test:80/tcp\n"
			      "allow less.test:80-90/tcp\ndeny less.test:81\n"
			      "allow dns.test:53/udp\n");
	asker = asker_open(fenced, RESOLVER_IPV4);
	for (i = 0; i < ARRAY_SIZE(flows); i++) {
		const struct flow *flow = &flows[i];

		print_message("%s %u\n", flow->name, flow->port);
		if (strcmp(flow->name, last)) {
			last = flow->name;
			snprintf(address, sizeof(address), "203.0.113.%zu", 10 + names++);
			assert_false(may_connect(fenced, address, flow->port, flow->type));
			learn_one(&asker, flow->name, address);
		}
		assert_int_equal(may_connect(fenced, address, flow->port, flow->type),
				 flow->allowed);
	}
	assert_false(may_connect(fenced, "203.0.113.9", 1, SOCK_STREAM));
}

/* --- a full map ---------------------------------------------------------------------------------
 */

static void fill(const struct fenced *fenced, size_t *ret_count)
{
	const struct cgf_entry entry = { .expires_ns = CGF_NEVER_EXPIRES };
	struct cgf_key key = { .port = 9, .protocol = IPPROTO_TCP };

	for (*ret_count = 0;; ++*ret_count) {
		put16(key.address, (unsigned int)*ret_count);
		if (datapath_allow_add(fenced->maps, &key, &entry))
			break;
	}
}

static void what_a_full_map_has_no_room_for_is_counted(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct cgf_key key = { .port = 9, .protocol = IPPROTO_TCP };
	struct cgf_entry entry;
	size_t i, count;

	put_asking_up(fenced, "allow host.test:443/tcp\n");
	asker = asker_open(fenced, RESOLVER_IPV4);
	learn_one(&asker, HOST, ADDRESS_A);
	fill(fenced, &count);
	assert_true(count > POLICY_ENTRIES - 10);
	learn_one(&asker, HOST, ADDRESS_B);
	assert_false(knows(fenced, ADDRESS_B));
	assert_int_equal(counters_of(fenced).unlearned, 1);
	/* Nothing had to go for it; what is there can be renewed. */
	for (i = 0; i < count; i++) {
		put16(key.address, (unsigned int)i);
		assert_int_equal(datapath_allow_read(fenced->maps, &key, &entry), 0);
	}
	assert_true(knows(fenced, ADDRESS_A));
	assert_int_equal(datapath_allow_delete(fenced->maps, &key, 1), 0);
	learn_one(&asker, HOST, ADDRESS_B);
	assert_true(knows(fenced, ADDRESS_B));
	assert_int_equal(counters_of(fenced).unlearned, 1);
	assert_int_equal(counters_of(fenced).learned, 2);
}

/* --- several policies ---------------------------------------------------------------------------
 */

/* A fence on a cgroup inside another's. */
static struct fenced fence_below(const struct fenced *outer)
{
	struct fenced inner = { .datapath = outer->datapath, .device = outer->device };

	snprintf(inner.cgroup.name, sizeof(inner.cgroup.name), "inner-%d", getpid());
	snprintf(inner.cgroup.path, sizeof(inner.cgroup.path), "%s/inner", outer->cgroup.path);
	assert_int_equal(mkdir(inner.cgroup.path, 0700), 0);
	inner.cgroup.fd = open(inner.cgroup.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(inner.cgroup.fd >= 0);
	return inner;
}

static void remove_inner(struct fenced *inner)
{
	if (inner->maps)
		take_fence_down(inner);
	close_fd(&inner->cgroup.fd);
	assert_int_equal(rmdir(inner->cgroup.path), 0);
}

static void nested_fences_each_decide_and_learn_for_themselves(void **state)
{
	struct fenced *outer = *state;
	_cleanup_(remove_inner) struct fenced inner = fence_below(outer);
	_cleanup_asker_ struct asker asker = { .fd = -1 };

	put_asking_up(outer, "allow both.test:443/tcp\nallow outer.test:443/tcp\n"
			     "allow *.part.test:443/tcp\n");
	put_asking_up(&inner, "allow both.test:443,80/tcp\nallow inner.test:443/tcp\n"
			      "allow a.part.test:22/tcp\n");
	asker = asker_open(&inner, RESOLVER_IPV4);
	assert_false(asker_asks(&asker, "outer.test", DNS_A, ID));
	assert_false(asker_asks(&asker, "inner.test", DNS_A, ID));
	assert_false(asker_asks(&asker, "b.part.test", DNS_A, ID));
	learn_one(&asker, "both.test", ADDRESS_A);
	assert_true(knows(outer, ADDRESS_A));
	assert_true(knows(&inner, ADDRESS_A));
	assert_int_equal(learned_count(outer), 1);
	assert_int_equal(learned_count(&inner), 2);
	assert_true(may_connect(&inner, ADDRESS_A, 443, SOCK_STREAM));
	assert_false(may_connect(&inner, ADDRESS_A, 80, SOCK_STREAM));
	learn_one(&asker, "a.part.test", ADDRESS_B);
	assert_true(knows(outer, ADDRESS_B));
	assert_false(knows(&inner, ADDRESS_B));
	assert_false(may_connect(&inner, ADDRESS_B, 443, SOCK_STREAM));
	assert_false(may_connect(&inner, ADDRESS_B, 22, SOCK_STREAM));
}

/* Both have one grant, of the same number. */
static void check_lets_be_asked(struct fenced *outer, bool inside)
{
	_cleanup_(remove_inner) struct fenced inner = fence_below(outer);
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct fenced *lets = inside ? &inner : outer, *has = inside ? outer : &inner;
	struct cgf_target target;

	put_asking_up(lets, "allow other.test:443/tcp\n");
	put_asking_up(has, "allow host.test:443/tcp\n");
	target = asking_target(lets);
	target.flags |= CGF_TARGET_ANY_QUESTION;
	retarget(lets, &target);
	asker = asker_open(&inner, RESOLVER_IPV4);
	learn_one(&asker, HOST, ADDRESS_A);
	assert_int_equal(learned_count(lets), 0);
	assert_int_equal(learned_count(has), 1);
	take_fence_down(outer);
}

static void what_one_fence_lets_be_asked_the_other_does_not_learn(void **state)
{
	check_lets_be_asked(*state, false);
	check_lets_be_asked(*state, true);
}

/* Sockets of the outer cgroup are not the inner fence's. */
static void what_is_asked_outside_is_not_learned_inside(void **state)
{
	struct fenced *outer = *state;
	_cleanup_(remove_inner) struct fenced inner = fence_below(outer);
	_cleanup_asker_ struct asker asker = { .fd = -1 };

	put_asking_up(outer, "allow host.test:443/tcp\n");
	put_asking_up(&inner, "allow host.test:443/tcp\n");
	asker = asker_open(outer, RESOLVER_IPV4);
	learn_one(&asker, HOST, ADDRESS_A);
	assert_int_equal(learned_count(outer), 1);
	assert_int_equal(learned_count(&inner), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(a_public_name_has_no_special_address_and_a_private_one_may),
		FENCED_TEST(every_ipv4_network_of_16_bits_is_told_as_userspace_does),
		FENCED_TEST(every_ipv6_network_of_16_bits_is_told_as_userspace_does),
		FENCED_TEST(an_address_is_given_the_ports_of_its_names_rules),
		FENCED_TEST(what_a_full_map_has_no_room_for_is_counted),
		FENCED_TEST(nested_fences_each_decide_and_learn_for_themselves),
		FENCED_TEST(what_one_fence_lets_be_asked_the_other_does_not_learn),
		FENCED_TEST(what_is_asked_outside_is_not_learned_inside),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
