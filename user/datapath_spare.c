// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "datapath_internal.h"

/* A map far larger than what is asked for is kept for a policy that needs it. */
#define FITS(room, entries) ((room) >= (entries) && (room) / 16 <= (entries))
/* Each round but the last removes something. */
#define ROUNDS_MAX 8

/* The next key is asked for before the one at hand goes: a map has no order to resume from. */
static int delete_all(int map_fd, void *key, void *next, size_t key_bytes)
{
	int r = bpf_map_get_next_key(map_fd, NULL, key), more;

	while (!r) {
		more = bpf_map_get_next_key(map_fd, key, next);
		r = bpf_map_delete_elem(map_fd, key);
		if (r && r != -ENOENT)
			return r;
		memcpy(key, next, key_bytes);
		r = more;
	}
	return r == -ENOENT ? 0 : r;
}

static int map_empty(int map_fd, void *key, void *next, size_t key_bytes)
{
	int i, r = 0;

	for (i = 0; !r && i < ROUNDS_MAX; i++) {
		r = bpf_map_get_next_key(map_fd, NULL, key);
		if (r == -ENOENT)
			return 0;
		if (!r)
			r = delete_all(map_fd, key, next, key_bytes);
	}
	return r ? r : -EBUSY;
}

static int counters_clear(int map_fd)
{
	_cleanup_free_ struct cgf_counters *per_cpu = NULL;
	int cpus = libbpf_num_possible_cpus();
	uint32_t zero = 0;

	if (cpus < 0)
		return cpus;
	per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	return per_cpu ? bpf_map_update_elem(map_fd, &zero, per_cpu, BPF_ANY) : -ENOMEM;
}

/* Nobody but cgfence writes a grant; to see that there is none takes as long as all the others. */
static int maps_empty(const struct datapath_policy *policy, bool with_grants)
{
	static const struct {
		enum datapath_kind kind;
		size_t key_bytes;
	} maps[] = {
		{ KIND_ALLOW, sizeof(struct cgf_key) },
		{ KIND_PREFIXES, sizeof(struct cgf_prefix_key) },
		{ KIND_LISTENS, sizeof(struct cgf_listen_key) },
		{ KIND_PEERS, sizeof(struct cgf_peer_key) },
		{ KIND_NAMES, sizeof(struct cgf_name_key) },
		{ KIND_GRANTS, sizeof(__u32) },
		{ KIND_RESOLVERS, sizeof(struct cgf_resolver_key) },
	};
	union {
		struct cgf_key allow;
		struct cgf_prefix_key prefix;
		struct cgf_listen_key listen;
		struct cgf_peer_key peer;
		struct cgf_name_key name;
		struct cgf_resolver_key resolver;
		__u32 grant;
	} key, next;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < ARRAY_SIZE(maps); i++)
		if (with_grants || maps[i].kind != KIND_GRANTS)
			r = map_empty(policy->maps[maps[i].kind], &key, &next, maps[i].key_bytes);
	return r ? r : counters_clear(policy->maps[KIND_COUNTERS]);
}

static int open_maps(struct datapath_policy *policy, const char *directory)
{
	int i, r = datapath_policy_open_pins(policy, directory);

	for (i = 0; !r && i < KIND_COUNT; i++)
		r = policy->maps[i] < 0 ? -ENOENT : 0;
	return r ? r : datapath_policy_identify(policy);
}

/* Is this whole: in the slot that its name says, in every array? */
static int check_slot(const struct datapath *datapath, const struct datapath_policy *policy,
		      uint32_t slot)
{
	int i;

	for (i = 0; i < KIND_COUNT; i++)
		if (!datapath_slot_holds(datapath->arrays[i], slot, policy->ids[i]))
			return -ESTALE;
	return 0;
}

static int spare_path(char ret_path[static PIN_PATH_BYTES], const char *name)
{
	return pin_path(ret_path, "%s/spare/%s", datapath_contract_path, name);
}

/*
 * Emptied when it was given, and, of what the kernel writes or decides by, emptied again: what a
 * fence starts with must be nothing. A grant that no name has is nothing.
 */
