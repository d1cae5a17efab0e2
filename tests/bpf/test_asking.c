// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What may be said to a resolver over UDP: what gets out at the device decides. */
#include <netinet/udp.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "asking.h"

#define RULES                                                                                      \
	"allow host.test:443/tcp\n"                                                                \
	"allow *.wild.test:443/tcp\n"                                                              \
	"deny bad.wild.test\n"                                                                     \
	"allow apex.test:443/tcp\n"                                                                \
	"allow *.apex.test:443/tcp\n"                                                              \
	"allow plain:443/tcp\n"

#define ID 0x1234
#define HOST "host.test"
#define EVIL "evil.test"
#define ADDRESS_A "203.0.113.7"

#define LABEL_63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

static void start(struct dns_message *message, const char *name)
{
	dns_start(message, ID, DNS_RD);
	dns_ask(message, name, DNS_A);
}

/* --- names --------------------------------------------------------------------------------------
 */

static const char *const allowed_names[] = {
	HOST,
	"HOST.TEST",
	"hOsT.tEsT",
	"a.wild.test",
	"A.b.C.WILD.test",
	"_x._tcp.wild.test",
	"wild.test.wild.test",
	"\\000.wild.test",
	"\\004wild\\004test.wild.test",
	"a\\046b.wild.test",
	"\\255\\128.wild.test",
	"NL.wild.test",
	LABEL_63 ".wild.test",
	LABEL_63 "." LABEL_63 "." LABEL_63 ".wild.test",
	"xbad.wild.test",
	"not.bad.wild.test",
	"apex.test",
	"x.apex.test",
	"plain",
};

static const char *const refused_names[] = {
	EVIL,
	"test",
	"",
	"hos.test",
	"hostt.test",
	"xhost.test",
	"x.host.test",
	"host.test.evil",
	"host",
	"host.tes",
	"host.test.test",
	"host\\046test",
	"\\004host.test",
	"host\\004test",
	"host\\000.test",
	"\\000host.test",
	"host.test\\000",
	"hostLtest",
	"hostNtest",
	"wild.test",
	"xwild.test",
	"x\\004wild.test",
	"x\\004wild\\004test",
	"x\\046wild.test",
	"x\\046wild\\046test",
	"xLwild.test",
	"xLwildLtest",
	"Lwild.test",
	"Nwild.test",
	"\\076wild.test",
	"x.wild.test.evil",
	"x.wild",
	"x.wildtest",
	"x.wild\\004test",
	"bad.wild.test",
	"BAD.wild.TEST",
	"apex.test.apex",
	"xapex.test",
	"x.plain",
	"plai",
	LABEL_63 "." LABEL_63 "." LABEL_63 ".evil.test",
	LABEL_63 "." LABEL_63 "." LABEL_63 "."
		 "abcdefghijklmnopqrstuvwxyz.wild.tesu",
};

static void names_are_allowed_as_rules_say_and_no_others(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	size_t i;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	for (i = 0; i < ARRAY_SIZE(allowed_names); i++) {
		print_message("%s\n", allowed_names[i]);
		assert_true(asker_asks(&asker, allowed_names[i], DNS_A, ID));
	}
	for (i = 0; i < ARRAY_SIZE(refused_names); i++) {
		print_message("not \"%s\"\n", refused_names[i]);
		assert_false(asker_asks(&asker, refused_names[i], DNS_A, ID));
	}
}

/* Labels of 9 and one at the beginning, so that the text has so many bytes. */
static void fill_name(char *text, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		text[i] = (bytes - i) % 10 == 0 && i ? '.' : (char)('a' + (bytes - i) % 10);
	text[bytes] = '\0';
}

static void check_longest(struct fenced *fenced, bool below)
{
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	char rule[320], name[256], longer[300];

	fill_name(name, CGF_NAME_KEY_BYTES - 1);
	snprintf(rule, sizeof(rule), "allow %s%s:443/tcp\n", below ? "*." : "", name);
	put_asking_up(fenced, rule);
	asker = asker_open(fenced, RESOLVER_IPV4);
	assert_int_equal(asker_asks(&asker, name, DNS_A, ID), !below);
	snprintf(longer, sizeof(longer), "x.%s", name);
	assert_int_equal(asker_asks(&asker, longer, DNS_A, ID), below);
	snprintf(longer, sizeof(longer), "abc.efg.x.%s", name);
	assert_int_equal(asker_asks(&asker, longer, DNS_A, ID), below);
	snprintf(longer, sizeof(longer), "x%s", name);
	assert_false(asker_asks(&asker, longer, DNS_A, ID));
	snprintf(longer, sizeof(longer), "x\\011%s", name);
	assert_false(asker_asks(&asker, longer, DNS_A, ID));
	take_fence_down(fenced);
}

