/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the BPF programs need of the kernel and no UAPI header that compiles for BPF gives. Trimmed
 * by hand: UAPI types come from <linux/bpf.h> and <linux/in.h>; a full dump of a kernel's BTF would
 * put CO-RE relocations on UAPI contexts, and a host without BTF could not load the object.
 */
#ifndef CGFENCE_VMLINUX_H
#define CGFENCE_VMLINUX_H

/* include/linux/socket.h; the same on every architecture */
#define AF_INET 2
#define AF_INET6 10

/* include/linux/net.h, enum sock_type; MIPS differs and is not supported */
enum sock_type {
	SOCK_STREAM = 1,
	SOCK_DGRAM = 2,
};

/* include/uapi/linux/in.h since 5.6; Debian 12's header has it, older ones do not */
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* include/uapi/asm-generic/errno.h; the same on every architecture that has BPF and is not MIPS,
 * SPARC, Alpha or PA-RISC */
#define EPROTONOSUPPORT 93

#endif
