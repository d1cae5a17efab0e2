// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is learned from the answers of a resolver over UDP, and from which nothing is. */
#include "asking.h"

#define RULES                                                                                      \
	"allow host.test:443/tcp\n"                                                                \
	"allow *.wild.test:443/tcp\n"                                                              \
	"allow lan.test:443/tcp private\n"                                                         \
	"allow slow.test:443/tcp ttl 3600\n"

#define ID 0x1234
#define HOST "host.test"
#define ADDRESS_A "203.0.113.7"
#define ADDRESS_B "203.0.113.8"
#define ADDRESS_AAAA "2001:db8:7::7"

static void start(struct dns_message *message, const char *name, uint16_t type)
{
	dns_start(message, ID, DNS_ANSWERED);
	dns_ask(message, name, type);
}

/* Asks, and hears one address. */
static void learn_one(const struct asker *asker, const char *name, uint32_t ttl_s,
		      const char *address)
{
	const uint16_t type = strchr(address, ':') ? DNS_AAAA : DNS_A;
	struct dns_message message;

	assert_true(asker_asks(asker, name, type, ID));
	start(&message, name, type);
	dns_address(&message, name, ttl_s, address);
	asker_hears(asker, &message);
}

/* --- shapes ------------------------------------------------------------------------------------
 */

static void number_address(char text[static INET_ADDRSTRLEN], unsigned int i)
{
	snprintf(text, INET_ADDRSTRLEN, "8.8.%u.%u", i / 250, 1 + i % 250);
}

static void put_plain(struct dns_message *message)
{
	dns_address(message, HOST, 60, ADDRESS_A);
}

static void put_uncompressed(struct dns_message *message)
{
	message->compressed = false;
	dns_address(message, HOST, 60, ADDRESS_A);
}

static void put_other_case(struct dns_message *message)
{
	dns_address(message, "hOsT.TeST", 60, ADDRESS_A);
}

static void put_edns(struct dns_message *message)
{
	dns_address(message, HOST, 60, ADDRESS_A);
	dns_opt(message, "\0\x0f\0\2\0\0", 6);
}

static void put_authority(struct dns_message *message)
{
	dns_address(message, HOST, 60, ADDRESS_A);
	dns_soa(message, "test");
	message->section = DNS_ADDITIONAL;
	dns_address(message, "ns.test", 60, "203.0.113.99");
	dns_address(message, HOST, 60, "203.0.113.98");
}

static void put_others_between(struct dns_message *message)
{
	dns_record(message, HOST, DNS_TXT, 60, "\3abc", 4);
	dns_address(message, "other.test", 60, "203.0.113.99");
	dns_address(message, HOST, 60, "2001:db8::99");
	dns_address(message, HOST, 60, ADDRESS_A);
	dns_record(message, HOST, 46, 60, "signature", 9);
}

static void put_cname(struct dns_message *message)
{
	dns_cname(message, HOST, 60, "a.cdn.example");
	dns_address(message, "A.cdn.EXAMPLE", 60, ADDRESS_A);
}

static const char *const links[] = { HOST,	     "a.cdn.example", "b.cdn.example",
				     "c.other.test", "d.host.test",   "e.example",
				     "f.f.f.f.test", "g.cdn.example", "h.far.example" };

static void put_chain(struct dns_message *message)
{
	size_t i;

	for (i = 0; i + 1 < ARRAY_SIZE(links); i++)
		dns_cname(message, links[i], 60, links[i + 1]);
	dns_address(message, links[i], 60, ADDRESS_A);
}

static void put_chain_uncompressed(struct dns_message *message)
{
	message->compressed = false;
	put_chain(message);
}

static void put_address_before_chain(struct dns_message *message)
{
	dns_address(message, links[2], 60, ADDRESS_A);
	dns_cname(message, links[1], 60, links[2]);
	dns_cname(message, links[0], 60, links[1]);
}

static void put_dname(struct dns_message *message)
{
	dns_record(message, "test", 39, 60, "\3new\0", 5);
	dns_cname(message, HOST, 60, "host.new");
	dns_address(message, "host.new", 60, ADDRESS_A);
}

struct shape {
	const char *sentence;
	void (*put)(struct dns_message *message);
};

static const struct shape shapes[] = {
	{ "an address", put_plain },
	{ "without compression", put_uncompressed },
	{ "in another letter case than was asked", put_other_case },
	{ "with EDNS", put_edns },
	{ "with authority and additional records", put_authority },
	{ "between records of other names and types", put_others_between },
	{ "by a CNAME", put_cname },
	{ "by a chain of 8 CNAMEs", put_chain },
	{ "by a chain of 8 CNAMEs without compression", put_chain_uncompressed },
	{ "before its chain", put_address_before_chain },
	{ "by a DNAME", put_dname },
};

