// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * System calls of other architectures, from a 64-bit program: each line is what came of one. Those
 * of 32-bit programs are reached by an interrupt, those of x32 by a bit in the number.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define X32 0x40000000L
#define AF_PACKET_FAMILY 17
/* Numbers of 32-bit x86. */
#define GETPID_32 20
#define SOCKETCALL_32 102
#define SOCKET_32 359
#define UNSHARE_32 310
#define BPF_32 357
#define KEYCTL_32 288
#define SOCKETCALL_SOCKET 1

static long call_32(long number, long first, long second, long third)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(first), "c"(second), "d"(third)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static void tell(const char *what, long result)
{
	printf("%s %s\n", what, result < 0 ? strerrorname_np((int)-result) : "OK");
}

/* 32 bits have to hold the address. */
static long socketcall(int family, int type)
{
	unsigned int *arguments = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (arguments == MAP_FAILED)
		return -errno;
	arguments[0] = (unsigned int)family;
	arguments[1] = (unsigned int)type;
	arguments[2] = 0;
	return call_32(SOCKETCALL_32, SOCKETCALL_SOCKET, (long)arguments, 0);
}

int main(void)
{
	long r;

	tell("32 getpid", call_32(GETPID_32, 0, 0, 0));
	tell("32 socket inet", call_32(SOCKET_32, 2, 2, 0));
	tell("32 socket packet", call_32(SOCKET_32, AF_PACKET_FAMILY, 2, 0));
	tell("32 socket vsock", call_32(SOCKET_32, 40, 1, 0));
	tell("32 socketcall inet", socketcall(2, 2));
	tell("32 socketcall packet", socketcall(AF_PACKET_FAMILY, 2));
	tell("32 unshare user", call_32(UNSHARE_32, 0x10000000, 0, 0));
	tell("32 bpf", call_32(BPF_32, -1, 0, 0));
	tell("32 keyctl", call_32(KEYCTL_32, 0, -3, 0));
	r = syscall(X32 + SYS_socket, AF_PACKET_FAMILY, 2, 0);
	tell("x32 socket packet", r < 0 ? -errno : r);
	return 0;
}
