// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "heap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define HEAP_CAPACITY_MIN 16

int heap_reserve(struct heap *heap, size_t count)
{
	size_t capacity = heap->capacity ? heap->capacity : HEAP_CAPACITY_MIN;
	struct heap_item *items;

	if (count <= heap->capacity)
		return 0;
	while (capacity < count)
		capacity *= 2;
	items = reallocarray(heap->items, capacity, sizeof(*items));
	if (!items)
		return -ENOMEM;
	heap->items = items;
	heap->capacity = capacity;
	return 0;
}

/* Puts the item into the hole, or further up. */
static void fill(struct heap *heap, size_t hole, uint64_t key, void *data)
{
	struct heap_item *items = heap->items;

	while (hole > 0 && key < items[(hole - 1) / 2].key) {
		items[hole] = items[(hole - 1) / 2];
		hole = (hole - 1) / 2;
	}
	items[hole] = (struct heap_item){ .key = key, .data = data };
}

void heap_push(struct heap *heap, uint64_t key, void *data)
{
	assert(heap->count < heap->capacity);
	fill(heap, heap->count++, key, data);
}

bool heap_advance(struct heap *heap, uint64_t key, const void *data)
{
	size_t i;

	for (i = 0; i < heap->count; i++) {
		if (heap->items[i].data != data)
			continue;
		if (key < heap->items[i].key)
			fill(heap, i, key, heap->items[i].data);
		return true;
	}
	return false;
}

/* What was in order stays so. */
void heap_advance_all(struct heap *heap, uint64_t key)
{
	size_t i;

	for (i = 0; i < heap->count; i++)
		if (key < heap->items[i].key)
			heap->items[i].key = key;
}

/* The child of `parent` that comes out sooner, or `count` if it has none. */
static size_t first_child(const struct heap_item *items, size_t count, size_t parent)
{
	size_t left = 2 * parent + 1;

	if (left >= count)
		return count;
	if (left + 1 < count && items[left + 1].key < items[left].key)
		return left + 1;
	return left;
}

/* Puts the item into the hole, or further down, where both that are below come out later. */
static void sink(struct heap *heap, size_t hole, struct heap_item item)
{
	struct heap_item *items = heap->items;
	size_t child = first_child(items, heap->count, hole);

	while (child < heap->count && items[child].key < item.key) {
		items[hole] = items[child];
		hole = child;
		child = first_child(items, heap->count, hole);
	}
	items[hole] = item;
}

struct heap_item heap_pop(struct heap *heap)
{
	struct heap_item first;

	assert(heap->count > 0);
	first = heap->items[0];
	heap->count--;
	if (heap->count)
		sink(heap, 0, heap->items[heap->count]);
	return first;
}

void heap_remove_if(struct heap *heap, bool (*goes)(const void *data))
{
	size_t i, kept = 0;

	for (i = 0; i < heap->count; i++)
		if (!goes(heap->items[i].data))
			heap->items[kept++] = heap->items[i];
	heap->count = kept;
	for (i = kept / 2; i-- > 0;)
		sink(heap, i, heap->items[i]);
}

const struct heap_item *heap_first(const struct heap *heap)
{
	return heap->count ? heap->items : NULL;
}

void heap_finish(struct heap *heap)
{
	free(heap->items);
	*heap = (struct heap){ 0 };
}
