// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One program on one cgroup. */
#include <errno.h>
#include <sys/stat.h>

#include "datapath_internal.h"

/* An object of ours uses about twenty. */
#define PROGRAM_MAPS_MAX 64

/* On 64-bit kernels since 5.5 the inode number of a cgroup's directory is the cgroup's id. */
int datapath_cgroup_id(int cgroup_fd, uint64_t *ret_id)
{
	struct stat st;

	if (fstat(cgroup_fd, &st))
		return -errno;
	*ret_id = st.st_ino;
	return 0;
}

int datapath_link_info(int link_fd, uint64_t *ret_cgroup, uint32_t *ret_program)
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

int datapath_link_id(int link_fd, uint32_t *ret_id)
{
	struct bpf_link_info info = {};
	uint32_t length = sizeof(info);
	int r = bpf_obj_get_info_by_fd(link_fd, &info, &length);

	if (!r)
		*ret_id = info.id;
	return r;
}

int datapath_program_id(int program_fd, uint32_t *ret_id)
{
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);
	int r = bpf_obj_get_info_by_fd(program_fd, &info, &length);

	if (!r)
		*ret_id = info.id;
	return r;
}

bool datapath_program_uses(int program_fd, uint32_t map_id)
{
	uint32_t i, maps[PROGRAM_MAPS_MAX] = {};
	struct bpf_prog_info info = {
		.nr_map_ids = PROGRAM_MAPS_MAX,
		.map_ids = (uint64_t)(uintptr_t)maps,
	};
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(program_fd, &info, &length))
		return false;
	for (i = 0; i < info.nr_map_ids && i < PROGRAM_MAPS_MAX; i++)
		if (maps[i] == map_id)
			return true;
	return false;
}

/* What was asked for is what the kernel says is there. */
static int link_verify(const struct datapath *datapath, enum datapath_program program, int link_fd,
		       uint64_t cgroup)
{
	uint32_t linked_program;
	uint64_t linked_cgroup;
	int r = datapath_link_info(link_fd, &linked_cgroup, &linked_program);

	if (r)
		return r;
	return linked_cgroup == cgroup && linked_program == datapath->program_ids[program]
		       ? 0
		       : -EUCLEAN;
}

int datapath_link_create(const struct datapath *datapath, enum datapath_program program,
			 int cgroup_fd, uint64_t cgroup, int *ret_fd)
{
	_cleanup_close_ int fd = bpf_link_create(datapath->programs[program], cgroup_fd,
						 datapath_attach_types[program], NULL);
	int r = fd < 0 ? fd : link_verify(datapath, program, fd, cgroup);

	if (!r)
		*ret_fd = TAKE_FD(fd);
	return r;
}

int datapath_link_attach(const struct datapath *datapath, enum datapath_program program,
			 const char *name, int cgroup_fd, uint64_t cgroup)
{
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_BYTES];
	int r = datapath_link_create(datapath, program, cgroup_fd, cgroup, &fd);

	if (!r)
		r = pin_path(path, LINKS_ROOT "/%s/%s", name, datapath_program_names[program]);
	return r ? r : bpf_obj_pin(fd, path);
}

/* The kernel puts one program in the other's place: no call and no packet meets neither. */
static int link_replace(int link_fd, int program_fd, uint32_t targets_id)
{
	LIBBPF_OPTS(bpf_link_update_opts, options, .flags = BPF_F_REPLACE);
	_cleanup_close_ int old_fd = -1;
	uint64_t cgroup;
	uint32_t old;
	int r = datapath_link_info(link_fd, &cgroup, &old);

	if (r)
		return r;
	old_fd = bpf_prog_get_fd_by_id(old);
	if (old_fd < 0)
		return old_fd;
	if (!datapath_program_uses(old_fd, targets_id))
		return -ESTALE;
	options.old_prog_fd = (uint32_t)old_fd;
	return bpf_link_update(link_fd, program_fd, &options);
}

int datapath_link_switch(const struct datapath *datapath, enum datapath_program program,
			 const char *name)
{
	_cleanup_close_ int link_fd = -1;
	char path[PIN_PATH_BYTES];
	uint32_t targets_id;
	int r = pin_path(path, LINKS_ROOT "/%s/%s", name, datapath_program_names[program]);

	if (!r)
		r = datapath_map_id(datapath->targets, &targets_id);
	if (r)
		return r;
	link_fd = bpf_obj_get(path);
	return link_fd < 0 ? link_fd
			   : link_replace(link_fd, datapath->programs[program], targets_id);
}
