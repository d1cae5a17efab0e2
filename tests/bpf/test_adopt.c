// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What one process has made and pinned, taken up by another: whole, in half, or of other maps. */
#include "mended.h"

#include <pthread.h>
#include <stdatomic.h>

#define OTHER_RULES "allow " DENIED ":443/udp\n"
#define LARGER (4 * POLICY_ENTRIES)

/* As after the process that made it has died. */
static void forget_policy(struct fenced *fenced)
{
	datapath_policy_close(&fenced->maps);
}

static int reopen(struct fenced *fenced)
{
	struct failure failure;

	return datapath_policy_open(fenced->datapath, fenced->cgroup.name, &fenced->maps, &failure);
}

static struct datapath_policy *create(const struct fenced *fenced, const char *name)
{
	struct datapath_policy *policy;
	struct failure failure;

	assert_int_equal(
		datapath_policy_create(fenced->datapath, name, POLICY_ENTRIES, &policy, &failure),
		0);
	return policy;
}

static void count_name(const char *name, void *data)
{
	(void)name;
	++*(size_t *)data;
}

static void a_policy_is_opened_where_it_is_with_what_is_in_it(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_fence *fence;
	struct cgf_target target;
	uint32_t slot;
	size_t count = 0;

	put_fence_up(fenced, RULES);
	slot = datapath_policy_slot(fenced->maps);
	forget_policy(fenced);
	assert_int_equal(reopen(fenced), 0);
	assert_int_equal(datapath_policy_slot(fenced->maps), slot);
	assert_int_equal(datapath_policy_capacity(fenced->maps), POLICY_ENTRIES);
	fence = hold(fenced);
	assert_int_equal(datapath_fence_target(fenced->datapath, fence, &target), 0);
	assert_int_equal(target.policy, slot + 1);
	assert_int_equal(mend(fenced, fence).count, 0);
	decides(fenced);
	assert_int_equal(datapath_each_policy(count_name, &count), 0);
	assert_int_equal(count, 1);
	datapath_fence_close(&fence);
}

static void a_policy_that_is_not_there_is_not_opened(void **state)
{
	struct fenced *fenced = *state;

	assert_int_equal(reopen(fenced), -ENOENT);
}

/* --- made in half ---------------------------------------------------------------------------- */

static void places_that_its_maker_did_not_fill_are_filled(void **state)
{
	struct fenced *fenced = *state;
	uint32_t slot;
	int i;

	put_fence_up(fenced, RULES);
	slot = datapath_policy_slot(fenced->maps);
	for (i = 0; i < KIND_COUNT; i++) {
		assert_int_equal(bpf_map_delete_elem(fenced->datapath->arrays[i], &slot), 0);
		forget_policy(fenced);
		assert_int_equal(reopen(fenced), 0);
		assert_int_equal(datapath_policy_slot(fenced->maps), slot);
		decides(fenced);
	}
}

static void a_policy_in_no_place_at_all_is_not_opened(void **state)
{
	struct fenced *fenced = *state;
	uint32_t slot;
	int i;

	make_policy(fenced, RULES);
	slot = datapath_policy_slot(fenced->maps);
	for (i = 0; i < KIND_COUNT; i++)
		assert_int_equal(bpf_map_delete_elem(fenced->datapath->arrays[i], &slot), 0);
	forget_policy(fenced);
	assert_int_equal(reopen(fenced), -ESTALE);
	datapath_policy_collect(fenced->datapath, fenced->cgroup.name);
}

static void pins_that_were_removed_are_made_of_what_decides(void **state)
{
	struct fenced *fenced = *state;
	char path[PIN_PATH_BYTES];
	int i;

	put_fence_up(fenced, RULES);
	for (i = 0; i < KIND_COUNT; i++) {
		map_path(fenced, i, path);
		remove_pin(path);
		forget_policy(fenced);
		assert_int_equal(reopen(fenced), 0);
		assert_int_equal(access(path, F_OK), 0);
		decides(fenced);
	}
}

static void another_policys_map_that_is_pinned_here_does_not_decide_here(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_policy *other;
	char path[PIN_PATH_BYTES];

	put_fence_up(fenced, RULES);
	other = create(fenced, "other");
	map_path(fenced, KIND_ALLOW, path);
	assert_int_equal(pin_put(other->maps[KIND_ALLOW], path), 0);
	forget_policy(fenced);
	assert_int_equal(reopen(fenced), 0);
	decides(fenced);
	datapath_policy_destroy(fenced->datapath, &other);
}

