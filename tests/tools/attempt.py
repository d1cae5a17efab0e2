# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Attempts that need no network: each argument is the name of one, and each line what came of it."""

import ctypes
import errno
import fcntl
import os
import socket
import sys
import termios

LIBC = ctypes.CDLL(None, use_errno=True)
SOCK_PACKET = 10
CLONE_NEWUSER = 0x10000000
# Numbers of x86_64 and, from 424 on, of all.
NUMBERS = {"ptrace": 101, "add_key": 248, "io_uring_setup": 425, "pidfd_getfd": 438, "bpf": 321}


def call(number, *arguments):
    if LIBC.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")


def ptrace():
    call(NUMBERS["ptrace"], 0, 0, 0, 0)


def io_uring():
    call(NUMBERS["io_uring_setup"], 1, ctypes.create_string_buffer(256))


def key():
    call(NUMBERS["add_key"], b"user", b"cgfence-test", b"x", 1, -1)


def bpf():
    # BPF_MAP_CREATE of an array with one element.
    attributes = (ctypes.c_uint * 32)(2, 4, 4, 1)
    call(NUMBERS["bpf"], 0, attributes, 128)


def userns():
    if LIBC.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "")


def typing():
    fcntl.ioctl(os.open("/dev/tty", os.O_RDWR), termios.TIOCSTI, b"\n")


ATTEMPTS = {
    "vsock": lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM),
    "packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "sock-packet": lambda: socket.socket(socket.AF_INET, SOCK_PACKET),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "io_uring": io_uring,
    "key": key,
    "bpf": bpf,
    "ptrace": ptrace,
    "userns": userns,
    "typing": typing,
}

for name in sys.argv[1:]:
    try:
        ATTEMPTS[name]()
        print(name, "OK", flush=True)
    except OSError as error:
        print(name, errno.errorcode[error.errno], flush=True)
