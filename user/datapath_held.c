// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fences that this process holds by their links: opened from the pins, and let go. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "datapath_internal.h"

bool datapath_fence_wants(const struct datapath *datapath, enum datapath_program program)
{
	return datapath->programs[program] >= 0;
}

int datapath_fence_path(const struct datapath_fence *fence, enum datapath_program program,
			char ret_path[static PIN_PATH_BYTES])
{
	return pin_path(ret_path, LINKS_ROOT "/%s/%s", fence->name,
			datapath_program_names[program]);
}

static int read_link(int fd, struct bpf_link_info *ret_info)
{
	uint32_t length = sizeof(*ret_info);

	*ret_info = (struct bpf_link_info){};
	return bpf_obj_get_info_by_fd(fd, ret_info, &length);
}

static bool is_known(const struct datapath *datapath, uint32_t program)
{
	int i;

	for (i = 0; i < PROGRAM_COUNT; i++)
		if (datapath_fence_wants(datapath, i) && datapath->program_ids[i] == program)
			return true;
	return false;
}

/* An older build of the contract uses the same targets. -errno: it is not known. */
static int is_ours(const struct datapath *datapath, uint32_t program)
{
	_cleanup_close_ int fd = -1;
	uint32_t targets;
	int r;

	if (is_known(datapath, program))
		return 1;
	fd = bpf_prog_get_fd_by_id(program);
	if (fd < 0)
		return fd;
	r = datapath_map_id(datapath->targets, &targets);
	return r ? r : datapath_program_uses(fd, targets);
}

struct opening {
	struct datapath_fence *fence;
	bool foreign; /* some link is on a cgroup, and of none of our programs */
	int unread;   /* why some could not be read */
};

/* What is pinned there and is no link of ours for that hook is left to be mended. */
static int open_link(struct opening *opening, enum datapath_program program)
{
	struct datapath_fence *fence = opening->fence;
	_cleanup_close_ int fd = -1;
	struct bpf_link_info info;
	char path[PIN_PATH_BYTES];
	int r = datapath_fence_path(fence, program, path);

	if (!r)
		fd = bpf_obj_get(path);
	if (r || fd < 0)
		return r ? r : fd == -ENOENT ? 0 : fd;
	fence->foreign[program] = true;
	r = read_link(fd, &info);
	opening->unread = r ? r : opening->unread;
	if (r || info.type != BPF_LINK_TYPE_CGROUP ||
	    info.cgroup.attach_type != (uint32_t)datapath_attach_types[program])
		return 0;
	r = info.cgroup.cgroup_id ? is_ours(fence->datapath, info.prog_id) : 1;
	if (r <= 0) {
		opening->unread = r ? r : opening->unread;
		opening->foreign |= !r;
		return 0;
	}
	if (info.cgroup.cgroup_id && !fence->cgroup)
		fence->cgroup = info.cgroup.cgroup_id;
	if (info.cgroup.cgroup_id && info.cgroup.cgroup_id != fence->cgroup)
		return 0;
	fence->foreign[program] = false;
	fence->links[program] = TAKE_FD(fd);
	fence->ids[program] = info.id;
	return 0;
}

static int open_links(struct datapath_fence *fence)
{
	struct opening opening = { .fence = fence };
	int i, r = 0;

	for (i = 0; !r && i < PROGRAM_COUNT; i++)
		r = open_link(&opening, i);
	if (r || fence->cgroup)
		return r;
	/* That its cgroup is gone is known only if there is no other link. */
	if (opening.unread)
		return opening.unread;
	return opening.foreign ? -ESTALE : -ENOLINK;
}

static struct datapath_fence *fence_new(struct datapath *datapath, const char *name)
{
	struct datapath_fence *fence = calloc(1, sizeof(*fence));

	if (!fence)
		return NULL;
	fence->datapath = datapath;
	memset(fence->links, 0xff, sizeof(fence->links));
	snprintf(fence->name, sizeof(fence->name), "%s", name);
	return fence;
}

static int fence_open(struct datapath_fence *fence)
{
	char path[PIN_PATH_BYTES];
	struct stat st;
	int r = pin_path(path, LINKS_ROOT "/%s", fence->name);

	if (r)
		return r;
	return stat(path, &st) ? -errno : open_links(fence);
}

int datapath_fence_open(struct datapath *datapath, const char *name,
			struct datapath_fence **ret_fence, struct failure *failure)
{
	_cleanup_(datapath_fence_close) struct datapath_fence *fence = fence_new(datapath, name);
	int r = fence ? fence_open(fence) : -ENOMEM;

	if (r == -ESTALE)
		return failure_set(failure, -r, "the fence %s is of another version", name);
	if (r == -ENOLINK)
		return failure_set(failure, -r, "the cgroup of the fence %s is gone", name);
	if (r)
		return failure_set(failure, -r, "cannot open the fence %s", name);
	*ret_fence = TAKE_PTR(fence);
	return 0;
}

void datapath_fence_close(struct datapath_fence **fence)
{
	int i;

	if (!*fence)
		return;
	for (i = 0; i < PROGRAM_COUNT; i++)
		close_fd(&(*fence)->links[i]);
	free(TAKE_PTR(*fence));
}

int datapath_fence_end(struct datapath_fence **fence)
{
	int i, r;

	for (i = 0; i < PROGRAM_COUNT; i++)
		if ((*fence)->links[i] >= 0)
			bpf_link_detach((*fence)->links[i]);
	r = datapath_fence_detach((*fence)->name);
	datapath_fence_close(fence);
	return r;
}

/* The kernel has a target as long as the cgroup, whatever becomes of the links. */
uint64_t datapath_fence_cgroup(const struct datapath_fence *fence)
{
	struct cgf_target target;
	int r = bpf_map_lookup_elem(fence->datapath->targets, &fence->cgroup, &target);

	return r == -ENOENT ? 0 : fence->cgroup;
}

int datapath_fence_target(const struct datapath *datapath, const struct datapath_fence *fence,
			  struct cgf_target *ret_target)
{
	return bpf_map_lookup_elem(datapath->targets, &fence->cgroup, ret_target);
}
