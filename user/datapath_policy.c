// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "datapath_internal.h"

static uint32_t map_capacity(enum datapath_kind kind, uint32_t entries)
{
	switch (kind) {
	case KIND_ALLOW:
		return entries;
	case KIND_PREFIXES:
		return CGF_PREFIXES_MAX;
	case KIND_LISTENS:
		return CGF_LISTENS_MAX;
	case KIND_PEERS:
		return CGF_PEERS_MAX;
	case KIND_NAMES:
		return CGF_NAMES_MAX;
	case KIND_GRANTS:
		return CGF_GRANTS_MAX;
	case KIND_RESOLVERS:
		return CGF_RESOLVERS_AT_MAX;
	case KIND_COUNTERS:
		return 1;
	case KIND_DECISIONS:
		return CGF_DECISIONS_BYTES;
	case KIND_COUNT:
		break;
	}
	return 0;
}

/* A map of the shape's type, sizes, flags and BTF, so that bpftool names its fields. */
int datapath_map_create(const struct datapath *datapath, enum datapath_kind kind, uint32_t entries,
			int *ret_fd)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	int fd, r = bpf_obj_get_info_by_fd(datapath->shapes[kind], &info, &length);

	if (r)
		return r;
	options.map_flags = info.map_flags;
	if (info.btf_id && datapath->btf_fd >= 0) {
		options.btf_fd = (uint32_t)datapath->btf_fd;
		options.btf_key_type_id = info.btf_key_type_id;
		options.btf_value_type_id = info.btf_value_type_id;
	}
	fd = bpf_map_create(info.type, datapath_kind_names[kind], info.key_size, info.value_size,
			    map_capacity(kind, entries), &options);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

static int policy_make_maps(struct datapath_policy *policy, const struct datapath *datapath,
			    uint32_t entries)
{
	char path[PIN_PATH_BYTES];
	int i, r;

	for (i = 0; i < KIND_COUNT; i++) {
		r = datapath_map_create(datapath, i, entries, &policy->maps[i]);
		if (!r)
			r = pin_path(path, "%s/%s", policy->path, datapath_kind_names[i]);
		if (!r)
			r = bpf_obj_pin(policy->maps[i], path);
		if (r)
			return r;
	}
	return 0;
}

int datapath_map_capacity(int map_fd, uint32_t *ret_entries)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	int r = bpf_obj_get_info_by_fd(map_fd, &info, &length);

	if (!r)
		*ret_entries = info.max_entries;
	return r;
}

int datapath_policy_identify(struct datapath_policy *policy)
{
	int i, r = 0;

	for (i = 0; !r && i < KIND_COUNT; i++)
		r = datapath_map_id(policy->maps[i], &policy->ids[i]);
	return r;
}

int datapath_policy_open_pins(struct datapath_policy *policy, const char *directory)
{
	char path[PIN_PATH_BYTES];
	int i, r;

	ring_buffer__free(TAKE_PTR(policy->ring));
	for (i = 0; i < KIND_COUNT; i++) {
		close_fd(&policy->maps[i]);
		r = pin_path(path, "%s/%s", directory, datapath_kind_names[i]);
		if (!r)
			policy->maps[i] = bpf_obj_get(path);
		if (r || (policy->maps[i] < 0 && policy->maps[i] != -ENOENT))
			return r ? r : policy->maps[i];
	}
	return 0;
}

struct datapath_policy *datapath_policy_new(void)
{
	struct datapath_policy *policy = calloc(1, sizeof(*policy));

	if (policy) {
		memset(policy->maps, 0xff, sizeof(policy->maps));
		policy->slot = SLOT_NONE;
		policy->keeper = -1;
	}
	return policy;
}

static int policy_mkdir(const struct datapath_policy *policy)
{
	int r = pin_mkdir(POLICIES_ROOT);

	return r ? r : mkdir(policy->path, 0700) ? -errno : 0;
}

static int policy_fill(struct datapath_policy *policy, const struct datapath *datapath,
		       uint32_t entries)
{
	int r = policy_make_maps(policy, datapath, entries);

	if (!r)
		r = datapath_slot_find_free(datapath, &policy->slot);
	if (r)
		return r;
	r = datapath_policy_identify(policy);
	if (r)
		return r;
	datapath_slot_start(policy, datapath, true);
	return datapath_slot_wait(policy, datapath);
}