static void the_longest_name_of_a_rule_is_told_from_longer_ones(void **state)
{
	check_longest(*state, false);
	check_longest(*state, true);
}

/* --- what is no plain question ------------------------------------------------------------------
 */

struct odd {
	const char *sentence;
	void (*make)(struct dns_message *message);
};

static void set_at(struct dns_message *message, size_t place, unsigned int number)
{
	dns_set16(message->bytes + place, number);
}

static void add_record(struct dns_message *message, enum dns_section section)
{
	message->section = section;
	dns_address(message, HOST, 60, ADDRESS_A);
}

static void add_bytes(struct dns_message *message, size_t count)
{
	while (count--)
		dns_put8(message, 'x');
}

#define MAKE(name, ...)                                                                            \
	static void name(struct dns_message *message)                                              \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}

MAKE(as_it_is, (void)message)
MAKE(with_edns, dns_opt(message, "", 0))
MAKE(with_cookie, dns_opt(message,
			  "\0\x0a\0\x08"
			  "abcdefgh",
			  12))
MAKE(ad_and_cd, set_at(message, 2, 0x0130))
MAKE(without_rd, set_at(message, 2, 0))
MAKE(aaaa, set_at(message, message->length - 4, DNS_AAAA))
MAKE(txt, set_at(message, message->length - 4, DNS_TXT))
MAKE(https, set_at(message, message->length - 4, DNS_HTTPS))
MAKE(any_type, set_at(message, message->length - 4, 255))
MAKE(to_512_bytes, uint8_t options[512] = {}; dns_opt(message, options, 512 - 11 - message->length))

static const struct odd plain[] = {
	{ "as it is", as_it_is },
	{ "with EDNS", with_edns },
	{ "with a cookie", with_cookie },
	{ "with AD and CD", ad_and_cd },
	{ "without RD", without_rd },
	{ "for AAAA", aaaa },
	{ "for TXT", txt },
	{ "for HTTPS", https },
	{ "for every type", any_type },
	{ "of 512 bytes", to_512_bytes },
};

MAKE(an_answer, set_at(message, 2, DNS_ANSWERED))
MAKE(an_answer_with_address, set_at(message, 2, DNS_ANSWERED); add_record(message, DNS_ANSWERS))
MAKE(inverse, set_at(message, 2, 0x0800))
MAKE(status, set_at(message, 2, 0x1000))
MAKE(notify, set_at(message, 2, 0x2000))
MAKE(update, set_at(message, 2, 0x2800))
MAKE(opcode_15, set_at(message, 2, 0x7800))
MAKE(authoritative, set_at(message, 2, DNS_RD | DNS_AA))
MAKE(truncated, set_at(message, 2, DNS_RD | DNS_TC))
MAKE(available, set_at(message, 2, DNS_RD | DNS_RA))
MAKE(z_bit, set_at(message, 2, DNS_RD | 0x40))
MAKE(code, set_at(message, 2, DNS_RD | 1))
MAKE(no_question, set_at(message, DNS_QUESTIONS, 0))
MAKE(two_counted, set_at(message, DNS_QUESTIONS, 2))
MAKE(two_questions, dns_ask(message, EVIL, DNS_A))
MAKE(two_of_the_same, dns_ask(message, HOST, DNS_AAAA))
MAKE(many_counted, set_at(message, DNS_QUESTIONS, 0x0101))
MAKE(an_answer_record, add_record(message, DNS_ANSWERS))
MAKE(answer_counted, set_at(message, DNS_ANSWERS, 1))
MAKE(an_authority_record, add_record(message, DNS_AUTHORITY))
MAKE(authority_counted, set_at(message, DNS_AUTHORITY, 1))
MAKE(additional_not_edns, add_record(message, DNS_ADDITIONAL))
MAKE(additional_counted, set_at(message, DNS_ADDITIONAL, 1))
MAKE(edns_not_counted, dns_opt(message, "", 0); set_at(message, DNS_ADDITIONAL, 0))
MAKE(edns_of_two, dns_opt(message, "", 0); dns_opt(message, "", 0))
MAKE(edns_of_three, dns_opt(message, "", 0); dns_opt(message, "", 0); dns_opt(message, "", 0))
MAKE(two_counted_one_there, dns_opt(message, "", 0); set_at(message, DNS_ADDITIONAL, 2))
MAKE(edns_too_short, dns_opt(message, "", 0); message->length--)
MAKE(edns_too_long, dns_opt(message, "", 0); dns_put8(message, 0))
MAKE(edns_lies_less, dns_opt(message, "\0\x0a\0\0", 4); set_at(message, message->length - 6, 3))
MAKE(edns_lies_more, dns_opt(message, "\0\x0a\0\0", 4); set_at(message, message->length - 6, 5))
MAKE(edns_lies_much, dns_opt(message, "", 0); set_at(message, message->length - 2, 0xffff))
MAKE(edns_has_name, dns_opt(message, "", 0); message->bytes[message->length - 11] = 1)
MAKE(edns_has_pointer, message->bytes[DNS_ADDITIONAL + 1] = 1; dns_put16(message, 0xc014);
     dns_put(message, "\0\x29\4\xd0\0\0\0\0\0\0", 10))
