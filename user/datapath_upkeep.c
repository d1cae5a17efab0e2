// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What all fences share, kept as it is: the pins of the programs and of the contract's maps.
 *
 * Another build of this contract may put its programs in force while this process runs. Then those
 * are the ones that are wanted here too: who would switch them back would fight.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "datapath_internal.h"

#define MAPS_MAX 64

struct held_map {
	char name[2 * CGF_COMM_BYTES];
	int fd;
	uint32_t id;
};

struct datapath_upkeep {
	struct held_map maps[MAPS_MAX];
	size_t map_count;
	/* When they were seen to be right. */
	struct pin_stamp contract, maps_stamp, programs_stamp;
};

struct mending {
	struct datapath *datapath;
	datapath_problem_fn told;
	void *data;
};

static void tell(const struct mending *mending, enum standing_fault fault, const char *of)
{
	const struct standing_problem problem = { fault, of };

	mending->told(&problem, mending->data);
}

const char *datapath_build(const struct datapath *datapath)
{
	return datapath->build;
}

void datapath_upkeep_free(struct datapath_upkeep **upkeep)
{
	size_t i;

	if (!*upkeep)
		return;
	for (i = 0; i < (*upkeep)->map_count; i++)
		close_fd(&(*upkeep)->maps[i].fd);
	free(TAKE_PTR(*upkeep));
}

/* --- programs -------------------------------------------------------------------------------- */

static int programs_path(const struct datapath *datapath, char ret_path[static PIN_PATH_BYTES])
{
	return pin_path(ret_path, "%s/" PROGRAMS_PREFIX "%s", datapath_contract_path,
			datapath->build);
}

static int program_path(const char *directory, enum datapath_program program,
			char ret_path[static PIN_PATH_BYTES])
{
	return pin_path(ret_path, "%s/%s", directory, datapath_program_names[program]);
}

struct search {
	char build[BUILD_BYTES];
};

static void search_build(const char *name, void *data)
{
	struct search *search = data;

	if (!strncmp(name, PROGRAMS_PREFIX, strlen(PROGRAMS_PREFIX)) && strcmp(name, PROGRAMS_NEW))
		snprintf(search->build, sizeof(search->build), "%s",
			 name + strlen(PROGRAMS_PREFIX));
}

static bool are_of_contract(const struct datapath *datapath, const struct datapath *next)
{
	uint32_t targets;
	int i;

	if (datapath_map_id(datapath->targets, &targets))
		return false;
	for (i = 0; i < PROGRAM_COUNT; i++)
		if (next->programs[i] >= 0 && !datapath_program_uses(next->programs[i], targets))
			return false;
	return true;
}

static void take_programs(struct datapath *datapath, struct datapath *next)
{
	int i;

	for (i = 0; i < PROGRAM_COUNT; i++) {
		close_fd(&datapath->programs[i]);
		datapath->programs[i] = TAKE_FD(next->programs[i]);
	}
	memcpy(datapath->program_ids, next->program_ids, sizeof(datapath->program_ids));
}

/* -ENOENT: there is none, or what is there is none. */
static int adopt(struct datapath *datapath, const char *build)
{
	_cleanup_(datapath_close) struct datapath *next = datapath_new();
	char directory[BUILD_BYTES + sizeof(PROGRAMS_PREFIX)];
	int r;

	if (!next)
		return -ENOMEM;
	snprintf(directory, sizeof(directory), PROGRAMS_PREFIX "%s", build);
	r = datapath_build_programs(next, directory);
	if (r)
		return r;
	if (!are_of_contract(datapath, next))
		return -ENOENT;
	take_programs(datapath, next);
	snprintf(datapath->build, sizeof(datapath->build), "%s", build);
	return datapath_build_remember(datapath);
}

static int pin_programs(const struct datapath *datapath, const char *directory)
{
	char path[PIN_PATH_BYTES];
	int i, r = pin_mkdir(directory);

	for (i = 0; !r && i < PROGRAM_COUNT; i++) {
		if (datapath->programs[i] < 0)
			continue;
		r = program_path(directory, i, path);
		if (!r)
			r = bpf_obj_pin(datapath->programs[i], path);
	}
	return r;
}

/* As a new build does it: an upgrade that was killed is undone by this. */
static int restore(struct datapath *datapath)
{
	char path[PIN_PATH_BYTES];
	int r = pin_path(path, "%s/" PROGRAMS_NEW, datapath_contract_path);

	if (!r)
		r = pin_remove_dir(path);
	if (!r)
		r = pin_programs(datapath, path);
	return r ? r : datapath_build_switch(datapath);
}

int datapath_build_remember(struct datapath *datapath)
{
	char path[PIN_PATH_BYTES];
	struct stat st;
	int r = programs_path(datapath, path);

	if (!r && stat(path, &st))
		r = -errno;
	if (!r)
		datapath->programs_inode = st.st_ino;
	return r;
}

int datapath_build_refresh(struct datapath *datapath, bool *ret_restored)
{
	struct search search = {};
	char path[PIN_PATH_BYTES];
	struct stat st;
	int r = programs_path(datapath, path);

	*ret_restored = false;
	if (r)
		return r;
	/* Pins in it that were replaced are no other build. */
	if (!stat(path, &st) && st.st_ino == datapath->programs_inode)
		return 0;
	/* Of another contract, or nothing at all: that is for datapath_mend(). */
	if (stat(datapath_contract_path, &st))
		return 0;
	pin_each(datapath_contract_path, search_build, &search);
	r = search.build[0] ? adopt(datapath, search.build) : -ENOENT;
	if (r != -ENOENT)
		return r;
	*ret_restored = true;
	return restore(datapath);
}

