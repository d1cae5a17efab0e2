/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Answers for the names of the fixture's policy. */
#ifndef CGFENCE_TESTS_BPF_ANSWERS_H
#define CGFENCE_TESTS_BPF_ANSWERS_H

#include "fixture.h"
#include "past.h"

struct lookup {
	const char *text;
	struct policy_name *name;
};

static inline int compare_name(struct policy_name *name, const char *text, void *data)
{
	struct lookup *lookup = data;

	if (!strcmp(text, lookup->text))
		lookup->name = name;
	return 0;
}

static inline struct policy_name *name_of(const struct fixture *fixture, const char *text)
{
	struct lookup lookup = { .text = text };

	policy_each_name(fixture->policy, compare_name, &lookup);
	assert_non_null(lookup.name);
	return lookup.name;
}

static inline void flush(const struct fixture *fixture)
{
	size_t refused;

	assert_int_equal(
		policy_flush(fixture->policy, (struct datapath_policy *)&fixture->maps, &refused),
		0);
}

/* As it will be in a while. */
static inline void sweep(const struct fixture *fixture, uint64_t ahead_ns)
{
	assert_int_equal(policy_sweep(fixture->policy, (struct datapath_policy *)&fixture->maps,
				      monotonic_ns() + ahead_ns),
			 0);
}

/* An answer that came `age_s` ago. */
static inline struct policy_learned learn(const struct fixture *fixture, const char *name,
					  const char *address, uint32_t ttl_s, uint64_t age_s)
{
	const struct address addresses[] = { address_of(address) };
	const struct policy_answer answer = {
		.addresses = addresses,
		.count = 1,
		.ttl_s = ttl_s,
		.now_ns = past_ns(age_s),
		.ipv6 = !address_is_ipv4(&addresses[0]),
	};
	struct policy_learned learned;

	assert_int_equal(policy_learn(fixture->policy, name_of(fixture, name), &answer, &learned),
			 0);
	flush(fixture);
	return learned;
}

#endif
