// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "resolvconf.h"

#define PARSE(text, conf) resolvconf_parse(text, sizeof(text) - 1, conf)

static void assert_servers(const struct resolvconf *conf, const char *expected)
{
	char found[1024] = "", text[ADDRESS_TEXT_BYTES];
	size_t i;

	for (i = 0; i < conf->server_count; i++) {
		strcat(found, i ? " " : "");
		strcat(found, address_format(&conf->servers[i], text));
	}
	assert_string_equal(found, expected);
}

static void assert_domains(const struct resolvconf *conf, const char *expected)
{
	char found[1024] = "";
	size_t i;

	for (i = 0; i < conf->domain_count; i++) {
		strcat(found, i ? " " : "");
		strcat(found, conf->domains[i]);
	}
	assert_string_equal(found, expected);
}

static void servers_are_read_in_order_and_once(void **state)
{
	struct resolvconf conf;

	(void)state;
	PARSE("nameserver 192.0.2.1\nnameserver\t2001:db8::1\nnameserver 192.0.2.1\n"
	      "nameserver ::ffff:192.0.2.9",
	      &conf);
	assert_servers(&conf, "192.0.2.1 2001:db8::1 192.0.2.9");
	assert_int_equal(conf.ndots, 1);
}

static void what_is_no_server_is_left_out(void **state)
{
	struct resolvconf conf;

	(void)state;
	PARSE("nameserver fe80::1%eth0\nnameserver\nnameserver dns.example\n"
	      " nameserver 192.0.2.1\n# nameserver 192.0.2.2\n;nameserver 192.0.2.3\n"
	      "nameservers 192.0.2.4\nnameserver 192.0.2.5\0nameserver 192.0.2.6\n"
	      "nameserver 192.0.2.7\r\n",
	      &conf);
	assert_servers(&conf, "192.0.2.7");
}

static void servers_beyond_the_limit_are_left_out(void **state)
{
	char text[1024] = "";
	struct resolvconf conf;
	int i;

	(void)state;
	for (i = 0; i < CGF_RESOLVERS_MAX + 2; i++)
		sprintf(text + strlen(text), "nameserver 192.0.2.%d\n", i + 1);
	resolvconf_parse(text, strlen(text), &conf);
	assert_int_equal(conf.server_count, CGF_RESOLVERS_MAX);
}

static void the_last_list_of_domains_counts(void **state)
{
	struct resolvconf conf;

	(void)state;
	PARSE("search one.example two.example\ndomain Three.Example.\n", &conf);
	assert_domains(&conf, "three.example");
	PARSE("domain three.example\nsearch one.example  two.example. .\n", &conf);
	assert_domains(&conf, "one.example two.example");
}

static void another_search_list_takes_its_place(void **state)
{
	struct resolvconf conf;

	(void)state;
	PARSE("search one.example two.example\n", &conf);
	resolvconf_search(&conf, NULL);
	assert_domains(&conf, "one.example two.example");
	resolvconf_search(&conf, "three.example Four.example");
	assert_domains(&conf, "three.example four.example");
	resolvconf_search(&conf, "");
	assert_domains(&conf, "");
}

static void ndots_is_read_and_bounded(void **state)
{
	struct resolvconf conf;

	(void)state;
	PARSE("options rotate ndots:5 timeout:1\n", &conf);
	assert_int_equal(conf.ndots, 5);
	PARSE("options ndots:99\n", &conf);
	assert_int_equal(conf.ndots, RESOLVCONF_NDOTS_MAX);
	PARSE("options ndots:0\n", &conf);
	assert_int_equal(conf.ndots, 0);
	PARSE("options ndots:\n", &conf);
	assert_int_equal(conf.ndots, 1);
}

static void a_line_that_is_too_long_is_skipped(void **state)
{
	static char text[CGF_LINE_BYTES_MAX + 64];
	struct resolvconf conf;

	(void)state;
	memset(text, ' ', CGF_LINE_BYTES_MAX);
	memcpy(text, "nameserver 192.0.2.1", 20);
	strcpy(text + CGF_LINE_BYTES_MAX, "\nnameserver 192.0.2.2");
	resolvconf_parse(text, strlen(text), &conf);
	assert_servers(&conf, "192.0.2.2");
}

static void an_empty_file_has_nothing(void **state)
{
	struct resolvconf conf;

	(void)state;
	resolvconf_parse("", 0, &conf);
	assert_servers(&conf, "");
	assert_domains(&conf, "");
}

static void a_file_that_is_missing_is_an_error(void **state)
{
	struct resolvconf conf;

	(void)state;
	assert_int_equal(resolvconf_read("/proc/self/none", &conf), -ENOENT);
	assert_int_equal(resolvconf_read("/dev/zero", &conf), -EFBIG);
	assert_int_equal(resolvconf_read("/proc/self/fd", &conf), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_are_read_in_order_and_once),
		cmocka_unit_test(what_is_no_server_is_left_out),
		cmocka_unit_test(servers_beyond_the_limit_are_left_out),
		cmocka_unit_test(the_last_list_of_domains_counts),
		cmocka_unit_test(another_search_list_takes_its_place),
		cmocka_unit_test(ndots_is_read_and_bounded),
		cmocka_unit_test(a_line_that_is_too_long_is_skipped),
		cmocka_unit_test(an_empty_file_has_nothing),
		cmocka_unit_test(a_file_that_is_missing_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
