// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The least that a connect4 program can cost: what the product's is compared with. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("cgroup/connect4")
int bench_empty(struct bpf_sock_addr *ctx)
{
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