static void a_policy_that_has_lost_its_prefixes_allows_nothing(void **state)
{
	struct fenced *fenced = *state;
	uint32_t slot;
	char path[PIN_PATH_BYTES];

	put_fence_up(fenced, RULES "deny 192.0.2.0/24\nallow 192.0.2.1:443/udp\n");
	decides(fenced);
	assert_false(passes(fenced, "192.0.2.1"));
	slot = datapath_policy_slot(fenced->maps);
	assert_int_equal(bpf_map_delete_elem(fenced->datapath->arrays[KIND_PREFIXES], &slot), 0);
	map_path(fenced, KIND_PREFIXES, path);
	remove_pin(path);
	forget_policy(fenced);
	assert_int_equal(reopen(fenced), 0);
	assert_false(passes(fenced, ALLOWED));
	assert_false(passes(fenced, "192.0.2.1"));
}

/* --- what was not read ----------------------------------------------------------------------- */

static void count_decision(const struct cgf_decision *decision, void *data)
{
	(void)decision;
	++*(size_t *)data;
}

static size_t drain(struct datapath_policy *policy)
{
	size_t count = 0;
	int fd;

	assert_int_equal(datapath_decisions_open(policy, count_decision, NULL, &count, &fd), 0);
	assert_int_equal(datapath_decisions_drain(policy), 0);
	return count;
}

static void decisions_that_nobody_read_are_for_who_opens_it_next(void **state)
{
	struct fenced *fenced = *state;

	put_fence_up(fenced, RULES);
	assert_false(passes(fenced, DENIED));
	assert_false(passes(fenced, DENIED));
	forget_policy(fenced);
	assert_int_equal(reopen(fenced), 0);
	assert_int_equal(drain(fenced->maps), 2);
}

static void decisions_of_another_policy_are_not_told_of_one_that_has_its_maps(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_policy *next;
	uint32_t id;

	put_fence_up(fenced, RULES);
	assert_false(passes(fenced, DENIED));
	id = fenced->maps->ids[KIND_DECISIONS];
	take_fence_down(fenced);
	next = create(fenced, "next");
	assert_int_equal(next->ids[KIND_DECISIONS], id);
	assert_int_equal(drain(next), 0);
	datapath_policy_destroy(fenced->datapath, &next);
}

/* --- larger ---------------------------------------------------------------------------------- */

static struct cgf_key key_number(uint32_t number)
{
	struct cgf_key key = {
		.address = { 0x20, 0x01, 0x0d, 0xb8 },
		.port = PORT,
		.protocol = IPPROTO_UDP,
		.port_bits = CGF_PORT_BITS_ONE,
	};

	memcpy(key.address + 12, &number, sizeof(number));
	return key;
}

/* Writes as the programs do: into the map that is in the slot, whichever that is. */
struct learning {
	const struct fenced *fenced;
	_Atomic bool stop;
	_Atomic uint32_t count;
};

static int slot_map(const struct fenced *fenced)
{
	uint32_t id, slot = datapath_policy_slot(fenced->maps);

	if (bpf_map_lookup_elem(fenced->datapath->arrays[KIND_ALLOW], &slot, &id))
		return -1;
	return bpf_map_get_fd_by_id(id);
}

static void *learn_on(void *data)
{
	struct learning *learning = data;

	while (!learning->stop && learning->count < POLICY_ENTRIES / 2) {
		int fd = slot_map(learning->fenced);
		const struct cgf_key key = key_number(learning->count);
		const struct cgf_entry entry = {
			.expires_ns = monotonic_ns() + 90 * NSEC_PER_SEC,
			.learned = 1,
		};

		if (fd < 0 || bpf_map_update_elem(fd, &key, &entry, BPF_ANY))
			break;
		close_fd(&fd);
		learning->count++;
	}
	return NULL;
}

struct probing {
	int fd;
	_Atomic bool stop;
	size_t count, refused, let_through;
};

