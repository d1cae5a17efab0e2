/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules compiled by the product's own code into real maps, and flows judged by the product's own
 * BPF code, behind the test door. For the tests of this directory; as root.
 */
#ifndef CGFENCE_TESTS_BPF_FIXTURE_H
#define CGFENCE_TESTS_BPF_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "door.h"
#include "door.skel.h"

#include "datapath_internal.h"
#include "policy.h"
#include "policyfile.h"

#define ENTRIES 8192
#define SLOT 3

struct fixture {
	struct door_bpf *door;
	struct datapath_policy maps; /* the slot's, in the shape that the product's writers take */
	struct policy *policy;
	struct cgf_target target; /* as it is before any answer: a fence is attached then */
};

static inline int replace_map(const struct door_bpf *door, enum datapath_kind kind, int *map_fd)
{
	const struct bpf_map *arrays[] = {
		[KIND_ALLOW] = door->maps.allow_maps,
		[KIND_PREFIXES] = door->maps.prefixes_maps,
		[KIND_LISTENS] = door->maps.listens_maps,
		[KIND_PEERS] = door->maps.peers_maps,
		[KIND_NAMES] = door->maps.names_maps,
		[KIND_GRANTS] = door->maps.grants_maps,
		[KIND_RESOLVERS] = door->maps.resolvers_maps,
	};
	const struct bpf_map *shapes[] = {
		[KIND_ALLOW] = door->maps.allow,	 [KIND_PREFIXES] = door->maps.prefixes,
		[KIND_LISTENS] = door->maps.listens,	 [KIND_PEERS] = door->maps.peers,
		[KIND_NAMES] = door->maps.names,	 [KIND_GRANTS] = door->maps.grants,
		[KIND_RESOLVERS] = door->maps.resolvers,
	};
	/* With BTF, as the product does: from 5.15 to 6.1 a map without it is of another shape. */
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = bpf_map__map_flags(shapes[kind]),
		    .btf_fd = (uint32_t)bpf_object__btf_fd(door->obj),
		    .btf_key_type_id = bpf_map__btf_key_type_id(shapes[kind]),
		    .btf_value_type_id = bpf_map__btf_value_type_id(shapes[kind]));
	uint32_t slot = SLOT;

	close_fd(map_fd);
	*map_fd = bpf_map_create(bpf_map__type(shapes[kind]), datapath_kind_names[kind],
				 bpf_map__key_size(shapes[kind]), bpf_map__value_size(shapes[kind]),
				 ENTRIES, &options);
	if (*map_fd < 0)
		return *map_fd;
	return bpf_map_update_elem(bpf_map__fd(arrays[kind]), &slot, map_fd, BPF_ANY);
}

/* As the product's have; the programs here count nothing. */
static inline void make_counters(struct fixture *fixture)
{
	int *fd = &fixture->maps.maps[KIND_COUNTERS];

	*fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "counters", sizeof(uint32_t),
			     sizeof(struct cgf_counters), 1, NULL);
	assert_true(*fd >= 0);
}

/* Takes the rules over. */
static inline void set_rules(struct fixture *fixture, struct rules *rules)
{
	size_t refused;
	int i;

	policy_finish(&fixture->policy);
	for (i = KIND_ALLOW; i <= KIND_RESOLVERS; i++)
		assert_int_equal(replace_map(fixture->door, i, &fixture->maps.maps[i]), 0);
	assert_int_equal(policy_init(&fixture->policy, rules, NULL), 0);
	fixture->target = policy_target(fixture->policy);
	assert_int_equal(policy_flush(fixture->policy, &fixture->maps, &refused), 0);
}

static inline void set_policy(struct fixture *fixture, const char *text)
{
	struct policyfile_error error;
	struct rules rules = {};

	assert_int_equal(policyfile_parse(text, strlen(text), &rules, &error), 0);
	set_rules(fixture, &rules);
}

static inline int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int i;

	if (!fixture)
		return -1;
	for (i = 0; i < KIND_COUNT; i++)
		fixture->maps.maps[i] = -1;
	fixture->door = door_bpf__open_and_load();
	*state = fixture;
	return fixture->door ? 0 : -1;
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;
	int i;

	policy_finish(&fixture->policy);
	for (i = 0; i < KIND_COUNT; i++)
		close_fd(&fixture->maps.maps[i]);
	door_bpf__destroy(fixture->door);
	free(fixture);
	return 0;
}

static inline void parse_address(const char *text, struct door_input *input)
{
	input->ip_version = strchr(text, ':') ? 6 : 4;
	if (input->ip_version == 6)
		assert_int_equal(inet_pton(AF_INET6, text, input->address), 1);
	else
		assert_int_equal(inet_pton(AF_INET, text, &input->address[3]), 1);
}

static inline struct door_output run_door(const struct fixture *fixture,
					  const struct door_input *input)
{
	uint8_t packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet));
	struct door_output output = {};
	uint32_t zero = 0;

	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(fixture->door->maps.inputs), &zero, input, BPF_ANY),
		0);
	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(fixture->door->progs.decide), &options), 0);
	assert_int_equal(options.retval, 0);
	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(fixture->door->maps.outputs), &zero, &output), 0);
	return output;
}

static inline struct door_output decide(const struct fixture *fixture, const char *address,
					uint16_t port, uint16_t protocol)
{
	struct door_input input = { .slot = SLOT, .port = port, .protocol = protocol };

	parse_address(address, &input);
	input.target = fixture->target;
	return run_door(fixture, &input);
}

static inline bool allows(const struct fixture *fixture, const char *address, uint16_t port,
			  uint16_t protocol)
{
	return decide(fixture, address, port, protocol).verdict == CGF_ALLOW;
}

static inline struct address address_of(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	return address;
}

#endif
