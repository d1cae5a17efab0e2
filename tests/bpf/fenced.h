/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A fence on the real kernel, put up by the product's own modules: in a network namespace of the
 * test's own, where whatever is not local leaves through a TUN device that the test reads, and with
 * a BPF file system of its own, so that nothing of the host's is touched. As root.
 *
 * The test itself stays outside. A socket belongs to the cgroup it was made in, so a child makes
 * those that are to be fenced, and before the fence stands also some that it would refuse.
 */
#ifndef CGFENCE_TESTS_BPF_FENCED_H
#define CGFENCE_TESTS_BPF_FENCED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cgroup.h"
#include "datapath_internal.h"
#include "past.h"
#include "policy.h"

#define DEADLINE_MS 5000
#define POLICY_ENTRIES 4096

/* Ours at the device; everything else is on its other side. */
#define OUR_IPV4 "198.18.0.2"
#define OUR_IPV6 "2001:db8:1::2"
#define DEVICE "cgf-test"
#define MAKE_ROUTES                                                                                \
	"ip link set lo up && ip link set " DEVICE " txqueuelen 4096 up && "                       \
	"ip addr add " OUR_IPV4 "/24 dev " DEVICE " && ip route add default dev " DEVICE " && "    \
	"ip addr add " OUR_IPV6 "/64 dev " DEVICE " nodad && "                                     \
	"ip route add default via fe80::1 dev " DEVICE

struct fenced {
	struct cgroup cgroup;
	struct datapath *datapath;
	struct datapath_policy *maps;
	struct policy *policy;
	int device;
};

static inline int device_open(void)
{
	struct ifreq request = { .ifr_name = DEVICE, .ifr_flags = IFF_TUN };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) || system(MAKE_ROUTES))
		return -1;
	return fd;
}

static inline int enter_namespaces(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL))
		return -1;
	return mount("bpf", DATAPATH_BPFFS, "bpf", 0, "mode=700");
}

static inline int make_cgroup(struct cgroup *cgroup, struct failure *failure)
{
	char parent[CGROUP_PATH_BYTES], name[CGROUP_NAME_BYTES];
	int r = cgroup_parent(parent, failure);

	snprintf(name, sizeof(name), "test-%d", getpid());
	return r ? r : cgroup_create(parent, name, cgroup, failure);
}

static inline int set_up_fenced(void **state)
{
	struct fenced *fenced = calloc(1, sizeof(*fenced));
	struct failure failure = {};

	if (!fenced || enter_namespaces())
		return -1;
	*state = fenced;
	fenced->device = device_open();
	if (fenced->device < 0)
		print_error("no TUN device: %s\n", strerror(errno));
	/* The cgroup last: it is all that does not go with the process. */
	if (fenced->device >= 0 && !datapath_open(&fenced->datapath, &failure) &&
	    !make_cgroup(&fenced->cgroup, &failure))
		return 0;
	print_error("%s\n", failure.text);
	return -1;
}

static inline bool has_programs(const struct cgroup *cgroup)
{
	uint32_t count;
	int i;

	for (i = 0; i < PROGRAM_COUNT; i++) {
		count = 0;
		if (!bpf_prog_query(cgroup->fd, datapath_attach_types[i], 0, NULL, NULL, &count) &&
		    count)
			return true;
	}
	return false;
}

/* A link that is not pinned any more detaches its program a little later. */
static inline void take_fence_down(struct fenced *fenced)
{
	const uint64_t deadline_ns = monotonic_ns() + DEADLINE_MS * NSEC_PER_MSEC;

	datapath_fence_detach(fenced->cgroup.name);
	while (has_programs(&fenced->cgroup) && monotonic_ns() < deadline_ns)
		poll(NULL, 0, 1);
	datapath_policy_destroy(fenced->datapath, &fenced->maps);
	policy_finish(&fenced->policy);
}

static inline int tear_down_fence(void **state)
{
	take_fence_down(*state);
	return 0;
}

#define FENCED_TEST(test) cmocka_unit_test_teardown(test, tear_down_fence)

/* Namespaces, mounts and pins go with the process. */
static inline int tear_down_fenced(void **state)
{
	struct fenced *fenced = *state;
	int r;

	take_fence_down(fenced);
	datapath_close(&fenced->datapath);
	close_fd(&fenced->device);
	r = cgroup_remove(&fenced->cgroup);
	free(fenced);
	return r;
}