MAKE(a_byte_behind, dns_put8(message, 0))
MAKE(bytes_behind, add_bytes(message, 100))
MAKE(class_chaos, set_at(message, message->length - 2, DNS_CHAOS))
MAKE(class_any, set_at(message, message->length - 2, 255))
MAKE(no_class, message->length -= 2)
MAKE(no_type, message->length -= 4)
MAKE(no_root, message->length -= 5)
MAKE(header_alone, message->length = DNS_HEADER)
MAKE(part_of_header, message->length = DNS_HEADER - 1)
MAKE(one_byte, message->length = 1)
MAKE(nothing, message->length = 0)
MAKE(not_dns, message->length = 0;
     dns_put(message, "GET / HTTP/1.1\r\nHost: host.test\r\n\r\n", 35))
MAKE(pointer_to_itself, set_at(message, DNS_HEADER, 0xc00c))
MAKE(pointer_back, message->length = DNS_HEADER; dns_put16(message, 0xc000);
     dns_put32(message, DNS_A << 16 | DNS_IN))
MAKE(pointer_behind, message->length = DNS_HEADER; dns_put16(message, 0xc012);
     dns_put32(message, DNS_A << 16 | DNS_IN); dns_put_name(message, HOST))
MAKE(label_of_64, message->bytes[DNS_HEADER] = 64)
MAKE(label_of_128, message->bytes[DNS_HEADER] = 128)
MAKE(label_beyond, message->bytes[DNS_HEADER] = 63)
MAKE(of_513_bytes, uint8_t options[512] = {}; dns_opt(message, options, 513 - 11 - message->length))
MAKE(of_1400_bytes, uint8_t options[1400] = {};
     dns_opt(message, options, 1400 - 11 - message->length))

static void name_of_256(struct dns_message *message)
{
	size_t i;

	dns_start(message, ID, DNS_RD);
	for (i = 0; i < 3; i++)
		dns_put(message, "\x3f" LABEL_63, 64);
	dns_put(message, "\x34" LABEL_63, 53);
	dns_put(message, "\4wild\4test", 11);
	dns_put32(message, DNS_A << 16 | DNS_IN);
	dns_count(message, DNS_QUESTIONS, 1);
}

static const struct odd odds[] = {
	{ "an answer", an_answer },
	{ "an answer with an address", an_answer_with_address },
	{ "an inverse query", inverse },
	{ "STATUS", status },
	{ "NOTIFY", notify },
	{ "UPDATE", update },
	{ "an opcode that is none", opcode_15 },
	{ "authoritative", authoritative },
	{ "truncated", truncated },
	{ "recursion available", available },
	{ "the bit that is reserved", z_bit },
	{ "a response code", code },
	{ "no question counted", no_question },
	{ "two questions counted", two_counted },
	{ "two questions, one of them for another name", two_questions },
	{ "two questions for one name", two_of_the_same },
	{ "257 questions counted", many_counted },
	{ "an answer record", an_answer_record },
	{ "an answer counted", answer_counted },
	{ "an authority record", an_authority_record },
	{ "authority counted", authority_counted },
	{ "an additional address", additional_not_edns },
	{ "additional counted", additional_counted },
	{ "EDNS not counted", edns_not_counted },
	{ "EDNS twice", edns_of_two },
	{ "three additional records", edns_of_three },
	{ "two additional counted, one there", two_counted_one_there },
	{ "EDNS cut", edns_too_short },
	{ "EDNS and a byte", edns_too_long },
	{ "EDNS with a length too small", edns_lies_less },
	{ "EDNS with a length too large", edns_lies_more },
	{ "EDNS with a length of 65535", edns_lies_much },
	{ "EDNS of a name", edns_has_name },
	{ "EDNS of a pointer to the root", edns_has_pointer },
	{ "a byte behind", a_byte_behind },
	{ "bytes behind", bytes_behind },
	{ "class CH", class_chaos },
	{ "class ANY", class_any },
	{ "without its class", no_class },
	{ "without its type", no_type },
	{ "without the name's root", no_root },
	{ "a header", header_alone },
	{ "part of a header", part_of_header },
	{ "one byte", one_byte },
	{ "an empty datagram", nothing },
	{ "HTTP", not_dns },
	{ "a name that is a loop", pointer_to_itself },
	{ "a pointer into the header", pointer_back },
	{ "a pointer to a name behind", pointer_behind },
	{ "a label of 64 bytes", label_of_64 },
	{ "a label of 128 bytes", label_of_128 },
	{ "a label beyond the end", label_beyond },
	{ "513 bytes", of_513_bytes },
	{ "1400 bytes", of_1400_bytes },
	{ "a name of 256 bytes", name_of_256 },
};