static int try_spare(const struct datapath *datapath, struct datapath_policy *policy,
		     const char *name, uint32_t entries)
{
	uint32_t room, slot = (uint32_t)strtoul(name, NULL, 10);
	char path[PIN_PATH_BYTES];
	int r = spare_path(path, name);

	if (!r)
		r = open_maps(policy, path);
	if (!r)
		r = datapath_map_capacity(policy->maps[KIND_ALLOW], &room);
	if (!r)
		r = FITS(room, entries) ? check_slot(datapath, policy, slot) : -ENOSPC;
	/* Of maps that are pinned no more: nobody will ever take it. */
	if (r == -ESTALE)
		pin_remove_dir(path);
	if (!r)
		r = maps_empty(policy, false);
	if (!r)
		r = datapath_decisions_skip(policy);
	if (r)
		return r;
	/* Replaces the empty directory that keeps the policy's name. */
	if (rename(path, policy->path))
		return -errno;
	policy->slot = slot;
	return 0;
}

static void close_maps(struct datapath_policy *policy)
{
	int i;

	for (i = 0; i < KIND_COUNT; i++)
		close_fd(&policy->maps[i]);
}

static DIR *spare_open(void)
{
	char path[PIN_PATH_BYTES];

	return spare_path(path, "") ? NULL : opendir(path);
}

int datapath_spare_take(const struct datapath *datapath, struct datapath_policy *policy,
			uint32_t entries)
{
	_cleanup_closedir_ DIR *dir = spare_open();
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !try_spare(datapath, policy, entry->d_name, entries))
			return 0;
	close_maps(policy);
	return -ENOENT;
}

/* How many there are, and the smallest of them. */
static int find_smallest(char ret_name[static CGF_COMM_BYTES], uint32_t *ret_room)
{
	_cleanup_closedir_ DIR *dir = spare_open();
	const struct dirent *entry;
	char path[PIN_PATH_BYTES];
	uint32_t room;
	int count = 0;

	*ret_room = UINT32_MAX;
	while (dir && (entry = readdir(dir))) {
		_cleanup_close_ int fd = -1;

		if (entry->d_name[0] == '.' ||
		    pin_path(path, "%s/spare/%s/allow", datapath_contract_path, entry->d_name))
			continue;
		count++;
		fd = bpf_obj_get(path);
		if (fd < 0 || datapath_map_capacity(fd, &room) || room >= *ret_room)
			continue;
		*ret_room = room;
		snprintf(ret_name, CGF_COMM_BYTES, "%.15s", entry->d_name);
	}
	return count;
}

static void drop(const struct datapath *datapath, const char *name)
{
	_cleanup_(datapath_policy_close) struct datapath_policy *spare = datapath_policy_new();

	if (!spare || spare_path(spare->path, name))
		return;
	spare->slot = (uint32_t)strtoul(name, NULL, 10);
	if (open_maps(spare, spare->path) || check_slot(datapath, spare, spare->slot))
		spare->slot = SLOT_NONE;
	datapath_policy_unpin(datapath, spare);
}

/* A larger one takes the place of the smallest: it fits whatever that fits, up to a point. */
static int make_room(const struct datapath *datapath, uint32_t room)
{
	char name[CGF_COMM_BYTES];
	uint32_t smallest;

	if (find_smallest(name, &smallest) < SPARES_MAX)
		return 0;
	if (smallest >= room)
		return -ENOSPC;
	drop(datapath, name);
	return 0;
}

int datapath_spare_give(const struct datapath *datapath, struct datapath_policy *policy)
{
	char path[PIN_PATH_BYTES], slot[CGF_COMM_BYTES];
	uint32_t room;
	int r = datapath_map_capacity(policy->maps[KIND_ALLOW], &room);

	snprintf(slot, sizeof(slot), "%u", policy->slot);
	if (!r && datapath_slot_is_referred(datapath, policy->slot))
		r = -EBUSY;
	if (!r)
		r = room > SPARE_ENTRIES_MAX ? -ENOSPC : check_slot(datapath, policy, policy->slot);
	if (!r)
		r = maps_empty(policy, true);
	if (!r)
		r = make_room(datapath, room);
	if (!r)
		r = spare_path(path, "");
	if (!r)
		r = pin_mkdir(path);
	if (!r)
		r = spare_path(path, slot);
	if (r)
		return r;
	return rename(policy->path, path) ? -errno : 0;
}