static void check_shape(const struct asker *asker, const struct shape *shape)
{
	struct dns_message message;

	print_message("%s\n", shape->sentence);
	assert_true(asker_asks(asker, "HOST.test", DNS_A, ID));
	start(&message, "HOST.test", DNS_A);
	shape->put(&message);
	assert_false(knows(asker->fenced, ADDRESS_A));
	asker_hears(asker, &message);
	assert_true(knows(asker->fenced, ADDRESS_A));
	/* And no other. */
	assert_int_equal(learned_count(asker->fenced), 1);
	forget(asker->fenced, ADDRESS_A);
}

static void every_shape_of_an_answer_is_learned_from(void **state)
{
	static const char *const resolvers[] = { RESOLVER_IPV4, RESOLVER_IPV6 };
	struct fenced *fenced = *state;
	size_t i, r;

	put_asking_up(fenced, RULES);
	for (r = 0; r < ARRAY_SIZE(resolvers); r++) {
		_cleanup_asker_ struct asker asker = asker_open(fenced, resolvers[r]);

		for (i = 0; i < ARRAY_SIZE(shapes); i++)
			check_shape(&asker, &shapes[i]);
	}
}

static void check_count(const struct asker *asker, unsigned int count, uint16_t type)
{
	char address[INET6_ADDRSTRLEN];
	struct dns_message message;
	unsigned int i;

	start(&message, HOST, type);
	for (i = 0; i < count; i++) {
		if (type == DNS_A)
			number_address(address, i);
		else
			snprintf(address, sizeof(address), "2001:db8:9::%x", i + 1);
		dns_address(&message, HOST, 60, address);
	}
	dns_opt(&message, "", 0);
	assert_true(asker_asks(asker, HOST, type, ID));
	asker_hears(asker, &message);
	/* The last of them, too. */
	assert_true(knows(asker->fenced, address));
}

static void up_to_255_records_are_learned(void **state)
{
	static const unsigned int counts[] = { 1, 2, 70, 200, 255 };
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	size_t i;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		check_count(&asker, counts[i], DNS_A);
		check_count(&asker, counts[i], DNS_AAAA);
		assert_int_equal(learned_count(fenced), 2 * counts[i]);
	}
}

/* Text of `bytes` characters below wild.test, in labels of `label` at most. */
static void long_name(char text[static 300], size_t bytes, size_t label)
{
	size_t i, below = bytes - strlen(".wild.test");

	for (i = 0; i < below; i++)
		text[i] = i % (label + 1) == label && i + 1 < below ? '.' : (char)('a' + i % 26);
	strcpy(text + below, ".wild.test");
}

static void long_names_are_learned(void **state)
{
	static const size_t lengths[][2] = { { 211, 63 }, { 211, 10 }, { 230, 63 }, { 231, 63 },
					     { 239, 30 }, { 240, 63 }, { 241, 63 }, { 247, 8 },
					     { 253, 63 }, { 253, 7 } };
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	char name[300];
	size_t i;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		print_message("%zu bytes in labels of %zu\n", lengths[i][0], lengths[i][1]);
		long_name(name, lengths[i][0], lengths[i][1]);
		learn_one(&asker, name, 60, ADDRESS_A);
		assert_true(knows(fenced, ADDRESS_A));
		forget(fenced, ADDRESS_A);
	}
}

static void both_families_are_learned_by_either_resolver_and_any_socket(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker ipv4 = { .fd = -1 }, ipv6 = { .fd = -1 };

	put_asking_up(fenced, RULES);
	ipv4 = asker_open(fenced, RESOLVER_IPV4);
	ipv6 = asker_open(fenced, RESOLVER_IPV6);
	learn_one(&ipv4, HOST, 60, ADDRESS_AAAA);
	learn_one(&ipv6, HOST, 60, ADDRESS_A);
	assert_true(knows(fenced, ADDRESS_AAAA));
	assert_true(knows(fenced, ADDRESS_A));
}

/* An IPv6 socket that sends IPv4. */
static void a_mapped_socket_learns(void **state)
{
	struct fenced *fenced = *state;
	const union endpoint mapped = endpoint_of("::ffff:" RESOLVER_IPV4, 53);
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	union endpoint self;
	socklen_t length = sizeof(self);

	put_asking_up(fenced, RULES);
	asker = (struct asker){ fenced, socket_inside(fenced, AF_INET6, SOCK_DGRAM, 0),
				.resolver = endpoint_of(RESOLVER_IPV4, 53) };
	assert_int_equal(connect(asker.fd, &mapped.any, sizeof(mapped)), 0);
	assert_int_equal(getsockname(asker.fd, &self.any, &length), 0);
	asker.self = endpoint_of(OUR_IPV4, ntohs(self.ipv6.sin6_port));
	learn_one(&asker, HOST, 60, ADDRESS_A);
	assert_true(knows(fenced, ADDRESS_A));
}

