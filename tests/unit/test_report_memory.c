// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How much memory a report takes, and what it does without. The modules are compiled once more, in
 * here and under other names, for their allocations to be counted and refused.
 */
#include <malloc.h>

#define report_init counted_report_init
#define report_finish counted_report_finish
#define report_add counted_report_add
#define report_flush counted_report_flush
#define report_due_ns counted_report_due_ns
#define report_decisions counted_report_decisions
#define probes_init counted_probes_init
#define probes_finish counted_probes_finish
#define probes_add counted_probes_add
#define probes_flush counted_probes_flush
#define probes_due_ns counted_probes_due_ns

#include "teller.h"

static struct allocator {
	size_t bytes;
	size_t bytes_max;
	uint64_t calls;
	uint64_t first_refused; /* counted from 1; 0: none */
	uint64_t last_refused;
} allocator;

static void *counted(void *pointer)
{
	allocator.bytes += malloc_usable_size(pointer);
	if (allocator.bytes_max < allocator.bytes)
		allocator.bytes_max = allocator.bytes;
	return pointer;
}

static bool is_refused(void)
{
	uint64_t call = ++allocator.calls;

	return call >= allocator.first_refused && call <= allocator.last_refused;
}

static void *counted_malloc(size_t size)
{
	return is_refused() ? NULL : counted(malloc(size));
}

static void *counted_calloc(size_t count, size_t size)
{
	return is_refused() ? NULL : counted(calloc(count, size));
}

static void counted_free(void *pointer)
{
	allocator.bytes -= malloc_usable_size(pointer);
	free(pointer);
}

#define malloc(size) counted_malloc(size)
#define calloc(count, size) counted_calloc(count, size)
#define free(pointer) counted_free(pointer)

#include "../../user/probes.c"
#include "../../user/report.c"

#undef malloc
#undef calloc
#undef free

#define FLOOD 1000000
#define FLOOD_BYTES_MAX (3 * 1024 * 1024)

static int memory_setup(void **state)
{
	struct teller *teller = calloc(1, sizeof(*teller));

	allocator = (struct allocator){ 0 };
	*state = teller;
	return teller ? 0 : -1;
}

static int memory_teardown(void **state)
{
	struct teller *teller = *state;

	report_finish(&teller->report);
	free(teller);
	/* What was not freed fails the test that took it. */
	return allocator.bytes == 0 ? 0 : -1;
}

#define MEMORY_TEST(test) cmocka_unit_test_setup_teardown(test, memory_setup, memory_teardown)

static void flood(struct teller *teller, struct cgf_decision decision)
{
	assert_int_equal(report_init(&teller->report, teller_tell, teller), 0);
	for (uint32_t i = 0; i < FLOOD; i++) {
		memcpy(decision.comm, &i, sizeof(i));
		memcpy(decision.address, &i, sizeof(i));
		decision.pid = i;
		decision.socket_cookie = i + 1;
		assert_int_equal(report_add(teller->report, &decision, NULL, START_NS + i), 0);
	}
	report_flush(teller->report, AT_MS(1000), true);
	assert_int_equal(teller->lines, FLOOD);
	assert_int_equal(report_decisions(teller->report), FLOOD);
	assert_int_equal(report_due_ns(teller->report), 0);
	assert_in_range(allocator.bytes_max, 1, FLOOD_BYTES_MAX);
}

static void a_flood_of_tcp_is_told_and_takes_little_memory(void **state)
{
	flood(*state, a_connect(IPPROTO_TCP, 0, 443));
}

static void a_flood_of_suspects_is_told_and_takes_little_memory(void **state)
{
	flood(*state, a_connect(IPPROTO_UDP, 0, 443));
}

static void a_flood_of_probes_is_not_told_and_takes_little_memory(void **state)
{
	struct teller *teller = *state;

	assert_int_equal(report_init(&teller->report, teller_tell, teller), 0);
	for (uint32_t i = 0; i < FLOOD; i++)
		add(teller, a_udp_connect(1 + i / 2, i), START_NS + i);
	report_flush(teller->report, AT_MS(1000), true);
	assert_int_equal(teller->lines, 0);
	assert_in_range(allocator.bytes_max, 1, FLOOD_BYTES_MAX);
}

static void a_flood_of_one_kind_is_told_now_and_then(void **state)
{
	struct teller *teller = *state;

	assert_int_equal(report_init(&teller->report, teller_tell, teller), 0);
	for (uint32_t i = 0; i < FLOOD; i++)
		add(teller, a_tcp_connect(1), AT_MS(i / 100));
	report_flush(teller->report, AT_MS(FLOOD / 100), true);
	/* After 0, 1, 3 and 7 seconds, and at the end. */
	assert_told(teller, 5, FLOOD);
	assert_in_range(allocator.bytes_max, 1, 16 * 1024);
}

/* 600 decisions of as many kinds: enough for each table to grow. */
static void add_many(struct teller *teller)
{
	for (uint32_t i = 0; i < 600; i++) {
		struct cgf_decision decision = i % 2 ? a_tcp_connect(i) : a_udp_connect(i + 1, i);
		uint64_t lines = teller->lines;
		int error;

		decision.pid = i;
		error = report_add(teller->report, &decision, NULL, AT_MS(i / 3));
		assert_true(error == 0 || (error == -ENOMEM && teller->lines > lines));
	}
	report_flush(teller->report, AT_MS(1000), true);
}

/* Whether anything was refused. */
static bool tells_all_without(uint64_t first_refused, uint64_t last_refused)
{
	struct teller teller = { 0 };
	int error;

	allocator = (struct allocator){ .first_refused = first_refused,
					.last_refused = last_refused };
	error = report_init(&teller.report, teller_tell, &teller);
	if (error) {
		assert_int_equal(error, -ENOMEM);
		assert_null(teller.report);
	} else {
		add_many(&teller);
		assert_int_equal(teller.lines, 600);
		assert_int_equal(report_decisions(teller.report), 600);
		report_finish(&teller.report);
	}
	assert_int_equal(allocator.bytes, 0);
	return allocator.calls >= first_refused;
}

static void whichever_allocation_is_refused_all_is_told(void **state)
{
	uint64_t call = 1;

	(void)state;
	while (tells_all_without(call, call))
		call++;
	assert_in_range(call, 1200, 10000);
}

static void without_any_memory_from_some_time_on_all_is_told(void **state)
{
	(void)state;
	for (uint64_t call = 1; tells_all_without(call, UINT64_MAX); call += 7)
		;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY_TEST(a_flood_of_tcp_is_told_and_takes_little_memory),
		MEMORY_TEST(a_flood_of_suspects_is_told_and_takes_little_memory),
		MEMORY_TEST(a_flood_of_probes_is_not_told_and_takes_little_memory),
		MEMORY_TEST(a_flood_of_one_kind_is_told_now_and_then),
		MEMORY_TEST(whichever_allocation_is_refused_all_is_told),
		MEMORY_TEST(without_any_memory_from_some_time_on_all_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
