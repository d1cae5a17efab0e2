// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A fence whose programs are replaced while it stands. Programs of this build that are loaded again
 * stand for those of another: to the kernel they are.
 */
#include "fenced.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define RODATA_BYTES_MAX 256
#define ALLOWED "198.51.100.10"
#define DENIED "198.51.100.66"
#define PORT 443
#define RULES "allow " ALLOWED ":443/udp\n"
/* Enough for each hook to be met in the middle: a switch takes about as long as a datagram. */
#define ROUNDS 20000

static void remove_programs(const char *name, void *data)
{
	char path[PIN_PATH_BYTES];

	(void)data;
	if (strncmp(name, "programs-", 9))
		return;
	assert_int_equal(pin_path(path, "%s/%s", datapath_contract_path, name), 0);
	assert_int_equal(pin_remove_dir(path), 0);
}

/* As if this build had never been here. */
static struct datapath *open_anew(struct fenced *fenced)
{
	struct datapath *next;
	struct failure failure;

	datapath_unlock(fenced->datapath);
	if (datapath_open(&next, &failure))
		fail_msg("%s", failure.text);
	datapath_unlock(next);
	return next;
}

static struct datapath *upgrade(struct fenced *fenced)
{
	assert_int_equal(pin_each(datapath_contract_path, remove_programs, NULL), 0);
	return open_anew(fenced);
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	return info.id;
}

static bool has_programs_of(const struct fenced *fenced, const struct datapath *datapath)
{
	char path[PIN_PATH_BYTES];
	uint32_t program;
	uint64_t cgroup;
	int i, fd;
	bool same = true;

	for (i = 0; i < PROGRAM_SOCKET_CREATE; i++) {
		assert_int_equal(pin_path(path, LINKS_ROOT "/%s/%s", fenced->cgroup.name,
					  datapath_program_names[i]),
				 0);
		fd = bpf_obj_get(path);
		assert_true(fd >= 0);
		assert_int_equal(datapath_link_info(fd, &cgroup, &program), 0);
		assert_int_not_equal(cgroup, 0);
		same = same && program == program_id(datapath->programs[i]);
		close_fd(&fd);
	}
	return same;
}

static struct sockaddr_in to(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	assert_int_equal(inet_pton(AF_INET, address, &to.sin_addr), 1);
	return to;
}

static int send_to(int fd, const char *address)
{
	const struct sockaddr_in destination = to(address);

	return sendto(fd, "x", 1, 0, (const struct sockaddr *)&destination, sizeof(destination)) < 0
		       ? errno
		       : 0;
}

static int connect_to(int fd, const char *address)
{
	const struct sockaddr_in destination = to(address);

	return connect(fd, (const struct sockaddr *)&destination, sizeof(destination)) ? errno : 0;
}

static void decides_as_before(const struct fenced *fenced)
{
	int fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(send_to(fd, ALLOWED), 0);
	assert_int_equal(send_to(fd, DENIED), EPERM);
	assert_int_equal(connect_to(fd, DENIED), EPERM);
	assert_int_equal(connect_to(fd, ALLOWED), 0);
	close_fd(&fd);
}

/* Which way a target is written decides nothing: the programs read the one that there is. */
static void obeys(const struct fenced *fenced, const struct datapath *datapath)
{
	struct cgf_target target = target_of(fenced);
	int fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);

	target.mode = CGF_MODE_AUDIT;
	assert_int_equal(datapath_fence_retarget(datapath, fenced->cgroup.fd, &target), 0);
	assert_int_equal(send_to(fd, DENIED), 0);
	target.mode = CGF_MODE_ENFORCE;
	assert_int_equal(datapath_fence_retarget(datapath, fenced->cgroup.fd, &target), 0);
	assert_int_equal(send_to(fd, DENIED), EPERM);
	close_fd(&fd);
}