/* sendto(), as getaddrinfo() of musl does it. */
static struct asker open_unconnected(const struct fenced *fenced)
{
	struct asker asker = { fenced, socket_inside(fenced, AF_INET, SOCK_DGRAM, 0),
			       .self = endpoint_of(OUR_IPV4, 0),
			       .resolver = endpoint_of(RESOLVER_IPV4, 53) };
	socklen_t length = sizeof(asker.self);

	assert_int_equal(bind(asker.fd, &asker.self.any, sizeof(asker.self)), 0);
	assert_int_equal(getsockname(asker.fd, &asker.self.any, &length), 0);
	return asker;
}

static void ask_by_sendto(const struct asker *asker, const char *name)
{
	struct long_frame frame;
	struct dns_message message;

	dns_start(&message, ID, DNS_RD);
	dns_ask(&message, name, DNS_A);
	assert_int_equal(sendto(asker->fd, message.bytes, message.length, 0, &asker->resolver.any,
				sizeof(asker->resolver)),
			 message.length);
	assert_true(read_own_frame(asker, IPPROTO_UDP, &frame) > 0);
}

static void a_socket_that_is_not_connected_learns(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct dns_message message;

	put_asking_up(fenced, RULES);
	asker = open_unconnected(fenced);
	ask_by_sendto(&asker, HOST);
	start(&message, HOST, DNS_A);
	put_plain(&message);
	asker_hears(&asker, &message);
	assert_true(knows(fenced, ADDRESS_A));
}

#define IN_FLIGHT 64

static void sixty_four_questions_wait_at_once(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	char name[IN_FLIGHT][32], address[INET_ADDRSTRLEN];
	struct dns_message message;
	unsigned int i;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	for (i = 0; i < IN_FLIGHT; i++) {
		snprintf(name[i], sizeof(name[i]), "n%u.wild.test", i);
		assert_true(asker_asks(&asker, name[i], DNS_A, (uint16_t)(ID + i)));
	}
	for (i = IN_FLIGHT; i-- > 0;) {
		dns_start(&message, (uint16_t)(ID + i), DNS_ANSWERED);
		dns_ask(&message, name[i], DNS_A);
		number_address(address, i);
		dns_address(&message, name[i], 60, address);
		asker_hears(&asker, &message);
		assert_true(knows(fenced, address));
	}
	assert_int_equal(learned_count(fenced), IN_FLIGHT);
}

/* The second part first. */
static void write_fragments(const struct asker *asker, const struct dns_message *message)
{
	struct long_frame whole, part;
	const size_t length = make_datagram(&whole, &asker->resolver, &asker->self, message->bytes,
					    message->length) -
			      sizeof(whole.info) - 20;
	const size_t cut = length / 2 / 8 * 8;

	put_ip(&part, IPPROTO_UDP, length - cut, &asker->resolver, &asker->self);
	put16(part.bytes + 6, (unsigned int)cut / 8);
	put16(part.bytes + 10, 0);
	put16(part.bytes + 10, checksum_of(sum_of(part.bytes, 20)));
	memcpy(part.bytes + 20, whole.bytes + 20 + cut, length - cut);
	write_frame(asker->fenced->device, &part, sizeof(part.info) + 20 + length - cut);
	put_ip(&part, IPPROTO_UDP, cut, &asker->resolver, &asker->self);
	put16(part.bytes + 6, 0x2000);
	put16(part.bytes + 10, 0);
	put16(part.bytes + 10, checksum_of(sum_of(part.bytes, 20)));
	memcpy(part.bytes + 20, whole.bytes + 20, cut);
	write_frame(asker->fenced->device, &part, sizeof(part.info) + 20 + cut);
}

static void an_answer_in_fragments_is_learned(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	char address[INET_ADDRSTRLEN];
	struct dns_message message;
	unsigned int i;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	assert_true(asker_asks(&asker, HOST, DNS_A, ID));
	start(&message, HOST, DNS_A);
	for (i = 0; i < 100; i++) {
		number_address(address, i);
		dns_address(&message, HOST, 60, address);
	}
	write_fragments(&asker, &message);
	assert_int_equal(learned_count(fenced), 100);
}

/* --- how long -----------------------------------------------------------------------------------
 */

static void check_lasts(const struct fenced *fenced, const char *address, uint32_t lasts_s)
{
	const uint64_t now_ns = monotonic_ns(), expires_ns = entry_at(fenced, address).expires_ns;
	const uint64_t lasts_ns = lasts_s * NSEC_PER_SEC;

	assert_true(expires_ns <= now_ns + lasts_ns);
	/* Within a step of the programs' clock, and the time that this took. */
	assert_true(expires_ns + NSEC_PER_SEC / 2 >= now_ns + lasts_ns);
}