static int send_odd(const struct asker *asker, const struct odd *odd)
{
	struct dns_message message;

	print_message("%s\n", odd->sentence);
	start(&message, HOST);
	odd->make(&message);
	return asker_sends(asker, message.bytes, message.length);
}

static void only_one_plain_question_is_let_out(void **state)
{
	static const char *const resolvers[] = { RESOLVER_IPV4, RESOLVER_IPV6 };
	struct fenced *fenced = *state;
	size_t i, r;

	put_asking_up(fenced, RULES);
	for (r = 0; r < ARRAY_SIZE(resolvers); r++) {
		_cleanup_asker_ struct asker asker = asker_open(fenced, resolvers[r]);

		for (i = 0; i < ARRAY_SIZE(plain); i++)
			assert_int_equal(send_odd(&asker, &plain[i]), 0);
		for (i = 0; i < ARRAY_SIZE(odds); i++)
			assert_int_equal(send_odd(&asker, &odds[i]), EPERM);
	}
}

/* The second is, as the first says, an option of its EDNS. */
static void hide_in_option(struct dns_message *message, const struct dns_message *other)
{
	dns_opt(message, "", 0);
	set_at(message, message->length - 2, (unsigned int)other->length);
}

static void check_segments(struct fenced *fenced, const char *second, bool hidden)
{
	_cleanup_asker_ struct asker asker = asker_open(fenced, RESOLVER_IPV4);
	struct dns_message message, other;
	struct long_frame frame;
	int size;

	start(&message, HOST);
	start(&other, second);
	if (hidden) {
		dns_opt(&other, "", 0);
		hide_in_option(&message, &other);
	}
	size = (int)message.length;
	assert_int_equal(message.length, other.length);
	assert_int_equal(setsockopt(asker.fd, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	dns_put(&message, other.bytes, other.length);
	assert_int_equal(send(asker.fd, message.bytes, message.length, 0), -1);
	/* EIO: on Linux 5.10 only a device that computes checksums takes these. */
	assert_true(errno == EPERM || errno == EIO);
	assert_int_equal(read_own_frame(&asker, IPPROTO_UDP, &frame), 0);
}

static void several_datagrams_in_one_packet_are_refused(void **state)
{
	struct fenced *fenced = *state;

	put_asking_up(fenced, RULES);
	check_segments(fenced, EVIL, false);
	check_segments(fenced, HOST, false);
	check_segments(fenced, EVIL, true);
}

/* As what is sent from pages of the sender: which of both it is cannot be seen. */
static void a_datagram_written_in_parts_is_refused(void **state)
{
	static const char *const names[] = { HOST, EVIL };
	struct fenced *fenced = *state;
	struct dns_message message;
	struct long_frame frame;
	size_t i, cut;

	put_asking_up(fenced, RULES);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		start(&message, names[i]);
		for (cut = 1; cut < message.length; cut++) {
			_cleanup_asker_ struct asker asker = asker_open(fenced, RESOLVER_IPV4);
			const size_t rest = message.length - cut;

			assert_int_equal(send(asker.fd, message.bytes, cut, MSG_MORE), cut);
			assert_int_equal(send(asker.fd, message.bytes + cut, rest, 0), -1);
			assert_int_equal(read_own_frame(&asker, IPPROTO_UDP, &frame), 0);
		}
	}
}

/* Each of these sends the page itself, and not what is in it now. */
static ssize_t send_by_splice(int fd, int file, size_t count)
{
	loff_t offset = 0;
	ssize_t sent;
	int pipes[2];

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(splice(file, &offset, pipes[1], NULL, count, 0), count);
	sent = splice(pipes[0], NULL, fd, NULL, count, SPLICE_F_NONBLOCK);
	close(pipes[0]);
	close(pipes[1]);
	return sent;
}

static ssize_t send_by_vmsplice(int fd, int file, size_t count)
{
	void *page = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	struct iovec part = { page, count };
	ssize_t sent;
	int pipes[2];

	assert_true(page != MAP_FAILED);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(vmsplice(pipes[1], &part, 1, 0), count);
	sent = splice(pipes[0], NULL, fd, NULL, count, SPLICE_F_NONBLOCK);
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(munmap(page, count), 0);
	return sent;
}

static ssize_t send_by_sendfile(int fd, int file, size_t count)
{
	off_t offset = 0;

	return sendfile(fd, file, &offset, count);
}

static void check_page(const struct asker *asker, int file,
		       ssize_t (*way)(int fd, int file, size_t count))
{
	const size_t headers = header_bytes(asker->self.any.sa_family) + 8;
	struct dns_message good, evil;
	struct long_frame frame;
	size_t length;
	int error;

	start(&good, HOST);
	start(&evil, EVIL);
	assert_int_equal(pwrite(file, good.bytes, good.length, 0), good.length);
	error = way(asker->fd, file, good.length) < 0 ? errno : 0;
	assert_int_equal(pwrite(file, evil.bytes, evil.length, 0), good.length);
	length = read_own_frame(asker, IPPROTO_UDP, &frame);
	/* Before Linux 6.5 it may have been copied: over IPv6, and to a device without checksums.
	 */
	if (error) {
		assert_int_equal(error, EPERM);
		assert_int_equal(length, 0);
		return;
	}
	assert_int_equal(length, sizeof(frame.info) + headers + good.length);
	assert_memory_equal(frame.bytes + headers, good.bytes, good.length);
}

static void what_can_be_changed_after_it_was_judged_is_refused(void **state)
{
	static ssize_t (*const ways[])(int fd, int file, size_t count) = { send_by_splice,
									   send_by_vmsplice,
									   send_by_sendfile };
	static const char *const resolvers[] = { RESOLVER_IPV4, RESOLVER_IPV6 };
	struct fenced *fenced = *state;
	_cleanup_close_ int file = memfd_create("question", MFD_CLOEXEC);
	size_t i, r;

	put_asking_up(fenced, RULES);
	for (r = 0; r < ARRAY_SIZE(resolvers); r++) {
		_cleanup_asker_ struct asker asker = asker_open(fenced, resolvers[r]);

		for (i = 0; i < ARRAY_SIZE(ways); i++)
			check_page(&asker, file, ways[i]);
		assert_true(asker_asks(&asker, HOST, DNS_A, ID));
	}
}

/* --- port 53 ------------------------------------------------------------------------------------
 */

static int connect_error(const struct fenced *fenced, const char *address, int type)
{
	const union endpoint endpoint = endpoint_of(address, 53);
	_cleanup_close_ int fd = socket_inside(fenced, family_of_text(address),
					       type | SOCK_NONBLOCK, 0);

	return connect(fd, &endpoint.any, sizeof(endpoint)) < 0 ? errno : 0;
}

static void port_53_of_any_other_host_is_shut(void **state)
{
	struct fenced *fenced = *state;

	put_asking_up(fenced, "allow any\nallow host.test\nallow 198.51.100.0/24:1-1000\n");
	assert_int_equal(connect_error(fenced, STRANGER_IPV4, SOCK_DGRAM), EPERM);
	assert_int_equal(connect_error(fenced, STRANGER_IPV4, SOCK_STREAM), EPERM);
	assert_int_equal(connect_error(fenced, "2001:db8:53::54", SOCK_DGRAM), EPERM);
	assert_int_equal(connect_error(fenced, RESOLVER_IPV4, SOCK_DGRAM), 0);
	assert_int_equal(connect_error(fenced, RESOLVER_IPV6, SOCK_STREAM), EINPROGRESS);
}

static void a_rule_that_says_port_53_is_not_filtered(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };

	put_asking_up(fenced, RULES "allow " STRANGER_IPV4 ":53/udp\n");
	asker = asker_open(fenced, STRANGER_IPV4);
	assert_int_equal(asker_sends(&asker, "anything", 8), 0);
	assert_true(asker_asks(&asker, EVIL, DNS_A, ID));
}

