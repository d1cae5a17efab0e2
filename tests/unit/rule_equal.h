/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether two rules are the same, field by field: for unit tests and fuzzers. */
#ifndef CGFENCE_RULE_EQUAL_H
#define CGFENCE_RULE_EQUAL_H

#include <stdbool.h>
#include <string.h>

#include "rule.h"

static inline bool rule_equal(const struct rule *left, const struct rule *right)
{
	if (left->verb != right->verb || left->destination != right->destination ||
	    left->word != right->word || left->mode != right->mode ||
	    left->protocols != right->protocols || left->port_count != right->port_count)
		return false;
	if (left->private_addresses != right->private_addresses ||
	    left->ttl_floor_s != right->ttl_floor_s)
		return false;
	if (memcmp(&left->prefix, &right->prefix, sizeof(left->prefix)))
		return false;
	if (!left->name != !right->name || (left->name && strcmp(left->name, right->name)))
		return false;
	return !left->port_count ||
	       !memcmp(left->ports, right->ports, left->port_count * sizeof(*left->ports));
}

#endif