static void a_ttl_has_a_floor_and_a_ceiling_and_grace(void **state)
{
	static const struct {
		const char *name;
		uint32_t ttl_s, lasts_s;
	} rows[] = {
		{ HOST, 0, 90 },
		{ HOST, 1, 90 },
		{ HOST, 60, 90 },
		{ HOST, 61, 91 },
		{ HOST, 300, 330 },
		{ HOST, 86399, 86429 },
		{ HOST, 86400, 86430 },
		{ HOST, 86401, 86430 },
		{ HOST, 0x7fffffff, 86430 },
		{ HOST, 0x80000000, 90 },
		{ HOST, 0xffffffff, 90 },
		{ "slow.test", 0, 3630 },
		{ "slow.test", 3600, 3630 },
		{ "slow.test", 3601, 3631 },
		{ "slow.test", 0x80000000, 3630 },
		{ "slow.test", 0x7fffffff, 86430 },
	};
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	size_t i;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		print_message("%s %u\n", rows[i].name, rows[i].ttl_s);
		learn_one(&asker, rows[i].name, rows[i].ttl_s, ADDRESS_A);
		check_lasts(fenced, ADDRESS_A, rows[i].lasts_s);
		forget(fenced, ADDRESS_A);
	}
}

static void the_least_ttl_of_a_chain_counts(void **state)
{
	static const uint32_t ttls_s[][4] = {
		{ 100, 200, 300, 130 },
		{ 300, 100, 200, 130 },
		{ 300, 200, 100, 130 },
		{ 0x80000000, 200, 300, 90 },
	};
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct dns_message message;
	size_t i;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	for (i = 0; i < ARRAY_SIZE(ttls_s); i++) {
		assert_true(asker_asks(&asker, HOST, DNS_A, ID));
		start(&message, HOST, DNS_A);
		dns_cname(&message, HOST, ttls_s[i][0], "a.example");
		dns_cname(&message, "a.example", ttls_s[i][1], "b.example");
		dns_address(&message, "b.example", ttls_s[i][2], ADDRESS_A);
		asker_hears(&asker, &message);
		check_lasts(fenced, ADDRESS_A, ttls_s[i][3]);
		forget(fenced, ADDRESS_A);
	}
}

static void a_later_answer_makes_it_last_longer_and_never_shorter(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	learn_one(&asker, HOST, 500, ADDRESS_A);
	learn_one(&asker, HOST, 100, ADDRESS_A);
	check_lasts(fenced, ADDRESS_A, 530);
	learn_one(&asker, "x.wild.test", 60, ADDRESS_A);
	check_lasts(fenced, ADDRESS_A, 530);
	learn_one(&asker, HOST, 600, ADDRESS_A);
	check_lasts(fenced, ADDRESS_A, 630);
	assert_int_equal(learned_count(fenced), 1);
}

static void write_entry(const struct fenced *fenced, const char *address,
			const struct cgf_entry *entry)
{
	const struct cgf_key key = key_of(address, 443, IPPROTO_TCP);
	size_t written;

	assert_int_equal(datapath_allow_write(fenced->maps, &key, entry, 1, &written), 0);
}

static void what_never_runs_out_is_left_alone_and_the_last_use_is_kept(void **state)
{
	const struct cgf_entry forever = { .expires_ns = CGF_NEVER_EXPIRES, .rule = 7 };
	const struct cgf_entry used = { .expires_ns = 5, .used_ns = 4711, .rule = 7 };
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct cgf_entry entry;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	write_entry(fenced, ADDRESS_A, &forever);
	write_entry(fenced, ADDRESS_B, &used);
	learn_one(&asker, HOST, 60, ADDRESS_A);
	learn_one(&asker, HOST, 60, ADDRESS_B);
	entry = entry_at(fenced, ADDRESS_A);
	assert_memory_equal(&entry, &forever, sizeof(entry));
	entry = entry_at(fenced, ADDRESS_B);
	assert_int_equal(entry.used_ns, 4711);
	assert_int_equal(entry.rule, 0);
	assert_int_not_equal(entry.grant, CGF_GRANT_NONE);
	check_lasts(fenced, ADDRESS_B, 90);
}

/* --- what is not to be trusted -------------------------------------------------------------------
 */

struct wrong {
	const char *sentence;
	void (*make)(struct dns_message *message);
};

/* Offsets in "host.test A", answered by one plain address. */
#define AT_QUESTION_TYPE (DNS_HEADER + 11)
#define AT_RECORD (AT_QUESTION_TYPE + 4)
#define AT_FIXED (AT_RECORD + 2)

static void set_at(struct dns_message *message, size_t place, unsigned int number)
{
	dns_set16(message->bytes + place, number);
}

#define WRONG(name, ...)                                                                           \
	static void name(struct dns_message *message)                                              \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}