/* Whoever has the address of the resolver on this host. */
static int send_as(const struct fenced *fenced, const char *address, uint16_t port)
{
	const union endpoint from = endpoint_of(address, port),
			     to = endpoint_of("198.51.100.77", 9999);
	_cleanup_close_ int fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, &from.any, sizeof(from)), 0);
	return sendto(fd, "answer", 6, 0, &to.any, sizeof(to)) < 0 ? errno : 0;
}

/* What may be asked on loopback may be served there, but not in a resolver's place. */
static void where_a_resolver_is_nothing_can_be_served(void **state)
{
	const union endpoint resolver = endpoint_of("127.0.0.53", 53);
	const union endpoint allowed = endpoint_of("127.0.0.54", 53);
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
	struct fenced *fenced = *state;
	size_t i;

	put_asking_up(fenced, RULES "allow 127.0.0.54:53\n");
	trust(fenced, "127.0.0.53", 1);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		_cleanup_close_ int fd = socket_inside(fenced, AF_INET, types[i], 0);

		assert_int_equal(bind(fd, &resolver.any, sizeof(resolver)), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(bind(fd, &allowed.any, sizeof(allowed)), 0);
	}
}

static void nothing_inside_can_send_as_a_resolver(void **state)
{
	struct fenced *fenced = *state;

	put_asking_up(fenced, "listen 53/udp\nlisten 54/udp\nallow any:9999/udp\n");
	assert_int_equal(system("ip addr add " RESOLVER_IPV4 "/32 dev lo"), 0);
	assert_int_equal(send_as(fenced, RESOLVER_IPV4, 53), EPERM);
	assert_int_equal(send_as(fenced, RESOLVER_IPV4, 54), 0);
	assert_int_equal(send_as(fenced, OUR_IPV4, 53), 0);
	assert_int_equal(system("ip addr del " RESOLVER_IPV4 "/32 dev lo"), 0);
}

