// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which policy a map is of, and a fence has: by what is pinned, of whichever contract. */
#include <errno.h>
#include <string.h>

#include "datapath_internal.h"

/* A target is 48 bytes; one of another contract may be longer. */
#define TARGET_BYTES_MAX 512

struct datapath_pinned {
	struct {
		char name[STANDING_NAME_BYTES];
		uint32_t allow_id;
	} * items;
	size_t count, room;
	int unread; /* why some are missing */
	struct datapath_known known;
};

static void add(const char *name, void *data)
{
	struct datapath_pinned *pinned = data;
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_BYTES];
	uint32_t id;
	int r;

	if (pinned->count == pinned->room ||
	    pin_path(path, POLICIES_ROOT "/%s/%s", name, datapath_kind_names[KIND_ALLOW]))
		return;
	fd = bpf_obj_get(path);
	r = fd < 0 ? fd : datapath_map_id(fd, &id);
	if (r && r != -ENOENT)
		pinned->unread = r;
	if (r)
		return;
	snprintf(pinned->items[pinned->count].name, STANDING_NAME_BYTES, "%s", name);
	pinned->items[pinned->count++].allow_id = id;
}

/* Each contract has so many. */
struct datapath_pinned *datapath_pinned_read(void)
{
	struct datapath_pinned *pinned = calloc(1, sizeof(*pinned));
	int r;

	if (!pinned)
		return NULL;
	pinned->room = 2 * CGF_POLICIES_MAX;
	pinned->items = calloc(pinned->room, sizeof(*pinned->items));
	if (!pinned->items) {
		datapath_pinned_free(&pinned);
		return NULL;
	}
	r = pin_each(POLICIES_ROOT, add, pinned);
	pinned->unread = r ? r : pinned->unread;
	return pinned;
}

void datapath_pinned_free(struct datapath_pinned **pinned)
{
	if (!*pinned)
		return;
	free((*pinned)->items);
	free(TAKE_PTR(*pinned));
}

const char *datapath_pinned_find(const struct datapath_pinned *pinned, uint32_t allow_id)
{
	size_t i;

	for (i = 0; i < pinned->count; i++)
		if (pinned->items[i].allow_id == allow_id)
			return pinned->items[i].name;
	return NULL;
}

/* Every contract has the policy first in its target. */
static int read_slot(int targets_fd, uint64_t cgroup, uint32_t *ret_slot)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	union {
		uint32_t policy;
		char room[TARGET_BYTES_MAX];
	} target;
	int r = bpf_obj_get_info_by_fd(targets_fd, &info, &length);

	if (r)
		return r;
	if (info.value_size > sizeof(target) || info.value_size < sizeof(target.policy))
		return -EPROTO;
	r = bpf_map_lookup_elem(targets_fd, &cgroup, &target);
	if (r || !target.policy)
		return r ? r : -ENOENT;
	*ret_slot = target.policy - 1;
	return 0;
}

static int find_allow(const struct standing *standing, const struct datapath *used,
		      uint32_t *ret_id)
{
	uint32_t slot;
	int r;

	if (!standing->cgroup_id || used->targets < 0 || used->arrays[KIND_ALLOW] < 0)
		return -ENOENT;
	r = read_slot(used->targets, standing->cgroup_id, &slot);
	return r ? r : bpf_map_lookup_elem(used->arrays[KIND_ALLOW], &slot, ret_id);
}

static int find_policy(const char *fence, struct datapath_pinned *pinned,
		       char ret_policy[STANDING_NAME_BYTES])
{
	_cleanup_(datapath_close) struct datapath *used = datapath_new();
	struct standing standing = {};
	const char *policy;
	uint32_t id;
	int r, unread;

	if (!used)
		return -ENOMEM;
	snprintf(standing.name, sizeof(standing.name), "%s", fence);
	/* Any of its links says so. */
	unread = datapath_attached_read(&standing, used, &pinned->known);
	r = find_allow(&standing, used, &id);
	if (r)
		return r == -ENOENT && unread ? unread : r;
	policy = datapath_pinned_find(pinned, id);
	if (!policy)
		return pinned->unread ? pinned->unread : -ENOENT;
	snprintf(ret_policy, STANDING_NAME_BYTES, "%s", policy);
	return 0;
}

int datapath_fence_policy(const char *fence, struct datapath_pinned *pinned,
			  char ret_policy[STANDING_NAME_BYTES])
{
	_cleanup_(datapath_pinned_free) struct datapath_pinned *own = NULL;

	if (!pinned)
		pinned = own = datapath_pinned_read();
	return pinned ? find_policy(fence, pinned, ret_policy) : -ENOMEM;
}