WRONG(wrong_id, set_at(message, 0, ID + 1))
WRONG(wrong_name, message->bytes[DNS_HEADER + 1] = 'g')
WRONG(wrong_type, set_at(message, AT_QUESTION_TYPE, DNS_AAAA))
WRONG(wrong_class, set_at(message, AT_QUESTION_TYPE + 2, DNS_CHAOS))
WRONG(a_question, set_at(message, 2, DNS_RD))
WRONG(wrong_opcode, set_at(message, 2, DNS_ANSWERED | 0x2000))
WRONG(truncated_bit, set_at(message, 2, DNS_ANSWERED | DNS_TC))
WRONG(servfail, set_at(message, 2, DNS_ANSWERED | DNS_SERVFAIL))
WRONG(nxdomain, set_at(message, 2, DNS_ANSWERED | DNS_NXDOMAIN))
WRONG(refused_code, set_at(message, 2, DNS_ANSWERED | 5))
WRONG(badvers, set_at(message, 2, DNS_ANSWERED | 15))
WRONG(no_question, set_at(message, DNS_QUESTIONS, 0))
WRONG(two_questions, set_at(message, DNS_QUESTIONS, 2))
WRONG(no_answer, set_at(message, DNS_ANSWERS, 0))
WRONG(an_answer_more, set_at(message, DNS_ANSWERS, 2))
WRONG(all_the_answers, set_at(message, DNS_ANSWERS, 0xffff))
WRONG(an_authority_more, set_at(message, DNS_AUTHORITY, 1))
WRONG(an_additional_more, set_at(message, DNS_ADDITIONAL, 1))
WRONG(overflowing_counts, set_at(message, DNS_AUTHORITY, 0xffff);
      set_at(message, DNS_ADDITIONAL, 1))
WRONG(in_authority, set_at(message, DNS_ANSWERS, 0); set_at(message, DNS_AUTHORITY, 1))
WRONG(in_additional, set_at(message, DNS_ANSWERS, 0); set_at(message, DNS_ADDITIONAL, 1))
WRONG(other_type, set_at(message, AT_FIXED, DNS_TXT))
WRONG(other_family, set_at(message, AT_FIXED, DNS_AAAA))
WRONG(chaos, set_at(message, AT_FIXED + 2, DNS_CHAOS))
WRONG(class_any, set_at(message, AT_FIXED + 2, 255))
WRONG(short_data, set_at(message, AT_FIXED + 8, 3))
WRONG(no_data, set_at(message, AT_FIXED + 8, 0))
WRONG(long_data, set_at(message, AT_FIXED + 8, 5); dns_put8(message, 0))
WRONG(data_beyond, set_at(message, AT_FIXED + 8, 0xffff))
WRONG(pointer_to_itself, set_at(message, AT_RECORD, 0xc000 | AT_RECORD))
WRONG(pointer_forward, set_at(message, AT_RECORD, 0xc000 | (AT_RECORD + 4)))
WRONG(pointer_beyond, set_at(message, AT_RECORD, 0xffff))
WRONG(pointer_into_header, set_at(message, AT_RECORD, 0xc000))
WRONG(pointer_into_label, set_at(message, AT_RECORD, 0xc00d))
WRONG(pointer_to_parent, set_at(message, AT_RECORD, 0xc000 | (DNS_HEADER + 5)))
WRONG(reserved_label, set_at(message, AT_RECORD, 0x400c))
WRONG(extended_label, set_at(message, AT_RECORD, 0x800c))
WRONG(question_is_a_loop, set_at(message, DNS_HEADER, 0xc00c))

static void the_other_family(struct dns_message *message)
{
	start(message, HOST, DNS_AAAA);
	dns_address(message, HOST, 60, ADDRESS_AAAA);
}

static void owner_not_on_chain(struct dns_message *message)
{
	start(message, HOST, DNS_A);
	dns_cname(message, HOST, 60, "a.example");
	dns_address(message, "b.example", 60, ADDRESS_A);
}

static void chain_of_another(struct dns_message *message)
{
	start(message, HOST, DNS_A);
	dns_cname(message, "other.test", 60, "a.example");
	dns_address(message, "a.example", 60, ADDRESS_A);
}

/* Another record has the name in full. */
static void pointer_to_a_later_name(struct dns_message *message)
{
	const size_t owner = message->length - 4 - 12;

	message->compressed = false;
	dns_set16(message->bytes + owner, 0xc000 | (unsigned int)message->length);
	dns_record(message, HOST, DNS_TXT, 60, "\3abc", 4);
}

#define LABEL_63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"
#define NAME_256 LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63

static void owner_too_long(struct dns_message *message)
{
	dns_address(message, NAME_256, 60, ADDRESS_B);
}

static void chain_too_long(struct dns_message *message)
{
	start(message, HOST, DNS_A);
	dns_cname(message, HOST, 60, NAME_256);
	dns_address(message, NAME_256, 60, ADDRESS_A);
}

static void below_the_name(struct dns_message *message)
{
	start(message, HOST, DNS_A);
	dns_address(message, "x.host.test", 60, ADDRESS_A);
}