static void a_new_build_has_its_programs_in_every_fence_and_the_maps_of_the_old(void **state)
{
	struct fenced *fenced = *state;
	struct datapath *next;
	uint32_t id, next_id;

	put_fence_up(fenced, RULES);
	assert_true(has_programs_of(fenced, fenced->datapath));
	next = upgrade(fenced);
	assert_false(has_programs_of(fenced, fenced->datapath));
	assert_true(has_programs_of(fenced, next));
	assert_int_equal(datapath_map_id(fenced->datapath->targets, &id), 0);
	assert_int_equal(datapath_map_id(next->targets, &next_id), 0);
	assert_int_equal(id, next_id);
	decides_as_before(fenced);
	obeys(fenced, fenced->datapath);
	obeys(fenced, next);
	datapath_close(&next);
}

static void find_rodata(uint32_t id, char ret_value[static RODATA_BYTES_MAX], uint32_t *ret_bytes)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info), zero = 0;
	int fd = bpf_map_get_fd_by_id(id);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	/* Of the object's name; clang may make others, for constants. */
	if (!strcmp(info.name, "cgfence_.rodata")) {
		assert_true(info.value_size <= RODATA_BYTES_MAX);
		assert_int_equal(bpf_map_lookup_elem(fd, &zero, ret_value), 0);
		*ret_bytes = info.value_size;
	}
	close_fd(&fd);
}

static void read_rodata(const struct datapath *datapath, char ret_value[static RODATA_BYTES_MAX],
			uint32_t *ret_bytes)
{
	uint32_t i, maps[64] = {}, length = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = { .nr_map_ids = 64, .map_ids = (uint64_t)(uintptr_t)maps };

	assert_int_equal(bpf_obj_get_info_by_fd(datapath->programs[PROGRAM_EGRESS], &info, &length),
			 0);
	*ret_bytes = 0;
	for (i = 0; i < info.nr_map_ids; i++)
		find_rodata(maps[i], ret_value, ret_bytes);
	assert_int_not_equal(*ret_bytes, 0);
}

static uint64_t pinned_seed(void)
{
	char path[PIN_PATH_BYTES];
	const uint32_t zero = 0;
	uint64_t seed = 0;
	int fd;

	assert_int_equal(pin_path(path, "%s/maps/seed", datapath_contract_path), 0);
	fd = bpf_obj_get(path);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &seed), 0);
	close_fd(&fd);
	return seed;
}

static void questions_that_wait_keep_their_hash_and_no_other_host_has_it(void **state)
{
	struct fenced *fenced = *state;
	char rodata[RODATA_BYTES_MAX] = {}, next_rodata[RODATA_BYTES_MAX] = {};
	const uint64_t seed = pinned_seed();
	uint32_t bytes, next_bytes;
	struct datapath *next;

	assert_int_not_equal(seed, 0);
	read_rodata(fenced->datapath, rodata, &bytes);
	assert_non_null(memmem(rodata, bytes, &seed, sizeof(seed)));
	next = upgrade(fenced);
	assert_true(pinned_seed() == seed);
	read_rodata(next, next_rodata, &next_bytes);
	assert_int_equal(bytes, next_bytes);
	assert_memory_equal(rodata, next_rodata, bytes);
	datapath_close(&next);
	assert_int_equal(pin_remove_dir(datapath_contract_path), 0);
	next = open_anew(fenced);
	assert_false(pinned_seed() == seed);
	datapath_close(&fenced->datapath);
	fenced->datapath = next;
}

static void a_fence_of_other_maps_keeps_its_programs_and_its_keeper(void **state)
{
	struct fenced *fenced = *state;
	struct datapath *next;
	uint32_t id, next_id;

	put_fence_up(fenced, RULES);
	assert_int_equal(pin_remove_dir(datapath_contract_path), 0);
	next = open_anew(fenced);
	assert_int_equal(datapath_map_id(fenced->datapath->targets, &id), 0);
	assert_int_equal(datapath_map_id(next->targets, &next_id), 0);
	assert_int_not_equal(id, next_id);
	assert_true(has_programs_of(fenced, fenced->datapath));
	assert_int_equal(datapath_link_switch(next, PROGRAM_EGRESS, fenced->cgroup.name), -ESTALE);
	decides_as_before(fenced);
	obeys(fenced, fenced->datapath);
	/* The next test begins with what is pinned. */
	take_fence_down(fenced);
	datapath_close(&fenced->datapath);
	fenced->datapath = next;
}

