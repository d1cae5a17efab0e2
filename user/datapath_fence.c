// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "datapath.h"
#include "datapath_internal.h"

#define LINKS_ROOT DATAPATH_ROOT "/links"

/* On 64-bit kernels since 5.5 the inode number of a cgroup's directory is the cgroup's id. */
static int cgroup_id(int cgroup_fd, uint64_t *ret_id)
{
	struct stat st;

	if (fstat(cgroup_fd, &st))
		return -errno;
	*ret_id = st.st_ino;
	return 0;
}

static int link_cgroup(int link_fd, uint64_t *ret_cgroup, uint32_t *ret_program)
{
	struct bpf_link_info info = {};
	uint32_t length = sizeof(info);
	int r = bpf_obj_get_info_by_fd(link_fd, &info, &length);

	if (r)
		return r;
	*ret_cgroup = info.cgroup.cgroup_id;
	*ret_program = info.prog_id;
	return 0;
}

static int program_id(int program_fd, uint32_t *ret_id)
{
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);
	int r = bpf_obj_get_info_by_fd(program_fd, &info, &length);

	if (!r)
		*ret_id = info.id;
	return r;
}

/* What was asked for is what the kernel says is there. */
static int link_verify(const struct datapath *datapath, enum datapath_program program, int link_fd,
		       uint64_t cgroup)
{
	uint32_t linked_program, wanted_program;
	uint64_t linked_cgroup;
	int r = link_cgroup(link_fd, &linked_cgroup, &linked_program);

	if (!r)
		r = program_id(datapath->programs[program], &wanted_program);
	if (r)
		return r;
	return linked_cgroup == cgroup && linked_program == wanted_program ? 0 : -EUCLEAN;
}

static int link_attach(const struct datapath *datapath, enum datapath_program program,
		       const char *name, int cgroup_fd, uint64_t cgroup)
{
	_cleanup_close_ int link_fd = bpf_link_create(datapath->programs[program], cgroup_fd,
						      datapath_attach_types[program], NULL);
	char path[PIN_PATH_BYTES];
	int r;

	if (link_fd < 0)
		return link_fd;
	r = pin_path(path, LINKS_ROOT "/%s/%s", name, datapath_program_names[program]);
	if (!r)
		r = bpf_obj_pin(link_fd, path);
	return r ? r : link_verify(datapath, program, link_fd, cgroup);
}

static int target_write(const struct datapath *datapath, uint64_t cgroup,
			const struct cgf_target *target)
{
	struct cgf_target in_force;
	int r = bpf_map_update_elem(datapath->targets, &cgroup, target, BPF_EXIST);

	if (!r)
		r = bpf_map_lookup_elem(datapath->targets, &cgroup, &in_force);
	if (r)
		return r;
	return memcmp(&in_force, target, sizeof(in_force)) ? -EUCLEAN : 0;
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

static int fence_attach(struct datapath *datapath, const char *name, int cgroup_fd,
			const struct cgf_target *target, bool families, struct failure *failure)
{
	uint64_t cgroup;
	int i, r = cgroup_id(cgroup_fd, &cgroup);

	for (i = 0; !r && i < PROGRAM_COUNT; i++) {
		if (i == PROGRAM_SOCKET_CREATE && !(families && datapath_holds_families(datapath)))
			continue;
		r = link_attach(datapath, i, name, cgroup_fd, cgroup);
		if (r)
			return attach_failure(failure, -r, datapath_program_names[i]);
	}
	if (!r)
		r = target_write(datapath, cgroup, target);
	return r ? failure_set(failure, -r, "cannot put the policy in force on the cgroup") : 0;
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
	int r = cgroup_id(cgroup_fd, &cgroup);

	return r ? r : target_write(datapath, cgroup, target);
}

int datapath_fence_detach(const char *name)
{
	char path[PIN_PATH_BYTES];
	int r = pin_path(path, LINKS_ROOT "/%s", name);

	return r ? r : pin_remove_dir(path);
}

bool datapath_fence_is_orphan(const char *name, int cgroup_fd)
{
	_cleanup_close_ int link_fd = -1;
	char path[PIN_PATH_BYTES];
	uint64_t cgroup, own = 0;
	uint32_t program;

	if (cgroup_fd >= 0 && cgroup_id(cgroup_fd, &own))
		return false;
	if (pin_path(path, LINKS_ROOT "/%s/%s", name, datapath_program_names[0]))
		return false;
	link_fd = bpf_obj_get(path);
	/* A directory without the first link: its maker died before it attached anything. */
	if (link_fd < 0)
		return link_fd == -ENOENT;
	return !link_cgroup(link_fd, &cgroup, &program) && (cgroup == 0 || cgroup == own);
}

static int each_entry(const char *directory, datapath_name_fn fence, void *data)
{
	_cleanup_closedir_ DIR *dir = opendir(directory);
	const struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			fence(entry->d_name, data);
	return 0;
}

int datapath_each_fence(datapath_name_fn fence, void *data)
{
	int r = each_entry(LINKS_ROOT, fence, data);

	return r ? r : each_entry(DATAPATH_ROOT "/policies", fence, data);
}
