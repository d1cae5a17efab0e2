// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is allowed, and must work in every fence: or nothing getting out would mean nothing. */
#include "escape.h"

static int allowed_tcp(struct attempt *attempt)
{
	attempt->to = attempt->allowed;
	return way_tcp(attempt);
}

static int allowed_udp(struct attempt *attempt)
{
	attempt->to = attempt->other;
	return way_udp_sendto(attempt);
}

const struct escape escape_control[] = {
	{ "tcp-allowed", "TCP to a host that is allowed", allowed_tcp,
	  ESCAPE_BOTH | ESCAPE_CONTROL },
	{ "udp-allowed", "UDP to a host that is allowed", allowed_udp,
	  ESCAPE_BOTH | ESCAPE_CONTROL },
	{ 0 },
};
