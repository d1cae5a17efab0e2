// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A policy's place in the arrays of maps. */
#include <errno.h>
#include <sched.h>

#include "datapath_internal.h"

/* Far beyond what a busy host needs to run four threads once. */
#define SLOT_WAIT_NS (10 * NSEC_PER_SEC)

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

void datapath_slot_start(struct datapath_policy *policy, const struct datapath *datapath, bool fill)
{
	int i;

	for (i = 0; i < KIND_COUNT; i++) {
		slot_write_join(&policy->writes[i]);
		policy->writes[i] = (struct slot_write){
			.array_fd = datapath->arrays[i],
			.map_fd = fill ? policy->maps[i] : -1,
			.result = SLOT_WRITING,
			.slot = policy->slot,
		};
		slot_write_start(&policy->writes[i]);
	}
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

int datapath_slot_find_free(const struct datapath *datapath, uint32_t *ret_slot)
{
	uint32_t slot, id;
	int i, r;

	for (slot = 0; slot < CGF_POLICIES_MAX; slot++) {
		for (i = 0, r = 0; !r && i < KIND_COUNT; i++)
			r = bpf_map_lookup_elem(datapath->arrays[i], &slot, &id) == -ENOENT ? 0 : 1;
		if (!r) {
			*ret_slot = slot;
			return 0;
		}
	}
	return -ENOSPC;
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
