/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A fence that is held and mended, and what is told of it; datagrams that say how it decides. */
#ifndef CGFENCE_TESTS_BPF_MENDED_H
#define CGFENCE_TESTS_BPF_MENDED_H

#include "fenced.h"

#include <sys/stat.h>

#define ALLOWED "198.51.100.10"
#define DENIED "198.51.100.66"
#define PORT 443
#define RULES "allow " ALLOWED ":443/udp\n"
#define TOLD_MAX 64

struct told {
	struct standing_problem problems[TOLD_MAX];
	size_t count;
};

static inline void tell(const struct standing_problem *problem, void *data)
{
	struct told *told = data;

	assert_true(told->count < TOLD_MAX);
	told->problems[told->count++] = *problem;
}

static inline struct datapath_fence *hold(const struct fenced *fenced)
{
	struct datapath_fence *fence;
	struct failure failure;

	if (datapath_fence_open(fenced->datapath, fenced->cgroup.name, &fence, &failure))
		fail_msg("%s", failure.text);
	return fence;
}

/* A round of what a daemon does. */
static inline struct told mend(const struct fenced *fenced, struct datapath_fence *fence)
{
	struct cgf_target target = target_of(fenced);
	struct told told = {};

	assert_int_equal(datapath_mend(fenced->datapath, tell, &told), 0);
	assert_int_equal(datapath_policy_mend(fenced->datapath, fenced->maps, tell, &told), 0);
	assert_int_equal(datapath_fence_mend(fenced->datapath, fence, fenced->cgroup.fd, &target,
					     tell, &told),
			 0);
	return told;
}

static inline bool has_told(const struct told *told, enum standing_fault fault, const char *of)
{
	size_t i;

	for (i = 0; i < told->count; i++)
		if (told->problems[i].fault == fault && (!of || !strcmp(of, told->problems[i].of)))
			return true;
	return false;
}

static inline void print_told(const struct told *told)
{
	char text[STANDING_PROBLEM_BYTES];
	size_t i;

	for (i = 0; i < told->count; i++)
		print_message("told: %s\n", standing_problem_format(&told->problems[i], text));
}

/* One fault is told as one, and then there is none. */
static inline void mends(const struct fenced *fenced, struct datapath_fence *fence,
			 enum standing_fault fault, const char *of)
{
	struct told told = mend(fenced, fence);

	if (told.count != 1 || !has_told(&told, fault, of)) {
		print_told(&told);
		fail_msg("not one, or not %s of %s", standing_fault_to_string(fault), of);
	}
	assert_int_equal(mend(fenced, fence).count, 0);
}

static inline int send_to(int fd, const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	assert_int_equal(inet_pton(AF_INET, address, &to.sin_addr), 1);
	return sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
}

static inline void decides(const struct fenced *fenced)
{
	int fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(send_to(fd, ALLOWED), 0);
	assert_int_equal(send_to(fd, DENIED), EPERM);
	close_fd(&fd);
}

static inline bool passes(const struct fenced *fenced, const char *address)
{
	int r, fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);

	r = send_to(fd, address);
	close_fd(&fd);
	return !r;
}

static inline void link_path(const struct fenced *fenced, enum datapath_program program,
			     char path[static PIN_PATH_BYTES])
{
	assert_int_equal(pin_path(path, LINKS_ROOT "/%s/%s", fenced->cgroup.name,
				  datapath_program_names[program]),
			 0);
}

static inline void map_path(const struct fenced *fenced, enum datapath_kind kind,
			    char path[static PIN_PATH_BYTES])
{
	assert_int_equal(pin_path(path, POLICIES_ROOT "/%s/%s", fenced->cgroup.name,
				  datapath_kind_names[kind]),
			 0);
}

/* Whoever removes it holds no lock. */
static inline void remove_pin(const char *path)
{
	assert_int_equal(unlink(path), 0);
}

#endif
