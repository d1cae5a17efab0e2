#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""kill-at.py COMMAND NUMBER PROGRAM [ARGUMENT…]: kills the program just before its bpf(COMMAND) of
that number, counted from 1; COMMAND is a number of <linux/bpf.h>. Exits with 0 if it was killed
there, and with 1 if it came to its end without."""

import ctypes
import os
import signal
import struct
import sys

TRACEME, SYSCALL, SETOPTIONS, GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
TRACESYSGOOD, EXITKILL = 1, 0x100000
INFO_ENTRY, INFO_HEAD = 1, struct.Struct("=BxxxIQQQQ")  # op, arch, ip, sp, number, first argument
SYSCALL_STOP = signal.SIGTRAP | 0x80
# bpf(2) by <asm/unistd.h>; the second is that of all newer architectures.
SYS_BPF = 321 if os.uname().machine == "x86_64" else 280

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, pid=0, address=None, data=None):
    result = libc.ptrace(request, pid, address, data)
    if result < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    return result


def is_at(pid, command):
    """Whether it is about to call bpf() with that command."""
    room = ctypes.create_string_buffer(128)
    ptrace(GET_SYSCALL_INFO, pid, len(room), ctypes.addressof(room))
    kind, _, _, _, number, first = INFO_HEAD.unpack_from(room.raw)
    return kind == INFO_ENTRY and number == SYS_BPF and first == command


def start(arguments):
    pid = os.fork()
    if not pid:
        ptrace(TRACEME)
        os.execvp(arguments[0], arguments)
    os.waitpid(pid, 0)
    ptrace(SETOPTIONS, pid, None, TRACESYSGOOD | EXITKILL)
    return pid


def main(command, number, arguments):
    pid, pending = start(arguments), 0
    while True:
        ptrace(SYSCALL, pid, None, pending)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            return 1
        pending = 0 if os.WSTOPSIG(status) == SYSCALL_STOP else os.WSTOPSIG(status)
        if not pending and is_at(pid, command):
            number -= 1
        if not number:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