static inline void flush_policy(const struct fenced *fenced)
{
	size_t refused;

	assert_int_equal(policy_flush(fenced->policy, fenced->maps, &refused), 0);
}

static inline struct cgf_target target_of(const struct fenced *fenced)
{
	struct cgf_target target = policy_target(fenced->policy);

	target.policy = datapath_policy_slot(fenced->maps) + 1;
	/* Nothing is sent here by pages that change. */
	target.flags |= CGF_TARGET_TCP_QUESTIONS;
	return target;
}

static inline void make_policy(struct fenced *fenced, const char *text)
{
	struct policyfile_error error;
	struct rules rules = {};
	struct failure failure;

	if (policyfile_parse(text, strlen(text), &rules, &error))
		fail_msg("%s", text);
	assert_int_equal(policy_init(&fenced->policy, &rules, &failure), 0);
	assert_int_equal(datapath_policy_create(fenced->datapath, fenced->cgroup.name,
						POLICY_ENTRIES, &fenced->maps, &failure),
			 0);
	flush_policy(fenced);
}

static inline void put_fence_up(struct fenced *fenced, const char *text)
{
	struct cgf_target target;
	struct failure failure;

	make_policy(fenced, text);
	target = target_of(fenced);
	if (datapath_fence_attach(fenced->datapath, fenced->cgroup.name, fenced->cgroup.fd, &target,
				  false, &failure))
		fail_msg("%s", failure.text);
}

static inline void set_mode(const struct fenced *fenced, enum cgf_mode mode)
{
	struct cgf_target target = target_of(fenced);

	target.mode = mode;
	assert_int_equal(datapath_fence_retarget(fenced->datapath, fenced->cgroup.fd, &target), 0);
}

/* --- a name's answer, that came `age_s` ago -----------------------------------------------------
 */

struct wanted_name {
	const char *text;
	struct policy_name *name;
};

static inline int name_is(struct policy_name *name, const char *text, void *data)
{
	struct wanted_name *wanted = data;

	if (!strcmp(text, wanted->text))
		wanted->name = name;
	return 0;
}

static inline void learn_name(const struct fenced *fenced, const char *text,
			      const struct address *address, uint64_t age_s)
{
	const struct policy_answer answer = {
		.addresses = address,
		.count = 1,
		.ttl_s = 1,
		.now_ns = past_ns(age_s),
		.ipv6 = !address_is_ipv4(address),
	};
	struct wanted_name wanted = { .text = text };
	struct policy_learned learned;

	policy_each_name(fenced->policy, name_is, &wanted);
	assert_non_null(wanted.name);
	assert_int_equal(policy_learn(fenced->policy, wanted.name, &answer, &learned), 0);
	assert_int_equal(learned.special, 0);
	flush_policy(fenced);
}

#define GONE_S (POLICY_TTL_FLOOR_S + POLICY_GRACE_S + 1)

/* --- sockets that were made inside --------------------------------------------------------------
 */

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static inline int make_inside(const struct cgroup *cgroup, int family, int type, int protocol)
{
	_cleanup_close_ int procs = openat(cgroup->fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (procs < 0 || write(procs, "0", 1) != 1)
		return -1;
	return socket(family, type, protocol);
}

static inline int hand_over(int channel, int fd)
{
	struct iovec byte = { .iov_base = "", .iov_len = 1 };
	union control control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
					      .cmsg_level = SOL_SOCKET,
					      .cmsg_type = SCM_RIGHTS } };
	struct msghdr message = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	if (fd < 0)
		return 1;
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(channel, &message, 0) == 1 ? 0 : 1;
}

static inline int take_over(int channel)
{
	union control control = {};
	char room;
	struct iovec byte = { .iov_base = &room, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) == 1 && message.msg_controllen)
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static inline int socket_inside(const struct fenced *fenced, int family, int type, int protocol)
{
	int channel[2], fd;
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(hand_over(channel[1], make_inside(&fenced->cgroup, family, type, protocol)));
	close(channel[1]);
	fd = take_over(channel[0]);
	close(channel[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(fd >= 0);
	return fd;
}

#endif
