// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The programs of a build and the maps of a contract, pinned.
 *
 * Builds of one contract use the same maps, one after the other: a new build loads programs only,
 * and puts them in the place of the old ones in every fence. At each moment a fence has a program
 * at each hook, old or new, and both decide by the same maps.
 *
 * That a build's programs are pinned under its name says that no other is, and that all fences of
 * the contract have them. So an upgrade that was killed is found, and done again, by the next run.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cgfence.skel.h"
#include "datapath_internal.h"

#define CONTRACT_PATH CONTRACTS_ROOT "/" CGFENCE_CONTRACT_ID
/* No dots: the BPF file system keeps names with dots to itself. */
#define MAPS "maps"
#define MAPS_NEW "maps-new"

const char *const datapath_contract_path = CONTRACT_PATH;

static int open_pin(int *ret_fd, const char *directory, const char *name)
{
	char path[PIN_PATH_BYTES];
	int fd, r = pin_path(path, CONTRACT_PATH "/%s/%s", directory, name);

	if (r)
		return r;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	close_fd(ret_fd);
	*ret_fd = fd;
	return 0;
}

static int maps_pin(const struct cgfence_bpf *object)
{
	char path[PIN_PATH_BYTES];
	struct bpf_map *map;
	int r = pin_mkdir(CONTRACT_PATH "/" MAPS_NEW);

	if (r)
		return r;
	bpf_object__for_each_map(map, object->obj)
	{
		if (bpf_map__is_internal(map))
			continue;
		r = pin_path(path, CONTRACT_PATH "/" MAPS_NEW "/%s", bpf_map__name(map));
		if (!r)
			r = bpf_obj_pin(bpf_map__fd(map), path);
		if (r)
			return r;
	}
	/* Under another name first: what stands under its own is whole. */
	return rename(CONTRACT_PATH "/" MAPS_NEW, CONTRACT_PATH "/" MAPS) ? -errno : 0;
}

static int object_pin(const struct cgfence_bpf *object)
{
	struct bpf_program *program;
	char path[PIN_PATH_BYTES];
	int r;

	pin_remove_dir(CONTRACT_PATH "/" PROGRAMS_NEW);
	r = pin_mkdir(CONTRACT_PATH "/" PROGRAMS_NEW);
	if (r)
		return r;
	bpf_object__for_each_program(program, object->obj)
	{
		if (!bpf_program__autoload(program))
			continue;
		r = pin_path(path, CONTRACT_PATH "/" PROGRAMS_NEW "/%s",
			     bpf_program__name(program));
		if (!r)
			r = bpf_obj_pin(bpf_program__fd(program), path);
		if (r)
			return r;
	}
	return 0;
}

/*
 * Other contracts: fences that use them hold programs and maps by their links, and those who run
 * them by their fds, so nothing that is in force goes.
 */
static void remove_other_contract(const char *name, void *data)
{
	char path[PIN_PATH_BYTES];

	(void)data;
	if (strcmp(name, CGFENCE_CONTRACT_ID) && !pin_path(path, CONTRACTS_ROOT "/%s", name))
		pin_remove_dir(path);
}

static void remove_old_programs(const char *name, void *data)
{
	char path[PIN_PATH_BYTES];

	(void)data;
	if (!strncmp(name, PROGRAMS_PREFIX, strlen(PROGRAMS_PREFIX)) &&
	    strcmp(name, PROGRAMS_NEW) && !pin_path(path, CONTRACT_PATH "/%s", name))
		pin_remove_dir(path);
}

/* A link that cannot be switched is of another contract, or of a cgroup that is gone. */
static void switch_fence(const char *name, void *data)
{
	const struct datapath *datapath = data;
	int i;

	for (i = 0; i < PROGRAM_COUNT; i++)
		if (datapath->programs[i] >= 0)
			datapath_link_switch(datapath, i, name);
}

static int open_array(struct datapath *datapath, enum datapath_kind kind)
{
	char name[2 * CGF_COMM_BYTES];

	snprintf(name, sizeof(name), "%s_maps", datapath_kind_names[kind]);
	return open_pin(&datapath->arrays[kind], MAPS, name);
}

static int open_program(struct datapath *datapath, const char *directory,
			enum datapath_program program)
{
	int r = open_pin(&datapath->programs[program], directory, datapath_program_names[program]);

