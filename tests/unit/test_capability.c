// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "capability.h"
#include "util.h"

static void assert_set(const char *list, uint64_t expected)
{
	uint64_t set = 0;
	const char *word;
	size_t length;

	assert_int_equal(capability_parse(list, &set, &word, &length), 0);
	assert_true(set == expected);
}

static void assert_wrong(const char *list, const char *expected)
{
	uint64_t set = 1234;
	const char *word;
	size_t length;

	assert_int_equal(capability_parse(list, &set, &word, &length), -EINVAL);
	assert_int_equal(length, strlen(expected));
	assert_memory_equal(word, expected, length);
	assert_int_equal(set, 1234);
}

static void names_are_taken_with_and_without_prefix_in_any_case(void **state)
{
	(void)state;
	assert_set("net_raw", 1ULL << CAP_NET_RAW);
	assert_set("CAP_NET_RAW", 1ULL << CAP_NET_RAW);
	assert_set("Cap_Net_Raw", 1ULL << CAP_NET_RAW);
	assert_set("checkpoint_restore", 1ULL << CAP_CHECKPOINT_RESTORE);
}

static void a_list_adds_up(void **state)
{
	(void)state;
	assert_set("net_raw,chown,net_raw", 1ULL << CAP_NET_RAW | 1ULL << CAP_CHOWN);
}

static void all_is_every_one_that_the_kernel_may_ever_have(void **state)
{
	(void)state;
	assert_set("all", UINT64_MAX);
	assert_set("chown,ALL", UINT64_MAX);
}

static void the_first_word_that_is_no_name_is_told(void **state)
{
	(void)state;
	assert_wrong("net_raww", "net_raww");
	assert_wrong("chown,frob,nix", "frob");
	assert_wrong("cap_", "cap_");
	assert_wrong("cap_cap_chown", "cap_cap_chown");
	assert_wrong("net_raw chown", "net_raw chown");
}

static void nothing_and_numbers_are_no_names(void **state)
{
	(void)state;
	assert_wrong("", "");
	assert_wrong("chown,", "");
	assert_wrong(",chown", "");
	assert_wrong("13", "13");
	assert_wrong("cap_13", "cap_13");
}

static void no_default_leads_around_the_fence(void **state)
{
	static const unsigned int never[] = {
		CAP_DAC_OVERRIDE,
		CAP_DAC_READ_SEARCH,
		CAP_SETPCAP,
		CAP_NET_ADMIN,
		CAP_NET_RAW,
		CAP_SYS_MODULE,
		CAP_SYS_RAWIO,
		CAP_SYS_PTRACE,
		CAP_SYS_ADMIN,
		CAP_SYS_BOOT,
		CAP_MKNOD,
		CAP_SETFCAP,
		CAP_PERFMON,
		CAP_BPF,
		CAP_CHECKPOINT_RESTORE,
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(never); i++)
		assert_false(capability_in(capability_defaults, never[i]));
	assert_true(capability_in(capability_defaults, CAP_SETUID));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_taken_with_and_without_prefix_in_any_case),
		cmocka_unit_test(a_list_adds_up),
		cmocka_unit_test(all_is_every_one_that_the_kernel_may_ever_have),
		cmocka_unit_test(the_first_word_that_is_no_name_is_told),
		cmocka_unit_test(nothing_and_numbers_are_no_names),
		cmocka_unit_test(no_default_leads_around_the_fence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
