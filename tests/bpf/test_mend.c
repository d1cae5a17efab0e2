// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Somebody takes a fence apart by hand, one part each time: it is told, and put right. */
#include "mended.h"

#define ROUNDS 1000

static struct datapath_fence *put_up(struct fenced *fenced)
{
	put_fence_up(fenced, RULES);
	return hold(fenced);
}

static void detach(const struct fenced *fenced, enum datapath_program program)
{
	char path[PIN_PATH_BYTES];
	int fd;

	link_path(fenced, program, path);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	assert_int_equal(bpf_link_detach(fd), 0);
	close_fd(&fd);
}

static void nothing_is_told_of_what_is_as_it_should_be(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence = put_up(fenced);
	int i;

	for (i = 0; i < ROUNDS; i++)
		assert_int_equal(mend(fenced, fence).count, 0);
	decides(fenced);
	datapath_fence_close(&fence);
}

static void a_link_that_is_detached_is_attached_anew(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence = put_up(fenced);
	int i;

	for (i = 0; i < PROGRAM_COUNT; i++) {
		if (!datapath_fence_wants(fenced->datapath, i))
			continue;
		detach(fenced, i);
		mends(fenced, fence, STANDING_LINK_DETACHED, datapath_program_names[i]);
	}
	decides(fenced);
	datapath_fence_close(&fence);
}

static void all_links_that_are_detached_at_once_are_attached_anew(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence = put_up(fenced);
	struct told told;
	int i;

	for (i = 0; i < PROGRAM_SOCKET_CREATE; i++)
		detach(fenced, i);
	assert_true(passes(fenced, DENIED));
	told = mend(fenced, fence);
	assert_int_equal(told.count, PROGRAM_SOCKET_CREATE);
	for (i = 0; i < PROGRAM_SOCKET_CREATE; i++)
		assert_true(has_told(&told, STANDING_LINK_DETACHED, datapath_program_names[i]));
	assert_int_equal(mend(fenced, fence).count, 0);
	decides(fenced);
	datapath_fence_close(&fence);
}

static void a_pin_that_is_removed_opens_nothing_and_is_made_again(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence = put_up(fenced);
	char path[PIN_PATH_BYTES];
	int i;

	for (i = 0; i < PROGRAM_SOCKET_CREATE; i++) {
		link_path(fenced, i, path);
		remove_pin(path);
		decides(fenced);
		mends(fenced, fence, STANDING_PIN_REMOVED, datapath_program_names[i]);
	}
	datapath_fence_close(&fence);
	/* What is pinned now is what was held. */
	fence = hold(fenced);
	decides(fenced);
	datapath_fence_close(&fence);
}

static void all_pins_of_the_host_that_are_removed_open_nothing_and_are_made_again(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence = put_up(fenced);
	struct told told;

	/* First seen as it should be. */
	assert_int_equal(mend(fenced, fence).count, 0);
	assert_int_equal(pin_remove_dir(DATAPATH_ROOT), 0);
	decides(fenced);
	told = mend(fenced, fence);
	assert_true(has_told(&told, STANDING_PIN_REMOVED, "programs"));
	assert_true(has_told(&told, STANDING_PIN_REMOVED, "maps"));
	assert_true(has_told(&told, STANDING_PIN_REMOVED, "allow"));
	assert_true(has_told(&told, STANDING_PIN_REMOVED, "egress"));
	assert_int_equal(mend(fenced, fence).count, 0);
	decides(fenced);
	datapath_fence_close(&fence);
	fence = hold(fenced);
	datapath_fence_close(&fence);
}

static void a_link_pinned_in_another_ones_place_is_told(void **state)
{
	struct fenced *fenced = *state;
	char bind4[PIN_PATH_BYTES], connect4[PIN_PATH_BYTES];
	struct datapath_fence *fence = put_up(fenced);
	struct told told;

	link_path(fenced, PROGRAM_BIND4, bind4);
	link_path(fenced, PROGRAM_CONNECT4, connect4);
	assert_int_equal(rename(bind4, connect4), 0);
	told = mend(fenced, fence);
	assert_int_equal(told.count, 2);
	assert_true(has_told(&told, STANDING_PIN_FOREIGN, "connect4"));
	assert_true(has_told(&told, STANDING_PIN_REMOVED, "bind4"));
	assert_int_equal(mend(fenced, fence).count, 0);
	decides(fenced);
	datapath_fence_close(&fence);
}

/* Lets everything pass. */
static int load_open(enum datapath_program program)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		    .expected_attach_type = datapath_attach_types[program]);
	const struct bpf_insn instructions[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	enum bpf_prog_type type = program == PROGRAM_EGRESS ? BPF_PROG_TYPE_CGROUP_SKB
							    : BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
	int fd = bpf_prog_load(type, datapath_program_names[program], "GPL", instructions,
			       ARRAY_SIZE(instructions), &options);

	assert_true(fd >= 0);
	return fd;
}

