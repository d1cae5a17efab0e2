// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "datapath_internal.h"

#define SPARE_ROOT DATAPATH_ROOT "/spare"
/* More than twice what is asked for is kept for a policy that needs it. */
#define FITS(room, entries) ((room) >= (entries) && (room) <= 2 * (entries))

/* Deletes all keys of a map; what was deleted is found by asking again for the first. */
static int map_empty(int map_fd, void *key)
{
	int r;

	while (!(r = bpf_map_get_next_key(map_fd, NULL, key))) {
		r = bpf_map_delete_elem(map_fd, key);
		if (r && r != -ENOENT)
			return r;
	}
	return r == -ENOENT ? 0 : r;
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

static int maps_empty(const struct datapath_policy *policy)
{
	struct cgf_prefix_key prefix;
	struct cgf_key key;
	int r = map_empty(policy->maps[KIND_ALLOW], &key);

	if (!r)
		r = map_empty(policy->maps[KIND_PREFIXES], &prefix);
	return r ? r : counters_clear(policy->maps[KIND_COUNTERS]);
}

static int map_capacity(int map_fd, uint32_t *ret_entries)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	int r = bpf_obj_get_info_by_fd(map_fd, &info, &length);

	if (!r)
		*ret_entries = info.max_entries;
	return r;
}

static int open_maps(struct datapath_policy *policy, const char *directory)
{
	char path[PIN_PATH_BYTES];
	int i, r;

	for (i = 0; i < KIND_COUNT; i++) {
		close_fd(&policy->maps[i]);
		r = pin_path(path, "%s/%s", directory, datapath_kind_names[i]);
		if (r)
			return r;
		policy->maps[i] = bpf_obj_get(path);
		if (policy->maps[i] < 0)
			return policy->maps[i];
	}
	return 0;
}

/* Is this whole: in the slot that its name says, in every array? */
static int check_slot(const struct datapath *datapath, const struct datapath_policy *policy,
		      uint32_t slot)
{
	uint32_t id;
	int i, r;

	for (i = 0; i < KIND_COUNT; i++) {
		r = datapath_map_id(policy->maps[i], &id);
		if (r)
			return r;
		if (!datapath_slot_holds(datapath->arrays[i], slot, id))
			return -ESTALE;
	}
	return 0;
}

/* Emptied when it was given, and emptied again: what a fence starts with must be nothing. */
static int try_spare(const struct datapath *datapath, struct datapath_policy *policy,
		     const char *name, uint32_t entries)
{
	uint32_t room, slot = (uint32_t)strtoul(name, NULL, 10);
	char path[PIN_PATH_BYTES];
	int r = pin_path(path, SPARE_ROOT "/%s", name);

	if (!r)
		r = open_maps(policy, path);
	if (!r)
		r = map_capacity(policy->maps[KIND_ALLOW], &room);
	if (!r)
		r = FITS(room, entries) ? check_slot(datapath, policy, slot) : -ENOSPC;
	if (!r)
		r = maps_empty(policy);
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

int datapath_spare_take(const struct datapath *datapath, struct datapath_policy *policy,
			uint32_t entries)
{
	_cleanup_closedir_ DIR *dir = opendir(SPARE_ROOT);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !try_spare(datapath, policy, entry->d_name, entries))
			return 0;
	close_maps(policy);
	return -ENOENT;
}

static int count_spares(void)
{
	_cleanup_closedir_ DIR *dir = opendir(SPARE_ROOT);
	const struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	return count;
}

int datapath_spare_give(struct datapath_policy *policy)
{
	char path[PIN_PATH_BYTES];
	uint32_t room;
	int r = map_capacity(policy->maps[KIND_ALLOW], &room);

	if (r)
		return r;
	if (room > SPARE_ENTRIES_MAX || count_spares() >= SPARES_MAX)
		return -ENOSPC;
	r = maps_empty(policy);
	if (!r)
		r = pin_mkdir(SPARE_ROOT);
	if (!r)
		r = pin_path(path, SPARE_ROOT "/%u", policy->slot);
	if (r)
		return r;
	return rename(policy->path, path) ? -errno : 0;
}

void datapath_spare_forget(void)
{
	_cleanup_closedir_ DIR *dir = opendir(SPARE_ROOT);
	const struct dirent *entry;
	char path[PIN_PATH_BYTES];

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !pin_path(path, SPARE_ROOT "/%s", entry->d_name))
			pin_remove_dir(path);
}
