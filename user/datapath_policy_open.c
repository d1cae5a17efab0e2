// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Policies that are pinned, made by another process: opened, and made whole where their maker died
 * in the middle, or somebody has removed a part.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "datapath_internal.h"

/* Of a policy whose `allow` is lost. */
#define ENTRIES_ANEW 16384

static int name_path(const struct datapath_policy *policy, const char *name,
		     char ret_path[static PIN_PATH_BYTES])
{
	return pin_path(ret_path, "%s/%s", policy->path, name);
}

static int kind_path(const struct datapath_policy *policy, enum datapath_kind kind,
		     char ret_path[static PIN_PATH_BYTES])
{
	return name_path(policy, datapath_kind_names[kind], ret_path);
}

/* By `allow`, or whichever comes first that is in a slot. */
static uint32_t find_slot(const struct datapath *datapath, const struct datapath_policy *policy)
{
	uint32_t slot = SLOT_NONE;
	int i;

	for (i = 0; slot == SLOT_NONE && i < KIND_COUNT; i++)
		if (policy->maps[i] >= 0)
			slot = datapath_slot_find(datapath, i, policy->maps[i]);
	return slot;
}

/* --- a growth whose maker died --------------------------------------------------------------- */

/* The larger map decides already if it is in a slot. */
static int end_growth(const struct datapath *datapath, int larger_fd, const char *growing,
		      const char *path)
{
	_cleanup_close_ int old_fd = -1;
	int r = 0;

	if (datapath_slot_find(datapath, KIND_ALLOW, larger_fd) == SLOT_NONE)
		return unlink(growing) ? -errno : 0;
	old_fd = bpf_obj_get(path);
	if (old_fd >= 0)
		r = datapath_allow_carry(larger_fd, old_fd, 0);
	if (!r && rename(growing, path))
		r = -errno;
	return r;
}

static int find_growth(const struct datapath *datapath, const struct datapath_policy *policy)
{
	_cleanup_close_ int larger_fd = -1;
	char growing[PIN_PATH_BYTES], path[PIN_PATH_BYTES];
	int r = name_path(policy, DATAPATH_GROWING, growing);

	if (!r)
		r = kind_path(policy, KIND_ALLOW, path);
	if (r)
		return r;
	larger_fd = bpf_obj_get(growing);
	if (larger_fd < 0)
		return larger_fd == -ENOENT ? 0 : larger_fd;
	return end_growth(datapath, larger_fd, growing, path);
}

/* --- what is missing ------------------------------------------------------------------------- */

/* Another policy's map, pinned here by somebody, must not decide here. */
static bool is_others(const struct datapath *datapath, const struct datapath_policy *policy,
		      enum datapath_kind kind)
{
	uint32_t slot = datapath_slot_find(datapath, kind, policy->maps[kind]);

	return slot != SLOT_NONE && slot != policy->slot;
}

static bool has_shape(const struct datapath *datapath, const struct datapath_policy *policy,
		      enum datapath_kind kind)
{
	struct bpf_map_info map = {}, shape = {};
	uint32_t length = sizeof(map), shape_length = sizeof(shape);

	return !bpf_obj_get_info_by_fd(policy->maps[kind], &map, &length) &&
	       !bpf_obj_get_info_by_fd(datapath->shapes[kind], &shape, &shape_length) &&
	       map.type == shape.type && map.key_size == shape.key_size &&
	       map.value_size == shape.value_size;
}

/* Not pinned, but in force: it is pinned again. -ENOENT if it is lost. */
static int recover(const struct datapath *datapath, struct datapath_policy *policy,
		   enum datapath_kind kind)
{
	char path[PIN_PATH_BYTES];
	uint32_t id;
	int r = bpf_map_lookup_elem(datapath->arrays[kind], &policy->slot, &id);

	if (!r)
		r = kind_path(policy, kind, path);
	if (r)
		return r;
	policy->maps[kind] = bpf_map_get_fd_by_id(id);
	return policy->maps[kind] < 0 ? policy->maps[kind] : pin_put(policy->maps[kind], path);
}

static int make_anew(const struct datapath *datapath, struct datapath_policy *policy,
		     enum datapath_kind kind)
{
	uint32_t entries = ENTRIES_ANEW;
	char path[PIN_PATH_BYTES];
	int r = kind_path(policy, kind, path);

