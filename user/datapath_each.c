// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* All that a map of a policy holds. */
#include <errno.h>
#include <string.h>

#include "datapath_internal.h"

/* A system call for so many; more than any bucket of a hash table has. */
#define BATCH 256
/* What the kernel says of operations that a map has not, which <errno.h> does not have. */
#define KERNEL_ENOTSUPP 524

struct walk {
	int fd;
	size_t key_bytes, value_bytes;
	int (*call)(const void *key, const void *value, const struct walk *walk);
	void (*function)(void); /* the caller's, and its data */
	void *data;
};

/* Where the kernel goes on: a bucket of a hash table, a key of a trie. */
union place {
	uint32_t bucket;
	struct cgf_name_key key;
};

static int call_each(const struct walk *walk, const uint8_t *keys, const uint8_t *values,
		     uint32_t count)
{
	uint32_t i;
	int r = 0;

	for (i = 0; !r && i < count; i++)
		r = walk->call(keys + i * walk->key_bytes, values + i * walk->value_bytes, walk);
	return r;
}

/* Tries have it since Linux 5.13. */
static bool has_no_batches(int error)
{
	return error == -KERNEL_ENOTSUPP || error == -EOPNOTSUPP || error == -EINVAL;
}

static int walk_one_by_one(const struct walk *walk)
{
	struct cgf_name_key key = {}; /* the largest there is */
	struct cgf_grant value = {};
	int r = bpf_map_get_next_key(walk->fd, NULL, &key), called = 0;

	while (!r && !called) {
		r = bpf_map_lookup_elem(walk->fd, &key, &value);
		if (!r)
			called = walk->call(&key, &value, walk);
		if (!r || r == -ENOENT)
			r = bpf_map_get_next_key(walk->fd, &key, &key);
	}
	return called ? called : r == -ENOENT ? 0 : r;
}

static int walk_all(const struct walk *walk)
{
	/* Zeroed for valgrind, which does not know what the kernel fills. */
	_cleanup_free_ uint8_t *keys = calloc(BATCH, walk->key_bytes);
	_cleanup_free_ uint8_t *values = calloc(BATCH, walk->value_bytes);
	union place place = {}, *from = NULL;
	uint32_t count;
	int r, last;

	if (!keys || !values)
		return -ENOMEM;
	do {
		count = BATCH;
		last = bpf_map_lookup_batch(walk->fd, from, &place, keys, values, &count, NULL);
		if (!from && has_no_batches(last))
			return walk_one_by_one(walk);
		if (last && last != -ENOENT)
			return last;
		from = &place;
		r = call_each(walk, keys, values, count);
	} while (!r && !last);
	return r;
}

static int call_prefix(const void *key, const void *value, const struct walk *walk)
{
	return ((datapath_prefix_fn)walk->function)(key, value, walk->data);
}

int datapath_prefix_each(const struct datapath_policy *policy, datapath_prefix_fn prefix,
			 void *data)
{
	const struct walk walk = { policy->maps[KIND_PREFIXES], sizeof(struct cgf_prefix_key),
				   sizeof(struct cgf_prefix),	call_prefix,
				   (void (*)(void))prefix,	data };

	return walk_all(&walk);
}

static int call_listen(const void *key, const void *value, const struct walk *walk)
{
	return ((datapath_listen_fn)walk->function)(key, value, walk->data);
}

int datapath_listen_each(const struct datapath_policy *policy, datapath_listen_fn listen,
			 void *data)
{
	const struct walk walk = { policy->maps[KIND_LISTENS], sizeof(struct cgf_listen_key),
				   sizeof(struct cgf_listen),  call_listen,
				   (void (*)(void))listen,     data };

	return walk_all(&walk);
}

static int call_name(const void *key, const void *value, const struct walk *walk)
{
	return ((datapath_question_fn)walk->function)(key, value, walk->data);
}

int datapath_question_each(const struct datapath_policy *policy, datapath_question_fn name,
			   void *data)
{
	const struct walk walk = { policy->maps[KIND_NAMES], sizeof(struct cgf_name_key),
				   sizeof(struct cgf_name),  call_name,
				   (void (*)(void))name,     data };

	return walk_all(&walk);
}

static int call_grant(const void *key, const void *value, const struct walk *walk)
{
	uint32_t number;

	memcpy(&number, key, sizeof(number));
	return ((datapath_grant_fn)walk->function)(number, value, walk->data);
}

int datapath_grant_each(const struct datapath_policy *policy, datapath_grant_fn grant, void *data)
{
	const struct walk walk = { policy->maps[KIND_GRANTS], sizeof(uint32_t),
				   sizeof(struct cgf_grant),  call_grant,
				   (void (*)(void))grant,     data };

	return walk_all(&walk);
}