static void cname_of_chaos(struct dns_message *message)
{
	size_t data;

	start(message, HOST, DNS_A);
	data = dns_begin(message, HOST, DNS_CNAME, DNS_CHAOS, 60);
	dns_put_name(message, "a.example");
	dns_end(message, data);
	dns_address(message, "a.example", 60, ADDRESS_A);
}

static void cname_longer_than_its_name(struct dns_message *message)
{
	size_t data;

	start(message, HOST, DNS_A);
	data = dns_begin(message, HOST, DNS_CNAME, DNS_IN, 60);
	dns_put_name(message, "a.example");
	dns_put8(message, 0);
	dns_end(message, data);
	dns_address(message, "a.example", 60, ADDRESS_A);
}

static void cname_that_is_a_loop(struct dns_message *message)
{
	size_t data;

	start(message, HOST, DNS_A);
	data = dns_begin(message, HOST, DNS_CNAME, DNS_IN, 60);
	dns_put16(message, 0xc000 | (unsigned int)data);
	dns_end(message, data);
	dns_address(message, "a.example", 60, ADDRESS_A);
}

static const struct wrong wrongs[] = {
	{ "another id", wrong_id },
	{ "another name", wrong_name },
	{ "another type", wrong_type },
	{ "the other family, and an address of it", the_other_family },
	{ "another class", wrong_class },
	{ "a question", a_question },
	{ "another opcode", wrong_opcode },
	{ "truncated", truncated_bit },
	{ "SERVFAIL", servfail },
	{ "NXDOMAIN", nxdomain },
	{ "REFUSED", refused_code },
	{ "an error that is not known", badvers },
	{ "no question", no_question },
	{ "two questions", two_questions },
	{ "no answer counted", no_answer },
	{ "more answers counted than there are", an_answer_more },
	{ "65535 answers counted", all_the_answers },
	{ "more authority counted than there is", an_authority_more },
	{ "more additional counted than there is", an_additional_more },
	{ "counts that wrap to none", overflowing_counts },
	{ "the address is authority", in_authority },
	{ "the address is additional", in_additional },
	{ "a record of another type", other_type },
	{ "a record of the other family", other_family },
	{ "a record of class CH", chaos },
	{ "a record of class ANY", class_any },
	{ "an address of 3 bytes", short_data },
	{ "an address of none", no_data },
	{ "an address of 5 bytes", long_data },
	{ "data beyond the end", data_beyond },
	{ "a pointer to itself", pointer_to_itself },
	{ "a pointer forward", pointer_forward },
	{ "a pointer beyond the end", pointer_beyond },
	{ "a pointer into the header", pointer_into_header },
	{ "a pointer into a label", pointer_into_label },
	{ "a pointer to the parent", pointer_to_parent },
	{ "a label of a reserved type", reserved_label },
	{ "a label of an extended type", extended_label },
	{ "a question that is a loop", question_is_a_loop },
	{ "an owner that is not on the chain", owner_not_on_chain },
	{ "a chain from another name", chain_of_another },
	{ "a pointer to a later name", pointer_to_a_later_name },
	{ "another owner of 257 bytes", owner_too_long },
	{ "a chain by a name of 257 bytes", chain_too_long },
	{ "an owner below the name", below_the_name },
	{ "a CNAME of class CH", cname_of_chaos },
	{ "a CNAME longer than its name", cname_longer_than_its_name },
	{ "a CNAME that is a loop", cname_that_is_a_loop },
};

static void answers_that_are_wrong_teach_nothing(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct dns_message message;
	size_t i;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	for (i = 0; i < ARRAY_SIZE(wrongs); i++) {
		print_message("%s\n", wrongs[i].sentence);
		assert_true(asker_asks(&asker, HOST, DNS_A, ID));
		start(&message, HOST, DNS_A);
		put_plain(&message);
		wrongs[i].make(&message);
		asker_hears(&asker, &message);
		assert_int_equal(learned_count(fenced), 0);
	}
	learn_one(&asker, HOST, 60, ADDRESS_A);
	assert_true(knows(fenced, ADDRESS_A));
}

static void an_answer_cut_anywhere_teaches_nothing(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct dns_message message;
	size_t cut, whole;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	start(&message, HOST, DNS_A);
	put_cname(&message);
	dns_address(&message, "a.cdn.example", 60, ADDRESS_B);
	dns_soa(&message, "test");
	dns_opt(&message, "", 0);
	whole = message.length;
	for (cut = 0; cut < whole; cut++) {
		assert_true(asker_asks(&asker, HOST, DNS_A, ID));
		message.length = cut;
		asker_hears(&asker, &message);
		assert_int_equal(learned_count(fenced), 0);
	}
	assert_true(asker_asks(&asker, HOST, DNS_A, ID));
	message.length = whole;
	asker_hears(&asker, &message);
	assert_int_equal(learned_count(fenced), 2);
}