	return r ? r
		 : datapath_program_id(datapath->programs[program],
				       &datapath->program_ids[program]);
}

int datapath_build_programs(struct datapath *datapath, const char *directory)
{
	int i, r;

	for (i = 0; i < PROGRAM_COUNT; i++) {
		r = open_program(datapath, directory, i);
		if (r && (r != -ENOENT || i != PROGRAM_SOCKET_CREATE))
			return r;
	}
	return 0;
}

/*
 * To have the BTF by its number takes CAP_SYS_ADMIN, so it is kept. Without it bpftool cannot name
 * the fields of a policy's maps; they work.
 */
static int open_btf(struct datapath *datapath)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	int r = bpf_obj_get_info_by_fd(datapath->shapes[KIND_ALLOW], &info, &length);

	if (r || !info.btf_id)
		return r;
	close_fd(&datapath->btf_fd);
	datapath->btf_fd = bpf_btf_get_fd_by_id(info.btf_id);
	return datapath->btf_fd < 0 ? datapath->btf_fd : 0;
}

static int open_maps(struct datapath *datapath)
{
	int i, r;

	for (i = 0; i < KIND_COUNT; i++) {
		r = open_pin(&datapath->shapes[i], MAPS, datapath_kind_names[i]);
		if (!r)
			r = open_array(datapath, i);
		if (r)
			return r;
	}
	r = open_pin(&datapath->keepers, MAPS, "keepers");
	if (!r)
		r = open_pin(&datapath->targets, MAPS, "targets");
	if (!r)
		r = open_pin(&datapath->connected, MAPS, "connected_sockets");
	return r ? r : open_btf(datapath);
}

static int open_pins(struct datapath *datapath, const char *programs)
{
	int r = datapath_build_programs(datapath, programs);

	return r ? r : open_maps(datapath);
}

/* The order is what makes the promise at the top of this file. */
int datapath_build_switch(struct datapath *datapath)
{
	char path[PIN_PATH_BYTES];
	int r = pin_path(path, CONTRACT_PATH "/" PROGRAMS_PREFIX "%s", datapath->build);

	if (r)
		return r;
	pin_each(CONTRACT_PATH, remove_old_programs, NULL);
	pin_each(LINKS_ROOT, switch_fence, datapath);
	if (rename(CONTRACT_PATH "/" PROGRAMS_NEW, path))
		return -errno;
	return datapath_build_remember(datapath);
}

static int put_in_force(struct datapath *datapath, const struct cgfence_bpf *object)
{
	int r = object_pin(object);

	if (!r)
		r = open_pins(datapath, PROGRAMS_NEW);
	return r ? r : datapath_build_switch(datapath);
}

static int begin_contract(const struct cgfence_bpf *object)
{
	int r;

	pin_remove_dir(CONTRACT_PATH);
	pin_each(CONTRACTS_ROOT, remove_other_contract, NULL);
	r = pin_mkdir(CONTRACTS_ROOT);
	if (!r)
		r = pin_mkdir(CONTRACT_PATH);
	return r ? r : maps_pin(object);
}

static int build_load(struct datapath *datapath, struct failure *failure)
{
	_cleanup_(datapath_object_destroy) struct cgfence_bpf *object = NULL;
	int r = datapath_object_load(&object, true, failure);
	bool fresh = r == -ESTALE;

	if (fresh)
		r = datapath_object_load(&object, false, failure);
	if (r)
		return r;
	if (fresh)
		r = begin_contract(object);
	if (!r)
		r = put_in_force(datapath, object);
	return r ? failure_set(failure, -r, "cannot pin the BPF programs below %s", CONTRACTS_ROOT)
		 : 0;
}

int datapath_build_open(struct datapath *datapath, struct failure *failure)
{
	int r;

	snprintf(datapath->build, sizeof(datapath->build), "%s", CGFENCE_BUILD_ID);
	r = open_pins(datapath, PROGRAMS_PREFIX CGFENCE_BUILD_ID);
	if (r == -ENOENT)
		return build_load(datapath, failure);
	if (!r)
		r = datapath_build_remember(datapath);
	return r ? failure_set(failure, -r, "cannot open what is pinned in %s", CONTRACT_PATH) : 0;
}
