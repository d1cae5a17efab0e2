// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup.h"
#include "datapath.h"
#include "datapath_internal.h"
#include "tree.h"

static int target_write(const struct datapath *datapath, uint64_t cgroup,
			const struct cgf_target *target)
{
	struct cgf_target wanted = *target, in_force;
	int r;

	wanted.cgroup_id = cgroup;
	r = bpf_map_update_elem(datapath->targets, &cgroup, &wanted, BPF_EXIST);

	if (!r)
		r = bpf_map_lookup_elem(datapath->targets, &cgroup, &in_force);
	if (r)
		return r;
	return memcmp(&in_force, &wanted, sizeof(in_force)) ? -EUCLEAN : 0;
}

static int attach_failure(struct failure *failure, int error, const char *hook)
{
	failure_set(failure, error, "cannot attach the %s program to the cgroup", hook);
	if (error == EPERM)
		failure_hint(failure,
			     "a program on a cgroup above was attached without BPF_F_ALLOW_MULTI, "
			     "which lets no other in; see: bpftool cgroup tree");
	if (error == ENOMEM)
		failure_hint(failure, HINT_LOCKED_MEMORY);
	return -error;
}

bool datapath_holds_families(const struct datapath *datapath)
{
	return datapath->programs[PROGRAM_SOCKET_CREATE] >= 0;
}

static int attach_program(const struct datapath *datapath, enum datapath_program program,
			  const char *name, int cgroup_fd, uint64_t cgroup, struct failure *failure)
{
	int r = datapath_link_attach(datapath, program, name, cgroup_fd, cgroup);

	return r ? attach_failure(failure, -r, datapath_program_names[program]) : 0;
}

/*
 * There is no target before there is a program, and a program without a target denies. So the
 * first is one that is hardly ever asked: for what runs in the cgroup already.
 */
#define FIRST PROGRAM_BIND6

static int fence_attach(struct datapath *datapath, const char *name, int cgroup_fd,
			const struct cgf_target *target, bool families, struct failure *failure)
{
	uint64_t cgroup;
	int i, r = datapath_cgroup_id(cgroup_fd, &cgroup);

	if (r)
		return failure_set(failure, -r, "cannot ask for the cgroup");
	r = attach_program(datapath, FIRST, name, cgroup_fd, cgroup, failure);
	if (r)
		return r;
	r = target_write(datapath, cgroup, target);
	if (r)
		return failure_set(failure, -r, "cannot put the policy in force on the cgroup");
	for (i = 0; !r && i < PROGRAM_COUNT; i++)
		if (i != FIRST &&
		    (i != PROGRAM_SOCKET_CREATE || (families && datapath_holds_families(datapath))))
			r = attach_program(datapath, i, name, cgroup_fd, cgroup, failure);
	return r;
}

int datapath_fence_attach(struct datapath *datapath, const char *name, int cgroup_fd,
			  const struct cgf_target *target, bool families, struct failure *failure)
{
	char path[PIN_PATH_BYTES];
	int r = pin_path(path, LINKS_ROOT "/%s", name);

	if (!r)
		r = pin_mkdir(LINKS_ROOT);
	if (!r && mkdir(path, 0700))
		r = -errno;
	if (r)
		return failure_set(failure, -r, "cannot make %s/%s", LINKS_ROOT, name);
	r = fence_attach(datapath, name, cgroup_fd, target, families, failure);
	if (r)
		pin_remove_dir(path);
	return r;
}

int datapath_fence_retarget(const struct datapath *datapath, int cgroup_fd,
			    const struct cgf_target *target)
{
	uint64_t cgroup;
	int r = datapath_cgroup_id(cgroup_fd, &cgroup);

	return r ? r : target_write(datapath, cgroup, target);
}

int datapath_fence_detach(const char *name)
{
	char path[PIN_PATH_BYTES];
	int r = pin_path(path, LINKS_ROOT "/%s", name);

	return r ? r : pin_remove_dir(path);
}

/* The kernel has links on what was removed as long as a socket lives that was made in there. */
static bool is_removed(uint64_t cgroup)
{
	_cleanup_close_ int mount_fd = -1;
	_cleanup_free_ char *path = NULL;
	char mount[CGROUP_PATH_BYTES];

	return !cgroup_mount(mount, NULL) && !tree_open(mount, &mount_fd) &&
	       tree_find_path(mount_fd, cgroup, &path) == -ENOENT;
}

/* Whatever cannot be read may be on a cgroup. */
static bool is_elsewhere(const char *name, enum datapath_program program, uint64_t own)
{
	_cleanup_close_ int link_fd = -1;
	char path[PIN_PATH_BYTES];
	uint64_t cgroup;
	uint32_t linked;

	if (pin_path(path, LINKS_ROOT "/%s/%s", name, datapath_program_names[program]))
		return true;
	link_fd = bpf_obj_get(path);
	if (link_fd < 0)
		return link_fd != -ENOENT;
	return datapath_link_info(link_fd, &cgroup, &linked) ||
	       (cgroup && cgroup != own && !is_removed(cgroup));
}

/* By each of its links: somebody may have removed the pins of some. */
bool datapath_fence_is_orphan(const char *name, int cgroup_fd)
{
	uint64_t own = 0;
	int i;

	if (cgroup_fd >= 0 && datapath_cgroup_id(cgroup_fd, &own))
		return false;
	for (i = 0; i < PROGRAM_COUNT; i++)
		if (is_elsewhere(name, i, own))
			return false;
	return true;
}

int datapath_each_fence(datapath_name_fn fence, void *data)
{
	return pin_each(LINKS_ROOT, fence, data);
}