static void what_was_not_asked_teaches_nothing(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 }, other = { .fd = -1 };
	struct dns_message message;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	other = asker_open(fenced, RESOLVER_IPV4);
	start(&message, HOST, DNS_A);
	put_plain(&message);
	asker_hears(&asker, &message);
	assert_int_equal(learned_count(fenced), 0);
	/* Another socket has asked it. */
	assert_true(asker_asks(&other, HOST, DNS_A, ID));
	asker_hears(&asker, &message);
	assert_int_equal(learned_count(fenced), 0);
	asker_hears(&other, &message);
	assert_int_equal(learned_count(fenced), 1);
}

static void a_question_is_answered_once(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct dns_message message;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	learn_one(&asker, HOST, 60, ADDRESS_A);
	start(&message, HOST, DNS_A);
	dns_address(&message, HOST, 60, ADDRESS_B);
	asker_hears(&asker, &message);
	assert_false(knows(fenced, ADDRESS_B));
	/* An answer of nothing is one, too. */
	assert_true(asker_asks(&asker, HOST, DNS_A, ID));
	nxdomain(&message);
	asker_hears(&asker, &message);
	set_at(&message, 2, DNS_ANSWERED);
	asker_hears(&asker, &message);
	assert_false(knows(fenced, ADDRESS_B));
}

/* As bpf/maps.bpf.h begins struct asked_socket; of what follows there is less than here. */
struct asked {
	uint64_t questions[CGF_ASKED_MAX];
	uint32_t grants[CGF_ASKED_MAX];
	uint8_t streams[256];
};

static int open_asked(void)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	char path[PIN_PATH_BYTES];
	int fd;

	assert_int_equal(pin_path(path, "%s/maps/asked_sockets", datapath_contract_path), 0);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	assert_true(info.value_size <= sizeof(struct asked));
	return fd;
}

/* As two CPUs do that keep two questions at one place: the number of one, the grant of the other.
 */
static void a_question_with_the_grant_of_another_is_none(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	_cleanup_close_ int map = -1;
	struct dns_message message;
	struct asked asked = {};
	size_t i, changed = 0;

	put_asking_up(fenced, RULES);
	map = open_asked();
	asker = asker_open(fenced, RESOLVER_IPV4);
	assert_true(asker_asks(&asker, HOST, DNS_A, ID));
	assert_int_equal(bpf_map_lookup_elem(map, &asker.fd, &asked), 0);
	for (i = 0; i < CGF_ASKED_MAX; i++)
		if (asked.questions[i])
			changed += !!(asked.grants[i] ^= 3);
	assert_int_equal(changed, 1);
	assert_int_equal(bpf_map_update_elem(map, &asker.fd, &asked, BPF_EXIST), 0);
	start(&message, HOST, DNS_A);
	dns_address(&message, HOST, 60, ADDRESS_A);
	asker_hears(&asker, &message);
	assert_int_equal(learned_count(fenced), 0);
	learn_one(&asker, HOST, 60, ADDRESS_A);
	assert_true(knows(fenced, ADDRESS_A));
}

/* What else may be asked, and gives no address: HTTPS has hints of them. */
static void answers_of_other_types_teach_nothing(void **state)
{
	static const uint16_t types[] = { DNS_CNAME, DNS_TXT, DNS_HTTPS, 255 };
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct dns_message message;
	size_t i;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		assert_true(asker_asks(&asker, HOST, types[i], ID));
		start(&message, HOST, types[i]);
		put_plain(&message);
		dns_record(&message, HOST, DNS_HTTPS, 60, "\0\1\0\0\4\0\4\313\0\161\7", 11);
		asker_hears(&asker, &message);
		assert_int_equal(learned_count(fenced), 0);
	}
}

/* --- from whom, and where -----------------------------------------------------------------------
 */

static void only_a_resolver_teaches_and_only_from_its_port(void **state)
{
	const struct {
		const char *address;
		uint16_t port;
	} rows[] = { { STRANGER_IPV4, 53 }, { RESOLVER_IPV4, 5353 }, { RESOLVER_IPV4, 853 } };
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct dns_message message;
	uint8_t heard[512];
	size_t i;

	/* Such datagrams come in, and teach nothing all the same. */
	put_asking_up(fenced, RULES "allow " STRANGER_IPV4 ":53/udp\n"
				    "allow " RESOLVER_IPV4 ":5353,853/udp\n");
	asker = open_unconnected(fenced);
	ask_by_sendto(&asker, HOST);
	start(&message, HOST, DNS_A);
	put_plain(&message);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const union endpoint from = endpoint_of(rows[i].address, rows[i].port);

		asker_hears_from(&asker, &from, &message);
		assert_int_equal(recv(asker.fd, heard, sizeof(heard), MSG_DONTWAIT),
				 message.length);
		assert_int_equal(learned_count(fenced), 0);
	}
	asker_hears(&asker, &message);
	assert_int_equal(learned_count(fenced), 1);
}