static void replace(const struct fenced *fenced, enum datapath_program program)
{
	int link, fd = load_open(program);
	char path[PIN_PATH_BYTES];

	link_path(fenced, program, path);
	link = bpf_obj_get(path);
	assert_int_equal(bpf_link_update(link, fd, NULL), 0);
	close_fd(&link);
	close_fd(&fd);
}

static void a_program_that_was_replaced_is_put_back(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence = put_up(fenced);

	replace(fenced, PROGRAM_SENDMSG4);
	assert_false(passes(fenced, DENIED));
	replace(fenced, PROGRAM_EGRESS);
	assert_true(passes(fenced, DENIED));
	assert_int_equal(mend(fenced, fence).count, 2);
	assert_int_equal(mend(fenced, fence).count, 0);
	decides(fenced);
	replace(fenced, PROGRAM_EGRESS);
	mends(fenced, fence, STANDING_PROGRAM_REPLACED, "egress");
	datapath_fence_close(&fence);
}

static void a_program_that_was_replaced_while_nobody_held_the_fence_is_put_back(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence;
	char path[PIN_PATH_BYTES];

	put_fence_up(fenced, RULES);
	replace(fenced, PROGRAM_CONNECT6);
	detach(fenced, PROGRAM_EGRESS);
	link_path(fenced, PROGRAM_BIND6, path);
	remove_pin(path);
	fence = hold(fenced);
	{
		struct told told = mend(fenced, fence);

		assert_int_equal(told.count, 3);
		assert_true(has_told(&told, STANDING_LINK_FOREIGN, "connect6"));
		assert_true(has_told(&told, STANDING_LINK_DETACHED, "egress"));
		assert_true(has_told(&told, STANDING_LINK_MISSING, "bind6"));
	}
	assert_int_equal(mend(fenced, fence).count, 0);
	decides(fenced);
	datapath_fence_close(&fence);
}

static void a_target_that_was_changed_is_put_back(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence = put_up(fenced);
	struct cgf_target target = target_of(fenced);

	target.mode = CGF_MODE_AUDIT;
	assert_int_equal(datapath_fence_retarget(fenced->datapath, fenced->cgroup.fd, &target), 0);
	assert_true(passes(fenced, DENIED));
	mends(fenced, fence, STANDING_TARGET_CHANGED, NULL);
	decides(fenced);
	target = (struct cgf_target){};
	assert_int_equal(datapath_fence_retarget(fenced->datapath, fenced->cgroup.fd, &target), 0);
	mends(fenced, fence, STANDING_TARGET_CHANGED, NULL);
	decides(fenced);
	datapath_fence_close(&fence);
}

static void a_place_that_was_emptied_is_filled(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence = put_up(fenced);
	uint32_t slot = datapath_policy_slot(fenced->maps);
	int i;

	for (i = 0; i < KIND_COUNT; i++) {
		assert_int_equal(bpf_map_delete_elem(fenced->datapath->arrays[i], &slot), 0);
		mends(fenced, fence, STANDING_SLOT_EMPTY, datapath_kind_names[i]);
		decides(fenced);
	}
	datapath_fence_close(&fence);
}

static void a_map_that_was_put_in_the_place_of_the_policys_is_put_out(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence = put_up(fenced);
	uint32_t slot = datapath_policy_slot(fenced->maps);
	int fd;

	assert_int_equal(datapath_map_create(fenced->datapath, KIND_ALLOW, POLICY_ENTRIES, &fd), 0);
	assert_int_equal(bpf_map_update_elem(fenced->datapath->arrays[KIND_ALLOW], &slot, &fd, 0),
			 0);
	assert_false(passes(fenced, ALLOWED));
	mends(fenced, fence, STANDING_SLOT_FOREIGN, "allow");
	decides(fenced);
	close_fd(&fd);
	datapath_fence_close(&fence);
}

static void a_maps_pin_that_was_removed_or_replaced_is_made_again(void **state)
{
	struct fenced *fenced = *state;
	char allow[PIN_PATH_BYTES], names[PIN_PATH_BYTES];
	struct datapath_fence *fence = put_up(fenced);
	struct told told;

	map_path(fenced, KIND_ALLOW, allow);
	map_path(fenced, KIND_NAMES, names);
	remove_pin(allow);
	mends(fenced, fence, STANDING_PIN_REMOVED, "allow");
	assert_int_equal(rename(names, allow), 0);
	told = mend(fenced, fence);
	assert_int_equal(told.count, 2);
	assert_true(has_told(&told, STANDING_PIN_FOREIGN, "allow"));
	assert_true(has_told(&told, STANDING_PIN_REMOVED, "names"));
	assert_int_equal(mend(fenced, fence).count, 0);
	decides(fenced);
	datapath_fence_close(&fence);
}

