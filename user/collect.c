// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect.h"

#include <string.h>

#include "cgroup.h"
#include "datapath.h"
#include "flows.h"

struct collection {
	struct datapath *datapath;
	const char *parent;
};

static bool is_run(const char *name)
{
	return !strncmp(name, COLLECT_PREFIX, sizeof(COLLECT_PREFIX) - 1);
}

static void remove_fence(struct datapath *datapath, const char *name)
{
	datapath_fence_detach(name);
	datapath_policy_collect(datapath, name);
}

/* Dead: no cgfence holds its lock. Empty: no process would be set free. */
static void collect_cgroup(const char *name, void *data)
{
	const struct collection *collection = data;
	struct cgroup cgroup = { .fd = -1 };
	bool populated = true, own;

	if (!is_run(name) || cgroup_adopt(collection->parent, name, &cgroup))
		return;
	if (cgroup_populated(&cgroup, &populated) || populated) {
		cgroup_close(&cgroup);
		return;
	}
	flows_cut_questions(cgroup.fd);
	/* In this order: a cgroup that can be removed has nobody in it. */
	own = datapath_fence_is_orphan(name, cgroup.fd);
	if (!cgroup_remove(&cgroup) && own)
		remove_fence(collection->datapath, name);
}

/* Pins whose cgroup someone else removed. */
static void collect_pins(const char *name, void *data)
{
	const struct collection *collection = data;

	if (is_run(name) && datapath_fence_is_orphan(name, -1))
		remove_fence(collection->datapath, name);
}

void collect_dead_runs(struct datapath *datapath, const char *cgroup_parent_path)
{
	struct collection collection = { .datapath = datapath, .parent = cgroup_parent_path };

	cgroup_each(cgroup_parent_path, collect_cgroup, &collection);
	datapath_each_fence(collect_pins, &collection);
	/* Its maker died before there was a fence. */
	datapath_each_policy(collect_pins, &collection);
}