static void *probe_on(void *data)
{
	struct probing *probing = data;

	while (!probing->stop) {
		probing->refused += send_to(probing->fd, ALLOWED) == EPERM;
		probing->let_through += send_to(probing->fd, DENIED) != EPERM;
		probing->count++;
	}
	return NULL;
}

static void grow_larger(const struct fenced *fenced, uint32_t entries)
{
	struct failure failure;

	if (datapath_policy_grow(fenced->datapath, fenced->maps, entries, &failure))
		fail_msg("%s", failure.text);
	assert_true(datapath_policy_capacity(fenced->maps) >= entries);
}

static void a_policy_grows_and_no_moment_is_open_or_empty(void **state)
{
	struct fenced *fenced = *state;
	struct learning learning = { .fenced = fenced };
	struct probing probing = {};
	struct datapath_fence *fence;
	pthread_t learner, prober;
	uint32_t i, entries = POLICY_ENTRIES;

	put_fence_up(fenced, RULES);
	fence = hold(fenced);
	probing.fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(pthread_create(&prober, NULL, probe_on, &probing), 0);
	assert_int_equal(pthread_create(&learner, NULL, learn_on, &learning), 0);
	for (i = 0; i < 4; i++) {
		entries *= 2;
		grow_larger(fenced, entries);
		assert_int_equal(mend(fenced, fence).count, 0);
	}
	learning.stop = probing.stop = true;
	assert_int_equal(pthread_join(learner, NULL), 0);
	assert_int_equal(pthread_join(prober, NULL), 0);
	assert_true(probing.count > 0 && learning.count > 0);
	assert_int_equal(probing.refused, 0);
	assert_int_equal(probing.let_through, 0);
	for (i = 0; i < learning.count; i++) {
		const struct cgf_key key = key_number(i);
		struct cgf_entry entry;

		assert_int_equal(datapath_allow_read(fenced->maps, &key, &entry), 0);
	}
	decides(fenced);
	close_fd(&probing.fd);
	datapath_fence_close(&fence);
	/* What is pinned is what decides. */
	forget_policy(fenced);
	assert_int_equal(reopen(fenced), 0);
	assert_int_equal(datapath_policy_capacity(fenced->maps), entries);
	decides(fenced);
}

static void what_was_used_or_renewed_meanwhile_is_carried_over(void **state)
{
	struct fenced *fenced = *state;
	const struct cgf_key key = key_number(7);
	struct cgf_entry old = { .expires_ns = 90 * NSEC_PER_SEC, .used_ns = 7, .flows = 3 };
	struct cgf_entry entry = old;
	int fd;

	make_policy(fenced, RULES);
	assert_int_equal(datapath_map_create(fenced->datapath, KIND_ALLOW, 16, &fd), 0);
	assert_int_equal(datapath_allow_add(fenced->maps, &key, &entry), 0);
	old.used_ns = 9;
	assert_int_equal(bpf_map_update_elem(fd, &key, &old, BPF_ANY), 0);
	assert_int_equal(datapath_allow_carry(fenced->maps->maps[KIND_ALLOW], fd, 8), 0);
	assert_int_equal(datapath_allow_read(fenced->maps, &key, &entry), 0);
	assert_int_equal(entry.used_ns, 9);
	old.expires_ns *= 2;
	old.learned = 1;
	assert_int_equal(bpf_map_update_elem(fd, &key, &old, BPF_ANY), 0);
	assert_int_equal(datapath_allow_carry(fenced->maps->maps[KIND_ALLOW], fd, 10), 0);
	assert_int_equal(datapath_allow_read(fenced->maps, &key, &entry), 0);
	assert_int_equal(entry.expires_ns, old.expires_ns);
	/* What is newer where it is stays. */
	old.expires_ns /= 4;
	assert_int_equal(bpf_map_update_elem(fd, &key, &old, BPF_ANY), 0);
	assert_int_equal(datapath_allow_carry(fenced->maps->maps[KIND_ALLOW], fd, 0), 0);
	assert_int_equal(datapath_allow_read(fenced->maps, &key, &entry), 0);
	assert_int_equal(entry.expires_ns, 4 * old.expires_ns);
	close_fd(&fd);
}