static int mend_program(const struct mending *mending, const char *directory,
			enum datapath_program program)
{
	const struct datapath *datapath = mending->datapath;
	char path[PIN_PATH_BYTES];
	int r;

	if (datapath->programs[program] < 0)
		return 0;
	r = program_path(directory, program, path);
	if (!r)
		r = pin_check(path, datapath->program_ids[program]);
	if (!r)
		return 0;
	tell(mending, r == -ENOENT ? STANDING_PIN_REMOVED : STANDING_PIN_FOREIGN,
	     datapath_program_names[program]);
	return pin_put(datapath->programs[program], path);
}

static int mend_programs(const struct mending *mending)
{
	struct datapath *datapath = mending->datapath;
	char path[PIN_PATH_BYTES];
	struct pin_stamp stamp;
	bool restored;
	int i, r = datapath_build_refresh(datapath, &restored);

	if (restored)
		tell(mending, STANDING_PIN_REMOVED, "programs");
	if (!r)
		r = programs_path(datapath, path);
	if (!r)
		r = pin_stamp(path, &stamp);
	for (i = 0; !r && i < PROGRAM_COUNT; i++)
		r = mend_program(mending, path, i);
	if (!r)
		datapath->upkeep->programs_stamp = stamp;
	return r;
}

/* --- maps ------------------------------------------------------------------------------------ */

static int maps_path(char ret_path[static PIN_PATH_BYTES])
{
	return pin_path(ret_path, "%s/maps", datapath_contract_path);
}

static void hold_map(const char *name, void *data)
{
	struct datapath_upkeep *upkeep = data;
	struct held_map *map = &upkeep->maps[upkeep->map_count];
	char path[PIN_PATH_BYTES];

	if (upkeep->map_count == MAPS_MAX ||
	    pin_path(path, "%s/maps/%s", datapath_contract_path, name))
		return;
	map->fd = bpf_obj_get(path);
	if (map->fd < 0)
		return;
	if (datapath_map_id(map->fd, &map->id)) {
		close_fd(&map->fd);
		return;
	}
	snprintf(map->name, sizeof(map->name), "%s", name);
	upkeep->map_count++;
}

static int mend_map(const struct mending *mending, const struct held_map *map)
{
	char path[PIN_PATH_BYTES];
	int r = pin_path(path, "%s/maps/%s", datapath_contract_path, map->name);

	if (!r)
		r = pin_check(path, map->id);
	if (!r)
		return 0;
	tell(mending, r == -ENOENT ? STANDING_PIN_REMOVED : STANDING_PIN_FOREIGN, "maps");
	return pin_put(map->fd, path);
}

static int mend_maps(const struct mending *mending)
{
	struct datapath_upkeep *upkeep = mending->datapath->upkeep;
	char path[PIN_PATH_BYTES];
	struct pin_stamp stamp;
	int r = maps_path(path);
	size_t i;

	if (!r)
		r = pin_mkdir(path);
	if (!r)
		r = pin_stamp(path, &stamp);
	for (i = 0; !r && i < upkeep->map_count; i++)
		r = mend_map(mending, &upkeep->maps[i]);
	if (!r)
		upkeep->maps_stamp = stamp;
	return r;
}

static void find_any(const char *name, void *data)
{
	(void)name;
	*(bool *)data = true;
}

/* Whether the maps that are pinned are others, all of them: of who began anew. */
static bool is_superseded(const struct datapath *datapath)
{
	char path[PIN_PATH_BYTES];
	bool any = false;
	uint32_t id;
	struct stat st;

	if (!stat(datapath_contract_path, &st))
		return !datapath_map_id(datapath->targets, &id) &&
		       !pin_path(path, "%s/maps/targets", datapath_contract_path) &&
		       pin_check(path, id) == -EEXIST;
	pin_each(CONTRACTS_ROOT, find_any, &any);
	return any;
}

/* --- all of it ------------------------------------------------------------------------------- */

static bool is_right(const struct datapath *datapath)
{
	const struct datapath_upkeep *upkeep = datapath->upkeep;
	char maps[PIN_PATH_BYTES], programs[PIN_PATH_BYTES];

	return !maps_path(maps) && !programs_path(datapath, programs) &&
	       pin_unchanged(datapath_contract_path, &upkeep->contract) &&
	       pin_unchanged(maps, &upkeep->maps_stamp) &&
	       pin_unchanged(programs, &upkeep->programs_stamp);
}

static int mend(const struct mending *mending)
{
	struct pin_stamp stamp;
	int r;

	if (is_superseded(mending->datapath))
		return -ESTALE;
	r = pin_mkdir(DATAPATH_ROOT);
	if (!r)
		r = pin_mkdir(CONTRACTS_ROOT);
	if (!r)
		r = pin_mkdir(datapath_contract_path);
	if (!r)
		r = mend_maps(mending);
	if (!r)
		r = mend_programs(mending);
	if (!r && !pin_stamp(datapath_contract_path, &stamp))
		mending->datapath->upkeep->contract = stamp;
	return r;
}

static int upkeep_begin(struct datapath *datapath)
{
	char path[PIN_PATH_BYTES];

	if (datapath->upkeep)
		return 0;
	datapath->upkeep = calloc(1, sizeof(*datapath->upkeep));
	if (!datapath->upkeep)
		return -ENOMEM;
	return maps_path(path) ? 0 : pin_each(path, hold_map, datapath->upkeep);
}

int datapath_mend(struct datapath *datapath, datapath_problem_fn mended, void *data)
{
	const struct mending mending = { datapath, mended, data };
	int r = upkeep_begin(datapath);

	if (r || is_right(datapath))
		return r;
	r = datapath_relock(datapath);
	if (r)
		return r;
	r = mend(&mending);
	datapath_unlock(datapath);
	return r;
}
