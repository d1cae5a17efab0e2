// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A fence as it was made, and what the kernel has of it, made the same again. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "datapath_internal.h"
#include "tree.h"

struct mending {
	struct datapath *datapath;
	struct datapath_fence *fence;
	int cgroup_fd;
	const struct cgf_target *target;
	datapath_problem_fn told;
	void *data;
};

static void tell(const struct mending *mending, enum standing_fault fault, const char *of)
{
	const struct standing_problem problem = { fault, of };

	mending->told(&problem, mending->data);
}

/* --- is all as it should be? ----------------------------------------------------------------- */

static bool link_is_right(const struct mending *mending, enum datapath_program program)
{
	const struct datapath_fence *fence = mending->fence;
	uint32_t linked;
	uint64_t cgroup;

	if (!datapath_fence_wants(mending->datapath, program))
		return true;
	return fence->links[program] >= 0 &&
	       !datapath_link_info(fence->links[program], &cgroup, &linked) &&
	       cgroup == fence->cgroup && linked == mending->datapath->program_ids[program];
}

static bool target_is_right(const struct mending *mending)
{
	struct cgf_target target, wanted = *mending->target;

	wanted.cgroup_id = mending->fence->cgroup;
	return !datapath_fence_target(mending->datapath, mending->fence, &target) &&
	       !memcmp(&target, &wanted, sizeof(target));
}

static bool is_right(const struct mending *mending)
{
	char path[PIN_PATH_BYTES];
	int i;

	for (i = 0; i < PROGRAM_COUNT; i++)
		if (!link_is_right(mending, i))
			return false;
	return target_is_right(mending) &&
	       !pin_path(path, LINKS_ROOT "/%s", mending->fence->name) &&
	       pin_unchanged(path, &mending->fence->stamp);
}

/* --- links ----------------------------------------------------------------------------------- */

static int attach(const struct mending *mending, enum datapath_program program)
{
	struct datapath_fence *fence = mending->fence;
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_BYTES];
	uint32_t id;
	int r = datapath_link_create(mending->datapath, program, mending->cgroup_fd, fence->cgroup,
				     &fd);

	if (!r)
		r = datapath_link_id(fd, &id);
	if (!r)
		r = datapath_fence_path(fence, program, path);
	if (r)
		return r;
	/* The old one, if it is on the cgroup still, is let go after this one is there. */
	close_fd(&fence->links[program]);
	fence->links[program] = TAKE_FD(fd);
	fence->ids[program] = id;
	fence->foreign[program] = false;
	return pin_put(fence->links[program], path);
}

static int attach_anew(const struct mending *mending, enum datapath_program program,
		       enum standing_fault fault)
{
	tell(mending, fault, datapath_program_names[program]);
	return attach(mending, program);
}

/* By exchange, so that there is no moment without; or by another link. */
static int replace_program(const struct mending *mending, enum datapath_program program)
{
	int r;

	tell(mending, STANDING_PROGRAM_REPLACED, datapath_program_names[program]);
	r = bpf_link_update(mending->fence->links[program], mending->datapath->programs[program],
			    NULL);
	return r ? attach(mending, program) : 0;
}

static int mend_link(const struct mending *mending, enum datapath_program program)
{
	const struct datapath_fence *fence = mending->fence;
	uint32_t linked;
	uint64_t cgroup;
	int r;

	if (!datapath_fence_wants(mending->datapath, program))
		return 0;
	if (fence->links[program] < 0)
		return attach_anew(mending, program,
				   fence->foreign[program] ? STANDING_LINK_FOREIGN
							   : STANDING_LINK_MISSING);
	r = datapath_link_info(fence->links[program], &cgroup, &linked);
	if (r)
		return r;
	if (cgroup != fence->cgroup)
		return attach_anew(mending, program, STANDING_LINK_DETACHED);
	return linked == mending->datapath->program_ids[program]
		       ? 0
		       : replace_program(mending, program);
}

/* --- pins ------------------------------------------------------------------------------------ */

static int mend_pin(const struct mending *mending, enum datapath_program program)
{
	const struct datapath_fence *fence = mending->fence;
	char path[PIN_PATH_BYTES];
	int r;

	if (fence->links[program] < 0)
		return 0;
	r = datapath_fence_path(fence, program, path);
	if (!r)
		r = pin_check(path, fence->ids[program]);
	if (!r)
		return 0;
	tell(mending, r == -ENOENT ? STANDING_PIN_REMOVED : STANDING_PIN_FOREIGN,
	     datapath_program_names[program]);
	return pin_put(fence->links[program], path);
}

static int mend_pins(const struct mending *mending)
{
	char path[PIN_PATH_BYTES];
	struct pin_stamp stamp;
	int i, r = pin_path(path, LINKS_ROOT "/%s", mending->fence->name);

	/* Before they are looked at: what changes then is seen the next time. */
	if (!r)
		r = pin_stamp(path, &stamp);
	for (i = 0; !r && i < PROGRAM_COUNT; i++)
		r = mend_pin(mending, i);
	if (!r)
		mending->fence->stamp = stamp;
	return r;
}

static int make_directory(const struct datapath_fence *fence)
{
	char path[PIN_PATH_BYTES];
	int r = pin_path(path, LINKS_ROOT "/%s", fence->name);

	if (!r)
		r = pin_mkdir(DATAPATH_ROOT);
	if (!r)
		r = pin_mkdir(LINKS_ROOT);
	return r ? r : pin_mkdir(path);
}

/* --- all of it ------------------------------------------------------------------------------- */

static void mend_target(const struct mending *mending)
{
	if (target_is_right(mending))
		return;
	tell(mending, STANDING_TARGET_CHANGED, NULL);
	datapath_fence_retarget(mending->datapath, mending->cgroup_fd, mending->target);
}

/* The target first: a link that is attached then decides by it. */
static int mend(const struct mending *mending)
{
	int i, r, result = make_directory(mending->fence);
	bool ignored;

	/* What another build has put there is what is wanted. */
	r = datapath_build_refresh(mending->datapath, &ignored);
	result = result ? result : r;
	mend_target(mending);
	for (i = 0; i < PROGRAM_COUNT; i++) {
		r = mend_link(mending, i);
		result = result ? result : r;
	}
	/* Before there was a link there may have been nowhere to write it. */
	if (!target_is_right(mending))
		r = datapath_fence_retarget(mending->datapath, mending->cgroup_fd, mending->target);
	result = result ? result : r;
	r = mend_pins(mending);
	return result ? result : r;
}

/* Nothing is found in a directory that was removed; what cannot be looked at is not gone. */
static bool is_gone(const struct mending *mending)
{
	return tree_is_gone(mending->cgroup_fd);
}

int datapath_fence_mend(struct datapath *datapath, struct datapath_fence *fence, int cgroup_fd,
			const struct cgf_target *target, datapath_problem_fn mended, void *data)
{
	const struct mending mending = { datapath, fence, cgroup_fd, target, mended, data };
	int r;

	if (is_right(&mending))
		return 0;
	if (is_gone(&mending))
		return -ENOLINK;
	r = datapath_lock(datapath, false, NULL);
	if (r)
		return r;
	r = mend(&mending);
	datapath_unlock(datapath);
	return r && is_gone(&mending) ? -ENOLINK : r;
}