static void a_fence_whose_cgroup_is_gone_does_not_stop_an_upgrade(void **state)
{
	struct fenced *fenced = *state;
	char name[] = "gone", path[CGROUP_PATH_BYTES + sizeof(name)];
	struct datapath *next;
	struct cgf_target target;
	struct failure failure;
	int fd;

	put_fence_up(fenced, RULES);
	target = target_of(fenced);
	snprintf(path, sizeof(path), "%s/%s", fenced->cgroup.path, name);
	assert_int_equal(mkdir(path, 0700), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(
		datapath_fence_attach(fenced->datapath, name, fd, &target, false, &failure), 0);
	close_fd(&fd);
	assert_int_equal(rmdir(path), 0);
	next = upgrade(fenced);
	assert_true(has_programs_of(fenced, next));
	assert_int_equal(datapath_fence_detach(name), 0);
	datapath_close(&next);
}

/* --- no open moment, and none that is shut ------------------------------------------------------
 */

struct switching {
	struct datapath *builds[2];
	const char *name;
	_Atomic bool stop;
	size_t count, refused;
};

static void *switch_on(void *data)
{
	struct switching *switching = data;
	int i;

	while (!switching->stop) {
		const struct datapath *build = switching->builds[switching->count++ % 2];

		for (i = 0; i < PROGRAM_SOCKET_CREATE; i++)
			if (datapath_link_switch(build, i, switching->name))
				switching->refused++;
	}
	return NULL;
}

/* The device is the other side: only what is allowed may come out of it. */
static size_t count_frames(const struct fenced *fenced, size_t *ret_denied)
{
	const struct sockaddr_in denied = to(DENIED);
	size_t count = 0;
	char frame[256];

	while (read(fenced->device, frame, sizeof(frame)) >= 24) {
		if (frame[4] >> 4 != 4)
			continue;
		count++;
		/* The link's own header, then that of IPv4: the destination is its last field. */
		if (!memcmp(frame + 4 + 16, &denied.sin_addr, 4))
			++*ret_denied;
	}
	return count;
}

/* Each hook by itself: sendmsg; connect; and, by one that was connected before, egress. */
static void hammer(const struct fenced *fenced, int connected)
{
	int plain = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	int tcp = socket_inside(fenced, AF_INET, SOCK_STREAM, 0);
	size_t i, arrived = 0, wrong = 0;

	for (i = 0; i < ROUNDS; i++) {
		assert_int_equal(send_to(plain, ALLOWED), 0);
		assert_int_equal(send_to(plain, DENIED), EPERM);
		assert_int_equal(connect_to(tcp, DENIED), EPERM);
		assert_int_equal(send(connected, "x", 1, 0), -1);
		assert_int_equal(errno, EPERM);
		arrived += count_frames(fenced, &wrong);
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(arrived, ROUNDS);
	close_fd(&plain);
	close_fd(&tcp);
}

static void no_call_and_no_packet_meets_a_hook_that_is_open_or_shut(void **state)
{
	struct fenced *fenced = *state;
	int connected = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	struct switching switching = { .name = fenced->cgroup.name };
	size_t ignored = 0;
	pthread_t thread;

	assert_int_equal(connect_to(connected, DENIED), 0);
	put_fence_up(fenced, RULES);
	switching.builds[0] = fenced->datapath;
	switching.builds[1] = upgrade(fenced);
	count_frames(fenced, &ignored);
	assert_int_equal(pthread_create(&thread, NULL, switch_on, &switching), 0);
	hammer(fenced, connected);
	switching.stop = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(switching.refused, 0);
	assert_true(switching.count > 100);
	datapath_close(&switching.builds[1]);
	close_fd(&connected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(a_new_build_has_its_programs_in_every_fence_and_the_maps_of_the_old),
		FENCED_TEST(questions_that_wait_keep_their_hash_and_no_other_host_has_it),
		FENCED_TEST(a_fence_of_other_maps_keeps_its_programs_and_its_keeper),
		FENCED_TEST(a_fence_whose_cgroup_is_gone_does_not_stop_an_upgrade),
		FENCED_TEST(no_call_and_no_packet_meets_a_hook_that_is_open_or_shut),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