/* --- what is told, and what is let through all the same ------------------------------------------
 */

struct told {
	size_t messages;
	size_t decisions;
	struct cgf_decision decision;
	uint32_t answered;
	uint16_t length;
	uint8_t bytes[CGF_MESSAGE_LARGE];
};

static void keep_decision(const struct cgf_decision *decision, void *data)
{
	struct told *told = data;

	told->decisions++;
	told->decision = *decision;
}

static void keep_message(const struct cgf_message *message, size_t size, void *data)
{
	struct told *told = data;

	told->messages++;
	told->decision = message->decision;
	told->answered = message->answered;
	told->length = message->length;
	memcpy(told->bytes, message->bytes, size - sizeof(*message));
}

static void listen_to(const struct fenced *fenced, struct told *told)
{
	int fd;

	memset(told, 0, sizeof(*told));
	assert_int_equal(
		datapath_decisions_open(fenced->maps, keep_decision, keep_message, told, &fd), 0);
}

static void drain(const struct fenced *fenced)
{
	assert_true(datapath_decisions_drain(fenced->maps) >= 0);
}

static void check_told(const struct asker *asker, const struct told *told, uint8_t reason,
		       const struct dns_message *message)
{
	const struct cgf_key key = key_of(RESOLVER_IPV4, 53, IPPROTO_UDP);

	assert_int_equal(told->messages, 1);
	assert_int_equal(told->decision.hook, CGF_HOOK_EGRESS);
	assert_int_equal(told->decision.reason, reason);
	assert_int_equal(told->decision.port, 53);
	assert_memory_equal(told->decision.address, key.address, 16);
	assert_int_equal(told->decision.local_port, ntohs(asker->self.ipv4.sin_port));
	assert_int_equal(told->length, message->length);
	assert_memory_equal(told->bytes, message->bytes, message->length);
}

static void a_refusal_is_told_with_its_question(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct dns_message message;
	struct told told;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	listen_to(fenced, &told);
	start(&message, EVIL);
	assert_int_equal(asker_sends(&asker, message.bytes, message.length), EPERM);
	drain(fenced);
	check_told(&asker, &told, CGF_REASON_QUESTION, &message);
	assert_int_equal(told.decision.verdict, CGF_DENY);
	assert_int_equal(told.answered, 0);
	told.messages = 0;
	an_answer(&message);
	assert_int_equal(asker_sends(&asker, message.bytes, message.length), EPERM);
	drain(fenced);
	check_told(&asker, &told, CGF_REASON_NOT_A_QUESTION, &message);
	assert_int_equal(counters_of(fenced).denied, 2);
}

static void with_a_keeper_the_sender_is_told_of_success_and_nothing_is_let_out(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct dns_message message;
	struct long_frame frame;
	struct told told;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	listen_to(fenced, &told);
	assert_int_equal(datapath_keep(fenced->datapath, fenced->maps), 0);
	start(&message, EVIL);
	assert_int_equal(send(asker.fd, message.bytes, message.length, 0), message.length);
	assert_int_equal(read_own_frame(&asker, IPPROTO_UDP, &frame), 0);
	drain(fenced);
	check_told(&asker, &told, CGF_REASON_QUESTION, &message);
	assert_int_not_equal(told.answered, 0);
	/* What is no question waits for no answer. */
	assert_int_equal(asker_sends(&asker, "anything", 8), EPERM);
}

/* There the same address and port are another socket's. */
static void in_another_network_namespace_nobody_is_answered(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct cgf_target target;
	struct told told;

	put_asking_up(fenced, RULES);
	target = asking_target(fenced);
	target.netns_cookie++;
	retarget(fenced, &target);
	asker = asker_open(fenced, RESOLVER_IPV4);
	listen_to(fenced, &told);
	assert_int_equal(datapath_keep(fenced->datapath, fenced->maps), 0);
	assert_false(asker_asks(&asker, EVIL, DNS_A, ID));
	drain(fenced);
	assert_int_equal(told.messages, 1);
	assert_int_equal(told.answered, 0);
}

