// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The least that programs of these types can cost: what the product's are compared with. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("cgroup/connect4")
int empty_connect4(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("cgroup_skb/egress")
int empty_egress(struct __sk_buff *ctx)
{
	return 1;
}

SEC("cgroup_skb/ingress")
int empty_ingress(struct __sk_buff *ctx)
{
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
