// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A program on a cgroup above that undoes what those below deny, as Linux lets it since 5.18. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("cgroup/connect4")
int undo(struct bpf_sock_addr *ctx)
{
	bpf_set_retval(0);
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