#define OTHER_IPV4 "198.18.0.3"
#define OTHER_IPV6 "2001:db8:1::3"
#define ADD_OTHERS                                                                                 \
	"ip addr replace " OTHER_IPV4 "/24 dev " DEVICE " && "                                     \
	"ip addr replace " OTHER_IPV6 "/64 dev " DEVICE " nodad"

static struct asker asker_bound(const struct fenced *fenced, const char *resolver,
				const char *address)
{
	const union endpoint self = endpoint_of(address, 0);
	int fd = socket_inside(fenced, family_of_text(address), SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, &self.any, sizeof(self)), 0);
	return asker_of(fenced, fd, resolver);
}

/* By IP_PKTINFO; 0 or the error. */
static int sends_from(const struct asker *asker, const char *source, const void *bytes,
		      size_t count)
{
	bool ipv4 = asker->self.any.sa_family == AF_INET;
	struct in_pktinfo info4 = {};
	struct in6_pktinfo info6 = {};
	size_t size = ipv4 ? sizeof(info4) : sizeof(info6);
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(info6))];
	} control = {};
	struct iovec part = { (void *)(uintptr_t)bytes, count };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(size),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = (struct cmsghdr){ CMSG_LEN(size), ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
				    ipv4 ? IP_PKTINFO : IPV6_PKTINFO };
	assert_int_equal(inet_pton(ipv4 ? AF_INET : AF_INET6, source,
				   ipv4 ? (void *)&info4.ipi_spec_dst : &info6.ipi6_addr),
			 1);
	memcpy(CMSG_DATA(header), ipv4 ? (void *)&info4 : &info6, size);
	return sendmsg(asker->fd, &message, 0) < 0 ? errno : 0;
}

/* Its port is another socket's there, which would get the answer. */
static void a_question_from_an_address_that_is_not_the_sockets_is_refused(void **state)
{
	static const char *const addresses[][3] = { { RESOLVER_IPV4, OUR_IPV4, OTHER_IPV4 },
						    { RESOLVER_IPV6, OUR_IPV6, OTHER_IPV6 } };
	struct fenced *fenced = *state;
	struct dns_message message;
	struct long_frame frame;
	size_t i, other;

	put_asking_up(fenced, RULES);
	assert_int_equal(system(ADD_OTHERS), 0);
	start(&message, HOST);
	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		_cleanup_asker_ struct asker asker = asker_bound(fenced, addresses[i][0],
								 addresses[i][1]);

		for (other = 0; other < 2; other++) {
			assert_int_equal(sends_from(&asker, addresses[i][1 + other], message.bytes,
						    message.length),
					 other ? EPERM : 0);
			assert_int_equal(read_own_frame(&asker, IPPROTO_UDP, &frame) != 0, !other);
		}
	}
}

/* The keeper would answer whoever has the port at that address, outside of the fence too. */
static void whoever_else_has_its_port_is_not_answered_for_a_socket(void **state)
{
	static const char *const addresses[][3] = { { RESOLVER_IPV4, OUR_IPV4, OTHER_IPV4 },
						    { RESOLVER_IPV6, OUR_IPV6, OTHER_IPV6 } };
	struct fenced *fenced = *state;
	struct dns_message message;
	struct told told;
	size_t i, other;

	put_asking_up(fenced, RULES);
	assert_int_equal(system(ADD_OTHERS), 0);
	listen_to(fenced, &told);
	assert_int_equal(datapath_keep(fenced->datapath, fenced->maps), 0);
	start(&message, EVIL);
	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		_cleanup_asker_ struct asker asker = asker_bound(fenced, addresses[i][0],
								 addresses[i][1]);

		for (other = 0; other < 2; other++) {
			told.messages = 0;
			assert_int_equal(sends_from(&asker, addresses[i][1 + other], message.bytes,
						    message.length),
					 other ? EPERM : 0);
			drain(fenced);
			assert_int_equal(told.messages, 1);
			assert_int_equal(told.answered != 0, !other);
		}
	}
}

