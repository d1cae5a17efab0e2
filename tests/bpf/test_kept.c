// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is kept of a socket's questions, as two CPUs leave it that send on it at the same time: each
 * writes a question and its grant, one after the other, and nothing keeps them apart.
 */
#include "asking.h"

#define RULES                                                                                      \
	"allow host.test:443/tcp\n"                                                                \
	"allow *.wild.test:22/tcp private\n"
#define ID 0x1234
#define HOST "host.test"
#define WILD "a.wild.test"
#define PUBLIC "203.0.113.7"
#define PRIVATE "10.1.2.3"

/* How struct asked_socket (bpf/maps.bpf.h) begins. */
struct kept {
	uint64_t questions[CGF_ASKED_MAX];
	uint32_t grants[CGF_ASKED_MAX];
};

union stored {
	struct kept kept;
	uint8_t bytes[4096];
};

/* -1 if the map of that number has another name. */
static int map_of(uint32_t number, const char *name)
{
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	int fd = bpf_map_get_fd_by_id(number);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	if (!strcmp(info.name, name)) {
		assert_true(info.value_size <= sizeof(union stored));
		return fd;
	}
	close(fd);
	return -1;
}

/* Each socket's, by its descriptor. */
static int open_storage(const struct fenced *fenced)
{
	uint32_t maps[64] = {}, length, i;
	struct bpf_prog_info info = { .nr_map_ids = ARRAY_SIZE(maps), .map_ids = (uintptr_t)maps };
	int fd = -1;

	length = sizeof(info);
	assert_int_equal(
		bpf_obj_get_info_by_fd(fenced->datapath->programs[PROGRAM_EGRESS], &info, &length),
		0);
	assert_true(info.nr_map_ids <= ARRAY_SIZE(maps));
	for (i = 0; i < info.nr_map_ids && fd < 0; i++)
		fd = map_of(maps[i], "asked_sockets");
	assert_true(fd >= 0);
	return fd;
}

static size_t place_of_one(const struct kept *kept)
{
	size_t i, place = CGF_ASKED_MAX;

	for (i = 0; i < CGF_ASKED_MAX; i++) {
		if (!kept->questions[i])
			continue;
		assert_int_equal(place, CGF_ASKED_MAX);
		place = i;
	}
	assert_int_not_equal(place, CGF_ASKED_MAX);
	return place;
}

static uint32_t grant_asked_for(const struct asker *asker, int storage, const char *name)
{
	union stored stored;

	assert_true(asker_asks(asker, name, DNS_A, ID));
	assert_int_equal(bpf_map_lookup_elem(storage, &asker->fd, &stored), 0);
	return stored.kept.grants[place_of_one(&stored.kept)];
}

/* One question waits; its grant is written to by who keeps another one at its place. */
static void set_grant(const struct asker *asker, int storage, uint32_t grant)
{
	union stored stored;

	assert_int_equal(bpf_map_lookup_elem(storage, &asker->fd, &stored), 0);
	stored.kept.grants[place_of_one(&stored.kept)] = grant;
	assert_int_equal(bpf_map_update_elem(storage, &asker->fd, &stored, BPF_EXIST), 0);
}

static void hear(const struct asker *asker, const char *name, const char *address)
{
	struct dns_message message;

	dns_start(&message, ID, DNS_ANSWERED);
	dns_ask(&message, name, DNS_A);
	dns_address(&message, name, 60, address);
	asker_hears(asker, &message);
}

/* Asked for `name`, and for `other` at the same moment, on one socket; whether it teaches. */
static bool teaches(const struct fenced *fenced, const char *name, const char *other,
		    const char *address)
{
	_cleanup_asker_ struct asker asker = asker_open(fenced, RESOLVER_IPV4),
				     second = asker_open(fenced, RESOLVER_IPV4);
	_cleanup_close_ int storage = open_storage(fenced);
	const uint32_t own = grant_asked_for(&asker, storage, name),
		       grant = grant_asked_for(&second, storage, other);
	const size_t before = learned_count(fenced);

	assert_int_equal(own == grant, name == other);
	set_grant(&asker, storage, grant);
	hear(&asker, name, address);
	return learned_count(fenced) != before;
}

static void a_question_that_has_got_the_grant_of_another_one_teaches_nothing(void **state)
{
	struct fenced *fenced = *state;

	put_asking_up(fenced, RULES);
	assert_false(teaches(fenced, HOST, WILD, PUBLIC));
	assert_false(teaches(fenced, HOST, WILD, PRIVATE));
	assert_false(teaches(fenced, WILD, HOST, PUBLIC));
	/* Or it would be for another reason. */
	assert_true(teaches(fenced, HOST, HOST, PUBLIC));
	assert_true(teaches(fenced, WILD, WILD, PUBLIC));
	assert_true(teaches(fenced, WILD, WILD, PRIVATE));
	assert_true(has_entry(fenced, PRIVATE, 22, IPPROTO_TCP));
	assert_false(has_entry(fenced, PRIVATE, 443, IPPROTO_TCP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(a_question_that_has_got_the_grant_of_another_one_teaches_nothing),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
