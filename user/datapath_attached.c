// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The links of a fence, read back from the kernel, and the maps that their programs use: by the
 * programs themselves, for those may be of a build that is not pinned any more.
 */
#include <errno.h>
#include <string.h>

#include "datapath_internal.h"

/* Far more than any program of ours uses. */
#define PROGRAM_MAPS_MAX 64

/* A link that is pinned: what is told of it, and the maps of its program. */
struct link {
	struct bpf_link_info info;
	struct bpf_prog_info program;
	uint32_t maps[PROGRAM_MAPS_MAX];
};

static int read_program(struct link *link)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(link->info.prog_id);
	uint32_t length = sizeof(link->program);

	if (fd < 0)
		return fd;
	link->program = (struct bpf_prog_info){
		.nr_map_ids = PROGRAM_MAPS_MAX,
		.map_ids = (uint64_t)(uintptr_t)link->maps,
	};
	return bpf_obj_get_info_by_fd(fd, &link->program, &length);
}

static int read_link(const char *fence, const char *name, struct link *link)
{
	uint32_t length = sizeof(link->info);
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_BYTES];
	int r = pin_path(path, LINKS_ROOT "/%s/%s", fence, name);

	if (r)
		return r;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	link->info = (struct bpf_link_info){};
	r = bpf_obj_get_info_by_fd(fd, &link->info, &length);
	return r ? r : read_program(link);
}

/* Where a map belongs: an array of a kind, or one of these. */
enum {
	PLACE_TARGETS = KIND_COUNT,
	PLACE_KEEPERS,
	PLACE_COUNT,
	PLACE_NONE = -1, /* it does not count here */
};

/* What is read of one fence. */
struct reader {
	struct datapath *used;
	uint32_t ids[PLACE_COUNT]; /* of the maps in `used` */
	struct datapath_known *known;
};

static int place_by_name(const char *map)
{
	char name[2 * CGF_COMM_BYTES];
	int i;

	if (!strcmp(map, "targets"))
		return PLACE_TARGETS;
	if (!strcmp(map, "keepers"))
		return PLACE_KEEPERS;
	for (i = 0; i < KIND_COUNT; i++) {
		snprintf(name, sizeof(name), "%s_maps", datapath_kind_names[i]);
		if (!strcmp(map, name))
			return i;
	}
	return PLACE_NONE;
}

static int *fd_of(struct datapath *used, int place)
{
	if (place == PLACE_TARGETS)
		return &used->targets;
	return place == PLACE_KEEPERS ? &used->keepers : &used->arrays[place];
}

static int ask_place(uint32_t id, int *ret_place)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	int r = fd < 0 ? fd : bpf_obj_get_info_by_fd(fd, &info, &length);

	if (!r)
		*ret_place = place_by_name(info.name);
	return r;
}

static int find_place(struct datapath_known *known, uint32_t id, int *ret_place)
{
	size_t i;
	int r;

	for (i = 0; i < known->count; i++) {
		if (known->maps[i].id == id) {
			*ret_place = known->maps[i].place;
			return 0;
		}
	}
	r = ask_place(id, ret_place);
	if (r || known->count == KNOWN_MAPS_MAX)
		return r;
	known->maps[known->count].id = id;
	known->maps[known->count++].place = *ret_place;
	return 0;
}

static int use_map(struct reader *reader, uint32_t id, bool *ret_targets)
{
	int *fd, place = PLACE_NONE, r = find_place(reader->known, id, &place);

	if (r || place == PLACE_NONE)
		return r;
	fd = fd_of(reader->used, place);
	if (*fd < 0) {
		*fd = bpf_map_get_fd_by_id(id);
		reader->ids[place] = id;
	}
	/* All decide by the same one; an upgrade that is not done leaves programs of two builds. */
	if (place == PLACE_TARGETS)
		*ret_targets = reader->ids[place] == id;
	return *fd < 0 ? *fd : 0;
}

static bool is_ours(const struct link *link, enum datapath_program program)
{
	return link->info.type == BPF_LINK_TYPE_CGROUP &&
	       link->info.cgroup.attach_type == datapath_attach_types[program] &&
	       !strcmp(link->program.name, datapath_program_names[program]);
}

