// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "heap.h"

#define MANY 5000

static void an_empty_heap_has_no_first(void **state)
{
	struct heap heap = { 0 };

	(void)state;
	assert_null(heap_first(&heap));
	heap_finish(&heap);
	heap_finish(&heap);
}

static void items_come_out_by_key(void **state)
{
	struct heap heap = { 0 };
	uint64_t before = 0;

	(void)state;
	srandom(1);
	assert_int_equal(heap_reserve(&heap, MANY), 0);
	for (uint64_t i = 0; i < MANY; i++)
		heap_push(&heap, (uint64_t)random() % (MANY / 4), NULL);
	for (uint64_t i = 0; i < MANY; i++) {
		uint64_t first = heap_first(&heap)->key;

		assert_true(first >= before);
		assert_int_equal(heap_pop(&heap).key, first);
		before = first;
	}
	assert_null(heap_first(&heap));
	heap_finish(&heap);
}

static void an_item_brings_its_data(void **state)
{
	struct heap heap = { 0 };
	int late, soon;

	(void)state;
	assert_int_equal(heap_reserve(&heap, 2), 0);
	heap_push(&heap, UINT64_MAX, &late);
	heap_push(&heap, 0, &soon);
	assert_ptr_equal(heap_pop(&heap).data, &soon);
	assert_ptr_equal(heap_pop(&heap).data, &late);
	heap_finish(&heap);
}

static void items_pushed_in_between_take_their_place(void **state)
{
	struct heap heap = { 0 };
	uint64_t due = 0;

	(void)state;
	srandom(2);
	assert_int_equal(heap_reserve(&heap, 100), 0);
	for (uint64_t i = 0; i < 100; i++)
		heap_push(&heap, (uint64_t)random() % 100, NULL);
	for (unsigned int i = 0; i < MANY; i++) {
		assert_true(heap_first(&heap)->key >= due);
		due = heap_pop(&heap).key;
		heap_push(&heap, due + (uint64_t)random() % 100, NULL);
	}
	assert_int_equal(heap.count, 100);
	heap_finish(&heap);
}

static void an_item_can_be_advanced_and_not_put_off(void **state)
{
	static char items[100];
	struct heap heap = { 0 };

	(void)state;
	srandom(3);
	assert_int_equal(heap_reserve(&heap, 100), 0);
	for (uint64_t i = 0; i < 100; i++)
		heap_push(&heap, 1000 + (uint64_t)random() % 100, &items[i]);
	for (uint64_t i = 0; i < 100; i++) {
		assert_true(heap_advance(&heap, i, &items[i]));
		assert_true(heap_advance(&heap, 5000, &items[i]));
	}
	for (uint64_t i = 0; i < 100; i++) {
		assert_int_equal(heap_first(&heap)->key, i);
		assert_ptr_equal(heap_pop(&heap).data, &items[i]);
	}
	assert_false(heap_advance(&heap, 0, &items[0]));
	heap_finish(&heap);
}

static void all_items_can_be_advanced(void **state)
{
	struct heap heap = { 0 };

	(void)state;
	srandom(4);
	assert_int_equal(heap_reserve(&heap, 200), 0);
	for (uint64_t i = 0; i < 200; i++)
		heap_push(&heap, i < 100 ? 1000 + (uint64_t)random() % 100 : i % 50, NULL);
	heap_advance_all(&heap, 50);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(heap_pop(&heap).key, i / 2);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(heap_pop(&heap).key, 50);
	heap_finish(&heap);
}

static void room_grows_and_keeps_the_items(void **state)
{
	struct heap heap = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		assert_int_equal(heap_reserve(&heap, i + 1), 0);
		heap_push(&heap, 1000 - i, NULL);
	}
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(heap_pop(&heap).key, i + 1);
	heap_finish(&heap);
}

static bool is_odd(const void *data)
{
	return *(const uint64_t *)data % 2;
}

static void items_that_go_leave_the_others_in_order(void **state)
{
	uint64_t numbers[1000], i;
	struct heap heap = {};

	(void)state;
	assert_int_equal(heap_reserve(&heap, 1000), 0);
	for (i = 0; i < 1000; i++) {
		numbers[i] = (i * 7919) % 1000;
		heap_push(&heap, numbers[i], &numbers[i]);
	}
	heap_remove_if(&heap, is_odd);
	assert_int_equal(heap.count, 500);
	for (i = 0; i < 1000; i += 2)
		assert_int_equal(heap_pop(&heap).key, i);
	heap_remove_if(&heap, is_odd);
	assert_null(heap_first(&heap));
	heap_finish(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_heap_has_no_first),
		cmocka_unit_test(items_come_out_by_key),
		cmocka_unit_test(an_item_brings_its_data),
		cmocka_unit_test(items_pushed_in_between_take_their_place),
		cmocka_unit_test(an_item_can_be_advanced_and_not_put_off),
		cmocka_unit_test(all_items_can_be_advanced),
		cmocka_unit_test(room_grows_and_keeps_the_items),
		cmocka_unit_test(items_that_go_leave_the_others_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
