// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rule.h"

#include <stdbool.h>

/* The largest block that begins at `first`, which aligns it, and ends by `last`. */
static struct port_block block_at(uint32_t first, uint32_t last)
{
	struct port_block block = { (uint16_t)first, CGF_PORT_BITS_ONE };
	uint32_t size = 1;

	while (!(first & size) && first + 2 * size - 1 <= last) {
		size *= 2;
		block.bits--;
	}
	return block;
}

static size_t ports_to_blocks(const struct rule_ports *ports, bool without_53,
			      struct port_block *ret_blocks)
{
	uint32_t first = ports->first; /* 32 bits, to get beyond 65535 */
	size_t count = 0;

	while (first <= ports->last) {
		struct port_block block = block_at(first, ports->last);

		first += 1U << (CGF_PORT_BITS_ONE - block.bits);
		if (without_53 && block.port == CGF_DNS_PORT && block.bits == CGF_PORT_BITS_ONE)
			continue;
		ret_blocks[count++] = block;
	}
	return count;
}

size_t rule_blocks(const struct rule *rule, uint8_t protocol, struct port_block *ret_blocks)
{
	uint8_t all = protocol == RULE_ICMP ? CGF_PORT_BITS_ONE : CGF_PORT_BITS_ANY;
	size_t count = 0;

	if (!(rule->protocols & protocol))
		return 0;
	if (!rule->port_count) {
		ret_blocks[0] = (struct port_block){ 0, all };
		return 1;
	}
	for (size_t i = 0; i < rule->port_count; i++) {
		const struct rule_ports *ports = &rule->ports[i];
		bool is_range = ports->first != ports->last;

		/* A range does not open port 53; it does deny it. */
		count += ports_to_blocks(ports, is_range && rule->verb == RULE_ALLOW,
					 ret_blocks + count);
	}
	return count;
}