static void pin_larger(const struct fenced *fenced, int *ret_fd)
{
	char path[PIN_PATH_BYTES];

	assert_int_equal(pin_path(path, "%s/%s", fenced->maps->path, DATAPATH_GROWING), 0);
	assert_int_equal(datapath_map_create(fenced->datapath, KIND_ALLOW, LARGER, ret_fd), 0);
	assert_int_equal(bpf_obj_pin(*ret_fd, path), 0);
}

static void a_growth_that_was_killed_before_it_was_in_force_is_undone(void **state)
{
	struct fenced *fenced = *state;
	int fd;

	put_fence_up(fenced, RULES);
	pin_larger(fenced, &fd);
	forget_policy(fenced);
	assert_int_equal(reopen(fenced), 0);
	assert_int_equal(datapath_policy_capacity(fenced->maps), POLICY_ENTRIES);
	decides(fenced);
	grow_larger(fenced, LARGER);
	close_fd(&fd);
}

static void a_growth_that_was_killed_when_it_was_in_force_is_ended(void **state)
{
	struct fenced *fenced = *state;
	uint32_t slot;
	int fd;

	put_fence_up(fenced, RULES);
	slot = datapath_policy_slot(fenced->maps);
	pin_larger(fenced, &fd);
	assert_int_equal(bpf_map_update_elem(fenced->datapath->arrays[KIND_ALLOW], &slot, &fd, 0),
			 0);
	forget_policy(fenced);
	assert_int_equal(reopen(fenced), 0);
	assert_int_equal(datapath_policy_capacity(fenced->maps), LARGER);
	decides(fenced);
	close_fd(&fd);
}

/* --- a slot that a fence refers to ----------------------------------------------------------- */

static void a_fence_whose_policy_is_destroyed_denies_and_gets_no_others(void **state)
{
	struct fenced *fenced = *state;
	struct datapath_policy *other;
	struct cgf_target target;
	uint32_t slot;

	put_fence_up(fenced, RULES);
	target = target_of(fenced);
	slot = datapath_policy_slot(fenced->maps);
	datapath_policy_destroy(fenced->datapath, &fenced->maps);
	assert_false(passes(fenced, ALLOWED));
	other = create(fenced, "other");
	assert_int_not_equal(datapath_policy_slot(other), slot);
	assert_false(passes(fenced, ALLOWED));
	/* When it refers to another one it is free. */
	target.policy = datapath_policy_slot(other) + 1;
	assert_int_equal(datapath_fence_retarget(fenced->datapath, fenced->cgroup.fd, &target), 0);
	fenced->maps = create(fenced, fenced->cgroup.name);
	assert_int_equal(datapath_policy_slot(fenced->maps), slot);
	datapath_fence_detach(fenced->cgroup.name);
	datapath_policy_destroy(fenced->datapath, &other);
}

/* --- of another contract --------------------------------------------------------------------- */

/* Other maps below the name of this contract are what another contract's are: others. */
static struct datapath *begin_anew(struct fenced *fenced)
{
	struct datapath *next;
	struct failure failure;

	assert_int_equal(pin_remove_dir(datapath_contract_path), 0);
	datapath_unlock(fenced->datapath);
	if (datapath_open(&next, &failure))
		fail_msg("%s", failure.text);
	return next;
}

static void move_aside(struct fenced *fenced, char policy[static STANDING_NAME_BYTES],
		       char fence[static STANDING_NAME_BYTES])
{
	const char *name = fenced->cgroup.name;
	struct failure failure;
	struct datapath_fence *none;
	char base[STANDING_NAME_BYTES];

	assert_int_equal(reopen(fenced), -ESTALE);
	assert_int_equal(datapath_fence_open(fenced->datapath, name, &none, &failure), -ESTALE);
	assert_int_equal(datapath_fence_policy(name, NULL, base), 0);
	assert_string_equal(base, name);
	assert_int_equal(datapath_policy_set_aside(fenced->datapath, name, policy, &failure), 0);
	assert_int_equal(datapath_fence_set_aside(fenced->datapath, name, fence, &failure), 0);
	assert_true(datapath_aside_of(policy, base));
	assert_string_equal(base, name);
	assert_true(datapath_aside_of(fence, base));
	assert_false(datapath_aside_of(name, base));
	assert_int_equal(datapath_fence_policy(fence, NULL, base), 0);
	assert_string_equal(base, policy);
}