static void pins_of_the_programs_that_were_removed_or_replaced_are_made_again(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence = put_up(fenced);
	char egress[PIN_PATH_BYTES], targets[PIN_PATH_BYTES];
	int fd = load_open(PROGRAM_EGRESS);

	assert_int_equal(mend(fenced, fence).count, 0);
	assert_int_equal(pin_path(egress, "%s/programs-%s/egress", datapath_contract_path,
				  datapath_build(fenced->datapath)),
			 0);
	remove_pin(egress);
	mends(fenced, fence, STANDING_PIN_REMOVED, "egress");
	assert_int_equal(pin_put(fd, egress), 0);
	mends(fenced, fence, STANDING_PIN_FOREIGN, "egress");
	assert_int_equal(pin_path(targets, "%s/maps/targets", datapath_contract_path), 0);
	remove_pin(targets);
	mends(fenced, fence, STANDING_PIN_REMOVED, "maps");
	close_fd(&fd);
	datapath_fence_close(&fence);
}

static void who_answers_refused_questions_is_kept_in_the_map(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence = put_up(fenced);
	uint32_t slot = datapath_policy_slot(fenced->maps);

	assert_int_equal(datapath_keep(fenced->datapath, fenced->maps), 0);
	assert_int_equal(mend(fenced, fence).count, 0);
	assert_int_equal(bpf_map_delete_elem(fenced->datapath->keepers, &slot), 0);
	mends(fenced, fence, STANDING_ENTRY_MISSING, "keepers");
	datapath_fence_close(&fence);
}

static void a_cgroup_that_is_gone_is_no_fault(void **state)
{
	struct fenced *fenced = *state;
	char name[] = "gone", path[CGROUP_PATH_BYTES + sizeof(name)];
	struct datapath_fence *fence;
	struct told told = {};
	struct cgf_target target;
	struct failure failure;
	uint64_t deadline_ns;
	int fd;

	make_policy(fenced, RULES);
	target = target_of(fenced);
	snprintf(path, sizeof(path), "%s/%s", fenced->cgroup.path, name);
	assert_int_equal(mkdir(path, 0700), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(
		datapath_fence_attach(fenced->datapath, name, fd, &target, false, &failure), 0);
	assert_int_equal(datapath_fence_open(fenced->datapath, name, &fence, &failure), 0);
	assert_int_not_equal(datapath_fence_cgroup(fence), 0);
	assert_int_equal(rmdir(path), 0);
	/* The kernel takes the programs off a moment later. */
	deadline_ns = monotonic_ns() + DEADLINE_MS * NSEC_PER_MSEC;
	while (datapath_fence_cgroup(fence) && monotonic_ns() < deadline_ns)
		poll(NULL, 0, 1);
	assert_int_equal(datapath_fence_mend(fenced->datapath, fence, fd, &target, tell, &told),
			 -ENOLINK);
	assert_int_equal(told.count, 0);
	datapath_fence_close(&fence);
	assert_int_equal(datapath_fence_open(fenced->datapath, name, &fence, &failure), -ENOLINK);
	close_fd(&fd);
	assert_int_equal(datapath_fence_detach(name), 0);
	assert_int_equal(datapath_fence_open(fenced->datapath, name, &fence, &failure), -ENOENT);
}

static void a_fence_that_is_ended_judges_nothing_from_then_on(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence = put_up(fenced);
	int fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(send_to(fd, DENIED), EPERM);
	assert_int_equal(datapath_fence_end(&fence), 0);
	assert_null(fence);
	assert_int_equal(send_to(fd, DENIED), 0);
	assert_false(has_programs(&fenced->cgroup));
	close_fd(&fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(nothing_is_told_of_what_is_as_it_should_be),
		FENCED_TEST(a_link_that_is_detached_is_attached_anew),
		FENCED_TEST(all_links_that_are_detached_at_once_are_attached_anew),
		FENCED_TEST(a_pin_that_is_removed_opens_nothing_and_is_made_again),
		FENCED_TEST(a_link_pinned_in_another_ones_place_is_told),
		FENCED_TEST(a_program_that_was_replaced_is_put_back),
		FENCED_TEST(a_program_that_was_replaced_while_nobody_held_the_fence_is_put_back),
		FENCED_TEST(a_target_that_was_changed_is_put_back),
		FENCED_TEST(a_place_that_was_emptied_is_filled),
		FENCED_TEST(a_map_that_was_put_in_the_place_of_the_policys_is_put_out),
		FENCED_TEST(a_maps_pin_that_was_removed_or_replaced_is_made_again),
		FENCED_TEST(pins_of_the_programs_that_were_removed_or_replaced_are_made_again),
		FENCED_TEST(who_answers_refused_questions_is_kept_in_the_map),
		FENCED_TEST(a_cgroup_that_is_gone_is_no_fault),
		FENCED_TEST(a_fence_that_is_ended_judges_nothing_from_then_on),
		FENCED_TEST(all_pins_of_the_host_that_are_removed_open_nothing_and_are_made_again),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
