// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* TCP, and what else connects. */
#include "escape.h"

const struct escape escape_tcp[] = {
	{ "tcp", "TCP connect()", way_tcp, ESCAPE_BOTH },
	{ "tcp-nb", "non-blocking TCP connect()", way_tcp_nonblocking, ESCAPE_BOTH },
	{ "tcp-mapped", "TCP to an IPv4 address mapped into IPv6", way_tcp_mapped, ESCAPE_IPV4 },
	{ "tcp-fo", "TCP Fast Open: sendto() with MSG_FASTOPEN", way_tcp_fastopen, ESCAPE_BOTH },
	{ "tcp-fo-conn", "TCP Fast Open: TCP_FASTOPEN_CONNECT", way_tcp_fastopen_connect,
	  ESCAPE_BOTH },
	{ "mptcp", "MPTCP connect()", way_mptcp, ESCAPE_BOTH },
	{ "sctp", "SCTP connect()", way_sctp, ESCAPE_BOTH },
	{ 0 },
};
