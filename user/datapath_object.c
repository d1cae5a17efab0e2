// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The BPF object of this build: loaded, with maps of its own or those that are pinned. */
#include <errno.h>
#include <sys/random.h>

#include "cgfence.skel.h"
#include "datapath_internal.h"

void datapath_object_destroy(struct cgfence_bpf **object)
{
	cgfence_bpf__destroy(*object);
}

/* Gives the object the maps that are pinned; -ESTALE if there are none, or not all. */
static int maps_reuse(const struct cgfence_bpf *object)
{
	char path[PIN_PATH_BYTES];
	struct bpf_map *map;
	int r;

	bpf_object__for_each_map(map, object->obj)
	{
		_cleanup_close_ int fd = -1;

		if (bpf_map__is_internal(map))
			continue;
		r = pin_path(path, "%s/maps/%s", datapath_contract_path, bpf_map__name(map));
		if (r)
			return r;
		fd = bpf_obj_get(path);
		if (fd < 0)
			return fd == -ENOENT ? -ESTALE : fd;
		r = bpf_map__reuse_fd(map, fd);
		if (r)
			return r;
	}
	return 0;
}

/* What sockets have asked is kept by hashes, so the next build takes the seed of the last. */
static int seed_choose(struct cgfence_bpf *object, bool reuse)
{
	const uint32_t zero = 0;
	uint64_t seed;
	int r;

	if (reuse)
		r = bpf_map_lookup_elem(bpf_map__fd(object->maps.seed), &zero, &seed);
	else
		r = getrandom(&seed, sizeof(seed), 0) == sizeof(seed) ? 0 : -errno;
	if (!r)
		object->rodata->name_seed = seed;
	return r;
}

static int seed_keep(const struct cgfence_bpf *object)
{
	const uint64_t seed = object->rodata->name_seed;
	const uint32_t zero = 0;

	return bpf_map_update_elem(bpf_map__fd(object->maps.seed), &zero, &seed, BPF_ANY);
}

/* Without `lsm` the object asks nothing of the kernel's BTF. */
static int object_load(struct cgfence_bpf **ret_object, bool lsm, bool reuse)
{
	_cleanup_(datapath_object_destroy) struct cgfence_bpf *object = cgfence_bpf__open();
	int r;

	if (!object)
		return -errno;
	bpf_program__set_autoload(object->progs.socket_create, lsm);
	object->rodata->has_set_retval = datapath_has_set_retval();
	object->rodata->has_coarse_clock = datapath_has_coarse_clock();
	object->rodata->has_sockopt_task = datapath_has_sockopt_task();
	r = reuse ? maps_reuse(object) : 0;
	if (!r)
		r = seed_choose(object, reuse);
	if (!r)
		r = cgfence_bpf__load(object);
	if (!r && !reuse)
		r = seed_keep(object);
	if (!r)
		*ret_object = TAKE_PTR(object);
	return r;
}

int datapath_object_load(struct cgfence_bpf **ret_object, bool reuse, struct failure *failure)
{
	int r = -ENOTSUP;

	datapath_silence();
	/* LSM programs for cgroups came later than LSM programs, and with 6.0. */
	if (datapath_lsm_runs())
		r = object_load(ret_object, true, reuse);
	if (r && r != -ESTALE)
		r = object_load(ret_object, false, reuse);
	if (!r || r == -ESTALE)
		return r;
	failure_set(failure, -r, "the kernel does not take the BPF programs");
	failure_hint(failure,
		     r == -EPERM ? HINT_LOCKED_MEMORY
				 : "Linux 5.10 or newer with CONFIG_CGROUP_BPF is needed, before "
				   "5.13 with CONFIG_BPF_STREAM_PARSER as well");
	return r;
}