static void a_fence_of_other_maps_is_followed_by_one_of_these_and_no_moment_is_open(void **state)
{
	struct fenced *fenced = *state;
	char policy[STANDING_NAME_BYTES], fence[STANDING_NAME_BYTES];
	struct datapath *old = fenced->datapath;
	struct probing probing = {};
	struct told told = {};
	pthread_t prober;

	put_fence_up(fenced, RULES);
	assert_int_equal(datapath_mend(old, tell, &told), 0);
	print_told(&told);
	assert_int_equal(told.count, 0);
	fenced->datapath = begin_anew(fenced);
	datapath_unlock(fenced->datapath);
	assert_int_equal(datapath_mend(old, tell, &told), -ESTALE);
	assert_int_equal(told.count, 0);
	assert_int_equal(datapath_lock(fenced->datapath, false, NULL), 0);
	forget_policy(fenced);
	policy_finish(&fenced->policy);
	probing.fd = socket_inside(fenced, AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(pthread_create(&prober, NULL, probe_on, &probing), 0);
	move_aside(fenced, policy, fence);
	put_fence_up(fenced, RULES);
	assert_int_equal(datapath_fence_detach(fence), 0);
	datapath_policy_collect(fenced->datapath, policy);
	probing.stop = true;
	assert_int_equal(pthread_join(prober, NULL), 0);
	assert_true(probing.count > 0);
	assert_int_equal(probing.refused, 0);
	assert_int_equal(probing.let_through, 0);
	decides(fenced);
	close_fd(&probing.fd);
	datapath_close(&old);
}

/* To the kernel, programs that are loaded once more are another build's. */
static void another_build_in_force_is_taken_over_and_not_switched_back(void **state)
{
	struct fenced *fenced = *state;
	char path[PIN_PATH_BYTES];
	struct datapath *next;
	struct datapath_fence *fence;
	struct failure failure;
	uint32_t id;

	put_fence_up(fenced, RULES);
	fence = hold(fenced);
	assert_int_equal(mend(fenced, fence).count, 0);
	id = fenced->datapath->program_ids[PROGRAM_EGRESS];
	assert_int_equal(pin_path(path, "%s/programs-%s", datapath_contract_path,
				  datapath_build(fenced->datapath)),
			 0);
	assert_int_equal(pin_remove_dir(path), 0);
	datapath_unlock(fenced->datapath);
	assert_int_equal(datapath_open(&next, &failure), 0);
	datapath_unlock(next);
	assert_int_not_equal(next->program_ids[PROGRAM_EGRESS], id);
	assert_int_equal(mend(fenced, fence).count, 0);
	assert_int_equal(fenced->datapath->program_ids[PROGRAM_EGRESS],
			 next->program_ids[PROGRAM_EGRESS]);
	decides(fenced);
	datapath_fence_close(&fence);
	datapath_close(&next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(a_policy_is_opened_where_it_is_with_what_is_in_it),
		FENCED_TEST(a_policy_that_is_not_there_is_not_opened),
		FENCED_TEST(places_that_its_maker_did_not_fill_are_filled),
		FENCED_TEST(a_policy_in_no_place_at_all_is_not_opened),
		FENCED_TEST(pins_that_were_removed_are_made_of_what_decides),
		FENCED_TEST(another_policys_map_that_is_pinned_here_does_not_decide_here),
		FENCED_TEST(a_policy_that_has_lost_its_prefixes_allows_nothing),
		FENCED_TEST(decisions_that_nobody_read_are_for_who_opens_it_next),
		FENCED_TEST(decisions_of_another_policy_are_not_told_of_one_that_has_its_maps),
		FENCED_TEST(a_policy_grows_and_no_moment_is_open_or_empty),
		FENCED_TEST(what_was_used_or_renewed_meanwhile_is_carried_over),
		FENCED_TEST(a_growth_that_was_killed_before_it_was_in_force_is_undone),
		FENCED_TEST(a_growth_that_was_killed_when_it_was_in_force_is_ended),
		FENCED_TEST(a_fence_whose_policy_is_destroyed_denies_and_gets_no_others),
		FENCED_TEST(
			a_fence_of_other_maps_is_followed_by_one_of_these_and_no_moment_is_open),
		FENCED_TEST(another_build_in_force_is_taken_over_and_not_switched_back),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