static int use_program(struct reader *reader, const struct link *link, bool *ret_ours)
{
	uint32_t i;
	int r = 0;

	*ret_ours = false;
	for (i = 0; !r && i < link->program.nr_map_ids && i < PROGRAM_MAPS_MAX; i++)
		r = use_map(reader, link->maps[i], ret_ours);
	return r;
}

/* `cgroup` is what the first link is on that is on any. */
static void judge(struct standing *standing, const struct link *link, const char *name, bool ours)
{
	uint64_t cgroup = link->info.cgroup.cgroup_id;

	if (!ours) {
		standing_add_problem(standing, STANDING_LINK_FOREIGN, name);
		return;
	}
	if (cgroup && !standing->cgroup_id)
		standing->cgroup_id = cgroup;
	if (!cgroup)
		standing_add_problem(standing, STANDING_LINK_DETACHED, name);
	else if (cgroup != standing->cgroup_id)
		standing_add_problem(standing, STANDING_LINK_ASTRAY, name);
}

struct search {
	struct standing *standing;
	const char *contract, *program;
	uint32_t id; /* of the program */
};

static bool is_pinned_in(const struct search *search, const char *directory)
{
	_cleanup_close_ int fd = -1;
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);
	char path[PIN_PATH_BYTES];

	if (pin_path(path, CONTRACTS_ROOT "/%s/%s/%s", search->contract, directory,
		     search->program))
		return false;
	fd = bpf_obj_get(path);
	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &length) && info.id == search->id;
}

/* Those of an upgrade that is not done have no name yet. */
static void search_build(const char *directory, void *data)
{
	const struct search *search = data;

	if (strncmp(directory, PROGRAMS_PREFIX, strlen(PROGRAMS_PREFIX)) ||
	    !strcmp(directory, PROGRAMS_NEW) || !is_pinned_in(search, directory))
		return;
	snprintf(search->standing->build, sizeof(search->standing->build), "%s",
		 directory + strlen(PROGRAMS_PREFIX));
}

static void search_contract(const char *contract, void *data)
{
	struct search *search = data;
	char path[PIN_PATH_BYTES];

	search->contract = contract;
	if (!pin_path(path, CONTRACTS_ROOT "/%s", contract))
		pin_each(path, search_build, search);
}

static void find_build(struct standing *standing, const struct link *link, const char *program)
{
	struct search search = { standing, NULL, program, link->program.id };

	pin_each(CONTRACTS_ROOT, search_contract, &search);
}

static int read_one(struct standing *standing, struct reader *reader, enum datapath_program program)
{
	const char *name = datapath_program_names[program];
	struct link link;
	bool ours;
	int r = read_link(standing->name, name, &link);

	if (r == -ENOENT && program == PROGRAM_SOCKET_CREATE)
		return 0;
	if (r == -ENOENT) {
		standing_add_problem(standing, STANDING_LINK_MISSING, name);
		return 0;
	}
	ours = !r && is_ours(&link, program);
	if (ours)
		r = use_program(reader, &link, &ours);
	if (r)
		return r;
	judge(standing, &link, name, ours);
	if (ours && !standing->build[0])
		find_build(standing, &link, name);
	standing->families |= ours && program == PROGRAM_SOCKET_CREATE;
	return 0;
}

int datapath_attached_read(struct standing *standing, struct datapath *used,
			   struct datapath_known *known)
{
	struct reader reader = { .used = used, .known = known };
	int i, error, r = 0;

	for (i = 0; i < PROGRAM_COUNT; i++) {
		error = read_one(standing, &reader, i);
		r = r ? r : error;
	}
	/* One for all, rather than one for each. */
	if (!r && !standing->cgroup_id) {
		standing->problem_count = 0;
		standing_add_problem(standing, STANDING_UNATTACHED, NULL);
	}
	standing->learns = used->arrays[KIND_GRANTS] >= 0 && used->arrays[KIND_NAMES] >= 0;
	return r;
}
