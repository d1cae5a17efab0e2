/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A policy whose maker is no more, taken up by another. */
#ifndef CGFENCE_TESTS_BPF_TAKEN_UP_H
#define CGFENCE_TESTS_BPF_TAKEN_UP_H

#include "told.h"

/* As a daemon does that finds it pinned; the first flush is yet to come. */
static inline void restart(struct fenced *fenced, const char *text)
{
	struct rules rules = parse_rules(text);
	struct failure failure;

	policy_finish(&fenced->policy);
	assert_int_equal(policy_init(&fenced->policy, &rules, &failure), 0);
	assert_int_equal(policy_readopt(fenced->policy, fenced->maps), 0);
}

static inline void retarget_between(const struct fenced *fenced)
{
	struct cgf_target target = asking_target(fenced);

	retarget(fenced, &target);
}

static inline void answer(const struct fenced *fenced, const char *name,
			  const struct address *address)
{
	learn_name(fenced, name, address, 0);
}

/* As the kernel tells of a name that only a wildcard has. */
static inline void learn_below(const struct fenced *fenced, const char *name,
			       const struct address *address)
{
	const struct policy_answer answer = { address, 1, 60, false, monotonic_ns(), false };
	struct policy_learned learned;
	const char *known;

	assert_int_equal(
		policy_adopt(fenced->policy, name, &answer, CGF_GRANT_NONE, &learned, &known), 0);
	flush_policy(fenced);
}

static const struct address evil = { .bytes = { [10] = 255, 255, 203, 0, 113, 66 } };
#define EVIL "203.0.113.66"

static inline void change_while_nobody_is_there(struct fenced *fenced, const char *text)
{
	restart(fenced, text);
	retarget_between(fenced);
	flush_policy(fenced);
	retarget_between(fenced);
	assert_int_equal(verify_well(fenced), 0);
}

static inline void apply(const struct fenced *fenced, const char *text)
{
	struct rules rules = parse_rules(text);
	struct policy_changes changes;

	assert_int_equal(policy_apply(fenced->policy, &rules, &changes, NULL), 0);
	flush_policy(fenced);
}

#endif
