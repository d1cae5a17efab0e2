// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is on a fence. Each hook closes something that the others cannot see; README.md says which.
 *
 *   connect4/6     TCP connect and UDP connect, refused at once
 *   sendmsg4/6     UDP to an address, also on a connected socket
 *   sock_create    sockets whose traffic none of the hooks could judge
 *   bind4/6        ports that may not be served
 *   setsockopt     options that send what none of the hooks could judge
 *   egress         every packet as it is; what began elsewhere, or was changed since
 *   ingress        connections and datagrams that nobody here asked for
 *   socket_create  sockets of families that have no hook at all, where the kernel has BPF LSM
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "calls.bpf.h"
#include "traffic.bpf.h"

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	return connect4_impl(ctx);
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	return connect6_impl(ctx);
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	return sendmsg4_impl(ctx);
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *ctx)
{
	return sendmsg6_impl(ctx);
}

SEC("cgroup/sock_create")
int sock_create(struct bpf_sock *ctx)
{
	return sock_create_impl(ctx);
}

SEC("cgroup/bind4")
int bind4(struct bpf_sock_addr *ctx)
{
	return bind4_impl(ctx);
}

SEC("cgroup/bind6")
int bind6(struct bpf_sock_addr *ctx)
{
	return bind6_impl(ctx);
}

SEC("cgroup/setsockopt")
int setsockopt(struct bpf_sockopt *ctx)
{
	return setsockopt_impl(ctx);
}

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *ctx)
{
	return egress_impl(ctx);
}

SEC("cgroup_skb/ingress")
int ingress(struct __sk_buff *ctx)
{
	return ingress_impl(ctx);
}

SEC("lsm_cgroup/socket_create")
int BPF_PROG(socket_create, int family, int type, int protocol, int kern)
{
	return socket_create_impl(family, type, protocol, kern);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
