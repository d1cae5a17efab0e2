// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The entries of `allow`, which the programs write too. */
#include <errno.h>
#include <string.h>

#include "datapath_internal.h"

/* A system call for so many; more than any bucket of the hash table has. */
#define BATCH 256
/* What the kernel says of operations that a map has not, which <errno.h> does not have. */
#define KERNEL_ENOTSUPP 524

/* A full hash table says E2BIG. */
static int no_room(int error)
{
	return error == -E2BIG ? -ENOSPC : error;
}

int datapath_allow_write(struct datapath_policy *policy, const struct cgf_key *keys,
			 const struct cgf_entry *entries, size_t count, size_t *ret_written)
{
	uint32_t done = (uint32_t)count;
	int r = 0;

	if (count)
		r = bpf_map_update_batch(policy->maps[KIND_ALLOW], keys, entries, &done, NULL);
	*ret_written = done;
	return no_room(r);
}

int datapath_allow_delete(struct datapath_policy *policy, const struct cgf_key *keys, size_t count)
{
	size_t i;
	int r;

	for (i = 0; i < count; i++) {
		r = bpf_map_delete_elem(policy->maps[KIND_ALLOW], &keys[i]);
		if (r && r != -ENOENT)
			return r;
	}
	return 0;
}

int datapath_allow_read(const struct datapath_policy *policy, const struct cgf_key *key,
			struct cgf_entry *ret_entry)
{
	return bpf_map_lookup_elem(policy->maps[KIND_ALLOW], key, ret_entry);
}

static int read_and_delete(struct datapath_policy *policy, const struct cgf_key *key,
			   struct cgf_entry *ret_entry)
{
	int r = datapath_allow_read(policy, key, ret_entry);

	return r ? r : datapath_allow_delete(policy, key, 1);
}

int datapath_allow_take(struct datapath_policy *policy, const struct cgf_key *key,
			struct cgf_entry *ret_entry)
{
	int r = bpf_map_lookup_and_delete_elem(policy->maps[KIND_ALLOW], key, ret_entry);

	/* Hash tables have it since 5.14. */
	if (r == -KERNEL_ENOTSUPP || r == -EOPNOTSUPP || r == -EINVAL)
		return read_and_delete(policy, key, ret_entry);
	return r;
}

int datapath_allow_add(struct datapath_policy *policy, const struct cgf_key *key,
		       const struct cgf_entry *entry)
{
	return no_room(bpf_map_update_elem(policy->maps[KIND_ALLOW], key, entry, BPF_NOEXIST));
}

struct batch {
	struct cgf_key keys[BATCH];
	struct cgf_entry entries[BATCH];
	uint32_t count;
	uint32_t place; /* where the kernel goes on: a bucket */
};

static int call_each(const struct batch *batch, datapath_entry_fn call, void *data)
{
	uint32_t i;
	int r = 0;

	for (i = 0; !r && i < batch->count; i++)
		r = call(&batch->keys[i], &batch->entries[i], data);
	return r;
}

int datapath_allow_walk(int fd, datapath_entry_fn call, void *data)
{
	int r, last;
	struct batch batch = { .count = 0 };
	void *from = NULL;

	do {
		batch.count = BATCH;
		last = bpf_map_lookup_batch(fd, from, &batch.place, batch.keys, batch.entries,
					    &batch.count, NULL);
		if (last && last != -ENOENT)
			return last;
		from = &batch.place;
		r = call_each(&batch, call, data);
	} while (!r && !last);
	return r;
}

int datapath_allow_each(const struct datapath_policy *policy, datapath_entry_fn call, void *data)
{
	return datapath_allow_walk(policy->maps[KIND_ALLOW], call, data);
}

uint32_t datapath_policy_capacity(const struct datapath_policy *policy)
{
	uint32_t entries;

	return datapath_map_capacity(policy->maps[KIND_ALLOW], &entries) ? 0 : entries;
}