static void check_interface(struct fenced *fenced, uint32_t ifindex, bool teaches)
{
	_cleanup_asker_ struct asker asker = { .fd = -1 };

	trust(fenced, RESOLVER_IPV4, ifindex);
	asker = asker_open(fenced, RESOLVER_IPV4);
	learn_one(&asker, HOST, 60, ADDRESS_A);
	assert_int_equal(learned_count(fenced), teaches);
	if (teaches)
		forget(fenced, ADDRESS_A);
}

static void a_resolver_teaches_over_its_own_interface_only(void **state)
{
	struct fenced *fenced = *state;

	put_asking_up(fenced, RULES);
	check_interface(fenced, 1, false);
	check_interface(fenced, 77, false);
	check_interface(fenced, 0, true);
	check_interface(fenced, if_nametoindex(DEVICE), true);
}

/* A server on loopback, outside the fence, that has bound the address of the resolver. */
static void check_loopback(struct fenced *fenced, uint32_t ifindex, bool teaches)
{
	const union endpoint resolver = endpoint_of("127.0.0.53", 53);
	_cleanup_close_ int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct dns_message message;

	assert_int_equal(bind(server, &resolver.any, sizeof(resolver)), 0);
	trust(fenced, "127.0.0.53", ifindex);
	asker = asker_open(fenced, "127.0.0.53");
	dns_start(&message, ID, DNS_RD);
	dns_ask(&message, HOST, DNS_A);
	assert_int_equal(send(asker.fd, message.bytes, message.length, 0), message.length);
	start(&message, HOST, DNS_A);
	put_plain(&message);
	assert_int_equal(sendto(server, message.bytes, message.length, 0, &asker.self.any,
				sizeof(asker.self)),
			 message.length);
	assert_int_equal(learned_count(fenced), teaches);
}

static void on_loopback_only_a_loopback_resolver_teaches(void **state)
{
	struct fenced *fenced = *state;

	put_asking_up(fenced, RULES);
	check_loopback(fenced, 0, false);
	check_loopback(fenced, if_nametoindex(DEVICE), false);
	check_loopback(fenced, 1, true);
}

static void in_another_network_namespace_nothing_is_learned(void **state)
{
	struct fenced *fenced = *state;
	struct cgf_target target;
	uint64_t here;
	size_t i;

	put_asking_up(fenced, RULES);
	target = asking_target(fenced);
	here = target.netns_cookie;
	for (i = 0; i < 3; i++) {
		_cleanup_asker_ struct asker asker = { .fd = -1 };

		target.netns_cookie = (const uint64_t[]){ 0, here + 1, here }[i];
		retarget(fenced, &target);
		asker = asker_open(fenced, RESOLVER_IPV4);
		learn_one(&asker, HOST, 60, ADDRESS_A);
		assert_int_equal(learned_count(fenced), i == 2);
	}
}

/* What userspace does before Linux 5.14. */
static void the_self_test_from_inside_tells_the_network_namespace(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };

	put_asking_up(fenced, RULES);
	assert_int_equal(netns_cookie_taken(fenced), netns_cookie(fenced));
	asker = asker_open(fenced, RESOLVER_IPV4);
	learn_one(&asker, HOST, 60, ADDRESS_A);
	assert_int_equal(learned_count(fenced), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(every_shape_of_an_answer_is_learned_from),
		FENCED_TEST(up_to_255_records_are_learned),
		FENCED_TEST(long_names_are_learned),
		FENCED_TEST(both_families_are_learned_by_either_resolver_and_any_socket),
		FENCED_TEST(a_mapped_socket_learns),
		FENCED_TEST(a_socket_that_is_not_connected_learns),
		FENCED_TEST(sixty_four_questions_wait_at_once),
		FENCED_TEST(an_answer_in_fragments_is_learned),
		FENCED_TEST(a_ttl_has_a_floor_and_a_ceiling_and_grace),
		FENCED_TEST(the_least_ttl_of_a_chain_counts),
		FENCED_TEST(a_later_answer_makes_it_last_longer_and_never_shorter),
		FENCED_TEST(what_never_runs_out_is_left_alone_and_the_last_use_is_kept),
		FENCED_TEST(answers_that_are_wrong_teach_nothing),
		FENCED_TEST(an_answer_cut_anywhere_teaches_nothing),
		FENCED_TEST(what_was_not_asked_teaches_nothing),
		FENCED_TEST(a_question_is_answered_once),
		FENCED_TEST(a_question_with_the_grant_of_another_is_none),
		FENCED_TEST(answers_of_other_types_teach_nothing),
		FENCED_TEST(only_a_resolver_teaches_and_only_from_its_port),
		FENCED_TEST(a_resolver_teaches_over_its_own_interface_only),
		FENCED_TEST(on_loopback_only_a_loopback_resolver_teaches),
		FENCED_TEST(in_another_network_namespace_nothing_is_learned),
		FENCED_TEST(the_self_test_from_inside_tells_the_network_namespace),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
