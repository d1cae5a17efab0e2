/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the BPF programs need of the kernel and no UAPI header that compiles for BPF gives. Trimmed
 * by hand: UAPI types come from <linux/bpf.h> and <linux/in.h>; a full dump of a kernel's BTF would
 * put CO-RE relocations on UAPI contexts, and a host without BTF could not load the object.
 */
#ifndef CGFENCE_VMLINUX_H
#define CGFENCE_VMLINUX_H

/* include/linux/socket.h; the same on every architecture */
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16

/* include/linux/net.h, enum sock_type; MIPS differs and is not supported */
enum sock_type {
	SOCK_STREAM = 1,
	SOCK_DGRAM = 2,
};
#define SOCK_TYPE_MASK 0xf

/* include/uapi/linux/in.h since 5.6; Debian 12's header has it, older ones do not */
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* include/linux/socket.h: levels of socket options, which are protocol numbers but for SOL_SOCKET
 */
#define SOL_IP 0
#define SOL_TCP 6
#define SOL_IPV6 41

/* include/uapi/asm-generic/socket.h; MIPS, PA-RISC and SPARC differ and are not supported */
#define SOL_SOCKET 1
#define SO_ZEROCOPY 60

/* include/uapi/linux/tcp.h has it behind what does not compile for BPF */
#ifndef TCP_REPAIR
#define TCP_REPAIR 19
#endif

/* include/uapi/linux/in6.h, sizeof(struct in6_flowlabel_req) */
#define IPV6_FLOWLABEL_REQUEST_BYTES 32

/* include/net/ip.h, in host byte order */
#define IP_MORE_FRAGMENTS 0x2000
#define IP_OFFSET_MASK 0x1fff

/* include/uapi/linux/icmp.h and icmpv6.h, which include what does not compile for BPF */
#define ICMP_ECHO 8
#define ICMPV6_ECHO_REQUEST 128
#define ICMP_BYTES_MIN 8

/* include/net/ndisc.h: RFC 4861 */
#define NDISC_ROUTER_SOLICITATION 133
#define NDISC_REDIRECT 137

/* include/uapi/linux/in.h, INADDR_LOOPBACK */
#define LOOPBACK_IPV4 0x7f000001

/* include/net/flow.h: the loopback device of every network namespace */
#define LOOPBACK_IFINDEX 1

/* include/uapi/asm-generic/errno.h; the same on every architecture that has BPF and is not MIPS,
 * SPARC, Alpha or PA-RISC */
#define EPROTONOSUPPORT 93
#define EAFNOSUPPORT 97

#endif
