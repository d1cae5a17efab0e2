// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Everything is allowed but what leads around the fence. The kernel takes only the low half of the
 * registers of a system call whose argument is an int, so only that is compared.
 */
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <linux/if_tun.h>
#include <linux/net.h>
#include <linux/seccomp.h>

#define LOW_HALF 0xffffffffULL
/* The kernel's SOCK_TYPE_MASK, and SOCK_PACKET. */
#define TYPE_MASK 0xf
#define TYPE_PACKET 10

/* Whatever the arguments. */
static const struct {
	int number;
	int error;
} refused[] = {
	/* Runs its operations where no filter sees them; programs take other ways. */
	{ SCMP_SYS(io_uring_setup), ENOSYS },
	{ SCMP_SYS(io_uring_enter), ENOSYS },
	{ SCMP_SYS(io_uring_register), ENOSYS },
	/* Its flags are in memory. libc takes clone then. */
	{ SCMP_SYS(clone3), ENOSYS },
	/* Into processes outside, and their sockets, where nothing else forbids it. */
	{ SCMP_SYS(ptrace), EPERM },
	{ SCMP_SYS(process_vm_readv), EPERM },
	{ SCMP_SYS(process_vm_writev), EPERM },
	{ SCMP_SYS(process_madvise), EPERM },
	{ SCMP_SYS(pidfd_getfd), EPERM },
	{ SCMP_SYS(kcmp), EPERM },
	/* The kernel answers a request for a key with a program of the host's. */
	{ SCMP_SYS(add_key), EPERM },
	{ SCMP_SYS(request_key), EPERM },
	{ SCMP_SYS(keyctl), EPERM },
	/* To what the fence is made of. */
	{ SCMP_SYS(bpf), EPERM },
	{ SCMP_SYS(perf_event_open), EPERM },
	/*
	 * Pages that are sent can change after the fence has seen them. Programs copy if they are
	 * told that it is not for these files.
	 */
	{ SCMP_SYS(sendfile), EINVAL },
	{ SCMP_SYS(sendfile64), EINVAL },
	{ SCMP_SYS(splice), EINVAL },
	/* To namespaces and files that no path leads to. */
	{ SCMP_SYS(setns), EPERM },
	{ SCMP_SYS(open_by_handle_at), EPERM },
};

/*
 * Address families that are not AF_UNIX (1), AF_INET (2), AF_INET6 (10) or AF_NETLINK (16): those
 * whose bits in `mask` are `value`. The kernel has no family with a higher bit, and says so.
 */
static const struct {
	unsigned int mask;
	unsigned int value;
} refused_families[] = {
	{ 0x3f, 0 },  { 0x3f, 3 },  /* AF_AX25 */
	{ 0x3c, 4 },		    /* to 7 */
	{ 0x3e, 8 },		    /* and 9 */
	{ 0x3f, 11 }, { 0x3c, 12 }, /* to 15: AF_KEY */
	{ 0x3f, 17 },		    /* AF_PACKET */
	{ 0x3e, 18 },		    /* and 19 */
	{ 0x3c, 20 },		    /* to 23 */
	{ 0x38, 24 },		    /* to 31: AF_CAN, AF_TIPC, AF_BLUETOOTH */
	{ 0x20, 32 },		    /* to 63: AF_ALG, AF_VSOCK, AF_QIPCRTR, AF_XDP */
};

static const unsigned long refused_ioctls[] = {
	/* Typing into the terminal, for the shell that started cgfence. */
	TIOCSTI,
	TIOCLINUX,
	/* A TUN device that belongs to the user: what is written to it, no socket has sent. */
	TUNSETIFF,
};

static int refuse_always(scmp_filter_ctx filter)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < ARRAY_SIZE(refused); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(refused[i].error), refused[i].number,
				     0);
	return r;
}

/* Of 32-bit programs also socketcall, whose arguments are in memory: of any family. */
static int refuse_sockets(scmp_filter_ctx filter)
{
	const uint32_t action = SCMP_ACT_ERRNO(EAFNOSUPPORT);
	size_t i;
	int r = 0;

	for (i = 0; !r && i < ARRAY_SIZE(refused_families); i++) {
		const struct scmp_arg_cmp family = SCMP_A0(
			SCMP_CMP_MASKED_EQ, refused_families[i].mask, refused_families[i].value);

		r = seccomp_rule_add(filter, action, SCMP_SYS(socket), 1, family);
		if (!r)
			r = seccomp_rule_add(filter, action, SCMP_SYS(socketpair), 1, family);
	}
	/* AF_PACKET's old name is a type of AF_INET. */
	return r ? r
		 : seccomp_rule_add(filter, action, SCMP_SYS(socket), 1,
				    SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_MASK, TYPE_PACKET));
}

