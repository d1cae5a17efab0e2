// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A policy as this process has it, and what the kernel has of it, made the same again. */
#include <errno.h>

#include "datapath_internal.h"

struct mending {
	struct datapath *datapath;
	struct datapath_policy *policy;
	datapath_problem_fn told;
	void *data;
};

static void tell(const struct mending *mending, enum standing_fault fault, const char *of)
{
	const struct standing_problem problem = { fault, of };

	mending->told(&problem, mending->data);
}

static bool has_keeper(const struct datapath *datapath, const struct datapath_policy *policy)
{
	uint64_t cookie;

	return policy->keeper < 0 ||
	       !bpf_map_lookup_elem(datapath->keepers, &policy->slot, &cookie);
}

/* Ten system calls. */
static bool is_right(const struct datapath *datapath, const struct datapath_policy *policy)
{
	int i;

	for (i = 0; i < KIND_COUNT; i++)
		if (!datapath_slot_holds(datapath->arrays[i], policy->slot, policy->ids[i]))
			return false;
	return has_keeper(datapath, policy) && pin_unchanged(policy->path, &policy->stamp);
}

static void mend_place(const struct mending *mending, enum datapath_kind kind)
{
	struct datapath_policy *policy = mending->policy;
	int array_fd = mending->datapath->arrays[kind];
	uint32_t id;
	bool empty = bpf_map_lookup_elem(array_fd, &policy->slot, &id) != 0;

	if (!empty && id == policy->ids[kind])
		return;
	tell(mending, empty ? STANDING_SLOT_EMPTY : STANDING_SLOT_FOREIGN,
	     datapath_kind_names[kind]);
	datapath_slot_put(policy, mending->datapath, kind);
}

static int mend_slot(const struct mending *mending)
{
	int i;

	for (i = 0; i < KIND_COUNT; i++)
		mend_place(mending, i);
	return datapath_slot_wait(mending->policy, mending->datapath);
}

static int mend_pin(const struct mending *mending, enum datapath_kind kind)
{
	const struct datapath_policy *policy = mending->policy;
	char path[PIN_PATH_BYTES];
	int r = pin_path(path, "%s/%s", policy->path, datapath_kind_names[kind]);

	if (!r)
		r = pin_check(path, policy->ids[kind]);
	if (!r)
		return 0;
	tell(mending, r == -ENOENT ? STANDING_PIN_REMOVED : STANDING_PIN_FOREIGN,
	     datapath_kind_names[kind]);
	return pin_put(policy->maps[kind], path);
}

static int mend_pins(const struct mending *mending)
{
	struct datapath_policy *policy = mending->policy;
	struct pin_stamp stamp;
	int i, r = pin_mkdir(DATAPATH_ROOT);

	if (!r)
		r = pin_mkdir(POLICIES_ROOT);
	if (!r)
		r = pin_mkdir(policy->path);
	/* Before they are looked at: what changes then is seen the next time. */
	if (!r)
		r = pin_stamp(policy->path, &stamp);
	for (i = 0; !r && i < KIND_COUNT; i++)
		r = mend_pin(mending, i);
	if (!r)
		policy->stamp = stamp;
	return r;
}

static int mend_keeper(const struct mending *mending)
{
	if (has_keeper(mending->datapath, mending->policy))
		return 0;
	tell(mending, STANDING_ENTRY_MISSING, "keepers");
	return datapath_keep(mending->datapath, mending->policy);
}

int datapath_policy_mend(struct datapath *datapath, struct datapath_policy *policy,
			 datapath_problem_fn mended, void *data)
{
	const struct mending mending = { datapath, policy, mended, data };
	int r, slot, pins;

	if (is_right(datapath, policy))
		return 0;
	r = datapath_lock(datapath, false, NULL);
	if (r)
		return r;
	slot = mend_slot(&mending);
	pins = mend_pins(&mending);
	r = mend_keeper(&mending);
	datapath_unlock(datapath);
	return slot ? slot : pins ? pins : r;
}
