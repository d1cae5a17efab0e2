/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A binary heap: what has the smallest key comes out first. Equal keys come out in any order. */
#ifndef CGFENCE_HEAP_H
#define CGFENCE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_item {
	uint64_t key;
	void *data;
};

/* All zero is an empty heap. */
struct heap {
	struct heap_item *items; /* owned; what `data` points to is not */
	size_t count;
	size_t capacity;
};

/* Makes room for `count` items in all, so that pushing them cannot fail: -ENOMEM. */
int heap_reserve(struct heap *heap, size_t count);
/* Only into room that was reserved. */
void heap_push(struct heap *heap, uint64_t key, void *data);
/* Not of an empty heap. */
struct heap_item heap_pop(struct heap *heap);
/*
 * Lets the item with this data come out by `key`, if that is sooner; false if it is not in there.
 * Looks at every item.
 */
bool heap_advance(struct heap *heap, uint64_t key, const void *data);
/* Lets every item come out by `key` at the latest. */
void heap_advance_all(struct heap *heap, uint64_t key);
/* Takes out every item whose data `goes`. */
void heap_remove_if(struct heap *heap, bool (*goes)(const void *data));
/* The item that heap_pop() would return, or NULL. */
const struct heap_item *heap_first(const struct heap *heap);
void heap_finish(struct heap *heap);

#endif
