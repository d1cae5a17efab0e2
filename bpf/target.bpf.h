/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every hook begins and ends with. */
#ifndef CGFENCE_TARGET_BPF_H
#define CGFENCE_TARGET_BPF_H

#include "maps.bpf.h"

/* A cgroup program that returns 0 makes the call fail with EPERM, or drops the packet. */
#define REFUSE 0
#define PASS 1

/* The policy where this program is attached; false if nothing passes: none, or it is shut. */
static __always_inline bool target_slot(const struct cgf_target *target, __u32 *ret_slot)
{
	*ret_slot = target->policy - 1;
	return target->policy != 0 && !(target->flags & CGF_TARGET_SHUT);
}

#endif
