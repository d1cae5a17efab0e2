/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a killed cgfence leaves: its fence stays as long as a process is inside, and is collected by
 * the next run.
 */
#ifndef CGFENCE_COLLECT_H
#define CGFENCE_COLLECT_H

struct datapath;

/* Every fence that `run` makes, and nothing else, has a name that begins with this. */
#define COLLECT_PREFIX "run-"

/* Removes the cgroups, links and policies of dead runs. The datapath's lock must be held. */
void collect_dead_runs(struct datapath *datapath, const char *cgroup_parent_path);

#endif
