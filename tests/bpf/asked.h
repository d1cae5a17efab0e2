/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel would find for a question: the name as it is on the wire, turned around as
 * cgfence.h says, looked up in the trie that the policy was written to.
 */
#ifndef CGFENCE_TESTS_BPF_ASKED_H
#define CGFENCE_TESTS_BPF_ASKED_H

#include <ctype.h>

#include "answers.h"

#define PORTS 65536

static inline struct cgf_name_key question_key(const char *text)
{
	struct cgf_name_key key = {};
	size_t i, used = 0, length = strlen(text);
	uint8_t wire[CGF_NAME_BYTES_MAX + 1], mark = CGF_NAME_MARK_END;

	/* Text to wire: each label after its length, of which the mark takes the place. */
	for (i = 0; i <= length; i++) {
		wire[i] = mark;
		mark = 0;
		for (; i < length && text[i] != '.'; i++)
			wire[i + 1] = (uint8_t)tolower(text[i]);
		mark = CGF_NAME_MARK_LABEL;
	}
	for (i = length + 1; i-- > 0 && used < CGF_NAME_KEY_BYTES;)
		key.name[used++] = wire[i];
	key.prefix_bits = 8 * (uint32_t)used;
	return key;
}

/* False: no rule has the name. */
static inline bool ask(const struct fixture *fixture, const char *text, struct cgf_name *ret_name)
{
	const struct cgf_name_key key = question_key(text);

	return !bpf_map_lookup_elem(fixture->maps.maps[KIND_NAMES], &key, ret_name);
}

static inline bool has_grant(const struct fixture *fixture, uint32_t number,
			     struct cgf_grant *ret_grant)
{
	return !bpf_map_lookup_elem(fixture->maps.maps[KIND_GRANTS], &number, ret_grant);
}

static inline uint32_t grant_number_of(const struct fixture *fixture, const char *text)
{
	struct cgf_name name;

	if (!ask(fixture, text, &name))
		fail_msg("%s may not be asked for", text);
	assert_int_equal(name.refused, 0);
	return name.grant;
}

static inline struct cgf_grant grant_of(const struct fixture *fixture, const char *text)
{
	struct cgf_grant grant;
	uint32_t number = grant_number_of(fixture, text);

	assert_int_not_equal(number, CGF_GRANT_NONE);
	assert_true(has_grant(fixture, number, &grant));
	return grant;
}

static inline bool may_ask(const struct fixture *fixture, const char *text)
{
	struct cgf_name name;

	return ask(fixture, text, &name) && !name.refused;
}

/* Question only: the answer gives nothing. */
static inline bool gives_nothing(const struct fixture *fixture, const char *text)
{
	return grant_number_of(fixture, text) == CGF_GRANT_NONE;
}

/* As the programs look ports up: a block of several does not open port 53. */
static inline bool grant_opens(const struct cgf_grant *grant, uint8_t protocol, uint16_t port)
{
	uint32_t i;

	for (i = 0; i < grant->block_count; i++) {
		const struct cgf_port_block *block = &grant->blocks[i];
		uint32_t size = 1U << (CGF_PORT_BITS_ONE - block->port_bits);

		if (block->protocol == protocol && block->port <= port &&
		    port < block->port + size && (port != CGF_DNS_PORT || size == 1))
			return true;
	}
	return false;
}

/* The domains are words. */
static inline int search_in(const struct fixture *fixture, const char *domains)
{
	const char *list[2 * POLICY_SEARCHES_MAX];
	char text[4096], *word, *rest;
	size_t count = 0;

	snprintf(text, sizeof(text), "%s", domains);
	for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		list[count++] = word;
	return policy_use_searches(fixture->policy, list, count);
}

static inline bool name_opens(const struct fixture *fixture, const char *text, uint8_t protocol,
			      uint16_t port)
{
	const struct cgf_grant grant = grant_of(fixture, text);

	return grant_opens(&grant, protocol, port);
}

#endif