/* In a user namespace everyone has all capabilities over what is made there. */
static int refuse_user_namespaces(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp flag = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER);
	int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, flag);

	return r ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1, flag);
}

static int refuse_ioctls(scmp_filter_ctx filter)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < ARRAY_SIZE(refused_ioctls); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, LOW_HALF, refused_ioctls[i]));
	return r;
}

static int add_rules(scmp_filter_ctx filter)
{
	int r = refuse_always(filter);

	if (!r)
		r = refuse_sockets(filter);
	if (!r)
		r = refuse_user_namespaces(filter);
	return r ? r : refuse_ioctls(filter);
}

#ifdef __x86_64__
/*
 * What the setsockopt program refuses (bpf/sockopt.bpf.h) and more, as the kernel does not run it
 * for 32-bit calls; what egress drops anyway is not here. What is left of IP and IPv6 is what
 * resolvers and servers set: TOS, TTL, RECVERR, V6ONLY and so on. socketcall(SYS_SETSOCKOPT), whose
 * arguments are in memory, is refused whole.
 */
static int refuse_options(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp options[][2] = {
		/* IPsec policies, addresses that are not ours, groups and their sources */
		{ SCMP_A1(SCMP_CMP_EQ, IPPROTO_IP, 0), SCMP_A2(SCMP_CMP_GE, IP_FREEBIND, 0) },
		/* the same, and headers */
		{ SCMP_A1(SCMP_CMP_EQ, IPPROTO_IPV6, 0),
		  SCMP_A2(SCMP_CMP_GE, IPV6_JOIN_ANYCAST, 0) },
		{ SCMP_A1(SCMP_CMP_EQ, IPPROTO_IPV6, 0),
		  SCMP_A2(SCMP_CMP_EQ, IPV6_ADD_MEMBERSHIP, 0) },
		{ SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP, 0), SCMP_A2(SCMP_CMP_EQ, TCP_REPAIR, 0) },
		{ SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET, 0), SCMP_A2(SCMP_CMP_EQ, SO_ZEROCOPY, 0) },
	};
	/*
	 * First, as what is shorter takes the place of what libseccomp makes of the options, which
	 * would compare the pointer to the arguments, and the other way round it leaks.
	 */
	int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socketcall), 1,
				 SCMP_A0(SCMP_CMP_EQ, SYS_SETSOCKOPT, 0));
	size_t i;

	for (i = 0; !r && i < ARRAY_SIZE(options); i++)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(setsockopt), 2,
					   options[i]);
	return r;
}

static int add_32bit(scmp_filter_ctx filter)
{
	scmp_filter_ctx other = seccomp_init(SCMP_ACT_ALLOW);
	int r = other ? seccomp_arch_remove(other, SCMP_ARCH_NATIVE) : -ENOMEM;

	if (!r)
		r = seccomp_arch_add(other, SCMP_ARCH_X86);
	if (!r)
		r = seccomp_attr_set(other, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	if (!r)
		r = add_rules(other);
	if (!r)
		r = refuse_options(other);
	if (!r)
		r = seccomp_merge(filter, other); /* takes over `other` */
	if (r && other)
		seccomp_release(other);
	return r;
}
#endif

/* System calls of any other architecture, x32 included, are not there. */
static int add_all(scmp_filter_ctx filter)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

	if (!r)
		r = add_rules(filter);
#ifdef __x86_64__
	if (!r)
		r = add_32bit(filter);
#endif
	return r;
}

/*
 * libseccomp writes the program to a file, in no other way, in one write of which it does not look
 * at the length. A pipe takes that whole, whatever RLIMIT_FSIZE is.
 */
static int export(scmp_filter_ctx filter, struct sock_fprog *ret_program)
{
	const size_t size = BPF_MAXINSNS * sizeof(struct sock_filter);
	_cleanup_free_ struct sock_filter *code = malloc(size);
	_cleanup_close_ int in = -1, out = -1;
	ssize_t length;
	int r, ends[2];

	if (!code)
		return -ENOMEM;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	out = ends[0];
	in = ends[1];
	r = seccomp_export_bpf(filter, in);
	if (r)
		return r;
	length = read(out, code, size);
	if (length <= 0 || (size_t)length == size || (size_t)length % sizeof(*code))
		return -EIO;
	ret_program->len = (unsigned short)((size_t)length / sizeof(*code));
	ret_program->filter = TAKE_PTR(code);
	return 0;
}

int filter_compile(struct sock_fprog *ret_program)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!filter)
		return -ENOMEM;
	r = add_all(filter);
	if (!r)
		r = export(filter, ret_program);
	seccomp_release(filter);
	return r;
}

/* Without the flag the kernel, up to 5.15, slows the whole program down against Spectre. */
int filter_enter(const struct sock_fprog *program)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		       program)
		       ? -errno
		       : 0;
}