	if (!r && kind == KIND_ALLOW && policy->maps[kind] >= 0)
		r = datapath_map_capacity(policy->maps[kind], &entries);
	close_fd(&policy->maps[kind]);
	if (!r)
		r = datapath_map_create(datapath, kind, entries, &policy->maps[kind]);
	if (!r)
		r = datapath_map_id(policy->maps[kind], &policy->ids[kind]);
	return r ? r : pin_put(policy->maps[kind], path);
}

/*
 * Without its prefixes a policy denies everything, for some may deny. So before there are prefixes
 * again, of which none denies, there is nothing that is allowed.
 */
static int replace_lost(const struct datapath *datapath, struct datapath_policy *policy,
			enum datapath_kind kind)
{
	int r = 0;

	if (kind == KIND_PREFIXES) {
		r = make_anew(datapath, policy, KIND_ALLOW);
		if (!r) {
			datapath_slot_put(policy, datapath, KIND_ALLOW);
			datapath_slot_join(policy);
			r = policy->writes[KIND_ALLOW].result;
		}
	}
	return r ? r : make_anew(datapath, policy, kind);
}

static int complete_kind(const struct datapath *datapath, struct datapath_policy *policy,
			 enum datapath_kind kind)
{
	int r;

	if (policy->maps[kind] >= 0 && has_shape(datapath, policy, kind) &&
	    !is_others(datapath, policy, kind))
		return 0;
	close_fd(&policy->maps[kind]);
	r = recover(datapath, policy, kind);
	return r == -ENOENT ? replace_lost(datapath, policy, kind) : r;
}

/* Most are whole, and then it is not asked whose each map is. */
static bool is_whole(const struct datapath *datapath, const struct datapath_policy *policy)
{
	uint32_t id;
	int i;

	for (i = 0; i < KIND_COUNT; i++)
		if (policy->maps[i] < 0 || datapath_map_id(policy->maps[i], &id) ||
		    !datapath_slot_holds(datapath->arrays[i], policy->slot, id))
			return false;
	return true;
}

static int complete(const struct datapath *datapath, struct datapath_policy *policy)
{
	int i, r = 0;

	for (i = 0; !r && i < KIND_COUNT; i++)
		r = complete_kind(datapath, policy, i);
	if (!r)
		r = datapath_policy_identify(policy);
	return r ? r : datapath_policy_refill(datapath, policy);
}

int datapath_policy_refill(const struct datapath *datapath, struct datapath_policy *policy)
{
	int i;

	for (i = 0; i < KIND_COUNT; i++)
		if (!datapath_slot_holds(datapath->arrays[i], policy->slot, policy->ids[i]))
			datapath_slot_put(policy, datapath, i);
	return datapath_slot_wait(policy, datapath);
}

/* --- all of it ------------------------------------------------------------------------------- */

static int open_policy(const struct datapath *datapath, struct datapath_policy *policy)
{
	struct stat st;
	int r;

	if (stat(policy->path, &st))
		return -errno;
	r = find_growth(datapath, policy);
	if (!r)
		r = datapath_policy_open_pins(policy, policy->path);
	if (r)
		return r;
	policy->slot = find_slot(datapath, policy);
	if (policy->slot == SLOT_NONE)
		return -ESTALE;
	if (is_whole(datapath, policy))
		return datapath_policy_identify(policy);
	return complete(datapath, policy) ? -EUCLEAN : 0;
}

int datapath_policy_open(struct datapath *datapath, const char *name,
			 struct datapath_policy **ret_policy, struct failure *failure)
{
	_cleanup_(datapath_policy_close) struct datapath_policy *policy = datapath_policy_new();
	int r = policy ? pin_path(policy->path, POLICIES_ROOT "/%s", name) : -ENOMEM;

	if (!r)
		r = open_policy(datapath, policy);
	if (r == -ESTALE)
		return failure_set(failure, -r, "the maps of policy %s are of another version",
				   name);
	if (r == -EUCLEAN)
		return failure_set(failure, -r, "maps of policy %s are missing", name);
	if (r)
		return failure_set(failure, -r, "cannot open policy %s", name);
	*ret_policy = TAKE_PTR(policy);
	return 0;
}

int datapath_each_policy(datapath_name_fn policy, void *data)
{
	return pin_each(POLICIES_ROOT, policy, data);
}
