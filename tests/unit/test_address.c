// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "address.h"
#include "util.h"

static struct address parsed(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	return address;
}

static struct prefix prefix(const char *text, uint8_t bits)
{
	struct address address = parsed(text);

	return prefix_of(&address, bits);
}

static void ipv4_is_sixteen_bytes_mapped(void **state)
{
	static const uint8_t expected[16] = { [10] = 0xff, 0xff, 198, 51, 100, 7 };
	struct address address = parsed("198.51.100.7");

	(void)state;
	assert_memory_equal(address.bytes, expected, 16);
	assert_true(address_is_ipv4(&address));
}

static void a_mapped_address_becomes_ipv4(void **state)
{
	char text[ADDRESS_TEXT_BYTES];
	struct address address = parsed("::ffff:c633:6407");

	(void)state;
	assert_true(address_is_ipv4(&address));
	assert_string_equal(address_format(&address, text), "198.51.100.7");
}

static void addresses_from_socket_structures_are_those_from_text(void **state)
{
	struct address from_text, from_socket;
	struct in6_addr ipv6;
	struct in_addr ipv4;

	(void)state;
	inet_pton(AF_INET, "203.0.113.9", &ipv4);
	from_socket = address_from_ipv4(&ipv4);
	from_text = parsed("203.0.113.9");
	assert_memory_equal(&from_socket, &from_text, sizeof(from_text));

	inet_pton(AF_INET6, "2001:db8::9", &ipv6);
	from_socket = address_from_ipv6(&ipv6);
	from_text = parsed("2001:db8::9");
	assert_memory_equal(&from_socket, &from_text, sizeof(from_text));
}

static void text_round_trips(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0", "127.0.0.1",	  "255.255.255.255", "::",	    "::1",
		"::2",	   "2001:db8::1", "::1.2.3.4",	     "fe80::1:2:3",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char text[ADDRESS_TEXT_BYTES];
		struct address address = parsed(texts[i]);

		assert_string_equal(address_format(&address, text), texts[i]);
	}
}

static void what_is_not_an_address_is_refused_and_writes_nothing(void **state)
{
	static const char *const texts[] = {
		"",	     "1.2.3",	  "1.2.3.4.5",	  "256.1.1.1",	"01.2.3.4", "1.2.3.4 ",
		"1.2.3.4/8", "[::1]",	  "fe80::1%eth0", ":::",	"1::2::3",  "12345::",
		"::1.2.3",   "localhost", "0x7f.0.0.1",	  "1.2.3.4:80",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct address address = { { 0x55 } };

		assert_int_equal(address_parse(texts[i], &address), -EINVAL);
		assert_int_equal(address.bytes[0], 0x55);
	}
}

