// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Everything is allowed but what leads around the fence. The kernel takes only the low half of the
 * registers of a system call whose argument is an int, so only that is compared.
 */
#include "filter.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/if_tun.h>
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

/* System calls of any other architecture, x32 included, are not there. */
static int set_architectures(scmp_filter_ctx filter)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

#ifdef __x86_64__
	if (!r)
		r = seccomp_arch_add(filter, SCMP_ARCH_X86);
#endif
	return r;
}

static int add_rules(scmp_filter_ctx filter)
{
	int r = set_architectures(filter);

	if (!r)
		r = refuse_always(filter);
	if (!r)
		r = refuse_sockets(filter);
	if (!r)
		r = refuse_user_namespaces(filter);
	return r ? r : refuse_ioctls(filter);
}

/* libseccomp writes the program to a file, and in no other way. */
static int export(scmp_filter_ctx filter, struct sock_fprog *ret_program)
{
	_cleanup_close_ int fd = memfd_create("cgfence-seccomp", MFD_CLOEXEC);
	_cleanup_free_ struct sock_filter *code = NULL;
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(filter, fd);
	if (r)
		return r;
	if (fstat(fd, &st))
		return -errno;
	code = malloc((size_t)st.st_size);
	if (!code)
		return -ENOMEM;
	if (pread(fd, code, (size_t)st.st_size, 0) != st.st_size)
		return -EIO;
	ret_program->len = (unsigned short)((size_t)st.st_size / sizeof(*code));
	ret_program->filter = TAKE_PTR(code);
	return 0;
}

int filter_compile(struct sock_fprog *ret_program)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!filter)
		return -ENOMEM;
	r = add_rules(filter);
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
