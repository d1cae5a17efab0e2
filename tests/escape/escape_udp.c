// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* UDP and UDP-Lite. */
#include "escape.h"

const struct escape escape_udp[] = {
	{ "udp-connect", "UDP connect() and send()", way_udp_connect, ESCAPE_BOTH },
	{ "udp-sendto", "UDP sendto()", way_udp_sendto, ESCAPE_BOTH },
	{ "udplite", "UDP-Lite", way_udplite, ESCAPE_BOTH },
	{ 0 },
};