static void no_socket_can_be_told_to_send_pages_that_change(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	const int one = 1;

	put_asking_up(fenced, RULES);
	asker = asker_open(fenced, RESOLVER_IPV4);
	assert_int_equal(setsockopt(asker.fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(setsockopt(asker.fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)), 0);
}

/* Where splice(2) is not refused; said at connect(), where it is seen by whoever asks. */
static void why_nothing_is_asked_over_tcp_is_told(void **state)
{
	struct fenced *fenced = *state;
	struct cgf_target target;
	struct told told;

	put_asking_up(fenced, RULES);
	target = asking_target(fenced);
	target.flags &= ~CGF_TARGET_TCP_QUESTIONS;
	retarget(fenced, &target);
	listen_to(fenced, &told);
	assert_int_equal(connect_error(fenced, RESOLVER_IPV4, SOCK_STREAM), EPERM);
	drain(fenced);
	assert_int_equal(told.decisions, 1);
	assert_int_equal(told.decision.reason, CGF_REASON_TCP_QUESTION);
	assert_int_equal(told.decision.verdict, CGF_DENY);
	assert_int_equal(connect_error(fenced, RESOLVER_IPV6, SOCK_STREAM), EPERM);
	assert_int_equal(connect_error(fenced, RESOLVER_IPV4, SOCK_DGRAM), 0);
	target.flags |= CGF_TARGET_ANY_QUESTION;
	retarget(fenced, &target);
	assert_int_equal(connect_error(fenced, RESOLVER_IPV4, SOCK_STREAM), EINPROGRESS);
}

static void check_let_through(struct fenced *fenced, const struct asker *asker)
{
	struct dns_message message;

	assert_true(asker_asks(asker, EVIL, DNS_A, ID));
	assert_int_equal(asker_sends(asker, "anything", 8), 0);
	dns_start(&message, ID, DNS_ANSWERED);
	dns_ask(&message, EVIL, DNS_A);
	dns_address(&message, EVIL, 60, ADDRESS_A);
	asker_hears(asker, &message);
	assert_int_equal(learned_count(fenced), 0);
	assert_true(asker_asks(asker, HOST, DNS_A, ID));
	dns_start(&message, ID, DNS_ANSWERED);
	dns_ask(&message, HOST, DNS_A);
	dns_address(&message, HOST, 60, ADDRESS_A);
	asker_hears(asker, &message);
	assert_int_equal(learned_count(fenced), 1);
	forget(fenced, ADDRESS_A);
}

static void audit_mode_lets_questions_pass_and_says_so_and_learns(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct cgf_target target;
	struct told told;

	put_asking_up(fenced, RULES);
	target = asking_target(fenced);
	target.mode = CGF_MODE_AUDIT;
	retarget(fenced, &target);
	asker = asker_open(fenced, RESOLVER_IPV4);
	listen_to(fenced, &told);
	check_let_through(fenced, &asker);
	drain(fenced);
	/* Two that would have been refused, and an answer. */
	assert_int_equal(told.messages, 3);
	assert_int_equal(told.decision.hook, CGF_HOOK_INGRESS);
	assert_int_equal(counters_of(fenced).audited, 2);
	assert_int_equal(counters_of(fenced).denied, 0);
}

static void without_the_filter_any_question_passes_and_rules_are_learned(void **state)
{
	struct fenced *fenced = *state;
	_cleanup_asker_ struct asker asker = { .fd = -1 };
	struct cgf_target target;

	put_asking_up(fenced, RULES);
	target = asking_target(fenced);
	target.flags |= CGF_TARGET_ANY_QUESTION;
	retarget(fenced, &target);
	asker = asker_open(fenced, RESOLVER_IPV4);
	check_let_through(fenced, &asker);
	assert_int_equal(counters_of(fenced).denied, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(names_are_allowed_as_rules_say_and_no_others),
		FENCED_TEST(the_longest_name_of_a_rule_is_told_from_longer_ones),
		FENCED_TEST(only_one_plain_question_is_let_out),
		FENCED_TEST(several_datagrams_in_one_packet_are_refused),
		FENCED_TEST(a_datagram_written_in_parts_is_refused),
		FENCED_TEST(what_can_be_changed_after_it_was_judged_is_refused),
		FENCED_TEST(port_53_of_any_other_host_is_shut),
		FENCED_TEST(a_rule_that_says_port_53_is_not_filtered),
		FENCED_TEST(where_a_resolver_is_nothing_can_be_served),
		FENCED_TEST(nothing_inside_can_send_as_a_resolver),
		FENCED_TEST(a_refusal_is_told_with_its_question),
		FENCED_TEST(with_a_keeper_the_sender_is_told_of_success_and_nothing_is_let_out),
		FENCED_TEST(in_another_network_namespace_nobody_is_answered),
		FENCED_TEST(a_question_from_an_address_that_is_not_the_sockets_is_refused),
		FENCED_TEST(whoever_else_has_its_port_is_not_answered_for_a_socket),
		FENCED_TEST(no_socket_can_be_told_to_send_pages_that_change),
		FENCED_TEST(why_nothing_is_asked_over_tcp_is_told),
		FENCED_TEST(audit_mode_lets_questions_pass_and_says_so_and_learns),
		FENCED_TEST(without_the_filter_any_question_passes_and_rules_are_learned),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