static void the_longest_texts_fit_their_buffers(void **state)
{
	const char *longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe";
	struct prefix all_but_one = prefix(longest, 127);
	char text[PREFIX_TEXT_BYTES];

	(void)state;
	assert_string_equal(prefix_format(&all_but_one, text),
			    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");
}

static void a_prefix_shows_the_bits_of_its_family(void **state)
{
	static const struct {
		const char *address;
		uint8_t bits;
		const char *text;
		unsigned int shown;
	} cases[] = {
		{ "0.0.0.0", 96, "0.0.0.0/0", 0 },
		{ "198.51.100.0", 120, "198.51.100.0/24", 24 },
		{ "198.51.100.1", 128, "198.51.100.1", 32 },
		{ "::", 0, "::/0", 0 },
		{ "2001:db8::", 32, "2001:db8::/32", 32 },
		{ "2001:db8::1", 128, "2001:db8::1", 128 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix shown = prefix(cases[i].address, cases[i].bits);
		char text[PREFIX_TEXT_BYTES];

		assert_string_equal(prefix_format(&shown, text), cases[i].text);
		assert_int_equal(prefix_bits_shown(&shown), cases[i].shown);
	}
}

static void a_prefix_has_no_host_bits(void **state)
{
	struct prefix odd = prefix("255.255.255.255", 96 + 13);
	char text[PREFIX_TEXT_BYTES];

	(void)state;
	assert_string_equal(prefix_format(&odd, text), "255.248.0.0/13");
}

static void a_prefix_contains_its_first_and_last_address_and_no_neighbour(void **state)
{
	static const struct {
		const char *prefix;
		uint8_t bits;
		const char *address;
		bool contains;
	} cases[] = {
		{ "172.16.0.0", 96 + 12, "172.16.0.0", true },
		{ "172.16.0.0", 96 + 12, "172.31.255.255", true },
		{ "172.16.0.0", 96 + 12, "172.15.255.255", false },
		{ "172.16.0.0", 96 + 12, "172.32.0.0", false },
		{ "198.51.100.7", 128, "198.51.100.7", true },
		{ "198.51.100.7", 128, "198.51.100.6", false },
		{ "2001:db8::", 33, "2001:db8:7fff::1", true },
		{ "2001:db8::", 33, "2001:db8:8000::", false },
		{ "::", 0, "2001:db8::", true },
		{ "::", 0, "198.51.100.7", false },
		{ "::", 80, "198.51.100.7", false },
		{ "0.0.0.0", 96, "198.51.100.7", true },
		{ "0.0.0.0", 96, "::1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix network = prefix(cases[i].prefix, cases[i].bits);
		struct address address = parsed(cases[i].address);

		assert_int_equal(prefix_contains(&network, &address), cases[i].contains);
	}
}

static const struct {
	const char *address;
	const char *what; /* NULL: ordinary */
} specials[] = {
	{ "0.0.0.0", "unspecified" },
	{ "0.255.255.255", "unspecified" },
	{ "1.0.0.0", NULL },
	{ "9.255.255.255", NULL },
	{ "10.0.0.0", "private" },
	{ "10.255.255.255", "private" },
	{ "11.0.0.0", NULL },
	{ "100.63.255.255", NULL },
	{ "100.64.0.0", "shared" },
	{ "100.100.100.200", "metadata" },
	{ "100.100.100.201", "shared" },
	{ "100.127.255.255", "shared" },
	{ "100.128.0.0", NULL },
	{ "126.255.255.255", NULL },
	{ "127.0.0.1", "loopback" },
	{ "127.255.255.255", "loopback" },
	{ "128.0.0.0", NULL },
	{ "168.63.129.15", NULL },
	{ "168.63.129.16", "metadata" },
	{ "169.253.255.255", NULL },
	{ "169.254.0.0", "link-local" },
	{ "169.254.169.254", "metadata" },
	{ "169.254.169.253", "link-local" },
	{ "169.255.0.0", NULL },
	{ "172.15.255.255", NULL },
	{ "172.16.0.0", "private" },
	{ "172.31.255.255", "private" },
	{ "172.32.0.0", NULL },
	{ "192.0.0.0", "reserved" },
	{ "192.0.0.192", "metadata" },
	{ "192.0.1.0", NULL },
	{ "192.0.2.1", NULL },
	{ "192.167.255.255", NULL },
	{ "192.168.0.0", "private" },
	{ "192.169.0.0", NULL },
	{ "198.18.0.1", NULL },
	{ "198.51.100.1", NULL },
	{ "203.0.113.1", NULL },
	{ "223.255.255.255", NULL },
	{ "224.0.0.0", "multicast" },
	{ "239.255.255.255", "multicast" },
	{ "240.0.0.0", "reserved" },
	{ "255.255.255.255", "reserved" },
	{ "::", "unspecified" },
	{ "::1", "loopback" },
	{ "::127.0.0.1", "loopback" },
	{ "::8.8.8.8", NULL },
	{ "::ffff:127.0.0.1", "loopback" },
	{ "64:ff9b::169.254.169.254", "metadata" },
	{ "64:ff9b::8.8.8.8", NULL },
	{ "64:ff9b:1:2:3:4:10.0.0.1", "private" },
	{ "64:ff9b:1:2:3:4:8.8.8.8", NULL },
	{ "64:ff9b:2::10.0.0.1", NULL },
	{ "2001:db8::1", NULL },
	{ "2002:7f00:1::", "loopback" },
	{ "2002:c0a8:101::8.8.8.8", "private" },
	{ "2002:808:808::", NULL },
	{ "2003:7f00:1::", NULL },
	{ "fbff::1", NULL },
	{ "fc00::1", "private" },
	{ "fd00:ec2::254", "metadata" },
	{ "fd00:ec2::253", "private" },
	{ "fdff::1", "private" },
	{ "fe7f::1", NULL },
	{ "fe80::1", "link-local" },
	{ "febf::1", "link-local" },
	{ "fec0::1", "link-local" },
	{ "feff::1", "link-local" },
	{ "ff00::", "multicast" },
	{ "ff02::1", "multicast" },
};

static void special_addresses_have_a_word_and_their_neighbours_have_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specials); i++) {
		struct address address = parsed(specials[i].address);
		const char *what = address_special(&address);

		if (!what != !specials[i].what || (what && strcmp(what, specials[i].what)))
			fail_msg("%s is %s", specials[i].address, what ? what : "ordinary");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_is_sixteen_bytes_mapped),
		cmocka_unit_test(a_mapped_address_becomes_ipv4),
		cmocka_unit_test(addresses_from_socket_structures_are_those_from_text),
		cmocka_unit_test(text_round_trips),
		cmocka_unit_test(what_is_not_an_address_is_refused_and_writes_nothing),
		cmocka_unit_test(the_longest_texts_fit_their_buffers),
		cmocka_unit_test(a_prefix_shows_the_bits_of_its_family),
		cmocka_unit_test(a_prefix_has_no_host_bits),
		cmocka_unit_test(a_prefix_contains_its_first_and_last_address_and_no_neighbour),
		cmocka_unit_test(special_addresses_have_a_word_and_their_neighbours_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
