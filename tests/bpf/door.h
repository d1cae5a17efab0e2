/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a test puts before the test door, and what comes out of it. */
#ifndef CGFENCE_TESTS_DOOR_H
#define CGFENCE_TESTS_DOOR_H

#include "cgfence.h"

struct door_input {
	__u32 slot;
	__u32 address[4]; /* as a hook has it, network order; an IPv4 address in address[3] */
	__u16 port;
	__u16 protocol;
	__u8 ip_version; /* 4: address[3] is a user_ip4; 6: all of it is a user_ip6 */
	__u8 hook;	 /* enum cgf_hook */
	__u8 established;
	__u8 reserved;
	struct cgf_target target;
};

struct door_output {
	__u8 address[16]; /* as the flow has it */
	__u32 verdict;
	__u32 reason;
	__u32 rule;
	__u32 probe;
	__u32 ip_version;
	__u32 reserved;
};

#endif
