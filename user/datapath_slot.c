// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A policy's place in the arrays of maps. */
#include <errno.h>
#include <sched.h>

#include "datapath_internal.h"

/* Far beyond what a busy host needs to run four threads once. */
#define SLOT_WAIT_NS (10 * NSEC_PER_SEC)
/* Each but the last is one during which a cgroup was removed. */
#define SEARCHES_MAX 8

static void *slot_write_main(void *data)
{
	struct slot_write *write = data;

	if (write->map_fd < 0)
		write->result = bpf_map_delete_elem(write->array_fd, &write->slot);
	else
		write->result = bpf_map_update_elem(write->array_fd, &write->slot, &write->map_fd,
						    BPF_ANY);
	return NULL;
}

static void slot_write_start(struct slot_write *write)
{
	write->started = pthread_create(&write->thread, NULL, slot_write_main, write) == 0;
	if (!write->started)
		slot_write_main(write);
}

static void slot_write_join(struct slot_write *write)
{
	if (write->started)
		pthread_join(write->thread, NULL);
	write->started = false;
}

static void write_kind(struct datapath_policy *policy, const struct datapath *datapath,
		       enum datapath_kind kind, bool fill)
{
	struct slot_write *write = &policy->writes[kind];

	slot_write_join(write);
	*write = (struct slot_write){
		.array_fd = datapath->arrays[kind],
		.map_fd = fill ? policy->maps[kind] : -1,
		.result = SLOT_WRITING,
		.slot = policy->slot,
	};
	slot_write_start(write);
}

void datapath_slot_start(struct datapath_policy *policy, const struct datapath *datapath, bool fill)
{
	int i;

	for (i = 0; i < KIND_COUNT; i++)
		write_kind(policy, datapath, i, fill);
}

void datapath_slot_put(struct datapath_policy *policy, const struct datapath *datapath,
		       enum datapath_kind kind)
{
	write_kind(policy, datapath, kind, true);
}

void datapath_slot_join(struct datapath_policy *policy)
{
	int i;

	for (i = 0; i < KIND_COUNT; i++)
		slot_write_join(&policy->writes[i]);
}

int datapath_map_id(int map_fd, uint32_t *ret_id)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	int r = bpf_obj_get_info_by_fd(map_fd, &info, &length);

	if (!r)
		*ret_id = info.id;
	return r;
}

bool datapath_slot_holds(int array_fd, uint32_t slot, uint32_t wanted_id)
{
	uint32_t id;

	return !bpf_map_lookup_elem(array_fd, &slot, &id) && id == wanted_id;
}

/* Waits until every array shows the policy's map: what the programs will find. */
int datapath_slot_wait(struct datapath_policy *policy, const struct datapath *datapath)
{
	uint64_t deadline_ns = monotonic_ns() + SLOT_WAIT_NS;
	uint32_t id;
	int i, r;

	for (i = 0; i < KIND_COUNT; i++) {
		r = datapath_map_id(policy->maps[i], &id);
		if (r)
			return r;
		while (!datapath_slot_holds(datapath->arrays[i], policy->slot, id)) {
			r = policy->writes[i].result;
			if (r < 0)
				return r;
			if (monotonic_ns() > deadline_ns)
				return -ETIMEDOUT;
			sched_yield();
		}
	}
	return 0;
}

/* --- who refers to it ------------------------------------------------------------------------ */

struct search {
	uint64_t cgroup;
	bool found;
};

/* By any of its links: the first may be detached. */
static void search_fence(const char *name, void *data)
{
	struct search *search = data;
	char path[PIN_PATH_BYTES];
	uint64_t cgroup = 0;
	uint32_t program;
	int i;

	for (i = 0; !search->found && !cgroup && i < PROGRAM_COUNT; i++) {
		_cleanup_close_ int fd = -1;

		if (pin_path(path, LINKS_ROOT "/%s/%s", name, datapath_program_names[i]))
			return;
		fd = bpf_obj_get(path);
		if (fd >= 0)
			datapath_link_info(fd, &cgroup, &program);
	}
	search->found = search->found || cgroup == search->cgroup;
}

/* A target outlives its fence, as long as there is the cgroup. */
static bool is_fenced(uint64_t cgroup)
{
	struct search search = { .cgroup = cgroup };

	pin_each(LINKS_ROOT, search_fence, &search);
	return search.found;
}

static bool refers(const struct datapath *datapath, uint64_t cgroup, uint32_t slot)
{
	struct cgf_target target;

	return !bpf_map_lookup_elem(datapath->targets, &cgroup, &target) &&
	       target.policy == slot + 1 && is_fenced(cgroup);
}

/* 1: one refers to it; 0: none; -EAGAIN: a cgroup went meanwhile, and the kernel lost its place. */
static int search_targets(const struct datapath *datapath, uint32_t slot)
{
	uint64_t cgroup = 0, next;
	struct cgf_target target;
	int r = bpf_map_get_next_key(datapath->targets, NULL, &next);

	while (!r) {
		cgroup = next;
		if (refers(datapath, cgroup, slot))
			return 1;
		r = bpf_map_get_next_key(datapath->targets, &cgroup, &next);
	}
	if (r != -ENOENT)
		return r;
	return cgroup && bpf_map_lookup_elem(datapath->targets, &cgroup, &target) ? -EAGAIN : 0;
}

bool datapath_slot_is_referred(const struct datapath *datapath, uint32_t slot)
{
	int i, r = -EAGAIN;

	for (i = 0; r == -EAGAIN && i < SEARCHES_MAX; i++)
		r = search_targets(datapath, slot);
	/* If it cannot be known, it may be. */
	return r != 0;
}

/* --- which there is -------------------------------------------------------------------------- */

static bool is_empty(const struct datapath *datapath, uint32_t slot)
{
	uint32_t id;
	int i;

	for (i = 0; i < KIND_COUNT; i++)
		if (bpf_map_lookup_elem(datapath->arrays[i], &slot, &id) != -ENOENT)
			return false;
	return true;
}

/* A fence whose policy was removed denies, and must not find itself in another policy. */
int datapath_slot_find_free(const struct datapath *datapath, uint32_t *ret_slot)
{
	uint32_t slot;

	for (slot = 0; slot < CGF_POLICIES_MAX; slot++)
		if (is_empty(datapath, slot) && !datapath_slot_is_referred(datapath, slot)) {
			*ret_slot = slot;
			return 0;
		}
	return -ENOSPC;
}

static int map_of_maps(int inner_fd)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = (uint32_t)inner_fd);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "settle", sizeof(uint32_t),
			      sizeof(uint32_t), 1, &options);
}

/* The kernel waits so at every write to an array of maps, which need be no program's. */
int datapath_settle(void)
{
	_cleanup_close_ int inner_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "settle",
						      sizeof(uint32_t), sizeof(uint32_t), 1, NULL);
	_cleanup_close_ int fd = inner_fd < 0 ? inner_fd : map_of_maps(inner_fd);
	const uint32_t zero = 0;

	return fd < 0 ? fd : bpf_map_update_elem(fd, &zero, &inner_fd, BPF_ANY);
}

/* The slot that holds the pinned map, whoever put it there. */
uint32_t datapath_slot_find(const struct datapath *datapath, enum datapath_kind kind, int map_fd)
{
	uint32_t slot, id;

	if (datapath_map_id(map_fd, &id))
		return SLOT_NONE;
	for (slot = 0; slot < CGF_POLICIES_MAX; slot++)
		if (datapath_slot_holds(datapath->arrays[kind], slot, id))
			return slot;
	return SLOT_NONE;
}
