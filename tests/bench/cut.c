// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How long it takes to cut the connections of a cgroup, among others in the same namespace:
 *   cut INSIDE OUTSIDE
 * prints milliseconds for a pass that cuts nothing, and for cutting all of them. As root.
 */
#include <sys/resource.h>

#include "../unit/workload.h"

#include "flows.h"

static int raise_limit(int a, int b)
{
	struct rlimit limit;

	(void)a, (void)b;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

static int enter_netns(int pid, int unused)
{
	char path[64];
	_cleanup_close_ int fd = -1;

	(void)unused;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return setns(fd, CLONE_NEWNET);
}

static int connect_many(int server, int count)
{
	int i, fd;

	for (i = 0; i < count; i++) {
		fd = connect_to(server, 0);
		if (fd < 0)
			return fd;
		fd = accept_from(server, 0);
		if (fd < 0)
			return fd;
	}
	return 0;
}

static bool never(const struct flow *flow, void *data)
{
	(void)flow, (void)data;
	return false;
}

static double time_ms(const struct workload *workload, flows_predicate_fn predicate,
		      size_t *ret_count)
{
	uint64_t begin = monotonic_ns();

	assert_int_equal(flows_cut(workload->cgroup.fd, predicate, NULL, ret_count), 0);
	return (double)(monotonic_ns() - begin) / (double)NSEC_PER_MSEC;
}

int main(int argc, char *argv[])
{
	int inside = argc > 1 ? atoi(argv[1]) : 1000, outside = argc > 2 ? atoi(argv[2]) : 10000;
	struct child *client, *other;
	struct workload *workload;
	size_t count;
	int i, server;
	void *state;

	if (set_up_workload(&state))
		return 1;
	workload = state;
	client = start_child(workload);
	get(client, raise_limit, 0, 0);
	get(client, new_netns, 0, 0);
	/* Two, as one process may not have so many descriptors. */
	for (i = 0; i < 2; i++) {
		other = start_child(workload);
		get(other, raise_limit, 0, 0);
		get(other, enter_netns, client->pid, 0);
		get(other, connect_many, get(other, serve, AF_INET, SOCK_STREAM), outside / 2);
	}
	/* The other ends are made outside. */
	server = get(client, serve, AF_INET, SOCK_STREAM);
	get(client, join_cgroup, workload->cgroup.fd, 0);
	get(client, connect_many, server, inside);
	printf("%d inside, %d connections outside: a pass %.1f ms", inside, outside,
	       time_ms(workload, never, &count));
	printf(", to cut all %.1f ms", time_ms(workload, NULL, &count));
	printf(" (%zu cut)\n", count);
	return tear_down_workload(&state);
}