int datapath_policy_create(struct datapath *datapath, const char *name, uint32_t entries,
			   struct datapath_policy **ret_policy, struct failure *failure)
{
	_cleanup_(datapath_policy_close) struct datapath_policy *policy = datapath_policy_new();
	int r;

	if (!policy)
		return failure_set(failure, ENOMEM, "cannot make policy %s", name);
	r = pin_path(policy->path, POLICIES_ROOT "/%s", name);
	if (!r)
		r = policy_mkdir(policy);
	if (r)
		return failure_set(failure, -r, "cannot make %s/%s", POLICIES_ROOT, name);
	r = datapath_spare_take(datapath, policy, entries);
	if (r)
		r = policy_fill(policy, datapath, entries);
	if (r) {
		datapath_policy_destroy(datapath, &policy);
		failure_set(failure, -r, "cannot make the maps of policy %s (%u entries)", name,
			    entries);
		if (r == -ENOSPC)
			failure_hint(failure, "a host has at most %d policies in force",
				     CGF_POLICIES_MAX);
		if (r == -EPERM)
			failure_hint(failure, HINT_LOCKED_MEMORY);
		return r;
	}
	*ret_policy = TAKE_PTR(policy);
	return 0;
}

uint32_t datapath_policy_slot(const struct datapath_policy *policy)
{
	return policy->slot;
}

void datapath_policy_unpin(const struct datapath *datapath, struct datapath_policy *policy)
{
	if (policy->slot != SLOT_NONE)
		datapath_slot_start(policy, datapath, false);
	pin_remove_dir(policy->path);
}

void datapath_policy_destroy(struct datapath *datapath, struct datapath_policy **policy)
{
	if (!*policy)
		return;
	if ((*policy)->slot == SLOT_NONE || datapath_spare_give(datapath, *policy))
		datapath_policy_unpin(datapath, *policy);
	datapath_policy_close(policy);
}

void datapath_policy_close(struct datapath_policy **policy)
{
	int i;

	if (!*policy)
		return;
	datapath_slot_join(*policy);
	ring_buffer__free((*policy)->ring);
	close_fd(&(*policy)->keeper);
	for (i = 0; i < KIND_COUNT; i++)
		close_fd(&(*policy)->maps[i]);
	free(TAKE_PTR(*policy));
}

void datapath_policy_collect(struct datapath *datapath, const char *name)
{
	_cleanup_(datapath_policy_close) struct datapath_policy *policy = datapath_policy_new();
	char path[PIN_PATH_BYTES];
	int i;

	if (!policy || pin_path(policy->path, POLICIES_ROOT "/%s", name))
		return;
	/* Its maker may have died with some of the arrays written. */
	for (i = 0; policy->slot == SLOT_NONE && i < KIND_COUNT; i++) {
		if (pin_path(path, "%s/%s", policy->path, datapath_kind_names[i]))
			return;
		policy->maps[i] = bpf_obj_get(path);
		if (policy->maps[i] >= 0)
			policy->slot = datapath_slot_find(datapath, i, policy->maps[i]);
	}
	datapath_policy_unpin(datapath, policy);
}

int datapath_counters(struct datapath_policy *policy, struct cgf_counters *ret_counters)
{
	_cleanup_free_ struct cgf_counters *per_cpu = NULL;
	struct cgf_counters sum = {};
	int i, r, cpus = libbpf_num_possible_cpus();
	uint32_t zero = 0;

	if (cpus < 0)
		return cpus;
	per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	r = bpf_map_lookup_elem(policy->maps[KIND_COUNTERS], &zero, per_cpu);
	if (r)
		return r;
	for (i = 0; i < cpus; i++) {
		sum.allowed += per_cpu[i].allowed;
		sum.denied += per_cpu[i].denied;
		sum.audited += per_cpu[i].audited;
		sum.records_lost += per_cpu[i].records_lost;
		sum.learned += per_cpu[i].learned;
		sum.special += per_cpu[i].special;
		sum.unlearned += per_cpu[i].unlearned;
	}
	*ret_counters = sum;
	return 0;
}
